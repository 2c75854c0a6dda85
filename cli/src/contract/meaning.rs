//! What a reason means for a guest that moves in spite of it.

use std::cmp::Ordering;

use vambrace_core::contract::{Judge, Reason, ServiceLimit};
use vambrace_core::cpu::{Field, Rule};

use super::describe::meaning;

/// What a guest would run into, in a sentence or two.
pub(super) fn for_the_guest(reason: &Reason) -> String {
    match *reason {
        Reason::VcpuFeatures { missing } => format!(
            "The guest was launched with {missing}; vCPUs of this host cannot have it, so its \
             registers and instructions are not there."
        ),
        Reason::Field {
            field,
            promised,
            host,
            ..
        } => of_field(field, promised, host),
        Reason::Dependent { field, missing, .. } => format!(
            "The guest uses {}, which means nothing without {missing}: this kernel takes it away \
             when the machine first runs here, and page tables would be read otherwise than they \
             were written.",
            field.feature().unwrap_or(field.name())
        ),
        Reason::AbsentRegister { register, .. } => format!(
            "{register} reads as 0 here: whatever the guest found in it is not there any more."
        ),
        Reason::Implementation { register, .. } => format!(
            "{register} is the host CPU's own here and cannot be given another value: the guest \
             would find itself on another CPU than the one whose errata it worked around."
        ),
        Reason::CounterFrequency { promised, host } => format!(
            "The guest's clocks and timers would run {} as fast: its counter counts at the host's \
             frequency, whatever it was told.",
            ratio(host, promised)
        ),
        _ => in_general(reason).into(),
    }
}

/// The same of what needs no value to be told.
const fn in_general(reason: &Reason) -> &'static str {
    match reason {
        Reason::VcpuFeatures { .. }
        | Reason::Field { .. }
        | Reason::Dependent { .. }
        | Reason::AbsentRegister { .. }
        | Reason::Implementation { .. }
        | Reason::CounterFrequency { .. } => "The guest would see another value than it was told.",
        Reason::UnnamedBits { .. } => UNNAMED_BITS,
        Reason::UnlistedImplementation { .. } => UNLISTED_IMPLEMENTATION,
        Reason::CacheLevels { .. } | Reason::CacheSize { .. } => CACHES,
        Reason::ZeroBlock { .. } => ZERO_BLOCK,
        Reason::VectorLengths { .. } => VECTOR_LENGTHS,
        Reason::PmuCounters { .. } => PMU_COUNTERS,
        Reason::PsciVersion { .. } => PSCI_VERSION,
        Reason::SystemSuspend => SYSTEM_SUSPEND,
        Reason::Workaround { .. } => WORKAROUND,
        Reason::Services {
            host: ServiceLimit::Chosen(_),
            ..
        } => "Calls that the guest found answered would fail.",
        Reason::Services {
            host: ServiceLimit::Fixed(_),
            ..
        } => FIXED_SERVICES,
        Reason::Ptp => "The guest would lose its way to read the host's clock.",
        Reason::StolenTime => "The guest would wait for stolen time that nobody counts.",
        Reason::Forwarding => FORWARDING,
        Reason::GicKind { .. } => GIC_KIND,
        Reason::GicRevision { .. } => GIC_REVISION,
        Reason::PhysicalCounter => PHYSICAL_COUNTER,
        Reason::AddressBits { .. } => ADDRESS_BITS,
    }
}

/// Who would notice.
pub(super) fn of_judge(judge: Judge) -> String {
    match judge {
        Judge::Kernel(errno) => format!("the host's kernel refuses the machine ({errno})"),
        Judge::Guest => "no kernel refuses it: the guest would move, and find out by itself".into(),
    }
}

fn of_field(field: Field, promised: u64, host: u64) -> String {
    let (told, there) = (meaning(field, promised), meaning(field, host));
    let feature = field
        .feature()
        .map_or(String::new(), |feature| format!(" ({feature})"));
    match (field.rule(), field.order(promised, host)) {
        (Rule::Hidden, _) => format!(
            "The guest was told {told}{feature}; Linux knows no rule for the field, and the host \
             has {there}."
        ),
        (_, Some(Ordering::Greater)) => {
            format!("The guest was told {told}{feature} and may use it; the host has only {there}.")
        }
        (_, Some(Ordering::Less)) => format!(
            "The host has more, {there}{feature}, than the {told} that the guest was told, and its \
             kernel cannot hide it: the guest would see a register change under it."
        ),
        (_, Some(Ordering::Equal)) => format!("Both are {told}{feature}."),
        (_, None) => format!(
            "The guest was told {told}{feature} and the host has {there}: neither stands for the \
             other."
        ),
    }
}

/// `2.60 times`
fn ratio(host: u32, promised: u32) -> String {
    format!("{:.2} times", f64::from(host) / f64::from(promised))
}

const UNNAMED_BITS: &str =
    "No rule is known for these bits; kernels take them only as the host has them.";
const UNLISTED_IMPLEMENTATION: &str = "The guest worked around the errata of the CPUs that it was told of when it booted; this one \
     was not among them, and its errata would hit the guest unprepared.";
const CACHES: &str = "A guest that walks its caches by set and way, or tunes itself by their size, would work with \
     a shape that is not there.";
const ZERO_BLOCK: &str = "DC ZVA zeroes a block of the host's size. The guest read that size once, and would zero too \
     much or too little: memory is corrupted without a word.";
const VECTOR_LENGTHS: &str = "Code that was told one set of vector lengths would run with another: saved vectors do not \
     fit, and loops count wrongly.";
const PMU_COUNTERS: &str =
    "The guest would use counters that are not there, or find more than it was told of.";
const PSCI_VERSION: &str = "Functions of PSCI that the guest found when it booted would answer NOT_SUPPORTED, or the \
     register of the version cannot be given the promised one.";
const SYSTEM_SUSPEND: &str =
    "The guest was told that it can suspend the system; the call would fail.";
const WORKAROUND: &str = "The guest decided at boot how it protects itself from speculation attacks. Here that decision \
     is wrong: it would call firmware that does not help, or be open to the attack.";
const FIXED_SERVICES: &str = "This kernel answers a fixed set of calls: the guest would lose some that it found, or find \
     some that it was not promised.";
const FORWARDING: &str =
    "The calls of this guest are answered by Vambrace, and this kernel does not forward them.";
const GIC_KIND: &str = "A driver of one interrupt controller cannot drive the other: the guest would get no interrupt.";
const GIC_REVISION: &str =
    "The distributor would behave otherwise than the guest was told (groups, LPIs).";
const PHYSICAL_COUNTER: &str = "CNTPCT_EL0 would jump to the host's value when the guest arrives.";
const ADDRESS_BITS: &str =
    "The guest's memory and devices may lie at addresses that a machine here cannot have.";

#[cfg(test)]
mod tests {
    use vambrace_core::contract::{KernelRelease, ValueSet};

    use super::*;

    fn field(promised: u64, host: u64) -> String {
        for_the_guest(&Reason::Field {
            field: Field::ID_AA64PFR0_EL1_SVE,
            promised,
            host,
            accepted: ValueSet::only(host),
            kernel: KernelRelease::new(6, 12),
        })
    }

    #[test]
    fn a_field_says_which_side_has_more() {
        assert_eq!(
            field(1, 0),
            "The guest was told 1 IMP (FEAT_SVE) and may use it; the host has only 0 NI."
        );
        assert!(field(0, 1).starts_with("The host has more, 1 IMP (FEAT_SVE), than the 0 NI"));
    }

    #[test]
    fn another_frequency_is_told_as_a_ratio() {
        let reason = Reason::CounterFrequency {
            promised: 25_000_000,
            host: 62_500_000,
        };
        assert!(for_the_guest(&reason).contains("run 2.50 times as fast"));
    }
}
