//! SYSTEM_RESET by an AArch32 caller reboots the machine once, in SVC mode, other CPUs off.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    arch::entry,
    claim,
    cpus::{self, cpu},
    expect::{self, Proof},
    firmware::{AFFINITY_INFO, CPU_ON, Call, SYSTEM_RESET, hvc},
    noinit,
};

claim! {
    "SYSTEM_RESET by an AArch32 caller reboots the machine once, in SVC mode, other CPUs off.";
    vcpus: 2, resets: 1, kvm: "6.1";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.5: OFF is 1.
    let power = hvc(AFFINITY_INFO, &[1, 0]);
    expect::code("AFFINITY_INFO after boot", power, 1)?;
    cpus::current().entry_state().expect_reset()?;
    expect::code("CPU_ON", hvc(CPU_ON, &[1, entry::a32_entry(), 0]), 0)?;
    cpu(1).wait_for_start(1)?;
    if noinit::boots() == 0 {
        let reset = Call::hvc(SYSTEM_RESET, &[]);
        reset.announce();
        let answer = reset.make();
        return expect::holds("SYSTEM_RESET", answer.r[0], "no return", false);
    }
    expect::equal("boots before this one", noinit::boots(), 1)
}
