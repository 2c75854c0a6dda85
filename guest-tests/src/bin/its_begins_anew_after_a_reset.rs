//! An ITS begins anew after SYSTEM_RESET: off, without tables, knowing no message.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::interrupts,
    claim,
    cpus::wait_until,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET},
    its::{self, Its, LPI},
    line, noinit,
};

claim! {
    "An ITS begins anew after SYSTEM_RESET: off, without tables, knowing no message.";
    vcpus: 1, resets: 1, needs: "its";
    prove
}

fn prove() -> Proof {
    its::expect_reset()?;
    its::receive_lpis()?;
    let mut its = Its::begin();
    its.happen()?;
    expect::equal("what nobody mapped", interrupts::highest_pending(), 1023)?;
    its.map_device()?;
    its.map_collection(0)?;
    its.map_event()?;
    its.happen()?;
    wait_until("the LPI", || interrupts::highest_pending() == LPI)?;
    line!("LPI {LPI} is pending");
    if noinit::boots() != 0 {
        return Ok(());
    }
    let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
    expect::holds("SYSTEM_RESET", answer.x[0], "no return", false)
}
