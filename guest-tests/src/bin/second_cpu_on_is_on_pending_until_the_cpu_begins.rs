//! A second CPU_ON hears ON_PENDING until the CPU has begun, then ALREADY_ON.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::Call,
    table,
};

claim! {
    "A second CPU_ON hears ON_PENDING until the CPU has begun, then ALREADY_ON.";
    vcpus: 8, dialect: "spec";
    prove
}

fn prove() -> Proof {
    let entry = cpus::entry_point();
    for index in 1..8 {
        expect::code("CPU_ON", cpus::power_on(index, index), 0)?;
        // DEN0022 §5.1.4, §5.1.5: when the CPU begins is chance, but it does so once.
        let power = Call::hvc(0xC400_0004, &[index, 0]).make_told(|_| "ON_PENDING or ON");
        let power = power.code();
        expect::holds(
            "AFFINITY_INFO",
            power as u64,
            "0 or 2",
            power == 0 || power == 2,
        )?;
        let again = Call::hvc(0xC400_0003, &[index, entry, 0]);
        let code = again.make_told(|_| "ON_PENDING or ALREADY_ON").code();
        let known = code == -4 || (code == -5 && power == 2);
        expect::holds(
            "second CPU_ON",
            code as u64,
            "-4, or -5 if it was pending",
            known,
        )?;
    }
    for index in 1..8 {
        cpus::cpu(index).wait_for_start(1)?;
        expect::equal(
            "x0 at the entry",
            cpus::cpu(index).entry_state().x[0],
            index,
        )?;
        table::answers(&[
            (0xC400_0004, &[index, 0], 0),
            (0xC400_0003, &[index, entry, 0], -4),
        ])?;
    }
    Ok(())
}
