//! Prints every register by which a guest finds out what it runs on, as the CPU reads it at EL1.
//!
//! A line is `sees: NAME VALUE`. ID registers are named by the numbers of their instruction,
//! S<op0>_<op1>_C<CRn>_C<CRm>_<op2>, so that no table of ours stands between the CPU and whoever
//! compares; reserved places of their space are read as well. Caches are asked for as CLIDR_EL1
//! names them, counters of the performance monitor where ID_AA64DFR0_EL1 says that there is one.
#![no_std]
#![no_main]

mod registers;

use vambrace_guest_tests::{claim, expect::Proof, line};

claim! {
    "A guest reads what it runs on.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    // The physical counter first: it cannot be behind the virtual one unless it is another.
    let (physical, virtual_counter) = registers::counters();
    line!("sees: CNTPCT_EL0 {physical:#x}");
    line!("sees: CNTVCT_EL0 {virtual_counter:#x}");
    for (name, read) in registers::ALL.iter().flatten() {
        line!("sees: {name} {:#x}", read());
    }
    let caches = registers::clidr_el1();
    for selector in (0..14).filter(|selector| has_cache(caches, *selector)) {
        let size = registers::ccsidr_el1(selector);
        line!("sees: CCSIDR_EL1[{selector}] {size:#x}");
    }
    // DDI0487 D24.2.59: PMUVer is bits 11:8; 0 and 15 mean that there is no PMUv3.
    if !matches!(registers::id_aa64dfr0_el1() >> 8 & 0xf, 0 | 0xf) {
        line!("sees: PMCR_EL0 {:#x}", registers::pmcr_el0());
    }
    Ok(())
}

/// Whether CLIDR_EL1 names the cache that a value of CSSELR_EL1 selects (DDI0487 D24.2.29): of each
/// level, bit 0 of the selector set, there are instructions apart in Ctype 1 and 3; else there is
/// data, or both together, in Ctype 2, 3 and 4.
fn has_cache(clidr: u64, selector: u64) -> bool {
    let kind = clidr >> (3 * (selector >> 1)) & 7;
    match selector & 1 {
        1 => matches!(kind, 1 | 3),
        _ => matches!(kind, 2..=4),
    }
}
