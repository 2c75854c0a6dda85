//! SYSTEM_OFF ends the machine while the other CPUs spin.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    exit,
    expect::{self, Proof},
};

claim! {
    "SYSTEM_OFF ends the machine while the other CPUs spin.";
    vcpus: 4, ends: "off";
    prove, spin
}

fn prove() -> Proof {
    exit::end_by_system_off(start_the_others())
}

fn start_the_others() -> Proof {
    for index in 1..4 {
        expect::code("CPU_ON", cpus::power_on(index, 0), 0)?;
        let alive = &cpus::cpu(index).words[0];
        wait_until("a CPU spinning", || alive.load(Ordering::Acquire) == 1)?;
    }
    Ok(())
}

fn spin(cpu: &'static Cpu) {
    cpu.words[0].store(1, Ordering::Release);
    loop {
        core::hint::spin_loop();
    }
}
