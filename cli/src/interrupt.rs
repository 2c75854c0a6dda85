//! Ctrl-C and its kin, made into an orderly end.
//!
//! The first signal cancels what is being done, so that everything is let go of on the way out; a
//! second one ends us on the spot. A closed terminal says SIGHUP, which is one of them unless it was
//! ignored when we began (nohup).

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use vambrace_kvm::threads;
use vambrace_lab::Cancel;

use crate::failure::Failure;
use crate::terminal;

/// Turns signals into a cancellation.
#[derive(Debug)]
pub(crate) struct Interrupt {
    cancel: Cancel,
    signal: Arc<AtomicI32>,
}

impl Interrupt {
    /// Watches for signals from now on.
    pub(crate) fn watch() -> Result<Self, Failure> {
        Self::watch_with(Cancel::cancel)
    }

    /// The same, but the first one does this with the cancellation.
    pub(crate) fn watch_with(act: impl Fn(&Cancel) + Send + 'static) -> Result<Self, Failure> {
        let failed = |error| Failure::new(format!("cannot watch for signals: {error}"));
        let cancel = Cancel::new().map_err(failed)?;
        let signal = Arc::new(AtomicI32::new(0));
        let watched = [SIGINT, SIGTERM, SIGQUIT].into_iter();
        let watched = watched.chain((!ignores_hangup()).then_some(SIGHUP));
        let mut signals = Signals::new(watched).map_err(failed)?;
        let (told, seen) = (cancel.clone(), Arc::clone(&signal));
        let watching = threads::named("signals").spawn(move || {
            for number in &mut signals {
                if seen.swap(number, Ordering::SeqCst) != 0 {
                    terminal::restore();
                    // The process ends here, as if the signal had never been watched.
                    let _ = signal_hook::low_level::emulate_default_handler(number);
                }
                act(&told);
            }
        });
        watching.map_err(failed)?;
        Ok(Self { cancel, signal })
    }

    /// What a signal sets.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The signal that has come, if one has.
    pub(crate) fn signal(&self) -> Option<i32> {
        match self.signal.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// The failure that `error` is: after a signal, whatever fails is the signal's doing.
    pub(crate) fn failure(&self, error: vambrace_lab::Error) -> Failure {
        match self.signal() {
            None => Failure::Lab(error),
            Some(signal) => Failure::Signal(signal),
        }
    }
}

/// Was this process told to outlive its terminal (proc(5): a set of signals, as a number)?
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_ignored(&status, SIGHUP)
}

fn is_ignored(status: &str, signal: i32) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    set.is_some_and(|set| set >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_stands_in_a_set_of_signals() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\tf\n";
        assert!(is_ignored(status, 1) && is_ignored(status, 13));
        assert!(!is_ignored(status, 2) && !is_ignored("", 1));
    }
}
