//! `vambrace run` on this machine's own KVM.

use std::io::{self, Read as _};
use std::sync::Arc;

use vambrace_core::psci::PsciVersion;
use vambrace_kvm::image::{Claim, NeededPsci, Version};
use vambrace_kvm::machine::{Config, Devices, Machine, Offer};
use vambrace_kvm::sys;
use vambrace_kvm::threads;

use super::Arguments;
use crate::failure::{Failure, OWN_ERROR};
use crate::last_line::LastLine;
use crate::machine_options::{LeastPsci, board, unclaimed};
use crate::memory_files;
use crate::under_contract;

impl Arguments {
    pub(super) fn run_here(
        &self,
        mut config: Config,
        claim: Option<&Claim>,
        image: &[u8],
    ) -> Result<u8, Failure> {
        self.host_cpus.keep()?;
        let host = sys::open()?;
        let opened = self.devices.open()?;
        let needed = claim.and_then(|claim| claim.psci);
        if let (None, Some(NeededPsci::AtLeast(least))) = (&config.contract, needed) {
            // Asking the host makes a machine there; most guests need no certain PSCI.
            let usual = Offer::of(&host)?.psci_version_of(&config)?;
            config.psci_version = self.least_psci(least, usual).or(config.psci_version);
        }
        let output = LastLine::new(io::stdout());
        let last_line = output.line();
        let made = board(Box::new(output), u64::MAX, unclaimed(self.strict_mmio));
        let mut devices = made.map_err(|error| Failure::new(error.to_string()))?;
        let _sockets = opened.add_to(&mut devices)?;
        let devices = Arc::new(devices);
        let input = Arc::clone(&devices);
        let passing = threads::named("console keys").spawn(move || pass_input(&input));
        passing.map_err(|error| Failure::new(format!("cannot pass on what is typed: {error}")))?;
        let contract = config.contract.clone();
        let mut machine = Machine::new(config, image)?;
        let ended = under_contract::run(&mut machine, contract.as_ref(), &host, &devices);
        // RAM is kept however the guest ended, if it began: an error of the host may be what it
        // tells about.
        let unsaved = if machine.has_begun() {
            memory_files::write_all(&self.save, machine.memory())
        } else {
            Vec::new()
        };
        let saved = all_saved(unsaved);
        let code = self.code(ended?, claim, &last_line);
        Ok(if saved { code } else { OWN_ERROR })
    }

    /// A newer PSCI than is usual here, if the header needs it and the command line names none.
    fn least_psci(&self, least: Version, usual: PsciVersion) -> Option<PsciVersion> {
        match LeastPsci::of(least, usual, self.psci) {
            LeastPsci::Raised(version) => Some(version),
            LeastPsci::Met | LeastPsci::Unmet => None,
        }
    }
}

/// Tells each range that could not be saved; whether there was none.
fn all_saved(unsaved: Vec<Failure>) -> bool {
    let saved = unsaved.is_empty();
    for failure in unsaved {
        failure.report();
    }
    saved
}

/// Passes standard input to the guest until it ends.
fn pass_input(devices: &Devices) {
    let mut bytes = [0; 256];
    loop {
        match io::stdin().lock().read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(count) => devices.input(&bytes[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_that_was_not_saved_is_enough() {
        assert!(all_saved(Vec::new()));
        assert!(!all_saved(vec![Failure::new("x"), Failure::new("y")]));
    }
}
