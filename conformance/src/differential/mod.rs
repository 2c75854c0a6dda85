//! The differential run: one list of calls, answered by KVM and by core.
//!
//! By KVM's own firmware, by core under the same KVM, and by core on this host. A guest makes the
//! calls of a list that lies in its RAM and logs x0 to x17 after each. The list is made here, from
//! a seed, by driving core's machine along; the log is held against what core answers in the
//! dialect of that kernel. An answer that differs is accepted by a rule only, and each rule is a
//! row of `docs/abi.md`.
//!
//! | file | |
//! |---|---|
//! | `machine` | kernels, and what their firmware has |
//! | `functions`, `generator`, `random` | which calls are made |
//! | `call`, `log` | list and log as they lie in RAM |
//! | `model` | core on this host |
//! | `shape`, `compare` | what counts as a difference |
//! | `run` | the guest, in a lab host |

mod call;
mod compare;
mod functions;
mod generator;
mod log;
mod machine;
mod model;
mod random;
mod run;
mod shape;

pub use call::{Call, Effect, Record, Registers};
pub use compare::{Comparison, Difference, compare};
pub use generator::list;
pub use log::Entry;
pub use machine::{Kernel, Machine};
pub use model::{Answer, Model};
pub use run::{Firmware, Run, entry_point};
pub use shape::{HostShape, Rule};
