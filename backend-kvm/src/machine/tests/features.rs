//! What firmware has beyond the least, where core answers: what it takes of the host, and when.

use vambrace_core::firmware::Dialect;
use vambrace_core::memory::Ipa;

use super::{
    SUCCESS, SYSTEM_OFF, SYSTEM_RESET, act, after_run, before_first_run, call, core, end, event,
    restart, results, silent,
};
use crate::machine::{Config, End, Features, Machine};
use crate::sys::fake::{FakeHost, Step};
use crate::sys::{MpState, Operation, RegisterId, SystemEventKind, VcpuFeatures};

const SYSTEM_SUSPEND: u32 = 0xc400_000e;
const STAT_COUNT: u32 = 0xc400_0011;
const MEM_PROTECT: u32 = 0x8400_0013;
const CLEAN_INV_MEMREGION: u32 = 0xc400_0016;
const TRNG_RND64: u32 = 0xc400_0053;

/// A machine with these features, whose dialect has them all.
fn with(features: Features) -> Config {
    let dialect = Dialect::Specification;
    Config {
        features,
        dialect,
        ..core(1)
    }
}

/// What answers one call of the first vCPU's.
fn answered<const N: usize>(
    config: Config,
    function: u32,
    arguments: [u64; N],
) -> (FakeHost, Vec<Operation>) {
    let host = FakeHost::new();
    host.script(0, call(function, arguments));
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, config), End::Off));
    let operations = after_run(&host, 0, 0);
    (host, operations)
}

fn drawn() -> [u64; 4] {
    let (_, operations) = answered(with(Features::TRNG), TRNG_RND64, [192]);
    assert_eq!(operations[0], Operation::Register(RegisterId::X[1]));
    let values = [1, 2, 3, 4].map(|at| match operations[at] {
        Operation::SetRegister(_, value) => value,
        other => panic!("{other}"),
    });
    assert_eq!(operations.len(), 5);
    values
}

#[test]
fn random_bits_are_the_hosts_and_fresh_for_each_call() {
    let (first, second) = (drawn(), drawn());
    assert_eq!([first[0], second[0]], [SUCCESS, SUCCESS]);
    assert_ne!(first[1..], second[1..]);
    assert_ne!(first[1..], [0; 3]);
}

#[test]
fn a_refusal_of_random_bits_reads_its_argument_alone() {
    let (_, operations) = answered(with(Features::TRNG), TRNG_RND64, [193]);
    assert_eq!(operations[0], Operation::Register(RegisterId::X[1]));
    let invalid = Operation::SetRegister(RegisterId::X[0], 0xffff_ffff_ffff_fffe);
    assert_eq!(operations[1], invalid);
}

#[test]
fn a_call_about_the_past_needs_no_more_of_the_vcpu_than_its_arguments() {
    let (_, operations) = answered(with(Features::STATISTICS), STAT_COUNT, [0, 0]);
    let expected = [
        Operation::Register(RegisterId::X[1]),
        Operation::Register(RegisterId::X[2]),
        Operation::SetRegister(RegisterId::X[0], 0),
    ];
    assert_eq!(operations, expected);
}

#[test]
fn a_range_of_ram_is_cleaned_before_the_guest_hears_of_it() {
    let features = Features::CLEAN_INV_MEMREGION;
    let config = Config {
        psci_version: Some(vambrace_core::psci::PsciVersion::V1_3),
        ..with(features)
    };
    let (_, operations) = answered(config, CLEAN_INV_MEMREGION, [0x4000_1000, 0x180, 0]);
    let expected = [
        Operation::CleanAndInvalidate { size: 0x180 },
        Operation::SetRegister(RegisterId::X[0], SUCCESS),
    ];
    assert_eq!(operations[operations.len() - 2..], expected);
}

#[test]
fn system_suspend_waits_inside_kvm_and_starts_at_the_entry_point() {
    let host = FakeHost::new();
    host.script(0, call(SYSTEM_SUSPEND, [0x4030_0000, 9]));
    host.script(0, [event(SystemEventKind::Wakeup)]);
    host.script(0, call(SYSTEM_OFF, []));
    let config = Config {
        features: Features::SYSTEM_SUSPEND,
        ..core(2)
    };
    assert!(matches!(end(&host, config), End::Off));
    let suspended = Operation::SetMpState(MpState::Suspended);
    assert_eq!(after_run(&host, 0, 0).last(), Some(&suspended));
    let awake = [Operation::SetMpState(MpState::Runnable)];
    let started = restart(VcpuFeatures::PSCI_0_2, 0x4030_0000, 9);
    assert_eq!(after_run(&host, 0, 1), [&awake[..], &started].concat());
}

/// What the guest left in RAM outside its image, as its next boot finds it.
fn left_over(protection: Option<u64>) -> u8 {
    let host = FakeHost::new();
    let machine = Machine::new(with(Features::MEM_PROTECT), super::NOP).unwrap();
    let memory = machine.memory().clone();
    let elsewhere = Ipa::new(0x4050_0000);
    host.script(
        0,
        [act(move || memory.write(elsewhere, &[0xee; 4]).unwrap())],
    );
    if let Some(wish) = protection {
        host.script(0, call(MEM_PROTECT, [wish]));
    }
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, call(SYSTEM_OFF, []));
    assert_eq!(machine.run(&host, &silent()).unwrap().resets, 1);
    let mut byte = [0];
    machine.memory().read(elsewhere, &mut byte).unwrap();
    let mut image = [0; 4];
    machine
        .memory()
        .read(Ipa::new(0x4008_0000), &mut image)
        .unwrap();
    assert_eq!(image, super::NOP);
    byte[0]
}

#[test]
fn a_reset_clears_ram_if_the_guest_asked_for_its_protection() {
    assert_eq!(left_over(None), 0xee);
    assert_eq!(left_over(Some(0)), 0xee);
    assert_eq!(left_over(Some(1)), 0);
}

#[test]
fn stolen_time_begins_with_what_the_kernel_will_add_at_once() {
    let host = FakeHost::new();
    let config = with(Features::PV_TIME);
    let machine = Machine::new(config, super::NOP).unwrap();
    let page = machine.stolen_time.clone().unwrap();
    let in_first_life = page.clone();
    let stolen = |page: &crate::memory::GuestMemory| {
        let mut bytes = [0; 8];
        page.read(Ipa::new(0x090a_0008), &mut bytes).unwrap();
        i64::from_le_bytes(bytes)
    };
    let kernels = 1_000_000_i64.to_le_bytes();
    host.script(
        0,
        [act(move || {
            assert!(stolen(&in_first_life) <= 0);
            in_first_life
                .write(Ipa::new(0x090a_0008), &kernels)
                .unwrap();
        })],
    );
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, call(SYSTEM_OFF, []));
    assert_eq!(machine.run(&host, &silent()).unwrap().resets, 1);
    assert!(stolen(&page) <= 0);
}

#[test]
fn an_entry_in_the_page_of_stolen_time_is_not_one_in_ram() {
    let config = Config {
        vcpus: 2,
        ..with(Features::PV_TIME)
    };
    let (_, operations) = answered(config, super::CPU_ON, [1, 0x090a_0000, 0]);
    let invalid_address = Operation::SetRegister(RegisterId::X[0], 0xffff_ffff_ffff_fff7);
    assert_eq!(operations.last(), Some(&invalid_address));
}

#[test]
fn nothing_of_a_promise_is_asked_of_the_host_twice() {
    let host = FakeHost::new();
    let config = Config {
        features: Features::all(),
        ..with(Features::empty())
    };
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, config), End::Off));
    let log = host.log_of(0);
    for register in [RegisterId::MIDR_EL1, RegisterId::STD_BITMAP] {
        let asked = Operation::Register(register);
        assert_eq!(log.iter().filter(|found| **found == asked).count(), 1);
    }
    let told = Operation::SetRegister(RegisterId::WORKAROUND_1, 2);
    assert_eq!(log.iter().filter(|found| **found == told).count(), 2);
}

/// An ELF32 program for Arm: `nop` in A32 at 0x4020_0000, entered there.
fn a32() -> Vec<u8> {
    let mut image = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0".to_vec();
    for word in [1_u32, 0x4020_0000, 52, 0, 0x0500_0000] {
        image.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 40, 0, 0] {
        image.extend(half.to_le_bytes());
    }
    for word in [1_u32, 84, 0x4020_0000, 0x4020_0000, 4, 4, 5, 4] {
        image.extend(word.to_le_bytes());
    }
    image.extend(0xe320_f000_u32.to_le_bytes());
    image
}

#[test]
fn an_a32_caller_that_is_big_endian_starts_another_like_itself() {
    let host = FakeHost::new();
    let cpsr = Step::Set(RegisterId::PSTATE, 0x6000_03d3);
    host.script(0, [cpsr]);
    host.script(0, call(0x8400_0003, [1, 0x4030_0001, 7]));
    host.script(1, call(SYSTEM_OFF, []));
    let machine = Machine::new(core(2), &a32()).map(|machine| machine.run(&host, &silent()));
    assert!(matches!(machine.unwrap().unwrap().end, End::Off));
    assert!(after_run(&host, 0, 0).contains(&Operation::Register(RegisterId::PSTATE)));
    let features = VcpuFeatures::PSCI_0_2 | VcpuFeatures::EL1_32BIT;
    let expected = [
        Operation::ClearKick,
        Operation::Init(features),
        Operation::SetRegister(RegisterId::PC, 0x4030_0000),
        Operation::SetRegister(RegisterId::X[0], 7),
        Operation::SetRegister(RegisterId::PSTATE, 0x3f3),
    ];
    assert_eq!(before_first_run(&host, 1)[..5], expected);
}

#[test]
fn smc64_calls_of_an_a32_caller_are_unknown_and_read_nothing() {
    let host = FakeHost::new();
    host.script(0, call(super::CPU_ON, [1, 0x4030_0000, 7]));
    host.script(0, call(SYSTEM_OFF, []));
    let image = a32();
    let machine = Machine::new(core(2), &image).unwrap();
    assert!(matches!(
        machine.run(&host, &silent()).unwrap().end,
        End::Off
    ));
    assert_eq!(after_run(&host, 0, 0), results(super::NOT_SUPPORTED));
}
