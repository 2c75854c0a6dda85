//! Of all guest-physical addresses only the guest's own RAM and devices answer.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::fault::{Answer, Attempt},
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "Of all guest-physical addresses only the guest's own RAM and devices answer.";
    vcpus: 1, el2: "memory=128M";
    prove
}

fn prove() -> Proof {
    let (mut ram, mut devices, mut redistributors) = (0, 0, 0);
    for address in addresses().filter(|address| answers(*address)) {
        match address {
            0x4000_0000..0x4800_0000 => ram += 1,
            // The distributor and the UART; the redistributors of eight vCPUs at most.
            0x0800_0000..0x0801_0000 | 0x0900_0000 => devices += 1,
            0x080A_0000..0x081A_0000 => redistributors += 1,
            _ => expect::holds("address", address, "nobody's", false)?,
        }
    }
    line!("{ram} blocks of RAM and {devices} pages of devices answer, and redistributors");
    expect::equal("blocks of RAM", ram, 64)?;
    expect::equal("pages of devices", devices, 16 + 1)?;
    let whole = redistributors > 0 && redistributors % 32 == 0;
    let expected = "32 for each vCPU";
    expect::holds("pages of redistributors", redistributors, expected, whole)
}

/// Every page where the board has its interrupt controller and small devices; what is around them in
/// steps of the smallest device there, and more than all RAM in blocks, which is how it is mapped.
fn addresses() -> impl Iterator<Item = u64> {
    let below = (0..DEVICES).step_by(0x1_0000);
    let devices = (DEVICES..BEHIND_DEVICES).step_by(0x1000);
    let above = (BEHIND_DEVICES..GIB).step_by(0x1_0000);
    let blocks = (GIB..16 * GIB).step_by(0x20_0000);
    below.chain(devices).chain(above).chain(blocks)
}

fn answers(address: u64) -> bool {
    matches!(Attempt::LOAD.make(address), Answer::Done(_))
}

const DEVICES: u64 = 0x0800_0000;
const BEHIND_DEVICES: u64 = 0x0A20_0000;
const GIB: u64 = 1 << 30;
