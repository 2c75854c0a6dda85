//! CPU_ON by an AArch32 caller of itself, or of a CPU that runs, is ALREADY_ON.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    arch::entry,
    claim,
    cpus::cpu,
    expect::{self, Proof},
    firmware::{AFFINITY_INFO, CPU_ON, hvc},
};

claim! {
    "CPU_ON by an AArch32 caller of itself, or of a CPU that runs, is ALREADY_ON.";
    vcpus: 2, psci: "1.0", kvm: "6.1";
    prove
}

fn prove() -> Proof {
    let entry = entry::a32_entry();
    // DEN0022 §5.1.4: ALREADY_ON is -4, INVALID_PARAMETERS -2.
    expect::code("CPU_ON of self", hvc(CPU_ON, &[0, entry, 1]), -4)?;
    expect::code("CPU_ON", hvc(CPU_ON, &[1, entry, 7]), 0)?;
    cpu(1).wait_for_start(1)?;
    let again = hvc(CPU_ON, &[1, entry::thumb_entry(), 8]);
    expect::code("CPU_ON of a running CPU", again, -4)?;
    expect::code("CPU_ON of nobody", hvc(CPU_ON, &[8, entry, 9]), -2)?;
    // DEN0022 §5.1.5: ON is 0.
    expect::code("AFFINITY_INFO", hvc(AFFINITY_INFO, &[1, 0]), 0)?;
    expect::equal("starts", cpu(1).starts(), 1)?;
    expect::equal("r0 at the entry", cpu(1).entry_state().r[0], 7)
}
