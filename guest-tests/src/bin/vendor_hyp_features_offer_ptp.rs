//! The vendor hypervisor service offers PTP when it is named.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::hvc,
};

claim! {
    "The vendor hypervisor service offers PTP when it is named.";
    vcpus: 1, kvm: "5.19", with: "vendor-hyp,ptp";
    prove
}

fn prove() -> Proof {
    // Bit n of x0 is function n: the query itself is function 0, PTP 1.
    let words = hvc(0x8600_0000, &[]).x;
    for (word, expected) in words.into_iter().zip([0x3, 0, 0, 0]) {
        expect::equal("a word of the features", word, expected)?;
    }
    Ok(())
}
