//! KVM takes every power state as standby: CPU_SUSPEND returns SUCCESS.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    table, wakeup,
};

claim! {
    "KVM takes every power state as standby: CPU_SUSPEND returns SUCCESS.";
    vcpus: 1, dialect: "kvm", needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    wakeup::route_timer()?;
    wakeup::arm_timer(0);
    // Powerdown, higher levels, reserved bits, and an entry outside RAM.
    for state in [0, 1, 0x1_0000, 0x101_0000, 0x4000_0000, 0xFFFF_FFFF] {
        table::answers(&[
            (0xC400_0001, &[state, 0, 0], 0),
            (0x8400_0001, &[state, 0, 0], 0),
        ])?;
    }
    wakeup::disarm_timer();
    expect::equal("starts of the boot CPU", cpus::current().starts(), 1)
}
