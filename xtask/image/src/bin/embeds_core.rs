//! An image that makes every call of core with inputs known to nobody.
//!
//! The inputs are the guest's and the embedder's alike: a wrong configuration is an error, too,
//! and not a panic. Between two calls the machine is hidden from the optimiser, so that no state
//! counts as impossible because this program does not lead there.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "the linker looks for the entry by its name")]

use core::hint::black_box;
use vambrace_image as _;

use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Workaround, Workarounds};
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::PsciVersion;
use vambrace_core::smccc::{Args, Caller, Conduit, Endianness, ExecutionState};
use vambrace_core::vcpu::{Mpidr, VcpuId};
use vambrace_core::{ConfigError, Entry, Outcome, Vm, VmConfig};

/// What a guest or an embedder may choose.
#[repr(C)]
struct Inputs {
    registers: [u64; 18],
    fetched: usize,
    mpidrs: [u64; 2 * VCPUS],
    ram: [[u64; 2]; 16],
    release: [u32; 2],
    psci_version: u32,
    level: u8,
    workaround: u8,
    specification: bool,
    smc: bool,
    aarch32: bool,
    big_endian: bool,
    immediate: u16,
}

// SAFETY: no other function of the image has this name.
#[unsafe(no_mangle)]
extern "C" fn _start(inputs: &Inputs) -> u64 {
    match configure(inputs) {
        Ok((mut vm, vcpu)) => drive(&mut vm, vcpu, inputs),
        Err(error) => u64::from(matches!(black_box(error), ConfigError::NoSuchVcpu(_))),
    }
}

fn configure(inputs: &Inputs) -> Result<(Vm<VCPUS>, VcpuId), ConfigError> {
    let mut config = VmConfig::<VCPUS>::new()
        .with_psci_version(
            PsciVersion::from_value(inputs.psci_version).unwrap_or(PsciVersion::V1_1),
        )
        .with_dialect(inputs.dialect())
        .with_workarounds(Workarounds::NONE.with(inputs.workaround(), inputs.level()));
    let [first, ..] = inputs.mpidrs;
    let boot = config.add_vcpu(Mpidr::from_register(first))?;
    let mut last = boot;
    for mpidr in inputs.mpidrs {
        let Ok(vcpu) = config.add_vcpu(Mpidr::from_register(mpidr)) else {
            continue;
        };
        last = vcpu;
    }
    for [start, size] in inputs.ram {
        let Some(range) = RamRange::new(Ipa::new(start), size) else {
            continue;
        };
        config.add_ram(range)?;
    }
    let vm = config.freeze(black_box(last), Ipa::new(first), first)?;
    Ok((vm, black_box(last)))
}

/// Makes every call there is, in an order that the inputs choose.
fn drive(vm: &mut Vm<VCPUS>, vcpu: VcpuId, inputs: &Inputs) -> u64 {
    let mut seen = 0;
    for choice in inputs.registers {
        let vm = black_box(&mut *vm);
        seen ^= match choice {
            0 => from_entry(vm.begin(vcpu)),
            1 => from_entry(vm.woke(vcpu)),
            2 => u64::from(vm.stopped(vcpu) == black_box(vambrace_core::vm::Stopped::All)),
            3 => u64::from(vm.reset().is_ok()),
            _ => call(vm, vcpu, inputs),
        };
    }
    seen
}

fn call(vm: &mut Vm<VCPUS>, vcpu: VcpuId, inputs: &Inputs) -> u64 {
    let [x0, from_x1 @ ..] = &inputs.registers;
    let caller = inputs.caller(vcpu);
    let fetched = from_x1.get(..inputs.fetched).unwrap_or(from_x1);
    let args = Args::new(*x0, fetched);
    let needs = vm.needs(&caller, args.function());
    match vm.call(&caller, &args) {
        Outcome::Resume(results) | Outcome::ResumeAndWake(results, _) => results
            .registers()
            .iter()
            .fold(results.x0(), |seen, register| seen ^ register),
        outcome @ (Outcome::Park | Outcome::Wait(_) | Outcome::System(_)) => {
            u64::from(needs.endianness() && black_box(outcome) == Outcome::Park)
        }
    }
}

fn from_entry(entry: Entry) -> u64 {
    match entry {
        Entry::Start(state) => state.pc() ^ state.x0() ^ state.pstate(),
        Entry::Resume(results) => results.x0(),
        entry @ (Entry::Continue | Entry::Wait | Entry::Park | Entry::Stop(_)) => {
            u64::from(black_box(entry) == Entry::Park)
        }
    }
}

impl Inputs {
    fn dialect(&self) -> Dialect {
        let [major, minor] = self.release;
        if self.specification {
            Dialect::Specification
        } else {
            Dialect::Kvm(KvmGeneration::of_release(major, minor))
        }
    }

    fn workaround(&self) -> Workaround {
        match self.workaround {
            0 => Workaround::One,
            1 => Workaround::Two,
            _ => Workaround::Three,
        }
    }

    fn level(&self) -> Level {
        match self.level {
            0 => Level::NotAvailable,
            1 => Level::Available,
            _ => Level::NotRequired,
        }
    }

    fn caller(&self, vcpu: VcpuId) -> Caller {
        Caller {
            vcpu,
            conduit: if self.smc {
                Conduit::Smc(self.immediate)
            } else {
                Conduit::Hvc(self.immediate)
            },
            execution_state: if self.aarch32 {
                ExecutionState::Aarch32
            } else {
                ExecutionState::Aarch64
            },
            endianness: if self.big_endian {
                Endianness::Big
            } else {
                Endianness::Little
            },
        }
    }
}

/// More are offered than there is room for.
const VCPUS: usize = 4;
