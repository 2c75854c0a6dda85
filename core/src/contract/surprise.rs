//! What a host was seen to do that no rule known here predicts.
//!
//! A profile is what was seen; [`preflight`](super::preflight) decides by it alone. The rules are
//! held against it all the same: by them a person understands a verdict, and a host that does not
//! follow them runs a kernel that somebody has to look at.
//!
//! Linux `arch/arm64/kvm/sys_regs.c`: `arm64_check_features` and the setters of registers.

use core::fmt;

use super::kernel::{
    HostLevel, KernelRelease, MONITOR_BY_RULE, is_below_floor, is_monitor_version, writable_since,
};
use super::profile::{FieldLimit, HostProfile, PsciVersions, ServiceLimit, View};
use super::{ValueSet, VcpuFeatures};
use crate::cpu::{Field, IdRegister};
use crate::firmware::{Bitmap, KvmGeneration, Workaround};

/// One observation that the rules do not predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surprise {
    /// A field of an ID register.
    Field {
        /// The vCPU's features.
        features: VcpuFeatures,
        /// Which field.
        field: Field,
        /// What it was seen to accept.
        seen: FieldLimit,
        /// What the rules say that it accepts.
        predicted: FieldLimit,
    },
    /// The PSCI versions.
    PsciVersions {
        /// What was seen.
        seen: PsciVersions,
        /// What a kernel of this release has.
        predicted: PsciVersions,
    },
    /// The levels of a workaround: no level of a host accepts exactly these.
    Workaround {
        /// Which.
        workaround: Workaround,
        /// What was seen.
        seen: ValueSet,
    },
    /// The services of a bitmap.
    Services {
        /// Which.
        bitmap: Bitmap,
        /// What was seen.
        seen: ServiceLimit,
        /// What a kernel of this release has.
        predicted: ServiceLimit,
    },
}

impl HostProfile {
    /// Everything seen of this host that no rule predicts.
    pub fn surprises(&self) -> impl Iterator<Item = Surprise> + '_ {
        self.field_surprises()
            .chain(self.psci_surprise())
            .chain(self.workaround_surprises())
            .chain(self.service_surprises())
    }

    fn field_surprises(&self) -> impl Iterator<Item = Surprise> + '_ {
        let fields = self
            .views
            .iter()
            .flat_map(|view| Field::all().map(move |field| (view, field)));
        fields
            .filter(|(view, field)| is_tried(*field) && view.listed.contains(field.register()))
            .filter_map(|(view, field)| {
                let seen = view.fields.of(field);
                let predicted = predicted(field, view, self.kernel, seen);
                (seen != predicted).then_some(Surprise::Field {
                    features: view.features,
                    field,
                    seen,
                    predicted,
                })
            })
    }

    fn psci_surprise(&self) -> Option<Surprise> {
        let (seen, predicted) = (self.psci_versions, self.kernel.psci_versions());
        (seen != predicted).then_some(Surprise::PsciVersions { seen, predicted })
    }

    fn workaround_surprises(&self) -> impl Iterator<Item = Surprise> + '_ {
        let limits = &self.workarounds;
        [
            (Workaround::One, limits.one),
            (Workaround::Two, limits.two),
            (Workaround::Two, limits.two_without_ssbs),
            (Workaround::Three, limits.three),
        ]
        .into_iter()
        .filter_map(|(workaround, seen)| {
            let seen = seen?;
            // A register that a stable release brought to an older kernel follows the same rule.
            let kernel = self.kernel.max(KernelRelease::WORKAROUND_3_REGISTER);
            let known = (0..=3)
                .map(|level| kernel.levels(workaround, HostLevel(level)))
                .any(|levels| levels == Some(seen));
            (!known).then_some(Surprise::Workaround { workaround, seen })
        })
    }

    fn service_surprises(&self) -> impl Iterator<Item = Surprise> + '_ {
        Bitmap::ALL
            .into_iter()
            .zip(self.services)
            .filter_map(|(bitmap, seen)| {
                let predicted = self.kernel.services(bitmap);
                (seen != predicted).then_some(Surprise::Services {
                    bitmap,
                    seen,
                    predicted,
                })
            })
    }
}

/// The values of wider fields are not tried.
fn is_tried(field: Field) -> bool {
    field.width() <= 4
}

/// What the rules say that a field accepts.
///
/// Some values are accepted and replaced because an older kernel showed them by mistake: which
/// ones depends on the CPU, which no register tells, so `seen` is asked for them.
fn predicted(field: Field, view: &View, kernel: KernelRelease, seen: FieldLimit) -> FieldLimit {
    let own = view.registers.field(field);
    let values = 0..=field.limit();
    let aarch32 = view.registers.field(Field::ID_AA64PFR0_EL1_EL0) == AARCH32_AT_EL0;
    if is_aarch32(field.register()) && !aarch32 && kernel >= WRITES_IGNORED && !is_hidden(field) {
        return limit(ValueSet::only(own), values.collect(), own);
    }
    let accepted = values
        .filter(|value| *value == own || may_be_lowered(field, view, kernel, *value))
        .collect();
    let replaced = replaced(field, view, kernel, seen);
    limit(accepted, replaced, replacement(field))
}

/// Whether the field, which holds something else, can be given `value`.
fn may_be_lowered(field: Field, view: &View, kernel: KernelRelease, value: u64) -> bool {
    let own = view.registers.field(field);
    let writable = match &view.writable {
        Some(masks) => masks.field(field) == field.limit(),
        // Kernels before Linux 6.7 do not say.
        None => writable_since(field).is_some_and(|since| since <= kernel),
    };
    let lower = field.may_lower(own, value) || is_foreign_monitor(field, view, kernel, value);
    writable && lower && !is_below_floor(field, kernel, value)
}

/// Whether the value says that there is an implementation's own performance monitor, in a guest that
/// has none: the first kernels that let the version be written kept that, because those before them
/// had shown it.
fn is_foreign_monitor(field: Field, view: &View, kernel: KernelRelease, value: u64) -> bool {
    is_monitor_version(field)
        && value == OWN_MONITOR
        && kernel < MONITOR_BY_RULE
        && !view.features.contains(VcpuFeatures::PMU)
}

/// Whether KVM hides the register of the field on every CPU, and then only takes what is there.
fn is_hidden(field: Field) -> bool {
    field
        .register()
        .fields()
        .all(|field| writable_since(field).is_none())
}

/// Values that are accepted and replaced.
fn replaced(field: Field, view: &View, kernel: KernelRelease, seen: FieldLimit) -> ValueSet {
    match field {
        // An implementation's own performance monitor was never a guest's.
        _ if is_monitor_version(field) && kernel >= MONITOR_BY_RULE => ValueSet::only(OWN_MONITOR),
        // Older kernels showed 0, which says that tag check faults can be asynchronous, where the
        // CPU says that they cannot.
        Field::ID_AA64PFR1_EL1_MTE_FRAC if is_synchronous_only(view) => ValueSet::only(0),
        // Older kernels showed what the CPU has: that one value, whatever it is.
        Field::ID_AA64PFR0_EL1_MPAM | Field::ID_AA64PFR1_EL1_MPAM_FRAC if kernel >= MPAM_HIDDEN => {
            one_of(seen.rewritten())
        }
        Field::ID_AA64MMFR2_EL1_NV if kernel >= KernelRelease::of(KvmGeneration::V7_3) => {
            one_of(seen.rewritten())
        }
        _ => ValueSet::EMPTY,
    }
}

/// What a replaced value of the field reads as: that there is no such thing.
fn replacement(field: Field) -> u64 {
    match field {
        Field::ID_AA64PFR1_EL1_MTE_FRAC => NO_ASYNCHRONOUS_TAGGING,
        _ => 0,
    }
}

/// Whether the guest has memory tagging, of a CPU that only faults at once.
fn is_synchronous_only(view: &View) -> bool {
    view.registers.field(Field::ID_AA64PFR1_EL1_MTE) == TAGGING
        && view.registers.field(Field::ID_AA64PFR1_EL1_MTE_FRAC) == NO_ASYNCHRONOUS_TAGGING
}

/// The set if it has one member at most.
fn one_of(seen: ValueSet) -> ValueSet {
    match seen.iter().count() {
        0 | 1 => seen,
        _ => ValueSet::EMPTY,
    }
}

fn limit(accepts: ValueSet, rewrites: ValueSet, becomes: u64) -> FieldLimit {
    let narrow = |set: ValueSet| u16::try_from(set.bits()).unwrap_or(0);
    let rewrites = narrow(ValueSet::from_bits(rewrites.bits() & !accepts.bits()));
    FieldLimit {
        accepts: narrow(accepts),
        rewrites,
        becomes: match rewrites {
            0 => 0,
            _ => u8::try_from(becomes).unwrap_or(0),
        },
    }
}

/// The AArch32 registers stand before the AArch64 ones: CRm 1 to 3.
fn is_aarch32(register: IdRegister) -> bool {
    register.encoding() < FIRST_AARCH64
}

impl fmt::Display for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field {
                features,
                field,
                seen,
                predicted,
            } => {
                write!(f, "{field} (vCPU features {features}): accepts ")?;
                fmt_limit(f, *seen)?;
                f.write_str(", and by rule ")?;
                fmt_limit(f, *predicted)
            }
            Self::PsciVersions { seen, predicted } => {
                f.write_str("PSCI versions: accepts")?;
                fmt_versions(f, *seen)?;
                f.write_str(", and a kernel of this release has")?;
                fmt_versions(f, *predicted)
            }
            Self::Workaround { workaround, seen } => {
                write!(
                    f,
                    "{workaround}: accepts {seen}, which no level of a host does"
                )
            }
            Self::Services {
                bitmap,
                seen,
                predicted,
            } => write!(
                f,
                "{bitmap}: {seen:x?}, and a kernel of this release has {predicted:x?}"
            ),
        }
    }
}

fn fmt_limit(f: &mut fmt::Formatter<'_>, limit: FieldLimit) -> fmt::Result {
    write!(f, "{}", limit.accepted())?;
    match limit.rewritten() {
        ValueSet::EMPTY => Ok(()),
        rewritten => write!(f, " and {rewritten} as {}", limit.becomes),
    }
}

fn fmt_versions(f: &mut fmt::Formatter<'_>, versions: PsciVersions) -> fmt::Result {
    versions
        .versions()
        .try_for_each(|version| write!(f, " {version}"))
}

/// ID_AA64PFR0_EL1.EL0: AArch64 and AArch32.
const AARCH32_AT_EL0: u64 = 2;
/// ID_AA64DFR0_EL1.PMUVer and ID_DFR0_EL1.PerfMon: a performance monitor that is none of Arm's.
const OWN_MONITOR: u64 = 15;
/// ID_AA64PFR1_EL1.MTE: FEAT_MTE2. With more, faults can be asynchronous.
const TAGGING: u64 = 2;
/// ID_AA64PFR1_EL1.MTE_frac: no FEAT_MTE_ASYNC.
const NO_ASYNCHRONOUS_TAGGING: u64 = 15;
/// ID_AA64PFR0_EL1.
const FIRST_AARCH64: u16 = 0xc020;
/// From here on writes of AArch32's registers are ignored on a CPU without AArch32.
const WRITES_IGNORED: KernelRelease = KernelRelease::new(6, 1);
/// From here on KVM hides MPAM.
const MPAM_HIDDEN: KernelRelease = KernelRelease::new(6, 12);
