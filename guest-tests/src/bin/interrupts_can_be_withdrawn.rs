//! The redistributor tells which interrupts are pending and active, and both can be taken back.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::interrupts,
    claim, cpus,
    expect::{self, Proof},
    line, wakeup,
};

claim! {
    "The redistributor tells which interrupts are pending and active, and both can be taken back.";
    vcpus: 1, needs: "gic-v3";
    prove
}

const SGI: u64 = 3;
const BIT: u32 = 1 << SGI;

fn prove() -> Proof {
    wakeup::route_sgis()?;
    told("at first", [0, 0])?;
    interrupts::send_sgi(SGI, cpus::mpidr(0));
    told("sent", [BIT, 0])?;
    wakeup::withdraw(BIT);
    told("withdrawn", [0, 0])?;
    expect::equal("what is pending then", interrupts::highest_pending(), 1023)?;

    interrupts::send_sgi(SGI, cpus::mpidr(0));
    expect::equal("what is taken", interrupts::acknowledge(), SGI)?;
    told("taken", [0, BIT])?;
    interrupts::send_sgi(SGI, cpus::mpidr(0));
    told("sent again", [BIT, BIT])?;
    interrupts::end(SGI);
    told("ended", [BIT, 0])?;

    expect::equal("what is taken", interrupts::acknowledge(), SGI)?;
    wakeup::deactivate(BIT);
    told("deactivated", [0, 0])
}

/// IHI0069, GICR_ISPENDR0 and GICR_ISACTIVER0: of the SGIs.
fn told(when: &'static str, expected: [u32; 2]) -> Proof {
    let [pending, active] = wakeup::pending_and_active().map(|state| state & 0xffff);
    line!("{when}: pending {pending:#x}, active {active:#x}");
    expect::equal("pending", pending.into(), expected[0].into())?;
    expect::equal("active", active.into(), expected[1].into())
}
