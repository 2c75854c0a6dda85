//! Why a run came back.
//!
//! A reason without a meaning here survives as its number: a newer kernel's exit is reported, not
//! guessed at.
//!
//! Linux `Documentation/virt/kvm/api.rst`, "The kvm_run structure".

use vm_memory::GuestAddress;

use crate::address::Width;

/// Why [`VcpuOps::run`](super::VcpuOps::run) returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The guest called firmware by a function id that the filter forwards. PC is past the
    /// instruction; arguments and results are in the registers, which the kernel left alone.
    Hypercall {
        /// The function id, the low 32 bits of X0.
        function: u32,
        /// The instruction used.
        conduit: Conduit,
    },
    /// The guest reads where there is no memory; see
    /// [`complete_read`](super::VcpuOps::complete_read).
    MmioRead {
        /// The address read.
        address: GuestAddress,
        /// How many bytes.
        width: Width,
    },
    /// The guest wrote where there is no memory.
    MmioWrite {
        /// The address written.
        address: GuestAddress,
        /// How many bytes.
        width: Width,
        /// The bytes, zero-extended.
        value: u64,
    },
    /// The kernel's firmware wants something of the whole machine.
    SystemEvent(SystemEvent),
    /// The guest accessed an address without memory by an instruction the hardware gave no
    /// syndrome for. PC is still at the instruction.
    UndecodableAbort {
        /// ESR_EL2.ISS without a valid instruction syndrome.
        esr_iss: u64,
        /// The address accessed.
        fault_ipa: GuestAddress,
    },
    /// Someone kicked this vCPU, or a signal reached its thread.
    Kicked,
    /// The hardware refused to enter the guest.
    FailedEntry {
        /// The kernel's reason; bit 0: this VM's PMU cannot work on that CPU.
        reason: u64,
        /// The physical CPU it was tried on.
        cpu: u32,
    },
    /// KVM met a state it cannot handle.
    InternalError {
        /// KVM_INTERNAL_ERROR_*.
        suberror: u32,
    },
    /// The kernel could not provide the memory behind a guest address.
    MemoryFault {
        /// The first guest address concerned.
        address: GuestAddress,
        /// How many bytes are concerned.
        size: u64,
    },
    /// An exit this crate has no name for, by KVM's number.
    Unknown(u32),
}

/// The instruction a firmware call was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduit {
    /// HVC, with any immediate.
    Hvc,
    /// SMC #0.
    Smc,
}

/// What the kernel's firmware wants of the whole machine (KVM_EXIT_SYSTEM_EVENT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemEvent {
    /// What it wants.
    pub kind: SystemEventKind,
    /// Details by kind; 0 where the kernel gives none. Before Linux 5.18 always 0.
    pub flags: u64,
}

impl SystemEvent {
    /// KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2, of a reset: the call was SYSTEM_RESET2, whose
    /// type and cookie are still in X1 and X2.
    pub const RESET_FLAG_PSCI_RESET2: u64 = 1;
    /// KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2, of a shutdown: the call was SYSTEM_OFF2.
    pub const SHUTDOWN_FLAG_PSCI_OFF2: u64 = 1;
}

/// The kinds of system events (KVM_SYSTEM_EVENT_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemEventKind {
    /// SYSTEM_OFF or SYSTEM_OFF2: the kernel has stopped every vCPU.
    Shutdown,
    /// SYSTEM_RESET or SYSTEM_RESET2: the kernel has stopped every vCPU.
    Reset,
    /// The guest reports a crash; no arm64 kernel so far sends it.
    Crash,
    /// An interrupt is pending for this suspended vCPU.
    Wakeup,
    /// SYSTEM_SUSPEND: the kernel has changed nothing, the call is ours to answer.
    Suspend,
    /// Another kind, by KVM's number.
    Other(u32),
}
