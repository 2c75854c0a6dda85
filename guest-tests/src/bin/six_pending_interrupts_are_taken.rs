//! Six interrupts that are pending together are taken by urgency, and can be taken again.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::interrupts,
    claim, cpus,
    expect::{self, Proof},
    line, wakeup,
};

claim! {
    "Six interrupts that are pending together are taken by urgency, and can be taken again.";
    vcpus: 1, needs: "gic-v3";
    prove
}

/// More than a CPU has list registers, by which a hypervisor hands interrupts to a guest: mostly four.
const COUNT: u64 = 6;

fn prove() -> Proof {
    wakeup::route_sgis()?;
    for round in 1..=2 {
        for sgi in (0..COUNT).rev() {
            interrupts::send_sgi(sgi, cpus::mpidr(0));
        }
        for sgi in 0..COUNT {
            let taken = interrupts::acknowledge();
            interrupts::end(taken);
            expect::equal("the next interrupt", taken, sgi)?;
        }
        expect::equal("after the last", interrupts::acknowledge(), 1023)?;
        line!("round {round}: {COUNT} interrupts taken");
    }
    Ok(())
}
