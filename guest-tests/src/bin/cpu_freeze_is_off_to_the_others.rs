//! A CPU that calls CPU_FREEZE is OFF to the others, and CPU_ON brings it back.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu},
    expect::{self, Proof},
    firmware::Call,
    table,
};

claim! {
    "A CPU that calls CPU_FREEZE is OFF to the others, and CPU_ON brings it back.";
    vcpus: 2, psci: "1.0", dialect: "spec", with: "cpu-freeze";
    prove, freeze
}

fn prove() -> Proof {
    table::psci_features(&[(0x8400_000B, 0)])?;
    for start in 1..=3 {
        expect::code("CPU_ON", cpus::power_on(1, start), 0)?;
        cpus::cpu(1).wait_for_start(start)?;
        // DEN0022 §5.1.16: as after CPU_OFF.
        cpus::wait_until_off(1)?;
        let state = cpus::cpu(1).entry_state();
        expect::equal("x0 at the entry", state.x[0], start)?;
        state.expect_reset()?;
    }
    cpus::print_record(1);
    Ok(())
}

fn freeze(_: &'static Cpu) {
    Call::hvc(0x8400_000B, &[]).make_last();
}
