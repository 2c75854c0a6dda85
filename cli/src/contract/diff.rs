//! `vambrace contract diff`: in what two contracts differ, and which promises more.

use std::cmp::Ordering;
use std::io::Write as _;
use std::path::PathBuf;

use comfy_table::{Table, presets};
use vambrace_core::contract::Contract;

use super::describe::{self, meaning};
use super::{ALL_ACCEPT, SOME_REFUSE};
use crate::failure::Failure;
use crate::files;

/// Show in what two contracts differ, and which promises more
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// One contract
    a: PathBuf,
    /// The other
    b: PathBuf,
}

/// Does what was asked; 1 if they differ.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let files = files::contracts(&[arguments.a.clone(), arguments.b.clone()])?;
    let [a, b] = files.as_slice() else {
        return Err(Failure::new("two files did not give two contracts"));
    };
    let differences = differences(&a.value, &b.value);
    let text = text([&a.name, &b.name], &differences);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(match differences.is_empty() {
        true => ALL_ACCEPT,
        false => SOME_REFUSE,
    })
}

/// One promise in which two contracts differ.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    promise: String,
    a: String,
    b: String,
    /// Which promises more; None if they cannot be compared.
    order: Option<Ordering>,
}

fn differences(a: &Contract, b: &Contract) -> Vec<Difference> {
    let lines = describe::promises(a).into_iter().zip(describe::promises(b));
    let others = lines
        .filter(|((_, a), (_, b))| a != b)
        .map(|((name, left), (_, right))| Difference {
            order: order(name, a, b),
            promise: name.into(),
            a: left,
            b: right,
        });
    let fields = a.id_registers.compare(&b.id_registers).map(|difference| {
        let field = difference.field;
        let feature = field
            .feature()
            .map_or(String::new(), |feature| format!(" ({feature})"));
        Difference {
            promise: format!("{field}{feature}"),
            a: meaning(field, difference.left),
            b: meaning(field, difference.right),
            order: difference.order,
        }
    });
    let unnamed = a
        .id_registers
        .compare_unnamed(&b.id_registers)
        .map(|difference| Difference {
            promise: format!("{}, bits without a name", difference.register),
            a: format!("{:#x}", difference.left),
            b: format!("{:#x}", difference.right),
            order: None,
        });
    others.chain(fields).chain(unnamed).collect()
}

/// Which contract promises more of something that is no ID register.
fn order(promise: &str, a: &Contract, b: &Contract) -> Option<Ordering> {
    match promise {
        "vCPU features" => by_bits(a.vcpu_features.bits().into(), b.vcpu_features.bits().into()),
        "PSCI version" => Some(a.psci_version.cmp(&b.psci_version)),
        "PSCI options" => by_bits(a.psci_options.bits().into(), b.psci_options.bits().into()),
        "services" => by_bits(a.services.bits(), b.services.bits()),
        "stolen time" => match (a.stolen_time, b.stolen_time) {
            (Some(_), None) => Some(Ordering::Greater),
            (None, Some(_)) => Some(Ordering::Less),
            _ => None,
        },
        "address bits" => Some(a.address_bits.cmp(&b.address_bits)),
        "SVE vector lengths" => by_bits(
            a.vector_lengths.bits().into(),
            b.vector_lengths.bits().into(),
        ),
        _ => None,
    }
}

/// Which set has all of the other and more.
fn by_bits(a: u32, b: u32) -> Option<Ordering> {
    match (a & !b, b & !a) {
        (0, 0) => Some(Ordering::Equal),
        (_, 0) => Some(Ordering::Greater),
        (0, _) => Some(Ordering::Less),
        _ => None,
    }
}

fn text(names: [&str; 2], differences: &[Difference]) -> String {
    let [a, b] = names;
    if differences.is_empty() {
        return format!("{a} and {b} promise the same\n");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["PROMISE", a, b, "MORE"]);
    for difference in differences {
        let more = match difference.order {
            Some(Ordering::Greater) => a,
            Some(Ordering::Less) => b,
            Some(Ordering::Equal) | None => "-",
        };
        table.add_row([&difference.promise, &difference.a, &difference.b, more]);
    }
    let all = |order| {
        differences
            .iter()
            .all(|difference| difference.order == Some(order))
    };
    let summary = match (all(Ordering::Greater), all(Ordering::Less)) {
        (true, _) => format!("{a} promises more"),
        (_, true) => format!("{b} promises more"),
        _ => "neither promises all of the other and more".into(),
    };
    format!("{}\n\n{summary}\n", table.trim_fmt())
}

const EXIT_CODES: &str = "\
Exit codes: 0 they promise the same, 1 they differ, 125 usage, an unusable file, or an error of
ours.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;
    use vambrace_core::cpu::Field;

    #[test]
    fn a_lowered_contract_promises_less() {
        let more = samples::contract();
        let mut less = more.clone();
        let field = Field::named("ID_AA64ISAR0_EL1.DP").unwrap();
        less.id_registers.lower(field, 0).unwrap();
        let text = text(["more", "less"], &differences(&more, &less));
        assert!(
            text.contains("ID_AA64ISAR0_EL1.DP (FEAT_DotProd)"),
            "{text}"
        );
        assert!(text.ends_with("more promises more\n"), "{text}");
    }

    #[test]
    fn contracts_that_each_have_something_of_their_own_are_not_ordered() {
        let a = samples::contract();
        let mut b = a.clone();
        b.counter.frequency = 24_000_000;
        let found = differences(&a, &b);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].order, None);
        assert!(text(["a", "b"], &found).contains("neither promises"));
    }

    #[test]
    fn equal_contracts_are_the_same() {
        let contract = samples::contract();
        assert_eq!(differences(&contract, &contract), []);
        assert_eq!(text(["a", "b"], &[]), "a and b promise the same\n");
    }

    #[test]
    fn every_ordered_promise_is_one_that_is_described() {
        let names: Vec<_> = describe::promises(&samples::contract())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        for promise in [
            "vCPU features",
            "PSCI version",
            "PSCI options",
            "services",
            "stolen time",
            "address bits",
            "SVE vector lengths",
        ] {
            assert!(names.contains(&promise), "{promise}");
        }
    }
}
