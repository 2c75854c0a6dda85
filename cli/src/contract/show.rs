//! `vambrace contract show`: a contract for a person.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use vambrace_core::contract::Contract;

use super::{ALL_ACCEPT, describe};
use crate::failure::Failure;
use crate::files::{self, Named};

/// Show what a contract promises
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The contract
    contract: PathBuf,
}

/// Does what was asked.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let contract = files::one_contract(&arguments.contract)?;
    std::io::stdout()
        .lock()
        .write_all(text(&contract).as_bytes())?;
    Ok(ALL_ACCEPT)
}

fn text(contract: &Named<Contract>) -> String {
    let (name, contract) = (&contract.name, &contract.value);
    let mut text = format!("contract {name}\n  SHA-256  {}\n\n", contract.digest());
    // Writing to a String cannot fail.
    for (name, value) in describe::promises(contract) {
        let _ = writeln!(text, "  {name:<24} {value}");
    }
    let _ = writeln!(text, "\nID registers (those that are not named are 0)");
    for (register, value, fields) in describe::id_registers(&contract.id_registers) {
        let _ = writeln!(
            text,
            "  {:<18} {value:#018x}  {}",
            register.name(),
            fields.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    #[test]
    fn a_contract_is_shown_with_its_digest_and_its_registers() {
        let contract = samples::named("guest", samples::contract());
        let text = text(&contract);
        let digest = contract.value.digest();
        assert!(
            text.starts_with(&format!("contract guest\n  SHA-256  {digest}\n")),
            "{text}"
        );
        assert!(text.contains("  PSCI version             1.3\n"), "{text}");
        assert!(
            text.contains("  ID_AA64ISAR0_EL1   0x0000100000000000  DP=1 IMP\n"),
            "{text}"
        );
    }
}
