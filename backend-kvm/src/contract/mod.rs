//! What KVM is told for a contract, in which order, and what it says to it.
//!
//! A contract is kept by telling a kernel every value of it before the first vCPU runs. The order
//! matters: features come before the registers that depend on them, ID_AA64PFR1_EL1 before the
//! level of workaround 2, which is judged by its SSBS, and CTR_EL0 before the shape of the caches.
//!
//! ```text
//!  1 KVM_CREATE_VM with the address bits
//!  2 KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, if the guest is to see another CPU than the host's
//!  3 every vCPU, KVM_ARM_VCPU_INIT with the features
//!  4 KVM_REG_ARM64_SVE_VLS, KVM_ARM_VCPU_FINALIZE                        each vCPU
//!  5 MIDR_EL1, REVIDR_EL1, AIDR_EL1; CTR_EL0 and the other ID registers  the VM, by its first vCPU
//!  6 CLIDR_EL1, CCSIDR_EL1                                               each vCPU
//!  7 PSCI_VERSION, WORKAROUND_1 to 3, the bitmaps of services            the VM, by its first vCPU
//!  8 the SMCCC filter, KVM_CAP_ARM_SYSTEM_SUSPEND
//!  9 stolen time                                                         each vCPU
//! 10 the GIC: made, placed, initialised; then GICD_IIDR before any other register of it
//! 11 PMCR_EL0.N                                                          each vCPU
//! 12 the offset of both counters, once
//! 13 a run of the first vCPU that a kick ends before it begins: kernels settle some fields then
//! 14 KVM_ARM_VCPU_INIT again: kernels set some registers anew, then as at CPU_ON   each vCPU
//! 15 everything that has a register is read back
//! ```
//!
//! Before all that a machine looks whether its guest was told of every kind of CPU on which its vCPUs
//! may find themselves, which no kernel judges.
//!
//! A machine does this and stops at the first no. [`confirm()`] does the same on a scratch VM, goes
//! on after each no as [`preflight`](vambrace_core::contract::preflight) does, and returns all of
//! them: a prediction can be held against it, subject by subject.
//!
//! `Documentation/virt/kvm/arm/vcpu-features.rst`, `fw-pseudo-registers.rst`,
//! `Documentation/virt/kvm/devices/arm-vgic-v3.rst`.

mod confirm;
mod error;
mod firmware;
mod order;
mod raw;
mod read_back;
mod witness;

#[cfg(test)]
pub(crate) mod tests;

pub use confirm::{Confirmer, confirm};
pub use error::Error;
pub use raw::{FieldAnswer, RawConfirmation, confirm_fields, confirm_raw};
pub use witness::{Confirmation, Difference, Refusal};

pub use witness::Unkept;

pub(crate) use firmware::{forwarded_by_kernel, forwarded_to_core};
pub(crate) use order::{Order, USUAL_BITS, usual_vm, vcpu_features};
pub(crate) use witness::{Failure, Strict, Witness};
