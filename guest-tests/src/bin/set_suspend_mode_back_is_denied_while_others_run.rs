//! Platform-coordinated mode is DENIED to OS-initiated CPUs while another is on.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu},
    expect::{self, Proof},
    firmware::{CPU_OFF, Call},
    table,
};

claim! {
    "Platform-coordinated mode is DENIED to OS-initiated CPUs while another is on.";
    vcpus: 3, psci: "1.0", dialect: "spec", with: "suspend-mode";
    prove, stay_on
}

static RELEASED: AtomicU64 = AtomicU64::new(0);

fn prove() -> Proof {
    for index in [1, 2] {
        expect::code("CPU_ON", cpus::power_on(index, 0), 0)?;
        cpus::cpu(index).wait_for_start(1)?;
    }
    // DEN0022 §5.1.20, §5.20: the way there is open, the way back is DENIED, -3.
    table::answers(&[(0x8400_000F, &[1], 0), (0x8400_000F, &[0], -3)])?;
    RELEASED.store(1, Ordering::Release);
    cpus::wait_until_off(1)?;
    cpus::wait_until_off(2)?;
    table::answers(&[(0x8400_000F, &[0], 0), (0x8400_000F, &[1], 0)])
}

fn stay_on(_: &'static Cpu) {
    while RELEASED.load(Ordering::Acquire) == 0 {
        cpus::pause();
    }
    Call::hvc(CPU_OFF, &[]).make_last();
}
