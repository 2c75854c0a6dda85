//! Hands the memory map to the linker, and the program its build id.
//!
//! The id is a digest of the sources that make the program: whoever starts it compares that with its
//! own. A path's place in the workspace counts, where the workspace lies does not.

use std::env;
use std::path::PathBuf;

fn main() {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let script = package.join("../linker/el2.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    // One page, or each segment starts at its own 64 KiB of the file.
    println!("cargo::rustc-link-arg-bins=-zmax-page-size=4096");
}
