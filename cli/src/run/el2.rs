//! `vambrace run` with no operating system below the guest.

use std::io;

use vambrace_core::firmware::Workarounds;
use vambrace_kvm::image::Claim;
use vambrace_kvm::machine::Config;
use vambrace_lab::Stdin;

use super::Arguments;
use crate::el2::{El2, Promise};
use crate::failure::Failure;
use crate::host_choice::El2Host;
use crate::interrupt::Interrupt;
use crate::last_line::LastLine;

impl Arguments {
    pub(super) fn run_at_el2(
        &self,
        host: &El2Host,
        config: &Config,
        claim: Option<&Claim>,
        image: &[u8],
    ) -> Result<u8, Failure> {
        let interrupt = Interrupt::watch()?;
        let el2 = El2::prepare(host, &interrupt)?;
        if let Some(contract) = &config.contract {
            El2::check(contract, &el2.probe(&interrupt)?)?;
        }
        let promise = Promise {
            workarounds: Workarounds::NONE,
            words: claim.and_then(|claim| claim.el2.clone()),
        };
        let mut output = LastLine::new(io::stdout());
        let last_line = output.line();
        let streams = (Stdin::Inherit, &mut output as _);
        let report = el2.run(config, &promise, image, streams, &interrupt)?;
        Ok(self.code(report, claim, &last_line))
    }
}
