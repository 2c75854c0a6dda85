//! What a program claims and needs, and where the harness finds it.
//!
//! The header's form and keys are those of the README next door.
#![expect(
    unsafe_code,
    reason = "a program's header is found by its section, its claim by its symbol"
)]

use crate::{cpus::Cpu, expect::Proof};

/// A program's claim, as the harness runs it; made by [`claim!`](crate::claim!).
#[derive(Debug)]
pub struct Claim {
    /// The claim in one sentence.
    pub sentence: &'static str,
    /// Runs on the boot CPU.
    pub prove: fn() -> Proof,
    /// Runs on each CPU that CPU_ON starts.
    pub secondary: fn(&'static Cpu),
}

// Each program defines it once, by `claim!`, with this very type.
unsafe extern "Rust" {
    /// The claim of the program that this harness is linked into.
    #[link_name = "vambrace_claim"]
    pub(crate) safe static CLAIM: Claim;
}

/// States a program's claim: its sentence, what it needs, the function that proves it on the boot
/// CPU, and, if it wants more than resting, what the other CPUs do.
#[macro_export]
macro_rules! claim {
    ($sentence:literal; $($key:ident : $value:literal),* $(,)?; $prove:path) => {
        $crate::claim! { $sentence; $($key: $value),*; $prove, $crate::cpus::rest }
    };
    ($sentence:literal; $($key:ident : $value:literal),* $(,)?; $prove:path, $secondary:path) => {
        $($crate::claim! { @known $key })*

        #[expect(
            unsafe_code,
            reason = "the runner finds the header by its section, the harness the claim by its symbol"
        )]
        const _: () = {
            const TEXT: &str = concat!(
                "claim: ", $sentence, "\n",
                $(stringify!($key), ": ", $value, "\n",)*
            );

            #[used]
            #[unsafe(link_section = ".vambrace.claim")]
            static HEADER: [u8; TEXT.len()] = *TEXT.as_bytes().as_array().unwrap();

            #[unsafe(no_mangle)]
            static vambrace_claim: $crate::claim::Claim = $crate::claim::Claim {
                sentence: $sentence,
                prove: $prove,
                secondary: $secondary,
            };
        };
    };
    (@known vcpus) => {};
    (@known psci) => {};
    (@known kvm) => {};
    (@known with) => {};
    (@known dialect) => {};
    (@known needs) => {};
    (@known resets) => {};
}
