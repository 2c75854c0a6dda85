//! `vambrace host show`: a profile for a person.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use vambrace_core::contract::{
    Capabilities, FieldLimit, GicLimits, HostProfile, ServiceLimit, ValueSet, VcpuFeatures, View,
    Writable,
};
use vambrace_core::cpu::{Field, IdRegister};
use vambrace_core::firmware::{Bitmap, Services};
use vambrace_core::vendor_hyp::Implementation;
use vambrace_formats::profile::ProfileFile;

use crate::contract::{id_registers, or_none, services};
use crate::failure::Failure;
use crate::files;

/// Show a host's profile
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The profile
    profile: PathBuf,
}

/// Does what was asked.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let file = files::profile(&arguments.profile)?;
    std::io::stdout().lock().write_all(text(&file).as_bytes())?;
    Ok(0)
}

fn text(file: &ProfileFile) -> String {
    let profile = &file.profile;
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (name, value) in facts(file) {
        let _ = writeln!(text, "{name:<22} {value}");
    }
    let plain = profile.views.first();
    for view in &profile.views {
        match plain {
            Some(plain) if !view.features.is_empty() => text += &difference(view, plain),
            Some(_) | None => text += &whole(view),
        }
    }
    text
}

fn facts(file: &ProfileFile) -> Vec<(&'static str, String)> {
    let (profile, provenance) = (&file.profile, &file.provenance);
    let mut facts = vec![
        ("kernel", provenance.kernel_release.clone()),
        ("probed by", provenance.program.clone()),
        (
            "CPUs",
            format!("{} of {}", provenance.host_cpus, cpus(profile)),
        ),
        ("vCPU features", vcpu_features(profile)),
        ("capabilities", capabilities(profile.capabilities)),
        ("PSCI", versions(profile)),
    ];
    let levels = &profile.workarounds;
    let level = |levels: Option<ValueSet>| {
        levels.map_or("no register".to_owned(), |levels| {
            format!("accepts {levels}")
        })
    };
    facts.extend([
        ("workaround 1", level(levels.one)),
        ("workaround 2", level(levels.two)),
        ("  without SSBS", level(levels.two_without_ssbs)),
        ("workaround 3", level(levels.three)),
    ]);
    for (name, (bitmap, limit)) in SERVICES
        .into_iter()
        .zip(Bitmap::ALL.into_iter().zip(profile.services))
    {
        facts.push((name, offered(bitmap, limit)));
    }
    facts.extend([
        ("identity", identity(profile)),
        ("GICv2", gic(profile.gic_v2)),
        ("GICv3", gic(profile.gic_v3)),
        ("counter", format!("{} Hz", profile.counter_frequency)),
        ("address bits", profile.address_bits.to_string()),
        ("DCZID_EL0", format!("{:#x}", profile.zero_block)),
        ("caches", caches(profile)),
    ]);
    facts
}

fn cpus(profile: &HostProfile) -> String {
    let kinds = profile.implementations.iter().map(implementation);
    or_none(kinds.collect::<Vec<_>>().join(" and "))
}

fn implementation(implementation: Implementation) -> String {
    let Implementation { midr, revidr, aidr } = implementation;
    format!("MIDR {midr:#x} REVIDR {revidr:#x} AIDR {aidr:#x}")
}

fn identity(profile: &HostProfile) -> String {
    let own = implementation(profile.implementation);
    match profile
        .capabilities
        .contains(Capabilities::WRITABLE_IMPLEMENTATION)
    {
        true => format!("{own}; can be given another"),
        false => format!("{own}; the host's only"),
    }
}

fn vcpu_features(profile: &HostProfile) -> String {
    let sets = profile.views.iter().map(|view| view.features.to_string());
    let sets = sets.collect::<Vec<_>>().join("; ");
    match profile.capabilities.contains(Capabilities::AARCH32_EL1) {
        true => format!("{sets}; each with aarch32"),
        false => sets,
    }
}

fn capabilities(capabilities: Capabilities) -> String {
    let names = capabilities.iter_names();
    let names = names.map(|(name, _)| name.to_lowercase().replace('_', "-"));
    or_none(names.collect::<Vec<_>>().join(", "))
}

fn versions(profile: &HostProfile) -> String {
    let versions = profile
        .psci_versions
        .versions()
        .map(|version| version.to_string());
    match versions.collect::<Vec<_>>() {
        versions if versions.is_empty() => "no register".into(),
        versions => versions.join(", "),
    }
}

fn offered(bitmap: Bitmap, limit: ServiceLimit) -> String {
    let names = |bits| {
        let known = Services::empty().with_register(bitmap, bits);
        known.map_or_else(|| format!("{bits:#x}"), services)
    };
    match limit {
        ServiceLimit::Chosen(bits) => format!("any of {}", names(bits)),
        ServiceLimit::Fixed(bits) => format!("always {}", names(bits)),
    }
}

fn gic(limits: Option<GicLimits>) -> String {
    limits.map_or("not offered".into(), |limits| {
        format!(
            "revision {}, accepts {}",
            limits.default_revision, limits.revisions
        )
    })
}

fn caches(profile: &HostProfile) -> String {
    let levels = profile.caches.host.levels;
    let count = profile.caches.host.sizes.iter().flatten().count();
    let change = match profile.caches.writable {
        Writable::Yes => "can be changed",
        Writable::SizesOnly => "CCSIDR_EL1 can be changed, CLIDR_EL1 is forgotten by each reset",
        Writable::No => "the host's only",
    };
    format!("CLIDR_EL1 {levels:#x}, {count} CCSIDR_EL1; {change}")
}

/// Every register of a view with its fields, and what each field can be instead.
fn whole(view: &View) -> String {
    let mut text = format!("\nvCPU features {}\n", view.features);
    for (register, value, _) in id_registers(&view.registers) {
        text += &of_register(view, register, value);
    }
    text + &extras(view)
}

/// Only what a view has otherwise than the plain one.
fn difference(view: &View, plain: &View) -> String {
    let mut text = format!("\nvCPU features {}, beyond those above\n", view.features);
    for register in IdRegister::all() {
        let value = view.registers.get(register);
        let same_limits = register
            .fields()
            .all(|field| view.fields.of(field) == plain.fields.of(field));
        if value != plain.registers.get(register) || !same_limits {
            text += &of_register(view, register, value);
        }
    }
    text + &extras(view)
}

fn extras(view: &View) -> String {
    let mut text = String::new();
    if view.features.contains(VcpuFeatures::SVE) {
        text += &format!(
            "  vector lengths {}\n",
            or_none(view.vector_lengths.to_string())
        );
    }
    if view.features.contains(VcpuFeatures::PMU) {
        text += &format!(
            "  PMU counters {}\n",
            or_none(view.pmu_counters.to_string())
        );
    }
    text
}

fn of_register(view: &View, register: IdRegister, value: u64) -> String {
    let mut text = format!("  {:<18} {value:#018x}\n", register.name());
    if !view.listed.contains(register) {
        return format!("  {:<18} not listed by the kernel\n", register.name());
    }
    for field in register.fields() {
        let (value, limit) = (field.extract(value), view.fields.of(field));
        if let Some(line) = of_field(field, value, limit) {
            text += &line;
        }
    }
    text
}

/// A field that is not 0 or that can be something else.
fn of_field(field: Field, value: u64, limit: FieldLimit) -> Option<String> {
    let others: ValueSet = limit
        .accepted()
        .iter()
        .filter(|other| *other != value)
        .collect();
    if value == 0 && others.is_empty() && limit.rewritten().is_empty() {
        return None;
    }
    let name = field.value_name(value).unwrap_or_default();
    let mut line = format!("    {:<12} {value:>2} {name:<14}", field.name());
    if !others.is_empty() {
        line += &format!(" or {others}");
    }
    if !limit.rewritten().is_empty() {
        line += &format!(" ({} become {})", limit.rewritten(), limit.becomes);
    }
    Some(line.trim_end().to_owned() + "\n")
}

/// What the bitmaps of services are called, in KVM's order.
const SERVICES: [&str; 4] = [
    "standard services",
    "hypervisor services",
    "vendor services",
    "vendor services 2",
];

#[cfg(test)]
mod tests {
    use vambrace_formats::profile::Provenance;

    use super::*;
    use crate::contract::samples;

    fn shown(profile: HostProfile) -> String {
        text(&ProfileFile {
            provenance: Provenance {
                program: "vambrace 0.1.0".into(),
                kernel_release: "7.3.4-cloud".into(),
                host_cpus: 2,
            },
            profile,
            registers: Vec::new(),
        })
    }

    #[test]
    fn a_profile_says_what_can_be_chosen() {
        let text = shown(samples::host());
        for line in [
            "kernel                 7.3.4-cloud\n",
            "CPUs                   2 of MIDR 0x414fd0b1 REVIDR 0x0 AIDR 0x0\n",
            "PSCI                   0.2, 1.0, 1.1, 1.2, 1.3\n",
            "standard services      any of trng\n",
            "GICv2                  not offered\n",
            "GICv3                  revision 3, accepts 2-3\n",
            "address bits           32-40\n",
            "    DP            1 IMP            or 0\n",
            "    EVT           2 TTLBxS         or 0-1\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }

    #[test]
    fn another_view_shows_only_what_it_adds() {
        let text = shown(samples::host_with_sve());
        let (_, with) = text.split_once("vCPU features sve, beyond").unwrap();
        assert!(
            with.contains("SVE           1 IMP            or 0\n"),
            "{with}"
        );
        assert!(!with.contains("EVT"), "{with}");
        assert!(with.ends_with("  vector lengths 128,256\n"), "{with}");
    }
}
