//! Stolen time never shrinks.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::memory,
    claim,
    cpus::Deadline,
    expect::{self, Proof},
    firmware::Call,
    line,
};

claim! {
    "Stolen time never shrinks.";
    vcpus: 1, kvm: "5.19", with: "pv-time";
    prove
}

fn prove() -> Proof {
    let address = Call::hvc(0xC500_0021, &[]).make_told(|_| "an address").x[0];
    // DEN0057 §3.2: nanoseconds at offset 8, little-endian, read as one doubleword.
    let stolen = memory::doubleword(address + 8);
    let mut before = stolen.load(Ordering::Relaxed);
    let deadline = Deadline::after_seconds(1);
    while !deadline.passed() {
        let now = stolen.load(Ordering::Relaxed);
        expect::holds("stolen time", now, "not less than before", now >= before)?;
        before = now;
    }
    line!("one second: stolen time never shrank");
    Ok(())
}
