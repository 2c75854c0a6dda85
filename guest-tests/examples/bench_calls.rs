//! Counts what firmware calls cost from guest to guest: `bench: <kind> <count> <ticks>`.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    bench, claim, cpus,
    expect::{self, Proof},
    firmware::{AFFINITY_INFO_64, CPU_ON_64, PSCI_FEATURES, PSCI_VERSION, hvc},
};

claim! {
    "Each kind of call is made four thousand times, and its ticks are counted.";
    vcpus: 2, psci: "1.0", with: "trng";
    prove
}

fn prove() -> Proof {
    // CPU 1 is on and rests, where it takes no time from the counter.
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    cpus::cpu(1).wait_for_start(1)?;
    bench::mmio_read("mmio-read");
    let version = hvc(PSCI_VERSION, &[]).code();
    bench::hvc("psci-version", PSCI_VERSION, [0; 3], version);
    // DEN0028 §5.2: -1, nobody has this function.
    bench::hvc("unknown", 0x8600_FF42, [0; 3], -1);
    // DEN0022 §5.1.15: 0, the function is there.
    let cpu_on = u64::from(CPU_ON_64);
    bench::hvc("psci-features", PSCI_FEATURES, [cpu_on, 0, 0], 0);
    // DEN0022 §5.1.4: ALREADY_ON is -4. §5.1.5: ON is 0.
    let target = cpus::mpidr(1);
    let entry = cpus::entry_point();
    bench::hvc("cpu-on-running", CPU_ON_64, [target, entry, 0], -4);
    bench::hvc("affinity-info", AFFINITY_INFO_64, [target, 0, 0], 0);
    // DEN0098: TRNG_RND64 of 192 bits, SUCCESS is 0.
    bench::hvc("trng-rnd64", 0xC400_0053, [192, 0, 0], 0);
    Ok(())
}
