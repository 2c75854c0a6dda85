//! Two draws of random bits differ, on one CPU and between two.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::Call,
    line,
};

claim! {
    "Two draws of random bits differ, on one CPU and between two.";
    vcpus: 2, kvm: "5.19", with: "trng", needs: "entropy";
    prove, draw
}

fn prove() -> Proof {
    draw(cpus::current());
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    let other = cpus::cpu(1);
    wait_until("CPU 1's draws", || {
        other.words[DONE].load(Ordering::Acquire) == 1
    })?;

    let mut draws = [0; 4];
    for (place, word) in draws
        .iter_mut()
        .zip(cpus::cpu(0).words[..2].iter().chain(&other.words[..2]))
    {
        *place = word.load(Ordering::Relaxed);
    }
    draws.sort_unstable();
    // DEN0098 §1: 64 bits of full entropy are the same once in 2^64.
    let different = draws.is_sorted_by(|left, right| left < right);
    line!("two draws of 64 bits by each CPU");
    expect::holds("draws", draws[0], "four that differ", different)
}

fn draw(cpu: &'static Cpu) {
    for word in &cpu.words[..2] {
        let answer = Call::hvc(0xC400_0053, &[64]).make_silently();
        word.store(answer.x[3], Ordering::Relaxed);
    }
    cpu.words[DONE].store(1, Ordering::Release);
}

const DONE: usize = 2;
