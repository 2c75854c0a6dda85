//! Why a run came back.
//!
//! A reason without a meaning here survives as its number: a newer kernel's exit is reported, not
//! guessed at.
//!
//! Linux `Documentation/virt/kvm/api.rst`, "The kvm_run structure".

use vm_memory::GuestAddress;

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
        width: MmioWidth,
    },
    /// The guest wrote where there is no memory.
    MmioWrite {
        /// The address written.
        address: GuestAddress,
        /// How many bytes.
        width: MmioWidth,
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

/// How many bytes an access moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MmioWidth {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Halfword,
    /// 32 bits.
    Word,
    /// 64 bits.
    Doubleword,
}

impl MmioWidth {
    /// The width of an access of so many bytes, if there is one.
    pub const fn from_bytes(bytes: u32) -> Option<Self> {
        match bytes {
            1 => Some(Self::Byte),
            2 => Some(Self::Halfword),
            4 => Some(Self::Word),
            8 => Some(Self::Doubleword),
            _ => None,
        }
    }

    /// How many bytes.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Halfword => 2,
            Self::Word => 4,
            Self::Doubleword => 8,
        }
    }

    /// The greatest value an access can carry: a mask of as many bits as it moves.
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_mask_as_many_bits_as_they_move() {
        assert_eq!(MmioWidth::Byte.mask(), 0xff);
        assert_eq!(MmioWidth::Halfword.mask(), 0xffff);
        assert_eq!(MmioWidth::Word.mask(), 0xffff_ffff);
        assert_eq!(MmioWidth::Doubleword.mask(), u64::MAX);
    }
}
