//! Console input: from whoever types to the guest, across resets, to the end of the run.

use std::sync::Arc;
use std::thread;

use vm_memory::GuestAddress;

use super::{SYSTEM_OFF, SYSTEM_RESET, act, call, core, silent, wait_for};
use crate::address::Width;
use crate::machine::{Devices, End, Machine};
use crate::sys::fake::{FakeHost, Step};
use crate::sys::{Errno, Exit, Level, Operation};

const DATA: u64 = 0x00;
const FLAGS: u64 = 0x18;
const LINE_CONTROL: u64 = 0x2c;
const MASK: u64 = 0x38;

fn read(register: u64) -> Step {
    let address = GuestAddress(0x900_0000 + register);
    Step::Exit(Exit::MmioRead {
        address,
        width: Width::Word,
    })
}

fn write(register: u64, value: u64) -> Step {
    let address = GuestAddress(0x900_0000 + register);
    Step::Exit(Exit::MmioWrite {
        address,
        width: Width::Word,
        value,
    })
}

/// Receive and receive timeout interrupts.
fn unmask() -> Step {
    write(MASK, 0x50)
}

fn run(host: &FakeHost, devices: &Devices) -> End {
    Machine::new(core(1), super::NOP)
        .unwrap()
        .run(host, devices)
        .unwrap()
        .end
}

/// What the guest's reads were answered with.
fn values_read(host: &FakeHost) -> Vec<u64> {
    let values = host
        .log_of(0)
        .into_iter()
        .filter_map(|operation| match operation {
            Operation::CompleteRead(value) => Some(value),
            _ => None,
        });
    values.collect()
}

/// How often the UART's line rose and fell; always in turns, as it only changes.
fn line_changes(host: &FakeHost) -> usize {
    let levels = host
        .log()
        .into_iter()
        .filter_map(|(_, operation)| match operation {
            Operation::SetIrqLine { intid: 33, level } => Some(level),
            _ => None,
        });
    let levels: Vec<_> = levels.collect();
    let turns = [Level::High, Level::Low]
        .into_iter()
        .cycle()
        .take(levels.len());
    assert_eq!(levels, turns.collect::<Vec<_>>());
    levels.len()
}

#[test]
fn input_before_the_guest_reads_waits_for_it() {
    let (host, devices) = (FakeHost::new(), silent());
    devices.input(b"hi");
    host.script(0, [unmask(), read(DATA), read(DATA)]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(run(&host, &devices), End::Off));
    assert_eq!(values_read(&host), [0x68, 0x69]);
    assert_eq!(line_changes(&host), 4);
}

#[test]
fn input_interrupts_a_guest_that_waits_for_it() {
    const ROUNDS: usize = 50;
    let (host, devices) = (FakeHost::new(), Arc::new(silent()));
    host.script(0, [unmask()]);
    for round in 0..ROUNDS {
        let (typist, kernel) = (Arc::clone(&devices), host.clone());
        // The guest reads nothing meanwhile: only the input thread can raise the line.
        let typed = act(move || {
            typist.input(b"x");
            wait_for(|| line_changes(&kernel) == 2 * round + 1);
        });
        host.script(0, [typed, read(DATA)]);
    }
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(run(&host, &devices), End::Off));
    assert_eq!(values_read(&host), [0x78; ROUNDS]);
}

#[test]
fn more_input_than_the_fifo_holds_arrives_in_order() {
    let (host, devices) = (FakeHost::new(), silent());
    let text: Vec<u8> = (b'0'..=b'z').collect();
    devices.input(&text);
    host.script(0, [write(LINE_CONTROL, 0x10)]);
    host.script(0, text.iter().map(|_| read(DATA)));
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(run(&host, &devices), End::Off));
    let expected: Vec<u64> = text.into_iter().map(u64::from).collect();
    assert_eq!(values_read(&host), expected);
}

#[test]
fn emptying_the_fifo_makes_room_for_what_waits() {
    let (host, devices) = (FakeHost::new(), Arc::new(silent()));
    devices.input(&[b'a'; 20]);
    let kernel = host.clone();
    // Each change of the FIFO's mode empties it or makes room; no register is read until the end.
    host.script(
        0,
        [write(LINE_CONTROL, 0x10), write(LINE_CONTROL, 0), unmask()],
    );
    host.script(
        0,
        [
            act(move || wait_for(|| line_changes(&kernel) == 1)),
            read(DATA),
        ],
    );
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(run(&host, &devices), End::Off));
    assert_eq!(values_read(&host), [0x61]);
}

#[test]
fn input_that_no_life_has_taken_reaches_the_next() {
    let (host, devices) = (FakeHost::new(), silent());
    devices.input(b"ab");
    // The first life's UART takes one byte, which is gone with it.
    host.script(0, [read(FLAGS)]);
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, [read(FLAGS), read(DATA)]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(run(&host, &devices), End::Off));
    assert_eq!(values_read(&host).last(), Some(&0x62));
}

/// A typist who types more than there is room for.
fn typist(devices: &Arc<Devices>) -> thread::JoinHandle<()> {
    let devices = Arc::clone(devices);
    thread::spawn(move || {
        for _ in 0..5 {
            devices.input(&[b'x'; 3000]);
        }
    })
}

#[test]
fn input_does_not_wait_beyond_the_end_of_the_run() {
    let (host, devices) = (FakeHost::new(), Arc::new(silent()));
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, call(SYSTEM_OFF, []));
    let typing = typist(&devices);
    assert!(matches!(run(&host, &devices), End::Off));
    typing.join().unwrap();
}

#[test]
fn input_does_not_wait_for_a_machine_that_cannot_be_made() {
    let (host, devices) = (FakeHost::new(), Arc::new(silent()));
    host.fail(Operation::CreateVm { ipa_bits: 40 }, Errno::ENOMEM);
    let typing = typist(&devices);
    Machine::new(core(1), super::NOP)
        .unwrap()
        .run(&host, &devices)
        .unwrap_err();
    typing.join().unwrap();
}

#[test]
fn an_interrupt_line_that_cannot_be_set_ends_the_run() {
    let (host, devices) = (FakeHost::new(), Arc::new(silent()));
    host.fail(
        Operation::SetIrqLine {
            intid: 33,
            level: Level::High,
        },
        Errno::ENXIO,
    );
    let typist = Arc::clone(&devices);
    host.script(0, [unmask(), act(move || typist.input(b"x"))]);
    let error = Machine::new(core(2), super::NOP)
        .unwrap()
        .run(&host, &devices)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("KVM_IRQ_LINE of interrupt 33 to High failed"),
        "{text}"
    );
}
