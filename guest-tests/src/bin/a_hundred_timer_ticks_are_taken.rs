//! A hundred ticks of the virtual timer are taken while nothing else leaves the guest.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, line, wakeup};

claim! {
    "A hundred ticks of the virtual timer are taken while nothing else leaves the guest.";
    vcpus: 1, needs: "gic-v3";
    prove
}

/// A hypervisor sees that a real interrupt has been ended when the guest leaves next: here by the
/// interrupt after it.
fn prove() -> Proof {
    wakeup::route_timer()?;
    wakeup::take_ticks(100)?;
    line!("100 ticks taken");
    Ok(())
}
