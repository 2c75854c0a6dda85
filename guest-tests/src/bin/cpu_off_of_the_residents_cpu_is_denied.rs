//! CPU_OFF is DENIED on the CPU of the Trusted OS, and succeeds after MIGRATE.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::{CPU_OFF, Call, hvc},
    table,
};

claim! {
    "CPU_OFF is DENIED on the CPU of the Trusted OS, and succeeds after MIGRATE.";
    vcpus: 2, psci: "1.0", dialect: "spec", with: "migrate";
    prove, host
}

fn prove() -> Proof {
    // DEN0022 §5.1.3, §5.9: DENIED is -3.
    table::answers(&[(CPU_OFF, &[], -3), (CPU_OFF, &[], -3)])?;
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    let other = cpus::cpu(1);
    other.wait_for_start(1)?;
    table::answers(&[(0xC400_0005, &[1], 0)])?;
    other.words[MOVED_THERE].store(1, Ordering::Release);
    cpus::wake_all();
    wait_until("MIGRATE back", || {
        other.words[MOVED_BACK].load(Ordering::Acquire) == 1
    })?;
    cpus::wait_until_off(1)?;
    cpus::print_record(1);
    table::answers(&[(0x8400_0007, &[], 0), (CPU_OFF, &[], -3)])
}

fn host(cpu: &'static Cpu) {
    while cpu.words[MOVED_THERE].load(Ordering::Acquire) == 0 {
        cpus::pause();
    }
    let denied = hvc(CPU_OFF, &[]);
    let back = hvc(0xC400_0005, &[0]);
    assert_eq!((denied.code(), back.code()), (-3, 0), "CPU_OFF and MIGRATE");
    cpu.words[MOVED_BACK].store(1, Ordering::Release);
    Call::hvc(CPU_OFF, &[]).make_last();
}

const MOVED_THERE: usize = 0;
const MOVED_BACK: usize = 1;
