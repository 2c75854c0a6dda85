//! After SYSTEM_RESET with expired timers the timer of every CPU ticks again.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET},
    line, noinit, wakeup,
};

claim! {
    "After SYSTEM_RESET with expired timers the timer of every CPU ticks again.";
    vcpus: 4, resets: 1, needs: "gic-v3";
    prove, tick
}

const TICKS: u64 = 3;

fn prove() -> Proof {
    leave_expired()?;
    for index in 1..4 {
        expect::code("CPU_ON", cpus::power_on(index, index), 0)?;
    }
    for index in 1..4 {
        let outcome = &cpus::cpu(index).words[0];
        wait_until("ticks of a CPU", || outcome.load(Ordering::Acquire) != 0)?;
        expect::equal("ticks of a CPU", outcome.load(Ordering::Acquire), TICKS)?;
    }
    line!("{TICKS} ticks on each of four CPUs");
    if noinit::boots() == 0 {
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    Ok(())
}

fn tick(cpu: &'static Cpu) {
    let ticks = leave_expired().map_or(u64::MAX, |()| TICKS);
    cpu.words[0].store(ticks, Ordering::Release);
    loop {
        cpus::pause();
    }
}

/// Takes some ticks, and leaves one that nobody takes: its interrupt is pending until the reset.
fn leave_expired() -> Proof {
    wakeup::route_timer()?;
    wakeup::take_ticks(TICKS)?;
    wakeup::arm_timer(0);
    wakeup::wait_for_timer()
}
