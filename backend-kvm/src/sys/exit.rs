//! Why a run came back.
//!
//! A reason without a meaning here survives as its number: a newer kernel's exit is reported, not
//! guessed at.
//!
//! Linux `Documentation/virt/kvm/api.rst`, "The kvm_run structure".

use std::fmt;

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

/// What KVM reports, in words and with KVM's name for it.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Hypercall { function, conduit } => {
                write!(
                    f,
                    "a firmware call of {function:#010x} by {conduit:?} (KVM_EXIT_HYPERCALL)"
                )
            }
            Self::MmioRead { address, width } => {
                let bytes = width.bytes();
                write!(
                    f,
                    "a read of {bytes} bytes at {:#x} (KVM_EXIT_MMIO)",
                    address.0
                )
            }
            Self::MmioWrite { address, width, .. } => {
                let bytes = width.bytes();
                write!(
                    f,
                    "a write of {bytes} bytes at {:#x} (KVM_EXIT_MMIO)",
                    address.0
                )
            }
            Self::SystemEvent(SystemEvent { kind, flags }) => {
                write!(
                    f,
                    "the system event {kind} with flags {flags:#x} (KVM_EXIT_SYSTEM_EVENT)"
                )
            }
            Self::UndecodableAbort { fault_ipa, .. } => {
                let address = fault_ipa.0;
                write!(
                    f,
                    "an access at {address:#x} that it cannot decode (KVM_EXIT_ARM_NISV)"
                )
            }
            Self::Kicked => write!(f, "an interruption"),
            Self::FailedEntry { reason, cpu } => write!(
                f,
                "that the host's CPU {cpu} refuses to enter the guest, reason {reason:#x} \
                 (KVM_EXIT_FAIL_ENTRY)"
            ),
            Self::InternalError { suberror } => write!(
                f,
                "a state of the guest that it cannot handle, suberror {suberror} \
                 (KVM_EXIT_INTERNAL_ERROR)"
            ),
            Self::MemoryFault { address, size } => write!(
                f,
                "that the host has no memory for {size:#x} bytes of the guest's at {:#x} \
                 (KVM_EXIT_MEMORY_FAULT)",
                address.0
            ),
            Self::Unknown(reason) => {
                write!(
                    f,
                    "exit reason {reason}, which Vambrace does not know (linux/kvm.h)"
                )
            }
        }
    }
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

/// The end of KVM's name, or the number without a name.
impl fmt::Display for SystemEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown => write!(f, "SHUTDOWN"),
            Self::Reset => write!(f, "RESET"),
            Self::Crash => write!(f, "CRASH"),
            Self::Wakeup => write!(f, "WAKEUP"),
            Self::Suspend => write!(f, "SUSPEND"),
            Self::Other(number) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(exit: Exit) -> String {
        exit.to_string()
    }

    #[test]
    fn an_exit_without_remedy_tells_what_the_kernel_told() {
        assert_eq!(
            told(Exit::FailedEntry { reason: 1, cpu: 3 }),
            "that the host's CPU 3 refuses to enter the guest, reason 0x1 (KVM_EXIT_FAIL_ENTRY)"
        );
        assert_eq!(
            told(Exit::InternalError { suberror: 4 }),
            "a state of the guest that it cannot handle, suberror 4 (KVM_EXIT_INTERNAL_ERROR)"
        );
        assert_eq!(
            told(Exit::MemoryFault {
                address: GuestAddress(0x4000_0000),
                size: 0x1000
            }),
            "that the host has no memory for 0x1000 bytes of the guest's at 0x40000000 \
             (KVM_EXIT_MEMORY_FAULT)"
        );
        assert_eq!(
            told(Exit::Unknown(77)),
            "exit reason 77, which Vambrace does not know (linux/kvm.h)"
        );
    }

    #[test]
    fn an_exit_that_is_usual_has_words_too() {
        assert_eq!(
            told(Exit::Hypercall {
                function: 0x8400_0000,
                conduit: Conduit::Smc
            }),
            "a firmware call of 0x84000000 by Smc (KVM_EXIT_HYPERCALL)"
        );
        let address = GuestAddress(0x900_0000);
        assert_eq!(
            told(Exit::MmioRead {
                address,
                width: Width::Halfword
            }),
            "a read of 2 bytes at 0x9000000 (KVM_EXIT_MMIO)"
        );
        assert_eq!(
            told(Exit::MmioWrite {
                address,
                width: Width::Word,
                value: 7
            }),
            "a write of 4 bytes at 0x9000000 (KVM_EXIT_MMIO)"
        );
        assert_eq!(
            told(Exit::UndecodableAbort {
                esr_iss: 0,
                fault_ipa: address
            }),
            "an access at 0x9000000 that it cannot decode (KVM_EXIT_ARM_NISV)"
        );
        assert_eq!(told(Exit::Kicked), "an interruption");
    }

    #[test]
    fn a_system_event_has_the_kernels_name_or_number() {
        let named = [
            (SystemEventKind::Shutdown, "SHUTDOWN"),
            (SystemEventKind::Reset, "RESET"),
            (SystemEventKind::Crash, "CRASH"),
            (SystemEventKind::Wakeup, "WAKEUP"),
            (SystemEventKind::Suspend, "SUSPEND"),
            (SystemEventKind::Other(9), "9"),
        ];
        for (kind, name) in named {
            let event = Exit::SystemEvent(SystemEvent { kind, flags: 1 });
            let expected =
                format!("the system event {name} with flags 0x1 (KVM_EXIT_SYSTEM_EVENT)");
            assert_eq!(told(event), expected);
        }
    }
}
