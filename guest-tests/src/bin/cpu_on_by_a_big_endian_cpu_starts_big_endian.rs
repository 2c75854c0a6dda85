//! A CPU starts with the endianness of the CPU that calls CPU_ON.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{Call, Conduit},
};

claim! {
    "A CPU starts with the endianness of the CPU that calls CPU_ON.";
    vcpus: 3;
    prove
}

/// SCTLR_EL1.EE (DDI0487, chapter D24).
const BIG_ENDIAN: u64 = 1 << 25;

fn prove() -> Proof {
    // DEN0022 §6.4: the endianness of the caller's exception level is the started CPU's.
    start(1, Conduit::HvcBigEndian, BIG_ENDIAN)?;
    start(2, Conduit::Hvc, 0)
}

fn start(index: u64, conduit: Conduit, endianness: u64) -> Proof {
    let arguments = [cpus::mpidr(index), cpus::entry_point(), 0x0102_0304];
    let answer = Call::by(conduit, 0xC400_0003, &arguments).make();
    expect::code("CPU_ON", answer, 0)?;
    cpus::cpu(index).wait_for_start(1)?;
    let state = cpus::cpu(index).entry_state();
    expect::equal("SCTLR_EL1.EE", state.sctlr & BIG_ENDIAN, endianness)?;
    expect::equal("x0 at the entry", state.x[0], 0x0102_0304)?;
    state.expect_reset()
}
