//! The targets: functions that must return whatever they are given.
//!
//! A target asserts what holds of every input. libFuzzer calls it by a program in `fuzz_targets`;
//! the test `fuzz_corpus` of the package vambrace-conformance calls it on the stable toolchain and
//! compiles this file into itself.

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
use vambrace_kvm::devices::{MmioDevice, Pl011};
use vambrace_kvm::image::{Claim, Plan};

/// A function that must return.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its program and of its corpus.
pub const TARGETS: [(&str, Target); 8] = [
    ("contract_toml", contract_toml),
    ("contract_bytes", contract_bytes),
    ("profile_json", profile_json),
    ("image", image),
    ("claim", claim),
    ("instruction", instruction),
    ("firmware_calls", firmware_calls),
    ("pl011", pl011),
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
