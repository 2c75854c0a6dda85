//! Promises that cannot both hold.

use super::*;
use crate::firmware::Services;

fn contradiction(change: impl FnOnce(&mut Contract)) -> Contradiction {
    let mut contract = contract_of(&host(&[]));
    change(&mut contract);
    contract.check().unwrap_err()
}

#[test]
fn stolen_time_lies_on_64_bytes_within_the_address_space() {
    let base = |base| {
        contradiction(|contract| {
            contract.address_bits = 40;
            contract.stolen_time = Some(Ipa::new(base));
        })
    };
    for outside in [0x1000_0020, 1 << 40, !63] {
        let expected = Contradiction::StolenTimeBase(Ipa::new(outside));
        assert_eq!(base(outside), expected, "{outside:#x}");
    }
    let mut contract = contract_of(&host(&[]));
    contract.stolen_time = Some(Ipa::new(0x1000_0040));
    assert_eq!(contract.check(), Ok(()));
}

#[test]
fn a_guest_with_a_pmu_reads_of_one() {
    for version in [0, 15] {
        let found = contradiction(|contract| {
            contract.vcpu_features = VcpuFeatures::PMU;
            contract.pmu_counters = Some(6);
            let registers = contract.id_registers;
            contract.id_registers = registers
                .with(Field::ID_AA64DFR0_EL1_PMUVER, version)
                .unwrap();
        });
        assert_eq!(found, Contradiction::Pmu);
    }
}

#[test]
fn aarch32_at_el1_is_in_both_fields_or_in_no_vcpu() {
    let found = contradiction(|contract| contract.vcpu_features = VcpuFeatures::AARCH32_EL1);
    assert_eq!(found, Contradiction::Aarch32);
    let mut contract = contract_of(&host(&[]));
    contract.vcpu_features = VcpuFeatures::AARCH32_EL1;
    for field in [Field::ID_AA64PFR0_EL1_EL0, Field::ID_AA64PFR0_EL1_EL1] {
        contract.id_registers = contract.id_registers.with(field, 2).unwrap();
    }
    assert_eq!(contract.check(), Ok(()));
}

#[test]
fn a_list_is_found_by_three_services_together() {
    let list = |services: Services| {
        let mut contract = contract_of(&host(&[]));
        contract.implementations = listed(&[contract.implementation]);
        contract.services = services;
        contract.check()
    };
    let all =
        Services::VENDOR_FEATURES | Services::DISCOVER_IMPL_VERSION | Services::DISCOVER_IMPL_CPUS;
    assert_eq!(list(all), Ok(()));
    for missing in all.iter() {
        let expected = Err(Contradiction::ImplementationList);
        assert_eq!(list(all - missing), expected, "{missing:?}");
    }
}
