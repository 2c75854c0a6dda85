//! What the rules predict of hosts, and what they do not.

use super::*;

fn words(host: &HostProfile) -> std::vec::Vec<String> {
    host.surprises()
        .map(|surprise| surprise.to_string())
        .collect()
}

/// A 7.3 host with masks that make these fields writable, and that follows the rules.
fn lawful(fields: &[(Field, u64)]) -> HostProfile {
    let mut host = host(fields);
    let masks = IdRegisters::from_fn(IdRegister::named_bits);
    host.views[0].writable = Some(masks);
    let registers = host.views[0].registers;
    let limits = host.views[0].fields;
    host.views[0].fields = FieldLimits::new(|field| {
        let limit = limits.of(field);
        let accepts = limit.accepts & !floor(field);
        // AArch64 alone: the registers of AArch32 read as 0, whatever is written.
        match field.register().encoding() < 0xc020 {
            true => FieldLimit {
                accepts: 1,
                rewrites: u16::MAX - 1,
                becomes: 0,
            },
            false => FieldLimit {
                accepts: accepts | 1 << registers.field(field),
                ..FieldLimit::default()
            },
        }
    });
    host
}

fn floor(field: Field) -> u16 {
    match field {
        Field::ID_AA64DFR0_EL1_DEBUGVER => 0b11_1111,
        Field::ID_AA64PFR0_EL1_EL0 | Field::ID_AA64PFR0_EL1_EL1 => 1,
        Field::CTR_EL0_L1IP => 0b11,
        _ => 0,
    }
}

#[test]
fn a_host_that_follows_the_rules_surprises_nobody() {
    let host = lawful(&[(Field::ID_AA64DFR0_EL1_DEBUGVER, 8)]);
    assert_eq!(words(&host), [] as [String; 0]);
}

#[test]
fn a_field_that_accepts_what_no_rule_allows_is_named_with_both() {
    let sha2 = field("ID_AA64ISAR0_EL1.SHA2");
    let mut host = lawful(&[(sha2, 1)]);
    let limits = host.views[0].fields;
    host.views[0].fields = FieldLimits::new(|field| match field == sha2 {
        true => FieldLimit {
            accepts: 0b111,
            ..FieldLimit::default()
        },
        false => limits.of(field),
    });
    assert_eq!(
        words(&host),
        ["ID_AA64ISAR0_EL1.SHA2 (vCPU features none): accepts 0-2, and by rule 0-1"]
    );
}

#[test]
fn the_debug_architecture_cannot_be_older_than_armv8s() {
    let mut host = lawful(&[(Field::ID_AA64DFR0_EL1_DEBUGVER, 8)]);
    let limits = host.views[0].fields;
    host.views[0].fields = FieldLimits::new(|field| match field {
        Field::ID_AA64DFR0_EL1_DEBUGVER => FieldLimit {
            accepts: 0b1_1111_1111,
            ..FieldLimit::default()
        },
        _ => limits.of(field),
    });
    assert_eq!(
        words(&host),
        ["ID_AA64DFR0_EL1.DebugVer (vCPU features none): accepts 0-8, and by rule 6-8"]
    );
}

#[test]
fn firmware_registers_are_held_against_the_release() {
    let mut host = lawful(&[]);
    host.psci_versions -= PsciVersions::V1_3;
    host.workarounds.one = Some(ValueSet::from_bits(0b101));
    host.services[0] = ServiceLimit::Chosen(3);
    assert_eq!(
        words(&host),
        [
            "PSCI versions: accepts 0.2 1.0 1.1 1.2, and a kernel of this release has 0.2 1.0 1.1 \
             1.2 1.3",
            "SMCCC_ARCH_WORKAROUND_1: accepts 0,2, which no level of a host does",
            "KVM_REG_ARM_STD_BMAP: Chosen(3), and a kernel of this release has Chosen(1)",
        ]
    );
}
