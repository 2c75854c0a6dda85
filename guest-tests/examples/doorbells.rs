//! Two CPUs ring the doorbell of the first virtio device for ever (`vambrace boot --rng`).
//!
//! The first of them repeats what is typed.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, console,
    cpus::{self, Cpu},
    expect::{self, Proof},
    line,
    virtio::Device,
};

claim! {
    "Doorbells that ring for ever leave a machine its console and its end.";
    vcpus: 2;
    prove, ring_for_ever
}

fn prove() -> Proof {
    let mut device = Device::find(0, 4)?;
    device.set_up(0)?;
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    line!("ringing for ever");
    loop {
        ring(&device);
        if let Some(byte) = console::read_byte() {
            line!("heard {byte:#x}");
        }
    }
}

fn ring_for_ever(_: &'static Cpu) {
    // The other CPU has found it.
    let Ok(device) = Device::find(0, 4) else {
        return;
    };
    loop {
        ring(&device);
    }
}

fn ring(device: &Device) {
    for _ in 0..100 {
        device.write(0x50, 0);
    }
}
