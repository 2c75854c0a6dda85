//! PTP gives the wall clock and a counter value of the same instant.
#![no_std]
#![no_main]

use aarch64_cpu::registers::{CNTPCT_EL0, CNTVCT_EL0};
use tock_registers::interfaces::Readable as _;
use vambrace_guest_tests::{
    claim,
    expect::{self, Failure, Proof},
    firmware::Call,
};

claim! {
    "PTP gives the wall clock and a counter value of the same instant.";
    vcpus: 1, kvm: "5.19", with: "vendor-hyp,ptp", needs: "wall-clock";
    prove
}

fn prove() -> Proof {
    let first = instant(VIRTUAL)?;
    for counter in [PHYSICAL, VIRTUAL] {
        let now = instant(counter)?;
        // Whoever keeps the host's clock may set it back; only the counters never go back.
        let near = now.abs_diff(first) < HOUR;
        expect::holds("wall clock", now, "within an hour of the first", near)?;
    }
    Ok(())
}

/// The wall clock in nanoseconds; the counter has to be of the time of the call.
fn instant(counter: u64) -> Result<u64, Failure> {
    let before = read(counter);
    let answer = Call::hvc(0x8600_0001, &[counter]).make_told(|answer| match answer.code() {
        -1 => "NOT_SUPPORTED",
        _ => "wall clock and counter",
    });
    let after = read(counter);
    // x0 and x1 are the halves of the wall clock, x2 and x3 those of the counter, the high ones first.
    for half in answer.x {
        expect::holds("half of a value", half, "32 bits", half <= 0xFFFF_FFFF)?;
    }
    let [clock_high, clock_low, counter_high, counter_low] = answer.x;
    let ticks = counter_high << 32 | counter_low;
    expect::holds(
        "counter",
        ticks,
        "of the time of the call",
        (before..=after).contains(&ticks),
    )?;
    Ok(clock_high << 32 | clock_low)
}

fn read(counter: u64) -> u64 {
    if counter == VIRTUAL {
        CNTVCT_EL0.get()
    } else {
        CNTPCT_EL0.get()
    }
}

const VIRTUAL: u64 = 0;
const PHYSICAL: u64 = 1;
/// In nanoseconds.
const HOUR: u64 = 3_600_000_000_000;
