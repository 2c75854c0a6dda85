//! One vCPU of a machine: its thread, its registers, the accesses KVM leaves to us.

mod abort;
pub(crate) mod registers;
mod thread;

pub(crate) use thread::{Board, OnPanic, Thread};
