//! Counts what starting a CPU costs: `bench: cpu-on 1 <ticks>`, of CPU_ON to its first instruction.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    bench, claim,
    cpus::Cpu,
    expect::Proof,
    firmware::{CPU_OFF, Call},
};

claim! {
    "A CPU is started some hundred times, and the ticks to its first instruction are counted.";
    vcpus: 2;
    prove, go_off
}

fn prove() -> Proof {
    bench::cpu_on("cpu-on")
}

fn go_off(_: &'static Cpu) {
    Call::hvc(CPU_OFF, &[]).make_silently();
    // Only firmware that is wrong comes back.
    panic!("CPU_OFF returned");
}
