//! An ITS makes of a message the LPI it is mapped to, at the CPU of its collection.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::interrupts,
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    its::{self, Its, LPI},
    line,
};

claim! {
    "An ITS makes of a message the LPI it is mapped to, at the CPU of its collection.";
    vcpus: 2, needs: "its";
    prove, take
}

fn prove() -> Proof {
    its::receive_lpis()?;
    let mut its = Its::begin();
    its.map_device()?;
    its.map_collection(0)?;
    its.map_event()?;
    its.happen()?;
    wait_until("the LPI", || interrupts::highest_pending() == LPI)?;
    let taken = interrupts::acknowledge();
    interrupts::end(taken);
    expect::equal("CPU 0's interrupt", taken, LPI)?;
    line!("CPU 0: LPI {taken}");

    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    let [ready, outcome, ..] = &cpus::cpu(1).words;
    wait_until("CPU 1's redistributor", || {
        ready.load(Ordering::Acquire) != 0
    })?;
    its.map_collection(1)?;
    its.move_event(1)?;
    its.happen()?;
    wait_until("CPU 1's interrupt", || outcome.load(Ordering::Acquire) != 0)?;
    expect::equal("CPU 1's interrupt", outcome.load(Ordering::Acquire), LPI)?;
    expect::equal("CPU 0's", interrupts::highest_pending(), 1023)?;
    line!("CPU 1: LPI {LPI}");
    Ok(())
}

fn take(cpu: &'static Cpu) {
    let [ready, outcome, ..] = &cpu.words;
    let routed = its::receive_lpis();
    ready.store(1, Ordering::Release);
    let taken = routed
        .and_then(|()| wait_until("the LPI", || interrupts::highest_pending() != 1023))
        .map_or(u64::MAX, |()| interrupts::acknowledge());
    interrupts::end(taken);
    outcome.store(taken, Ordering::Release);
}
