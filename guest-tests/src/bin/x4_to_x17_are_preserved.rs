//! Every call, answered or refused, keeps x4 to x17.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{Call, Conduit, PSCI_FEATURES},
    wakeup,
};

claim! {
    "Every call, answered or refused, keeps x4 to x17.";
    vcpus: 2, needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    let entry = cpus::entry_point();
    let calls: [(u32, &[u64]); 17] = [
        (0x8000_0000, &[]),
        (0x8000_0001, &[0x8000_8000]),
        (0x8000_1234, &[]),
        (0x8400_0000, &[]),
        (0x8400_000A, &[0xC400_0003]),
        (0x8400_0006, &[]),
        (0x8400_0005, &[]),
        (0x8400_0004, &[1, 0]),
        (0xC400_0004, &[0, 4]),
        (0xC400_0003, &[0xFF, entry, 0]),
        (0xC400_0003, &[1, entry, 0]),
        (0x8400_0003, &[1, entry, 0]),
        (0x8400_0012, &[1, 0]),
        (0x8400_FFFF, &[]),
        (0xC500_FFFF, &[]),
        (0x0000_0000, &[]),
        (0xFFFF_FFFF, &[]),
    ];
    for (id, arguments) in calls {
        // DEN0028 §2.6 and §2.7: from SMCCC 1.1 on, x4 to x17 are preserved. Each holds a value of
        // its own before the call.
        let answer = Call::hvc(id, arguments).make();
        expect::holds("x4 to x17", id.into(), "kept", answer.kept_x4_to_x17())?;
    }
    // A call that waits, and an answer by way of an immediate.
    wakeup::route_timer()?;
    wakeup::arm_timer(0);
    wakeup::wait_for_timer()?;
    let answer = Call::hvc(0xC400_0001, &[0, entry, 0]).make();
    wakeup::disarm_timer();
    expect::holds("x4 to x17", 0xC400_0001, "kept", answer.kept_x4_to_x17())?;
    let answer = Call::by(Conduit::Hvc1, PSCI_FEATURES, &[0x8400_0000]).make();
    expect::holds(
        "x4 to x17 with hvc #1",
        PSCI_FEATURES.into(),
        "kept",
        answer.kept_x4_to_x17(),
    )
}
