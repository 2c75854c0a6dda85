//! PSCI_STAT_COUNT and PSCI_STAT_RESIDENCY begin anew after a reset.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET},
    noinit, table, wakeup,
};

claim! {
    "PSCI_STAT_COUNT and PSCI_STAT_RESIDENCY begin anew after a reset.";
    vcpus: 1, psci: "1.0", resets: 1, dialect: "spec", with: "statistics", needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    table::answers(&[(0xC400_0011, &[0, 0], 0), (0xC400_0010, &[0, 0], 0)])?;
    wakeup::route_timer()?;
    wakeup::arm_timer(0);
    table::answers(&[(0xC400_0001, &[0, 0, 0], 0), (0xC400_0011, &[0, 0], 1)])?;
    wakeup::disarm_timer();
    if noinit::boots() == 0 {
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    expect::equal("boots before this one", noinit::boots(), 1)
}
