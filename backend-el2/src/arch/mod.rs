//! Everything that only the machine can do: instructions, system registers, raw addresses.
//!
//! All inline assembly and nearly all unsafe code of the program is in this folder. What is above it
//! is told nothing but values. System registers that cannot break anything of ours are written
//! through `aarch64-cpu`; those that decide how memory is seen are written here alone.

pub(crate) mod board;
pub(crate) mod cpu;
pub(crate) mod devices;
pub(crate) mod entry;
mod features;
pub(crate) mod guest;
pub(crate) mod injection;
pub(crate) mod interrupts;
pub(crate) mod memory;
mod registers;
mod reset;
pub(crate) mod speculation;
pub(crate) mod translation;
pub(crate) mod vectors;
