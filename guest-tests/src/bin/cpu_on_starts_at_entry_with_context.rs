//! CPU_ON starts the CPU at the entry at EL1, MMU and caches off, with the context in x0.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    line,
};

claim! {
    "CPU_ON starts the CPU at the entry at EL1, MMU and caches off, with the context in x0.";
    vcpus: 3;
    prove
}

fn prove() -> Proof {
    start(1, 0x0123_4567_89AB_CDEF)?;
    start(2, u64::MAX)
}

fn start(index: u64, context: u64) -> Proof {
    let answer = cpus::power_on(index, context);
    expect::code("CPU_ON", answer, 0)?;
    cpus::cpu(index).wait_for_start(1)?;

    let state = cpus::cpu(index).entry_state();
    line!("cpu{index}: x0 {:#x}", state.x[0]);
    line!("cpu{index}: level and stack {:#x}", state.level_and_stack);
    line!(
        "cpu{index}: SCTLR_EL1 {:#x}, DAIF {:#x}",
        state.sctlr,
        state.daif
    );
    line!("cpu{index}: affinity {:#x}", state.mpidr & cpus::AFFINITY);
    // DEN0022 §5.1.4: the context is passed in x0, whole for SMC64.
    expect::equal("x0 at the entry", state.x[0], context)?;
    expect::equal("affinity", state.mpidr & cpus::AFFINITY, cpus::mpidr(index))?;
    state.expect_reset()
}
