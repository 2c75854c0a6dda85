//! Contracts told to the scripted kernel.

use vambrace_core::contract::{
    CACHES, Caches, ClockPolicy, Contract, Counter, Gic, GicKind, ImplementationRegister,
    Normalisation, ServedBy, Subject, VcpuFeatures as Promised, VectorLengths,
};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
use vambrace_core::firmware::{
    Bitmap, Dialect, KvmGeneration, Level, Services, Workaround, Workarounds,
};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::{PsciOptions, PsciVersion};
use vambrace_core::vendor_hyp::{Implementation, Implementations};
use vm_memory::GuestAddress;

use super::witness::Failure;
use super::*;
use crate::sys::fake::FakeHost;
use crate::sys::{Capability, Errno, Hardware, Host, Operation, RegisterId, VcpuFeatures};

const CORE: ServedBy = ServedBy::Core(Dialect::Kvm(KvmGeneration::V6_12));
const PFR0: RegisterId = RegisterId::system(3, 0, 0, 4, 0);
const PFR1: RegisterId = RegisterId::ID_AA64PFR1_EL1;

/// What the scripted kernel has.
pub(crate) fn contract() -> Contract {
    let fields = [
        (Field::ID_AA64PFR0_EL1_EL0, 1),
        (Field::ID_AA64PFR0_EL1_GIC, 1),
        (Field::ID_AA64PFR1_EL1_SSBS, 1),
    ];
    let id_registers = fields.into_iter().fold(only_ctr(), |all, (field, value)| {
        all.with(field, value).unwrap()
    });
    let mut sizes = [None; CACHES];
    sizes[0] = Some(0x700f_e01a);
    Contract {
        served_by: ServedBy::Kernel,
        vcpu_features: Promised::empty(),
        id_registers,
        implementation: Implementation {
            midr: 0x414f_d0b1,
            revidr: 0,
            aidr: 0,
        },
        implementations: Implementations::new(),
        caches: Caches {
            levels: 0x0a20_0023,
            sizes,
        },
        zero_block: 4,
        vector_lengths: VectorLengths::NONE,
        pmu_counters: None,
        psci_version: PsciVersion::V1_1,
        psci_options: PsciOptions::SYSTEM_RESET2,
        workarounds: Workarounds::NONE
            .with(Workaround::One, Level::NotRequired)
            .with(Workaround::Two, Level::NotRequired)
            .with(Workaround::Three, Level::Available),
        services: Services::TRNG,
        stolen_time: None,
        gic: Gic {
            kind: GicKind::V3,
            revision: 3,
        },
        counter: Counter {
            frequency: 62_500_000,
            policy: ClockPolicy::Virtual,
        },
        address_bits: 40,
    }
}

fn only_ctr() -> IdRegisters {
    IdRegisters::from_fn(|register| match register {
        IdRegister::CTR_EL0 => 0x9444_c004,
        _ => 0,
    })
}

/// The same with all there is.
fn everything() -> Contract {
    let plain = contract();
    Contract {
        vcpu_features: Promised::SVE | Promised::PMU,
        vector_lengths: VectorLengths::from_bits(0b11),
        pmu_counters: Some(6),
        psci_options: PsciOptions::SYSTEM_RESET2 | PsciOptions::SYSTEM_SUSPEND,
        services: Services::PV_TIME | Services::PTP,
        stolen_time: Some(Ipa::new(0x90a_0000)),
        served_by: CORE,
        counter: Counter {
            policy: ClockPolicy::VirtualAndPhysical,
            ..plain.counter
        },
        ..plain
    }
}

/// A kernel that knows what it lists, and lists what `contract` speaks of.
pub(crate) fn host() -> FakeHost {
    let contract = contract();
    let registers = contract
        .id_registers
        .iter()
        .filter(|(_, value)| *value != 0);
    let host = registers.fold(FakeHost::new(), |host, (register, value)| {
        host.with_register(RegisterId::encoded(register.encoding()), value)
    });
    host.with_register(RegisterId::MIDR_EL1, 0x414f_d0b1)
        .with_register(RegisterId::REVIDR_EL1, 0)
        .with_register(RegisterId::AIDR_EL1, 0)
        .with_register(RegisterId::CLIDR_EL1, 0x0a20_0023)
        .with_register(RegisterId::ccsidr(0), 0x700f_e01a)
        .with_register(RegisterId::PMCR_EL0, 6 << 11)
}

/// As Linux of that release, whose vCPUs have no register that nobody named.
fn linux(release: &str, host: FakeHost) -> FakeHost {
    let hardware = Hardware {
        kernel: release.to_owned(),
        ..host.hardware()
    };
    host.with_hardware(hardware).without_other_registers()
}

fn refusing(register: RegisterId, host: FakeHost) -> FakeHost {
    host.with_rule(register, |write| match write.value == write.before {
        true => Ok(write.value),
        false => Err(Errno::EINVAL),
    })
}

fn refusals(host: &FakeHost, contract: &Contract) -> Vec<(Subject, Errno)> {
    let confirmation = confirm(host, contract).unwrap();
    let refusals = confirmation.refusals.iter();
    refusals
        .map(|refusal| (refusal.subject, refusal.errno))
        .collect()
}

fn differences(host: &FakeHost, contract: &Contract) -> Vec<String> {
    let confirmation = confirm(host, contract).unwrap();
    confirmation
        .differences
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The places of these in the log, each the first after the one before it.
fn assert_in_order(host: &FakeHost, expected: &[Operation]) {
    let log = host.log();
    let mut left = log.iter().map(|(_, operation)| operation);
    for operation in expected {
        assert!(
            left.any(|found| found == operation),
            "{operation} is missing, or too early"
        );
    }
}

fn of(register: IdRegister) -> Subject {
    Subject::IdRegister(register)
}

#[test]
fn a_host_keeps_the_contract_of_what_it_has() {
    let confirmation = confirm(&host(), &contract()).unwrap();
    assert_eq!(confirmation, Confirmation::default());
}

#[test]
fn kvm_is_told_in_the_order_that_it_needs() {
    let host = host();
    confirm(&host, &everything()).unwrap();
    let features = VcpuFeatures::PSCI_0_2 | VcpuFeatures::SVE | VcpuFeatures::PMU_V3;
    let set = Operation::SetRegister;
    assert_in_order(
        &host,
        &[
            Operation::CreateVm { ipa_bits: 40 },
            Operation::CreateVcpu { index: 0 },
            Operation::Init(features),
            Operation::SetRegisterBytes(RegisterId::SVE_VLS),
            Operation::FinalizeSve,
            set(RegisterId::MIDR_EL1, 0x414f_d0b1),
            set(RegisterId::CTR_EL0, 0x9444_c004),
            set(PFR0, 0x0100_0001),
            set(PFR1, 0x10),
            set(RegisterId::CLIDR_EL1, 0x0a20_0023),
            set(RegisterId::ccsidr(0), 0x700f_e01a),
            set(RegisterId::PSCI_VERSION, 0x1_0001),
            set(RegisterId::WORKAROUND_2, 3),
            set(RegisterId::VENDOR_HYP_BITMAP, 2),
            Operation::FilterSmccc {
                base: 0xc001_0000,
                count: 0x3fff_0000,
                action: crate::sys::FilterAction::Forward,
            },
            Operation::Enable(Capability::SystemSuspend),
            Operation::SetStolenTime(GuestAddress(0x90a_0000)),
            Operation::CreateGicV3,
            Operation::InitialiseGic,
            Operation::SetDistributorRegister {
                offset: 8,
                value: 0x4b00_343b,
            },
            set(RegisterId::PMCR_EL0, 6 << 11),
            Operation::SetCounterOffset(0),
            Operation::Run,
            Operation::Init(features),
            Operation::Register(PFR0),
        ],
    );
}

#[test]
fn everything_that_is_refused_is_named() {
    let host = refusing(RegisterId::PSCI_VERSION, refusing(PFR0, host()));
    let mut contract = contract();
    contract.psci_version = PsciVersion::V1_3;
    contract.id_registers = contract
        .id_registers
        .with(Field::ID_AA64PFR0_EL1_EL0, 2)
        .unwrap();
    let expected = [
        (of(IdRegister::ID_AA64PFR0_EL1), Errno::EINVAL),
        (Subject::PsciVersion, Errno::EINVAL),
    ];
    assert_eq!(refusals(&host, &contract), expected);
    assert!(confirm(&host, &contract).unwrap().differences.is_empty());
}

#[test]
fn a_field_that_reads_back_otherwise_is_named_with_both_values() {
    let host = host().with_rule(PFR0, |_| Ok(0x0100_0002));
    assert_eq!(
        differences(&host, &contract()),
        ["ID_AA64PFR0_EL1.EL0 was set to 0x1 and reads as 0x2"]
    );
}

#[test]
fn bits_that_no_field_names_are_named_with_their_register() {
    let host = host().with_rule(RegisterId::CTR_EL0, |write| Ok(write.value & !(1 << 31)));
    assert_eq!(
        differences(&host, &contract()),
        ["CTR_EL0 was set to 0x80000000 and reads as 0x0"]
    );
}

#[test]
fn a_register_that_is_not_there_is_told_only_if_it_is_not_empty() {
    let host = linux("6.12", host());
    let empty = RegisterId::system(3, 0, 0, 6, 3);
    assert!(refusals(&host, &contract()).is_empty());
    assert!(!host.log_of(0).contains(&Operation::SetRegister(empty, 0)));
    let mut contract = contract();
    contract.id_registers.set(IdRegister::ID_AA64ISAR3_EL1, 1);
    let expected = [(of(IdRegister::ID_AA64ISAR3_EL1), Errno::ENOENT)];
    assert_eq!(refusals(&host, &contract), expected);
}

#[test]
fn a_bitmap_that_is_not_there_is_told_unless_the_kernel_answers_so_anyway() {
    let bitmaps = [
        RegisterId::STD_BITMAP,
        RegisterId::STD_HYP_BITMAP,
        RegisterId::VENDOR_HYP_BITMAP,
    ];
    let host = bitmaps.into_iter().fold(
        linux("5.10.0-32-cloud-arm64", host()),
        FakeHost::without_register,
    );
    let with = |services| Contract {
        services,
        ..contract()
    };
    assert!(refusals(&host, &with(Services::PV_TIME)).is_empty());
    let trng = (Subject::Services(Bitmap::Standard), Errno::ENOENT);
    let hypervisor = (Subject::Services(Bitmap::StandardHypervisor), Errno::ENOENT);
    assert_eq!(refusals(&host, &with(Services::TRNG)), [trng, hypervisor]);
}

#[test]
fn a_workaround_without_a_register_is_told_unless_it_is_not_available() {
    let host = linux("5.10", host()).without_register(RegisterId::WORKAROUND_3);
    let mut contract = Contract {
        services: Services::TRNG,
        ..contract()
    };
    let told = refusals(&host, &contract);
    let expected = (Subject::Workaround(Workaround::Three), Errno::ENOENT);
    assert!(told.contains(&expected));
    contract.workarounds = contract
        .workarounds
        .with(Workaround::Three, Level::NotAvailable);
    assert!(!refusals(&host, &contract).contains(&expected));
}

#[test]
fn a_level_that_the_host_keeps_above_the_promised_one_is_a_difference() {
    // KVM checks the level that is written and reads as its own.
    let host = host().with_rule(RegisterId::WORKAROUND_3, |_| Ok(2));
    let contract = contract();
    let heard = confirm(&host, &contract).unwrap();
    assert_eq!(heard.refusals, []);
    assert_eq!(
        heard.differences,
        [Difference {
            subject: Subject::Workaround(Workaround::Three),
            field: None,
            written: 1,
            read: 2,
        }]
    );
}

#[test]
fn without_the_features_the_most_that_can_be_had_are_taken() {
    let host = host();
    let psci = VcpuFeatures::PSCI_0_2;
    let all = psci | VcpuFeatures::SVE | VcpuFeatures::PTRAUTH | VcpuFeatures::PMU_V3;
    host.fail(Operation::Init(all), Errno::EINVAL);
    let sve = psci | VcpuFeatures::SVE | VcpuFeatures::PMU_V3;
    host.fail(Operation::Init(sve), Errno::EINVAL);
    let contract = Contract {
        vcpu_features: Promised::SVE | Promised::POINTER_AUTHENTICATION | Promised::PMU,
        ..everything()
    };
    let expected = [(Subject::VcpuFeatures, Errno::EINVAL)];
    assert_eq!(refusals(&host, &contract), expected);
    let last = host
        .log_of(0)
        .into_iter()
        .rfind(|operation| matches!(operation, Operation::Init(_)));
    let taken = psci | VcpuFeatures::PTRAUTH | VcpuFeatures::PMU_V3;
    assert_eq!(last, Some(Operation::Init(taken)));
}

#[test]
fn too_many_address_bits_are_refused_and_the_usual_taken() {
    let host = host().with_capability(Capability::VmIpaSize, 36);
    let expected = [(Subject::AddressBits, Errno::EINVAL)];
    assert_eq!(refusals(&host, &contract()), expected);
    assert_in_order(
        &host,
        &[
            Operation::CreateVm { ipa_bits: 40 },
            Operation::CreateVm { ipa_bits: 36 },
            Operation::CreateVcpu { index: 0 },
        ],
    );
}

#[test]
fn a_large_address_space_is_tried_once_and_empty() {
    let host = host();
    let contract = Contract {
        address_bits: 48,
        ..contract()
    };
    let mut confirmer = Confirmer::new(&host).unwrap();
    for _ in 0..3 {
        assert_eq!(
            confirmer.confirm(&contract).unwrap(),
            Confirmation::default()
        );
    }
    let large = (None, Operation::CreateVm { ipa_bits: 48 });
    let log = host.log();
    assert_eq!(log.iter().filter(|record| **record == large).count(), 1);
}

#[test]
fn workaround_2_is_judged_by_the_promised_ssbs_even_if_its_register_is_refused() {
    let host = host()
        .with_register(PFR1, 0x2_0020)
        .with_rule(PFR1, |write| match write.value & !0xf0 == 0x2_0000 {
            true => Ok(write.value),
            false => Err(Errno::EINVAL),
        })
        .with_rule(RegisterId::WORKAROUND_2, |write| {
            match write.value == 3 && write.other(PFR1) & 0xf0 != 0 {
                true => Err(Errno::EINVAL),
                false => Ok(write.value),
            }
        });
    let mut contract = contract();
    contract.id_registers.set(IdRegister::ID_AA64PFR1_EL1, 0);
    let expected = [(of(IdRegister::ID_AA64PFR1_EL1), Errno::EINVAL)];
    assert_eq!(refusals(&host, &contract), expected);
}

#[test]
fn the_identity_is_made_writable_only_for_another_cpu() {
    let enable = (None, Operation::Enable(Capability::WritableImpIdRegs));
    let host = host();
    let mut contract = contract();
    confirm(&host, &contract).unwrap();
    assert!(!host.log().contains(&enable));
    contract.implementation.midr = 0x410f_d0c1;
    assert_eq!(confirm(&host, &contract).unwrap(), Confirmation::default());
    assert!(host.log().contains(&enable));
}

#[test]
fn an_identity_that_cannot_be_another_is_refused() {
    let old = host().without(Capability::WritableImpIdRegs);
    let host = refusing(RegisterId::MIDR_EL1, old);
    let mut contract = contract();
    contract.implementation.midr = 0x410f_d0c1;
    let expected = Subject::Implementation(ImplementationRegister::Midr);
    assert_eq!(refusals(&host, &contract), [(expected, Errno::EINVAL)]);
}

#[test]
fn a_host_without_what_is_around_the_registers_says_so() {
    let host = host()
        .without_smccc_filter()
        .without_stolen_time()
        .without(Capability::SystemSuspend);
    host.fail(Operation::CreateGicV3, Errno::ENODEV);
    host.fail(Operation::SetCounterOffset(0), Errno::ENOTTY);
    let expected = [
        (Subject::Forwarding, Errno::EINVAL),
        (Subject::SystemSuspend, Errno::EINVAL),
        (Subject::StolenTime, Errno::ENXIO),
        (Subject::Gic, Errno::ENODEV),
        (Subject::PhysicalCounter, Errno::ENOTTY),
    ];
    assert_eq!(refusals(&host, &everything()), expected);
}

#[test]
fn counters_that_are_silently_fewer_are_a_difference() {
    let host = host().with_rule(RegisterId::PMCR_EL0, |_| Ok(4 << 11));
    assert_eq!(
        differences(&host, &everything()),
        ["PMCR_EL0.N was set to 0x6 and reads as 0x4"]
    );
}

#[test]
fn counters_that_a_vcpu_loses_when_it_is_reset_are_a_difference() {
    let contract = Contract {
        pmu_counters: Some(8),
        ..everything()
    };
    assert_eq!(differences(&host(), &contract), [""; 0]);
    // As before Linux 6.7.
    let host = host().with_anew(RegisterId::PMCR_EL0);
    assert_eq!(
        differences(&host, &contract),
        ["PMCR_EL0.N was set to 0x8 and reads as 0x6"]
    );
}

#[test]
fn caches_that_a_vcpu_loses_when_it_is_reset_are_a_difference() {
    let mut contract = contract();
    contract.caches.levels = 0x0920_0003;
    assert_eq!(differences(&host(), &contract), [""; 0]);
    // As Linux 6.3 to 6.9.
    let host = host().with_anew(RegisterId::CLIDR_EL1);
    assert_eq!(refusals(&host, &contract), []);
    assert_eq!(
        differences(&host, &contract),
        ["CLIDR_EL1 was set to 0x9200003 and reads as 0xa200023"]
    );
}

#[test]
fn registers_are_read_back_after_a_run_that_never_enters_the_guest() {
    let host = host();
    confirm(&host, &contract()).unwrap();
    let log = host.log_of(0);
    let run = log
        .iter()
        .rposition(|operation| *operation == Operation::Run);
    let read = log
        .iter()
        .rposition(|operation| *operation == Operation::Register(PFR0));
    assert!(run < read && run.is_some());
}

#[test]
fn what_the_machine_below_has_otherwise_is_a_difference() {
    let mut contract = contract();
    contract.counter.frequency = 1_000_000_000;
    contract.zero_block = 9;
    assert_eq!(
        differences(&host(), &contract),
        [
            "DCZID_EL0 was set to 0x9 and reads as 0x4",
            "CNTFRQ_EL0 was set to 0x3b9aca00 and reads as 0x3b9aca0"
        ]
    );
}

#[test]
fn a_wall_clock_that_the_kernel_does_not_have_is_a_difference() {
    let host = linux("5.10", host()).without_register(RegisterId::VENDOR_HYP_BITMAP);
    let contract = Contract {
        served_by: CORE,
        services: Services::PTP,
        ..contract()
    };
    assert_eq!(
        differences(&host, &contract),
        ["service ptp was set to 0x1 and reads as 0x0"]
    );
}

#[test]
fn only_the_discovery_of_cpus_is_forwarded_if_the_kernel_serves() {
    let contract = Contract {
        services: Services::DISCOVER_IMPL_VERSION | Services::DISCOVER_IMPL_CPUS,
        ..contract()
    };
    let order = Order::new(&contract, vambrace_core::contract::KernelRelease::new(7, 3));
    assert_eq!(order.forwarded(), [(0xc600_0040, 2)]);
}

#[test]
fn an_errno_that_says_nothing_of_the_contract_ends_it() {
    let host = host();
    host.fail(Operation::SetRegister(PFR1, 0x10), Errno::ENOMEM);
    assert!(matches!(
        confirm(&host, &contract()),
        Err(Error::Kvm(error)) if error.errno == Errno::ENOMEM
    ));
}

#[test]
fn a_machine_accepts_just_the_changes_that_were_predicted() {
    let field = Field::ID_AA64PFR0_EL1_EL0;
    let prediction = Normalisation {
        field,
        promised: 2,
        becomes: 1,
    };
    let difference = |read| Difference {
        subject: of(IdRegister::ID_AA64PFR0_EL1),
        field: Some(field),
        written: 2,
        read,
    };
    let mut strict = Strict {
        normalisations: &[prediction],
    };
    assert!(strict.differs(difference(1)).is_ok());
    assert!(matches!(
        strict.differs(difference(0)),
        Err(Failure::Unkept(Unkept::Changed(_)))
    ));
}

#[test]
fn raw_registers_are_written_in_the_best_order() {
    let host = host();
    let registers = [
        (RegisterId::PC, vec![0; 8]),
        (RegisterId::WORKAROUND_2, vec![0; 8]),
        (RegisterId::CLIDR_EL1, vec![0; 8]),
        (PFR1, vec![0; 8]),
        (RegisterId::SVE_VLS, vec![3; 64]),
    ];
    let said = confirm_raw(&host, &registers, Promised::SVE).unwrap();
    assert_eq!(said, RawConfirmation::Registers(Vec::new()));
    assert_in_order(
        &host,
        &[
            Operation::SetRegisterBytes(RegisterId::SVE_VLS),
            Operation::FinalizeSve,
            Operation::SetRegisterBytes(PFR1),
            Operation::SetRegisterBytes(RegisterId::WORKAROUND_2),
            Operation::SetRegisterBytes(RegisterId::PC),
            Operation::SetRegisterBytes(RegisterId::CLIDR_EL1),
        ],
    );
}

#[test]
fn raw_registers_that_are_refused_are_returned() {
    let host = linux("6.12", host());
    let unknown = RegisterId::system(3, 0, 1, 0, 3);
    let registers = [(unknown, vec![0; 8]), (PFR1, vec![0; 8])];
    assert_eq!(
        confirm_raw(&host, &registers, Promised::empty()).unwrap(),
        RawConfirmation::Registers(vec![(unknown, Errno::ENOENT)])
    );
    let features = VcpuFeatures::PSCI_0_2 | VcpuFeatures::SVE;
    host.fail(Operation::Init(features), Errno::EINVAL);
    assert_eq!(
        confirm_raw(&host, &registers, Promised::SVE).unwrap(),
        RawConfirmation::Features(Errno::EINVAL)
    );
}

#[test]
fn one_field_alone_is_stored_or_changed_or_refused() {
    let host = host().with_rule(PFR0, |write| match write.value {
        0 => Err(Errno::EINVAL),
        1 => Ok(2),
        value => Ok(value),
    });
    let register = IdRegister::ID_AA64PFR0_EL1;
    let values = [0, 1, 3, 0].map(|value| (register, value));
    assert_eq!(
        confirm_fields(&host, Promised::empty(), values).unwrap(),
        [
            FieldAnswer::Refused(Errno::EINVAL),
            FieldAnswer::Rewritten(2),
            FieldAnswer::Stored,
            FieldAnswer::Refused(Errno::EINVAL),
        ]
    );
}
