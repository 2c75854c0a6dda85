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
    // 2 MiB is what a table entry of the hypervisor's maps at least.
    let blocks = (0..GIB * 8).step_by(BLOCK);
    let answers = blocks.filter(|address| {
        let answer = Attempt::LOAD.make(*address);
        matches!(answer, Answer::Done(_))
    });
    let (mut ram, mut devices) = (0, 0);
    for address in answers {
        match address {
            0x4000_0000..0x4800_0000 => ram += 1,
            // The distributor and the UART begin blocks.
            0x0800_0000 | 0x0900_0000 => devices += 1,
            _ => expect::holds("address", address, "nobody's", false)?,
        }
    }
    line!("{ram} blocks of RAM and {devices} of devices answer");
    expect::equal("blocks of RAM", ram, 64)?;
    expect::equal("blocks of devices", devices, 2)
}

const GIB: u64 = 1 << 30;
const BLOCK: usize = 0x20_0000;
