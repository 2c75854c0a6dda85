//! Everything that Rust cannot say: entry, vectors, calls, translation.
//!
//! All assembly of this crate is in this folder. What other modules see of it is safe; the reasons
//! stand at each block.
//!
//! One rule holds the memory model together: **no CPU reads or writes RAM before its MMU and caches
//! are on, except to fetch instructions.** With the MMU off, data accesses are Device-nGnRnE: on real
//! hardware they bypass the caches through which the monitor wrote the image, and exclusive accesses
//! need not work at all (DDI0487, chapters B2 and D8). So both entry points and the vectors touch registers
//! only until the identity map is on; from then on all CPUs and the monitor share
//! inner-shareable write-back memory, which KVM keeps coherent, and atomics are just atomics. What a
//! claim wants to know about the state at entry ("MMU off") is recorded in registers on the way.

pub mod byte_order;
pub mod conduit;
pub mod crowd;
pub mod device_tree;
pub mod entry;
pub mod fault;
pub mod features;
pub mod interrupts;
pub mod leftovers;
pub mod memory;
pub mod repeat;
pub mod start;
pub mod suspend;
pub mod translation;
pub mod undecodable;
pub mod vector_registers;
pub mod vectors;
