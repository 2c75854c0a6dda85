//! An access where the guest has neither RAM nor a device ends in a synchronous external abort.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::fault::{Answer, Attempt},
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "An access where the guest has neither RAM nor a device ends in a synchronous external abort.";
    vcpus: 1, el2: "memory=128M";
    prove
}

/// The board's flash, PCIe window, distributor's neighbour, clock, GPIO, second UART, fw_cfg and
/// virtio devices; behind the last of eight redistributors; the byte behind RAM, where this program
/// and the hypervisor really are; the end of the guest's addresses, and beyond.
const ADDRESSES: [u64; 14] = [
    0x0000_0000,
    0x1000_0000,
    0x0801_0000,
    0x0901_0000,
    0x0903_0000,
    0x0904_0000,
    0x0902_0000,
    0x0A00_0000,
    0x081A_0000,
    0x4800_0000,
    0x4C20_0000,
    0x8000_0000,
    0xF_FFFF_FFF8,
    0x10_0000_0000,
];

fn prove() -> Proof {
    for address in ADDRESSES {
        for (attempt, write) in [
            (Attempt::LOAD, 0),
            (Attempt::STORE, WRITE),
            (Attempt::LOAD_PAIR, 0),
            (Attempt::STORE_POST_INDEX, WRITE),
            (Attempt::LOAD_VECTOR, 0),
            (Attempt::EXCLUSIVE, 0),
        ] {
            let answer = attempt.make(address);
            line!("{} at {address:#x}: {answer}", attempt.name);
            // DDI0487, ESR_EL1: a data abort of the same level, long instruction, external.
            expect::equal("ESR_EL1", answer.syndrome(), 0x9600_0010 | write)?;
            let Answer::Fault { far, .. } = answer else {
                continue;
            };
            expect::equal("FAR_EL1", far, address)?;
        }
    }
    Ok(())
}

/// ESR_EL1.WnR.
const WRITE: u64 = 1 << 6;
