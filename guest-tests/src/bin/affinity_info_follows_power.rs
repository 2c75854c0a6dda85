//! AFFINITY_INFO follows the power of CPUs, at each affinity level.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu},
    expect::{self, Proof},
    firmware::{AFFINITY_INFO_32, AFFINITY_INFO_64, CPU_OFF, Call, hvc},
};

// Eighteen CPUs: the seventeenth is the first with another Aff1.
claim! {
    "AFFINITY_INFO follows the power of CPUs, at each affinity level.";
    vcpus: 18;
    prove, stay_on
}

/// DEN0022 §5.1.5.
const ON: i32 = 0;
const OFF: i32 = 1;

/// CPUs 16 and 17: affinities 0x100 and 0x101.
const SIXTEEN: u64 = 0x100;
const SEVENTEEN: u64 = 0x101;

static RELEASED: AtomicU64 = AtomicU64::new(0);

fn prove() -> Proof {
    // Nobody but the boot CPU is on.
    info("the boot CPU", 0x0, 0, ON)?;
    info("CPU 1", 0x1, 0, OFF)?;
    info("CPU 16", SIXTEEN, 0, OFF)?;
    info("Aff1 0", 0x0, 1, ON)?;
    info("Aff1 0, named by CPU 1", 0x1, 1, ON)?;
    info("Aff1 1", SIXTEEN, 1, OFF)?;
    info("Aff2 0, named by CPU 16", SIXTEEN, 2, ON)?;
    info("Aff3 0, named by CPU 16", SIXTEEN, 3, ON)?;

    expect::code("CPU_ON of CPU 16", cpus::power_on(16, 0), 0)?;
    cpus::cpu(16).wait_for_start(1)?;
    info("CPU 16 started", SIXTEEN, 0, ON)?;
    info("CPU 17 beside it", SEVENTEEN, 0, OFF)?;
    info("Aff1 1 with one CPU on", SIXTEEN, 1, ON)?;
    info("Aff1 1, named by CPU 17", SEVENTEEN, 1, ON)?;
    // Affinity fields below the level asked for are ignored, and need not name a CPU.
    info("Aff1 1, named by nobody", 0x1FF, 1, ON)?;

    RELEASED.store(1, Ordering::Release);
    cpus::wait_until_off(16)?;
    info("CPU 16 off again", SIXTEEN, 0, OFF)?;
    info("Aff1 1 off again", SIXTEEN, 1, OFF)
}

/// Asks in both forms.
fn info(what: &'static str, affinity: u64, level: u64, expected: i32) -> Proof {
    expect::code(what, hvc(AFFINITY_INFO_64, &[affinity, level]), expected)?;
    expect::code(what, hvc(AFFINITY_INFO_32, &[affinity, level]), expected)
}

fn stay_on(_: &'static Cpu) {
    while RELEASED.load(Ordering::Acquire) == 0 {
        cpus::pause();
    }
    Call::hvc(CPU_OFF, &[]).make_last();
}
