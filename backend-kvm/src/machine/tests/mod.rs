//! Stories of whole machines on the scripted kernel.

mod access;
mod calls;
mod console;
mod contract;
mod devices;
mod ends;
mod failures;
mod features;
mod memory_files;
mod seeds;
mod storage;
mod suspend;

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use vambrace_core::firmware::{Dialect, KvmGeneration};
use vm_memory::GuestAddress;

use super::{
    Config, Devices, End, Error, Features, FirmwareKind, Machine, OnReset, Report, SeedChoice,
};
use crate::address::Width;
use crate::devices::Unclaimed;
use crate::sys::fake::{FakeHost, Record, Step};
use crate::sys::{
    Conduit, Exit, Operation, RegisterId, SystemEvent, SystemEventKind, VcpuFeatures,
};

/// NOP, as a flat image: it lies and starts at 0x4008_0000, its device tree at 0x4020_0000.
const NOP: &[u8] = &[0x1f, 0x20, 0x03, 0xd5];

const CPU_SUSPEND: u32 = 0xc400_0001;
const CPU_OFF: u32 = 0x8400_0002;
const CPU_ON: u32 = 0xc400_0003;
const SYSTEM_OFF: u32 = 0x8400_0008;
const SYSTEM_RESET: u32 = 0x8400_0009;
const SYSTEM_RESET2: u32 = 0xc400_0012;

const SUCCESS: u64 = 0;
const NOT_SUPPORTED: u64 = 0xffff_ffff_ffff_ffff;
const ALREADY_ON: u64 = 0xffff_ffff_ffff_fffc;

/// A machine that answers as Linux 6.12 does. Whatever hangs runs into the time limit.
fn config(vcpus: u16, firmware: FirmwareKind) -> Config {
    Config {
        vcpus,
        memory: 16 << 20,
        boot_arguments: None,
        firmware,
        dialect: Dialect::Kvm(KvmGeneration::V6_12),
        psci_version: None,
        features: Features::empty(),
        gic: None,
        its: None,
        contents: Vec::new(),
        seeds: SeedChoice::Absent,
        reset: OnReset::Reboot { most: 3 },
        time_limit: Some(Duration::from_secs(60)),
        flip: None,
        contract: None,
        normalisations: Vec::new(),
    }
}

pub(super) fn core(vcpus: u16) -> Config {
    config(vcpus, FirmwareKind::Core)
}

pub(super) fn kernel(vcpus: u16) -> Config {
    config(vcpus, FirmwareKind::Kernel)
}

fn silent() -> Devices {
    Devices::new(Box::new(io::sink()), 0, Unclaimed::ZeroAndIgnored)
}

fn run(host: &FakeHost, config: Config) -> Result<Report, Error> {
    Machine::new(config, NOP)?.run(host, &silent())
}

/// How a run ended that had no reason to fail.
fn end(host: &FakeHost, config: Config) -> End {
    run(host, config).unwrap().end
}

/// The guest calls firmware.
fn call<const N: usize>(function: u32, arguments: [u64; N]) -> Vec<Step> {
    let registers = RegisterId::X.into_iter().skip(1).zip(arguments);
    let mut steps: Vec<_> = registers
        .map(|(register, value)| Step::Set(register, value))
        .collect();
    let conduit = Conduit::Hvc;
    steps.push(Step::Exit(Exit::Hypercall { function, conduit }));
    steps
}

/// KVM's own firmware, or its GIC, speaks.
fn event(kind: SystemEventKind) -> Step {
    flagged(kind, 0)
}

fn flagged(kind: SystemEventKind, flags: u64) -> Step {
    Step::Exit(Exit::SystemEvent(SystemEvent { kind, flags }))
}

fn act(something: impl FnOnce() + Send + 'static) -> Step {
    Step::Do(Box::new(something))
}

/// The guest goes on once the log of vCPU `index` is as it has to be.
fn until_log_of(
    host: &FakeHost,
    index: u32,
    reached: impl Fn(&[Operation]) -> bool + Send + 'static,
) -> Step {
    let host = host.clone();
    act(move || wait_for(|| reached(&host.log_of(index))))
}

fn wait_for(reached: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !reached() {
        assert!(
            Instant::now() < deadline,
            "what the test waits for never comes"
        );
        thread::sleep(Duration::from_micros(200));
    }
}

fn runs(log: &[Operation]) -> usize {
    log.iter()
        .filter(|operation| **operation == Operation::Run)
        .count()
}

/// What was asked of a vCPU, but for kicks, which come when they like.
fn log_without_kicks(host: &FakeHost, index: u32) -> Vec<Operation> {
    let mut log = host.log_of(index);
    log.retain(|operation| *operation != Operation::Kick);
    log
}

/// What was asked of a vCPU after its `nth` run, counted from 0, and before the next.
fn after_run(host: &FakeHost, index: u32, nth: usize) -> Vec<Operation> {
    let log = log_without_kicks(host, index);
    let mut parts = log.split(|operation| *operation == Operation::Run);
    parts.nth(nth + 1).unwrap().to_vec()
}

/// A vCPU starts at an entry point out of a powerdown state: its timers, all zero in a guest that has
/// set none, are read before and put back after.
fn restart(features: VcpuFeatures, entry: u64, context: u64) -> Vec<Operation> {
    let timers = [
        RegisterId::CNTV_CVAL_EL0,
        RegisterId::CNTV_CTL_EL0,
        RegisterId::CNTP_CVAL_EL0,
        RegisterId::CNTP_CTL_EL0,
    ];
    let mut restart = timers.map(Operation::Register).to_vec();
    restart.push(Operation::Init(features));
    restart.extend(timers.map(|timer| Operation::SetRegister(timer, 0)));
    restart.push(Operation::SetRegister(RegisterId::PC, entry));
    restart.push(Operation::SetRegister(RegisterId::X[0], context));
    restart
}

/// A driver writes a register of the first virtio slot.
fn store_to_virtio(offset: u64, value: u64) -> Step {
    Step::Exit(Exit::MmioWrite {
        address: GuestAddress(0x0a00_0000 + offset),
        width: Width::Word,
        value,
    })
}

/// The driver's first steps with queue 0, whose rings lie from 0x4020_0000 on.
fn set_up_virtio() -> Vec<Step> {
    let writes = [
        (0x70, 0),
        (0x70, 3),
        (0x24, 1),
        (0x20, 1),
        (0x70, 0xb),
        (0x38, 8),
        (0x80, 0x4020_0000),
        (0x90, 0x4020_0100),
        (0xa0, 0x4020_0200),
        (0x44, 1),
        (0x70, 0xf),
    ];
    let writes = writes.map(|(offset, value)| store_to_virtio(offset, value));
    writes.into_iter().collect()
}

/// What was asked of a vCPU on its thread, up to its first run.
fn before_first_run(host: &FakeHost, index: u32) -> Vec<Operation> {
    let log = log_without_kicks(host, index).into_iter();
    log.skip_while(|operation| *operation != Operation::ClearKick)
        .take_while(|operation| *operation != Operation::Run)
        .collect()
}

fn position(log: &[Record], operation: Operation) -> usize {
    log.iter()
        .position(|(_, found)| *found == operation)
        .unwrap()
}

/// The results of a call in x0, with x1 to x3 zeroed as KVM does.
fn results(x0: u64) -> [Operation; 4] {
    [
        Operation::SetRegister(RegisterId::X[0], x0),
        Operation::SetRegister(RegisterId::X[1], 0),
        Operation::SetRegister(RegisterId::X[2], 0),
        Operation::SetRegister(RegisterId::X[3], 0),
    ]
}

/// Console output, kept.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn take(&self) -> String {
        String::from_utf8(mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
