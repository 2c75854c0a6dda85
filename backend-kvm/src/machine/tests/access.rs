//! Accesses to addresses without RAM, decoded by KVM or not.

use vm_memory::GuestAddress;

use super::{Captured, SYSTEM_OFF, after_run, call, core};
use crate::address::Width;
use crate::devices::Unclaimed;
use crate::machine::{Devices, End, Machine};
use crate::sys::fake::{FakeHost, Step};
use crate::sys::{Exit, Operation, RegisterId};

/// `str w1, [x0], #4`: no syndrome tells of it, as it changes two registers.
const POST_INDEXED_STORE: u32 = 0xb800_4401;
/// `str q0, [x0]`.
const SIMD_STORE: u32 = 0x3d80_0000;

const UART: GuestAddress = GuestAddress(0x900_0000);
const NOTHING: GuestAddress = GuestAddress(0xa00_0000);

/// Runs an image of one instruction that faults at `address`; how it ended and what it wrote.
fn fault(
    host: &FakeHost,
    instruction: u32,
    address: GuestAddress,
    unclaimed: Unclaimed,
) -> (End, String) {
    const ISS_WRITE: u64 = 1 << 6;
    host.script(
        0,
        [
            Step::Set(RegisterId::X[0], address.0),
            Step::Set(RegisterId::X[1], 0x41),
            Step::Exit(Exit::UndecodableAbort {
                esr_iss: ISS_WRITE,
                fault_ipa: address,
            }),
        ],
    );
    host.script(0, call(SYSTEM_OFF, []));
    let output = Captured::default();
    let devices = Devices::new(Box::new(output.clone()), 100, unclaimed);
    let image = instruction.to_le_bytes();
    let machine = Machine::new(core(1), &image).unwrap();
    let end = machine.run(host, &devices).unwrap().end;
    (end, output.take())
}

#[test]
fn a_store_that_kvm_cannot_decode_reaches_its_device() {
    let host = FakeHost::new();
    let (end, output) = fault(&host, POST_INDEXED_STORE, UART, Unclaimed::ZeroAndIgnored);
    assert!(matches!(end, End::Off));
    assert_eq!(output, "A");
    assert_eq!(host.register(0, RegisterId::X[0]), 0x900_0004);
    assert_eq!(host.register(0, RegisterId::PC), 0x4008_0004);
}

#[test]
fn an_instruction_that_is_not_emulated_ends_the_run_and_is_named() {
    let (end, _) = fault(
        &FakeHost::new(),
        SIMD_STORE,
        UART,
        Unclaimed::ZeroAndIgnored,
    );
    let End::Crashed(crash) = end else {
        panic!("no crash: {end:?}")
    };
    let text = crash.to_string();
    let expected = "vCPU 0: cannot emulate the guest's access to 0x9000000 at PC 0x40080000, \
                    instruction 0x3d800000: ";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn a_strict_machine_aborts_an_emulated_access_and_completes_nothing() {
    let host = FakeHost::new();
    let (end, _) = fault(&host, POST_INDEXED_STORE, NOTHING, Unclaimed::ExternalAbort);
    assert!(matches!(end, End::Off));
    assert_eq!(
        after_run(&host, 0, 0).last(),
        Some(&Operation::InjectExternalAbort)
    );
    assert_eq!(host.register(0, RegisterId::X[0]), 0xa00_0000);
    assert_eq!(host.register(0, RegisterId::PC), 0x4008_0000);
}

/// What answers an access where no device is.
fn answered(access: Exit, unclaimed: Unclaimed) -> Vec<Operation> {
    let host = FakeHost::new();
    host.script(0, [Step::Exit(access)]);
    host.script(0, call(SYSTEM_OFF, []));
    let devices = Devices::new(Box::new(std::io::sink()), 0, unclaimed);
    let machine = Machine::new(core(1), super::NOP).unwrap();
    assert!(matches!(
        machine.run(&host, &devices).unwrap().end,
        End::Off
    ));
    after_run(&host, 0, 0)
}

#[test]
fn an_access_without_a_device_reads_0_and_ignores_the_write() {
    let width = Width::Word;
    let read = answered(
        Exit::MmioRead {
            address: NOTHING,
            width,
        },
        Unclaimed::ZeroAndIgnored,
    );
    assert_eq!(read, [Operation::CompleteRead(0)]);
    let access = Exit::MmioWrite {
        address: NOTHING,
        width,
        value: 1,
    };
    assert_eq!(answered(access, Unclaimed::ZeroAndIgnored), []);
}

#[test]
fn an_access_without_a_device_aborts_on_a_strict_machine() {
    let width = Width::Byte;
    for access in [
        Exit::MmioRead {
            address: NOTHING,
            width,
        },
        Exit::MmioWrite {
            address: NOTHING,
            width,
            value: 1,
        },
    ] {
        assert_eq!(
            answered(access, Unclaimed::ExternalAbort),
            [Operation::InjectExternalAbort]
        );
    }
}
