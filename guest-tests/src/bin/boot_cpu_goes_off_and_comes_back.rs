//! The boot CPU goes off like any other, and another CPU starts it again.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    exit,
    expect::{self, Proof},
    firmware::{CPU_OFF, Call},
    line,
};

claim! {
    "The boot CPU goes off like any other, and another CPU starts it again.";
    vcpus: 2;
    prove, started
}

const CONTEXT: u64 = 0xB007_CAFE_0000_0001;

fn prove() -> Proof {
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    let answer = Call::hvc(CPU_OFF, &[]).make_last();
    expect::holds("CPU_OFF", answer.x[0], "no return", false)
}

fn started(cpu: &'static Cpu) {
    if cpus::index() == 0 {
        exit::end(judge(cpu));
    }
    if let Err(failure) = start_boot_cpu() {
        panic!("{failure}");
    }
    cpu.words[0].store(1, Ordering::Release);
}

/// On CPU 1.
fn start_boot_cpu() -> Proof {
    cpus::wait_until_off(0)?;
    expect::code("CPU_ON of the boot CPU", cpus::power_on(0, CONTEXT), 0)
}

/// On the boot CPU, started once more.
fn judge(cpu: &Cpu) -> Proof {
    // Its CPU_ON may return later than this CPU starts.
    let noted = &cpus::cpu(1).words[0];
    wait_until("CPU 1's notes", || noted.load(Ordering::Acquire) == 1)?;
    cpus::print_record(1);
    let state = cpu.entry_state();
    line!("cpu0: x0 {:#x}", state.x[0]);
    expect::equal("starts of the boot CPU", cpu.starts(), 2)?;
    expect::equal("x0 at the entry", state.x[0], CONTEXT)?;
    state.expect_reset()
}
