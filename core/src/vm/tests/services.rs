//! TRNG, PV time, SoC identification, and what the machine may be made with.

use super::*;
use crate::firmware::Services;
use crate::psci::{Migration, PsciOptions, TrustedOs};
use crate::smccc::{SmcccVersion, SocId};
use crate::vm::config::Foreign;

const INVALID_PARAMETER: u64 = 0xffff_ffff_ffff_fffd;
const NO_ENTROPY: u64 = 0xffff_ffff_ffff_fffd;

fn with_services(dialect: Dialect, services: Services) -> Story<2> {
    Story::with(|config| {
        config
            .with_dialect(dialect)
            .with_services(services)
            .with_pv_time(Ipa::new(0x90a_0000))
    })
}

impl<const N: usize> Story<N> {
    fn registers(&mut self, x0: u64, args: &[u64]) -> std::vec::Vec<u64> {
        match self.call(0, x0, args) {
            Outcome::Resume(results) => results.registers().to_vec(),
            other => panic!("{other:?}"),
        }
    }
}

// ---- TRNG

#[test]
fn the_trng_tells_its_version_functions_and_maker() {
    for (dialect, uuid) in [
        (KVM, [0x00e0_210d, 0xeb11_8443, 0x4452_7080, 0x4c5a_4e55]),
        (
            SPECIFICATION,
            [0x538d_5d6f, 0x3e4a_b210, 0x7c2e_1f9b, 0xc8d9_a064],
        ),
    ] {
        let mut story = with_services(dialect, Services::TRNG);
        assert_eq!(story.registers(0x8400_0050, &[]), [0x1_0000, 0, 0, 0]);
        assert_eq!(story.registers(0x8400_0052, &[]), uuid);
        for id in [
            0x8400_0050,
            0x8400_0051,
            0x8400_0052,
            0x8400_0053,
            0xc400_0053,
        ] {
            assert_eq!(story.registers(0x8400_0051, &[id]), [0, 0, 0, 0]);
        }
        for id in [0x8400_0054, 0xc400_0050, 0x8400_0000, 0] {
            assert_eq!(
                story.registers(0x8400_0051, &[id]),
                [NOT_SUPPORTED, 0, 0, 0]
            );
        }
    }
}

#[test]
fn random_bits_are_the_lent_ones_and_the_loan_is_wiped() {
    let mut story = with_services(SPECIFICATION, Services::TRNG);
    let caller = Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0));
    let mut bits = [0xff; 24];
    let lent = Lent {
        entropy: Entropy::Bits(&mut bits),
        ..Lent::NOTHING
    };
    let Outcome::Resume(results) = story.vm.call(&caller, &Args::new(0xc400_0053, &[65]), lent)
    else {
        panic!("it had what it needs")
    };
    assert_eq!(results.registers(), [0, 0, 1, u64::MAX]);
    assert_eq!(bits, [0; 24]);
}

#[test]
fn a_loan_is_wiped_by_every_call_that_does_not_draw() {
    let mut story = with_services(
        SPECIFICATION,
        Services::all().difference(Services::DISCOVER_IMPL_CPUS | Services::DISCOVER_IMPL_VERSION),
    );
    let caller = Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0));
    for (id, args) in [
        (0x8400_0000, &[][..]),
        (0x8400_0050, &[]),
        (0x8400_0052, &[]),
        (0x8400_0053, &[0]),
        (0x8400_0053, &[97]),
        (0x8600_0000, &[]),
        (0xc500_0021, &[]),
        (0x8000_0000, &[]),
        (0x8600_0001, &[2]),
        (0x7fff_ffff, &[]),
    ] {
        let mut bits = [0xff; 24];
        let lent = Lent {
            entropy: Entropy::Bits(&mut bits),
            ..Lent::NOTHING
        };
        let _ = story.vm.call(&caller, &Args::new(id, args), lent);
        assert_eq!(bits, [0; 24], "{id:#x}");
    }
}

#[test]
fn a_call_that_asks_for_more_leaves_the_loan_whole() {
    let mut story = with_services(SPECIFICATION, Services::TRNG);
    let caller = Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0));
    let mut bits = [0xff; 24];
    let lent = Lent {
        entropy: Entropy::Bits(&mut bits),
        ..Lent::NOTHING
    };
    let outcome = story.vm.call(&caller, &Args::new(0xc400_0053, &[]), lent);
    assert!(matches!(outcome, Outcome::Fetch(_)));
    assert_eq!(bits, [0xff; 24]);
}

#[test]
fn a_dry_source_is_a_return_code() {
    let mut story = with_services(SPECIFICATION, Services::TRNG);
    let caller = Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0));
    let lent = Lent {
        entropy: Entropy::Exhausted,
        ..Lent::NOTHING
    };
    let outcome = story.vm.call(&caller, &Args::new(0x8400_0053, &[8]), lent);
    assert_eq!(
        outcome,
        Outcome::Resume(Results::in_x0_to_x3([NO_ENTROPY, 0, 0, 0]))
    );
}

#[test]
fn entropy_is_asked_for_once_it_is_known_that_bits_are_wanted() {
    let mut story = with_services(SPECIFICATION, Services::TRNG);
    let caller = Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0));
    let mut needs = |args: &[u64]| {
        let needs = story.needs(&caller, 0xc400_0053, args);
        needs.map(|needs| (needs.arguments(), needs.entropy()))
    };
    assert_eq!(needs(&[]), Some((1, false)));
    assert_eq!(needs(&[1]), Some((1, true)));
    assert_eq!(needs(&[193]), None);
    assert_eq!(needs(&[0]), None);
}

// ---- PV time

#[test]
fn each_vcpu_has_its_own_structure_of_stolen_time() {
    for dialect in [SPECIFICATION, KVM] {
        let mut story = with_services(dialect, Services::PV_TIME);
        story.turn_on(1);
        assert_eq!(story.x0(0x8000_0001, &[0xc500_0020]), 0);
        assert_eq!(story.x0(0xc500_0020, &[0xc500_0020]), 0);
        assert_eq!(story.x0(0xc500_0020, &[0xc500_0021]), 0);
        assert_eq!(story.x0(0xc500_0020, &[0xc500_0022]), NOT_SUPPORTED);
        assert_eq!(story.x0(0xc500_0021, &[]), 0x90a_0000);
        let second = match story.call(1, 0xc500_0021, &[]) {
            Outcome::Resume(results) => results.x0(),
            other => panic!("{other:?}"),
        };
        assert_eq!(second, 0x90a_0040);
    }
}

#[test]
fn stolen_time_without_structures_is_not_there() {
    for (dialect, discovered) in [(SPECIFICATION, NOT_SUPPORTED), (KVM, 0)] {
        let mut story = Story::<1>::with(|config| {
            config
                .with_dialect(dialect)
                .with_services(Services::PV_TIME)
        });
        assert_eq!(story.x0(0x8000_0001, &[0xc500_0020]), discovered);
        assert_eq!(story.x0(0xc500_0020, &[0xc500_0021]), NOT_SUPPORTED);
        assert_eq!(story.x0(0xc500_0021, &[]), NOT_SUPPORTED);
    }
}

#[test]
fn a_service_that_is_not_had_is_not_found() {
    for dialect in [SPECIFICATION, KVM] {
        let mut story = with_services(dialect, Services::empty());
        for id in [
            0x8400_0050,
            0x8400_0051,
            0x8400_0052,
            0x8400_0053,
            0xc400_0053,
            0xc500_0020,
            0xc500_0021,
            0x8600_0000,
            0x8600_0001,
            0x8600_ff01,
            0xc600_0040,
            0xc600_0041,
        ] {
            assert_eq!(story.x0(id, &[0]), NOT_SUPPORTED, "{id:#x}");
        }
        assert_eq!(story.x0(0x8000_0001, &[0xc500_0020]), NOT_SUPPORTED);
    }
    let mut old = Story::<1>::with(|config| {
        config
            .with_dialect(Dialect::Kvm(KvmGeneration::V5_10))
            .with_psci_version(PsciVersion::V1_0)
            .with_psci_options(PsciOptions::empty())
    });
    assert_eq!(old.x0(0x8000_0001, &[0xc500_0020]), 0);
}

#[test]
fn kvm_serves_smc64_services_to_aarch32_and_the_specification_does_not() {
    for (dialect, answer) in [(KVM, 0), (SPECIFICATION, NOT_SUPPORTED)] {
        let mut story = with_services(dialect, Services::TRNG);
        let caller = Caller {
            execution_state: ExecutionState::Aarch32,
            ..Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0))
        };
        match story.call_as(&caller, Time::ZERO, 0xc400_0053, &[8]) {
            Outcome::Resume(results) => assert_eq!(results.x0(), answer),
            other => panic!("{other:?}"),
        }
    }
}

// ---- the calling convention's versions

#[test]
fn a_version_that_cannot_say_so_does_not() {
    let of = |version| Story::<1>::with(|config| config.with_smccc_version(version));
    let mut oldest = of(SmcccVersion::V1_0);
    assert_eq!(oldest.x0(0x8000_0000, &[]), NOT_SUPPORTED);
    assert_eq!(oldest.x0(0x8000_0001, &[0x8000_0001]), NOT_SUPPORTED);
    assert_eq!(oldest.x0(0x8400_000a, &[0x8000_0000]), NOT_SUPPORTED);
    for (version, value) in [
        (SmcccVersion::V1_1, 0x1_0001),
        (SmcccVersion::V1_2, 0x1_0002),
        (SmcccVersion::V1_3, 0x1_0003),
        (SmcccVersion::V1_4, 0x1_0004),
        (SmcccVersion::V1_5, 0x1_0005),
        (SmcccVersion::V1_6, 0x1_0006),
    ] {
        let mut story = of(version);
        assert_eq!(story.x0(0x8000_0000, &[]), value);
        assert_eq!(story.x0(0x8400_000a, &[0x8000_0000]), 0);
        let hint = if version >= SmcccVersion::V1_3 {
            0x1_0001
        } else {
            NOT_SUPPORTED
        };
        assert_eq!(story.x0(0x8401_0000, &[]), hint);
        assert_eq!(story.x0(0x8400_000a, &[0x8401_0000]), NOT_SUPPORTED);
    }
}

#[test]
fn a_soc_is_told_by_words_and_by_name() {
    let soc = SocId::new(0x0123_4567, 5)
        .unwrap()
        .with_name("Vambrace")
        .unwrap();
    let mut story = Story::<1>::with(|config| {
        config
            .with_smccc_version(SmcccVersion::V1_6)
            .with_soc_id(soc)
    });
    assert_eq!(story.x0(0x8000_0001, &[0x8000_0002]), 0);
    assert_eq!(story.x0(0x8000_0002, &[0]), 0x0123_4567);
    assert_eq!(story.x0(0x8000_0002, &[1]), 5);
    assert_eq!(story.x0(0x8000_0002, &[2]), INVALID_PARAMETER);
    assert_eq!(story.x0(0x8000_0002, &[3]), INVALID_PARAMETER);
    let name = story.registers(0xc000_0002, &[2]);
    assert_eq!(name.len(), 18);
    assert_eq!(name[..3], [0, 0x6563_6172_626d_6156, 0]);
}

#[test]
fn workaround_4_is_there_where_it_is_needed() {
    let promised = Workarounds::NONE.with(Workaround::Four, Level::Available);
    let mut story = Story::<1>::with(|config| config.with_workarounds(promised));
    assert_eq!(story.x0(0x8000_0001, &[0x8000_0004]), 0);
    assert_eq!(story.x0(0x8000_0004, &[]), 0);
    assert_eq!(
        Story::<1>::new(SPECIFICATION).x0(0x8000_0004, &[]),
        NOT_SUPPORTED
    );
}

// ---- what a machine can be made with

fn refusal(configure: impl FnOnce(VmConfig<1>) -> VmConfig<1>) -> ConfigError {
    let mut config = configure(VmConfig::new());
    let boot = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0)).unwrap();
    config.freeze(boot, Ipa::new(0), 0).unwrap_err()
}

#[test]
fn a_dialect_refuses_what_its_kernels_do_not_have() {
    let trusted_os = TrustedOs {
        resident: Story::<1>::new(SPECIFICATION).ids[0],
        migration: Migration::Capable,
    };
    let workaround_4 = Workarounds::NONE.with(Workaround::Four, Level::Available);
    for (found, foreign) in [
        (
            refusal(|config| {
                config
                    .with_dialect(KVM)
                    .with_psci_version(PsciVersion::V1_2)
            }),
            Foreign::PsciVersion(PsciVersion::V1_2),
        ),
        (
            refusal(|config| {
                config
                    .with_dialect(KVM)
                    .with_psci_options(PsciOptions::CPU_FREEZE)
            }),
            Foreign::PsciOptions(PsciOptions::CPU_FREEZE),
        ),
        (
            refusal(|config| {
                config
                    .with_dialect(KVM)
                    .with_services(Services::DISCOVER_IMPL_CPUS)
            }),
            Foreign::Services(Services::DISCOVER_IMPL_CPUS),
        ),
        (
            refusal(|config| {
                config
                    .with_dialect(KVM)
                    .with_smccc_version(SmcccVersion::V1_2)
            }),
            Foreign::SmcccVersion(SmcccVersion::V1_2),
        ),
        (
            refusal(|config| {
                config
                    .with_dialect(KVM)
                    .with_soc_id(SocId::new(0, 0).unwrap())
            }),
            Foreign::SocId,
        ),
        (
            refusal(|config| config.with_dialect(KVM).with_trusted_os(trusted_os)),
            Foreign::TrustedOs,
        ),
        (
            refusal(|config| config.with_dialect(KVM).with_workarounds(workaround_4)),
            Foreign::Workaround4,
        ),
    ] {
        assert_eq!(found, ConfigError::NotInDialect(foreign));
    }
}

#[test]
fn functions_about_ram_need_a_map_and_a_trusted_os_a_cpu_that_is_on() {
    for option in [PsciOptions::MEM_PROTECT, PsciOptions::CLEAN_INV_MEMREGION] {
        assert_eq!(
            refusal(|config| config.with_psci_options(option)),
            ConfigError::NoRam
        );
    }
    let mut config = VmConfig::<2>::new();
    let [boot, other] = [0, 1].map(|n| config.add_vcpu(Mpidr::from_affinity(0, 0, 0, n)).unwrap());
    let config = config.with_trusted_os(TrustedOs {
        resident: other,
        migration: Migration::Capable,
    });
    assert_eq!(
        config.freeze(boot, Ipa::new(0), 0).unwrap_err(),
        ConfigError::TrustedOsIsOff(other)
    );
}

#[test]
fn services_need_what_they_tell() {
    assert_eq!(
        refusal(|config| config.with_services(Services::DISCOVER_IMPL_VERSION)),
        ConfigError::NoImplementations
    );
    for base in [0x90a_0020, u64::MAX - 62] {
        assert_eq!(
            refusal(|config| config.with_pv_time(Ipa::new(base))),
            ConfigError::PvTimeBase(Ipa::new(base))
        );
    }
}

#[test]
fn a_running_machine_keeps_its_bitmaps_and_takes_an_equal_write() {
    let mut story = with_services(KVM, Services::TRNG);
    let standard = 0x6030_0000_0016_0000;
    assert_eq!(story.vm.register(standard), Ok(1));
    assert_eq!(story.vm.set_register(standard, 1), Ok(()));
    assert_eq!(story.vm.set_register(standard, 0), Err(RegisterError::Busy));
    assert_eq!(
        story.vm.set_register(standard, 2),
        Err(RegisterError::Service(2))
    );
}

#[test]
fn the_psci_version_of_a_running_machine_can_be_written_and_counts_at_once() {
    let mut story = Story::<1>::new(KVM);
    let version = 0x6030_0000_0014_0000;
    assert_eq!(story.vm.set_register(version, 2), Ok(()));
    assert_eq!(story.x0(0x8400_0000, &[]), 2);
    assert_eq!(story.x0(0x8400_000a, &[0x8400_0000]), NOT_SUPPORTED);
}
