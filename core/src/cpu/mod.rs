//! ID registers as data: fields, their rules, and a value for each (DDI 0487, D24.2).
//!
//! A guest finds out what its CPU can do by reading registers of four-bit fields, and believes what
//! it read for the rest of its life. A promise to a guest is therefore one number for each field,
//! and comparing two CPUs, or finding what several can promise together, is walking a table:
//!
//! ```text
//! id-registers.csv ─▶ cargo xtask generate ─▶ table.rs ─▶ IdRegister, Field ─▶ IdRegisters
//! ```
//!
//! [`IdRegister`] and [`Field`] are places in that table, [`Rule`] is how Linux finds the value of a
//! field that is safe on all of several CPUs (`arch/arm64/kernel/cpufeature.c`), and
//! [`IdRegisters`] is one value for every register. Nothing here knows a CPU by name.
//!
//! The registers are those at op0 = 3, op1 = 0, CRn = 0, CRm = 1 to 7 that have a field, and CTR_EL0.
//! Who made the CPU (MIDR_EL1 and its like) and how its caches are built are no promises of a
//! feature and not here. A reserved place in that space reads as zero and has no row.
//!
//! ```
//! use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
//!
//! let little = IdRegisters::from_fn(|register| match register {
//!     IdRegister::ID_AA64PFR0_EL1 => 0x0000_0000_1000_1112,
//!     _ => 0,
//! });
//! let mut big = little.with(Field::ID_AA64PFR0_EL1_SVE, 1).expect("SVE has four bits");
//! let difference = big.compare(&little).next().expect("they differ in SVE");
//! assert_eq!(difference.field.to_string(), "ID_AA64PFR0_EL1.SVE");
//! assert_eq!(difference.field.feature(), Some("FEAT_SVE"));
//!
//! assert_eq!(IdRegisters::common([&big, &little]), Some(little));
//! big.lower(Field::ID_AA64PFR0_EL1_SVE, 0)?;
//! assert_eq!(big, little);
//! # Ok::<(), vambrace_core::cpu::LowerError>(())
//! ```

mod field;
mod register;
mod release;
mod rule;
mod set;
mod table;

pub use field::{Field, Writable};
pub use register::IdRegister;
pub use release::KernelRelease;
pub use rule::{Rule, Sign};
pub use set::{Difference, IdRegisters, LowerError, Refusal, Unnamed};
