//! Why a machine could not be made or carried on, on the host's side.

use vambrace_core::ConfigError;
use vambrace_core::contract::{Contradiction, GicKind};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::PsciVersion;
use vambrace_core::smccc::ExecutionState;

use crate::devices::WorkerError;
use crate::fdt::FdtError;
use crate::image::{ImageError, LoadError};
use crate::layout::{GIC_V2_VCPUS, LayoutError};
use crate::memory::MemoryError;
use crate::sandbox;
use crate::sys;

use super::{AttachError, Features};
use crate::contract::{Failure, Unkept};
use crate::probe;

/// What failed; the guest's own failures are ends of a run instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation of KVM's failed.
    #[error(transparent)]
    Kvm(#[from] sys::Error),
    /// The machine cannot have a device.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The machine's devices cannot be served.
    #[error(transparent)]
    Devices(#[from] WorkerError<sys::Error>),
    /// The sandbox of a vCPU's thread is not in force.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The machine does not fit an address space or a GIC.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Guest memory cannot be had or reached.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The image is not usable.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image cannot be put into RAM.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The device tree cannot be written.
    #[error(transparent)]
    DeviceTree(#[from] FdtError),
    /// Core refuses the configuration.
    #[error("cannot configure the firmware: {0}")]
    Core(#[from] ConfigError),
    /// More vCPUs than the host's KVM gives one VM.
    #[error(
        "cannot make a machine with {asked} vCPUs: this host's KVM gives a VM at most {most}; \
         ask for fewer (--cpus)"
    )]
    TooManyVcpus {
        /// How many were asked for.
        asked: u16,
        /// How many there may be.
        most: u32,
    },
    /// More vCPUs than a GICv2 serves.
    #[error(
        "cannot make a machine with {asked} vCPUs and a GICv2: that serves at most {GIC_V2_VCPUS}; \
         ask for fewer (--cpus), or for a GICv3 (--gic 3)"
    )]
    TooManyVcpusForGicV2 {
        /// How many were asked for.
        asked: u16,
    },
    /// The host has no such GIC for a guest.
    #[error(
        "cannot give the guest a {kind}: this host's KVM has none to give; leave out --gic, or use a \
         host that has one, such as --host {host}",
        host = match kind {
            GicKind::V2 => "lab:6.12:max:gic2",
            GicKind::V3 => "lab",
        }
    )]
    NoGic {
        /// What was asked for, or is left.
        kind: GicKind,
    },
    /// The host has no ITS for a guest.
    #[error(
        "cannot give the guest an ITS: this host's KVM has none to give (Linux 4.8 and newer have); \
         make a machine without (--its off)"
    )]
    NoIts,
    /// An ITS was asked for, and the machine has a GICv2.
    #[error(
        "cannot give the guest an ITS: it is part of a GICv3, and the machine has a GICv2; leave out \
         --its, or ask for a GICv3 (--gic 3)"
    )]
    ItsWithoutGicV3,
    /// Core was to answer, and KVM cannot forward calls.
    #[error(
        "cannot run with --firmware core: this host's kernel has no SMCCC filter to forward \
         firmware calls with (Linux 6.4 and newer have it); use --firmware kernel, or a newer \
         host such as --host lab:6.12"
    )]
    NoFilter,
    /// The PSCI version asked for is newer than those that can be had.
    #[error(
        "cannot give the guest PSCI {asked}: this host's KVM, and core in its dialect, have up to \
         {newest}; ask for an older one (--psci {newest}), use a newer host such as --host \
         lab:7.3, or core's answers by the specification (--firmware core --dialect spec)"
    )]
    PsciTooNew {
        /// What was asked for.
        asked: PsciVersion,
        /// The newest that can be had.
        newest: PsciVersion,
    },
    /// Features are named that the host's kernel would have to serve.
    #[error(
        "cannot give the guest {0}: this host's kernel does not have it; leave it out of --with, \
         use a newer host such as --host lab:7.3, or for what core serves alone --firmware core \
         --dialect spec"
    )]
    KernelLacks(Features),
    /// Features are named that the KVM whose answers core gives does not have.
    #[error(
        "cannot give the guest {0}: core answers as this host's KVM, which does not have it; \
         leave it out of --with, or ask for the specification's answers (--dialect spec)"
    )]
    DialectLacks(Features),
    /// The image is an AArch32 one, and the host has no AArch32 at EL1.
    #[error(
        "cannot run an AArch32 image: this host's CPUs have no AArch32 at EL1, or its KVM does not \
         let guests have it; use a host whose CPUs have it, such as a cortex-a57 one of the lab's"
    )]
    NoAarch32,
    /// KVM numbers its vCPUs otherwise than the machine's layout.
    #[error(
        "vCPU {vcpu} has MPIDR_EL1 {found:#x} where its affinity has to be {expected:#x}: this \
         kernel derives it in a way that Vambrace does not know; please report it"
    )]
    Mpidr {
        /// Which vCPU.
        vcpu: u16,
        /// The affinity that the device tree gives it.
        expected: u64,
        /// The register.
        found: u64,
    },
    /// The host gives this process no more threads.
    #[error(
        "cannot start the thread of {name}: {source}; ask for fewer vCPUs (--cpus), or raise this \
         host's limits on processes and memory"
    )]
    Thread {
        /// What was to run on it.
        name: String,
        /// The host's words.
        source: std::io::Error,
    },
    /// The contract contradicts itself.
    #[error("cannot make a machine under this contract: {0}")]
    Contradiction(#[from] Contradiction),
    /// The contract wants the structure of stolen time elsewhere.
    #[error(
        "cannot make a machine under this contract: it promises stolen time at {place}, and \
         Vambrace's machines have it at {own}; take a contract for that place",
        own = crate::layout::STOLEN_TIME.base()
    )]
    ContractStolenTime {
        /// Where the contract wants the first vCPU's.
        place: Ipa,
    },
    /// The contract's address space is too small for the machine.
    #[error(
        "cannot make a machine under this contract: it promises {bits} bits of guest address, and \
         the machine ends at {end}; ask for less memory or fewer vCPUs (--memory, --cpus)"
    )]
    ContractAddressBits {
        /// What the contract promises.
        bits: u8,
        /// The first address after the machine's last part.
        end: Ipa,
    },
    /// The image is for another execution state than the contract.
    #[error(
        "cannot run this image under this contract: it promises vCPUs of {promised:?}, for which \
         the image is not made; take a contract {other} the vCPU feature aarch32",
        other = match promised {
            ExecutionState::Aarch64 => "with",
            ExecutionState::Aarch32 => "without",
        }
    )]
    ContractExecutionState {
        /// What the contract promises.
        promised: ExecutionState,
    },
    /// An option is something else than the contract.
    #[error(
        "cannot run with {option} {asked} under this contract: it promises {promised}; leave \
         {option} out, or make another contract (vambrace contract new)"
    )]
    OtherThanContract {
        /// The option's name.
        option: &'static str,
        /// What it says.
        asked: String,
        /// What the contract says.
        promised: String,
    },
    /// The host does not keep the contract.
    #[error(
        "cannot make a machine under this contract: {0}; `vambrace contract check` names all that \
         this host lacks, and what to launch instead"
    )]
    Unkept(#[from] Unkept),
    /// What the host's kernel is cannot be told.
    #[error(transparent)]
    Probe(#[from] probe::Error),
    /// KVM offers a PSCI version that core does not have.
    #[error(
        "this host's KVM offers PSCI version {offered:#x}, which Vambrace does not know; please \
         report it"
    )]
    PsciVersion {
        /// KVM_REG_ARM_PSCI_VERSION.
        offered: u64,
    },
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unkept(unkept) => unkept.into(),
            Failure::Kvm(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_cannot_be_had_is_named_with_what_to_do() {
        let source = std::io::Error::from_raw_os_error(11);
        let error = Error::Thread {
            name: "vcpu 500".into(),
            source,
        };
        assert_eq!(
            error.to_string(),
            "cannot start the thread of vcpu 500: Resource temporarily unavailable (os error 11); \
             ask for fewer vCPUs (--cpus), or raise this host's limits on processes and memory"
        );
    }

    #[test]
    fn messages_have_single_spaces() {
        let gic = Error::NoGic { kind: GicKind::V2 }.to_string();
        let place = Ipa::new(0x1000);
        let time = Error::ContractStolenTime { place }.to_string();
        for message in [gic, time] {
            assert!(!message.contains("  "), "{message}");
        }
    }
}
