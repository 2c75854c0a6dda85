//! A virtio entropy device in the first slot fills buffers (`vambrace run --rng`).
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::memory::doubleword,
    claim,
    expect::{self, Proof},
    line,
    virtio::{Buffer, Device, RINGS, Writer},
};

claim! {
    "A virtio entropy device fills a thousand buffers, and again after a reset of it.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    let mut device = Device::find(0, 4)?;
    for round in 0..2 {
        device.set_up(0)?;
        for _ in 0..500 {
            fill(&mut device)?;
        }
        line!("round {round}: 500 buffers");
    }
    Ok(())
}

fn fill(device: &mut Device) -> Proof {
    let places = [RINGS + 0x1000, RINGS + 0x2000];
    for place in places {
        doubleword(place).store(0, Ordering::Relaxed);
    }
    let buffers = places.map(|address| Buffer {
        address,
        length: 8,
        writer: Writer::Device,
    });
    expect::equal("bytes", device.request(&buffers)?.into(), 16)?;
    let [first, second] = places.map(|place| doubleword(place).load(Ordering::Relaxed));
    // Equal, or zero, once in 2^63.
    let random = first != second && first != 0 && second != 0;
    expect::holds("random bits", first, "others than the next", random)
}
