//! An AArch32 CPU goes off, AFFINITY_INFO sees it, and it comes back in the other instruction set.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    arch::entry,
    claim,
    cpus::{self, Cpu, cpu},
    expect::{self, Proof},
    firmware::{AFFINITY_INFO, CPU_OFF, CPU_ON, Call, hvc},
};

claim! {
    "An AArch32 CPU goes off, AFFINITY_INFO sees it, and it comes back in the other instruction set.";
    vcpus: 2, kvm: "6.1";
    prove, go_off
}

fn prove() -> Proof {
    // DEN0022 §5.1.5: OFF is 1, levels end at 3, INVALID_PARAMETERS is -2.
    expect::code("CPU 1", hvc(AFFINITY_INFO, &[1, 0]), 1)?;
    expect::code("the boot CPU", hvc(AFFINITY_INFO, &[0, 0]), 0)?;
    expect::code("Aff1 0", hvc(AFFINITY_INFO, &[1, 1]), 0)?;
    expect::code("level 4", hvc(AFFINITY_INFO, &[0, 4]), -2)?;
    expect::code("nobody", hvc(AFFINITY_INFO, &[8, 0]), -2)?;
    for (start, entry) in (1..).zip([entry::a32_entry(), entry::thumb_entry(), entry::a32_entry()])
    {
        expect::code("CPU_ON", hvc(CPU_ON, &[1, entry, start]), 0)?;
        cpu(1).wait_for_start(start)?;
        cpus::wait_until_off(1)?;
        let state = cpu(1).entry_state();
        expect::equal("r0 at the entry", state.r[0], start)?;
        expect::equal("T32 at the entry", state.thumb, entry & 1)?;
        state.expect_reset()?;
    }
    Ok(())
}

fn go_off(_: &'static Cpu) {
    Call::hvc(CPU_OFF, &[]).make_silently();
    // Only firmware that is wrong comes back.
    panic!("CPU_OFF returned");
}
