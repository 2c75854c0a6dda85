//! AFFINITY_INFO of a node of four CPUs is ON while any of them is.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu},
    expect::{self, Proof},
    firmware::{CPU_OFF, Call},
    table,
};

claim! {
    "AFFINITY_INFO of a node of four CPUs is ON while any of them is.";
    vcpus: 4;
    prove, stay_on
}

/// How many of the other CPUs may go off, from the last one down.
static RELEASED: AtomicU64 = AtomicU64::new(0);

fn prove() -> Proof {
    for index in 1..4 {
        expect::code("CPU_ON", cpus::power_on(index, 0), 0)?;
        cpus::cpu(index).wait_for_start(1)?;
        node_is_on(index)?;
    }
    for index in [3, 2, 1] {
        RELEASED.fetch_add(1, Ordering::Release);
        cpus::wait_until_off(index)?;
        // DEN0022 §5.1.5: the CPU is OFF, the nodes it is in are ON.
        table::answers(&[(0xC400_0004, &[index, 0], 1), (0x8400_0004, &[index, 0], 1)])?;
        node_is_on(index)?;
    }
    Ok(())
}

/// Levels 1 to 3, named by any CPU in them.
fn node_is_on(member: u64) -> Proof {
    for level in 1..=3 {
        table::answers(&[
            (0xC400_0004, &[member, level], 0),
            (0x8400_0004, &[member, level], 0),
        ])?;
    }
    Ok(())
}

fn stay_on(_: &'static Cpu) {
    let place = 4 - u64::from(cpus::index());
    while RELEASED.load(Ordering::Acquire) < place {
        cpus::pause();
    }
    Call::hvc(CPU_OFF, &[]).make_last();
}
