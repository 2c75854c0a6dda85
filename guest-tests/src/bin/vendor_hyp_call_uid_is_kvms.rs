//! The vendor hypervisor service names itself KVM's.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::hvc,
    table,
};

claim! {
    "The vendor hypervisor service names itself KVM's.";
    vcpus: 1, kvm: "5.19", with: "vendor-hyp";
    prove
}

fn prove() -> Proof {
    // DEN0028 §5.2: 28b46fb6-2ec5-11e9-a9ca-4b564d003a74, each word's first byte the lowest.
    let words = hvc(0x8600_FF01, &[]).x;
    for (word, expected) in
        words
            .into_iter()
            .zip([0xB66F_B428, 0xE911_C52E, 0x564B_CAA9, 0x743A_004D])
    {
        expect::equal("a word of the UID", word, expected)?;
    }
    // KVM has neither the count of calls nor the revision.
    table::not_supported(&[0x8600_FF00, 0x8600_FF02, 0x8600_FF03, 0xC600_FF01])
}
