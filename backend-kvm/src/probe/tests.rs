//! Probes of the scripted kernel, each with one rule of its own.

use vambrace_core::contract::{
    Capabilities, Cleaning, FieldLimit, GicKind, GicLimits, HostProfile, KernelRelease,
    PsciVersions, ServiceLimit, ValueSet, VcpuFeatures as Features, VectorLengths, View, Writable,
};
use vambrace_core::cpu::{Field, IdRegister};
use vambrace_core::vendor_hyp::Implementation;

use super::{Error, probe, registers, release};
use crate::sys::fake::{FakeHost, Write};
use crate::sys::{
    Capability, CpuIdentification, Errno, Hardware, Operation, RegisterId, SystemRegisters,
    VcpuFeatures, WritableMasks,
};

const PFR0: RegisterId = RegisterId::encoded(0xc020);
const DFR0: RegisterId = RegisterId::encoded(0xc028);

/// A host without optional features whose registers keep what they are, unless there is a rule.
fn host() -> FakeHost {
    let identification = [
        (RegisterId::MIDR_EL1, 0x414f_d0b1),
        (RegisterId::REVIDR_EL1, 0),
        (RegisterId::AIDR_EL1, 0),
        (RegisterId::CTR_EL0, 0x9444_c004),
        (RegisterId::CLIDR_EL1, 0x200_0021),
        (PFR0, 0x11),
        (RegisterId::ID_AA64PFR1_EL1, 0x20),
    ];
    let host = FakeHost::new()
        .without_other_registers()
        .without(Capability::Sve)
        .without(Capability::PtrauthGeneric)
        .without(Capability::PmuV3);
    let host = identification
        .into_iter()
        .fold(host, |host, (register, value)| {
            host.with_register(register, value)
                .with_rule(register, unchanged)
        });
    host.with_rule(RegisterId::PSCI_VERSION, |write| match write.value {
        0x0_0002 | 0x1_0000 | 0x1_0001 => Ok(write.value),
        _ => Err(Errno::EINVAL),
    })
}

fn unchanged(write: &Write<'_>) -> Result<u64, Errno> {
    match write.value == write.before {
        true => Ok(write.value),
        false => Err(Errno::EINVAL),
    }
}

fn profile(host: &FakeHost) -> HostProfile {
    probe(host).unwrap()
}

/// The view without any feature.
fn view(host: &FakeHost) -> View {
    profile(host).views[0].clone()
}

fn set(values: impl IntoIterator<Item = u64>) -> ValueSet {
    values.into_iter().collect()
}

#[test]
fn a_field_that_nobody_may_write_accepts_what_it_is() {
    let limit = view(&host()).fields.of(Field::ID_AA64PFR0_EL1_EL1);
    assert_eq!(limit, FieldLimit::fixed(1));
}

#[test]
fn a_field_accepts_what_the_kernel_took() {
    let host = host()
        .with_register(DFR0, 0x9)
        .with_rule(DFR0, |write| match write.value {
            6..=9 => Ok(write.value),
            _ => Err(Errno::EINVAL),
        });
    let debug = Field::named("ID_AA64DFR0_EL1.DebugVer").unwrap();
    let limit = view(&host).fields.of(debug);
    assert_eq!(limit.accepts, 0b11_1100_0000);
    assert_eq!(limit.rewrites, 0);
}

#[test]
fn a_value_that_becomes_another_is_told_apart() {
    let host = host()
        .with_register(DFR0, 0x400)
        .with_rule(DFR0, |write| match write.value {
            0xf00 => Ok(0),
            0x000 | 0x400 => Ok(write.value),
            _ => Err(Errno::EINVAL),
        });
    let limit = view(&host).fields.of(Field::ID_AA64DFR0_EL1_PMUVER);
    assert_eq!(limit.accepts, 0b1_0001);
    assert_eq!(limit.rewrites, 0x8000);
    assert_eq!(limit.becomes, 0);
}

#[test]
fn a_register_that_ignores_every_write_is_one_that_rewrites() {
    let host = host()
        .with_register(RegisterId::encoded(0xc008), 0)
        .with_rule(RegisterId::encoded(0xc008), |write| Ok(write.before));
    let limit = view(&host)
        .fields
        .of(Field::named("ID_PFR0_EL1.RAS").unwrap());
    assert_eq!((limit.accepts, limit.rewrites), (1, 0xfffe));
}

#[test]
fn what_is_not_listed_reads_as_zero_and_accepts_it() {
    let view = view(&host());
    assert!(
        !view
            .listed
            .contains(IdRegister::named("ID_AA64MMFR4_EL1").unwrap())
    );
    assert!(view.listed.contains(IdRegister::CTR_EL0));
    let field = Field::named("ID_AA64MMFR4_EL1.E2H0").unwrap();
    assert_eq!(view.fields.of(field), FieldLimit::fixed(0));
}

#[test]
fn a_field_with_too_many_values_is_taken_as_it_is() {
    let register = RegisterId::encoded(0xc029);
    let host = host().with_register(register, 0);
    let field = Field::named("ID_AA64DFR1_EL1.SYSPMUID").unwrap();
    assert_eq!(view(&host).fields.of(field), FieldLimit::fixed(0));
}

#[test]
fn a_write_that_changes_another_field_cannot_be_said() {
    let host = host().with_rule(PFR0, |write| match write.value {
        0x11 => Ok(0x11),
        0x10 => Ok(0x20),
        _ => Err(Errno::EINVAL),
    });
    let expected = Error::Inexpressible {
        field: Field::ID_AA64PFR0_EL1_EL0,
        written: 0,
        read: 0x20,
    };
    assert_eq!(probe(&host), Err(expected));
}

#[test]
fn values_that_become_different_ones_cannot_be_said() {
    let host = host().with_rule(PFR0, |write| match write.value {
        0x11 => Ok(0x11),
        0x12 => Ok(0x10),
        0x13 => Ok(0x14),
        _ => Err(Errno::EINVAL),
    });
    let expected = Error::Inexpressible {
        field: Field::ID_AA64PFR0_EL1_EL0,
        written: 3,
        read: 0x14,
    };
    assert_eq!(probe(&host), Err(expected));
}

#[test]
fn a_value_that_cannot_be_taken_back_costs_a_machine() {
    let steady = host();
    profile(&steady);
    let sticky = host().with_rule(PFR0, |write| match (write.before, write.value) {
        (0x11, 0x10 | 0x11) | (0x10, 0x10) => Ok(write.value),
        _ => Err(Errno::EINVAL),
    });
    let limit = view(&sticky).fields.of(Field::ID_AA64PFR0_EL1_EL0);
    assert_eq!(limit.accepts, 0b11);
    let machines = |host: &FakeHost| {
        let made = |(_, operation): &_| matches!(operation, Operation::CreateVm { ipa_bits: 40 });
        host.log().into_iter().filter(made).count()
    };
    assert_eq!(machines(&sticky), machines(&steady) + 1);
}

#[test]
fn each_set_of_features_that_are_offered_is_a_view() {
    let host = host()
        .with_capability(Capability::Sve, 1)
        .with_capability(Capability::PmuV3, 1)
        .with_register_of(VcpuFeatures::SVE, RegisterId::SVE_VLS, 0b1011)
        .with_register_of(VcpuFeatures::SVE, PFR0, 0x1_0000_0011)
        .with_register_of(VcpuFeatures::PMU_V3, RegisterId::PMCR_EL0, 0x3000);
    let views = profile(&host).views;
    let features: Vec<_> = views.iter().map(|view| view.features).collect();
    let both = Features::SVE | Features::PMU;
    assert_eq!(
        features,
        [Features::empty(), Features::SVE, Features::PMU, both]
    );
    let lengths = views.iter().map(|view| view.vector_lengths.bits());
    assert_eq!(lengths.collect::<Vec<_>>(), [0, 0b1011, 0, 0b1011]);
    let sve = views
        .iter()
        .map(|view| view.registers.field(Field::ID_AA64PFR0_EL1_SVE));
    assert_eq!(sve.collect::<Vec<_>>(), [0, 1, 0, 1]);
}

#[test]
fn pointer_authentication_needs_both_of_its_capabilities() {
    let offering = |address, generic| {
        let host = host()
            .with_capability(Capability::PtrauthAddress, address)
            .with_capability(Capability::PtrauthGeneric, generic);
        profile(&host).vcpu_features()
    };
    assert!(!offering(1, 0).contains(Features::POINTER_AUTHENTICATION));
    assert!(!offering(0, 1).contains(Features::POINTER_AUTHENTICATION));
    assert!(offering(1, 1).contains(Features::POINTER_AUTHENTICATION));
}

#[test]
fn features_that_do_not_go_together_have_no_view() {
    let host = host().with_capability(Capability::PmuV3, 1);
    let refused = Operation::Init(VcpuFeatures::PSCI_0_2 | VcpuFeatures::PMU_V3);
    host.fail(refused, Errno::ENODEV);
    assert_eq!(profile(&host).views.len(), 1);
}

#[test]
fn counters_are_those_that_the_register_keeps() {
    let host = host()
        .with_capability(Capability::PmuV3, 1)
        .with_register_of(VcpuFeatures::PMU_V3, RegisterId::PMCR_EL0, 6 << 11 | 0x41)
        .with_rule(RegisterId::PMCR_EL0, |write| {
            match write.value >> 11 & 0x1f {
                0..=6 => Ok(write.value),
                _ => Ok(write.before),
            }
        });
    let profile = profile(&host);
    assert_eq!(profile.views[0].pmu_counters, ValueSet::EMPTY);
    assert_eq!(profile.views[1].pmu_counters, set(0..=6));
}

#[test]
fn counters_that_a_reset_takes_back_are_the_host_s_only() {
    // As before Linux 6.7.
    let host = host()
        .with_capability(Capability::PmuV3, 1)
        .with_register_of(VcpuFeatures::PMU_V3, RegisterId::PMCR_EL0, 6 << 11 | 0x41)
        .with_anew(RegisterId::PMCR_EL0);
    assert_eq!(profile(&host).views[1].pmu_counters, set([6]));
}

#[test]
fn the_kernel_s_masks_are_kept_where_it_has_them() {
    assert_eq!(view(&host()).writable, None);
    let mut masks = Box::new([0; WritableMasks::LEN]);
    masks[0x20] = 0xff;
    let host = host().with_writable_masks(WritableMasks::new(masks));
    let writable = view(&host).writable.unwrap();
    assert_eq!(writable.get(IdRegister::ID_AA64PFR0_EL1), 0xff);
    assert_eq!(writable.get(IdRegister::CTR_EL0), 0);
}

#[test]
fn versions_of_psci_are_those_that_were_taken() {
    let expected = PsciVersions::V0_2 | PsciVersions::V1_0 | PsciVersions::V1_1;
    assert_eq!(profile(&host()).psci_versions, expected);
    let old = host().without_register(RegisterId::PSCI_VERSION);
    assert_eq!(profile(&old).psci_versions, PsciVersions::empty());
}

/// As Linux 6.12 decides about WORKAROUND_2: it is needless to a guest without SSBS.
fn workaround_2(write: &Write<'_>) -> Result<u64, Errno> {
    let level = match write.other(RegisterId::ID_AA64PFR1_EL1) & 0xf0 {
        0 => 3,
        _ => 0,
    };
    match write.value {
        0 | 1 => Ok(level),
        2 | 3 | 0x12 if level == 3 => Ok(level),
        _ => Err(Errno::EINVAL),
    }
}

#[test]
fn workaround_2_is_tried_again_without_ssbs() {
    let host = host()
        .with_register(RegisterId::WORKAROUND_2, 0)
        .with_rule(RegisterId::WORKAROUND_2, workaround_2)
        .with_rule(RegisterId::ID_AA64PFR1_EL1, |write| match write.value {
            0x00 | 0x10 | 0x20 => Ok(write.value),
            _ => Err(Errno::EINVAL),
        });
    let workarounds = profile(&host).workarounds;
    assert_eq!(workarounds.two, Some(set([0, 1])));
    assert_eq!(workarounds.two_without_ssbs, Some(set([0, 1, 2, 3, 0x12])));
}

#[test]
fn where_ssbs_cannot_be_taken_away_nothing_is_known_without_it() {
    let host = host()
        .with_register(RegisterId::WORKAROUND_2, 0)
        .with_rule(RegisterId::WORKAROUND_2, workaround_2);
    let workarounds = profile(&host).workarounds;
    assert_eq!(workarounds.two, Some(set([0, 1])));
    assert_eq!(workarounds.two_without_ssbs, None);
}

#[test]
fn a_kernel_without_a_workaround_s_register_has_no_limit_for_it() {
    let host = host().without_register(RegisterId::WORKAROUND_3);
    assert_eq!(profile(&host).workarounds.three, None);
}

#[test]
fn services_are_chosen_where_there_is_a_register_and_else_the_kernel_s() {
    let within = |mask: u64| {
        move |write: &Write<'_>| match write.value & !mask {
            0 => Ok(write.value),
            _ => Err(Errno::EINVAL),
        }
    };
    let host = host()
        .with_rule(RegisterId::STD_BITMAP, within(1))
        .with_rule(RegisterId::STD_HYP_BITMAP, within(0))
        .with_rule(RegisterId::VENDOR_HYP_BITMAP, within(3));
    let expected = [1, 0, 3].map(ServiceLimit::Chosen);
    assert_eq!(profile(&host).services[..3], expected);
    assert_eq!(profile(&host).services[3], ServiceLimit::Fixed(0));
    let bitmaps = [
        RegisterId::STD_BITMAP,
        RegisterId::STD_HYP_BITMAP,
        RegisterId::VENDOR_HYP_BITMAP,
    ];
    let old = bitmaps.into_iter().fold(
        host.with_hardware(hardware("5.10.0-32-cloud-arm64", &[])),
        FakeHost::without_register,
    );
    let fixed = [0, 1, 0, 0].map(ServiceLimit::Fixed);
    assert_eq!(profile(&old).services, fixed);
}

fn hardware(kernel: &str, cpus: &[(u64, u64)]) -> Hardware {
    let cpus = (0..)
        .zip(cpus)
        .map(|(number, (midr, revidr))| CpuIdentification {
            number,
            midr: Some(*midr),
            revidr: Some(*revidr),
        });
    Hardware {
        kernel: kernel.to_owned(),
        cpus: cpus.collect(),
        registers: SystemRegisters {
            ctr_el0: 0x9444_c004,
            dczid_el0: 0x14,
            cntfrq_el0: 1_000_000_000,
        },
    }
}

#[test]
fn each_kind_of_cpu_is_counted_once() {
    let cpus = [(0x414f_d0b1, 0), (0x410f_d034, 0x100), (0x414f_d0b1, 0)];
    let host = host().with_hardware(hardware("6.12.1", &cpus));
    let profile = profile(&host);
    let usual = Implementation {
        midr: 0x414f_d0b1,
        revidr: 0,
        aidr: 0,
    };
    let little = Implementation {
        midr: 0x410f_d034,
        revidr: 0x100,
        aidr: 0,
    };
    assert_eq!(profile.implementation, usual);
    assert_eq!(profile.implementations.iter().len(), 2);
    assert!(profile.implementations.contains(usual));
    assert!(profile.implementations.contains(little));
}

#[test]
fn the_kind_that_kvm_shows_is_not_counted_where_no_cpu_is_of_it() {
    // As before Linux 6.15, of a process that is kept on the other kind.
    let profile = profile(&host().with_hardware(hardware("6.12.1", &[(0x410f_d034, 0x100)])));
    assert_eq!(profile.implementation.midr, 0x414f_d0b1);
    let kinds: Vec<_> = profile.implementations.iter().collect();
    let little = Implementation {
        midr: 0x410f_d034,
        revidr: 0x100,
        aidr: 0,
    };
    assert_eq!(kinds, [little]);
}

#[test]
fn a_kernel_that_tells_of_no_cpu_has_the_kind_that_its_guests_see() {
    let profile = profile(&host().with_hardware(hardware("6.12.1", &[])));
    assert_eq!(profile.implementations.iter().len(), 1);
    assert!(profile.implementations.contains(profile.implementation));
}

#[test]
fn the_machine_s_own_registers_are_kept() {
    let profile = profile(&host().with_hardware(hardware("7.3.4+deb13-cloud-arm64", &[])));
    assert_eq!(profile.zero_block, 0x14);
    assert_eq!(profile.counter_frequency, 1_000_000_000);
    assert_eq!(profile.kernel, KernelRelease::new(7, 3));
}

#[test]
fn a_release_is_its_first_two_numbers() {
    assert_eq!(
        release("5.10.0-32-cloud-arm64"),
        Ok(KernelRelease::new(5, 10))
    );
    assert_eq!(release("7.3-rc1"), Ok(KernelRelease::new(7, 3)));
    for text in ["", "linux", "6", "6.", ".12", "6.70000"] {
        assert_eq!(release(text), Err(Error::Release(text.to_owned())));
    }
}

#[test]
fn caches_that_take_another_shape_are_writable() {
    let fixed = host()
        .with_register(RegisterId::ccsidr(0), 0x700f_e01a)
        .with_rule(RegisterId::ccsidr(0), unchanged);
    let caches = profile(&fixed).caches;
    assert_eq!(caches.host.levels, 0x200_0021);
    assert_eq!(caches.host.sizes[0], Some(0x700f_e01a));
    assert_eq!(caches.host.sizes[1], None);
    assert_eq!(caches.writable, Writable::No);
    let free = fixed
        .with_rule(RegisterId::ccsidr(0), |write| Ok(write.value))
        .with_rule(RegisterId::CLIDR_EL1, |write| Ok(write.value));
    assert_eq!(profile(&free).caches.writable, Writable::Yes);
}

#[test]
fn levels_of_caches_that_a_reset_takes_back_are_the_host_s_only() {
    let free = host()
        .with_register(RegisterId::ccsidr(0), 0x700f_e01a)
        .with_rule(RegisterId::ccsidr(0), |write| Ok(write.value))
        .with_rule(RegisterId::CLIDR_EL1, |write| Ok(write.value));
    assert_eq!(profile(&free).caches.writable, Writable::Yes);
    // As Linux 6.3 to 6.9.
    let host = free.with_anew(RegisterId::CLIDR_EL1);
    let caches = profile(&host).caches;
    assert_eq!(caches.writable, Writable::SizesOnly);
    assert_eq!(caches.host.levels, 0x200_0021);
}

#[test]
fn cleaning_is_needless_where_ctr_says_so() {
    assert_eq!(profile(&host()).caches.cleaning, Cleaning::Needless);
    let host = host().with_register(RegisterId::CTR_EL0, 0x8444_c004);
    assert_eq!(profile(&host).caches.cleaning, Cleaning::Needed);
}

#[test]
fn a_gic_that_cannot_be_had_is_none() {
    let host = host();
    host.fail(Operation::CreateGicV2, Errno::ENODEV);
    let profile = profile(&host);
    assert_eq!(profile.gic(GicKind::V2), None);
    let limits = GicLimits {
        default_revision: 3,
        revisions: set([2, 3]),
    };
    assert_eq!(profile.gic(GicKind::V3), Some(limits));
}

#[test]
fn every_size_of_address_space_is_tried() {
    let host = host().with_capability(Capability::VmIpaSize, 44);
    assert_eq!(profile(&host).address_bits, set(32..=44));
}

#[test]
fn a_host_with_fewer_bits_than_usual_is_probed_with_what_it_has() {
    let host = host().with_capability(Capability::VmIpaSize, 36);
    assert_eq!(profile(&host).address_bits, set(32..=36));
}

#[test]
fn capabilities_are_what_the_kernel_says_and_what_was_tried() {
    let all = profile(&host()).capabilities;
    assert_eq!(all, Capabilities::all());
    let few = host()
        .without_smccc_filter()
        .without_stolen_time()
        .without(Capability::WritableImpIdRegs)
        .without(Capability::El2);
    let expected = Capabilities::all()
        - Capabilities::SMCCC_FILTER
        - Capabilities::STOLEN_TIME
        - Capabilities::WRITABLE_IMPLEMENTATION
        - Capabilities::NESTED;
    assert_eq!(profile(&few).capabilities, expected);
}

#[test]
fn vectors_have_the_lengths_of_the_host() {
    let host = host().with_capability(Capability::Sve, 1).with_register_of(
        VcpuFeatures::SVE,
        RegisterId::SVE_VLS,
        0xffff,
    );
    let view = &profile(&host).views[1];
    assert_eq!(view.vector_lengths, VectorLengths::from_bits(0xffff));
}

#[test]
fn registers_are_those_of_a_vcpu_with_the_features() {
    let host = host().with_capability(Capability::Sve, 1).with_register_of(
        VcpuFeatures::SVE,
        RegisterId::SVE_VLS,
        0x0103,
    );
    let plain = registers(&host, Features::empty()).unwrap();
    assert!(plain.contains(&(RegisterId::CTR_EL0, vec![4, 0xc0, 0x44, 0x94, 0, 0, 0, 0])));
    assert!(
        !plain
            .iter()
            .any(|(register, _)| *register == RegisterId::SVE_VLS)
    );
    let with = registers(&host, Features::SVE).unwrap();
    let (_, lengths) = with
        .iter()
        .find(|(register, _)| *register == RegisterId::SVE_VLS)
        .unwrap();
    assert_eq!((lengths.len(), &lengths[..2]), (64, &[3, 1][..]));
}

#[test]
fn an_errno_that_says_nothing_of_the_host_ends_the_probe() {
    let host = host();
    host.fail(Operation::CreateVm { ipa_bits: 33 }, Errno::EPERM);
    let error = probe(&host).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot probe this host: KVM_CREATE_VM with 33 bits of guest address failed: \
         EPERM: Operation not permitted (os error 1)"
    );
}

#[test]
fn a_register_that_every_vcpu_has_is_not_done_without() {
    let host = host().without_register(RegisterId::MIDR_EL1);
    assert_eq!(probe(&host), Err(Error::Missing(RegisterId::MIDR_EL1)));
}

#[test]
fn nothing_is_ever_run() {
    let host = host();
    profile(&host);
    assert!(
        host.log()
            .iter()
            .all(|(_, operation)| *operation != Operation::Run)
    );
}
