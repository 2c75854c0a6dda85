//! Data aborts that KVM cannot decode, emulated from the guest's instruction.
//!
//! For a plain load or store of one register the CPU describes the access in ESR_EL2 (ISV = 1), and
//! KVM turns it into an MMIO exit. For all others it leaves the description out (DDI 0487, ESR_ELx,
//! "ISS encoding for an exception from a Data Abort"), and KVM can only pass on where it happened
//! (`KVM_EXIT_ARM_NISV`). Compilers make such instructions of ordinary volatile accesses, so they
//! are emulated here:
//!
//! ```text
//! PC ──[walk]──▶ IPA ──▶ instruction ──[decode]──▶ Access
//!                                                    │ base and index registers
//!                          bus accesses ◀──[walk]── virtual addresses
//! ```
//!
//! [`plan`] does all of that and changes nothing. The caller carries out the bus accesses, then
//! [`Emulation::complete`] writes the registers. When the bus answers with an abort, the caller
//! injects it and completes nothing: the guest finds its registers as they were.
//!
//! What an instruction other than these would do cannot be guessed, so that ends the run, naming
//! PC and instruction ([`Undecodable`]).

mod decode;
mod emulate;
mod error;
mod walk;

pub use decode::{Access, Addressing, Extend, Extension, Instruction, Offset, Operation, decode};
pub use emulate::{BusAccess, Direction, Emulation, Fault, Register, Registers, plan};
pub use error::{EmulationError, Reason, Undecodable};
pub use walk::{Regime, WalkError};
