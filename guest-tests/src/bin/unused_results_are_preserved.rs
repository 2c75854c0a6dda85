//! A call without results in x1 to x3 keeps them.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{hvc, pattern},
};

claim! {
    "A call without results in x1 to x3 keeps them.";
    vcpus: 2, psci: "1.0", dialect: "spec";
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
        let answer = hvc(id, arguments);
        for (index, found) in answer.x.into_iter().enumerate().skip(1) {
            let given = arguments.get(index - 1).copied().unwrap_or(pattern(index));
            expect::equal("x1 to x3", found, given)?;
        }
    }
    Ok(())
}
