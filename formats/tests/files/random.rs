//! Random contracts and profiles without a contradiction, drawn from a row of numbers.
//!
//! Numbers that run out are 0, so that a shorter row of smaller numbers is a simpler object, which
//! is how proptest shrinks one.

use std::collections::BTreeMap;

use vambrace_core::contract::{
    CACHES, CacheLimits, Caches, Capabilities, Cleaning, ClockPolicy, Contract, Counter,
    FieldLimit, FieldLimits, Gic, GicKind, GicLimits, HostProfile, KernelRelease, ListedRegisters,
    PsciVersions, ServedBy, ServiceLimit, ValueSet, VcpuFeatures, VectorLengths, View,
    WorkaroundLimits, Writable,
};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Services, Workaround, Workarounds};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::{PsciOptions, PsciVersion};
use vambrace_core::vendor_hyp::{Implementation, Implementations};
use vambrace_formats::profile::{ProfileFile, Provenance, RegisterList};

/// A row of numbers that ends in zeroes.
#[derive(Debug)]
pub(crate) struct Numbers(std::vec::IntoIter<u64>);

impl Numbers {
    pub(crate) fn new(numbers: Vec<u64>) -> Self {
        Self(numbers.into_iter())
    }

    fn next(&mut self) -> u64 {
        self.0.next().unwrap_or(0)
    }

    /// A number below a limit, of any type that can hold it.
    fn below<T: TryFrom<u64>>(&mut self, limit: u64) -> T {
        T::try_from(self.next() % limit).unwrap_or_else(|_| panic!("the type holds {limit}"))
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.next() % count == count - 1
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let index: usize = self.below(choices.len() as u64);
        choices[index]
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(2).then(|| value(self))
    }
}

pub(crate) fn contract(numbers: &mut Numbers) -> Contract {
    let vcpu_features = VcpuFeatures::from_bits_truncate(numbers.below(16));
    let sve = vcpu_features.contains(VcpuFeatures::SVE);
    let address_bits = numbers.below::<u8>(25) + 32;
    let served_by = served_by(numbers);
    let psci_version = psci_version(numbers, served_by);
    let (services, implementation, implementations) = told(numbers, served_by);
    let stolen_time = match services.contains(Services::PV_TIME) {
        true => numbers.maybe(|numbers| Ipa::new(numbers.below::<u64>(1 << address_bits) & !63)),
        false => None,
    };
    let contract = Contract {
        served_by,
        vcpu_features,
        id_registers: id_registers(numbers, vcpu_features),
        implementation,
        implementations,
        caches: caches(numbers),
        zero_block: numbers.below(32),
        vector_lengths: match sve {
            true => VectorLengths::from_bits(numbers.below::<u16>(0xffff) + 1),
            false => VectorLengths::NONE,
        },
        pmu_counters: vcpu_features
            .contains(VcpuFeatures::PMU)
            .then(|| numbers.below(32)),
        psci_version,
        psci_options: psci_options(numbers, served_by, psci_version),
        workarounds: workarounds(numbers),
        services,
        stolen_time,
        gic: Gic {
            kind: numbers.of(&[GicKind::V2, GicKind::V3]),
            revision: numbers.below(16),
        },
        counter: Counter {
            frequency: numbers.below::<u32>(0xffff_ffff) + 1,
            policy: numbers.of(&[ClockPolicy::Virtual, ClockPolicy::VirtualAndPhysical]),
        },
        address_bits,
    };
    assert_eq!(contract.check(), Ok(()));
    contract
}

fn served_by(numbers: &mut Numbers) -> ServedBy {
    numbers.of(&[
        ServedBy::Kernel,
        ServedBy::Core(Dialect::Specification),
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V5_10)),
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V6_1)),
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V6_12)),
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V7_3)),
    ])
}

fn psci_version(numbers: &mut Numbers, served_by: ServedBy) -> PsciVersion {
    let newest = match served_by {
        ServedBy::Kernel => PsciVersion::V1_3,
        ServedBy::Core(dialect) => dialect.newest_psci(),
    };
    numbers
        .of(&[
            PsciVersion::V0_2,
            PsciVersion::V1_0,
            PsciVersion::V1_1,
            PsciVersion::V1_2,
            PsciVersion::V1_3,
        ])
        .min(newest)
}

fn psci_options(numbers: &mut Numbers, by: ServedBy, version: PsciVersion) -> PsciOptions {
    let dialect = match by {
        ServedBy::Core(dialect) => dialect,
        ServedBy::Kernel => {
            let mut options = PsciOptions::empty();
            options.set(PsciOptions::SYSTEM_RESET2, version >= PsciVersion::V1_1);
            options.set(PsciOptions::SYSTEM_OFF2, version >= PsciVersion::V1_3);
            let suspend = version >= PsciVersion::V1_0 && numbers.one_in(2);
            options.set(PsciOptions::SYSTEM_SUSPEND, suspend);
            return options;
        }
    };
    PsciOptions::from_bits_truncate(numbers.below(1 << 11)) & dialect.psci_options()
}

fn told(numbers: &mut Numbers, by: ServedBy) -> (Services, Implementation, Implementations) {
    let can = match by {
        ServedBy::Kernel => Services::all(),
        ServedBy::Core(dialect) => dialect.services(),
    };
    let mut services = Services::from_bits_truncate(numbers.below(1 << 32)) & can;
    let own = implementation(numbers);
    let mut all = Implementations::new();
    if services.contains(Services::DISCOVER_IMPL_CPUS) {
        services |= Services::VENDOR_FEATURES | Services::DISCOVER_IMPL_VERSION;
        all.add(own).unwrap();
        for _ in 0..numbers.below::<u64>(64) {
            let other = implementation(numbers);
            if !all.contains(other) {
                all.add(other).unwrap();
            }
        }
    }
    (services, own, all)
}

fn implementation(numbers: &mut Numbers) -> Implementation {
    Implementation {
        midr: numbers.next(),
        revidr: numbers.below(4),
        aidr: numbers.below(2),
    }
}

fn id_registers(numbers: &mut Numbers, features: VcpuFeatures) -> IdRegisters {
    let registers = IdRegisters::from_fn(|_| numbers.next());
    let sve = features.contains(VcpuFeatures::SVE);
    let mut told = vec![
        (Field::ID_AA64PFR0_EL1_SVE, sve.into()),
        (Field::ID_AA64PFR0_EL1_GIC, 1),
    ];
    if features.contains(VcpuFeatures::PMU) {
        told.push((Field::ID_AA64DFR0_EL1_PMUVER, numbers.below::<u64>(14) + 1));
    }
    if features.contains(VcpuFeatures::AARCH32_EL1) {
        told.extend([
            (Field::ID_AA64PFR0_EL1_EL0, 2),
            (Field::ID_AA64PFR0_EL1_EL1, 2),
        ]);
    }
    told.into_iter()
        .fold(registers, |registers, (field, value)| {
            registers.with(field, value).unwrap()
        })
}

fn caches(numbers: &mut Numbers) -> Caches {
    Caches {
        levels: numbers.next(),
        sizes: [(); CACHES].map(|()| numbers.maybe(|numbers| numbers.below(1 << 32))),
    }
}

fn workarounds(numbers: &mut Numbers) -> Workarounds {
    [Workaround::One, Workaround::Two, Workaround::Three]
        .into_iter()
        .fold(Workarounds::NONE, |levels, workaround| {
            let level = [Level::NotAvailable, Level::Available, Level::NotRequired];
            levels.with(workaround, numbers.of(&level))
        })
}

pub(crate) fn profile(numbers: &mut Numbers) -> ProfileFile {
    let mut views = vec![view(numbers, VcpuFeatures::empty(), None)];
    for bits in 1..8 {
        if numbers.one_in(3) {
            let features = VcpuFeatures::from_bits_truncate(bits);
            views.push(view(numbers, features, views.first()));
        }
    }
    let mut implementations = Implementations::new();
    implementations.add(implementation(numbers)).unwrap();
    let limits = |numbers: &mut Numbers| {
        let levels = ValueSet::from_bits(numbers.below(1 << 32));
        numbers.maybe(|_| levels)
    };
    let profile = HostProfile {
        kernel: KernelRelease::new(numbers.below(100), numbers.below(1 << 16)),
        capabilities: Capabilities::from_bits_truncate(numbers.below(1 << 8)),
        psci_versions: PsciVersions::from_bits_truncate(numbers.below(1 << 5)),
        workarounds: WorkaroundLimits {
            one: limits(numbers),
            two: limits(numbers),
            two_without_ssbs: limits(numbers),
            three: limits(numbers),
        },
        services: [(); 4].map(|()| {
            let bits = numbers.next();
            numbers.of(&[ServiceLimit::Chosen(bits), ServiceLimit::Fixed(bits)])
        }),
        implementation: implementation(numbers),
        implementations,
        caches: CacheLimits {
            host: caches(numbers),
            writable: numbers.of(&[Writable::Yes, Writable::SizesOnly, Writable::No]),
            cleaning: numbers.of(&[Cleaning::Needed, Cleaning::Needless]),
        },
        zero_block: numbers.below(32),
        counter_frequency: numbers.below(1 << 32),
        address_bits: ValueSet::from_bits(numbers.next()),
        gic_v2: numbers.maybe(gic),
        gic_v3: numbers.maybe(gic),
        views: views.iter().cloned().collect(),
    };
    let registers = match numbers.one_in(4) {
        true => Vec::new(),
        false => views.iter().map(|view| list(numbers, view)).collect(),
    };
    ProfileFile {
        provenance: Provenance {
            program: "vambrace 0.1.0".to_owned(),
            kernel_release: format!("6.12.{}-\"ümlaut\"", numbers.below::<u8>(100)),
            host_cpus: numbers.below::<u32>(512) + 1,
        },
        profile,
        registers,
    }
}

fn gic(numbers: &mut Numbers) -> GicLimits {
    GicLimits {
        default_revision: numbers.below(16),
        revisions: ValueSet::from_bits(numbers.below(1 << 16)),
    }
}

/// A view that is much like the first.
fn view(numbers: &mut Numbers, features: VcpuFeatures, first: Option<&View>) -> View {
    let mut listed = |register| {
        let first = first.is_none_or(|first| first.listed.contains(register));
        first != numbers.one_in(10)
    };
    let listed = ListedRegisters::new(&mut listed);
    let registers = IdRegisters::from_fn(|register| {
        let first = first.map(|first| first.registers.get(register));
        let same = first.filter(|_| !numbers.one_in(10));
        match listed.contains(register) {
            true => same.unwrap_or_else(|| numbers.next()),
            false => 0,
        }
    });
    let fields = FieldLimits::new(|field| match listed.contains(field.register()) {
        true => limit(numbers, field, registers.field(field)),
        false => FieldLimit::fixed(0),
    });
    View {
        features,
        registers,
        listed,
        writable: numbers.maybe(|numbers| IdRegisters::from_fn(|_| numbers.below(3))),
        fields,
        vector_lengths: match features.contains(VcpuFeatures::SVE) {
            true => VectorLengths::from_bits(numbers.below::<u16>(0xffff) + 1),
            false => VectorLengths::NONE,
        },
        pmu_counters: match features.contains(VcpuFeatures::PMU) {
            true => ValueSet::from_bits(numbers.below(1 << 32)),
            false => ValueSet::EMPTY,
        },
    }
}

fn limit(numbers: &mut Numbers, field: Field, value: u64) -> FieldLimit {
    if field.width() > 4 || !numbers.one_in(4) {
        return FieldLimit::fixed(value);
    }
    let fits = (1_u64 << (field.limit() + 1)) - 1;
    let random = numbers.next() & fits | 1 << value;
    let rewrites = numbers.next() & fits & !random;
    FieldLimit {
        accepts: random.try_into().unwrap(),
        rewrites: rewrites.try_into().unwrap(),
        becomes: match rewrites {
            0 => 0,
            _ => value.try_into().unwrap(),
        },
    }
}

/// The ID registers of the view, and some registers of other sizes.
fn list(numbers: &mut Numbers, view: &View) -> RegisterList {
    let listed = IdRegister::all().filter(|register| view.listed.contains(*register));
    let id = |register: IdRegister| 0x6030_0000_0013_0000 | u64::from(register.encoding());
    let mut values: BTreeMap<u64, Vec<u8>> = listed
        .map(|register| {
            let value = view.registers.get(register);
            (id(register), value.to_le_bytes().to_vec())
        })
        .collect();
    for _ in 0..numbers.below::<u64>(20) {
        let size: u32 = numbers.below(9);
        let id = 0x6000_0000_0010_0000 | u64::from(size) << 52 | numbers.below::<u64>(40);
        let bytes = (0..1 << size).map(|_| numbers.below(256)).collect();
        values.insert(id, bytes);
    }
    RegisterList {
        features: view.features,
        values,
    }
}
