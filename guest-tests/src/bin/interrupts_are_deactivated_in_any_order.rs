//! Six interrupts that end in two steps are deactivated in any order, and can be taken again.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::interrupts,
    claim, cpus,
    expect::{self, Proof},
    line, wakeup,
};

// KVM has, before Linux 6.19, no more interrupts active than list registers.
claim! {
    "Six interrupts that end in two steps are deactivated in any order, and can be taken again.";
    vcpus: 1, kvm: "6.19", needs: "gic-v3";
    prove
}

/// More than a CPU has list registers, by which a hypervisor hands interrupts to a guest: mostly four.
const COUNT: u64 = 6;

/// IHI0069, ICC_CTLR_EL1.EOImode: the drop of priority is one step, deactivation another.
fn prove() -> Proof {
    wakeup::route_sgis()?;
    interrupts::end_in_two_steps();
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 2, 1, 4]] {
        for sgi in order {
            interrupts::send_sgi(sgi, cpus::mpidr(0));
        }
        for sgi in 0..COUNT {
            let taken = interrupts::acknowledge();
            interrupts::end(taken);
            expect::equal("the next interrupt", taken, sgi)?;
            // Active, it does not come again, but is pending.
            interrupts::send_sgi(sgi, cpus::mpidr(0));
        }
        expect::equal("while all are active", interrupts::acknowledge(), 1023)?;
        for sgi in order {
            interrupts::deactivate(sgi);
            let taken = interrupts::acknowledge();
            interrupts::end(taken);
            interrupts::deactivate(taken);
            expect::equal("the interrupt that was deactivated", taken, sgi)?;
        }
        expect::equal("after the last", interrupts::acknowledge(), 1023)?;
        line!("deactivated in the order {order:?}");
    }
    Ok(())
}
