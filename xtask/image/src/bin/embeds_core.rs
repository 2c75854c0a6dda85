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

use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Services, Workaround, Workarounds};
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::{Migration, PsciOptions, PsciVersion, TrustedOs};
use vambrace_core::pvtime::StolenTime;
use vambrace_core::smccc::{
    Args, Caller, Conduit, Endianness, ExecutionState, Results, SmcccVersion, SocId,
};
use vambrace_core::time::Time;
use vambrace_core::vcpu::{Mpidr, ResetState, VcpuId};
use vambrace_core::vendor_hyp::{Implementation, Implementations};
use vambrace_core::vm::{Clocks, Entropy, Lent, Stopped};
use vambrace_core::{ConfigError, Entry, Outcome, Vm, VmConfig};

/// What a guest or an embedder may choose.
#[repr(C)]
struct Inputs {
    registers: [u64; 18],
    fetched: usize,
    mpidrs: [u64; 2 * VCPUS],
    ram: [[u64; 2]; 16],
    implementations: [[u64; 3]; 80],
    clocks: [u64; 3],
    entropy: [u8; 24],
    release: [u32; 2],
    psci_version: u32,
    smccc_version: u32,
    services: u32,
    soc: [u32; 2],
    soc_name: &'static str,
    psci_options: u16,
    immediate: u16,
    level: u8,
    workaround: u8,
    optional: Optional,
    specification: bool,
    smc: bool,
    aarch32: bool,
    big_endian: bool,
}

/// Which of what may be left out is there.
#[repr(C)]
struct Optional {
    trusted_os: bool,
    movable: bool,
    soc_id: bool,
    soc_name: bool,
    pv_time: bool,
    endianness: bool,
    time: bool,
    clocks: bool,
    entropy: u8,
}

// SAFETY: no other function of the image has this name.
#[unsafe(no_mangle)]
extern "C" fn _start(inputs: &mut Inputs) -> u64 {
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
        .with_psci_options(PsciOptions::from_bits_truncate(inputs.psci_options))
        .with_smccc_version(
            SmcccVersion::from_value(inputs.smccc_version).unwrap_or(SmcccVersion::V1_1),
        )
        .with_services(Services::from_bits_truncate(inputs.services))
        .with_implementations(inputs.implementations())
        .with_execution_state(inputs.execution_state())
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
    config = inputs.optional_parts(config, black_box(last));
    for [id, value] in inputs.ram {
        black_box(config.register(id).is_ok());
        black_box(config.set_register(id, value).is_ok());
    }
    let vm = config.freeze(black_box(last), Ipa::new(first), first)?;
    Ok((vm, black_box(last)))
}

/// Makes every call there is, in an order that the inputs choose. A function of its own, because
/// `cargo xtask bench` asks how deep its stack gets.
#[inline(never)]
fn drive(vm: &mut Vm<VCPUS>, vcpu: VcpuId, inputs: &mut Inputs) -> u64 {
    let mut seen = 0;
    for choice in inputs.registers {
        let vm = black_box(&mut *vm);
        seen ^= match choice {
            0 => from_entry(vm.begin(vcpu)),
            1 => from_entry(vm.woke(vcpu, Time::from_nanoseconds(inputs.clocks[0]))),
            2 => u64::from(vm.stopped(vcpu) == black_box(Stopped::All)),
            3 => u64::from(vm.reset().is_ok()),
            4 => u64::from(vm.protects_memory()),
            5 => vm.register(inputs.clocks[0]).unwrap_or(0),
            6 => u64::from(vm.set_register(inputs.clocks[0], inputs.clocks[1]).is_ok()),
            7 => stolen_time(inputs),
            _ => call(vm, vcpu, inputs),
        };
    }
    seen
}

fn call(vm: &mut Vm<VCPUS>, vcpu: VcpuId, inputs: &mut Inputs) -> u64 {
    let caller = inputs.caller(vcpu);
    let [x0, from_x1 @ ..] = &inputs.registers;
    let fetched = from_x1.get(..inputs.fetched).unwrap_or(from_x1);
    let optional = &inputs.optional;
    let [wall_clock, virtual_counter, physical_counter] = inputs.clocks;
    let lent = Lent {
        time: optional.time.then(|| Time::from_nanoseconds(wall_clock)),
        clocks: optional.clocks.then_some(Clocks {
            wall_clock,
            virtual_counter,
            physical_counter,
        }),
        entropy: match optional.entropy {
            0 => Entropy::NotLent,
            1 => Entropy::Exhausted,
            _ => Entropy::Bits(&mut inputs.entropy),
        },
    };
    match vm.call(&caller, &Args::new(*x0, fetched), lent) {
        Outcome::Resume(results) | Outcome::ResumeAndWake(results, _) => from_results(&results),
        Outcome::CleanInvalidate(results, range) => {
            from_results(&results) ^ u64::from(black_box(range) == range)
        }
        Outcome::Mitigate(results, workaround) => {
            from_results(&results) ^ u64::from(black_box(workaround) == workaround)
        }
        Outcome::Fetch(needs) => {
            let fetched = needs.arguments() as u64;
            let asked = [
                needs.endianness(),
                needs.time(),
                needs.clocks(),
                needs.entropy(),
            ];
            asked
                .into_iter()
                .fold(fetched, |seen, asked| seen << 1 | u64::from(asked))
        }
        outcome @ (Outcome::Park
        | Outcome::Wait(_)
        | Outcome::SystemSuspend(_)
        | Outcome::System(_)) => u64::from(black_box(outcome) == Outcome::Park),
    }
}

fn from_entry(entry: Entry) -> u64 {
    match entry {
        Entry::Start(state) => from_state(&state),
        Entry::Restart(state) => !from_state(&state),
        Entry::Resume(results) => from_results(&results),
        entry @ (Entry::Continue | Entry::Wait | Entry::Park | Entry::Stop(_)) => {
            u64::from(black_box(entry) == Entry::Park)
        }
    }
}

fn from_state(state: &ResetState) -> u64 {
    let aarch32 = state.execution_state() == ExecutionState::Aarch32;
    let big = state.endianness() == Endianness::Big;
    state.pc() ^ state.x0() ^ state.pstate() ^ u64::from(aarch32) ^ u64::from(big)
}

fn from_results(results: &Results) -> u64 {
    let registers = results.registers().iter();
    registers.fold(results.x0(), |seen, register| seen ^ register)
}

fn stolen_time(inputs: &Inputs) -> u64 {
    let [stolen, before, now] = inputs.clocks;
    let time = StolenTime::from_nanoseconds(stolen).after_waiting(before, now);
    black_box(time.to_bytes());
    time.nanoseconds()
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
            2 => Workaround::Three,
            _ => Workaround::Four,
        }
    }

    fn level(&self) -> Level {
        match self.level {
            0 => Level::NotAvailable,
            1 => Level::Available,
            _ => Level::NotRequired,
        }
    }

    fn implementations(&self) -> Implementations {
        let mut list = Implementations::new();
        for [midr, revidr, aidr] in self.implementations {
            let implementation = Implementation { midr, revidr, aidr };
            black_box(list.add(implementation).is_ok());
        }
        list
    }

    fn optional_parts(&self, config: VmConfig<VCPUS>, resident: VcpuId) -> VmConfig<VCPUS> {
        let mut config = config;
        let migration = if self.optional.movable {
            Migration::Capable
        } else {
            Migration::Incapable
        };
        if self.optional.trusted_os {
            config = config.with_trusted_os(TrustedOs {
                resident,
                migration,
            });
        }
        if let Some(soc) = self.soc_id() {
            config = config.with_soc_id(soc);
        }
        if self.optional.pv_time {
            config = config.with_pv_time(Ipa::new(self.clocks[0]));
        }
        config
    }

    fn soc_id(&self) -> Option<SocId> {
        let [version, revision] = self.soc;
        let soc = SocId::new(version, revision).filter(|_| self.optional.soc_id)?;
        if self.optional.soc_name {
            soc.with_name(self.soc_name)
        } else {
            Some(soc)
        }
    }

    fn execution_state(&self) -> ExecutionState {
        if self.aarch32 {
            ExecutionState::Aarch32
        } else {
            ExecutionState::Aarch64
        }
    }

    fn caller(&self, vcpu: VcpuId) -> Caller {
        let endianness = if self.big_endian {
            Endianness::Big
        } else {
            Endianness::Little
        };
        Caller {
            vcpu,
            conduit: if self.smc {
                Conduit::Smc(self.immediate)
            } else {
                Conduit::Hvc(self.immediate)
            },
            execution_state: self.execution_state(),
            endianness: self.optional.endianness.then_some(endianness),
        }
    }
}

/// More are offered than there is room for.
const VCPUS: usize = 4;
