//! What lies in RAM beside the image, and what is found there after the end.

use vambrace_core::memory::Ipa;

use super::{NOP, SYSTEM_OFF, SYSTEM_RESET, act, call, core, kernel, silent};
use crate::machine::{Config, Contents, End, Error, Machine};
use crate::memory::MemoryError;
use crate::sys::Errno;
use crate::sys::fake::{FakeHost, Step};

fn with(contents: &[(u64, &[u8])]) -> Config {
    Config {
        contents: contents
            .iter()
            .map(|(address, bytes)| Contents {
                address: Ipa::new(*address),
                bytes: (*bytes).into(),
            })
            .collect(),
        ..core(1)
    }
}

fn bytes<const N: usize>(machine: &Machine<'_>, address: u64) -> [u8; N] {
    let mut bytes = [0; N];
    machine
        .memory()
        .read(Ipa::new(address), &mut bytes)
        .unwrap();
    bytes
}

#[test]
fn contents_are_there_before_the_first_instruction_and_again_after_a_reset() {
    let machine = Machine::new(with(&[(0x4040_0000, &[1, 2, 3, 4])]), NOP).unwrap();
    let host = FakeHost::new();
    let expect_and_spoil = || {
        let memory = machine.memory().clone();
        act(move || {
            let mut seen = [0; 4];
            memory.read(Ipa::new(0x4040_0000), &mut seen).unwrap();
            assert_eq!(seen, [1, 2, 3, 4]);
            memory.write(Ipa::new(0x4040_0000), &[9; 8]).unwrap();
        })
    };
    host.script(0, [expect_and_spoil()]);
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, [expect_and_spoil()]);
    host.script(0, call(SYSTEM_OFF, []));
    assert_eq!(machine.run(&host, &silent()).unwrap().resets, 1);
    assert_eq!(bytes(&machine, 0x4040_0000), [9; 8]);
}

#[test]
fn later_contents_win_over_earlier_ones_and_over_the_image() {
    let config = with(&[(0x4008_0000, &[1, 1, 1]), (0x4008_0001, &[2])]);
    let machine = Machine::new(config, NOP).unwrap();
    let host = FakeHost::new();
    host.script(0, call(SYSTEM_OFF, []));
    machine.run(&host, &silent()).unwrap();
    assert_eq!(bytes(&machine, 0x4008_0000), [1, 2, 1, 0xd5]);
}

#[test]
fn contents_that_leave_ram_are_refused_before_anything_is_made() {
    for address in [0x3fff_ffff, 0x40ff_ffff, u64::MAX] {
        let error = Machine::new(with(&[(address, &[0; 2])]), NOP).unwrap_err();
        assert!(
            matches!(error, Error::Memory(MemoryError::OutsideRam { .. })),
            "{error}"
        );
    }
}

#[test]
fn what_a_guest_leaves_is_there_after_it_crashed() {
    let machine = Machine::new(kernel(1), NOP).unwrap();
    let host = FakeHost::new();
    let memory = machine.memory().clone();
    host.script(
        0,
        [
            act(move || memory.write(Ipa::new(0x4040_0000), &[7; 2]).unwrap()),
            Step::Exit(crate::sys::Exit::SystemEvent(crate::sys::SystemEvent {
                kind: crate::sys::SystemEventKind::Crash,
                flags: 0,
            })),
        ],
    );
    let report = machine.run(&host, &silent()).unwrap();
    assert!(matches!(report.end, End::Crashed(_)), "{:?}", report.end);
    assert_eq!(bytes(&machine, 0x4040_0000), [7, 7]);
}

#[test]
fn a_machine_whose_host_refuses_it_has_not_begun() {
    let machine = Machine::new(core(1), NOP).unwrap();
    let host = FakeHost::new();
    host.fail_nth(0, Errno::EIO);
    machine.run(&host, &silent()).unwrap_err();
    assert!(!machine.has_begun());
    host.script(0, call(SYSTEM_OFF, []));
    machine.run(&host, &silent()).unwrap();
    assert!(machine.has_begun());
}
