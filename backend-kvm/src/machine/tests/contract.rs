//! Machines under a contract.

use vambrace_core::contract::{Contract, GicKind, Normalisation, ServedBy, VcpuFeatures};
use vambrace_core::cpu::Field;
use vambrace_core::firmware::Services;
use vambrace_core::memory::Ipa;
use vambrace_core::psci::PsciVersion;
use vambrace_core::vendor_hyp::Implementation;

use super::*;
use crate::contract::tests::{contract, host};
use crate::machine::Named;
use crate::sys::{Hardware, Host, InterruptDevice};

const PFR0: RegisterId = RegisterId::system(3, 0, 0, 4, 0);

fn under(contract: Contract, config: Config) -> Config {
    Config {
        contract: Some(contract),
        ..config
    }
}

fn served_by_core() -> Contract {
    Contract {
        served_by: ServedBy::Core(Dialect::Kvm(KvmGeneration::V6_12)),
        ..contract()
    }
}

fn with_performance_monitor() -> Contract {
    let says_so = contract().id_registers;
    Contract {
        vcpu_features: VcpuFeatures::PMU,
        pmu_counters: Some(6),
        id_registers: says_so.with(Field::ID_AA64DFR0_EL1_PMUVER, 4).unwrap(),
        ..contract()
    }
}

fn refused(host: &FakeHost, config: Config) -> String {
    run(host, config).unwrap_err().to_string()
}

#[test]
fn the_contract_says_who_answers_and_how_whatever_else_is_configured() {
    let host = host();
    host.script(0, call(SYSTEM_OFF, []));
    let config = under(served_by_core(), kernel(1));
    assert!(matches!(end(&host, config), End::Off));
    let features = crate::sys::VcpuFeatures::PSCI_0_2;
    assert!(host.log_of(0).contains(&Operation::Init(features)));
}

#[test]
fn each_life_is_told_the_contract() {
    let host = host();
    let reset = [
        event(SystemEventKind::Reset),
        event(SystemEventKind::Shutdown),
    ];
    host.script(0, reset);
    assert!(matches!(end(&host, under(contract(), kernel(1))), End::Off));
    let told = Operation::SetRegister(PFR0, 0x0100_0001);
    let log = host.log_of(0);
    assert_eq!(
        log.iter().filter(|operation| **operation == told).count(),
        2
    );
}

#[test]
fn each_vcpu_is_told_of_its_caches_and_the_first_of_the_rest() {
    let host = host();
    host.script(0, [event(SystemEventKind::Shutdown)]);
    end(&host, under(contract(), kernel(2)));
    let caches = Operation::SetRegister(RegisterId::CLIDR_EL1, 0x0a20_0023);
    assert!(host.log_of(0).contains(&caches) && host.log_of(1).contains(&caches));
    let version = Operation::SetRegister(RegisterId::PSCI_VERSION, 0x1_0001);
    assert!(host.log_of(0).contains(&version) && !host.log_of(1).contains(&version));
}

#[test]
fn caches_that_cpu_on_would_take_back_are_refused_though_the_kernel_took_them() {
    // As Linux 6.3 to 6.9.
    let host = host().with_anew(RegisterId::CLIDR_EL1);
    host.script(0, [event(SystemEventKind::Shutdown)]);
    end(&host, under(contract(), kernel(2)));
    let mut other = contract();
    other.caches.levels = 0x0920_0003;
    assert_eq!(
        refused(&host, under(other, kernel(2))),
        "cannot make a machine under this contract: CLIDR_EL1 was set to 0x9200003 and reads as \
         0xa200023; `vambrace contract check` names all that this host lacks, and what to launch \
         instead"
    );
}

#[test]
fn a_cpu_that_the_guest_was_not_told_of_is_refused_before_a_machine_is_made() {
    let hardware = host().hardware();
    let mut two_kinds = hardware.clone();
    two_kinds.cpus[1].midr = Some(0x410f_d034);
    let host = host().with_hardware(two_kinds);
    let told = refused(&host, under(contract(), kernel(1)));
    assert!(
        told.contains(
            "the guest could run on CPU 1, which says MIDR_EL1 0x410fd034 and REVIDR_EL1 0x0"
        ),
        "{told}"
    );
    let made = |(_, operation): &_| matches!(operation, Operation::CreateVm { .. });
    assert!(!host.log().iter().any(made));
    // As a process is that is kept on one kind.
    let one_kind = Hardware {
        cpus: hardware.cpus[..1].into(),
        ..hardware
    };
    let host = host.with_hardware(one_kind);
    host.script(0, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, under(contract(), kernel(1))), End::Off));
}

#[test]
fn a_vcpu_is_reset_once_more_with_what_it_was_made_with() {
    let host = host();
    host.script(0, [event(SystemEventKind::Shutdown)]);
    end(&host, under(contract(), kernel(2)));
    let features = crate::sys::VcpuFeatures::PSCI_0_2 | crate::sys::VcpuFeatures::POWER_OFF;
    let inits = host.log_of(1).into_iter();
    let inits: Vec<_> = inits
        .filter(|operation| matches!(operation, Operation::Init(_)))
        .collect();
    assert_eq!(inits, [Operation::Init(features); 2]);
}

#[test]
fn a_machine_with_a_performance_monitor_can_run() {
    let host = host();
    host.script(0, [event(SystemEventKind::Shutdown)]);
    let config = under(with_performance_monitor(), kernel(1));
    assert!(matches!(end(&host, config), End::Off));
    let log = host.log();
    let interrupt = position(&log, Operation::SetPmuInterrupt(23));
    assert!(position(&log, Operation::InitialiseGic) < interrupt);
    assert!(interrupt < position(&log, Operation::InitialisePmu));
}

#[test]
fn the_device_tree_tells_of_a_performance_monitor_if_it_is_promised() {
    let tells = |contract| {
        let host = host();
        host.script(0, [event(SystemEventKind::Shutdown)]);
        let machine = Machine::new(under(contract, kernel(1)), NOP).unwrap();
        machine.run(&host, &silent()).unwrap();
        let mut tree = [0; 4096];
        let memory = machine.memory();
        memory.read(Ipa::new(0x4020_0000), &mut tree).unwrap();
        let compatible = b"arm,armv8-pmuv3\0";
        tree.windows(compatible.len())
            .any(|part| part == compatible)
    };
    assert!(!tells(contract()));
    assert!(tells(with_performance_monitor()));
}

#[test]
fn a_refusal_names_what_of_the_contract_and_why() {
    let host = host().with_rule(PFR0, |_| Err(crate::sys::Errno::EINVAL));
    assert_eq!(
        refused(&host, under(contract(), kernel(1))),
        "cannot make a machine under this contract: this host refuses ID_AA64PFR0_EL1: vCPU 0: \
         KVM_SET_ONE_REG of ID_AA64PFR0_EL1 to 0x1000001 failed: EINVAL: Invalid argument (os \
         error 22); `vambrace contract check` names all that this host lacks, and what to launch \
         instead"
    );
}

#[test]
fn a_change_that_nobody_predicted_is_refused_and_a_predicted_one_is_not() {
    let host = host().with_rule(PFR0, |_| Ok(0x0100_0002));
    host.script(0, [event(SystemEventKind::Shutdown)]);
    let config = under(contract(), kernel(1));
    assert_eq!(
        refused(&host, config.clone()),
        "cannot make a machine under this contract: ID_AA64PFR0_EL1.EL0 was set to 0x1 and reads \
         as 0x2; `vambrace contract check` names all that this host lacks, and what to launch \
         instead"
    );
    let normalisations = vec![Normalisation {
        field: Field::ID_AA64PFR0_EL1_EL0,
        promised: 1,
        becomes: 2,
    }];
    let predicted = Config {
        normalisations,
        ..config
    };
    assert!(matches!(end(&host, predicted), End::Off));
}

#[test]
fn a_contract_for_another_board_is_refused_before_the_host_is_asked() {
    let host = host();
    let mut stolen_time = contract();
    stolen_time.services |= Services::PV_TIME;
    stolen_time.stolen_time = Some(Ipa::new(0x4000_0000));
    let mut aarch32 = contract();
    aarch32.vcpu_features |= VcpuFeatures::AARCH32_EL1;
    for field in [Field::ID_AA64PFR0_EL1_EL0, Field::ID_AA64PFR0_EL1_EL1] {
        aarch32.id_registers = aarch32.id_registers.with(field, 2).unwrap();
    }
    let mut small = contract();
    small.address_bits = 32;
    let large = Config {
        memory: 4 << 30,
        ..kernel(1)
    };
    for (config, why) in [
        (
            under(with_gic_v2(), kernel(9)),
            "9 vCPUs and a GICv2: that serves at most 8",
        ),
        (
            under(stolen_time, kernel(1)),
            "it promises stolen time at 0x40000000",
        ),
        (under(aarch32, kernel(1)), "it promises vCPUs of Aarch32"),
        (under(small, large), "it promises 32 bits of guest address"),
    ] {
        let said = refused(&host, config);
        assert!(said.contains(why), "{said}");
    }
    assert!(host.log().is_empty());
}

/// It would take no measures, and need them on the next host that its contract allows.
#[test]
fn a_guest_is_not_launched_where_it_would_be_told_more_than_it_was_promised() {
    let host = host().with_rule(RegisterId::WORKAROUND_3, |_| Ok(2));
    let said = refused(&host, under(contract(), kernel(1)));
    assert!(
        said.contains(
            "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3 was set to 0x1 and reads as 0x2, the host's own \
             level: a guest launched here is told more than it was promised"
        ),
        "{said}"
    );
}

/// The least that there is of a contract for a GICv2.
fn with_gic_v2() -> Contract {
    let mut contract = contract();
    contract.gic.kind = GicKind::V2;
    contract
}

#[test]
fn the_contract_says_which_gic_the_machine_has() {
    let host = host();
    host.script(0, [event(SystemEventKind::Shutdown)]);
    let config = Config {
        gic: Some(GicKind::V3),
        ..under(with_gic_v2(), kernel(1))
    };
    assert!(matches!(end(&host, config), End::Off));
    let log = host.log();
    assert!(log.contains(&(None, Operation::CreateGicV2)));
    assert!(!log.contains(&(None, Operation::CreateIts)));
}

#[test]
fn a_host_without_the_gic_of_the_contract_does_not_keep_it() {
    let host = host().without_device(InterruptDevice::GicV2);
    assert_eq!(
        refused(&host, under(with_gic_v2(), kernel(1))),
        "cannot make a machine under this contract: this host refuses interrupt controller: \
         KVM_CREATE_DEVICE of a GICv2 failed: ENODEV: No such device (os error 19); `vambrace contract \
         check` names all that this host lacks, and what to launch instead"
    );
}

#[test]
fn a_contract_that_contradicts_itself_is_refused() {
    let mut contract = contract();
    contract.counter.frequency = 0;
    assert_eq!(
        refused(&host(), under(contract, kernel(1))),
        "cannot make a machine under this contract: a counter of 0 Hz does not count"
    );
}

#[test]
fn an_option_may_say_what_the_contract_says_and_nothing_else() {
    let contract = contract();
    let same = Named {
        firmware: Some(FirmwareKind::Kernel),
        psci_version: Some(PsciVersion::V1_1),
        features: Some(Features::TRNG),
        dialect: None,
        gic: Some(GicKind::V3),
    };
    assert!(same.check(&contract).is_ok());
    let other = Named {
        psci_version: Some(PsciVersion::V1_3),
        ..same
    };
    assert_eq!(
        other.check(&contract).unwrap_err().to_string(),
        "cannot run with --psci 1.3 under this contract: it promises 1.1; leave --psci out, or make \
         another contract (vambrace contract new)"
    );
    let gic = Named {
        gic: Some(GicKind::V2),
        ..same
    };
    assert_eq!(
        gic.check(&contract).unwrap_err().to_string(),
        "cannot run with --gic 2 under this contract: it promises 3; leave --gic out, or make another \
         contract (vambrace contract new)"
    );
    let dialect = Named {
        dialect: Some(Dialect::Specification),
        ..same
    };
    assert_eq!(
        dialect.check(&contract).unwrap_err().to_string(),
        "cannot run with --dialect spec under this contract: it promises the kernel's own; leave \
         --dialect out, or make another contract (vambrace contract new)"
    );
}

/// The guest is told of two CPUs by the kernel's firmware.
#[test]
fn the_cpus_that_a_machine_may_land_on_are_told_under_the_kernels_firmware_too() {
    let host = host();
    let mut contract = contract();
    for midr in [0x414f_d0b1, 0x410f_d0c1] {
        let cpu = Implementation {
            midr,
            revidr: 0,
            aidr: 0,
        };
        contract.implementations.add(cpu).unwrap();
    }
    contract.services |=
        Services::VENDOR_FEATURES | Services::DISCOVER_IMPL_VERSION | Services::DISCOVER_IMPL_CPUS;
    host.script(0, call(0xc600_0040, []));
    host.script(0, call(0xc600_0041, [1]));
    host.script(0, call(0xc600_0041, [2]));
    host.script(0, [event(SystemEventKind::Shutdown)]);
    let report = run(&host, under(contract, kernel(1))).unwrap();
    assert_eq!(report.forwarded_calls, 3);
    let results = |call: usize| {
        // The first run settles the machine.
        let written = after_run(&host, 0, 1 + call).into_iter();
        let values = written.filter_map(|operation| match operation {
            Operation::SetRegister(_, value) => Some(value),
            _ => None,
        });
        values.collect::<Vec<_>>()
    };
    assert_eq!(results(0), [0, 0x1_0000, 2, 0]);
    assert_eq!(results(1), [0, 0x410f_d0c1, 0, 0]);
    assert_eq!(results(2), [0xffff_ffff_ffff_fffd, 0, 0, 0]);
}
