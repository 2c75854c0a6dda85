//! The kernel's numbers and layouts, as functions of plain data.
//!
//! Nothing here talks to the kernel, so all of it is tested on machines without KVM. The kernel
//! tells of an exit by a reason and a union that the reason gives a meaning; what it is told is
//! packed into words and structures. Hosts are little-endian.
//!
//! Linux `include/uapi/linux/kvm.h`, `arch/arm64/include/uapi/asm/kvm.h`.

use vm_memory::GuestAddress;

use super::{Conduit, Exit, FilterAction, MpState, SystemEvent, SystemEventKind};
use crate::address::Width;

/// The argument of KVM_IRQ_LINE for a shared peripheral interrupt: type SPI in bits 27:24.
pub(super) const fn spi_line(intid: u32) -> u32 {
    1 << 24 | intid & 0xffff
}

/// `struct kvm_smccc_filter`: base, count, action and fifteen bytes that must be zero.
pub(super) fn smccc_filter(base: u32, count: u32, action: FilterAction) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[0..4].copy_from_slice(&base.to_le_bytes());
    bytes[4..8].copy_from_slice(&count.to_le_bytes());
    bytes[8] = action as u8;
    bytes
}

/// The value of KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION: count 63:52, base 51:16, index 11:0.
/// None where a part does not fit its field.
pub(super) fn redistributor_region(index: u16, base: GuestAddress, count: u16) -> Option<u64> {
    let fits = index < 1 << 12 && count < 1 << 12 && base.0 & !0x000f_ffff_ffff_0000 == 0;
    fits.then(|| u64::from(count) << 52 | base.0 | u64::from(index))
}

/// The state that a KVM_MP_STATE_* stands for; KVM has no other on arm64.
pub(super) const fn mp_state(number: u32) -> Option<MpState> {
    match number {
        0 => Some(MpState::Runnable),
        5 => Some(MpState::Stopped),
        10 => Some(MpState::Suspended),
        _ => None,
    }
}

/// How many bytes of the union any exit decoded here uses: a hypercall's are the most.
pub(super) const PAYLOAD: usize = 0x48;

/// What an exit reason and the start of the union mean.
#[inline]
pub(super) fn decode(reason: u32, payload: &[u8; PAYLOAD]) -> Exit {
    match reason {
        KVM_EXIT_HYPERCALL => Exit::Hypercall {
            // The kernel's field has 64 bits, the upper half zero.
            function: word(payload, 0),
            conduit: match doubleword(payload, 0x40) & KVM_HYPERCALL_EXIT_SMC {
                0 => Conduit::Hvc,
                _ => Conduit::Smc,
            },
        },
        KVM_EXIT_MMIO => mmio(payload).unwrap_or(Exit::Unknown(reason)),
        KVM_EXIT_FAIL_ENTRY => Exit::FailedEntry {
            reason: doubleword(payload, 0),
            cpu: word(payload, 8),
        },
        KVM_EXIT_INTR => Exit::Kicked,
        KVM_EXIT_INTERNAL_ERROR => Exit::InternalError {
            suberror: word(payload, 0),
        },
        KVM_EXIT_SYSTEM_EVENT => Exit::SystemEvent(SystemEvent {
            kind: system_event_kind(word(payload, 0)),
            flags: doubleword(payload, 8),
        }),
        KVM_EXIT_ARM_NISV => Exit::UndecodableAbort {
            esr_iss: doubleword(payload, 0),
            fault_ipa: GuestAddress(doubleword(payload, 8)),
        },
        KVM_EXIT_MEMORY_FAULT => Exit::MemoryFault {
            address: GuestAddress(doubleword(payload, 8)),
            size: doubleword(payload, 16),
        },
        other => Exit::Unknown(other),
    }
}

/// None for a width no instruction has.
fn mmio(payload: &[u8; PAYLOAD]) -> Option<Exit> {
    let address = GuestAddress(doubleword(payload, 0));
    let width = Width::from_bytes(word(payload, 16).into())?;
    Some(match payload[20] {
        0 => Exit::MmioRead { address, width },
        // The rest of the data is stale.
        _ => Exit::MmioWrite {
            address,
            width,
            value: width.truncate(doubleword(payload, 8)),
        },
    })
}

fn system_event_kind(number: u32) -> SystemEventKind {
    match number {
        1 => SystemEventKind::Shutdown,
        2 => SystemEventKind::Reset,
        3 => SystemEventKind::Crash,
        4 => SystemEventKind::Wakeup,
        5 => SystemEventKind::Suspend,
        other => SystemEventKind::Other(other),
    }
}

fn doubleword(payload: &[u8; PAYLOAD], offset: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&payload[offset..offset + 8]);
    u64::from_le_bytes(bytes)
}

fn word(payload: &[u8; PAYLOAD], offset: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&payload[offset..offset + 4]);
    u32::from_le_bytes(bytes)
}

const KVM_EXIT_HYPERCALL: u32 = 3;
const KVM_EXIT_MMIO: u32 = 6;
const KVM_EXIT_FAIL_ENTRY: u32 = 9;
const KVM_EXIT_INTR: u32 = 10;
const KVM_EXIT_INTERNAL_ERROR: u32 = 17;
const KVM_EXIT_SYSTEM_EVENT: u32 = 24;
const KVM_EXIT_ARM_NISV: u32 = 28;
pub(super) const KVM_EXIT_MEMORY_FAULT: u32 = 39;

/// Set in a hypercall's flags when the conduit was SMC.
const KVM_HYPERCALL_EXIT_SMC: u64 = 1;

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use kvm_bindings::kvm_run;

    use super::*;

    /// A union that starts with these 64-bit words.
    fn payload(words: &[u64]) -> [u8; PAYLOAD] {
        let mut payload = [0; PAYLOAD];
        for (at, word) in payload.chunks_exact_mut(8).zip(words) {
            at.copy_from_slice(&word.to_le_bytes());
        }
        payload
    }

    fn mmio_payload(address: u64, data: [u8; 8], len: u32, is_write: u8) -> [u8; PAYLOAD] {
        let mut payload = payload(&[address]);
        payload[8..16].copy_from_slice(&data);
        payload[16..20].copy_from_slice(&len.to_le_bytes());
        payload[20] = is_write;
        payload
    }

    fn event_payload(number: u32, count: u32, flags: u64) -> [u8; PAYLOAD] {
        let mut payload = payload(&[0, flags]);
        payload[0..4].copy_from_slice(&number.to_le_bytes());
        payload[4..8].copy_from_slice(&count.to_le_bytes());
        payload
    }

    #[test]
    fn the_union_starts_at_byte_32() {
        assert_eq!(offset_of!(kvm_run, __bindgen_anon_1), 0x20);
        assert_eq!(offset_of!(kvm_run, exit_reason), 8);
    }

    #[test]
    fn a_forwarded_hvc_tells_its_function() {
        let exit = decode(3, &payload(&[0x8400_0003, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(
            exit,
            Exit::Hypercall {
                function: 0x8400_0003,
                conduit: Conduit::Hvc
            }
        );
    }

    #[test]
    fn a_forwarded_smc_is_told_by_bit_zero_of_the_flags() {
        let exit = decode(3, &payload(&[0xc400_0003, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(
            exit,
            Exit::Hypercall {
                function: 0xc400_0003,
                conduit: Conduit::Smc
            }
        );
        let wide = decode(3, &payload(&[0xc400_0003, 0, 0, 0, 0, 0, 0, 0, 2]));
        assert_eq!(
            wide,
            Exit::Hypercall {
                function: 0xc400_0003,
                conduit: Conduit::Hvc
            }
        );
    }

    #[test]
    fn a_read_tells_address_and_width() {
        let exit = decode(6, &mmio_payload(0x0900_0018, [0xff; 8], 4, 0));
        let address = GuestAddress(0x0900_0018);
        assert_eq!(
            exit,
            Exit::MmioRead {
                address,
                width: Width::Word
            }
        );
    }

    #[test]
    fn a_write_drops_the_stale_bytes_beyond_its_width() {
        let address = GuestAddress(0x0900_0000);
        let mut data = [0xee; 8];
        data[..2].copy_from_slice(&0x1234_u16.to_le_bytes());
        assert_eq!(
            decode(6, &mmio_payload(address.0, data, 2, 1)),
            Exit::MmioWrite {
                address,
                width: Width::Halfword,
                value: 0x1234
            }
        );
        let data = 0x1122_3344_5566_7788_u64.to_le_bytes();
        assert_eq!(
            decode(6, &mmio_payload(address.0, data, 8, 1)),
            Exit::MmioWrite {
                address,
                width: Width::Doubleword,
                value: 0x1122_3344_5566_7788
            }
        );
    }

    #[test]
    fn an_access_of_no_known_width_is_reported_by_number() {
        assert_eq!(decode(6, &mmio_payload(0, [0; 8], 3, 0)), Exit::Unknown(6));
        assert_eq!(decode(6, &mmio_payload(0, [0; 8], 0, 1)), Exit::Unknown(6));
    }

    #[test]
    fn system_events_have_kind_and_flags() {
        let reset2 = SystemEvent {
            kind: SystemEventKind::Reset,
            flags: 1,
        };
        assert_eq!(
            decode(24, &event_payload(2, 1, 1)),
            Exit::SystemEvent(reset2)
        );
        for (number, kind) in [
            (1, SystemEventKind::Shutdown),
            (3, SystemEventKind::Crash),
            (4, SystemEventKind::Wakeup),
            (5, SystemEventKind::Suspend),
            (6, SystemEventKind::Other(6)),
        ] {
            let event = SystemEvent { kind, flags: 0 };
            assert_eq!(
                decode(24, &event_payload(number, 0, 0)),
                Exit::SystemEvent(event)
            );
        }
    }

    #[test]
    fn the_flags_word_of_older_kernels_is_where_the_first_data_word_is() {
        // Before Linux 5.18 there was no count: it reads as padding, 0.
        let event = SystemEvent {
            kind: SystemEventKind::Shutdown,
            flags: 1,
        };
        assert_eq!(
            decode(24, &event_payload(1, 0, 1)),
            Exit::SystemEvent(event)
        );
    }

    #[test]
    fn an_undecodable_abort_tells_syndrome_and_address() {
        let exit = decode(28, &payload(&[0x46, 0x0900_0000]));
        let fault_ipa = GuestAddress(0x0900_0000);
        assert_eq!(
            exit,
            Exit::UndecodableAbort {
                esr_iss: 0x46,
                fault_ipa
            }
        );
    }

    #[test]
    fn failures_of_the_kernel_keep_their_reasons() {
        assert_eq!(
            decode(9, &payload(&[1, 3])),
            Exit::FailedEntry { reason: 1, cpu: 3 }
        );
        assert_eq!(
            decode(17, &payload(&[4])),
            Exit::InternalError { suberror: 4 }
        );
        let address = GuestAddress(0x4000_0000);
        let fault = decode(39, &payload(&[0, 0x4000_0000, 0x1000]));
        assert_eq!(
            fault,
            Exit::MemoryFault {
                address,
                size: 0x1000
            }
        );
    }

    #[test]
    fn an_interrupted_run_is_a_kick() {
        assert_eq!(decode(10, &payload(&[])), Exit::Kicked);
    }

    #[test]
    fn an_unknown_reason_survives_as_its_number() {
        assert_eq!(decode(42, &payload(&[])), Exit::Unknown(42));
    }

    #[test]
    fn an_spi_line_is_type_one_and_its_intid() {
        assert_eq!(spi_line(33), 0x0100_0021);
        assert_eq!(spi_line(1019), 0x0100_03fb);
    }

    #[test]
    fn the_smccc_filter_is_base_count_action_and_zeroes() {
        let bytes = smccc_filter(0x8400_0000, 0x20, FilterAction::Forward);
        assert_eq!(bytes[..9], [0, 0, 0, 0x84, 0x20, 0, 0, 0, 2]);
        assert_eq!(bytes[9..], [0; 15]);
    }

    #[test]
    fn a_redistributor_region_packs_count_base_and_index() {
        let region = redistributor_region(1, GuestAddress(0x40_0000_0000), 389);
        assert_eq!(region, Some(0x1850_0040_0000_0001));
    }

    #[test]
    fn a_redistributor_region_refuses_parts_that_do_not_fit() {
        assert_eq!(
            redistributor_region(0x1000, GuestAddress(0x1_0000), 1),
            None
        );
        assert_eq!(
            redistributor_region(0, GuestAddress(0x1_0000), 0x1000),
            None
        );
        assert_eq!(redistributor_region(0, GuestAddress(0x1000), 1), None);
        assert_eq!(redistributor_region(0, GuestAddress(1 << 52), 1), None);
    }

    #[test]
    fn mp_states_are_the_kernels_numbers() {
        for (number, state) in [
            (0, MpState::Runnable),
            (5, MpState::Stopped),
            (10, MpState::Suspended),
        ] {
            assert_eq!(mp_state(number), Some(state));
            assert_eq!(state as u32, number);
        }
        assert_eq!(mp_state(3), None);
    }
}
