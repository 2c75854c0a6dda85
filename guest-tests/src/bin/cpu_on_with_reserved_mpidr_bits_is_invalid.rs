//! CPU_ON and AFFINITY_INFO refuse an affinity with reserved bits.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{AFFINITY_INFO_64, CPU_ON_64, hvc},
};

// KVM masked these bits off before Linux 5.15.
claim! {
    "CPU_ON and AFFINITY_INFO refuse an affinity with reserved bits.";
    vcpus: 2, kvm: "5.15";
    prove
}

/// Bit 31 is RES1 in MPIDR_EL1 itself: who passes the register unmasked finds nobody.
const RESERVED: [u64; 5] = [1 << 24, 1 << 30, 1 << 31, 1 << 40, 1 << 63];

fn prove() -> Proof {
    for bit in RESERVED {
        // DEN0022 §5.1.4 and §5.1.5: these bits must be zero. INVALID_PARAMETERS is -2.
        let answer = hvc(CPU_ON_64, &[cpus::mpidr(1) | bit, cpus::entry_point(), 0]);
        expect::code("CPU_ON with a reserved bit", answer, -2)?;
        let answer = hvc(AFFINITY_INFO_64, &[cpus::mpidr(1) | bit, 0]);
        expect::code("AFFINITY_INFO with a reserved bit", answer, -2)?;
    }
    expect::equal("starts of CPU 1", cpus::cpu(1).starts(), 0)
}
