//! A store to the page of stolen time ends in an external abort.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::fault::{Answer, Attempt},
    claim,
    expect::{self, Proof},
};

claim! {
    "A store to the page of stolen time ends in an external abort.";
    vcpus: 1, with: "pv-time", el2: "memory=128M";
    prove
}

const STOLEN_TIME: u64 = 0x090A_0000;
const DISTRIBUTOR: u64 = 0x0800_0000;

fn prove() -> Proof {
    // An access that is emulated, so that the hypervisor has an address from before.
    let control = Attempt::LOAD_WORD.make(DISTRIBUTOR);
    // DDI0487, ESR_EL1: a write, synchronous external abort. Of a permission fault stage 2 tells no
    // physical address.
    let store = Attempt::STORE.make(STOLEN_TIME).syndrome();
    expect::equal("ESR_EL1", store, 0x9600_0050)?;
    let load = Attempt::LOAD.make(STOLEN_TIME);
    expect::equal("a load", load.syndrome(), u64::MAX)?;
    let unchanged = Attempt::LOAD_WORD.make(DISTRIBUTOR) == control && load == Answer::Done(0);
    expect::holds("both pages", 0, "unchanged", unchanged)
}
