//! `vambrace contract new`: a contract for a guest that is about to be launched.

use std::path::PathBuf;

use vambrace_core::contract::{Contract, HostProfile};
use vambrace_formats::contract::to_toml;

use super::adjustments::Adjustments;
use super::check::{counted, verdict};
use super::record::Judged;
use super::wish::Wish;
use super::{ALL_ACCEPT, SOME_REFUSE, conflict, launch};
use crate::failure::Failure;
use crate::files::{self, Destination, Named};

/// Make a contract: from one host, from what several have in common, or from another contract
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    start: Start,

    #[command(flatten)]
    wish: Wish,

    #[command(flatten)]
    adjustments: Adjustments,

    /// Where to write it; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", value_parser = Destination::parser())]
    output: Destination,
}

/// What the contract is made from.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Start {
    /// The most that this host can promise
    #[arg(long, value_name = "PROFILE")]
    host: Option<PathBuf>,

    /// The most that all of these hosts can promise
    #[arg(long, value_name = "PROFILE", num_args = 1..)]
    baseline: Vec<PathBuf>,

    /// Another contract, changed by the options
    #[arg(long, value_name = "CONTRACT", conflicts_with_all = ["vcpu", "served_by"])]
    from: Option<PathBuf>,
}

/// Does what was asked; 1 if the hosts have no such contract.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    arguments.output.check()?;
    let start = &arguments.start;
    let (mut contract, hosts) = match &start.from {
        Some(path) => (files::one_contract(path)?.value, Vec::new()),
        None => {
            let one = start.host.as_slice();
            let hosts = files::hosts(if one.is_empty() { &start.baseline } else { one })?;
            match arguments.wish.contract(&profiles(&hosts)) {
                Ok(contract) => (contract, hosts),
                Err(conflicts) => {
                    let conflicts = conflict::records(&conflicts, &hosts, arguments.wish);
                    eprint(&conflict::text(&conflicts, hosts.len()));
                    return Ok(SOME_REFUSE);
                }
            }
        }
    };
    arguments.adjustments.apply(&mut contract)?;
    // What was lowered may be what a host cannot hide.
    if let Some(refusals) = refusals(&contract, &hosts) {
        eprint(&refusals);
        return Ok(SOME_REFUSE);
    }
    launch::warn(&contract, &hosts);
    arguments.output.write(&to_toml(&contract))?;
    Ok(ALL_ACCEPT)
}

fn profiles(hosts: &[Named<HostProfile>]) -> Vec<&HostProfile> {
    hosts.iter().map(|host| &host.value).collect()
}

/// Why hosts refuse what was made for them, if they do.
fn refusals(contract: &Contract, hosts: &[Named<HostProfile>]) -> Option<String> {
    let named = Named {
        name: "this contract".into(),
        path: PathBuf::new(),
        value: contract.clone(),
    };
    let refused = hosts.iter().filter_map(|host| {
        let judged = Judged::of(contract, &host.value);
        (!judged.is_accepted()).then(|| verdict(&judged.record(&named, &host.name)))
    });
    let refused: Vec<String> = refused.collect();
    let hosts = counted(refused.len(), "host");
    (!refused.is_empty()).then(|| {
        let all = refused.concat();
        format!("with these options {hosts} that it is made for would refuse it:\n{all}")
    })
}

/// Nobody may be listening.
fn eprint(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

const EXAMPLES: &str = "\
Whatever is not named, the contract is without: no vCPU feature, and no value above what the
hosts have. --lower takes only values that promise less.

Examples:
  vambrace contract new --host here.json --vcpu sve,pauth -o guest.toml
  vambrace contract new --baseline here.json there.json -o guest.toml
  vambrace contract new --from guest.toml --lower ID_AA64ISAR0_EL1.TLB=0 --psci 1.1 -o less.toml

Exit codes: 0 made, 1 the hosts have no such contract (why is on standard error), 125 usage, an
unusable file, or an error of ours.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    #[test]
    fn a_host_that_cannot_hide_what_was_lowered_is_told() {
        let mut contract = samples::contract();
        let stubborn = samples::with_fields(&[
            ("ID_AA64PFR0_EL1.GIC", 1, 0b11),
            ("ID_AA64ISAR0_EL1.DP", 1, 0b10),
            ("ID_AA64MMFR2_EL1.EVT", 2, 0b111),
        ]);
        let hosts = [
            samples::named("able", samples::host()),
            samples::named("stubborn", stubborn),
        ];
        assert_eq!(refusals(&contract, &hosts), None);
        let dot_product = vambrace_core::cpu::Field::named("ID_AA64ISAR0_EL1.DP").unwrap();
        contract.id_registers.lower(dot_product, 0).unwrap();
        let told = refusals(&contract, &hosts).unwrap();
        assert!(told.starts_with("with these options 1 host that"), "{told}");
        assert!(
            told.contains("this contract on stubborn: refused, 1 reason\n"),
            "{told}"
        );
    }
}
