//! An IT block goes on where it was behind a load that the hypervisor emulates.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    arch::{it_block, registers},
    claim,
    expect::{self, Proof},
};

claim! {
    "An IT block goes on where it was behind a load that the hypervisor emulates.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    // GICD_TYPER. 1: the block's other half was executed; 2: the instruction behind it was not.
    expect::equal("the block", it_block::load_in_it_block(0x0800_0004), 0)?;
    // ACTLR traps too, and is the same each time.
    let [before, after] = [(); 2].map(|()| registers::auxiliary_control());
    expect::equal("ACTLR", after, before)
}
