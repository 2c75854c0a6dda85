//! What this CPU remembers of a guest's branches, and how it is made to forget them (Spectre-BHB).
#![expect(unsafe_code, reason = "the loop has to be of these branches alone")]

use core::arch::asm;

/// Overwrites the history of taken branches (SMCCC_ARCH_WORKAROUND_3, DEN0028 §7.7). On a CPU that
/// does not need it this is some hundred instructions lost.
pub(crate) fn overwrite_branch_history() {
    // SAFETY: Branches within this block, and barriers.
    unsafe {
        asm!(
            "2: b 3f",
            "3: subs {rounds}, {rounds}, #1",
            "b.ne 2b",
            "dsb nsh",
            "isb",
            rounds = inout(reg) LONGEST_HISTORY => _,
            options(nomem, nostack)
        );
    }
}

/// Rounds that fill the longest history that an Arm core has (Cortex-X3 and Neoverse V2).
const LONGEST_HISTORY: u64 = 132;
