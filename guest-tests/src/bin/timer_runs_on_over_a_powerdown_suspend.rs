//! The timer that ends a powerdown suspend is as it was, and its interrupt pending.
#![no_std]
#![no_main]

use aarch64_cpu::registers::CNTV_CTL_EL0;
use tock_registers::interfaces::Readable as _;
use vambrace_guest_tests::{
    arch::interrupts,
    claim, cpus,
    expect::{self, Proof},
    firmware::Call,
    wakeup,
};

claim! {
    "The timer that ends a powerdown suspend is as it was, and its interrupt pending.";
    vcpus: 1, dialect: "spec", needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    for microseconds in [0, 20_000] {
        wakeup::route_timer()?;
        wakeup::arm_timer(microseconds);
        let suspend = Call::hvc(0xC400_0001, &[1 << 16, cpus::resume_point(), 7]);
        expect::resumed("CPU_SUSPEND", suspend.make_or_resume(), 7)?;
        // The device tree calls it always-on. Enabled, not masked, expired; PPI 27.
        expect::equal("CNTV_CTL_EL0", CNTV_CTL_EL0.get(), 0b101)?;
        expect::equal("ICC_HPPIR1_EL1", interrupts::highest_pending(), 27)?;
        wakeup::disarm_timer();
    }
    Ok(())
}
