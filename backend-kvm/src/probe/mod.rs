//! Finds out what a host's KVM accepts, by trying it on machines that nobody will run.
//!
//! Nothing is looked up by a CPU's name, and by a kernel's version only what it does without a
//! register to ask. The values of every field are written, and what the kernel says to each is the
//! profile. What is tried is one thing at a time, with all else as the host has it, on a scratch VM
//! whose vCPU never runs, and is taken back afterwards.
//!
//! A host that lacks something is no error: the profile says so. An errno that no kernel is known
//! to give for "this is not here" or "this is not allowed" ends the probe and names the operation,
//! and so does an answer that a profile has no words for.
//!
//! ```text
//! scratch: a VM to write on ──▶ fields, firmware, identity, cache, gic ──▶ HostProfile
//! ```

mod cache;
mod error;
mod fields;
mod firmware;
mod gic;
mod identity;
mod registers;
mod scratch;
#[cfg(test)]
mod tests;
mod view;

pub use error::Error;
pub use registers::registers;

use vambrace_core::contract::{Capabilities, GicKind, HostProfile, KernelRelease, ValueSet};

use self::scratch::Scratch;
use crate::sys::{Capability, Errno, Hardware, Host, VcpuFeatures, VcpuOps, VmOps};

/// The result of a probe.
pub type Result<T> = std::result::Result<T, Error>;

/// Tries everything that a contract can promise.
///
/// # Errors
///
/// An operation failed in a way that says nothing about what the host accepts, or what it accepts
/// cannot be said in a profile.
pub fn probe<H: Host>(host: &H) -> Result<HostProfile> {
    let hardware = host.hardware();
    let kernel = release(&hardware.kernel)?;
    let mut scratch = Scratch::new(host, VcpuFeatures::PSCI_0_2)?;
    let implementation = identity::usual(&scratch)?;
    Ok(HostProfile {
        kernel,
        capabilities: capabilities(host, &scratch)?,
        psci_versions: firmware::psci_versions(&mut scratch)?,
        workarounds: firmware::workarounds(&mut scratch)?,
        services: firmware::services(&mut scratch, kernel)?,
        implementation,
        implementations: identity::all(&hardware, implementation)?,
        caches: cache::limits(&mut scratch)?,
        zero_block: zero_block(&hardware),
        counter_frequency: counter_frequency(&hardware)?,
        address_bits: address_bits(host)?,
        gic_v2: gic::limits(host, GicKind::V2)?,
        gic_v3: gic::limits(host, GicKind::V3)?,
        // There are no more sets of features than views.
        views: view::all(host)?.into_iter().collect(),
    })
}

fn capabilities<H: Host>(host: &H, scratch: &Scratch<'_, H>) -> Result<Capabilities> {
    let mut found = Capabilities::empty();
    for (capability, meaning) in CAPABILITIES {
        found.set(*meaning, host.capability(*capability)? > 0);
    }
    let filter = scratch.vm().supports_smccc_filter();
    found.set(Capabilities::SMCCC_FILTER, filter);
    let stolen_time = scratch.vcpu().supports_stolen_time();
    found.set(Capabilities::STOLEN_TIME, stolen_time);
    Ok(found)
}

/// For which numbers of bits, of all that KVM knows, a VM can be made.
fn address_bits<H: Host>(host: &H) -> Result<ValueSet> {
    let mut accepted = ValueSet::EMPTY;
    for bits in 32..=52 {
        match host.create_vm(bits) {
            Ok(_) => accepted = accepted.with(bits.into()),
            Err(error) if error.errno == Errno::EINVAL => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(accepted)
}

/// DCZID_EL0: BS in bits 3:0, DZP in bit 4.
fn zero_block(hardware: &Hardware) -> u8 {
    u8::try_from(hardware.registers.dczid_el0 & 0x1f).expect("five bits fit into eight")
}

/// CNTFRQ_EL0, whose upper half is reserved.
fn counter_frequency(hardware: &Hardware) -> Result<u32> {
    let frequency = hardware.registers.cntfrq_el0;
    u32::try_from(frequency).map_err(|_| Error::CounterFrequency(frequency))
}

/// The first two numbers of a release such as `6.12.107+deb13-cloud-arm64`.
pub(crate) fn release(text: &str) -> Result<KernelRelease> {
    let mut numbers = text.split(|character: char| !character.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    match (number(), number()) {
        (Some(major), Some(minor)) => Ok(KernelRelease::new(major, minor)),
        _ => Err(Error::Release(text.to_owned())),
    }
}

const CAPABILITIES: &[(Capability, Capabilities)] = &[
    (
        Capability::WritableImpIdRegs,
        Capabilities::WRITABLE_IMPLEMENTATION,
    ),
    (Capability::CounterOffset, Capabilities::COUNTER_OFFSET),
    (Capability::SystemSuspend, Capabilities::SYSTEM_SUSPEND),
    (Capability::El1_32Bit, Capabilities::AARCH32_EL1),
    (Capability::Mte, Capabilities::MEMORY_TAGGING),
    (Capability::El2, Capabilities::NESTED),
];
