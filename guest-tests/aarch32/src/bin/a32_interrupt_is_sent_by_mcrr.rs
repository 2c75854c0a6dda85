//! MCRR of ICC_SGI1R makes the interrupt that it names pending, and no other.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    arch::registers,
    claim,
    cpus::wait_until,
    expect::{self, Proof},
};

claim! {
    "MCRR of ICC_SGI1R makes the interrupt that it names pending, and no other.";
    vcpus: 1, needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    // IHI0069 §12.9.1: GICD_CTLR.ARE and EnableGrp1. §12.11: GICR_WAKER, and of the frame for SGIs
    // IGROUPR0, ISENABLER0, IPRIORITYR1. Interrupt 5, and 6 beside it.
    registers::write_gic(0x0_0000, 0x12);
    registers::write_gic(0xA_0014, 0);
    wait_until("GICR_WAKER.ChildrenAsleep cleared", || {
        registers::read_gic(0xA_0014) & 0b100 == 0
    })?;
    registers::write_gic(0xB_0080, 0xFFFF_FFFF);
    registers::write_gic(0xB_0404, 0x8080_8080);
    registers::write_gic(0xB_0100, 0b110_0000);
    registers::enable_interrupts();
    expect::equal("before", registers::highest_pending(), 1023)?;
    // IHI0069 §12.5.13: INTID in 27:24, the target list in 15:0.
    registers::send_interrupt(5 << 24 | 1, 0);
    wait_until("interrupt 5 pending", || registers::highest_pending() == 5)?;
    // GICR_ISPENDR0.
    expect::equal("pending", registers::read_gic(0xB_0200) & 0xFFFF, 0b10_0000)?;
    // Another CPU's, by Aff1 and by the list.
    registers::send_interrupt(6 << 24 | 1 << 16 | 1, 0);
    registers::send_interrupt(6 << 24 | 2, 0);
    expect::equal("still", registers::read_gic(0xB_0200) & 0xFFFF, 0b10_0000)
}
