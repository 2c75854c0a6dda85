//! A CPU goes off and on again a hundred times, fresh each time.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu},
    expect::{self, Proof},
    firmware::{CPU_OFF, CPU_ON_64, Call},
    line,
};

claim! {
    "A CPU goes off and on again a hundred times, fresh each time.";
    vcpus: 2;
    prove, go_off
}

const TIMES: u64 = 100;

fn prove() -> Proof {
    let cpu = cpus::cpu(1);
    for time in 1..=TIMES {
        let arguments = [cpus::mpidr(1), cpus::entry_point(), time];
        let answer = Call::hvc(CPU_ON_64, &arguments).make_silently();
        expect::code("CPU_ON", answer, 0)?;
        cpu.wait_for_start(time)?;
        // The state is whole: nothing is written once the CPU has begun to go off.
        cpus::wait_until_off_silently(1)?;
        expect::equal("x0 at the entry", cpu.entry_state().x[0], time)?;
        cpu.entry_state().expect_reset()?;
    }
    line!("{TIMES} times: CPU_ON SUCCESS, started with its context, CPU_OFF, AFFINITY_INFO OFF");
    cpus::wait_until_off(1)?;
    expect::equal("starts", cpu.starts(), TIMES)
}

fn go_off(_: &'static Cpu) {
    Call::hvc(CPU_OFF, &[]).make_silently();
    // Only firmware that is wrong comes back.
    panic!("CPU_OFF returned");
}
