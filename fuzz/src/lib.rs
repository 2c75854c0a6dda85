//! The targets: functions that must return whatever they are given.
//!
//! A target asserts what holds of every input. libFuzzer calls it by a program in `fuzz_targets`;
//! the test `fuzz_corpus` of the package vambrace-conformance calls it on the stable toolchain and
//! compiles this file into itself.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use vambrace_core::contract::Contract;
use vambrace_core::firmware::Services;
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::PsciOptions;
use vambrace_core::smccc::{Args, Caller, Conduit};
use vambrace_core::vcpu::{Mpidr, VcpuId};
use vambrace_core::vendor_hyp::{Implementation, Implementations};
use vambrace_core::{Lent, Outcome, Vm, VmConfig};
use vambrace_formats::contract;
use vambrace_formats::profile::ProfileFile;
use vambrace_kvm::abort;
use vambrace_kvm::address::{Region, Width};
use vambrace_kvm::devices::virtio::{
    Access, Balloon, Block, Buffers, Console, Entropy, GuestCid, HostSocket, Link, MacAddress,
    Network, Random, Room, SocketFile, Storage, VirtioDevice, VirtioMmio, Vsock,
};
use vambrace_kvm::devices::{Cause, Doorbell, Driven, MmioDevice, Pl011, Pl031, Pl061, WallClock};
use vambrace_kvm::image::{Claim, Plan};
use vambrace_kvm::memory::GuestMemory;

/// A function that must return.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its program and of its corpus.
pub const TARGETS: [(&str, Target); 16] = [
    ("contract_toml", contract_toml),
    ("contract_bytes", contract_bytes),
    ("profile_json", profile_json),
    ("image", image),
    ("claim", claim),
    ("instruction", instruction),
    ("firmware_calls", firmware_calls),
    ("pl011", pl011),
    ("pl031", pl031),
    ("pl061", pl061),
    ("virtio_block", virtio_block),
    ("virtio_entropy", virtio_entropy),
    ("virtio_network", virtio_network),
    ("virtio_console", virtio_console),
    ("virtio_balloon", virtio_balloon),
    ("virtio_vsock", virtio_vsock),
];

/// A contract's file: what is accepted has no contradiction and is the same in every form.
pub fn contract_toml(data: &[u8]) {
    let Ok(read) = contract::from_bytes(data) else {
        return;
    };
    assert_eq!(read.check(), Ok(()));
    let text = contract::to_toml(&read);
    assert_eq!(contract::from_toml(&text).as_ref(), Ok(&read));
    assert_eq!(Contract::from_bytes(&read.to_bytes()).as_ref(), Ok(&read));
}

/// A contract's canonical bytes: there is one sequence for each contract.
pub fn contract_bytes(data: &[u8]) {
    let Ok(read) = Contract::from_bytes(data) else {
        return;
    };
    assert_eq!(read.to_bytes().as_slice(), data);
    assert_eq!(
        contract::from_toml(&contract::to_toml(&read)).as_ref(),
        Ok(&read)
    );
}

/// A host profile's file: what is accepted is the same when it is written and read again.
pub fn profile_json(data: &[u8]) {
    let Ok(read) = ProfileFile::read(data) else {
        return;
    };
    let text = read.write();
    assert_eq!(ProfileFile::read(text.as_bytes()).as_ref(), Ok(&read));
}

/// A guest image: what is planned lies in RAM, and so does its device tree.
pub fn image(data: &[u8]) {
    let ram = Region::new(Ipa::new(0x4000_0000), 64 << 20).expect("64 MiB are not empty");
    let Ok(plan) = Plan::new(data, ram) else {
        return;
    };
    assert!(ram.contains(plan.occupied()));
    if let Ok(tree) = plan.device_tree(0x1_0000) {
        assert!(ram.contains(tree) && !tree.overlaps(plan.occupied()));
    }
}

/// The header of a guest test.
pub fn claim(data: &[u8]) {
    // A header that is refused is an answer too.
    drop(Claim::parse(data));
}

/// Instructions of a guest, four bytes each: what is decoded prints.
pub fn instruction(data: &[u8]) {
    for word in data.chunks_exact(4) {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        if let Some(instruction) = abort::decode(word) {
            assert!(!format!("{instruction:?}").is_empty());
        }
    }
}

/// Firmware calls, of 29 bytes each: the vCPU, the function id, three arguments.
pub fn firmware_calls(data: &[u8]) {
    let (mut vm, vcpus) = machine();
    for call in data.chunks_exact(29) {
        let number = |offset: usize| {
            let bytes = call.get(offset..offset + 8).unwrap_or(&[0; 8]);
            u64::from_le_bytes(bytes.try_into().unwrap_or_default())
        };
        let vcpu = vcpus[usize::from(call[0] & 3)];
        let conduit = match call[0] >> 2 & 3 {
            0 => Conduit::Smc(0),
            1 => Conduit::Hvc(1),
            _ => Conduit::Hvc(0),
        };
        let id = u32::from_le_bytes([call[1], call[2], call[3], call[4]]);
        let arguments = [number(5), number(13), number(21)];
        let caller = Caller::little_endian_aarch64(vcpu, conduit);
        let args = Args::new(u64::from(id), &arguments);
        if let Outcome::System(_) = vm.call(&caller, &args, Lent::NOTHING) {
            for vcpu in vcpus {
                let _ = vm.begin(vcpu);
                let _ = vm.stopped(vcpu);
            }
            assert_eq!(vm.reset(), Ok(()), "all have stopped");
        }
        let _ = vm.begin(vcpu);
    }
}

/// Accesses of a guest to its console, of 18 bytes each: what is done, the width, offset, value.
pub fn pl011(data: &[u8]) {
    let mut console = Pl011::new(Vec::new());
    for access in data.chunks_exact(18) {
        let number = |offset: usize| {
            let bytes = access.get(offset..offset + 8).unwrap_or(&[0; 8]);
            u64::from_le_bytes(bytes.try_into().unwrap_or_default())
        };
        let width = Width::from_bytes(1 << (access[1] & 3)).expect("1, 2, 4 or 8 bytes");
        match access[0] & 3 {
            0 => drop(console.read(number(2), width)),
            1 => console.write(number(2), width, number(10)),
            2 => drop(console.receive(&access[10..])),
            _ => console.reset(),
        }
        let _ = console.line();
    }
}

/// Accesses of a guest to its clock, of 18 bytes each, as above; time passes by the value.
pub fn pl031(data: &[u8]) {
    let mut clock = Pl031::new(Hands(0));
    for (what, offset, width, value) in accesses(data) {
        match what & 3 {
            0 => {
                let value = clock.read(offset, width);
                assert_eq!(value, width.truncate(value));
            }
            1 | 2 => clock.write(offset, width, value),
            _ => clock.serve(Cause::Host),
        }
        let _ = clock.line();
    }
}

/// Accesses of a guest to its GPIO, of 18 bytes each, as above; pins are driven.
pub fn pl061(data: &[u8]) {
    let mut gpio = Pl061::new();
    for (what, offset, width, value) in accesses(data) {
        match what & 3 {
            0 => assert_eq!(gpio.read(offset, width) & !0x0000_00ff_0000_00ff, 0),
            1 | 2 => gpio.write(offset, width, value),
            _ => gpio.drive(width as u8, gpio.line()),
        }
    }
}

/// What a guest does to a disk of eight sectors: see [`virtio`].
pub fn virtio_block(data: &[u8]) {
    virtio(Box::new(Block::new(Sectors(vec![0; 8 * 512]))), data);
}

/// What a guest does to a source of entropy: see [`virtio`].
pub fn virtio_entropy(data: &[u8]) {
    virtio(Box::new(Entropy::new(Sevens)), data);
}

/// What a guest does to a network card whose link gives back what it gets: see [`virtio`].
pub fn virtio_network(data: &[u8]) {
    if let Ok(bell) = Doorbell::new() {
        let link = Loop {
            frames: VecDeque::new(),
            bell,
        };
        virtio(Box::new(Network::new(link, MacAddress([2; 6]))), data);
    }
}

/// What a guest does to a console that nobody reads: see [`virtio`].
pub fn virtio_console(data: &[u8]) {
    let (socket, _file) = socket();
    if let Ok(console) = Console::new(socket) {
        virtio(Box::new(console), data);
    }
}

/// What a guest does to a balloon: see [`virtio`].
pub fn virtio_balloon(data: &[u8]) {
    virtio(Box::new(Balloon::new(1 << 20)), data);
}

/// What a guest with the address 3 does to its sockets, where nobody listens: see [`virtio`].
pub fn virtio_vsock(data: &[u8]) {
    let (socket, _file) = socket();
    let cid = GuestCid::new(3).expect("3 is no reserved address");
    if let Ok(vsock) = Vsock::new(cid, socket) {
        virtio(Box::new(vsock), data);
    }
}

/// A socket of this run's own.
fn socket() -> (HostSocket, SocketFile) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("vambrace-fuzz-{}-{number}", std::process::id());
    let bound = HostSocket::bind(&std::env::temp_dir().join(name));
    bound.expect("there is no such file")
}

/// Accesses of a guest to a virtio device, of 18 bytes each, as above; what is written to RAM in
/// between, eight bytes within its first 64 KiB; turns of the device.
fn virtio(device: Box<dyn VirtioDevice + Send>, data: &[u8]) {
    let (Ok(doorbell), Ok(memory)) = (Doorbell::new(), GuestMemory::new(4 << 20)) else {
        return;
    };
    let mut mmio = VirtioMmio::new(device, doorbell);
    // What an input does is not to depend on how fast this machine is.
    mmio.set_turn(Duration::MAX);
    mmio.begin_life(&memory);
    for (what, offset, width, value) in accesses(data) {
        match what & 7 {
            0 => drop(mmio.read(offset, width)),
            1..=3 => mmio.write(offset, width, value),
            4 | 5 => {
                let place = memory.region().base().value() + (offset & 0xffff);
                let written = memory.write(Ipa::new(place), &value.to_le_bytes());
                written.expect("the first 64 KiB are RAM");
            }
            6 => mmio.serve(Cause::Doorbell),
            _ => mmio.reset(),
        }
        let _ = mmio.line();
    }
}

/// Eighteen bytes: what is done, the width, offset, value.
fn accesses(data: &[u8]) -> impl Iterator<Item = (u8, u64, Width, u64)> {
    data.chunks_exact(18).map(|access| {
        let number = |offset: usize| {
            let bytes = access.get(offset..offset + 8).unwrap_or(&[0; 8]);
            u64::from_le_bytes(bytes.try_into().unwrap_or_default())
        };
        let width = Width::from_bytes(1 << (access[1] & 3)).expect("1, 2, 4 or 8 bytes");
        (access[0], number(2), width, number(10))
    })
}

/// A clock whose time passes whenever somebody wants to be woken.
#[derive(Debug)]
struct Hands(u64);

impl WallClock for Hands {
    fn now(&self) -> u64 {
        self.0
    }

    fn wake_at(&mut self, second: Option<u64>) {
        self.0 = self.0.wrapping_add(second.unwrap_or(1) / 2);
    }

    fn events(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A source that is no source.
#[derive(Debug)]
struct Sevens;

impl Random for Sevens {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill(7);
        Ok(())
    }
}

/// A link that gives back what it gets, as far as it is told that the guest takes it.
#[derive(Debug)]
struct Loop {
    frames: VecDeque<Vec<u8>>,
    bell: Doorbell,
}

impl Link for Loop {
    fn features(&self) -> u64 {
        0x7b83
    }

    fn accept(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, frame: &mut [u8]) -> io::Result<usize> {
        let next = self.frames.pop_front();
        let next = next.ok_or(io::ErrorKind::WouldBlock)?;
        frame[..next.len()].copy_from_slice(&next);
        Ok(next.len())
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        assert!((12..=12 + 14 + 65_535).contains(&frame.len()));
        if self.frames.len() < 64 {
            self.frames.push_back(frame.to_vec());
        }
        Ok(())
    }

    fn events(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// A disk in memory, which asserts that it is asked for what it has.
#[derive(Debug)]
struct Sectors(Vec<u8>);

impl Sectors {
    fn check(&self, offset: u64, length: u64) {
        let end = offset.checked_add(length);
        assert!(end.is_some_and(|end| end <= self.length()));
    }
}

impl Storage for Sectors {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn access(&self) -> Access {
        Access::ReadWrite
    }

    fn block_size(&self) -> u32 {
        512
    }

    fn granularity(&self) -> u32 {
        512
    }

    fn serial(&self) -> [u8; 20] {
        [b's'; 20]
    }

    fn read(&mut self, offset: u64, mut into: Buffers<'_>) -> io::Result<()> {
        self.check(offset, into.length());
        into.write(&self.0[offset as usize..]);
        Ok(())
    }

    fn write(&mut self, offset: u64, mut from: Buffers<'_>) -> io::Result<()> {
        self.check(offset, from.length());
        from.read(&mut self.0[offset as usize..]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn discard(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.check(offset, length);
        Ok(())
    }

    fn write_zeroes(&mut self, offset: u64, length: u64, _: Room) -> io::Result<()> {
        self.check(offset, length);
        Ok(())
    }
}

/// A machine of four vCPUs with all that the specifications know.
fn machine() -> (Vm<4>, [VcpuId; 4]) {
    let mut config = VmConfig::<4>::new();
    let vcpus = [0, 1, 2, 3].map(|affinity| {
        let added = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, affinity));
        added.expect("there is room for four")
    });
    let ram = RamRange::new(Ipa::new(0x4000_0000), 64 << 20).expect("64 MiB are not empty");
    config.add_ram(ram).expect("there is room for one");
    let mut implementations = Implementations::new();
    let implementation = Implementation {
        midr: 0x410f_d034,
        revidr: 0,
        aidr: 0,
    };
    let added = implementations.add(implementation);
    added.expect("there is room for one");
    let config = config
        .with_psci_options(PsciOptions::all())
        .with_services(Services::all())
        .with_implementations(implementations)
        .with_pv_time(Ipa::new(0x0900_4000));
    let vm = config.freeze(vcpus[0], Ipa::new(0x4020_0000), 0);
    (vm.expect("the configuration has no contradiction"), vcpus)
}
