//! Ends a machine from outside.
//!
//! A machine's lives come and go under one [`Stopper`]. While one runs, its control is attached; a
//! stop between two lives is kept for the next. Both happen under one lock, so that no stop falls
//! in between, and nobody holds a control whose life is over.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Stop;
use super::control::Control;
use crate::sys::Kick;

/// A handle to end a machine, now or as soon as it runs. Clones end the same one.
#[derive(Clone, Default)]
pub struct Stopper(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    asked: bool,
    life: Option<Arc<dyn Life>>,
}

/// What is attached.
trait Life: Send + Sync {
    fn stop(&self);
}

impl<K: Kick> Life for Control<K> {
    fn stop(&self) {
        Control::stop(self, Stop::Outside);
    }
}

impl Stopper {
    /// Ends the machine.
    pub fn stop(&self) {
        let mut state = self.state();
        state.asked = true;
        if let Some(life) = &state.life {
            life.stop();
        }
    }

    /// Has somebody asked for the end?
    pub(super) fn is_asked(&self) -> bool {
        self.state().asked
    }

    /// From here to [`detach`](Self::detach) a stop ends this life.
    pub(super) fn attach<K: Kick>(&self, control: &Arc<Control<K>>) {
        let mut state = self.state();
        if state.asked {
            Life::stop(&**control);
        }
        let life: Arc<Control<K>> = Arc::clone(control);
        state.life = Some(life);
    }

    /// Lets go of the life's control.
    pub(super) fn detach(&self) {
        self.state().life = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopper")
            .field("asked", &self.state().asked)
            .finish_non_exhaustive()
    }
}
