//! After SYSTEM_RESET the other CPUs are off, even those that spun, and can be started again.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::{AFFINITY_INFO_64, Call, SYSTEM_RESET, hvc},
    noinit,
};

claim! {
    "After SYSTEM_RESET the other CPUs are off, even those that spun, and can be started again.";
    vcpus: 3, resets: 1;
    prove, spin
}

fn prove() -> Proof {
    for index in [1, 2] {
        // DEN0022 §5.1.5: 1 is OFF.
        let power = hvc(AFFINITY_INFO_64, &[cpus::mpidr(index), 0]);
        expect::code("AFFINITY_INFO after boot", power, 1)?;
    }
    for index in [1, 2] {
        expect::code("CPU_ON", cpus::power_on(index, index), 0)?;
        let alive = &cpus::cpu(index).words[0];
        wait_until("a CPU spinning", || alive.load(Ordering::Acquire) == 1)?;
        expect::equal("starts", cpus::cpu(index).starts(), 1)?;
    }
    if noinit::boots() == 0 {
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    expect::equal("boots before this one", noinit::boots(), 1)
}

fn spin(cpu: &'static Cpu) {
    cpu.words[0].store(1, Ordering::Release);
    loop {
        core::hint::spin_loop();
    }
}
