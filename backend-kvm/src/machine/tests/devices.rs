//! Devices that the I/O thread serves, through a whole machine.

use std::io;
use std::sync::{Arc, Mutex};

use vambrace_core::memory::Ipa;
use vm_memory::GuestAddress;

use super::{
    NOP, SYSTEM_OFF, act, call, core, event, kernel, set_up_virtio, store_to_virtio, wait_for,
};
use crate::address::Width;
use crate::devices::Unclaimed;
use crate::devices::virtio::{Entropy, SystemRandom};
use crate::machine::{Devices, End, Machine};
use crate::memory::GuestMemory;
use crate::sys::fake::{FakeHost, Step};
use crate::sys::{Errno, Exit, Level, Operation, SystemEventKind};

fn with_entropy() -> Devices {
    let mut devices = Devices::new(Box::new(io::sink()), 0, Unclaimed::ZeroAndIgnored);
    devices
        .add_virtio(Box::new(Entropy::new(SystemRandom)))
        .unwrap();
    devices
}

/// One buffer of 16 bytes at 0x4020_1000, available.
fn offer(memory: &GuestMemory) {
    let mut descriptor = [0; 16];
    descriptor[..8].copy_from_slice(&0x4020_1000_u64.to_le_bytes());
    descriptor[8] = 16;
    descriptor[12] = 2;
    memory.write(Ipa::new(0x4020_0000), &descriptor).unwrap();
    memory.write(Ipa::new(0x4020_0102), &[1]).unwrap();
}

/// What was asked for the interrupt of the first slot.
fn interrupts(host: &FakeHost) -> Vec<Level> {
    let log = host.log().into_iter();
    log.filter_map(|(_, operation)| match operation {
        Operation::SetIrqLine { intid: 48, level } => Some(level),
        _ => None,
    })
    .collect()
}

#[test]
fn a_doorbell_is_served_on_the_io_thread_and_the_guest_is_interrupted() {
    let (host, devices) = (FakeHost::new(), with_entropy());
    let machine = Machine::new(core(1), NOP).unwrap();
    let memory = machine.memory().clone();
    host.script(0, set_up_virtio());
    host.script(0, [act(move || offer(&memory)), store_to_virtio(0x50, 0)]);
    let after = host.clone();
    host.script(0, [act(move || wait_for(|| interrupts(&after).len() == 1))]);
    host.script(0, [store_to_virtio(0x64, 1)]);
    host.script(0, call(SYSTEM_OFF, []));
    let report = machine.run(&host, &devices).unwrap();
    assert!(matches!(report.end, End::Off));
    assert_eq!(interrupts(&host), [Level::High, Level::Low]);
    let mut drawn = [0; 16];
    machine
        .memory()
        .read(Ipa::new(0x4020_1000), &mut drawn)
        .unwrap();
    assert_ne!(drawn, [0; 16]);
}

#[test]
fn doorbells_are_the_new_vms_after_a_reset() {
    let (host, devices) = (FakeHost::new(), with_entropy());
    let machine = Machine::new(kernel(1), NOP).unwrap();
    host.script(0, set_up_virtio());
    host.script(0, [event(SystemEventKind::Reset)]);
    let status = Arc::new(Mutex::new(None));
    host.script(
        0,
        [
            Step::Exit(Exit::MmioRead {
                address: GuestAddress(0x0a00_0070),
                width: Width::Word,
            }),
            act({
                let (host, status) = (host.clone(), status.clone());
                move || {
                    let log = host.log_of(0).into_iter().rev();
                    let mut reads = log.filter_map(|operation| match operation {
                        Operation::CompleteRead(value) => Some(value),
                        _ => None,
                    });
                    *status.lock().unwrap() = reads.next();
                }
            }),
            event(SystemEventKind::Shutdown),
        ],
    );
    let report = machine.run(&host, &devices).unwrap();
    assert_eq!(report.resets, 1);
    assert_eq!(*status.lock().unwrap(), Some(0));
    let signals = host
        .log()
        .into_iter()
        .filter(|(_, operation)| *operation == Operation::SignalOnWrite(GuestAddress(0x0a00_0050)));
    assert_eq!(signals.count(), 2);
}

#[test]
fn a_doorbell_that_kvm_refuses_ends_the_run_before_the_guest_begins() {
    let (host, devices) = (FakeHost::new(), with_entropy());
    let refused = Operation::SignalOnWrite(GuestAddress(0x0a00_0050));
    host.fail(refused, Errno::EEXIST);
    let machine = Machine::new(core(1), NOP).unwrap();
    let error = machine.run(&host, &devices).unwrap_err().to_string();
    assert_eq!(
        error,
        "KVM_IOEVENTFD at 0xa000050 failed: EEXIST: File exists (os error 17)"
    );
    assert!(!host.log_of(0).contains(&Operation::Run));
}
