//! The boot CPU starts in A32 and SVC mode, with MMU off and the device tree in r0.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    claim, cpus,
    expect::{self, Proof},
    line,
};

claim! {
    "The boot CPU starts in A32 and SVC mode, with MMU off and the device tree in r0.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    let state = cpus::current().entry_state();
    let [r0, r1, r2, r3] = state.r;
    line!("CPSR {:#x}, SCTLR {:#x}", state.cpsr, state.sctlr);
    line!("r0 {r0:#x}, r1 {r1:#x}, r2 {r2:#x}, r3 {r3:#x}");
    state.expect_reset()?;
    let in_ram = (0x4000_0000..0x8000_0000).contains(&r0);
    expect::holds("r0", r0, "an address in RAM", in_ram)?;
    expect::equal("r1", r1, 0)?;
    expect::equal("r2", r2, 0)?;
    expect::equal("r3", r3, 0)
}
