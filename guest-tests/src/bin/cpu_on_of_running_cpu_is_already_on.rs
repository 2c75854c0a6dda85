//! CPU_ON of a CPU that runs is ALREADY_ON and does not disturb it.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::{AFFINITY_INFO_64, CPU_ON_32, hvc},
};

claim! {
    "CPU_ON of a CPU that runs is ALREADY_ON and does not disturb it.";
    vcpus: 2, psci: "1.0";
    prove, count
}

fn prove() -> Proof {
    expect::code("CPU_ON", cpus::power_on(1, 7), 0)?;
    cpus::cpu(1).wait_for_start(1)?;
    // DEN0022 §5.1.4: ALREADY_ON is -4.
    expect::code("CPU_ON of a running CPU", cpus::power_on(1, 8), -4)?;
    let answer = hvc(CPU_ON_32, &[cpus::mpidr(1), 0x4020_0000, 9]);
    expect::code("CPU_ON of a running CPU, SMC32", answer, -4)?;
    let answer = hvc(AFFINITY_INFO_64, &[cpus::mpidr(1), 0]);
    expect::code("AFFINITY_INFO", answer, 0)?;

    let counted = &cpus::cpu(1).words[0];
    let before = counted.load(Ordering::Relaxed);
    wait_until("the CPU counting on", || {
        counted.load(Ordering::Relaxed) > before
    })?;
    expect::equal("starts", cpus::cpu(1).starts(), 1)?;
    expect::equal("x0 at the entry", cpus::cpu(1).entry_state().x[0], 7)
}

fn count(cpu: &'static Cpu) {
    loop {
        cpu.words[0].fetch_add(1, Ordering::Relaxed);
        core::hint::spin_loop();
    }
}
