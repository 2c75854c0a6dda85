//! The boot CPU starts at EL1 with MMU and caches off and the device tree in x0.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::device_tree,
    claim, cpus,
    expect::{self, Proof},
    line,
};

claim! {
    "The boot CPU starts at EL1 with MMU and caches off and the device tree in x0.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    let state = cpus::current().entry_state();
    line!("level and stack {:#x}", state.level_and_stack);
    line!("SCTLR_EL1 {:#x}, DAIF {:#x}", state.sctlr, state.daif);
    line!(
        "x0 {:#x}, x1 {:#x}, x2 {:#x}, x3 {:#x}",
        state.x[0],
        state.x[1],
        state.x[2],
        state.x[3]
    );
    state.expect_reset()?;
    expect::equal("x1", state.x[1], 0)?;
    expect::equal("x2", state.x[2], 0)?;
    expect::equal("x3", state.x[3], 0)?;
    // Devicetree Specification 5.2: magic 0xd00dfeed, big-endian.
    let magic = device_tree::magic(state.x[0]);
    expect::equal("magic of the device tree", magic.into(), 0xD00D_FEED)
}
