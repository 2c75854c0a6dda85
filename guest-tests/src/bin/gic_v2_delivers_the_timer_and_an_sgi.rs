//! A GICv2 delivers the timer's interrupt, and an SGI to another CPU with its sender's number.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    gic_v2, line, wakeup,
};

claim! {
    "A GICv2 delivers the timer's interrupt, and an SGI to another CPU with its sender's number.";
    vcpus: 2, needs: "gic-v2";
    prove, take
}

const TIMER: u32 = 27;
const SGI: u32 = 5;

fn prove() -> Proof {
    gic_v2::enable_distributor();
    gic_v2::receive(1 << TIMER);
    wakeup::arm_timer(0);
    wait_until("the timer's interrupt", || {
        gic_v2::highest_pending() == TIMER
    })?;
    let taken = gic_v2::acknowledge();
    wakeup::disarm_timer();
    gic_v2::end(taken);
    expect::equal("the timer's interrupt", taken.into(), TIMER.into())?;
    line!("CPU 0: interrupt {taken}");

    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    let [ready, outcome, ..] = &cpus::cpu(1).words;
    wait_until("CPU 1", || ready.load(Ordering::Acquire) != 0)?;
    gic_v2::send_sgi(SGI, 1);
    wait_until("CPU 1's interrupt", || outcome.load(Ordering::Acquire) != 0)?;
    // CPU 0's number is 0.
    expect::equal(
        "CPU 1's interrupt",
        outcome.load(Ordering::Acquire),
        SGI.into(),
    )?;
    line!("CPU 1: interrupt {SGI} from CPU 0");

    expect::equal(
        "nothing is left",
        gic_v2::highest_pending().into(),
        gic_v2::NONE.into(),
    )
}

fn take(cpu: &'static Cpu) {
    let [ready, outcome, ..] = &cpu.words;
    gic_v2::receive(0);
    ready.store(1, Ordering::Release);
    let pending = wait_until("the SGI", || gic_v2::highest_pending() != gic_v2::NONE);
    let taken = pending.map_or(u32::MAX, |()| gic_v2::acknowledge());
    gic_v2::end(taken);
    outcome.store(taken.into(), Ordering::Release);
}
