//! Contracts held against hosts.
//!
//! Every field of every ID register is as it is promised, lowered, or not to be had.

use core::hint::black_box;

use vambrace_core::contract::{
    Baseline, CacheLimits, Caches, Capabilities, Cleaning, Contract, FieldLimit, FieldLimits,
    GicLimits, HostProfile, Impossible, KernelRelease, ListedRegisters, ValueSet, VcpuFeatures,
    VectorLengths, Verdict, View, Wishes, WorkaroundLimits, Writable, preflight,
};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
use vambrace_core::firmware::Bitmap;
use vambrace_core::vendor_hyp::{Implementation, Implementations};

use crate::{print, report, timed};

/// How large the values of a preflight are.
pub(crate) fn print_sizes() {
    for (name, bytes) in [
        ("contract", size_of::<Contract>()),
        ("host-profile", size_of::<HostProfile>()),
        ("verdict", size_of::<Verdict>()),
        ("impossible", size_of::<Impossible>()),
    ] {
        print(format_args!("size: {name} {bytes}"));
    }
}

/// Counts a preflight of a host's own contract, of one that promises less of every field, and of
/// one of which the host has no field.
pub(crate) fn count() {
    let (able, plain) = (host(1), host(0));
    let own = |host| Baseline::of(&Wishes::PLAIN, [host]).ok();
    let (Some(much), Some(little)) = (own(&able), own(&plain)) else {
        print(format_args!("a made-up host has no contract of its own"));
        return;
    };
    for (kind, contract, host) in [
        ("preflight-equal", &much, &able),
        ("preflight-lowered", &little, &able),
        ("preflight-refused", &much, &plain),
    ] {
        report(kind, || {
            timed(|| preflight(black_box(contract), black_box(host)))
        });
    }
}

/// A host with this value in every field of at most four bits, of which it accepts lower ones too.
fn host(value: u64) -> HostProfile {
    let registers = IdRegisters::from_fn(|register| {
        let fields = register.fields().filter(|field| field.width() <= 4);
        fields.fold(0, |bits, field| field.insert(bits, value).unwrap_or(bits))
    });
    let own = Implementation {
        midr: 0x410f_d0c1,
        revidr: 0,
        aidr: 0,
    };
    let kernel = KernelRelease::new(7, 3);
    let mut implementations = Implementations::new();
    let _ = implementations.add(own);
    HostProfile {
        kernel,
        capabilities: Capabilities::all(),
        psci_versions: kernel.psci_versions(),
        workarounds: WorkaroundLimits {
            one: Some(ValueSet::only(0)),
            two: Some(ValueSet::only(0)),
            two_without_ssbs: None,
            three: Some(ValueSet::only(0)),
        },
        services: Bitmap::ALL.map(|bitmap| kernel.services(bitmap)),
        implementation: own,
        implementations,
        caches: CacheLimits {
            host: Caches::NONE,
            writable: Writable::Yes,
            cleaning: Cleaning::Needless,
        },
        zero_block: 4,
        counter_frequency: 1_000_000_000,
        address_bits: (32..=48).collect(),
        gic_v2: None,
        gic_v3: Some(GicLimits {
            default_revision: 3,
            revisions: ValueSet::only(3),
        }),
        views: [view(registers)].into_iter().collect(),
    }
}

fn view(registers: IdRegisters) -> View {
    View {
        features: VcpuFeatures::empty(),
        registers,
        listed: ListedRegisters::new(|_: IdRegister| true),
        writable: None,
        fields: FieldLimits::new(|field: Field| {
            let own = registers.field(field);
            let limits = (0..=own).map(FieldLimit::fixed);
            limits.fold(FieldLimit::fixed(own), |all, one| FieldLimit {
                accepts: all.accepts | one.accepts,
                ..all
            })
        }),
        vector_lengths: VectorLengths::NONE,
        pmu_counters: ValueSet::EMPTY,
    }
}
