//! A CPU that is started again is out of streaming mode, counts nothing and has no breakpoint.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::leftovers::Leftovers,
    claim,
    cpus::{self, Cpu},
    expect::{self, Proof},
    firmware::{CPU_OFF, Call},
};

claim! {
    "A CPU that is started again is out of streaming mode, counts nothing and has no breakpoint.";
    vcpus: 2;
    prove, live
}

fn prove() -> Proof {
    let cpu = cpus::cpu(1);
    expect::code("CPU_ON", cpus::power_on(1, 1), 0)?;
    cpu.wait_for_start(1)?;
    cpus::wait_until_off(1)?;
    expect::code("CPU_ON", cpus::power_on(1, 2), 0)?;
    cpus::wait_until("what the second life found", || {
        cpu.words[FOUND].load(Ordering::Acquire) == 1
    })?;
    let [streaming, counting, breakpoint, rounding, ..] = &cpu.words;
    let words = [streaming, counting, breakpoint, rounding];
    Leftovers::expect_none(words.map(|word| word.load(Ordering::Relaxed)))
}

/// The first life leaves what it can, the second looks what there is.
fn live(cpu: &'static Cpu) {
    if cpu.starts() == 1 {
        Leftovers::leave();
        Call::hvc(CPU_OFF, &[]).make_silently();
        // Only firmware that is wrong comes back.
        panic!("CPU_OFF returned");
    }
    for (word, found) in cpu.words.iter().zip(Leftovers::found().words()) {
        word.store(found, Ordering::Relaxed);
    }
    cpu.words[FOUND].store(1, Ordering::Release);
    cpus::rest(cpu);
}

/// Behind the words of [`Leftovers`].
const FOUND: usize = 4;
