//! On which hosts a contract may be launched: not on all that honour it.

use std::fmt::Write as _;

use vambrace_core::contract::{Contract, HostProfile};

use super::record::Judged;
use crate::files::Named;

/// The hosts that tell a guest more than this contract promises, and what; nothing if there is none.
pub(super) fn warnings(contract: &Contract, hosts: &[Named<HostProfile>]) -> String {
    let mut text = String::new();
    for host in hosts {
        let judged = Judged::of(contract, &host.value);
        for excess in &judged.excesses {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {}: {excess}", host.name);
        }
    }
    match text.is_empty() {
        true => text,
        false => format!(
            "note: guests with this contract may move to these hosts and are not to be launched \
             there, as they would leave out measures that they need on the others:\n{text}"
        ),
    }
}

/// The same on standard error, where nobody may be listening.
pub(super) fn warn(contract: &Contract, hosts: &[Named<HostProfile>]) {
    use std::io::Write as _;
    let text = warnings(contract, hosts);
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use vambrace_core::contract::{HostLevel, KernelRelease};
    use vambrace_core::firmware::Workaround;

    use super::*;
    use crate::contract::samples;
    use crate::contract::wish::Wish;

    fn of_level(name: &str, level: u64) -> Named<HostProfile> {
        let mut host = samples::host();
        let kernel = KernelRelease::new(7, 3);
        host.workarounds.three = kernel.levels(Workaround::Three, HostLevel(level));
        samples::named(name, host)
    }

    #[test]
    fn a_host_that_tells_a_guest_more_is_named() {
        let hosts = [of_level("vulnerable", 0), of_level("immune", 2)];
        let contract = Wish::default()
            .contract(&[&hosts[0].value, &hosts[1].value])
            .unwrap();
        let text = warnings(&contract, &hosts);
        assert!(
            text.ends_with(
                "  immune: SMCCC_ARCH_WORKAROUND_3: promised not-available, and a guest launched \
                 here is told not-required\n"
            ),
            "{text}"
        );
        assert!(!text.contains("  vulnerable:"), "{text}");
        assert_eq!(warnings(&contract, &hosts[..1]), "");
    }
}
