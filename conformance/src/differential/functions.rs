//! Which function ids are called, and with which arguments.
//!
//! Whole ranges and not a list of functions: an id that nobody thought of is called too. What is
//! told apart by a number somewhere in KVM or core is called on both sides of that number.

use vambrace_core::firmware::FUNCTIONS;

use super::random::Random;

/// Every id that is called at least once.
pub(super) fn ids() -> Vec<u32> {
    let ranges = RANGES.iter().flat_map(|(first, last)| *first..=*last);
    let mut ids: Vec<u32> = ranges
        .chain(one_of_each_kind())
        .chain(known().map(|id| id | SVE_HINT))
        .chain(known().flat_map(|id| [id.wrapping_sub(1), id.wrapping_add(1)]))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Every function that core knows, with one bit of its id changed.
pub(super) fn with_a_bit_changed() -> impl Iterator<Item = u32> {
    known().flat_map(|id| (0..u32::BITS).map(move |bit| id ^ 1 << bit))
}

/// Every function that core knows.
pub(super) fn known() -> impl Iterator<Item = u32> {
    FUNCTIONS.iter().map(|row| row.id.value())
}

/// One id of each owner, type and width (DEN0028 table 2-1): number 0x7e, which nobody has.
fn one_of_each_kind() -> impl Iterator<Item = u32> {
    (0..=u8::MAX).map(|top| u32::from(top) << 24 | 0x7e)
}

/// Calls whose arguments matter: the id, and the values of x1 and x2 that are tried each with each.
pub(super) fn products() -> Vec<(u32, &'static [u64], &'static [u64])> {
    let mut products = vec![(ARCH_FEATURES, WORKAROUNDS, LEVELS), (PTP, COUNTERS, ANY)];
    for width in [0, SMC64] {
        products.extend([
            (CPU_SUSPEND | width, POWER_STATES, ADDRESSES),
            (CPU_ON | width, AFFINITIES, ADDRESSES),
            (AFFINITY_INFO | width, AFFINITIES, LEVELS),
            (SYSTEM_SUSPEND | width, ADDRESSES, ANY),
            (SYSTEM_RESET2 | width, TYPES, COOKIES),
            (SYSTEM_OFF2 | width, TYPES, COOKIES),
            (TRNG_RND_32 | width, BITS, ANY),
        ]);
    }
    products
}

/// The functions that answer questions about functions.
pub(super) const QUESTIONS: [u32; 4] = [ARCH_FEATURES, 0x8400_000a, 0x8400_0051, 0xc500_0020];

/// Values of the first arguments of some function, likely ones first where it has any of its own.
pub(super) fn arguments(function: u32, random: &mut Random) -> [u64; 3] {
    let [first, second] = match function & !(SMC64 | SVE_HINT) {
        CPU_ON | PSCI_0_1_CPU_ON => [AFFINITIES, ADDRESSES],
        AFFINITY_INFO | NODE_HW_STATE => [AFFINITIES, LEVELS],
        MIGRATE | PSCI_0_1_MIGRATE => [AFFINITIES, EDGES],
        STAT_RESIDENCY | STAT_COUNT => [AFFINITIES, POWER_STATES],
        CPU_SUSPEND | PSCI_0_1_CPU_SUSPEND => [POWER_STATES, ADDRESSES],
        SYSTEM_SUSPEND => [ADDRESSES, EDGES],
        SYSTEM_RESET2 | SYSTEM_OFF2 => [TYPES, COOKIES],
        TRNG_RND_32 => [BITS, EDGES],
        PTP => [COUNTERS, EDGES],
        _ => [EDGES, EDGES],
    };
    [first, second, EDGES].map(|likely| match random.below(4) {
        0 => random.next(),
        1 => random.one_of(EDGES),
        _ => random.one_of(likely),
    })
}

const SMC64: u32 = 1 << 30;
const SVE_HINT: u32 = 1 << 16;

const ARCH_FEATURES: u32 = 0x8000_0001;
const CPU_SUSPEND: u32 = 0x8400_0001;
const CPU_ON: u32 = 0x8400_0003;
const AFFINITY_INFO: u32 = 0x8400_0004;
const MIGRATE: u32 = 0x8400_0005;
const NODE_HW_STATE: u32 = 0x8400_000d;
const SYSTEM_SUSPEND: u32 = 0x8400_000e;
const STAT_RESIDENCY: u32 = 0x8400_0010;
const STAT_COUNT: u32 = 0x8400_0011;
const SYSTEM_RESET2: u32 = 0x8400_0012;
const SYSTEM_OFF2: u32 = 0x8400_0015;
const TRNG_RND_32: u32 = 0x8400_0053;
const PTP: u32 = 0x8600_0001;
const PSCI_0_1_CPU_SUSPEND: u32 = 0x95c1_ba5e;
const PSCI_0_1_CPU_ON: u32 = 0x95c1_ba60;
const PSCI_0_1_MIGRATE: u32 = 0x95c1_ba61;

/// The ranges in which some service has functions, or might.
const RANGES: &[(u32, u32)] = &[
    (0x0000_0000, 0x0000_0001),
    (0x8000_0000, 0x8000_001f),
    (0x8000_3ff8, 0x8000_4001),
    (0x8000_7ff8, 0x8000_8001),
    (0xc000_0000, 0xc000_001f),
    (0xc000_3ff8, 0xc000_4001),
    (0xc000_7ff8, 0xc000_8001),
    (0x8400_0000, 0x8400_00ff),
    (0xc400_0000, 0xc400_00ff),
    (0x8500_0000, 0x8500_003f),
    (0xc500_0000, 0xc500_003f),
    (0x8600_0000, 0x8600_007f),
    (0xc600_0000, 0xc600_007f),
    (0x8400_ff00, 0x8400_ff03),
    (0x8500_ff00, 0x8500_ff03),
    (0x8600_ff00, 0x8600_ff03),
    (0xc600_ff00, 0xc600_ff03),
    (0x95c1_ba50, 0x95c1_ba6f),
    (0xffff_fffe, 0xffff_ffff),
];

/// The workarounds, of which a host has one level each, whoever asks and however often.
const WORKAROUNDS: &[u64] = &[0x8000_3fff, 0x8000_7fff, 0x8000_8000];

/// Affinities: the four CPUs, none of them, and each with bits that no affinity has.
const AFFINITIES: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    0xf,
    0xff,
    0x100,
    0x103,
    0x1_0000,
    0x100_0000,
    0x4000_0001,
    0x8000_0000,
    0x8000_0003,
    0xc100_0002,
    0x1_0000_0000,
    0x1_0000_0001,
    0xff_0000_0002,
    0x100_0000_0001,
    0xff_00ff_ffff,
    0x8000_0000_0000_0001,
    0xffff_ffff_0000_0001,
    u64::MAX,
];

/// Levels of AFFINITY_INFO: 0 to 3 are some.
const LEVELS: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    5,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x1_0000_0003,
    1 << 63,
    u64::MAX,
];

/// Addresses: RAM's edges and devices, odd ones, and what no machine has.
const ADDRESSES: &[u64] = &[
    0,
    1,
    0x0900_0000,
    0x090a_0000,
    0x3fff_fffc,
    0x4000_0000,
    0x4000_0002,
    0x47ff_fffc,
    0x4800_0000,
    0xffff_fffc,
    0x1_4000_0000,
    1 << 40,
    1 << 63,
    u64::MAX,
];

/// Power states of CPU_SUSPEND, in either format.
const POWER_STATES: &[u64] = &[
    0,
    1,
    0x1_0000,
    0x1_0001,
    0x100_0000,
    0x101_0000,
    0x4000_0000,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    u64::MAX,
];

/// Types of SYSTEM_RESET2 and SYSTEM_OFF2.
const TYPES: &[u64] = &[
    0,
    1,
    2,
    3,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x1_0000_0002,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Cookies of SYSTEM_RESET2 and SYSTEM_OFF2.
const COOKIES: &[u64] = &[0, 1, 0x8000_0000, 0x1_0000_0000, 1 << 63, u64::MAX];

/// Numbers of random bits: around what one, two and three registers of either width hold.
const BITS: &[u64] = &[
    0,
    1,
    2,
    7,
    8,
    31,
    32,
    33,
    63,
    64,
    65,
    94,
    95,
    96,
    97,
    127,
    128,
    129,
    190,
    191,
    192,
    193,
    255,
    256,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x1_0000_0060,
    0x1_0000_00c1,
    1 << 63,
    u64::MAX,
];

/// Counters of PTP: 0 and 1 are some.
const COUNTERS: &[u64] = &[
    0,
    1,
    2,
    3,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    1 << 63,
    u64::MAX,
];

const ANY: &[u64] = &[0, 0x5a5a_5a5a_5a5a_5a5a];

/// What numbers are compared with anywhere.
pub(super) const EDGES: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    0x1f,
    0x20,
    0x60,
    0x61,
    0xc0,
    0xc1,
    0xff,
    0x100,
    0xffff,
    0x1_0000,
    0x4000_0000,
    0x47ff_ffff,
    0x4800_0000,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0x8400_0000,
    0xc500_0021,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_8400_0050,
    0x7fff_ffff_ffff_ffff,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cover_the_known_ranges_and_each_kind_of_call() {
        let ids = ids();
        for id in [
            0x8000_0002,
            0x8000_3ffe,
            0x8000_7ffe,
            0x8000_8001,
            0x8400_00ff,
            0xc400_0000,
            0x8500_003f,
            0xc500_0000,
            0x8600_007f,
            0xc600_007f,
            0x8600_ff03,
            0x95c1_ba50,
            0x95c1_ba6f,
            0x8401_0003,
            0x0400_007e,
            0x3f00_007e,
            0xff00_007e,
        ] {
            assert!(ids.contains(&id), "{id:#x}");
        }
        assert!(ids.len() > 1_300, "{}", ids.len());
    }

    #[test]
    fn every_function_is_near_to_ids_that_are_called() {
        let near: Vec<u32> = with_a_bit_changed().collect();
        for id in known() {
            assert!(near.contains(&(id ^ 1)) && near.contains(&(id ^ 1 << 31)));
        }
    }
}
