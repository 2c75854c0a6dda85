//! TRNG_GET_UUID names one implementation, the same each time.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::Call,
};

claim! {
    "TRNG_GET_UUID names one implementation, the same each time.";
    vcpus: 1, kvm: "5.19", with: "trng";
    prove
}

fn prove() -> Proof {
    let first = uuid();
    // DEN0098 §2.3: -1 in w0 is NOT_SUPPORTED, so that no UUID begins with it.
    let known = first[0] != 0xFFFF_FFFF && first.iter().all(|word| *word <= 0xFFFF_FFFF);
    expect::holds("UUID", first[0], "four words, not -1", known)?;
    for (word, again) in first.into_iter().zip(uuid()) {
        expect::equal("a word of the UUID", again, word)?;
    }
    Ok(())
}

fn uuid() -> [u64; 4] {
    // Each firmware has its own.
    Call::hvc(0x8400_0052, &[]).make_told(|_| "a UUID").x
}
