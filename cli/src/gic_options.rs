//! `--gic` and `--its`: the interrupt controller of a machine.

use vambrace_core::contract::{Contract, GicKind};
use vambrace_kvm::image::Needs;
use vambrace_kvm::machine::{Config, Its, Named};

use crate::failure::Failure;

/// The options that choose it.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct GicOptions {
    /// The interrupt controller: a GICv2, for 8 vCPUs at most, or a GICv3 [default: 3 where the host
    /// has it]
    #[arg(long, value_name = "2|3", value_parser = parse_gic)]
    gic: Option<GicKind>,

    /// Whether a GICv3 has an ITS [default: on]
    #[arg(long, value_name = "on|off", value_parser = parse_its)]
    its: Option<Its>,
}

impl GicOptions {
    /// Does the command line choose anything?
    pub(crate) fn is_empty(self) -> bool {
        self.gic.is_none() && self.its.is_none()
    }

    /// The same machine with what the command line chooses, or else what a test's header needs.
    pub(crate) fn of(self, needs: Needs, config: Config) -> Config {
        Config {
            gic: self.gic.or(needs.gic()),
            its: self.its.or(needs.its()),
            ..config
        }
    }

    /// Refuses another GIC than the contract's.
    pub(crate) fn check(self, contract: Option<&Contract>) -> Result<(), Failure> {
        let named = Named {
            gic: self.gic,
            ..Named::default()
        };
        match contract.map(|contract| named.check(contract)) {
            Some(Err(error)) => Err(Failure::new(error.to_string())),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// The options as they are given inside a lab host.
    pub(crate) fn inside(self) -> impl Iterator<Item = String> {
        let gic = self.gic.map(|kind| match kind {
            GicKind::V2 => "--gic=2",
            GicKind::V3 => "--gic=3",
        });
        let its = self.its.map(|its| match its {
            Its::Present => "--its=on",
            Its::Absent => "--its=off",
        });
        gic.into_iter().chain(its).map(str::to_owned)
    }
}

fn parse_gic(text: &str) -> Result<GicKind, String> {
    match text {
        "2" => Ok(GicKind::V2),
        "3" => Ok(GicKind::V3),
        _ => Err("write 2 or 3".into()),
    }
}

fn parse_its(text: &str) -> Result<Its, String> {
    match text {
        "on" => Ok(Its::Present),
        "off" => Ok(Its::Absent),
        _ => Err("write on or off".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::contract::samples;
    use crate::machine_options::config;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        gic: GicOptions,
    }

    fn options(words: &[&str]) -> GicOptions {
        let words = ["boot"].iter().chain(words);
        Line::try_parse_from(words).map(|line| line.gic).unwrap()
    }

    fn chosen(words: &[&str], needs: Needs) -> (Option<GicKind>, Option<Its>) {
        let config = options(words).of(needs, config(1, 128 << 20));
        (config.gic, config.its)
    }

    #[test]
    fn without_a_word_the_host_decides() {
        assert_eq!(chosen(&[], Needs::empty()), (None, None));
        assert!(options(&[]).is_empty());
    }

    #[test]
    fn a_header_says_what_the_command_line_does_not() {
        assert_eq!(
            chosen(&[], Needs::ITS),
            (Some(GicKind::V3), Some(Its::Present))
        );
        assert_eq!(
            chosen(&["--gic=3", "--its=off"], Needs::GIC_V2),
            (Some(GicKind::V3), Some(Its::Absent))
        );
    }

    #[test]
    fn there_is_no_other_gic() {
        for wrong in [["--gic", "4"], ["--gic", "v3"], ["--its", "yes"]] {
            let words = ["boot"].iter().chain(&wrong);
            assert!(Line::try_parse_from(words).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn they_reach_a_lab_host_as_they_are() {
        let words = ["--gic=2", "--its=off"];
        assert_eq!(options(&words).inside().collect::<Vec<_>>(), words);
        assert_eq!(options(&[]).inside().count(), 0);
    }

    #[test]
    fn a_contract_has_the_say_of_the_gic() {
        let contract = samples::contract();
        assert!(options(&["--gic=3"]).check(Some(&contract)).is_ok());
        let refused = options(&["--gic=2"]).check(Some(&contract)).unwrap_err();
        assert!(
            refused
                .message()
                .starts_with("cannot run with --gic 2 under this contract"),
            "{refused:?}"
        );
        assert!(options(&["--gic=2"]).check(None).is_ok());
    }
}
