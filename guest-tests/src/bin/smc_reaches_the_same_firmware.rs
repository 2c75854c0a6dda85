//! SMC answers as HVC does.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{hvc, smc},
};

// KVM answers every SMC with -1 before Linux 6.4.
claim! {
    "SMC answers as HVC does.";
    vcpus: 2, psci: "1.0", kvm: "6.4";
    prove
}

fn prove() -> Proof {
    let calls: [(u32, &[u64]); 8] = [
        (0x8400_0000, &[]),
        (0x8400_0006, &[]),
        (0x8400_000A, &[0xC400_0003]),
        (0x8400_000A, &[0x8400_001F]),
        (0xC400_0004, &[1, 0]),
        (0xC400_0004, &[1, 4]),
        (0x8000_0000, &[]),
        (0x8400_001F, &[]),
    ];
    for (id, arguments) in calls {
        // DEN0028 §2.9: the conduit does not change a call's meaning.
        let by_hvc = hvc(id, arguments);
        let by_smc = smc(id, arguments);
        expect::equal("x0 by SMC", by_smc.x[0], by_hvc.x[0])?;
    }
    let answer = smc(0xC400_0003, &[cpus::mpidr(1), cpus::entry_point(), 11]);
    expect::code("CPU_ON by SMC", answer, 0)?;
    cpus::cpu(1).wait_for_start(1)?;
    expect::equal("x0 at the entry", cpus::cpu(1).entry_state().x[0], 11)
}
