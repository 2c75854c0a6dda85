//! What a contract promises, in lines that a person reads.

use vambrace_core::contract::{CACHES, Caches, Contract};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
use vambrace_core::firmware::Services;
use vambrace_core::psci::PsciOptions;
use vambrace_core::vendor_hyp::Implementation;

use super::words::{self, or_none};

/// One promise that is no ID register: its name and its value, in words.
pub(super) type Line = (&'static str, String);

/// All promises but the ID registers, in a fixed order.
pub(super) fn promises(contract: &Contract) -> Vec<Line> {
    vec![
        ("firmware served by", words::served_by(contract.served_by)),
        ("vCPU features", contract.vcpu_features.to_string()),
        ("implementation", implementation(contract.implementation)),
        ("told of implementations", implementations(contract)),
        ("PSCI version", contract.psci_version.to_string()),
        ("PSCI options", options(contract.psci_options)),
        ("workarounds 1, 2, 3", workarounds(contract)),
        ("services", services(contract.services)),
        (
            "stolen time",
            or_none(
                contract
                    .stolen_time
                    .map_or(String::new(), |base| base.to_string()),
            ),
        ),
        (
            "interrupt controller",
            format!("{}, revision {}", contract.gic.kind, contract.gic.revision),
        ),
        ("counter", format!("{} Hz", contract.counter.frequency)),
        (
            "counter after a move",
            words::policy(contract.counter.policy).into(),
        ),
        ("address bits", contract.address_bits.to_string()),
        (
            "SVE vector lengths",
            or_none(contract.vector_lengths.to_string()),
        ),
        (
            "PMU counters",
            or_none(
                contract
                    .pmu_counters
                    .map_or(String::new(), |count| count.to_string()),
            ),
        ),
        ("DCZID_EL0", zero_block(contract.zero_block)),
        ("caches", caches(&contract.caches)),
    ]
}

/// The registers that are not zero, each with its fields that are not: name, value, fields.
pub(crate) fn id_registers(
    registers: &IdRegisters,
) -> impl Iterator<Item = (IdRegister, u64, Vec<String>)> {
    registers
        .iter()
        .filter(|(_, value)| *value != 0)
        .map(|(register, value)| {
            let named = register.fields().filter(|field| field.extract(value) != 0);
            let named = named.map(|field| field_value(field, field.extract(value)));
            let reserved = value & !register.named_bits();
            let reserved = (reserved != 0).then(|| format!("reserved bits {reserved:#x}"));
            (register, value, named.chain(reserved).collect())
        })
}

/// `SVE=1 IMP`
fn field_value(field: Field, value: u64) -> String {
    format!("{}={}", field.name(), meaning(field, value))
}

/// `1 IMP`
pub(super) fn meaning(field: Field, value: u64) -> String {
    let number = value.to_string();
    match field.value_name(value) {
        // Of a number of things the name is the number.
        Some(name) if name != number => format!("{number} {name}"),
        Some(_) | None => number,
    }
}

/// The implementation as MIDR, and the rest where it is not 0.
pub(super) fn implementation(implementation: Implementation) -> String {
    let Implementation { midr, revidr, aidr } = implementation;
    let also = |name, value| match value {
        0 => String::new(),
        value => format!(", {name} {value:#x}"),
    };
    format!(
        "MIDR {midr:#x}{}{}",
        also("REVIDR", revidr),
        also("AIDR", aidr)
    )
}

fn implementations(contract: &Contract) -> String {
    let told = contract.implementations.iter().map(implementation);
    or_none(told.collect::<Vec<_>>().join("; "))
}

fn options(options: PsciOptions) -> String {
    let names = options.iter_names().map(|(name, _)| name.to_owned());
    or_none(names.collect::<Vec<_>>().join(", "))
}

/// The services by the names of contract files.
fn services(services: Services) -> String {
    words::services(services)
}

fn workarounds(contract: &Contract) -> String {
    let levels = words::WORKAROUNDS
        .map(|(_, workaround)| contract.workarounds.level(workaround).to_string());
    levels.join(", ")
}

fn zero_block(dczid: u8) -> String {
    match dczid & 0x10 {
        0 => format!("{dczid:#x}: DC ZVA zeroes {} bytes", 4_u32 << (dczid & 0xf)),
        _ => format!("{dczid:#x}: DC ZVA is forbidden"),
    }
}

/// Caches that follow each other and are told alike stand together.
fn caches(caches: &Caches) -> String {
    let mut text = format!("CLIDR_EL1 {:#x}", caches.levels);
    let mut runs: Vec<(usize, usize, u32)> = Vec::new();
    for (selector, size) in (0..CACHES).zip(caches.sizes) {
        match (runs.last_mut(), size) {
            (_, None) => {}
            (Some((_, last, same)), Some(size)) if (*last + 1, *same) == (selector, size) => {
                *last = selector;
            }
            (_, Some(size)) => runs.push((selector, selector, size)),
        }
    }
    for (first, last, size) in runs {
        text += &match first == last {
            true => format!(", CCSIDR_EL1[{first}] {size:#x}"),
            false => format!(", CCSIDR_EL1[{first} to {last}] {size:#x}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    #[test]
    fn registers_are_told_with_the_fields_that_are_not_zero() {
        let lines: Vec<_> = id_registers(&samples::contract().id_registers).collect();
        let told: Vec<_> = lines
            .iter()
            .map(|(register, value, fields)| format!("{register} {value:#x} {}", fields.join(" ")))
            .collect();
        assert_eq!(
            told,
            [
                "ID_AA64PFR0_EL1 0x1000000 GIC=1 IMP",
                "ID_AA64ISAR0_EL1 0x100000000000 DP=1 IMP",
                "ID_AA64MMFR2_EL1 0x200000000000000 EVT=2 TTLBxS",
            ]
        );
    }

    #[test]
    fn every_promise_has_a_line() {
        let lines = promises(&samples::contract_with_sve());
        let line = |name: &str| {
            let found = lines.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(line("SVE vector lengths"), Some("128,256"));
        assert_eq!(line("implementation"), Some("MIDR 0x414fd0b1"));
        assert_eq!(line("interrupt controller"), Some("GICv3, revision 3"));
        assert_eq!(line("DCZID_EL0"), Some("0x4: DC ZVA zeroes 64 bytes"));
        assert_eq!(line("told of implementations"), Some("none"));
    }

    #[test]
    fn a_number_is_not_named_twice() {
        let field = Field::named("ID_AA64MMFR2_EL1.BBM").unwrap();
        assert_eq!(field.value_name(2), Some("2"));
        assert_eq!(meaning(field, 2), "2");
    }

    #[test]
    fn equal_caches_stand_together() {
        let mut all = Caches {
            levels: 0x21,
            sizes: [Some(2); CACHES],
        };
        assert_eq!(caches(&all), "CLIDR_EL1 0x21, CCSIDR_EL1[0 to 13] 0x2");
        all.sizes = [None; CACHES];
        all.sizes[0] = Some(2);
        all.sizes[1] = Some(2);
        all.sizes[2] = Some(4);
        assert_eq!(
            caches(&all),
            "CLIDR_EL1 0x21, CCSIDR_EL1[0 to 1] 0x2, CCSIDR_EL1[2] 0x4"
        );
    }
}
