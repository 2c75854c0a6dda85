//! Hands the memory map of the A32 guests to the linker.

use std::{env, path::PathBuf};

fn main() {
    let script = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../../linker/guest-aarch32.ld");
    println!("cargo:rerun-if-changed={}", script.display());
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    // One page, or each segment starts at its own 64 KiB of the file.
    println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
}
