//! Versions and features are the same on every CPU.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::hvc,
};

claim! {
    "Versions and features are the same on every CPU.";
    vcpus: 4, psci: "1.0", kvm: "5.19", with: "trng,vendor-hyp";
    prove, ask
}

/// Versions of PSCI, SMCCC and TRNG, and features of KVM's own services.
const CALLS: [u32; 4] = [0x8400_0000, 0x8000_0000, 0x8400_0050, 0x8600_0000];
/// The word after the answers: they are complete.
const DONE: usize = CALLS.len();

fn prove() -> Proof {
    ask(cpus::current());
    for index in 1..4 {
        expect::code("CPU_ON", cpus::power_on(index, 0), 0)?;
        let cpu = cpus::cpu(index);
        wait_until("a CPU's answers", || {
            cpu.words[DONE].load(Ordering::Acquire) == 1
        })?;
        cpus::print_record(index);
        for (theirs, ours) in cpu.words.iter().zip(&cpus::current().words) {
            let (theirs, ours) = (theirs.load(Ordering::Relaxed), ours.load(Ordering::Relaxed));
            expect::equal("answer on another CPU", theirs, ours)?;
        }
    }
    Ok(())
}

fn ask(cpu: &'static Cpu) {
    for (word, id) in cpu.words.iter().zip(CALLS) {
        word.store(hvc(id, &[]).x[0], Ordering::Relaxed);
    }
    cpu.words[DONE].store(1, Ordering::Release);
}
