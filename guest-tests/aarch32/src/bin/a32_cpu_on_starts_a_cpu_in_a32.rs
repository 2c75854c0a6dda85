//! CPU_ON by an AArch32 caller starts the CPU in A32 and SVC mode, with the context in r0.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    arch::entry,
    claim,
    cpus::cpu,
    expect::{self, Proof},
    firmware::{CPU_ON, hvc},
    line,
};

claim! {
    "CPU_ON by an AArch32 caller starts the CPU in A32 and SVC mode, with the context in r0.";
    vcpus: 2, kvm: "6.1";
    prove
}

const CONTEXT: u32 = 0x89AB_CDEF;

fn prove() -> Proof {
    let answer = hvc(CPU_ON, &[1, entry::a32_entry(), CONTEXT]);
    expect::code("CPU_ON", answer, 0)?;
    cpu(1).wait_for_start(1)?;

    let state = cpu(1).entry_state();
    line!("cpu1: r0 {:#x}, CPSR {:#x}", state.r[0], state.cpsr);
    line!("cpu1: SCTLR {:#x}", state.sctlr);
    // DEN0022 §5.1.4: the context id is in r0; bit 0 of the entry is the instruction set.
    expect::equal("r0 at the entry", state.r[0], CONTEXT)?;
    expect::equal("T32 at the entry", state.thumb, 0)?;
    expect::equal("affinity", state.mpidr & 0xFF_FFFF, 1)?;
    state.expect_reset()
}
