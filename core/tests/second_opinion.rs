//! A second reader of DEN0022: `arm-psci` parses the same random calls to the same meaning.
//!
//! It parses and does no more. What a call that it has parsed comes to on a small machine is
//! written down here from the specification; a call that it cannot parse must be refused with the
//! error code that it gives. Where the two read differently, [`difference`] says why.

use arm_psci::{
    Cookie, EntryPoint, Error, ErrorCode, Function, MemProtectRange, PowerState, PsciFeature,
    ResetType,
};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::{PsciOptions, PsciVersion, Reset, SystemEvent};
use vambrace_core::smccc::{Args, Caller, Conduit};
use vambrace_core::time::Time;
use vambrace_core::vcpu::{Mpidr, OnWake, VcpuId};
use vambrace_core::{Entry, Lent, Outcome, Vm, VmConfig};

/// What a call means on the small machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Returns(i64),
    TurnsOn {
        cpu: usize,
        entry: u64,
        context: u64,
    },
    TurnsOff,
    Standby,
    Powerdown {
        entry: u64,
        context: u64,
    },
    Ends(SystemEvent),
}

const NOT_SUPPORTED: Meaning = Meaning::Returns(-1);
const INVALID_PARAMETERS: Meaning = Meaning::Returns(-2);
const DENIED: Meaning = Meaning::Returns(-3);
const ALREADY_ON: Meaning = Meaning::Returns(-4);
const INVALID_ADDRESS: Meaning = Meaning::Returns(-9);

/// CPU 0 calls, CPU 1 is off, and CPU 2 is on or off.
const AFFINITIES: [u64; 3] = [0, 1, 0x1_0000_0100];
const RAM: std::ops::Range<u64> = 0x4000_0000..0x4800_0000;

/// Whether CPU 2 is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Third {
    On,
    Off,
}

#[test]
fn arm_psci_and_core_read_random_calls_alike() {
    let config = ProptestConfig {
        cases: 50_000,
        rng_seed: RngSeed::Fixed(0x5eed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let third = prop::sample::select(vec![Third::On, Third::Off]);
    TestRunner::new(config)
        .run(&(call(), third), |(registers, third)| {
            let expected = match Function::try_from(&registers) {
                Ok(function) => meaning(function, third),
                Err(error) => Meaning::Returns(i32::from(ErrorCode::from(error)).into()),
            };
            let expected = difference(&registers, third).unwrap_or(expected);
            prop_assert_eq!(made(&registers, third), expected);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Calls of known and neighbouring ids with arguments at the edges, and any calls at all.
fn call() -> impl Strategy<Value = [u64; 4]> {
    let id = prop_oneof![
        8 => prop_oneof![0x8400_0000..0x8400_0016_u64, 0xc400_0000..0xc400_0016_u64],
        1 => any::<u64>(),
        1 => (any::<u32>(), 0x8400_0000..0x8400_0016_u64).prop_map(|(x, id)| u64::from(x) << 32 | id),
    ];
    let edges = [
        0,
        1,
        2,
        3,
        4,
        5,
        0x100,
        0x1_0000,
        0x4000_0000,
        0x4000_0001,
        0x47ff_fffc,
        0x4800_0000,
        0x8000_0000,
        0x8000_0001,
        0x8400_0001,
        0x8400_0015,
        0xc400_0003,
        0xc400_0015,
        0x8400_0005,
        0xffff_ffff,
        0x1_0000_0000,
        0x1_0000_0001,
        0x1_0000_0100,
        0x1_4000_0000,
        0xff_00ff_ffff,
        u64::MAX,
    ];
    let argument = || prop_oneof![6 => prop::sample::select(edges.to_vec()), 1 => any::<u64>()];
    (id, argument(), argument(), argument()).prop_map(|(x0, x1, x2, x3)| [x0, x1, x2, x3])
}

/// What a call that arm-psci has parsed comes to.
fn meaning(function: Function, third: Third) -> Meaning {
    match function {
        Function::Version => Meaning::Returns(0x1_0003),
        Function::CpuSuspend { state, entry } => match state {
            PowerState::StandbyOrRetention(0) => Meaning::Standby,
            PowerState::PowerDown(0) => powerdown(entry),
            // The machine has two states, both with StateID 0.
            PowerState::StandbyOrRetention(_) | PowerState::PowerDown(_) => INVALID_PARAMETERS,
        },
        Function::CpuOff | Function::CpuFreeze => Meaning::TurnsOff,
        Function::CpuOn { target_cpu, entry } => cpu_on(target_cpu, entry, third),
        Function::AffinityInfo {
            mpidr,
            lowest_affinity_level,
        } => affinity_info(mpidr, lowest_affinity_level, third),
        // CPU 2 does not sleep, so that HW_ON and ON, HW_OFF and OFF go together.
        Function::NodeHwState {
            target_cpu,
            power_level,
        } => affinity_info(target_cpu, power_level, third),
        // There is no Trusted OS.
        Function::Migrate { .. } | Function::MigrateInfoUpCpu { .. } => NOT_SUPPORTED,
        Function::MigrateInfoType => Meaning::Returns(2),
        Function::SystemOff => Meaning::Ends(SystemEvent::Off),
        Function::SystemOff2 { cookie, .. } => match value(cookie) {
            0 => Meaning::Ends(SystemEvent::Hibernate),
            _ => INVALID_PARAMETERS,
        },
        Function::SystemReset => Meaning::Ends(SystemEvent::Reset(Reset::Cold)),
        Function::SystemReset2 { reset_type, cookie } => {
            Meaning::Ends(SystemEvent::Reset(reset(reset_type, value(cookie))))
        }
        // It was off.
        Function::MemProtect { .. } => Meaning::Returns(0),
        Function::MemProtectCheckRange { range } => check_range(range),
        Function::Features { psci_func_id } => features(psci_func_id),
        Function::CpuDefaultSuspend { entry } => powerdown(entry),
        Function::SystemSuspend { .. } if third == Third::On => DENIED,
        Function::SystemSuspend { entry } => powerdown(entry),
        Function::SetSuspendMode { .. } => Meaning::Returns(0),
        // Nobody has slept yet.
        Function::StatResidency { .. } | Function::StatCount { .. } => Meaning::Returns(0),
    }
}

fn powerdown(entry: EntryPoint) -> Meaning {
    let (entry, context) = (entry.entry_point_address(), entry.context_id());
    if RAM.contains(&entry) {
        Meaning::Powerdown { entry, context }
    } else {
        INVALID_ADDRESS
    }
}

fn cpu_on(target: arm_psci::Mpidr, entry: EntryPoint, third: Third) -> Meaning {
    let target = u64::from(target);
    let (entry, context) = (entry.entry_point_address(), entry.context_id());
    match AFFINITIES.iter().position(|affinity| *affinity == target) {
        None => INVALID_PARAMETERS,
        Some(0) => ALREADY_ON,
        Some(2) if third == Third::On => ALREADY_ON,
        Some(_) if !RAM.contains(&entry) => INVALID_ADDRESS,
        Some(cpu) => Meaning::TurnsOn {
            cpu,
            entry,
            context,
        },
    }
}

fn affinity_info(target: arm_psci::Mpidr, level: u32, third: Third) -> Meaning {
    let Some(ignored) = [0_u64, 0xff, 0xffff, 0xff_ffff].get(level as usize) else {
        return INVALID_PARAMETERS;
    };
    let instance = |affinity: u64| affinity & !ignored;
    let on = [true, false, third == Third::On];
    let members = AFFINITIES.iter().zip(on);
    let mut members = members
        .filter(|(affinity, _)| instance(**affinity) == instance(target.into()))
        .map(|(_, on)| on)
        .peekable();
    if members.peek().is_none() {
        return INVALID_PARAMETERS;
    }
    Meaning::Returns(if members.any(|on| on) { 0 } else { 1 })
}

fn value(cookie: Cookie) -> u64 {
    match cookie {
        Cookie::Cookie32(cookie) => cookie.into(),
        Cookie::Cookie64(cookie) => cookie,
    }
}

fn reset(reset_type: ResetType, cookie: u64) -> Reset {
    match reset_type {
        ResetType::Architectural(_) => Reset::Warm { cookie },
        ResetType::VendorSpecific(_) => Reset::Vendor {
            reset_type: reset_type.into(),
            cookie,
        },
    }
}

fn check_range(range: MemProtectRange) -> Meaning {
    let (base, length) = match range {
        MemProtectRange::Range32 { base, length } => (base.into(), length.into()),
        MemProtectRange::Range64 { base, length } => (base, length),
    };
    let room = RAM.contains(&base).then(|| RAM.end - base);
    if room.is_some_and(|room| (1..=room).contains(&length)) {
        Meaning::Returns(0)
    } else {
        DENIED
    }
}

fn features(asked: PsciFeature) -> Meaning {
    match u32::from(asked) {
        // Extended StateID and OS-initiated mode; HIBERNATE_OFF.
        0x8400_0001 | 0xc400_0001 => Meaning::Returns(3),
        0x8400_0015 | 0xc400_0015 => Meaning::Returns(1),
        0x8400_0005 | 0xc400_0005 | 0x8400_0007 | 0xc400_0007 => NOT_SUPPORTED,
        _ => Meaning::Returns(0),
    }
}

/// Where core reads a call in another way, and why.
fn difference(registers: &[u64; 4], third: Third) -> Option<Meaning> {
    let [x0, x1, x2, _] = *registers;
    let word = |x: u64| x & 0xffff_ffff;
    match (word(x0), Function::try_from(registers)) {
        // Level 3 is a level of the machine whoever asks; arm-psci sees no Aff3 in an SMC32 call.
        (0x8400_0004, Err(Error::InvalidLowerAffinityLevel(3))) => {
            let target = arm_psci::Mpidr::try_from(x1 as u32).ok()?;
            Some(affinity_info(target, 3, third))
        }
        // Type 0 is another name of HIBERNATE_OFF, as KVM takes it too.
        (0x8400_0015, Err(Error::UnrecognisedSystemOff2Type(0))) if word(x2) == 0 => {
            Some(Meaning::Ends(SystemEvent::Hibernate))
        }
        (0xc400_0015, Err(Error::UnrecognisedSystemOff2Type(0))) if x2 == 0 => {
            Some(Meaning::Ends(SystemEvent::Hibernate))
        }
        // A function that is not there has no arguments to be wrong.
        (0x8400_0005 | 0xc400_0005, Err(_)) => Some(NOT_SUPPORTED),
        // Statistics have no error codes: what cannot be was never entered.
        (0x8400_0010 | 0xc400_0010 | 0x8400_0011 | 0xc400_0011, Err(_)) => {
            Some(Meaning::Returns(0))
        }
        _ => None,
    }
}

/// What the call comes to in core.
fn made(registers: &[u64; 4], third: Third) -> Meaning {
    let (mut vm, ids) = machine(third);
    let caller = Caller::little_endian_aarch64(ids[0], Conduit::Hvc(0));
    let args = Args::new(registers[0], &registers[1..]);
    let lent = Lent {
        time: Some(Time::ZERO),
        ..Lent::NOTHING
    };
    match vm.call(&caller, &args, lent) {
        Outcome::Resume(results) => Meaning::Returns(results.x0().cast_signed()),
        Outcome::ResumeAndWake(_, woken) => {
            let Entry::Start(state) = vm.begin(woken) else {
                panic!("{woken} has a start");
            };
            Meaning::TurnsOn {
                cpu: woken.index(),
                entry: state.pc(),
                context: state.x0(),
            }
        }
        Outcome::Park => Meaning::TurnsOff,
        Outcome::Wait(OnWake::Return) => Meaning::Standby,
        Outcome::Wait(OnWake::Restart(state)) | Outcome::SystemSuspend(OnWake::Restart(state)) => {
            Meaning::Powerdown {
                entry: state.pc(),
                context: state.x0(),
            }
        }
        Outcome::System(event) => Meaning::Ends(event),
        outcome => panic!("{outcome:?}"),
    }
}

/// PSCI 1.3 with every option of the released specification.
fn machine(third: Third) -> (Vm<3>, [VcpuId; 3]) {
    let options = PsciOptions::all().difference(PsciOptions::CLEAN_INV_MEMREGION);
    let mut config = VmConfig::new()
        .with_psci_version(PsciVersion::V1_3)
        .with_psci_options(options);
    let ram = RamRange::new(Ipa::new(RAM.start), RAM.end - RAM.start).unwrap();
    config.add_ram(ram).unwrap();
    let ids = AFFINITIES.map(|affinity| config.add_vcpu(Mpidr::from_register(affinity)).unwrap());
    let mut vm = config.freeze(ids[0], Ipa::new(RAM.start), 0).unwrap();
    let _ = vm.begin(ids[0]);
    if third == Third::On {
        let caller = Caller::little_endian_aarch64(ids[0], Conduit::Hvc(0));
        let turn_on = Args::new(0xc400_0003, &[AFFINITIES[2], RAM.start, 0]);
        let _ = vm.call(&caller, &turn_on, Lent::NOTHING);
        let _ = vm.begin(ids[2]);
    }
    (vm, ids)
}
