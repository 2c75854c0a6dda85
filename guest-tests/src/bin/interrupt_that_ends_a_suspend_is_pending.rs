//! The interrupt that wakes a CPU from CPU_SUSPEND is pending when it goes on.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::interrupts,
    claim, cpus,
    expect::{self, Proof},
    firmware::Call,
    wakeup,
};

claim! {
    "The interrupt that wakes a CPU from CPU_SUSPEND is pending when it goes on.";
    vcpus: 1, needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    // Standby, and a powerdown state, which KVM takes for the same.
    for power_state in [0, 1 << 16] {
        wakeup::route_sgi_0()?;
        interrupts::send_sgi(0, cpus::mpidr(0));
        cpus::wait_until("SGI 0 pending", || interrupts::highest_pending() == 0)?;
        // Where it goes on is another claim's matter.
        Call::hvc(0xC400_0001, &[power_state, cpus::resume_point(), 0]).make_or_resume();
        expect::equal("ICC_HPPIR1_EL1", interrupts::highest_pending(), 0)?;
        interrupts::take_back();
        expect::equal("behind it", interrupts::highest_pending(), 1023)?;
    }
    Ok(())
}
