//! A started CPU panics while the boot CPU prints: the crash report is whole, exit code 126.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu},
    expect::Proof,
    line,
};

claim! {
    "A crash of a started CPU ends the machine.";
    vcpus: 2;
    prove, crash
}

fn prove() -> Proof {
    cpus::power_on(1, 0);
    for count in 0_u64.. {
        line!("still here {count}");
    }
    Ok(())
}

fn crash(_: &'static Cpu) {
    panic!("on purpose")
}
