//! A contract out of TOML: every key of every table, and nothing else.

use std::ops::BitOr;

use vambrace_core::contract::{
    Contract, Contradiction, Counter, Gic, ServedBy, VcpuFeatures, VectorLengths,
};
use vambrace_core::cpu::{IdRegister, IdRegisters};
use vambrace_core::firmware::{Services, Workarounds};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::{PsciOptions, PsciVersion};

use super::SCHEMA;
use crate::document::{Item, Table, toml};
use crate::error::Error;
use crate::{check_schema, cpu, words};

pub(super) fn document(text: &str) -> Result<Contract, Error> {
    let document = toml::read(text)?;
    let root = document.root();
    // A newer schema may have keys that are not known here: its number comes first.
    check_schema(&root.any_table()?, SCHEMA)?;
    let root = root.table(&SECTIONS)?;
    let contract = contract(&root)?;
    match contract.check() {
        Ok(()) => Ok(contract),
        Err(contradiction) => {
            Err(place_of(&root, contradiction)?
                .contradiction(format!("{contradiction}: correct it")))
        }
    }
}

fn contract(root: &Table<'_>) -> Result<Contract, Error> {
    let section = |name: &str, keys: &[&str]| root.required(name)?.table(keys);
    let vcpu = section("vcpu", &["features"])?;
    let identity = section("identity", &["midr", "revidr", "aidr", "implementations"])?;
    let psci = section("psci", &["version", "options"])?;
    let services = section("services", &["answered", "stolen-time"])?;
    let memory = section("memory", &["address-bits", "zero-block"])?;
    let sve = section("sve", &["lengths"])?;
    let pmu = section("pmu", &["counters"])?;
    Ok(Contract {
        served_by: served_by(&section("firmware", &["served-by", "dialect"])?)?,
        vcpu_features: flags::<VcpuFeatures>(&vcpu.required("features")?, &words::VCPU_FEATURES)?,
        id_registers: id_registers(&root.required("id-registers")?)?,
        implementation: cpu::implementation(&identity)?,
        implementations: cpu::implementations(&identity.required("implementations")?)?,
        caches: cpu::caches(&section("caches", &["clidr", "ccsidr"])?)?,
        zero_block: memory.required("zero-block")?.hexadecimal()?,
        vector_lengths: vector_lengths(&sve.required("lengths")?)?,
        pmu_counters: match pmu.required("counters")?.present() {
            Some(counters) => Some(counters.number(0..=31)?),
            None => None,
        },
        psci_version: psci
            .required("version")?
            .name::<PsciVersion>(&words::PSCI_VERSIONS)?,
        psci_options: flags::<PsciOptions>(&psci.required("options")?, &words::PSCI_OPTIONS)?,
        workarounds: workarounds(&root.required("workarounds")?)?,
        services: flags::<Services>(&services.required("answered")?, &words::SERVICES)?,
        stolen_time: match services.required("stolen-time")?.present() {
            Some(base) => Some(Ipa::new(base.hexadecimal()?)),
            None => None,
        },
        gic: gic(&section("gic", &["kind", "revision"])?)?,
        counter: counter(&section("counter", &["frequency", "policy"])?)?,
        address_bits: memory.required("address-bits")?.number(0..=255)?,
    })
}

fn served_by(firmware: &Table<'_>) -> Result<ServedBy, Error> {
    let served_by = firmware.required("served-by")?;
    match served_by.name(&[("kernel", Server::Kernel), ("core", Server::Core)])? {
        Server::Core => {
            let dialect = firmware.required("dialect")?;
            Ok(ServedBy::Core(dialect.name(&words::DIALECTS)?))
        }
        Server::Kernel => {
            match firmware.optional("dialect") {
                Some(dialect) => Err(dialect
                    .contradiction("a kernel has its own dialect: remove it, or let core serve")),
                None => Ok(ServedBy::Kernel),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Server {
    Kernel,
    Core,
}

fn workarounds(item: &Item<'_>) -> Result<Workarounds, Error> {
    let table = item.table(&words::WORKAROUNDS.map(|(name, _)| name))?;
    words::WORKAROUNDS
        .into_iter()
        .try_fold(Workarounds::NONE, |levels, (name, workaround)| {
            let item = table.required(name)?;
            let level = item.name(&words::LEVELS)?;
            let levels = levels.with(workaround, level);
            match levels.level(workaround) == level {
                true => Ok(levels),
                // Nothing here switches the mitigation that it stands for.
                false => Err(item.bad_value(
                    item.text()?,
                    "one of not-available, not-required, in quotation marks",
                )),
            }
        })
}

fn gic(table: &Table<'_>) -> Result<Gic, Error> {
    Ok(Gic {
        kind: table.required("kind")?.name(&words::GIC_KINDS)?,
        revision: table.required("revision")?.number(0..=15)?,
    })
}

fn counter(table: &Table<'_>) -> Result<Counter, Error> {
    Ok(Counter {
        frequency: table.required("frequency")?.number(1..=u32::MAX.into())?,
        policy: table.required("policy")?.name(&words::CLOCK_POLICIES)?,
    })
}

fn vector_lengths(item: &Item<'_>) -> Result<VectorLengths, Error> {
    let lengths = item.list(0..=16)?;
    let lengths: Vec<u64> = lengths
        .iter()
        .map(|length| length.number(128..=2048))
        .collect::<Result<_, _>>()?;
    words::vector_lengths(lengths.iter().copied()).ok_or_else(|| {
        let text: Vec<String> = lengths.iter().map(u64::to_string).collect();
        item.bad_value(
            &text.join(", "),
            "a list of different multiples of 128 bits",
        )
    })
}

fn id_registers(item: &Item<'_>) -> Result<IdRegisters, Error> {
    let table = item.any_table()?;
    let known = IdRegister::all().map(|register| register.to_string());
    table.check_keys(&known.collect(), "the ID registers by their names")?;
    IdRegisters::try_from_fn(|register| table.required(register.name())?.hexadecimal())
}

/// A set that is written as a list of names.
fn flags<T>(item: &Item<'_>, names: &[(&'static str, T)]) -> Result<T, Error>
where
    T: Copy + Default + PartialEq + BitOr<Output = T>,
{
    let mut set = T::default();
    for item in item.list(0..=names.len())? {
        let flag = item.name(names)?;
        if set | flag == set {
            return Err(item.contradiction("this name is there twice: remove one"));
        }
        set = set | flag;
    }
    Ok(set)
}

/// The first value that a contradiction speaks of.
fn place_of<'d>(root: &Table<'d>, contradiction: Contradiction) -> Result<Item<'d>, Error> {
    let (section, key) = match contradiction {
        Contradiction::Sve | Contradiction::Pmu | Contradiction::Aarch32 => ("vcpu", "features"),
        Contradiction::PmuCounters(_) => ("pmu", "counters"),
        Contradiction::Gic => ("gic", "kind"),
        Contradiction::GicRevision(_) => ("gic", "revision"),
        Contradiction::UnlistedImplementation => ("identity", "midr"),
        Contradiction::ImplementationList => ("identity", "implementations"),
        Contradiction::StolenTime | Contradiction::StolenTimeBase(_) => ("services", "stolen-time"),
        Contradiction::PsciVersion(_) => ("psci", "version"),
        Contradiction::PsciOptions(_) => ("psci", "options"),
        Contradiction::Services(_) => ("services", "answered"),
        Contradiction::Workaround4 => ("workarounds", "workaround-4"),
        Contradiction::ZeroBlock(_) => ("memory", "zero-block"),
        Contradiction::AddressBits(_) => ("memory", "address-bits"),
        Contradiction::CounterFrequency => ("counter", "frequency"),
    };
    root.required(section)?.any_table()?.required(key)
}

const SECTIONS: [&str; 14] = [
    "schema",
    "firmware",
    "vcpu",
    "identity",
    "psci",
    "workarounds",
    "services",
    "gic",
    "counter",
    "memory",
    "sve",
    "pmu",
    "caches",
    "id-registers",
];
