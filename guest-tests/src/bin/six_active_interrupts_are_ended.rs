//! Six interrupts that are active together are all ended, and can be taken again.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::interrupts,
    claim, cpus,
    expect::{self, Proof},
    line, wakeup,
};

// KVM forgets, before Linux 6.19, the end of an interrupt for which it has no list register.
claim! {
    "Six interrupts that are active together are all ended, and can be taken again.";
    vcpus: 1, kvm: "6.19", needs: "gic-v3";
    prove
}

/// More than a CPU has list registers, by which a hypervisor hands interrupts to a guest: mostly four.
const COUNT: u64 = 6;

fn prove() -> Proof {
    wakeup::route_sgis()?;
    for round in 1..=2 {
        // Each interrupts the one before.
        for sgi in (0..COUNT).rev() {
            interrupts::send_sgi(sgi, cpus::mpidr(0));
            expect::equal("the more urgent interrupt", interrupts::acknowledge(), sgi)?;
        }
        (0..COUNT).for_each(interrupts::end);
        line!("round {round}: {COUNT} interrupts ended");
    }
    Ok(())
}
