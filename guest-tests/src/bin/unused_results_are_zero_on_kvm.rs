//! KVM zeroes x1 to x3 after a call that has no such results.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::hvc,
};

claim! {
    "KVM zeroes x1 to x3 after a call that has no such results.";
    vcpus: 2, psci: "1.0", dialect: "kvm";
    prove
}

fn prove() -> Proof {
    let entry = cpus::entry_point();
    let calls: [(u32, &[u64]); 6] = [
        (0x8400_0000, &[]),
        (0x8400_0006, &[]),
        (0x8400_000A, &[0xC400_0003]),
        (0xC400_0004, &[1, 0]),
        (0xC400_0003, &[0, entry, 0]),
        (0x8400_FFFF, &[1, 2, 3]),
    ];
    for (id, arguments) in calls {
        for found in &hvc(id, arguments).x[1..] {
            expect::equal("x1 to x3", *found, 0)?;
        }
    }
    Ok(())
}
