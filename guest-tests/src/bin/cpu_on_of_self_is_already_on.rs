//! CPU_ON of the calling CPU is ALREADY_ON, from the boot CPU and from a started one.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
};

claim! {
    "CPU_ON of the calling CPU is ALREADY_ON, from the boot CPU and from a started one.";
    vcpus: 2;
    prove, turn_itself_on
}

fn prove() -> Proof {
    // DEN0022 §5.1.4: ALREADY_ON is -4.
    expect::code("CPU_ON of self", cpus::power_on(0, 0), -4)?;
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    let cpu = cpus::cpu(1);
    wait_until("the answer of CPU 1", || {
        cpu.words[0].load(Ordering::Acquire) == 1
    })?;
    cpus::print_record(1);
    let answer = cpu.words[1].load(Ordering::Relaxed);
    expect::equal("CPU_ON of self on CPU 1", answer & 0xFFFF_FFFF, 0xFFFF_FFFC)?;
    expect::equal("starts of CPU 1", cpu.starts(), 1)
}

fn turn_itself_on(cpu: &'static Cpu) {
    let answer = cpus::power_on(1, 0);
    cpu.words[1].store(answer.x[0], Ordering::Relaxed);
    cpu.words[0].store(1, Ordering::Release);
}
