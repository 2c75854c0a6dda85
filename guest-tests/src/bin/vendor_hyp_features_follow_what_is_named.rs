//! The vendor hypervisor service offers itself alone when nothing else is named.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::hvc,
    table,
};

claim! {
    "The vendor hypervisor service offers itself alone when nothing else is named.";
    vcpus: 1, kvm: "5.19", with: "vendor-hyp";
    prove
}

fn prove() -> Proof {
    // Bit n of x0 is function n: the query itself is function 0, PTP 1.
    let words = hvc(0x8600_0000, &[]).x;
    for (word, expected) in words.into_iter().zip([0x1, 0, 0, 0]) {
        expect::equal("a word of the features", word, expected)?;
    }
    table::answers(&[
        (0x8600_0001, &[0], -1),
        (0xC600_0040, &[], -1),
        (0xC600_0041, &[0], -1),
    ])
}
