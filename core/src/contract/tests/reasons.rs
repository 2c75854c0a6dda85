//! One reason at a time.

use super::*;
use crate::firmware::{Bitmap, KvmGeneration, Level, Services, Workaround};
use crate::psci::PsciVersion;

/// The one reason for which `host` refuses `contract`.
fn reason(contract: &Contract, host: &HostProfile) -> Reason {
    let verdict = preflight(contract, host);
    let [reason] = verdict.reasons() else {
        panic!("not one reason: {verdict:#?}");
    };
    *reason
}

fn said(contract: &Contract, host: &HostProfile) -> [String; 4] {
    let reason = reason(contract, host);
    [
        reason.to_string(),
        reason.rule().to_string(),
        reason.remedy().to_string(),
        reason.judge().to_string(),
    ]
}

#[test]
fn a_host_accepts_its_own_contract_without_a_word() {
    let host = host(&[]);
    let verdict = preflight(&contract_of(&host), &host);
    assert!(verdict.is_accepted(), "{verdict:?}");
    assert!(verdict.normalisations().is_empty());
}

#[test]
fn a_feature_that_the_host_lacks_is_named_with_both_values_and_the_remedy() {
    let atomics = field("ID_AA64ISAR0_EL1.Atomic");
    let contract = contract_of(&host(&[(atomics, 2)]));
    assert_eq!(
        said(&contract, &host(&[(atomics, 0)])),
        [
            "ID_AA64ISAR0_EL1.Atomic: promised 2, the host has 0 and accepts 0",
            "the host's own value or a lower one",
            "launch with ID_AA64ISAR0_EL1.Atomic=0",
            "kernel (EINVAL)",
        ]
    );
}

/// The rule and the remedy where a host of this release that lets nothing be changed has `host`.
fn said_of_field(field: Field, promised: u64, host: u64, accepted: u64, minor: u16) -> [String; 2] {
    let reason = Reason::Field {
        field,
        promised,
        host,
        accepted: ValueSet::from_bits(accepted),
        kernel: KernelRelease::new(6, minor),
    };
    [reason.rule().to_string(), reason.remedy().to_string()]
}

#[test]
fn a_field_that_an_older_kernel_will_not_lower_names_the_kernel_that_would() {
    let atomics = field("ID_AA64ISAR0_EL1.Atomic");
    assert_eq!(
        said_of_field(atomics, 0, 2, 0b100, 1),
        [
            "this kernel lets nobody change the field",
            "run Linux 6.12 or newer on the host",
        ]
    );
}

#[test]
fn a_kernel_that_would_not_take_the_value_either_is_no_remedy() {
    // Stage 2 granules are equal or the one that says "as stage 1": 3 is not safe instead of 2.
    let granule = field("ID_AA64MMFR0_EL1.TGran4_2");
    assert_eq!(
        said_of_field(granule, 3, 2, 0b100, 1),
        [
            "the host's own value or the safe one",
            "none on this hardware",
        ]
    );
    // No kernel shows a debug architecture before Armv8's.
    let debug = Field::ID_AA64DFR0_EL1_DEBUGVER;
    assert_eq!(
        said_of_field(debug, 5, 8, 0b1_0000_0000, 1)[1],
        "none on this hardware"
    );
    assert_eq!(
        said_of_field(debug, 5, 8, 0b1_1100_0000, 12),
        [
            "one of those that the host can have",
            "none on this hardware"
        ]
    );
    // From 6.2 to 6.4 a guest with a monitor could be shown an older one, and not none.
    let monitor = Field::ID_AA64DFR0_EL1_PMUVER;
    let remedy = |promised| said_of_field(monitor, promised, 5, 0b10_0000, 1)[1].clone();
    assert_eq!(remedy(4), "run Linux 6.2 or newer on the host");
    assert_eq!(remedy(0), "run Linux 6.5 or newer on the host");
}

#[test]
fn a_field_that_tells_of_a_vcpu_feature_is_lowered_by_leaving_that_out() {
    for (field, promised, feature) in [
        (Field::ID_AA64PFR0_EL1_SVE, 1, "sve"),
        (Field::ID_AA64ISAR1_EL1_APA, 5, "pauth"),
        (Field::ID_AA64DFR0_EL1_PMUVER, 5, "pmu"),
    ] {
        let [_, remedy] = said_of_field(field, promised, 0, 1, 12);
        assert_eq!(remedy, format!("launch without {feature}"));
    }
}

#[test]
fn a_signed_field_is_lower_at_minus_one() {
    let double_lock = field("ID_AA64DFR0_EL1.DoubleLock");
    let without = contract_of(&host(&[(double_lock, 15)]));
    assert!(preflight(&without, &host(&[(double_lock, 0)])).is_accepted());
    let with = contract_of(&host(&[(double_lock, 0)]));
    assert!(!preflight(&with, &host(&[(double_lock, 15)])).is_accepted());
}

#[test]
fn a_value_that_the_host_rewrites_is_accepted_and_named() {
    let nested = Field::ID_AA64MMFR2_EL1_NV;
    let mut host = host(&[]);
    let limits = host.views[0].fields;
    host.views[0].fields = FieldLimits::new(|field| match field == nested {
        true => FieldLimit {
            accepts: 1,
            rewrites: 0b10,
            becomes: 0,
        },
        false => limits.of(field),
    });
    let mut contract = contract_of(&host);
    contract.id_registers = contract.id_registers.with(nested, 1).unwrap();
    let verdict = preflight(&contract, &host);
    assert!(verdict.is_accepted());
    let named: std::vec::Vec<_> = verdict
        .normalisations()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        named,
        ["ID_AA64MMFR2_EL1.NV: promised 1, accepted, and reads 0"]
    );
}

#[test]
fn a_register_that_the_kernel_does_not_know_holds_nothing() {
    let lsui = field("ID_AA64ISAR3_EL1.LSUI");
    let contract = contract_of(&host(&[(lsui, 1)]));
    let mut old = host(&[]);
    old.views[0].listed = ListedRegisters::new(|register| register != lsui.register());
    assert_eq!(
        said(&contract, &old),
        [
            "ID_AA64ISAR3_EL1: promised 0x1000000, the host does not know the register",
            "what the kernel does not know holds nothing",
            "launch with ID_AA64ISAR3_EL1=0",
            "kernel (ENOENT)",
        ]
    );
    assert!(preflight(&contract_of(&host(&[])), &old).is_accepted());
}

#[test]
fn bits_without_a_name_can_only_be_the_hosts() {
    let mut contract = contract_of(&host(&[]));
    contract.id_registers.set(IdRegister::CTR_EL0, 0);
    assert_eq!(
        said(&contract, &host(&[]))[0],
        "CTR_EL0, bits without a name: promised 0x0, the host has 0x80000000"
    );
}

#[test]
fn another_cpu_is_refused_by_an_old_kernel_and_again_because_the_guest_was_not_told() {
    let contract = contract_of(&host(&[]));
    let mut other = host(&[]);
    other.implementation = implementation(0x410f_d400);
    other.implementations = listed(&[other.implementation]);
    assert_eq!(
        said(&contract, &other),
        [
            "list of implementations: promised only CPUs that the guest was told of, the host has \
             0x410fd400 (REVIDR 0x0, AIDR 0x0)",
            "a guest may only land on CPUs that it was told of when it booted",
            "launch with all implementations listed (discover-impl; `contract baseline` does it)",
            "guest-visible, kernel silent",
        ]
    );
    other.capabilities -= Capabilities::WRITABLE_IMPLEMENTATION;
    let verdict = preflight(&contract, &other);
    assert_eq!(verdict.reasons().len(), 2);
    assert_eq!(
        verdict.reasons()[0].to_string(),
        "MIDR_EL1: promised 0x410fd0c1, the host has 0x410fd400"
    );
    assert!(!verdict.is_accepted_by_kernel());
}

#[test]
fn a_guest_is_told_of_other_cpus_only_where_a_kernel_or_core_can() {
    let other_cpu = |kernel: KernelRelease, capabilities| {
        let mut other = host(&[]);
        other.capabilities = capabilities;
        other.services = Bitmap::ALL.map(|bitmap| kernel.services(bitmap));
        other.implementations = listed(&[implementation(MIDR), implementation(0x410f_d400)]);
        other
    };
    let remedy = |wishes: &Wishes, other: &HostProfile| {
        let mut contract = Baseline::of(wishes, [&host(&[])]).unwrap();
        contract.services -= Services::DISCOVER_IMPL_VERSION;
        let verdict = preflight(&contract, other);
        let mut reasons = verdict.reasons().iter();
        let unlisted = reasons.find(|reason| reason.subject() == Subject::ImplementationList);
        unlisted.unwrap().remedy()
    };
    let served_by = |dialect| Wishes {
        served_by: ServedBy::Core(dialect),
        ..Wishes::PLAIN
    };
    let (all, newest) = (Capabilities::all(), KernelRelease::new(7, 3));
    let since = Remedy::NewerKernel(KernelRelease::new(6, 15));
    let old = other_cpu(KernelRelease::new(6, 12), all);
    // KVM_REG_ARM_VENDOR_HYP_BMAP_2 is of Linux 6.15; core needs the filter alone.
    assert_eq!(remedy(&Wishes::PLAIN, &old), since);
    assert_eq!(
        remedy(&Wishes::PLAIN, &other_cpu(newest, all)),
        Remedy::ListImplementations
    );
    let core = served_by(Dialect::Kvm(KvmGeneration::V7_3));
    assert_eq!(remedy(&core, &old), Remedy::ListImplementations);
    let unfiltered = other_cpu(newest, all - Capabilities::SMCCC_FILTER);
    assert_eq!(remedy(&core, &unfiltered), since);
    let mute = served_by(Dialect::Kvm(KvmGeneration::V6_12));
    assert_eq!(
        remedy(&mute, &other_cpu(newest, all)),
        Remedy::OtherHardware
    );
}

#[test]
fn what_only_a_guest_sees_is_refused_though_every_kernel_is_silent() {
    let contract = contract_of(&host(&[]));
    let mut other = host(&[]);
    other.counter_frequency = 1_000_000_000;
    other.zero_block = 6;
    let verdict = preflight(&contract, &other);
    assert!(verdict.is_accepted_by_kernel());
    let texts: std::vec::Vec<_> = verdict.reasons().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "DCZID_EL0: promised 0x4, the host has 0x6",
            "CNTFRQ_EL0: promised 62500000 Hz, the host has 1000000000 Hz",
        ]
    );
}

#[test]
fn a_kernel_without_an_offset_for_both_counters_says_so() {
    let contract = contract_of(&host(&[]));
    let mut old = host(&[]);
    old.capabilities -= Capabilities::COUNTER_OFFSET;
    assert_eq!(
        said(&contract, &old),
        [
            "CNTPCT_EL0: promised to go on where it was, the host has no offset for it",
            "the host has to have it",
            "launch with the virtual counter promised alone",
            "kernel (EINVAL)",
        ]
    );
}

#[test]
fn a_cache_of_which_nothing_was_promised_may_be_told_of() {
    let mut contract = contract_of(&host(&[]));
    contract.caches.sizes[3..].fill(None);
    assert!(preflight(&contract, &host(&[])).is_accepted());
    let mut fewer = host(&[]);
    fewer.caches.host.sizes[2..].fill(None);
    assert_eq!(
        said(&contract, &fewer)[0],
        "CCSIDR_EL1[2]: promised 0x2, the host has none"
    );
}

#[test]
fn cache_lines_are_no_shorter_than_the_hosts() {
    // KVM's set_ccsidr refuses lines below the least of CTR_EL0: LineSize is log2 of words, less 2.
    let mut long_lines = host(&[]);
    long_lines.caches.host.sizes = [Some(4); CACHES];
    let mut contract = contract_of(&long_lines);
    assert!(preflight(&contract, &host(&[])).is_accepted());
    contract.caches.sizes[2] = Some(0x700f_e01a);
    assert_eq!(
        said(&contract, &long_lines),
        [
            "CCSIDR_EL1[2]: promised 0x700fe01a, the host has 0x4",
            "no lines shorter than the host's",
            "launch with CCSIDR_EL1[2]=0x700fe01c",
            "kernel (EINVAL)",
        ]
    );
}

#[test]
fn a_cpu_whose_caches_are_cleaned_for_instructions_has_a_level_to_clean_to() {
    // KVM's set_clidr, of CTR_EL0.IDC = 0: neither LoC = 0 nor LoUIS = LoUU = 0.
    let mut cleaned = host(&[]);
    cleaned.caches.host.levels = 0x0920_0003;
    cleaned.caches.cleaning = Cleaning::Needed;
    let mut contract = contract_of(&cleaned);
    contract.caches.levels = 0x0200_0021;
    assert_eq!(
        said(&contract, &cleaned),
        [
            "CLIDR_EL1: promised 0x2000021, the host has 0x9200003",
            "a level to clean to: this CPU's data caches have to be cleaned for instructions",
            "launch with CLIDR_EL1=0x9200003",
            "kernel (EINVAL)",
        ]
    );
}

#[test]
fn older_kernels_show_the_cpus_own_caches_and_a_newer_one_helps_only_if_it_takes_others() {
    let old = |cleaning| {
        let mut old = host(&[]);
        old.caches.writable = Writable::No;
        old.caches.cleaning = cleaning;
        old.caches.host = Caches {
            levels: 0x0920_0003,
            sizes: [Some(2); CACHES],
        };
        old
    };
    let contract = |levels, size| {
        let mut contract = contract_of(&old(Cleaning::Needed));
        contract.caches.levels = levels;
        contract.caches.sizes[0] = size;
        contract
    };
    let said = |contract: &Contract, cleaning| {
        let [_, rule, remedy, _] = said(contract, &old(cleaning));
        assert_eq!(rule, "only the host's own value can be had");
        remedy
    };
    let uncleaned = contract(0x0200_0021, Some(2));
    assert_eq!(
        said(&uncleaned, Cleaning::Needless),
        "run Linux 6.10 or newer on the host"
    );
    assert_eq!(
        said(&uncleaned, Cleaning::Needed),
        "launch with CLIDR_EL1=0x9200003"
    );
    let longer = contract(0x0920_0003, Some(3));
    assert_eq!(
        said(&longer, Cleaning::Needed),
        "run Linux 6.3 or newer on the host"
    );
    let shorter = contract(0x0920_0003, Some(1));
    assert_eq!(
        said(&shorter, Cleaning::Needed),
        "launch with CCSIDR_EL1[0]=0x2"
    );
}

#[test]
fn a_cache_that_an_older_kernel_does_not_list_is_listed_by_a_newer() {
    let contract = contract_of(&host(&[]));
    let mut old = host(&[]);
    old.caches.writable = Writable::No;
    old.caches.host.sizes[13] = None;
    assert_eq!(
        said(&contract, &old),
        [
            "CCSIDR_EL1[13]: promised 0x2, the host has none",
            "a cache that the host's kernel knows",
            "run Linux 6.3 or newer on the host",
            "kernel (ENOENT)",
        ]
    );
}

#[test]
fn another_kind_of_interrupt_controller_is_a_remedy_only_where_there_is_one() {
    let contract = contract_of(&host(&[]));
    let mut older = host(&[]);
    older.gic_v2 = older.gic_v3.take();
    let [text, _, remedy, judge] = said(&contract, &older);
    assert_eq!(
        text,
        "interrupt controller: promised GICv3, the host has a GICv2"
    );
    assert_eq!(remedy, "launch with a GICv2");
    assert_eq!(judge, "kernel (ENODEV)");
    older.gic_v2 = None;
    assert_eq!(reason(&contract, &older).remedy(), Remedy::OtherHardware);
}

#[test]
fn linux_7_3_says_that_there_is_a_gic_when_it_has_made_one() {
    let gic = Field::ID_PFR1_EL1_GIC;
    let mut contract = contract_of(&host(&[]));
    contract.id_registers = contract.id_registers.with(gic, 0).unwrap();
    let verdict = preflight(&contract, &host(&[(gic, 1)]));
    assert!(verdict.is_accepted());
    let named: std::vec::Vec<_> = verdict
        .normalisations()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        named,
        ["ID_PFR1_EL1.GIC: promised 0, accepted, and reads 1"]
    );
    let mut older = host(&[(gic, 1)]);
    older.kernel = KernelRelease::new(6, 12);
    older.psci_versions = host(&[]).psci_versions;
    assert!(preflight(&contract, &older).normalisations().is_empty());
}

#[test]
fn workaround_2_is_judged_by_the_guests_own_ssbs() {
    let host = host(&[]);
    let ssbs = Field::ID_AA64PFR1_EL1_SSBS;
    let mut contract = contract_of(&host);
    assert_eq!(
        contract.workarounds.level(Workaround::Two),
        Level::NotAvailable
    );
    contract.workarounds = contract
        .workarounds
        .with(Workaround::Two, Level::NotRequired);
    assert_eq!(
        said(&contract, &host)[..3],
        [
            "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2: promised not-required, the host is not-available",
            "no more than the host's own level",
            "launch with SMCCC_ARCH_WORKAROUND_2 not-available",
        ]
    );
    contract.id_registers = contract.id_registers.with(ssbs, 0).unwrap();
    assert!(preflight(&contract, &host).is_accepted());
}

#[test]
fn a_kernel_without_bitmaps_is_accepted_only_for_exactly_what_it_always_answers() {
    let mut contract = contract_of(&host(&[]));
    let mut old = host(&[]);
    let release = KernelRelease::new(5, 10);
    old.services = Bitmap::ALL.map(|bitmap| release.services(bitmap));
    contract.services = Services::PV_TIME;
    assert!(preflight(&contract, &old).is_accepted());
    contract.services = Services::empty();
    assert_eq!(
        said(&contract, &old),
        [
            "KVM_REG_ARM_STD_HYP_BMAP: promised 0x0, the host has no such register and always \
             answers 0x1",
            "a kernel without the register cannot be asked to leave anything out",
            "launch with KVM_REG_ARM_STD_HYP_BMAP=0x1",
            "kernel (ENOENT)",
        ]
    );
}

#[test]
fn a_psci_version_is_no_newer_than_the_kernels() {
    let contract = contract_of(&host(&[]));
    assert_eq!(contract.psci_version, PsciVersion::V1_3);
    let mut old = host(&[]);
    old.psci_versions = KernelRelease::new(6, 12).psci_versions();
    assert_eq!(
        said(&contract, &old)[..3],
        [
            "KVM_REG_ARM_PSCI_VERSION: promised 1.3, the host has 0.2 1.0 1.1",
            "no newer than the kernel has",
            "launch with PSCI 1.1",
        ]
    );
}

#[test]
fn a_kernel_without_a_psci_register_has_the_one_version_that_it_always_had() {
    let contract = contract_of(&host(&[]));
    // KVM_REG_ARM_PSCI_VERSION is of Linux 4.17; 4.16 has PSCI 1.0 and 4.15 has 0.2.
    for (minor, version) in [(16, "1.0"), (15, "0.2")] {
        let old = HostProfile {
            kernel: KernelRelease::new(4, minor),
            psci_versions: PsciVersions::empty(),
            ..host(&[])
        };
        assert_eq!(
            said(&contract, &old),
            [
                format!(
                    "KVM_REG_ARM_PSCI_VERSION: promised 1.3, the host has no register for it and \
                     always {version}"
                ),
                "a kernel without the register always answers the same".to_owned(),
                format!("launch with PSCI {version}"),
                "kernel (ENOENT)".to_owned(),
            ]
        );
    }
}

#[test]
fn a_machine_that_core_serves_needs_the_filter_and_no_register() {
    let wishes = Wishes {
        served_by: ServedBy::Core(Dialect::Specification),
        ..Wishes::PLAIN
    };
    let contract = Baseline::of(&wishes, [&host(&[])]).unwrap();
    let mut old = host(&[]);
    old.psci_versions = KernelRelease::new(6, 1).psci_versions();
    old.services = [ServiceLimit::Chosen(3); 4];
    assert!(preflight(&contract, &old).is_accepted());
    old.capabilities -= Capabilities::SMCCC_FILTER;
    assert_eq!(
        said(&contract, &old)[2],
        "run Linux 6.4 or newer on the host"
    );
}

#[test]
fn a_kernel_that_forgets_levels_is_silent_and_takes_sizes() {
    // Linux 6.3 to 6.9: KVM_SET_ONE_REG of CLIDR_EL1 succeeds, and CPU_ON brings back the host's.
    let mut forgets = host(&[]);
    forgets.caches.writable = Writable::SizesOnly;
    let mut contract = contract_of(&forgets);
    contract.caches.sizes[0] = Some(0x4);
    assert!(preflight(&contract, &forgets).is_accepted());
    contract.caches.levels = 0x0a20_0023;
    let reason = reason(&contract, &forgets);
    assert_eq!(reason.judge(), Judge::Guest);
    assert_eq!(
        reason.remedy(),
        Remedy::NewerKernel(KernelRelease::new(6, 10))
    );
}

#[test]
fn every_kind_of_reason_fits_a_verdict_at_once() {
    let contract = contract_of(&host(&[]));
    let mut other = host(&[]);
    let inverted = IdRegisters::from_fn(|register| !contract.id_registers.get(register));
    other.views[0] = view(inverted, Lowering::Nothing);
    other.capabilities = Capabilities::empty();
    other.psci_versions = PsciVersions::empty();
    other.kernel = KernelRelease::new(4, 15);
    other.services = [ServiceLimit::Fixed(0x10); 4];
    other.implementations = listed(&(1..=64).map(implementation).collect::<std::vec::Vec<_>>());
    other.implementation = implementation(1);
    other.caches.host = Caches {
        levels: 0,
        sizes: [None; CACHES],
    };
    other.caches.writable = Writable::No;
    other.address_bits = ValueSet::EMPTY;
    other.gic_v3 = None;
    let verdict = preflight(&contract, &other);
    assert!(verdict.reasons().len() > 400 + 64 + CACHES);
}
