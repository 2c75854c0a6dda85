//! Ctrl-C and its kin, made into an orderly end.
//!
//! The first signal cancels what is being done, so that everything is let go of on the way out; a
//! second one ends us on the spot. (A closed terminal needs nothing of the kind: SIGHUP ends us, and
//! a host dies with us in any case.)

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
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
        Self::watch_and(|| ())
    }

    /// The same, and does something else besides at the first one.
    pub(crate) fn watch_and(act: impl Fn() + Send + 'static) -> Result<Self, Failure> {
        let failed = |error| Failure::new(format!("cannot watch for signals: {error}"));
        let cancel = Cancel::new().map_err(failed)?;
        let signal = Arc::new(AtomicI32::new(0));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGQUIT]).map_err(failed)?;
        let (told, seen) = (cancel.clone(), Arc::clone(&signal));
        std::thread::spawn(move || {
            for number in &mut signals {
                if seen.swap(number, Ordering::SeqCst) != 0 {
                    terminal::restore();
                    // The process ends here, as if the signal had never been watched.
                    let _ = signal_hook::low_level::emulate_default_handler(number);
                }
                told.cancel();
                act();
            }
        });
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
