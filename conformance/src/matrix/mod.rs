//! The matrix: whether preflight's verdicts are what real kernels do.
//!
//! Every host of the lab is probed. From the files alone come contracts, of each host by itself, of
//! pairs and of fleets, and what each host is to do with each of them, subject by subject. Then
//! every host is started again and really told every contract, given the raw registers of every
//! other host, and a guest on it prints what it reads.
//!
//! ```text
//! hosts ─probe─▶ files ─┬─ contracts ─┬─ preflight ─▶ predictions ─┐
//!                       │             │                            ├─▶ disagreements, figures
//!                       └─ registers ─┴─▶ questions ─ask─▶ answers ─┘
//! ```
//!
//! `vambrace host probe` makes the files. The questions go into the hosts with a program of this
//! package, `matrix_inside`, that drives the same code which applies contracts for users. A prediction
//! and an answer have the same form, the errno of each subject; so a disagreement names the host, the
//! contract, the subject, what was predicted and what was seen. It is a bug of ours. Where KVM lets a
//! guest read a register of the CPU that its own does not show whole, no profile can know: that is
//! counted apart, by its three known causes.

mod figure;
mod guest;
mod inside;
mod lab;
mod outcome;
mod place;
mod plan;
mod prediction;
mod question;
mod record;
mod trial;
mod witness;

pub use figure::{Figure, Launch, Pair, Way};
pub use inside::answer;
pub use lab::{ask, emulator, probe, with_each};
pub use outcome::{Finding, Outcome, Tally};
pub use place::Place;
pub use plan::{Common, Fleet, Plan, Profiles};
pub use prediction::{Disagreement, Prediction};
pub use question::{Answer, Differs, Encoded, Heard, Promised, Question, RawHeard, Stored};
pub use record::{PairRecord, Record};
pub use trial::{Answers, Trial};
pub use witness::Witness;
