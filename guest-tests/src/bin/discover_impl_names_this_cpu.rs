//! DISCOVER_IMPL lists the implementations of the machine, the one it runs on first.
#![no_std]
#![no_main]

use aarch64_cpu::registers::MIDR_EL1;
use tock_registers::interfaces::Readable as _;
use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, hvc},
};

claim! {
    "DISCOVER_IMPL lists the implementations of the machine, the one it runs on first.";
    vcpus: 1, kvm: "6.15", with: "vendor-hyp,discover-impl";
    prove
}

fn prove() -> Proof {
    // Bits 0 and 1 of x2 are the functions 0x40 and 0x41.
    let features = hvc(0x8600_0000, &[]).x;
    expect::equal("features in x0", features[0], 0x1)?;
    expect::equal("features in x2", features[2], 0x3)?;

    let [code, version, count, _] = hvc(0xC600_0040, &[]).x;
    expect::equal("DISCOVER_IMPL_VER", code, 0)?;
    expect::equal("its version", version, 0x1_0000)?;
    expect::holds("implementations", count, "at least 1", count >= 1)?;
    for index in 0..count {
        // x1 to x3: MIDR, REVIDR and AIDR.
        let answer = Call::hvc(0xC600_0041, &[index]).make_told(|_| "an implementation");
        expect::code("DISCOVER_IMPL_CPUS", answer, 0)?;
        if index == 0 {
            expect::equal("MIDR of the first", answer.x[1], MIDR_EL1.get())?;
        }
    }
    Ok(())
}
