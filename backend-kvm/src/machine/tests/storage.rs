//! Disks that do not answer, through a whole machine.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use vambrace_core::memory::Ipa;
use vm_memory::GuestAddress;

use super::{
    NOP, SYSTEM_OFF, act, call, core, event, kernel, set_up_virtio, store_to_virtio, wait_for,
};
use crate::address::Width;
use crate::devices::Unclaimed;
use crate::devices::virtio::{Access, Block, Buffers, Room, Storage};
use crate::machine::{Devices, End, Machine};
use crate::memory::GuestMemory;
use crate::sys::fake::{FakeHost, Step};
use crate::sys::{Exit, Operation, SystemEventKind};

/// A disk of eight sectors, which is read when somebody lets it.
#[derive(Debug, Clone, Default)]
struct Gated(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    asked: bool,
    open: bool,
}

impl Gated {
    fn was_asked(&self) -> bool {
        self.0.0.lock().unwrap().asked
    }

    fn is_open(&self) -> bool {
        self.0.0.lock().unwrap().open
    }

    fn open(&self) {
        self.0.0.lock().unwrap().open = true;
        self.0.1.notify_all();
    }
}

impl Storage for Gated {
    fn length(&self) -> u64 {
        4096
    }

    fn access(&self) -> Access {
        Access::ReadOnly
    }

    fn block_size(&self) -> u32 {
        512
    }

    fn granularity(&self) -> u32 {
        512
    }

    fn serial(&self) -> [u8; 20] {
        [0; 20]
    }

    fn read(&mut self, _: u64, mut into: Buffers<'_>) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.asked = true;
        while !state.open {
            state = self.0.1.wait(state).unwrap();
        }
        into.write(&[7; 4096]);
        Ok(())
    }

    fn write(&mut self, _: u64, _: Buffers<'_>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn discard(&mut self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn write_zeroes(&mut self, _: u64, _: u64, _: Room) -> io::Result<()> {
        Ok(())
    }
}

fn with_disk() -> (Devices, Gated) {
    let mut devices = Devices::new(Box::new(io::sink()), 0, Unclaimed::ZeroAndIgnored);
    let disk = Gated::default();
    devices
        .add_virtio(Box::new(Block::new(disk.clone())))
        .unwrap();
    (devices, disk)
}

fn load(offset: u64) -> Step {
    Step::Exit(Exit::MmioRead {
        address: GuestAddress(0x0a00_0000 + offset),
        width: Width::Word,
    })
}

/// A driver that asks for the first sector, and goes on when the disk has heard of it.
fn ask(memory: &GuestMemory, disk: &Gated) -> Vec<Step> {
    let mut steps = set_up_virtio();
    let (memory, disk) = (memory.clone(), disk.clone());
    steps.push(act(move || {
        let pieces = [
            (0x4020_1000_u64, 16_u32, 1_u16, 1_u16),
            (0x4020_2000, 512, 3, 2),
            (0x4020_3000, 1, 2, 0),
        ];
        for (index, (address, length, flags, next)) in (0..).zip(pieces) {
            let mut descriptor = [0; 16];
            descriptor[..8].copy_from_slice(&address.to_le_bytes());
            descriptor[8..12].copy_from_slice(&length.to_le_bytes());
            descriptor[12..14].copy_from_slice(&flags.to_le_bytes());
            descriptor[14..].copy_from_slice(&next.to_le_bytes());
            let at = Ipa::new(0x4020_0000 + index * 16);
            memory.write(at, &descriptor).unwrap();
        }
        memory.write(Ipa::new(0x4020_0102), &[1]).unwrap();
    }));
    steps.push(store_to_virtio(0x50, 0));
    steps.push(act(move || wait_for(|| disk.was_asked())));
    steps
}

/// What the guest has read, in order.
fn reads(host: &FakeHost) -> Vec<u64> {
    let log = host.log_of(0).into_iter();
    log.filter_map(|operation| match operation {
        Operation::CompleteRead(value) => Some(value),
        _ => None,
    })
    .collect()
}

#[test]
fn an_interrupt_handler_waits_for_no_disk() {
    let (host, (devices, disk)) = (FakeHost::new(), with_disk());
    let machine = Machine::new(core(1), NOP).unwrap();
    host.script(0, ask(machine.memory(), &disk));
    host.script(
        0,
        [load(0x60), store_to_virtio(0x64, 1), load(0x70), load(0xfc)],
    );
    let opened = disk.clone();
    host.script(0, [act(move || opened.open())]);
    // The configuration space is read when the disk is back.
    host.script(0, [load(0x100)]);
    host.script(0, call(SYSTEM_OFF, []));
    let report = machine.run(&host, &devices).unwrap();
    assert!(matches!(report.end, End::Off));
    assert_eq!(reads(&host)[..4], [0, 0xf, 0, 8]);
}

#[test]
fn a_machine_ends_although_a_disk_does_not_answer() {
    let (host, (devices, disk)) = (FakeHost::new(), with_disk());
    let machine = Machine::new(core(1), NOP).unwrap();
    host.script(0, ask(machine.memory(), &disk));
    host.script(0, call(SYSTEM_OFF, []));
    let report = machine.run(&host, &devices).unwrap();
    assert!(matches!(report.end, End::Off));
    assert!(!disk.is_open());
    let left = devices.wait_for_threads(Duration::ZERO);
    assert_eq!(left, ["virtio block 0"]);
    disk.open();
    wait_for(|| devices.wait_for_threads(Duration::ZERO).is_empty());
}

#[test]
fn devices_are_another_machines_when_the_disk_has_answered() {
    let (host, (devices, disk)) = (FakeHost::new(), with_disk());
    let machine = Machine::new(core(1), NOP).unwrap();
    host.script(0, ask(machine.memory(), &disk));
    host.script(0, call(SYSTEM_OFF, []));
    machine.run(&host, &devices).unwrap();
    let next = FakeHost::new();
    let answered = disk.clone();
    next.script(0, [act(move || assert!(answered.is_open()))]);
    next.script(0, call(SYSTEM_OFF, []));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            disk.open();
        });
        let report = Machine::new(core(1), NOP).unwrap().run(&next, &devices);
        assert!(matches!(report.unwrap().end, End::Off));
    });
}

#[test]
fn a_vcpu_that_resets_a_disk_which_does_not_answer_can_be_stopped() {
    let (host, (devices, disk)) = (FakeHost::new(), with_disk());
    let machine = Machine::new(core(1), NOP).unwrap();
    host.script(0, ask(machine.memory(), &disk));
    host.script(0, [store_to_virtio(0x70, 0), load(0x70)]);
    let stopper = machine.stopper();
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_for(|| disk.was_asked());
            stopper.stop();
        });
        let report = machine.run(&host, &devices).unwrap();
        assert!(matches!(report.end, End::Stopped));
    });
    disk.open();
}

#[test]
fn a_machine_boots_again_when_its_disk_has_answered() {
    let (host, (devices, disk)) = (FakeHost::new(), with_disk());
    let machine = Machine::new(kernel(1), NOP).unwrap();
    host.script(0, ask(machine.memory(), &disk));
    host.script(0, [event(SystemEventKind::Reset)]);
    let again = Arc::new(AtomicBool::new(false));
    let (seen, answered) = (again.clone(), disk.clone());
    host.script(
        0,
        [
            act(move || seen.store(answered.is_open(), Ordering::SeqCst)),
            event(SystemEventKind::Shutdown),
        ],
    );
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_for(|| disk.was_asked());
            thread::sleep(Duration::from_millis(300));
            disk.open();
        });
        let report = machine.run(&host, &devices).unwrap();
        assert_eq!(report.resets, 1);
    });
    assert!(again.load(Ordering::SeqCst));
}

#[test]
fn a_machine_that_waits_for_a_disk_to_boot_again_can_be_stopped() {
    let (host, (devices, disk)) = (FakeHost::new(), with_disk());
    let machine = Machine::new(kernel(1), NOP).unwrap();
    host.script(0, ask(machine.memory(), &disk));
    let resets = Arc::new(AtomicBool::new(false));
    let about_to = resets.clone();
    host.script(0, [act(move || about_to.store(true, Ordering::SeqCst))]);
    host.script(0, [event(SystemEventKind::Reset)]);
    let stopper = machine.stopper();
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_for(|| resets.load(Ordering::SeqCst));
            thread::sleep(Duration::from_millis(200));
            stopper.stop();
        });
        let report = machine.run(&host, &devices).unwrap();
        assert!(matches!(report.end, End::Stopped));
        assert_eq!(report.resets, 0);
    });
    disk.open();
}
