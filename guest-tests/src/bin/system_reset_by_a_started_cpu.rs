//! SYSTEM_RESET by a started CPU reboots the machine on its boot CPU.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::{AFFINITY_INFO_64, Call, SYSTEM_RESET, hvc},
    noinit,
};

claim! {
    "SYSTEM_RESET by a started CPU reboots the machine on its boot CPU.";
    vcpus: 2, resets: 1;
    prove, reset
}

static PRINTED: AtomicU64 = AtomicU64::new(0);

fn prove() -> Proof {
    if noinit::boots() == 0 {
        expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
        PRINTED.store(1, Ordering::Release);
        return wait_until("the reset by CPU 1", || false);
    }
    expect::equal("boots before this one", noinit::boots(), 1)?;
    let affinity = cpus::current().entry_state().mpidr & cpus::AFFINITY;
    expect::equal("affinity of the boot CPU", affinity, 0)?;
    // DEN0022 §5.1.5: 1 is OFF.
    let power = hvc(AFFINITY_INFO_64, &[cpus::mpidr(1), 0]);
    expect::code("AFFINITY_INFO of the CPU that reset", power, 1)
}

fn reset(_: &'static Cpu) {
    // Not into the middle of the boot CPU's line.
    while PRINTED.load(Ordering::Acquire) == 0 {
        cpus::pause();
    }
    Call::hvc(SYSTEM_RESET, &[]).make_last();
}
