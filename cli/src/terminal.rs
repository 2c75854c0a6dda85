//! A terminal whose keys go to a guest: raw, and as it was again in the end.
//!
//! In raw mode the terminal passes on every key, Ctrl-C too, and echoes none. What is printed is
//! still made into lines, so that our own messages look as ever. The settings of before are kept in
//! one place, from which they are restored when [`Raw`] is dropped, before a panic is told, and
//! before a signal ends us at once. What cannot be caught (SIGKILL) or is a fault of ours leaves it raw:
//! `stty sane` helps then.

use std::io;
use std::panic;
use std::sync::{Mutex, Once, PoisonError};

use rustix::termios::{OptionalActions, OutputModes, Termios, isatty, tcgetattr, tcsetattr};

use crate::failure::Failure;

/// Standard input as a raw terminal, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Raw(());

impl Raw {
    /// Makes standard input raw; `None` if it is no terminal.
    pub(crate) fn enter() -> Result<Option<Self>, Failure> {
        let failed =
            |error: rustix::io::Errno| Failure::new(format!("cannot set up the terminal: {error}"));
        if !isatty(io::stdin()) {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.output_modes = before.output_modes | OutputModes::OPOST;
        restore_before_panics();
        *saved() = Some(before);
        match tcsetattr(io::stdin(), OptionalActions::Now, &raw) {
            Ok(()) => Ok(Some(Self(()))),
            Err(error) => {
                *saved() = None;
                Err(failed(error))
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Makes the terminal as it was, if it is not.
pub(crate) fn restore() {
    if let Some(before) = saved().take() {
        // A terminal that is gone has no settings.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// A panic may end the process on the spot, with nothing dropped.
fn restore_before_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            told(panic);
        }));
    });
}

fn saved() -> std::sync::MutexGuard<'static, Option<Termios>> {
    static SAVED: Mutex<Option<Termios>> = Mutex::new(None);
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}
