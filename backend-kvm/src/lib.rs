//! The machine on Linux KVM that carries `vambrace-core`.
//!
//! A [`machine::Machine`] is guest memory, an image and as many lives as the guest reboots. Who
//! answers its firmware calls is a choice, [`machine::FirmwareKind`]: KVM's own code, or core, with
//! the calls forwarded by KVM's SMCCC filter. The guest hears the same either way.
//!
//! ```text
//! machine ──▶ vcpu (a thread each) ──▶ sys ──▶ /dev/kvm
//!    │            ├──▶ firmware ──▶ vambrace-core
//!    │            ├──▶ devices
//!    │            └──▶ abort (accesses that KVM cannot decode)
//!    └──▶ image, fdt, layout, memory
//! ```
//!
//! Only [`sys`]'s implementation over real KVM is for arm64 alone; everything else compiles and is
//! tested on any Linux machine.

pub mod abort;
pub mod address;
pub mod console;
pub mod contract;
pub mod devices;
pub mod fdt;
pub mod firmware;
pub mod image;
pub mod layout;
pub mod machine;
pub mod memory;
pub mod outlet;
pub mod probe;
pub mod sandbox;
pub mod sys;
pub mod threads;
mod vcpu;
