//! Claims that neither KVM nor a guest above it can show, shown on core by itself.
//!
//! One test a claim, and its name is the claim. Numbers are the specifications' own.

use vambrace_conformance::on_the_host::{Machine, Source, everything};
use vambrace_core::firmware::{
    Dialect, KvmGeneration, Level, RegisterError, Services, Workaround, Workarounds,
};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::{Migration, PsciOptions, PsciVersion, TrustedOs};
use vambrace_core::smccc::{Args, Endianness};
use vambrace_core::smccc::{Caller, Conduit, ExecutionState, SmcccVersion, SocId};
use vambrace_core::{Entry, Lent, Outcome, VmConfig};

const SPECIFICATION: Dialect = Dialect::Specification;
const KVM_5_10: Dialect = Dialect::Kvm(KvmGeneration::V5_10);
const KVM_6_1: Dialect = Dialect::Kvm(KvmGeneration::V6_1);
const KVM_6_12: Dialect = Dialect::Kvm(KvmGeneration::V6_12);
const KVM_7_3: Dialect = Dialect::Kvm(KvmGeneration::V7_3);

const CONDUITS: [Conduit; 2] = [Conduit::Hvc(0), Conduit::Smc(0)];

fn of_smccc(version: u32) -> Machine {
    let version = SmcccVersion::from_value(version).unwrap();
    Machine::new(|config| everything(config).with_smccc_version(version))
}

// ---- versions of the calling convention (DEN0028 §7.2)

#[test]
fn smccc_version_tells_each_version_from_1_1_to_1_6() {
    for version in 0x1_0001..=0x1_0006 {
        assert_eq!(of_smccc(version).x(0x8000_0000, &[]), [i64::from(version)]);
    }
}

#[test]
fn smccc_1_0_has_no_way_to_tell_its_version() {
    let mut machine = of_smccc(0x1_0000);
    assert_eq!(machine.x(0x8000_0000, &[]), [-1]);
    assert_eq!(machine.x(0x8000_0001, &[0x8000_0000]), [-1]);
}

#[test]
fn psci_features_finds_smccc_version_from_1_1_on() {
    assert_eq!(of_smccc(0x1_0000).x0(0x8400_000a, &[0x8000_0000]), -1);
    for version in 0x1_0001..=0x1_0006 {
        assert_eq!(of_smccc(version).x0(0x8400_000a, &[0x8000_0000]), 0);
    }
}

#[test]
fn smccc_version_answers_by_hvc_and_by_smc() {
    for conduit in CONDUITS {
        let mut machine = Machine::with_everything();
        assert_eq!(machine.x_by(conduit, 0x8000_0000, &[]), [0x1_0006]);
    }
}

// ---- SMCCC_ARCH_FEATURES (DEN0028 §7.3)

#[test]
fn arch_features_confirms_version_itself_and_soc_id() {
    let mut machine = Machine::with_everything();
    for id in [0x8000_0000, 0x8000_0001, 0x8000_0002, 0xc000_0002] {
        assert_eq!(machine.x(0x8000_0001, &[id]), [0], "{id:#x}");
    }
}

#[test]
fn arch_features_does_not_know_other_architecture_ids() {
    let mut machine = Machine::with_everything();
    for id in [
        0x8000_0003,
        0x8000_0005,
        0xc000_0000,
        0xc000_0001,
        0x8000_ffff,
        0,
    ] {
        assert_eq!(machine.x(0x8000_0001, &[id]), [-1], "{id:#x}");
    }
}

#[test]
fn arch_features_reads_a_word() {
    let mut machine = Machine::with_everything();
    assert_eq!(machine.x0(0x8000_0001, &[0xffff_ffff_8000_0001]), 0);
}

#[test]
fn arch_features_of_kvm_confirms_neither_version_nor_itself() {
    for dialect in [KVM_5_10, KVM_6_1, KVM_6_12, KVM_7_3] {
        let mut machine = of_dialect(dialect);
        for id in [0x8000_0000, 0x8000_0001, 0x8000_0002] {
            assert_eq!(machine.x(0x8000_0001, &[id]), [-1, 0, 0, 0], "{id:#x}");
        }
    }
}

#[test]
fn arch_features_of_kvm_5_10_finds_pv_time_that_is_not_there() {
    let mut machine = of_dialect(KVM_5_10);
    assert_eq!(machine.x0(0x8000_0001, &[0xc500_0020]), 0);
    assert_eq!(machine.x0(0xc500_0020, &[0xc500_0021]), -1);
    for dialect in [KVM_6_1, KVM_6_12, KVM_7_3, SPECIFICATION] {
        assert_eq!(of_dialect(dialect).x0(0x8000_0001, &[0xc500_0020]), -1);
    }
}

/// The oldest version that all of them have.
fn of_dialect(dialect: Dialect) -> Machine {
    Machine::new(|config| {
        config
            .with_dialect(dialect)
            .with_psci_version(PsciVersion::V1_0)
    })
}

// ---- SMCCC_ARCH_SOC_ID (DEN0028 §7.4)

#[test]
fn soc_id_tells_version_and_revision_in_either_width() {
    let mut machine = Machine::with_everything();
    for id in [0x8000_0002, 0xc000_0002] {
        assert_eq!(machine.x(id, &[0]), [0x0123_4567]);
        assert_eq!(machine.x(id, &[1]), [5]);
    }
}

#[test]
fn soc_id_gives_the_name_in_seventeen_registers() {
    let mut machine = Machine::with_everything();
    let mut expected = [0; 18];
    // "Vambrace", its first letter in bits 7:0 of x1.
    expected[1] = 0x6563_6172_626d_6156;
    assert_eq!(machine.x(0xc000_0002, &[2]), expected);
}

#[test]
fn soc_id_ends_the_longest_name_with_a_zero_in_x17() {
    let soc = SocId::new(1, 1)
        .unwrap()
        .with_name(&"n".repeat(135))
        .unwrap();
    let mut machine = Machine::new(|config| {
        let config = config.with_smccc_version(SmcccVersion::V1_6);
        config.with_soc_id(soc)
    });
    let mut expected = [0x6e6e_6e6e_6e6e_6e6e; 18];
    expected[0] = 0;
    expected[17] = 0x006e_6e6e_6e6e_6e6e;
    assert_eq!(machine.x(0xc000_0002, &[2]), expected);
}

#[test]
fn soc_id_has_no_name_by_smc32() {
    assert_eq!(Machine::with_everything().x(0x8000_0002, &[2]), [-3]);
}

#[test]
fn soc_id_refuses_types_that_are_none() {
    let mut machine = Machine::with_everything();
    for soc_id_type in [3, 4, 0x8000_0000, 0xffff_ffff] {
        assert_eq!(machine.x(0x8000_0002, &[soc_id_type]), [-3]);
        assert_eq!(machine.x(0xc000_0002, &[soc_id_type]), [-3]);
    }
}

#[test]
fn soc_id_came_with_1_2_and_its_name_with_1_6() {
    for (version, words, name) in [
        (0x1_0001, -1, -1),
        (0x1_0002, 0, -1),
        (0x1_0005, 0, -1),
        (0x1_0006, 0, 0),
    ] {
        let mut machine = of_smccc(version);
        assert_eq!(machine.x0(0x8000_0001, &[0x8000_0002]), words);
        assert_eq!(machine.x0(0x8000_0001, &[0xc000_0002]), name);
        let served = |x0: i64| if x0 < 0 { x0 } else { 0 };
        assert_eq!(served(machine.x0(0x8000_0002, &[1])), words);
        assert_eq!(served(machine.x0(0xc000_0002, &[2])), name);
    }
}

#[test]
fn soc_id_is_not_there_unless_the_machine_has_one() {
    let mut machine = Machine::new(|config| config.with_smccc_version(SmcccVersion::V1_6));
    for id in [0x8000_0002, 0xc000_0002] {
        assert_eq!(machine.x0(id, &[0]), -1);
        assert_eq!(machine.x0(0x8000_0001, &[id.into()]), -1);
    }
}

// ---- the workarounds (DEN0028 §7.5–§7.7, §7.9)

const WORKAROUNDS: [(Workaround, u32); 4] = [
    (Workaround::One, 0x8000_8000),
    (Workaround::Two, 0x8000_7fff),
    (Workaround::Three, 0x8000_3fff),
    (Workaround::Four, 0x8000_0004),
];

fn promising(dialect: Dialect, workaround: Workaround, level: Level) -> Machine {
    let promised = Workarounds::NONE.with(workaround, level);
    Machine::new(|config| config.with_dialect(dialect).with_workarounds(promised))
}

#[test]
fn workarounds_that_are_not_promised_are_not_there() {
    for (workaround, id) in WORKAROUNDS {
        for conduit in CONDUITS {
            let mut machine = promising(SPECIFICATION, workaround, Level::NotAvailable);
            assert_eq!(machine.x_by(conduit, 0x8000_0001, &[id.into()]), [-1]);
            assert_eq!(machine.x_by(conduit, id, &[]), [-1]);
        }
    }
}

#[test]
fn workarounds_1_and_3_and_4_are_found_and_called_by_either_conduit() {
    for (workaround, id) in WORKAROUNDS.into_iter().filter(|(_, id)| *id != 0x8000_7fff) {
        for conduit in CONDUITS {
            let mut machine = promising(SPECIFICATION, workaround, Level::Available);
            assert_eq!(machine.x_by(conduit, 0x8000_0001, &[id.into()]), [0]);
            assert_eq!(machine.x_by(conduit, id, &[]), [0]);
        }
    }
}

#[test]
fn workarounds_that_no_cpu_needs_are_told_so_and_may_be_called() {
    for (workaround, id, told) in [
        (Workaround::One, 0x8000_8000, 1),
        (Workaround::Two, 0x8000_7fff, -2),
        (Workaround::Three, 0x8000_3fff, 1),
    ] {
        for conduit in CONDUITS {
            let mut machine = promising(SPECIFICATION, workaround, Level::NotRequired);
            assert_eq!(machine.x_by(conduit, 0x8000_0001, &[id]), [told]);
            assert_eq!(machine.x_by(conduit, id.try_into().unwrap(), &[1]), [0]);
        }
    }
}

#[test]
fn workaround_4_is_not_there_where_no_cpu_needs_it() {
    let mut machine = promising(SPECIFICATION, Workaround::Four, Level::NotRequired);
    assert_eq!(machine.x(0x8000_0001, &[0x8000_0004]), [-1]);
    assert_eq!(machine.x(0x8000_0004, &[]), [-1]);
}

#[test]
fn workaround_2_is_never_promised_as_a_call() {
    let mut machine = promising(SPECIFICATION, Workaround::Two, Level::Available);
    assert_eq!(machine.x(0x8000_0001, &[0x8000_7fff]), [-1]);
    assert_eq!(machine.x(0x8000_7fff, &[1]), [-1]);
}

#[test]
fn kvm_answers_workarounds_1_and_2_and_3_by_hvc_and_none_by_smc() {
    for dialect in [KVM_6_12, KVM_7_3] {
        for id in [0x8000_8000, 0x8000_7fff, 0x8000_3fff] {
            let mut machine = Machine::in_dialect(dialect);
            assert_eq!(machine.x(id, &[]), [0, 0]);
            assert_eq!(machine.x_by(Conduit::Smc(0), id, &[]), [-1, 0, 0, 0]);
        }
    }
}

#[test]
fn kvm_has_no_workaround_4() {
    let mut machine = Machine::in_dialect(KVM_7_3);
    assert_eq!(machine.x(0x8000_0004, &[]), [-1, 0, 0, 0]);
    assert_eq!(machine.x0(0x8000_0001, &[0x8000_0004]), -1);
}

// ---- conduits and their immediates (DEN0028 §2.10)

#[test]
fn an_immediate_other_than_0_makes_any_call_unknown() {
    for immediate in [1, 2, 0x8000, 0xffff] {
        for conduit in [Conduit::Hvc(immediate), Conduit::Smc(immediate)] {
            for id in [
                0x8000_0000,
                0x8400_0000,
                0x8400_0008,
                0x8400_0050,
                0x8600_ff01,
            ] {
                let mut machine = Machine::with_everything();
                assert_eq!(machine.x_by(conduit, id, &[]), [-1], "{conduit:?} {id:#x}");
            }
        }
    }
}

#[test]
fn kvm_ignores_the_immediate_of_hvc_and_not_that_of_smc() {
    let mut machine = Machine::in_dialect(KVM_7_3);
    assert_eq!(
        machine.x_by(Conduit::Hvc(0xffff), 0x8400_0000, &[]),
        [0x1_0001, 0, 0, 0]
    );
    assert_eq!(machine.x_by(Conduit::Smc(1), 0x8400_0000, &[]), [-1]);
}

#[test]
fn kvm_before_6_4_does_not_know_smc() {
    for dialect in [KVM_5_10, KVM_6_1] {
        let mut machine = of_dialect(dialect);
        assert_eq!(machine.x_by(Conduit::Smc(0), 0x8400_0000, &[]), [-1]);
        assert_eq!(machine.x0(0x8400_0000, &[]), 0x1_0000);
    }
}

// ---- the SVE hint (DEN0028 §2.5: bit 16 of fast calls)

#[test]
fn the_sve_hint_changes_nothing_from_1_3_on() {
    for version in [0x1_0003, 0x1_0006] {
        let mut machine = of_smccc(version);
        assert_eq!(machine.x(0x8001_0000, &[]), [i64::from(version)]);
        assert_eq!(machine.x(0x8401_0000, &[]), [0x1_0003]);
        assert_eq!(machine.x(0xc401_0004, &[1, 0]), [1]);
        assert_eq!(machine.x0(0x8401_0050, &[]), 0x1_0000);
        assert_eq!(machine.x0(0xc501_0020, &[0xc500_0021]), 0);
    }
}

#[test]
fn the_sve_hint_makes_another_id_before_1_3() {
    for version in [0x1_0001, 0x1_0002] {
        let mut machine = of_smccc(version);
        assert_eq!(machine.x(0x8001_0000, &[]), [-1]);
        assert_eq!(machine.x(0x8401_0000, &[]), [-1]);
    }
}

#[test]
fn a_yielding_call_has_no_sve_hint() {
    assert_eq!(Machine::with_everything().x(0x0401_0000, &[]), [-1]);
}

#[test]
fn the_sve_hint_is_no_part_of_the_ids_of_psci_0_1() {
    let mut machine = of_psci_0_1(|config| config.with_smccc_version(SmcccVersion::V1_6));
    assert_eq!(machine.x(0x95c1_ba60, &[1, 0x4030_0000, 0]), [0]);
    assert_eq!(machine.x(0x95c0_ba60, &[1, 0x4030_0000, 0]), [-1]);
}

// ---- PSCI 0.1 (a guest of it cannot end its machine)

fn of_psci_0_1(configure: impl FnOnce(VmConfig<2>) -> VmConfig<2>) -> Machine {
    Machine::new(|config| configure(config).with_psci_version(PsciVersion::V0_1))
}

#[test]
fn psci_0_1_has_its_own_ids_and_no_standard_one() {
    for dialect in [SPECIFICATION, KVM_6_12] {
        let mut machine = of_psci_0_1(|config| config.with_dialect(dialect));
        for number in 0..0x20 {
            assert_eq!(machine.x0(0x8400_0000 | number, &[]), -1);
            assert_eq!(machine.x0(0xc400_0000 | number, &[]), -1);
        }
        assert_eq!(machine.x0(0x95c1_ba60, &[1, 0x4030_0000, 7]), 0);
        let cpu = machine.cpus[1];
        assert!(matches!(machine.vm.begin(cpu), Entry::Start(state) if state.x0() == 7));
    }
}

#[test]
fn psci_0_1_turns_the_caller_off() {
    for dialect in [SPECIFICATION, KVM_6_12] {
        let mut machine = of_psci_0_1(|config| config.with_dialect(dialect));
        let outcome = machine.call_by(Conduit::Hvc(0), 0x95c1_ba5f, &[]);
        assert_eq!(outcome, Outcome::Park);
    }
}

#[test]
fn psci_0_1_has_neither_already_on_nor_on_pending() {
    for dialect in [SPECIFICATION, KVM_6_12] {
        let mut machine = of_psci_0_1(|config| config.with_dialect(dialect));
        assert_eq!(machine.x0(0x95c1_ba60, &[0, 0x4030_0000, 0]), -2);
        assert_eq!(machine.x0(0x95c1_ba60, &[1, 0x4030_0000, 0]), 0);
        assert_eq!(machine.x0(0x95c1_ba60, &[1, 0x4030_0000, 0]), -2);
    }
}

#[test]
fn psci_0_1_suspends_but_in_kvm() {
    let mut machine = of_psci_0_1(|config| config);
    let outcome = machine.call_by(Conduit::Hvc(0), 0x95c1_ba5e, &[0]);
    assert!(matches!(outcome, Outcome::Wait(_)));
    let mut machine = of_psci_0_1(|config| config.with_dialect(KVM_6_12));
    assert_eq!(machine.x0(0x95c1_ba5e, &[0]), -1);
}

#[test]
fn the_ids_of_psci_0_1_are_gone_from_0_2_on() {
    for version in [PsciVersion::V0_2, PsciVersion::V1_0, PsciVersion::V1_3] {
        let mut machine = Machine::new(|config| config.with_psci_version(version));
        for id in 0x95c1_ba5e..=0x95c1_ba61 {
            assert_eq!(machine.x(id, &[1]), [-1]);
        }
    }
}

// ---- a Trusted OS that cannot move (DEN0022 §5.1.6–§5.1.8)

fn with_trusted_os(migration: Migration) -> Machine {
    let resident = Machine::with_everything().cpus[0];
    let trusted_os = TrustedOs {
        resident,
        migration,
    };
    Machine::new(|config| config.with_trusted_os(trusted_os))
}

#[test]
fn a_trusted_os_that_cannot_move_is_of_type_1_and_migrate_is_denied() {
    let mut machine = with_trusted_os(Migration::Incapable);
    assert_eq!(machine.x(0x8400_0006, &[]), [1]);
    for id in [0x8400_0005, 0xc400_0005] {
        assert_eq!(machine.x(id, &[1]), [-3]);
        assert_eq!(machine.x0(0x8400_000a, &[id.into()]), 0);
    }
}

#[test]
fn a_trusted_os_that_cannot_move_keeps_its_cpu_on() {
    let mut machine = with_trusted_os(Migration::Incapable);
    assert_eq!(machine.x(0xc400_0007, &[]), [0]);
    assert_eq!(machine.x(0x8400_0002, &[]), [-3]);
    assert_eq!(machine.x(0xc400_0004, &[0, 0]), [0]);
}

#[test]
fn migrate_to_nobody_or_to_a_cpu_that_is_off_is_invalid() {
    for target in [1, 7] {
        let mut machine = with_trusted_os(Migration::Capable);
        assert_eq!(machine.x(0xc400_0005, &[target]), [-2]);
    }
}

// ---- TRNG without entropy (DEN0098 §2.4)

#[test]
fn trng_rnd_without_entropy_is_no_entropy_and_zeroes() {
    let mut machine = Machine::with_everything().with_entropy(Source::Dry);
    for id in [0x8400_0053, 0xc400_0053] {
        assert_eq!(machine.x(id, &[1]), [-3, 0, 0, 0]);
        assert_eq!(machine.x(id, &[96]), [-3, 0, 0, 0]);
    }
}

#[test]
fn trng_refuses_a_wrong_number_of_bits_before_it_looks_for_entropy() {
    let mut machine = Machine::with_everything().with_entropy(Source::Dry);
    assert_eq!(machine.x(0x8400_0053, &[97]), [-2, 0, 0, 0]);
    assert_eq!(machine.x(0xc400_0053, &[193]), [-2, 0, 0, 0]);
    assert_eq!(machine.x(0xc400_0053, &[0]), [-2, 0, 0, 0]);
}

#[test]
fn trng_gives_no_bit_that_was_not_asked_for() {
    let mut machine = Machine::with_everything();
    assert_eq!(machine.x(0x8400_0053, &[33]), [0, 0, 1, 0xffff_ffff]);
    assert_eq!(machine.x(0xc400_0053, &[129]), [0, 1, -1, -1]);
}

// ---- PTP (KVM's vendor services; Linux, ptp_kvm.rst)

#[test]
fn ptp_gives_wall_clock_and_counter_of_one_instant_in_halves() {
    let mut machine = Machine::with_everything();
    let wall_clock = [0x1111_1111, 0x2222_2222];
    let virtual_counter = [0x3333_3333, 0x4444_4444];
    let physical_counter = [0x5555_5555, 0x6666_6666];
    assert_eq!(
        machine.x(0x8600_0001, &[0]),
        [wall_clock, virtual_counter].concat()
    );
    assert_eq!(
        machine.x(0x8600_0001, &[1]),
        [wall_clock, physical_counter].concat()
    );
    assert_eq!(machine.x0(0x8600_0001, &[2]), -1);
}

#[test]
fn ptp_is_found_in_the_bitmap_and_not_otherwise() {
    let with = |services| Machine::new(|config| config.with_services(services));
    let mut machine = with(Services::VENDOR_FEATURES | Services::PTP);
    assert_eq!(machine.x(0x8600_0000, &[]), [3, 0, 0, 0]);
    let mut machine = with(Services::VENDOR_FEATURES);
    assert_eq!(machine.x(0x8600_0000, &[]), [1, 0, 0, 0]);
    assert_eq!(machine.x(0x8600_0001, &[0]), [-1]);
}

// ---- AArch32 callers (DEN0028 §2.2)

#[test]
fn an_aarch32_caller_has_no_smc64_function() {
    let mut machine = Machine::with_everything();
    let caller = Caller {
        execution_state: ExecutionState::Aarch32,
        endianness: Some(Endianness::Little),
        ..Caller::little_endian_aarch64(machine.cpus[0], Conduit::Hvc(0))
    };
    let mut x0 = |id: u64, from_x1: &[u64]| match machine.vm.call(
        &caller,
        &Args::new(id, from_x1),
        Lent::NOTHING,
    ) {
        Outcome::Resume(results) => results.x0().cast_signed(),
        outcome => panic!("{outcome:?}"),
    };
    for id in [
        0xc400_0003,
        0xc400_0004,
        0xc400_0053,
        0xc500_0020,
        0xc600_0040,
    ] {
        assert_eq!(x0(id, &[0, 0, 0]), -1, "{id:#x}");
    }
    assert_eq!(x0(0x8400_000a, &[0xc400_0003]), -1);
    assert_eq!(x0(0x8400_000a, &[0x8400_0003]), 0);
}

// ---- pseudo-registers (Linux, fw-pseudo-registers.rst)

const PSCI_VERSION: u64 = 0x6030_0000_0014_0000;
const WORKAROUND_1: u64 = 0x6030_0000_0014_0001;
const WORKAROUND_2: u64 = 0x6030_0000_0014_0002;
const STANDARD: u64 = 0x6030_0000_0016_0000;
const VENDOR_HYP: u64 = 0x6030_0000_0016_0002;
const VENDOR_HYP_2: u64 = 0x6030_0000_0016_0003;

fn offering(dialect: Dialect, services: Services) -> VmConfig<2> {
    VmConfig::new()
        .with_dialect(dialect)
        .with_services(services)
        .with_pv_time(Ipa::new(0x090a_0000))
}

#[test]
fn an_unknown_pseudo_register_and_a_narrow_one_are_told_apart() {
    let mut config = offering(KVM_7_3, Services::empty());
    let unknown = 0x6030_0000_0014_0004;
    let narrow = 0x6020_0000_0014_0000;
    assert_eq!(
        config.register(unknown),
        Err(RegisterError::Unknown(unknown))
    );
    assert_eq!(
        config.set_register(narrow, 2),
        Err(RegisterError::Width(narrow))
    );
}

#[test]
fn a_pseudo_register_is_unknown_to_kernels_older_than_it() {
    for (dialect, bitmap, second) in [
        (KVM_5_10, false, false),
        (KVM_6_1, true, false),
        (KVM_6_12, true, false),
        (KVM_7_3, true, true),
    ] {
        let config = offering(dialect, Services::empty());
        assert_eq!(config.register(VENDOR_HYP).is_ok(), bitmap);
        assert_eq!(config.register(VENDOR_HYP_2).is_ok(), second);
    }
}

#[test]
fn a_bitmap_loses_bits_and_regains_them_until_the_machine_runs() {
    let offered = Services::TRNG | Services::VENDOR_FEATURES | Services::PTP;
    let mut config = offering(KVM_6_12, offered);
    assert_eq!(config.register(VENDOR_HYP), Ok(3));
    assert_eq!(config.set_register(VENDOR_HYP, 0), Ok(()));
    assert_eq!(config.set_register(VENDOR_HYP, 2), Ok(()));
    assert_eq!(
        config.set_register(VENDOR_HYP, 4),
        Err(RegisterError::Service(4))
    );
    assert_eq!(config.register(VENDOR_HYP), Ok(2));
    let mut machine = Machine::new(|_| config);
    assert_eq!(machine.vm.set_register(VENDOR_HYP, 2), Ok(()));
    assert_eq!(
        machine.vm.set_register(VENDOR_HYP, 3),
        Err(RegisterError::Busy)
    );
    assert_eq!(
        machine.vm.set_register(STANDARD, 0),
        Err(RegisterError::Busy)
    );
    assert_eq!(machine.x0(0x8600_0000, &[]), -1);
    assert_eq!(machine.x0(0x8600_0001, &[0]), 0x1111_1111);
}

#[test]
fn the_psci_version_can_be_written_while_the_machine_runs() {
    let mut machine = Machine::in_dialect(KVM_6_12);
    for version in [2, 0x1_0000, 0x1_0001] {
        assert_eq!(machine.vm.set_register(PSCI_VERSION, version), Ok(()));
        assert_eq!(machine.x0(0x8400_0000, &[]), version.cast_signed());
    }
    for version in [0, 1, 0x1_0002, 0x1_0003, 0x2_0000] {
        let refused = Err(RegisterError::Value(version));
        assert_eq!(machine.vm.set_register(PSCI_VERSION, version), refused);
    }
}

#[test]
fn a_level_beyond_the_hosts_is_refused_and_no_level_is_kept() {
    let mut machine = promising(KVM_6_12, Workaround::One, Level::Available);
    for (level, answer) in [
        (0, Ok(())),
        (1, Ok(())),
        (2, Err(RegisterError::BeyondHost(2))),
        (3, Err(RegisterError::Value(3))),
    ] {
        assert_eq!(machine.vm.set_register(WORKAROUND_1, level), answer);
    }
    assert_eq!(machine.vm.register(WORKAROUND_1), Ok(1));
    assert_eq!(
        machine.vm.set_register(WORKAROUND_2, 3),
        Err(RegisterError::BeyondHost(3))
    );
}

// ---- every option at once

#[test]
fn extended_state_ids_and_os_initiated_mode_are_flags_of_cpu_suspend() {
    let mut machine = Machine::with_everything();
    assert_eq!(machine.x(0x8400_000a, &[0xc400_0001]), [3]);
    let mut plain = Machine::new(|config| config.with_psci_options(PsciOptions::empty()));
    assert_eq!(plain.x(0x8400_000a, &[0xc400_0001]), [0]);
}
