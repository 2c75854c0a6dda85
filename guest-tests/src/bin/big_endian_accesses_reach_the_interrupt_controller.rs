//! The interrupt controller has one byte order, whatever the CPU's that accesses it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::byte_order::{load_doubleword, load_word, store_doubleword, store_word},
    arch::fault::{Answer, Attempt},
    claim,
    expect::{self, Proof},
};

claim! {
    "The interrupt controller has one byte order, whatever the CPU's that accesses it.";
    vcpus: 1, needs: "gic-v3";
    prove
}

/// IHI0069 §12.8: GICD_CTLR, GICD_IPRIORITYR of interrupts 40 to 43, GICD_IROUTER of 40.
const CONTROL: u64 = 0x0800_0000;
const PRIORITY: u64 = 0x0800_0428;
const ROUTE: u64 = 0x0800_6140;
/// ARE and EnableGrp1.
const ON: u64 = 0x12;

fn prove() -> Proof {
    store_word(CONTROL, ON);
    expect::equal("GICD_CTLR, big-endian", load_word(CONTROL) & ON, ON)?;
    expect::equal("GICD_CTLR", little_endian(CONTROL) & ON, ON)?;

    // A byte each; the highest bits of a priority are always there.
    store_word(PRIORITY, 0x80A0_C0E0);
    expect::equal("GICD_IPRIORITYR", little_endian(PRIORITY), 0x80A0_C0E0)?;
    expect::equal("the same, big-endian", load_word(PRIORITY), 0x80A0_C0E0)?;

    // To any CPU (Interrupt_Routing_Mode), and back to the first.
    store_doubleword(ROUTE, 0);
    expect::equal("GICD_IROUTER", load_doubleword(ROUTE), 0)
}

fn little_endian(address: u64) -> u64 {
    match Attempt::LOAD_WORD.make(address) {
        Answer::Done(value) => value,
        Answer::Fault { esr, .. } => esr,
    }
}
