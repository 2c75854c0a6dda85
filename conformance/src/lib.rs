//! What holds Vambrace against real kernels: the program as its users run it.
//!
//! The tests of this package start the built `vambrace` as a process, give it the built guests and
//! look at nothing but what a user sees: exit codes, standard output, standard error, the terminal,
//! and which processes are left. They depend on none of the packages they test, so no mistake can
//! excuse itself; but for [`differential`], [`matrix`] and [`on_the_host`], which hold core itself against
//! real kernels and against the specifications. [`linux`] boots guests of others.
//!
//! Nothing is skipped: a program that is missing, or older than its sources, fails the test that
//! needs it, and the message names the command that builds it.

mod built;
pub mod differential;
mod ended;
pub mod linux;
pub mod matrix;
pub mod on_the_host;
pub mod recorded;
mod started;
mod terminal;
mod within;

pub use built::{example, guest, image_of_others, vambrace};
pub use ended::{Ended, Ending};
pub use started::{Started, see, see_with_input};
pub use terminal::Terminal;
