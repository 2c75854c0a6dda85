//! The words of both kinds of file, and the values they stand for.
//!
//! A word is one value and a value one word: what is written is read back as the same. A command
//! line that names parts of a contract has the same words.

use vambrace_core::contract::{
    Capabilities, Cleaning, ClockPolicy, GicKind, PsciVersions, ValueSet, VcpuFeatures,
    VectorLengths, Writable,
};
use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Services, Workaround};
use vambrace_core::psci::{PsciOptions, PsciVersion};

/// Whose answers core gives.
pub const DIALECTS: [(&str, Dialect); 5] = [
    ("spec", Dialect::Specification),
    ("kvm-5.10", Dialect::Kvm(KvmGeneration::V5_10)),
    ("kvm-6.1", Dialect::Kvm(KvmGeneration::V6_1)),
    ("kvm-6.12", Dialect::Kvm(KvmGeneration::V6_12)),
    ("kvm-7.3", Dialect::Kvm(KvmGeneration::V7_3)),
];

pub(crate) const VCPU_FEATURES: [(&str, VcpuFeatures); 4] = [
    ("sve", VcpuFeatures::SVE),
    ("pauth", VcpuFeatures::POINTER_AUTHENTICATION),
    ("pmu", VcpuFeatures::PMU),
    ("aarch32", VcpuFeatures::AARCH32_EL1),
];

pub(crate) const PSCI_VERSIONS: [(&str, PsciVersion); 6] = [
    ("0.1", PsciVersion::V0_1),
    ("0.2", PsciVersion::V0_2),
    ("1.0", PsciVersion::V1_0),
    ("1.1", PsciVersion::V1_1),
    ("1.2", PsciVersion::V1_2),
    ("1.3", PsciVersion::V1_3),
];

/// The versions that KVM's register can be given.
pub(crate) const SETTABLE_PSCI_VERSIONS: [(&str, PsciVersions); 5] = [
    ("0.2", PsciVersions::V0_2),
    ("1.0", PsciVersions::V1_0),
    ("1.1", PsciVersions::V1_1),
    ("1.2", PsciVersions::V1_2),
    ("1.3", PsciVersions::V1_3),
];

/// Optional functions of PSCI. The same words as in the headers of guest tests, where those have
/// one.
pub const PSCI_OPTIONS: [(&str, PsciOptions); 11] = [
    ("cpu-freeze", PsciOptions::CPU_FREEZE),
    ("default-suspend", PsciOptions::CPU_DEFAULT_SUSPEND),
    ("node-hw-state", PsciOptions::NODE_HW_STATE),
    ("system-suspend", PsciOptions::SYSTEM_SUSPEND),
    ("suspend-mode", PsciOptions::OS_INITIATED),
    ("statistics", PsciOptions::STATISTICS),
    ("system-reset2", PsciOptions::SYSTEM_RESET2),
    ("mem-protect", PsciOptions::MEM_PROTECT),
    ("system-off2", PsciOptions::SYSTEM_OFF2),
    ("clean-inv-memregion", PsciOptions::CLEAN_INV_MEMREGION),
    ("extended-state-id", PsciOptions::EXTENDED_STATE_ID),
];

/// A word for each bit; what the headers of guest tests call `discover-impl` is two of them.
pub const SERVICES: [(&str, Services); 6] = [
    ("trng", Services::TRNG),
    ("pv-time", Services::PV_TIME),
    ("vendor-hyp", Services::VENDOR_FEATURES),
    ("ptp", Services::PTP),
    ("discover-impl-version", Services::DISCOVER_IMPL_VERSION),
    ("discover-impl-cpus", Services::DISCOVER_IMPL_CPUS),
];

/// The workarounds of SMCCC.
pub const WORKAROUNDS: [(&str, Workaround); 4] = [
    ("workaround-1", Workaround::One),
    ("workaround-2", Workaround::Two),
    ("workaround-3", Workaround::Three),
    ("workaround-4", Workaround::Four),
];

/// The levels of a workaround.
pub const LEVELS: [(&str, Level); 3] = [
    ("not-available", Level::NotAvailable),
    ("available", Level::Available),
    ("not-required", Level::NotRequired),
];

/// The architectures of interrupt controllers.
pub const GIC_KINDS: [(&str, GicKind); 2] = [("v2", GicKind::V2), ("v3", GicKind::V3)];

/// What goes on when a machine moves.
pub const CLOCK_POLICIES: [(&str, ClockPolicy); 2] = [
    ("virtual", ClockPolicy::Virtual),
    ("virtual-and-physical", ClockPolicy::VirtualAndPhysical),
];

/// What of the shape of the caches can be replaced.
pub(crate) const WRITABLE: [(&str, Writable); 3] = [
    ("all", Writable::Yes),
    ("sizes", Writable::SizesOnly),
    ("none", Writable::No),
];

/// Whether data caches have to be cleaned for instructions to be seen.
pub(crate) const CLEANING: [(&str, Cleaning); 2] = [
    ("needed", Cleaning::Needed),
    ("needless", Cleaning::Needless),
];

pub(crate) const CAPABILITIES: [(&str, Capabilities); 8] = [
    ("smccc-filter", Capabilities::SMCCC_FILTER),
    (
        "writable-implementation",
        Capabilities::WRITABLE_IMPLEMENTATION,
    ),
    ("counter-offset", Capabilities::COUNTER_OFFSET),
    ("stolen-time", Capabilities::STOLEN_TIME),
    ("system-suspend", Capabilities::SYSTEM_SUSPEND),
    ("aarch32-el1", Capabilities::AARCH32_EL1),
    ("memory-tagging", Capabilities::MEMORY_TAGGING),
    ("nested", Capabilities::NESTED),
];

/// The value of a word.
#[must_use]
pub fn value<T: Copy>(word: &str, words: &[(&'static str, T)]) -> Option<T> {
    let found = words.iter().find(|(known, _)| *known == word);
    found.map(|(_, value)| *value)
}

/// The word of a value.
#[must_use]
pub fn word<T: Copy + PartialEq>(value: T, words: &[(&'static str, T)]) -> &'static str {
    let found = words.iter().find(|(_, known)| *known == value);
    // The tests show that every value has one.
    found.map_or("?", |(word, _)| word)
}

/// Reads a set as it is printed: `0-2,15`, rising and without overlap; nothing for the empty set.
pub(crate) fn value_set(text: &str) -> Option<ValueSet> {
    if text.is_empty() {
        return Some(ValueSet::EMPTY);
    }
    let mut set = ValueSet::EMPTY;
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (small_number(first)?, small_number(last)?);
        if first > last || set.greatest().is_some_and(|greatest| greatest >= first) {
            return None;
        }
        set = (first..=last).fold(set, ValueSet::with);
    }
    Some(set)
}

/// The set of these vector lengths in bits, if each is one and none is there twice.
pub(crate) fn vector_lengths(lengths: impl IntoIterator<Item = u64>) -> Option<VectorLengths> {
    let mut bits = 0_u16;
    for length in lengths {
        let quadwords = length / 128;
        if length % 128 != 0 || !(1..=16).contains(&quadwords) {
            return None;
        }
        let bit = 1 << (quadwords - 1);
        if bits & bit != 0 {
            return None;
        }
        bits |= bit;
    }
    Some(VectorLengths::from_bits(bits))
}

/// A decimal number from 0 to 63.
fn small_number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit()) && text.len() <= 2;
    let number = plain.then(|| text.parse().ok()).flatten();
    number.filter(|number| *number <= 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_to_one<T: Copy + PartialEq + std::fmt::Debug>(words: &[(&'static str, T)]) {
        for (index, (name, value)) in words.iter().enumerate() {
            assert_eq!(word(*value, words), *name);
            assert_eq!(super::value(name, words), Some(*value));
            assert!(
                words.iter().skip(index + 1).all(|(other, _)| other != name),
                "{name}"
            );
        }
    }

    #[test]
    fn a_word_is_one_value_and_a_value_one_word() {
        one_to_one(&DIALECTS);
        one_to_one(&VCPU_FEATURES);
        one_to_one(&PSCI_VERSIONS);
        one_to_one(&SETTABLE_PSCI_VERSIONS);
        one_to_one(&PSCI_OPTIONS);
        one_to_one(&SERVICES);
        one_to_one(&WORKAROUNDS);
        one_to_one(&LEVELS);
        one_to_one(&GIC_KINDS);
        one_to_one(&CLOCK_POLICIES);
        one_to_one(&WRITABLE);
        one_to_one(&CLEANING);
        one_to_one(&CAPABILITIES);
    }

    #[test]
    fn every_bit_has_a_word() {
        let options = PSCI_OPTIONS.iter().map(|(_, option)| *option);
        assert_eq!(options.collect::<PsciOptions>(), PsciOptions::all());
        let services = SERVICES.iter().map(|(_, service)| *service);
        assert_eq!(services.collect::<Services>(), Services::all());
        let capabilities = CAPABILITIES.iter().map(|(_, capability)| *capability);
        assert_eq!(capabilities.collect::<Capabilities>(), Capabilities::all());
        let versions = SETTABLE_PSCI_VERSIONS.iter().map(|(_, version)| *version);
        assert_eq!(versions.collect::<PsciVersions>(), PsciVersions::all());
        let features = VCPU_FEATURES.iter().map(|(_, feature)| *feature);
        assert_eq!(features.collect::<VcpuFeatures>(), VcpuFeatures::all());
        for (name, feature) in VCPU_FEATURES {
            assert_eq!(VcpuFeatures::named(name), Some(feature));
        }
    }

    #[test]
    fn sets_are_read_as_they_are_printed() {
        for bits in [
            0,
            1,
            0x8007,
            0b1010,
            u64::MAX,
            1 << 63,
            0x8000_0000_0000_0001,
        ] {
            let set = ValueSet::from_bits(bits);
            assert_eq!(value_set(&set.to_string()), Some(set));
        }
    }

    #[test]
    fn a_set_out_of_order_or_out_of_range_is_none() {
        for text in [
            ",",
            "1,",
            "2,1",
            "1,1",
            "0-3,2",
            "3-1",
            "64",
            "0-64",
            "-1",
            "1--2",
            " 1",
            "1 ",
            "+1",
            "x",
            "0x1",
            "1-2-3",
            "99999999999999999999",
        ] {
            assert_eq!(value_set(text), None, "{text}");
        }
    }

    #[test]
    fn vector_lengths_are_multiples_of_128_up_to_2048() {
        let lengths = |lengths: &[u64]| vector_lengths(lengths.iter().copied());
        assert_eq!(lengths(&[]), Some(VectorLengths::NONE));
        assert_eq!(
            lengths(&[128, 256, 2048]),
            Some(VectorLengths::from_bits(0x8003))
        );
        for wrong in [&[0][..], &[64], &[129], &[2176], &[128, 128], &[u64::MAX]] {
            assert_eq!(lengths(wrong), None, "{wrong:?}");
        }
    }
}
