//! SYSTEM_OFF2 with HIBERNATE_OFF turns the machine off, by SMC32, while another CPU runs.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus, exit,
    expect::{self, Proof},
    firmware::Call,
};

claim! {
    "SYSTEM_OFF2 with HIBERNATE_OFF turns the machine off, by SMC32, while another CPU runs.";
    vcpus: 2, psci: "1.3", ends: "off";
    prove
}

fn prove() -> Proof {
    let started = expect::code("CPU_ON", cpus::power_on(1, 0), 0)
        .and_then(|()| cpus::cpu(1).wait_for_start(1));
    // DEN0022 §5.1.10: HIBERNATE_OFF is 1. The SMC32 form sees the low halves.
    let off = Call::hvc(0x8400_0015, &[0x5_0000_0001, 0x7_0000_0000]);
    exit::end_by(off, started)
}
