//! OS-initiated mode is DENIED once a CPU has called CPU_SUSPEND, until the next reset.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET},
    noinit, table, wakeup,
};

claim! {
    "OS-initiated mode is DENIED once a CPU has called CPU_SUSPEND, until the next reset.";
    vcpus: 1, psci: "1.0", resets: 1, dialect: "spec", with: "suspend-mode", needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.20, §5.20: DENIED is -3. In both modes a call counts, and a change forgets it.
    table::answers(&[(0x8400_000F, &[1], 0)])?;
    suspend()?;
    table::answers(&[
        (0x8400_000F, &[0], 0),
        (0x8400_000F, &[1], 0),
        (0x8400_000F, &[0], 0),
    ])?;
    suspend()?;
    table::answers(&[
        (0x8400_000F, &[1], -3),
        (0x8400_000F, &[0], 0),
        (0x8400_000F, &[1], -3),
    ])?;
    if noinit::boots() == 0 {
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    Ok(())
}

fn suspend() -> Proof {
    wakeup::route_timer()?;
    wakeup::arm_timer(0);
    table::answers(&[(0xC400_0001, &[0, 0, 0], 0)])?;
    wakeup::disarm_timer();
    Ok(())
}
