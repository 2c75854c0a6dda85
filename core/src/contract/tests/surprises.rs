//! What the rules predict of hosts, and what they do not.

use super::*;

fn words(host: &HostProfile) -> std::vec::Vec<String> {
    host.surprises()
        .map(|surprise| surprise.to_string())
        .collect()
}

/// A 7.3 host without AArch32 that tells its masks and follows the rules.
fn lawful(fields: &[(Field, u64)]) -> HostProfile {
    let mut host = host(fields);
    let masks = IdRegisters::from_fn(|register| {
        let written = register.fields().filter(|field| is_written(*field));
        written.fold(0, |bits, field| bits | field.mask())
    });
    host.views[0].writable = Some(masks);
    let registers = host.views[0].registers;
    let limits = host.views[0].fields;
    host.views[0].fields = FieldLimits::new(|field| {
        let own = FieldLimit::fixed(registers.field(field));
        // The registers of AArch32 read as 0, whatever is written, but for those that KVM hides.
        match field.register().encoding() < 0xc020 {
            true if field.register().fields().any(is_written) => FieldLimit {
                accepts: 1,
                rewrites: u16::MAX - 1,
                becomes: 0,
            },
            false if is_written(field) => FieldLimit {
                accepts: limits.of(field).accepts & !floor(field) | own.accepts,
                rewrites: match field {
                    Field::ID_AA64DFR0_EL1_PMUVER => 0x8000,
                    _ => 0,
                },
                becomes: 0,
            },
            _ => own,
        }
    });
    host
}

fn is_written(field: Field) -> bool {
    field.writable() != crate::cpu::Writable::Never
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
fn a_register_that_kvm_hides_takes_nothing_even_where_those_of_aarch32_ignore_what_is_written() {
    for name in ["ID_AFR0_EL1.IMPDEF0", "ID_DFR1_EL1.MTPMU"] {
        let hidden = field(name);
        let limit = predicted(hidden, &[], KernelRelease::new(6, 1), VcpuFeatures::empty());
        assert_eq!((limit.accepts, limit.rewrites), (1, 0), "{name}");
    }
    let shown = field("ID_ISAR5_EL1.AES");
    let limit = predicted(shown, &[], KernelRelease::new(6, 1), VcpuFeatures::empty());
    assert_eq!((limit.accepts, limit.rewrites), (1, 0xfffe));
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

/// What the rules predict of one field in a view where it holds what `fields` say.
fn predicted(
    field: Field,
    fields: &[(Field, u64)],
    kernel: KernelRelease,
    features: VcpuFeatures,
) -> FieldLimit {
    let mut host = host(fields);
    host.kernel = kernel;
    host.views[0].features = features;
    host.views[0].fields = FieldLimits::new(|_| FieldLimit::default());
    let all: std::vec::Vec<_> = host.surprises().collect();
    let predicted = all.iter().find_map(|surprise| match surprise {
        Surprise::Field {
            field: other,
            predicted,
            ..
        } if *other == field => Some(*predicted),
        _ => None,
    });
    predicted.unwrap()
}

#[test]
fn kernels_that_tell_no_masks_let_four_fields_be_written_one_after_the_other() {
    let monitor = Field::ID_AA64DFR0_EL1_PMUVER;
    for (name, value, before, since) in [
        ("ID_AA64PFR0_EL1.CSV2", 1, (5, 9), (5, 10)),
        ("ID_AA64PFR0_EL1.CSV3", 1, (5, 10), (5, 11)),
        ("ID_AA64DFR0_EL1.PMUVer", 4, (6, 1), (6, 2)),
    ] {
        let field = field(name);
        let accepts = |(major, minor)| {
            let kernel = KernelRelease::new(major, minor);
            let fields = [(field, value)];
            let limit = predicted(field, &fields, kernel, VcpuFeatures::PMU);
            limit.accepted().iter().count()
        };
        assert_eq!(accepts(before), 1, "{name}");
        assert!(accepts(since) > 1, "{name}");
    }
    let atomics = field("ID_AA64ISAR0_EL1.Atomic");
    let kernel = KernelRelease::new(6, 6);
    let limit = predicted(atomics, &[(atomics, 2)], kernel, VcpuFeatures::PMU);
    assert_eq!(limit.accepts, 0b100);
    assert_eq!(monitor.writable(), field("ID_DFR0_EL1.PerfMon").writable());
}

#[test]
fn the_first_kernels_that_let_the_monitors_version_be_written_wanted_it_to_be_there_or_not() {
    let monitor = Field::ID_AA64DFR0_EL1_PMUVER;
    let limit = |value, minor, features| {
        let kernel = KernelRelease::new(6, minor);
        predicted(monitor, &[(monitor, value)], kernel, features)
    };
    let with = limit(4, 2, VcpuFeatures::PMU);
    assert_eq!((with.accepts, with.rewrites), (0b1_1110, 0));
    let without = limit(0, 4, VcpuFeatures::empty());
    assert_eq!((without.accepts, without.rewrites), (0x8001, 0));
    let since = limit(4, 5, VcpuFeatures::PMU);
    assert_eq!((since.accepts, since.rewrites), (0b1_1111, 0x8000));
    let without = limit(0, 5, VcpuFeatures::empty());
    assert_eq!((without.accepts, without.rewrites), (1, 0x8000));
}

#[test]
fn tagging_that_older_kernels_called_asynchronous_by_mistake_reads_as_it_is() {
    let fraction = Field::ID_AA64PFR1_EL1_MTE_FRAC;
    let limit = |tagging, value| {
        let fields = [(Field::ID_AA64PFR1_EL1_MTE, tagging), (fraction, value)];
        predicted(
            fraction,
            &fields,
            KernelRelease::new(7, 3),
            VcpuFeatures::empty(),
        )
    };
    let synchronous = limit(2, 15);
    assert_eq!(
        (
            synchronous.accepts,
            synchronous.rewrites,
            synchronous.becomes
        ),
        (0x8000, 1, 15)
    );
    // Who can report faults later has 0 there, and nothing is replaced.
    assert_eq!(limit(3, 0), FieldLimit::fixed(0));
    assert_eq!(limit(0, 0), FieldLimit::fixed(0));
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
