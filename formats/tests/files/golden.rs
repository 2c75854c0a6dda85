//! Files of every schema there was are read for ever, and mean what they meant.

use vambrace_core::contract::{
    ClockPolicy, Contract, FieldLimit, GicKind, ServedBy, VcpuFeatures, VectorLengths,
};
use vambrace_core::cpu::Field;
use vambrace_core::firmware::{Dialect, KvmGeneration, Services};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::PsciVersion;
use vambrace_formats::contract;
use vambrace_formats::profile::ProfileFile;

/// A contract of schema 1 that a kernel serves.
pub(crate) const KERNEL: &str = include_str!("../golden/schema-1-kernel.toml");
/// A contract of schema 1 that core serves.
pub(crate) const CORE: &str = include_str!("../golden/schema-1-core.toml");
/// A profile of schema 1.
pub(crate) const PROFILE: &str = include_str!("../golden/schema-1.json");

fn contract(text: &str) -> Contract {
    contract::from_toml(text).unwrap_or_else(|error| panic!("{error}"))
}

fn profile() -> ProfileFile {
    ProfileFile::read(PROFILE.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn field(name: &str) -> Field {
    Field::named(name).unwrap()
}

#[test]
fn a_kernel_s_contract_of_schema_1_means_what_it_meant() {
    let contract = contract(KERNEL);
    assert_eq!(contract.served_by, ServedBy::Kernel);
    assert_eq!(contract.vcpu_features, VcpuFeatures::PMU);
    assert_eq!(contract.pmu_counters, Some(6));
    assert_eq!(contract.vector_lengths, VectorLengths::NONE);
    assert_eq!(contract.implementation.midr, 0x414f_d0c1);
    assert!(contract.implementations.is_empty());
    assert_eq!(contract.psci_version, PsciVersion::V1_1);
    assert_eq!(contract.services, Services::TRNG | Services::PV_TIME);
    assert_eq!(contract.stolen_time, Some(Ipa::new(0x0900_4000)));
    assert_eq!((contract.gic.kind, contract.gic.revision), (GicKind::V3, 3));
    assert_eq!(contract.counter.frequency, 25_000_000);
    assert_eq!(contract.counter.policy, ClockPolicy::Virtual);
    assert_eq!((contract.address_bits, contract.zero_block), (40, 4));
    assert_eq!(contract.caches.sizes[2], Some(0x707f_e03a));
    assert_eq!(contract.caches.sizes[3], None);
    let registers = &contract.id_registers;
    assert_eq!(registers.field(field("ID_AA64DFR0_EL1.PMUVer")), 4);
    assert_eq!(registers.field(field("ID_AA64PFR0_EL1.EL0")), 2);
}

#[test]
fn core_s_contract_of_schema_1_means_what_it_meant() {
    let contract = contract(CORE);
    let dialect = Dialect::Kvm(KvmGeneration::V7_3);
    assert_eq!(contract.served_by, ServedBy::Core(dialect));
    assert_eq!(contract.vector_lengths.to_string(), "128,256");
    assert_eq!(contract.pmu_counters, None);
    let told: Vec<u64> = contract
        .implementations
        .iter()
        .map(|told| told.midr)
        .collect();
    assert_eq!(told, [0x414f_d0c1, 0x411f_d403]);
    assert_eq!(contract.services, Services::all());
    assert_eq!(contract.stolen_time, None);
    assert_eq!(contract.counter.policy, ClockPolicy::VirtualAndPhysical);
}

#[test]
fn a_profile_of_schema_1_means_what_it_meant() {
    let file = profile();
    assert_eq!(file.provenance.kernel_release, "6.12.48+deb13-arm64");
    let profile = &file.profile;
    assert_eq!(profile.kernel.to_string(), "6.12");
    assert_eq!(profile.address_bits.to_string(), "32-40");
    assert_eq!(
        profile.workarounds.two_without_ssbs.unwrap().to_string(),
        "0-3,18"
    );
    let features: Vec<String> = profile
        .views
        .iter()
        .map(|view| view.features.to_string())
        .collect();
    assert_eq!(features, ["none", "sve", "pmu", "sve,pmu"]);
    let raw: Vec<usize> = file
        .registers
        .iter()
        .map(|list| list.values.len())
        .collect();
    assert_eq!(raw, [60, 62, 61, 63]);
    assert_eq!(file.registers[1].values[&0x6060_0000_0015_ffff].len(), 64);
}

#[test]
fn every_view_that_is_read_is_complete() {
    let profile = profile().profile;
    let both = VcpuFeatures::SVE | VcpuFeatures::PMU;
    let view = profile.view(both).unwrap();
    let nested = field("ID_AA64MMFR2_EL1.NV");
    for (name, value) in [
        ("ID_AA64PFR0_EL1.SVE", 1),
        ("ID_AA64DFR0_EL1.PMUVer", 4),
        ("ID_AA64PFR0_EL1.EL0", 2),
    ] {
        assert_eq!(view.registers.field(field(name)), value);
    }
    assert_eq!(
        view.fields.of(nested),
        FieldLimit {
            accepts: 0b1,
            rewrites: 0b110,
            becomes: 0
        }
    );
    assert_eq!(view.writable, profile.views[0].writable);
}

#[test]
fn the_house_still_writes_them_as_they_are() {
    for text in [KERNEL, CORE] {
        assert_eq!(contract::to_toml(&contract(text)), text);
    }
    assert_eq!(profile().write(), PROFILE);
}
