//! Each of 512 CPUs starts once, is the one that was called, and goes off.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};

use vambrace_guest_tests::{
    arch::crowd,
    claim,
    cpus::{self, AFFINITY, wait_until},
    expect::{self, Proof},
    firmware::{CPU_ON_64, Call},
    line, noinit,
};

claim! {
    "Each of 512 CPUs starts once, is the one that was called, and goes off.";
    vcpus: 512, needs: "gic-v3";
    prove
}

const CPUS: u64 = 512;

static FOUND: [AtomicU64; CPUS as usize] = [const { AtomicU64::new(0) }; CPUS as usize];

fn prove() -> Proof {
    for (index, found) in (0..).zip(&FOUND).skip(1) {
        let context = (&raw const *found).addr() as u64;
        let call = Call::hvc(CPU_ON_64, &[cpus::mpidr(index), crowd::entry(), context]);
        expect::code("CPU_ON", call.make_silently(), 0)?;
    }
    for (index, found) in (0..).zip(&FOUND).skip(1) {
        wait_until("a CPU's start", || found.load(Ordering::Acquire) != 0)?;
        let mpidr = found.load(Ordering::Acquire) & AFFINITY;
        expect::equal("MPIDR_EL1", mpidr, cpus::mpidr(index))?;
        cpus::wait_until_off_silently(index)?;
        noinit::count_repeated(1);
    }
    line!("{} CPUs were started and are off", CPUS - 1);
    Ok(())
}
