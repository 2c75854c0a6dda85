//! Each interrupt of the UART reaches the CPU that it is routed to, which is not the boot CPU.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::interrupts,
    claim, console,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    line, wakeup,
};

// The monitor's UART under KVM has no interrupt.
claim! {
    "Each interrupt of the UART reaches the CPU that it is routed to, which is not the boot CPU.";
    vcpus: 2, el2: "memory=128M";
    prove, take
}

const COUNT: u64 = 10;
const UART_INTERRUPT: u64 = 33;

fn prove() -> Proof {
    wakeup::route_timer()?;
    wakeup::route_uart(1);
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    let outcome = &cpus::cpu(1).words[0];
    wait_until("the interrupts", || outcome.load(Ordering::Acquire) != 0)?;
    expect::equal("CPU 1's interrupts", outcome.load(Ordering::Acquire), COUNT)?;
    expect::equal("CPU 0's interrupt", interrupts::highest_pending(), 1023)?;
    line!("{COUNT} interrupts of the UART taken by CPU 1");
    Ok(())
}

fn take(cpu: &'static Cpu) {
    let outcome = take_all().map_or(u64::MAX, |()| COUNT);
    cpu.words[0].store(outcome, Ordering::Release);
}

fn take_all() -> Proof {
    wakeup::route_timer()?;
    for _ in 0..COUNT {
        console::signal();
        wait_until("the UART's interrupt", || {
            interrupts::highest_pending() == UART_INTERRUPT
        })?;
        let taken = interrupts::acknowledge();
        console::stop_signalling();
        interrupts::end(taken);
        expect::equal("the interrupt", taken, UART_INTERRUPT)?;
    }
    Ok(())
}
