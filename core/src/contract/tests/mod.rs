//! Verdicts and baselines of small made-up hosts.

mod baselines;
mod contradictions;
mod decoding;
mod launches;
mod reasons;
mod surprises;

use heapless::Vec;

use super::profile::Cleaning;
use super::*;
use crate::cpu::{Field, IdRegister};

const MIDR: u64 = 0x410f_d0c1;

/// A Linux 7.3 host that lets every field be lowered by its rule, with what these fields hold.
fn host(fields: &[(Field, u64)]) -> HostProfile {
    let registers = fields
        .iter()
        .fold(plain_registers(), |registers, (field, value)| {
            registers.with(*field, *value).unwrap()
        });
    host_with(registers, KernelRelease::new(7, 3), Lowering::ByRule)
}

/// What a host lets a machine have instead of its own values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lowering {
    ByRule,
    Nothing,
}

fn host_with(registers: IdRegisters, kernel: KernelRelease, lowering: Lowering) -> HostProfile {
    let own = implementation(MIDR);
    let mut views = Vec::new();
    views.push(view(registers, lowering)).unwrap();
    HostProfile {
        kernel,
        capabilities: Capabilities::SMCCC_FILTER
            | Capabilities::WRITABLE_IMPLEMENTATION
            | Capabilities::COUNTER_OFFSET
            | Capabilities::STOLEN_TIME
            | Capabilities::SYSTEM_SUSPEND,
        psci_versions: kernel.psci_versions(),
        workarounds: WorkaroundLimits {
            one: Some(ValueSet::from_bits(0b111)),
            two: Some(ValueSet::from_bits(0b11)),
            two_without_ssbs: Some(ValueSet::from_bits(0x4_000f)),
            three: Some(ValueSet::from_bits(0b11)),
        },
        services: crate::firmware::Bitmap::ALL.map(|bitmap| kernel.services(bitmap)),
        implementation: own,
        implementations: listed(&[own]),
        caches: CacheLimits {
            host: Caches {
                levels: 0x0200_0021,
                sizes: [Some(2); CACHES],
            },
            writable: Writable::Yes,
            cleaning: Cleaning::Needless,
        },
        zero_block: 4,
        counter_frequency: 62_500_000,
        address_bits: (32..=48).collect(),
        gic_v2: None,
        gic_v3: Some(GicLimits {
            default_revision: 3,
            revisions: ValueSet::from_bits(0b1100),
        }),
        views,
    }
}

fn view(registers: IdRegisters, lowering: Lowering) -> View {
    let fields = FieldLimits::new(|field| {
        let own = registers.field(field);
        let values = match lowering {
            Lowering::ByRule if field.width() <= 4 => 0..=field.limit(),
            _ => own..=own,
        };
        let lower = values.filter(|value| field.may_lower(own, *value));
        let accepts = lower.fold(ValueSet::only(own), ValueSet::with);
        FieldLimit {
            accepts: u16::try_from(accepts.bits() & 0xffff).unwrap(),
            ..FieldLimit::default()
        }
    });
    View {
        features: VcpuFeatures::empty(),
        registers,
        listed: ListedRegisters::new(|_| true),
        writable: None,
        fields,
        vector_lengths: VectorLengths::NONE,
        pmu_counters: ValueSet::EMPTY,
    }
}

/// AArch64 at EL0 and EL1 and a GICv3, SSBS, and nothing more.
fn plain_registers() -> IdRegisters {
    let nothing = IdRegisters::from_fn(|register| match register {
        IdRegister::CTR_EL0 => 0x8000_0000,
        _ => 0,
    });
    [
        (Field::ID_AA64PFR0_EL1_EL0, 1),
        (field("ID_AA64PFR0_EL1.EL1"), 1),
        (Field::ID_AA64PFR0_EL1_GIC, 1),
        (Field::ID_AA64PFR1_EL1_SSBS, 2),
    ]
    .into_iter()
    .fold(nothing, |registers, (field, value)| {
        registers.with(field, value).unwrap()
    })
}

fn implementation(midr: u64) -> Implementation {
    Implementation {
        midr,
        revidr: 0,
        aidr: 0,
    }
}

fn listed(all: &[Implementation]) -> Implementations {
    let mut list = Implementations::new();
    for one in all {
        list.add(*one).unwrap();
    }
    list
}

/// What this host's own machines are promised.
fn contract_of(host: &HostProfile) -> Contract {
    Baseline::of(&Wishes::PLAIN, [host]).unwrap()
}

fn field(name: &str) -> Field {
    Field::named(name).unwrap()
}
