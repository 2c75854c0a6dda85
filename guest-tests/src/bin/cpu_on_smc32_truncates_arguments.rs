//! SMC32 CPU_ON uses the low halves of its arguments.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{CPU_ON_32, hvc},
    line,
};

claim! {
    "SMC32 CPU_ON uses the low halves of its arguments.";
    vcpus: 2;
    prove
}

fn prove() -> Proof {
    // DEN0028 §2.6: SMC32 arguments are W1 and up, whatever X1 and up hold above them.
    let target = 0x1_0000_0000 | cpus::mpidr(1);
    let entry = 0xFFFF_FFFF_0000_0000 | cpus::entry_point();
    let answer = hvc(CPU_ON_32, &[target, entry, 0x5_0000_0007]);
    expect::code("CPU_ON", answer, 0)?;
    cpus::cpu(1).wait_for_start(1)?;
    let context = cpus::cpu(1).entry_state().x[0];
    line!("cpu1: x0 {context:#x}");
    expect::equal("x0 at the entry", context, 7)
}
