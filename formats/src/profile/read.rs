//! A profile out of JSON: every key of every table, and nothing else.

use vambrace_core::contract::{
    CacheLimits, Capabilities, GicLimits, HostProfile, KernelRelease, PsciVersions, ServiceLimit,
    ValueSet, View, WorkaroundLimits,
};

use super::{BITMAPS, ProfileFile, Provenance, SCHEMA, limit, registers, views};
use crate::document::{Item, Table, json};
use crate::error::Error;
use crate::{check_schema, cpu, words};

pub(super) fn document(text: &str) -> Result<ProfileFile, Error> {
    let document = json::read(text)?;
    let root = document.root();
    // A newer schema may have keys that are not known here: its number comes first.
    check_schema(&root.any_table()?, SCHEMA)?;
    let root = root.table(&SECTIONS)?;
    let views = views::read(&root.required("views")?)?;
    Ok(ProfileFile {
        provenance: provenance(&root.required("provenance")?)?,
        registers: registers::read(&root.required("registers")?, &views)?,
        profile: profile(&root, views)?,
    })
}

fn profile(root: &Table<'_>, views: Vec<View>) -> Result<HostProfile, Error> {
    let identity = root.required("identity")?;
    let identity = identity.table(&["midr", "revidr", "aidr", "implementations"])?;
    let gic = root.required("gic")?.table(&["v2", "v3"])?;
    Ok(HostProfile {
        kernel: kernel(&root.required("kernel")?)?,
        capabilities: capabilities(&root.required("capabilities")?)?,
        psci_versions: psci_versions(&root.required("psci-versions")?)?,
        workarounds: workarounds(&root.required("workarounds")?)?,
        services: services(&root.required("services")?)?,
        implementation: cpu::implementation(&identity)?,
        implementations: cpu::implementations(&identity.required("implementations")?)?,
        caches: caches(&root.required("caches")?)?,
        zero_block: root.required("zero-block")?.hexadecimal()?,
        counter_frequency: root
            .required("counter-frequency")?
            .number(0..=u32::MAX.into())?,
        address_bits: limit::read_values(&root.required("address-bits")?)?,
        gic_v2: gic_limits(gic.required("v2")?)?,
        gic_v3: gic_limits(gic.required("v3")?)?,
        // There are no more of them than fit: a longer list has been refused.
        views: views.into_iter().collect(),
    })
}

fn provenance(item: &Item<'_>) -> Result<Provenance, Error> {
    let table = item.table(&["program", "kernel-release", "host-cpus"])?;
    let line = |key: &str| {
        let item = table.required(key)?;
        let text = item.text()?;
        let plain = text.chars().all(|character| !character.is_control());
        match plain && text.len() <= LINE {
            true => Ok(text.to_owned()),
            false => Err(item.bad_value(text, "one line of up to 256 bytes")),
        }
    };
    Ok(Provenance {
        program: line("program")?,
        kernel_release: line("kernel-release")?,
        host_cpus: table.required("host-cpus")?.number(1..=u32::MAX.into())?,
    })
}

fn kernel(item: &Item<'_>) -> Result<KernelRelease, Error> {
    let text = item.text()?;
    let numbers = text.split_once('.');
    let release = numbers.and_then(|(major, minor)| {
        Some(KernelRelease::new(major.parse().ok()?, minor.parse().ok()?))
    });
    release
        .filter(|release| release.to_string() == text)
        .ok_or_else(|| item.bad_value(text, "two numbers such as `6.12`"))
}

fn capabilities(item: &Item<'_>) -> Result<Capabilities, Error> {
    let table = item.table(&words::CAPABILITIES.map(|(name, _)| name))?;
    words::CAPABILITIES
        .into_iter()
        .try_fold(Capabilities::empty(), |all, (name, capability)| {
            Ok(match table.required(name)?.boolean()? {
                true => all | capability,
                false => all,
            })
        })
}

fn psci_versions(item: &Item<'_>) -> Result<PsciVersions, Error> {
    let text = item.text()?;
    let known = words::SETTABLE_PSCI_VERSIONS.iter();
    let named: Vec<_> = known
        .filter(|(name, _)| text.split(',').any(|word| word == *name))
        .collect();
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    match names.join(",") == text {
        true => Ok(named.iter().map(|(_, version)| *version).collect()),
        false => Err(item.bad_value(text, "versions from 0.2 to 1.3 such as `0.2,1.0`, rising")),
    }
}

fn workarounds(item: &Item<'_>) -> Result<WorkaroundLimits, Error> {
    let table = item.table(&[
        "workaround-1",
        "workaround-2",
        "workaround-2-without-ssbs",
        "workaround-3",
    ])?;
    let levels = |name: &str| -> Result<Option<ValueSet>, Error> {
        let Some(item) = table.required(name)?.present() else {
            return Ok(None);
        };
        let levels = limit::read_values(&item)?;
        match levels.greatest() {
            Some(32..) => Err(item.bad_value(item.text()?, "a set of numbers from 0 to 31")),
            _ => Ok(Some(levels)),
        }
    };
    Ok(WorkaroundLimits {
        one: levels("workaround-1")?,
        two: levels("workaround-2")?,
        two_without_ssbs: levels("workaround-2-without-ssbs")?,
        three: levels("workaround-3")?,
    })
}

fn services(item: &Item<'_>) -> Result<[ServiceLimit; 4], Error> {
    let table = item.table(&BITMAPS)?;
    let mut limits = [ServiceLimit::Fixed(0); BITMAPS.len()];
    for (limit, name) in limits.iter_mut().zip(BITMAPS) {
        *limit = limit::read_services(&table.required(name)?)?;
    }
    Ok(limits)
}

fn caches(item: &Item<'_>) -> Result<CacheLimits, Error> {
    let table = item.table(&["clidr", "ccsidr", "writable", "cleaning"])?;
    Ok(CacheLimits {
        host: cpu::caches(&table)?,
        writable: table.required("writable")?.name(&words::WRITABLE)?,
        cleaning: table.required("cleaning")?.name(&words::CLEANING)?,
    })
}

fn gic_limits(item: Item<'_>) -> Result<Option<GicLimits>, Error> {
    let Some(item) = item.present() else {
        return Ok(None);
    };
    let table = item.table(&["default-revision", "revisions"])?;
    let limits = GicLimits {
        default_revision: table.required("default-revision")?.number(0..=15)?,
        revisions: limit::read_values(&table.required("revisions")?)?,
    };
    match limits.revisions.greatest() {
        Some(16..) => {
            let item = table.required("revisions")?;
            Err(item.bad_value(item.text()?, "a set of numbers from 0 to 15"))
        }
        _ => Ok(Some(limits)),
    }
}

/// Longer than any kernel's name for itself.
const LINE: usize = 256;

const SECTIONS: [&str; 15] = [
    "schema",
    "provenance",
    "kernel",
    "capabilities",
    "psci-versions",
    "workarounds",
    "services",
    "identity",
    "caches",
    "zero-block",
    "counter-frequency",
    "address-bits",
    "gic",
    "views",
    "registers",
];
