//! This CPU: which it is, what it is, its counter, its random numbers, its sleep.

use aarch64_cpu::asm::{self, random::ArmRng};
use aarch64_cpu::registers::{CNTFRQ_EL0, CNTPCT_EL0, MIDR_EL1, MPIDR_EL1, TPIDR_EL2};
use tock_registers::interfaces::Readable as _;
use vambrace_core::vendor_hyp::Implementation;

use super::registers;
use crate::layout::MAX_CPUS;

/// The index of this CPU, and of the vCPU that is pinned to it.
pub(crate) fn index() -> usize {
    TPIDR_EL2.get() as usize % MAX_CPUS
}

/// What the board calls it: the affinity fields of MPIDR_EL1.
pub(crate) fn affinity() -> u64 {
    MPIDR_EL1.get() & 0xff_00ff_ffff
}

/// What it is.
pub(crate) fn implementation() -> Implementation {
    Implementation {
        midr: MIDR_EL1.get(),
        revidr: registers::read_revidr_el1(),
        aidr: registers::read_aidr_el1(),
    }
}

/// CNTPCT_EL0.
pub(crate) fn counter() -> u64 {
    CNTPCT_EL0.get()
}

/// CNTFRQ_EL0: how often the counter counts, in Hz.
pub(crate) fn counter_frequency() -> u64 {
    CNTFRQ_EL0.get()
}

/// The time since the counter began, in nanoseconds.
pub(crate) fn nanoseconds() -> u64 {
    let (ticks, frequency) = (CNTPCT_EL0.get(), CNTFRQ_EL0.get().max(1));
    let (seconds, rest) = (ticks / frequency, ticks % frequency);
    seconds
        .wrapping_mul(NANOSECONDS)
        .wrapping_add(rest.wrapping_mul(NANOSECONDS) / frequency)
}

/// Whether it makes random numbers (FEAT_RNG).
pub(crate) fn has_entropy() -> bool {
    ArmRng::new().is_some()
}

/// Fills `bytes` with random bits of this CPU's (FEAT_RNG); false if it has none, or none now.
pub(crate) fn draw(bytes: &mut [u8; 24]) -> bool {
    let Some(source) = ArmRng::new() else {
        return false;
    };
    let (words, _) = bytes.as_chunks_mut::<8>();
    words.iter_mut().all(|word| {
        let drawn = (0..ATTEMPTS).find_map(|_| source.rndrss());
        drawn.is_some_and(|drawn| {
            *word = drawn.to_le_bytes();
            true
        })
    })
}

/// Waits for an interrupt, taken or not.
pub(crate) fn sleep() {
    asm::barrier::dsb(asm::barrier::SY);
    asm::wfi();
}

/// Waits for ever.
pub(crate) fn halt() -> ! {
    loop {
        asm::wfi();
    }
}

const NANOSECONDS: u64 = 1_000_000_000;
/// A source that reseeds may be short of bits for a moment.
const ATTEMPTS: u32 = 16;
