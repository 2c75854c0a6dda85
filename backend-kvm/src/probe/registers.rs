//! All registers of a fresh vCPU, as the kernel lists them.
//!
//! They decide nothing. They are what a monitor would carry from host to host that knows no
//! contract, and what a question comes back to that nobody thought of when the host was there.

use vambrace_core::contract;

use super::scratch::Scratch;
use super::view::of_kvm;
use crate::sys::{self, Host, RegisterId, VcpuOps as _};

/// Every register that the kernel lists of a new vCPU with these features, in its order, and its
/// bytes, the least significant first.
///
/// # Errors
///
/// There is no such vCPU, or a register that is listed cannot be read.
pub fn registers<H: Host>(
    host: &H,
    features: contract::VcpuFeatures,
) -> sys::Result<Vec<(RegisterId, Vec<u8>)>> {
    let scratch = Scratch::new(host, of_kvm(features))?;
    let vcpu = scratch.vcpu();
    let listed = vcpu.register_list()?.into_iter();
    listed
        .map(|register| Ok((register, vcpu.register_bytes(register)?)))
        .collect()
}
