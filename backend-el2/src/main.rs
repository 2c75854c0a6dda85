//! The program at EL2: everything of it is in the library.
// Without an operating system on its own machine; elsewhere only the library means anything.
#![cfg_attr(target_os = "none", no_std, no_main)]

use vambrace_el2 as _;

/// Says what this program is for, where it cannot run.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("build this for the bare machine: --target aarch64-unknown-none-softfloat");
}
