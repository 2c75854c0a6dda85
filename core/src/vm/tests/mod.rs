//! Stories of whole machines, and random ones held against a small model.

mod optional;
mod services;

use proptest::prelude::*;

use super::*;
use crate::firmware::{Dialect, KvmGeneration, Level, Workaround, Workarounds};
use crate::memory::{Ipa, RamRange};
use crate::psci::{PsciVersion, Reset};
use crate::smccc::{Conduit, Endianness, ExecutionState};
use crate::vcpu::Mpidr;

const KVM: Dialect = Dialect::Kvm(KvmGeneration::V6_12);
const OLD_KVM: Dialect = Dialect::Kvm(KvmGeneration::V6_1);
const SPECIFICATION: Dialect = Dialect::Specification;

const SUCCESS: u64 = 0;
const NOT_SUPPORTED: u64 = 0xffff_ffff_ffff_ffff;
const INVALID_PARAMETERS: u64 = 0xffff_ffff_ffff_fffe;
const ALREADY_ON: u64 = 0xffff_ffff_ffff_fffc;
const ON_PENDING: u64 = 0xffff_ffff_ffff_fffb;
const INVALID_ADDRESS: u64 = 0xffff_ffff_ffff_fff7;

const CPU_ON: u64 = 0xc400_0003;
const CPU_OFF: u64 = 0x8400_0002;
const AFFINITY_INFO: u64 = 0xc400_0004;
const ENTRY: u64 = 0x4030_0000;

/// A machine of `N` vCPUs with RAM at 0x4000_0000, 128 MiB, and the first vCPU running.
struct Story<const N: usize> {
    vm: Vm<N>,
    ids: [VcpuId; N],
}

impl<const N: usize> Story<N> {
    fn new(dialect: Dialect) -> Self {
        Self::with(|config| config.with_dialect(dialect))
    }

    fn with(configure: impl FnOnce(VmConfig<N>) -> VmConfig<N>) -> Self {
        let mut config = configure(VmConfig::new());
        config
            .add_ram(RamRange::new(Ipa::new(0x4000_0000), 128 << 20).unwrap())
            .unwrap();
        let ids = core::array::from_fn(|n| {
            config
                .add_vcpu(Mpidr::from_affinity(0, 0, 0, n.try_into().unwrap()))
                .unwrap()
        });
        let vm = config
            .freeze(ids[0], Ipa::new(0x4020_0000), 0x4000_0000)
            .unwrap();
        let mut story = Self { vm, ids };
        assert!(matches!(story.begin(0), Entry::Start(_)));
        story
    }

    fn begin(&mut self, vcpu: usize) -> Entry {
        self.vm.begin(self.ids[vcpu])
    }

    fn call(&mut self, vcpu: usize, x0: u64, args: &[u64]) -> Outcome {
        self.call_at(Time::ZERO, vcpu, x0, args)
    }

    fn call_at(&mut self, time: Time, vcpu: usize, x0: u64, args: &[u64]) -> Outcome {
        let caller = Caller::little_endian_aarch64(self.ids[vcpu], Conduit::Hvc(0));
        self.call_as(&caller, time, x0, args)
    }

    fn call_by(&mut self, conduit: Conduit, x0: u64, args: &[u64]) -> Outcome {
        self.call_as(
            &Caller::little_endian_aarch64(self.ids[0], conduit),
            Time::ZERO,
            x0,
            args,
        )
    }

    fn call_as(&mut self, caller: &Caller, time: Time, x0: u64, args: &[u64]) -> Outcome {
        let lent = Lent {
            time: Some(time),
            clocks: None,
            entropy: Entropy::Bits(&mut [0xa5; 24]),
        };
        self.vm.call(caller, &Args::new(x0, args), lent)
    }

    /// What a call that was given no more than `args` asks for.
    fn needs(&mut self, caller: &Caller, x0: u64, args: &[u64]) -> Option<Needs> {
        match self.vm.call(caller, &Args::new(x0, args), Lent::NOTHING) {
            Outcome::Fetch(needs) => Some(needs),
            _ => None,
        }
    }

    fn woke(&mut self, vcpu: usize) -> Entry {
        self.vm.woke(self.ids[vcpu], Time::ZERO)
    }

    /// The x0 of a call by vCPU 0 that returns.
    fn x0(&mut self, function: u64, args: &[u64]) -> u64 {
        match self.call(0, function, args) {
            Outcome::Resume(results) | Outcome::ResumeAndWake(results, _) => results.x0(),
            other => panic!("{function:#x} did not return: {other:?}"),
        }
    }

    fn turn_on(&mut self, vcpu: usize) {
        assert_eq!(self.x0(CPU_ON, &[vcpu as u64, ENTRY, 7]), SUCCESS);
        assert!(matches!(self.begin(vcpu), Entry::Start(_)));
    }
}

// ---- starting and stopping CPUs

#[test]
fn the_boot_cpu_begins_at_the_image_with_the_device_tree() {
    let mut config = VmConfig::<1>::new();
    let boot = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0)).unwrap();
    let mut vm = config
        .freeze(boot, Ipa::new(0x4020_0000), 0x4000_0000)
        .unwrap();
    let Entry::Start(state) = vm.begin(boot) else {
        panic!("the boot CPU has a start")
    };
    assert_eq!((state.pc(), state.x0()), (0x4020_0000, 0x4000_0000));
    assert_eq!(vm.begin(boot), Entry::Continue);
}

#[test]
fn cpu_on_starts_the_target_at_the_entry_with_the_context_id() {
    let mut story = Story::<2>::new(KVM);
    assert_eq!(story.begin(1), Entry::Park);
    let outcome = story.call(0, CPU_ON, &[1, ENTRY, 0xdead_c0de]);
    let Outcome::ResumeAndWake(results, woken) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(results.registers(), [0, 0, 0, 0]);
    assert_eq!(woken, story.ids[1]);
    let Entry::Start(state) = story.begin(1) else {
        panic!("vCPU 1 was turned on")
    };
    assert_eq!((state.pc(), state.x0()), (0x4030_0000, 0xdead_c0de));
    assert_eq!(state.endianness(), Endianness::Little);
    assert_eq!(story.begin(1), Entry::Continue);
}

#[test]
fn a_started_cpu_has_its_starters_byte_order() {
    let mut story = Story::<2>::new(KVM);
    let caller = Caller {
        endianness: Some(Endianness::Big),
        ..Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0))
    };
    let _ = story.call_as(&caller, Time::ZERO, CPU_ON, &[1, ENTRY, 0]);
    let Entry::Start(state) = story.begin(1) else {
        panic!("vCPU 1 was turned on")
    };
    assert_eq!(state.endianness(), Endianness::Big);
}

#[test]
fn cpu_on_of_a_running_cpu_or_of_self_is_already_on() {
    let mut story = Story::<2>::new(KVM);
    story.turn_on(1);
    assert_eq!(story.x0(CPU_ON, &[1, ENTRY, 0]), ALREADY_ON);
    assert_eq!(story.x0(CPU_ON, &[0, ENTRY, 0]), ALREADY_ON);
    assert_eq!(story.begin(1), Entry::Continue);
}

#[test]
fn cpu_on_of_nobody_is_invalid_parameters() {
    let mut story = Story::<2>::new(KVM);
    for target in [2, 0x100, 0x8000_0000, 1 << 40, u64::MAX] {
        assert_eq!(
            story.x0(CPU_ON, &[target, ENTRY, 0]),
            INVALID_PARAMETERS,
            "{target:#x}"
        );
    }
}

#[test]
fn a_pending_start_is_reported_by_the_specification_and_on_to_kvm() {
    for (dialect, again, info) in [(SPECIFICATION, ON_PENDING, 2), (KVM, ALREADY_ON, 0)] {
        let mut story = Story::<2>::new(dialect);
        assert_eq!(story.x0(CPU_ON, &[1, ENTRY, 1]), SUCCESS);
        assert_eq!(story.x0(CPU_ON, &[1, ENTRY, 2]), again);
        assert_eq!(story.x0(AFFINITY_INFO, &[1, 0]), info);
        let Entry::Start(state) = story.begin(1) else {
            panic!("the first start counts")
        };
        assert_eq!(state.x0(), 1);
    }
}

#[test]
fn an_entry_outside_ram_is_an_invalid_address_but_kvm_does_not_look() {
    let mut story = Story::<2>::new(SPECIFICATION);
    assert_eq!(story.x0(CPU_ON, &[1, 0x3fff_ffff, 0]), INVALID_ADDRESS);
    assert_eq!(story.x0(CPU_ON, &[1, 0x4800_0000, 0]), INVALID_ADDRESS);
    assert_eq!(story.begin(1), Entry::Park);
    assert_eq!(Story::<2>::new(KVM).x0(CPU_ON, &[1, 0x1, 0]), SUCCESS);
}

#[test]
fn before_psci_1_0_an_entry_outside_ram_is_invalid_parameters() {
    let mut story = Story::<2>::with(|config| config.with_psci_version(PsciVersion::V0_2));
    assert_eq!(story.x0(CPU_ON, &[1, 0x3fff_ffff, 0]), INVALID_PARAMETERS);
}

#[test]
fn one_of_racing_callers_wins() {
    let mut story = Story::<4>::new(KVM);
    story.turn_on(1);
    story.turn_on(2);
    let codes = [0, 1, 2].map(|caller| match story.call(caller, CPU_ON, &[3, ENTRY, 0]) {
        Outcome::Resume(results) | Outcome::ResumeAndWake(results, _) => results.x0(),
        other => panic!("{other:?}"),
    });
    assert_eq!(codes, [SUCCESS, ALREADY_ON, ALREADY_ON]);
}

#[test]
fn a_cpu_goes_off_and_on_again_a_hundred_times() {
    let mut story = Story::<2>::new(KVM);
    for _ in 0..100 {
        story.turn_on(1);
        assert_eq!(story.x0(AFFINITY_INFO, &[1, 0]), 0);
        assert_eq!(story.call(1, CPU_OFF, &[]), Outcome::Park);
        assert_eq!(story.x0(AFFINITY_INFO, &[1, 0]), 1);
        assert_eq!(story.begin(1), Entry::Park);
    }
}

#[test]
fn affinity_info_of_an_instance_is_on_if_any_cpu_is() {
    let mut config = VmConfig::<3>::new().with_dialect(SPECIFICATION);
    let ids = [(0, 0), (1, 0), (1, 1)].map(|(aff1, aff0)| {
        config
            .add_vcpu(Mpidr::from_affinity(0, 0, aff1, aff0))
            .unwrap()
    });
    let vm = config.freeze(ids[0], Ipa::new(0x4020_0000), 0).unwrap();
    let mut story = Story { vm, ids };
    let _ = story.begin(0);
    assert_eq!(story.x0(AFFINITY_INFO, &[0x100, 1]), 1);
    assert_eq!(story.x0(CPU_ON, &[0x101, ENTRY, 0]), SUCCESS);
    assert_eq!(story.x0(AFFINITY_INFO, &[0x100, 1]), 2);
    let _ = story.begin(2);
    assert_eq!(story.x0(AFFINITY_INFO, &[0x100, 0]), 1);
    assert_eq!(story.x0(AFFINITY_INFO, &[0x1ff, 1]), 0);
    assert_eq!(story.x0(AFFINITY_INFO, &[0, 2]), 0);
    assert_eq!(story.x0(AFFINITY_INFO, &[0, 3]), 0);
    assert_eq!(story.x0(AFFINITY_INFO, &[0, 4]), INVALID_PARAMETERS);
    assert_eq!(story.x0(AFFINITY_INFO, &[0x200, 1]), INVALID_PARAMETERS);
}

#[test]
fn a_call_left_behind_by_a_cpu_that_is_off_changes_nothing() {
    let mut story = Story::<2>::new(KVM);
    assert_eq!(story.call(1, CPU_ON, &[1, ENTRY, 0]), Outcome::Park);
    assert_eq!(story.begin(1), Entry::Park);
}

// ---- suspending

#[test]
fn standby_returns_success_when_woken() {
    for dialect in [SPECIFICATION, KVM] {
        let mut story = Story::<1>::new(dialect);
        assert_eq!(
            story.call(0, 0xc400_0001, &[0, 0, 0]),
            Outcome::Wait(OnWake::Return)
        );
        assert_eq!(story.begin(0), Entry::Wait);
        let Entry::Resume(results) = story.woke(0) else {
            panic!("it slept")
        };
        assert_eq!(results.x0(), SUCCESS);
        assert_eq!(story.begin(0), Entry::Continue);
    }
}

#[test]
fn powerdown_begins_again_at_its_entry() {
    let mut story = Story::<1>::new(SPECIFICATION);
    let outcome = story.call(0, 0xc400_0001, &[0x1_0000, ENTRY, 9]);
    assert!(
        matches!(outcome, Outcome::Wait(OnWake::Restart(_))),
        "{outcome:?}"
    );
    let Entry::Restart(state) = story.woke(0) else {
        panic!("it lost its context")
    };
    assert_eq!((state.pc(), state.x0()), (0x4030_0000, 9));
}

#[test]
fn powerdown_to_nowhere_is_an_invalid_address() {
    let mut story = Story::<1>::new(SPECIFICATION);
    assert_eq!(
        story.x0(0xc400_0001, &[0x1_0000, 0x1000, 0]),
        INVALID_ADDRESS
    );
}

#[test]
fn a_suspended_cpu_is_on() {
    let mut story = Story::<2>::new(KVM);
    story.turn_on(1);
    let _ = story.call(1, 0xc400_0001, &[0, 0, 0]);
    assert_eq!(story.x0(CPU_ON, &[1, ENTRY, 0]), ALREADY_ON);
    assert_eq!(story.x0(AFFINITY_INFO, &[1, 0]), 0);
}

// ---- ending

#[test]
fn after_system_off_nothing_runs() {
    let mut story = Story::<2>::new(KVM);
    assert_eq!(story.x0(CPU_ON, &[1, ENTRY, 0]), SUCCESS);
    assert_eq!(
        story.call(0, 0x8400_0008, &[]),
        Outcome::System(SystemEvent::Off)
    );
    assert_eq!(story.begin(1), Entry::Stop(SystemEvent::Off));
    assert_eq!(story.call(0, CPU_ON, &[1, ENTRY, 0]), Outcome::Park);
    assert_eq!(story.woke(0), Entry::Stop(SystemEvent::Off));
}

#[test]
fn reset_waits_for_every_vcpu_and_boots_again() {
    let mut story = Story::<2>::new(KVM);
    story.turn_on(1);
    let event = SystemEvent::Reset(Reset::Cold);
    assert_eq!(story.call(1, 0x8400_0009, &[]), Outcome::System(event));
    assert_eq!(story.vm.reset(), Err(StillRunning));
    assert_eq!(story.vm.stopped(story.ids[1]), Stopped::OthersRun);
    assert_eq!(story.vm.reset(), Err(StillRunning));
    assert_eq!(story.vm.stopped(story.ids[0]), Stopped::All);
    assert_eq!(story.vm.reset(), Ok(()));
    assert!(matches!(story.begin(0), Entry::Start(state) if state.pc() == 0x4020_0000));
    assert_eq!(story.begin(1), Entry::Park);
    assert_eq!(story.vm.reset(), Err(StillRunning));
}

#[test]
fn reset2_carries_type_and_cookie_out() {
    let mut story = Story::<1>::new(KVM);
    assert_eq!(story.x0(0xc400_0012, &[1, 0]), INVALID_PARAMETERS);
    assert_eq!(
        story.call(0, 0xc400_0012, &[0x8000_002a, 5]),
        Outcome::System(SystemEvent::Reset(Reset::Vendor {
            reset_type: 0x8000_002a,
            cookie: 5
        }))
    );
}

// ---- discovering

#[test]
fn versions_and_the_trusted_os() {
    let mut story = Story::<1>::new(KVM);
    assert_eq!(story.x0(0x8000_0000, &[]), 0x10001);
    assert_eq!(story.x0(0x8400_0000, &[]), 0x10001);
    assert_eq!(story.x0(0x8400_0006, &[]), 2);
    let mut older = Story::<1>::with(|config| config.with_psci_version(PsciVersion::V1_0));
    assert_eq!(older.x0(0x8400_0000, &[]), 0x10000);
}

#[test]
fn psci_features_of_1_1() {
    let there = [
        0x8000_0000,
        0x8400_0000,
        0x8400_0001,
        0xc400_0001,
        0x8400_0002,
        0x8400_0003,
        0xc400_0003,
        0x8400_0004,
        0xc400_0004,
        0x8400_0006,
        0x8400_0008,
        0x8400_0009,
        0x8400_000a,
        0x8400_0012,
        0xc400_0012,
    ];
    let mut story = Story::<1>::new(KVM);
    for id in (0x8400_0000..0x8400_0020)
        .chain(0xc400_0000..0xc400_0020)
        .chain([
            0x8000_0000,
            0x8000_0001,
            0x8000_8000,
            0x8400_0050,
            0x95c1_ba5e,
            0,
        ])
    {
        let expected = if there.contains(&id) {
            0
        } else {
            NOT_SUPPORTED
        };
        assert_eq!(story.x0(0x8400_000a, &[id]), expected, "{id:#x}");
    }
}

#[test]
fn psci_features_of_1_0_has_no_reset2() {
    let mut story = Story::<1>::with(|config| config.with_psci_version(PsciVersion::V1_0));
    assert_eq!(story.x0(0x8400_000a, &[0x8400_0012]), NOT_SUPPORTED);
    assert_eq!(story.x0(0xc400_0012, &[0x8000_0000, 0]), NOT_SUPPORTED);
}

#[test]
fn arch_features_confirms_itself_in_the_specification_and_not_in_kvm() {
    for (dialect, answer) in [(SPECIFICATION, 0), (KVM, NOT_SUPPORTED)] {
        let mut story = Story::<1>::new(dialect);
        assert_eq!(story.x0(0x8000_0001, &[0x8000_0000]), answer);
        assert_eq!(story.x0(0x8000_0001, &[0x8000_0001]), answer);
        assert_eq!(story.x0(0x8000_0001, &[0x8000_0002]), NOT_SUPPORTED);
        assert_eq!(story.x0(0x8000_0001, &[0x8400_0000]), NOT_SUPPORTED);
    }
}

#[test]
fn workarounds_are_served_as_promised() {
    let promised = Workarounds::NONE.with(Workaround::One, Level::NotRequired);
    let mut story = Story::<1>::with(|config| config.with_workarounds(promised));
    assert_eq!(story.x0(0x8000_0001, &[0x8000_8000]), 1);
    assert_eq!(story.x0(0x8000_8000, &[]), 0);
    assert_eq!(story.x0(0x8000_0001, &[0x8000_3fff]), NOT_SUPPORTED);
    assert_eq!(story.x0(0x8000_3fff, &[]), NOT_SUPPORTED);
}

#[test]
fn what_is_promised_as_available_is_left_to_the_backend_to_do() {
    let of = |dialect, workaround, id| {
        let promised = Workarounds::NONE.with(workaround, Level::Available);
        let mut story =
            Story::<1>::with(|config| config.with_dialect(dialect).with_workarounds(promised));
        match story.call(0, id, &[]) {
            Outcome::Mitigate(results, what) => (results.registers().to_vec(), what),
            other => panic!("{other:?}"),
        }
    };
    for (workaround, id) in [
        (Workaround::One, 0x8000_8000),
        (Workaround::Three, 0x8000_3fff),
    ] {
        let done = |registers: &[u64]| (registers.to_vec(), workaround);
        assert_eq!(of(SPECIFICATION, workaround, id), done(&[0]));
        assert_eq!(of(KVM, workaround, id), done(&[0, 0]));
    }
}

#[test]
fn kvm_answers_workarounds_by_hvc_whatever_is_promised() {
    let mut story = Story::<1>::new(KVM);
    let results = |outcome| match outcome {
        Outcome::Resume(results) => results.registers().to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(results(story.call(0, 0x8000_8000, &[])), [0, 0]);
    let by_smc = story.call_by(Conduit::Smc(0), 0x8000_8000, &[]);
    assert_eq!(results(by_smc), [NOT_SUPPORTED, 0, 0, 0]);
    let fourth = story.call(0, 0x8000_0004, &[]);
    assert_eq!(results(fourth), [NOT_SUPPORTED, 0, 0, 0]);
}

// ---- conduits, widths, unknown ids

#[test]
fn unknown_ids_are_not_supported_in_the_dialects_shape() {
    let ids = [
        0,
        0x539,
        0x0400_0000,
        0x8400_0005,
        0x8400_001f,
        0xc400_0002,
        0x8401_0003,
    ];
    for (dialect, registers) in [
        (SPECIFICATION, [NOT_SUPPORTED].as_slice()),
        (KVM, [NOT_SUPPORTED, 0, 0, 0].as_slice()),
    ] {
        let mut story = Story::<1>::new(dialect);
        for id in ids {
            let outcome = story.call(0, id, &[1, 2, 3]);
            let Outcome::Resume(results) = outcome else {
                panic!("{id:#x}: {outcome:?}")
            };
            assert_eq!(results.registers(), registers, "{id:#x}");
        }
    }
}

#[test]
fn immediates_and_smc_follow_the_dialect() {
    let unknown = Outcome::Resume(Results::in_x0(NOT_SUPPORTED));
    for (dialect, conduit, served) in [
        (SPECIFICATION, Conduit::Hvc(0), true),
        (SPECIFICATION, Conduit::Hvc(1), false),
        (SPECIFICATION, Conduit::Smc(0), true),
        (SPECIFICATION, Conduit::Smc(1), false),
        (KVM, Conduit::Hvc(1), true),
        (KVM, Conduit::Smc(0), true),
        (KVM, Conduit::Smc(1), false),
        (OLD_KVM, Conduit::Hvc(1), true),
        (OLD_KVM, Conduit::Smc(0), false),
    ] {
        let outcome = Story::<1>::new(dialect).call_by(conduit, 0x8400_0000, &[]);
        assert_eq!(outcome != unknown, served, "{dialect:?} {conduit:?}");
    }
}

#[test]
fn aarch32_callers_have_no_smc64_functions() {
    let mut story = Story::<2>::new(KVM);
    let caller = Caller {
        execution_state: ExecutionState::Aarch32,
        ..Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0))
    };
    let mut x0 = |function, args: &[u64]| match story.call_as(&caller, Time::ZERO, function, args) {
        Outcome::Resume(results) | Outcome::ResumeAndWake(results, _) => results.x0(),
        other => panic!("{other:?}"),
    };
    assert_eq!(x0(CPU_ON, &[1, ENTRY, 0]), NOT_SUPPORTED);
    assert_eq!(x0(0x8400_000a, &[CPU_ON]), NOT_SUPPORTED);
    assert_eq!(x0(0x8400_0003, &[1, ENTRY, 0]), SUCCESS);
}

#[test]
fn a_started_cpu_is_in_its_starters_execution_state() {
    let mut story = Story::<2>::new(KVM);
    let caller = Caller {
        execution_state: ExecutionState::Aarch32,
        ..Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0))
    };
    let _ = story.call_as(&caller, Time::ZERO, 0x8400_0003, &[1, ENTRY + 1, 7]);
    let Entry::Start(state) = story.begin(1) else {
        panic!("vCPU 1 was turned on")
    };
    assert_eq!((state.pc(), state.pstate()), (ENTRY, 0x1f3));
}

#[test]
fn a_call_asks_for_the_registers_it_uses_and_no_more() {
    let mut story = Story::<2>::new(KVM);
    let caller = Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0));
    let refused = Caller::little_endian_aarch64(story.ids[0], Conduit::Smc(1));
    for (caller, id, arguments) in [
        (caller, 0x8400_0000, None),
        (caller, 0xc400_0003, Some(1)),
        (caller, 0xc400_0004, Some(2)),
        (caller, 0x8400_000a, Some(1)),
        (caller, 0x8400_0005, None),
        (refused, 0xc400_0003, None),
    ] {
        let needs = story.needs(&caller, id, &[]);
        assert_eq!(needs.map(Needs::arguments), arguments, "{id:#x}");
    }
}

#[test]
fn starting_a_cpu_needs_more_than_finding_that_it_cannot_be_started() {
    let mut story = Story::<2>::new(KVM);
    let caller = Caller {
        endianness: None,
        ..Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0))
    };
    for (target, more) in [(0, None), (9, None), (1, Some((3, true)))] {
        let needs = story.needs(&caller, CPU_ON, &[target]);
        assert_eq!(
            needs.map(|needs| (needs.arguments(), needs.endianness())),
            more,
            "{target}"
        );
    }
    assert_eq!(story.begin(1), Entry::Park);
}

#[test]
fn suspending_needs_an_entry_only_where_there_is_one() {
    let mut story = Story::<1>::new(SPECIFICATION);
    let caller = Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0));
    let mut arguments = |args: &[u64]| {
        let needs = story.needs(&caller, 0xc400_0001, args);
        needs.map(Needs::arguments)
    };
    assert_eq!(arguments(&[]), Some(1));
    assert_eq!(arguments(&[0x1_0000]), Some(3));
    assert_eq!(arguments(&[0x2_0000]), None);
    assert_eq!(arguments(&[0]), None);
    let mut kvm = Story::<1>::new(KVM);
    let caller = Caller::little_endian_aarch64(kvm.ids[0], Conduit::Hvc(0));
    assert_eq!(kvm.needs(&caller, 0xc400_0001, &[]), None);
}

// ---- random stories against a model

/// What the specification says of one CPU, in as few words as possible.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Model {
    Off,
    Pending,
    On,
    Asleep,
}

proptest! {
    #[test]
    fn random_sequences_agree_with_the_model(steps in prop::collection::vec((0..4_u8, 0..4_usize, 0..5_usize), 1..200)) {
        let mut story = Story::<4>::new(SPECIFICATION);
        let mut model = [Model::On, Model::Off, Model::Off, Model::Off];
        for (step, actor, target) in steps {
            let runs = model[actor] == Model::On;
            match step {
                0 => {
                    let outcome = story.call(actor, CPU_ON, &[target as u64, ENTRY, 0]);
                    let expected = match model.get(target) {
                        _ if !runs => None,
                        None => Some(INVALID_PARAMETERS),
                        Some(Model::Off) => Some(SUCCESS),
                        Some(Model::Pending) => Some(ON_PENDING),
                        Some(Model::On | Model::Asleep) => Some(ALREADY_ON),
                    };
                    let found = match outcome {
                        Outcome::Resume(r) | Outcome::ResumeAndWake(r, _) => Some(r.x0()),
                        _ => None,
                    };
                    prop_assert_eq!(found, expected);
                    if found == Some(SUCCESS) {
                        model[target] = Model::Pending;
                    }
                }
                1 => {
                    prop_assert_eq!(story.call(actor, CPU_OFF, &[]), Outcome::Park);
                    if runs {
                        model[actor] = Model::Off;
                    }
                }
                2 => {
                    let entry = story.begin(actor);
                    prop_assert_eq!(matches!(entry, Entry::Start(_)), model[actor] == Model::Pending);
                    prop_assert_eq!(entry == Entry::Park, model[actor] == Model::Off);
                    if model[actor] == Model::Pending {
                        model[actor] = Model::On;
                    }
                }
                _ if model[actor] == Model::Asleep => {
                    prop_assert!(matches!(story.woke(actor), Entry::Resume(_)));
                    model[actor] = Model::On;
                }
                _ => {
                    let outcome = story.call(actor, 0xc400_0001, &[0, 0, 0]);
                    prop_assert_eq!(outcome == Outcome::Wait(OnWake::Return), runs);
                    if runs {
                        model[actor] = Model::Asleep;
                    }
                }
            }
        }
    }

    #[test]
    fn no_call_of_any_id_panics_or_loses_the_machine(
        id in prop_oneof![
            any::<u64>(),
            0x8400_0000..0x8400_0020_u64,
            0xc400_0000..0xc400_0020_u64,
            prop::sample::select(&[0x8000_0000, 0x8000_0001, 0x8000_3fff, 0x8000_7fff, 0x8000_8000]),
        ],
        args: [u64; 17],
        immediate in prop_oneof![Just(0), any::<u16>()],
        smc: bool,
    ) {
        let conduit = if smc { Conduit::Smc(immediate) } else { Conduit::Hvc(immediate) };
        for dialect in [SPECIFICATION, KVM, OLD_KVM] {
            let mut story = Story::<2>::new(dialect);
            let _ = story.call_by(conduit, id, &args);
            prop_assert!(story.begin(0) != Entry::Park || id as u32 == 0x8400_0002);
        }
    }
}
