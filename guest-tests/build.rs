//! Hands the guest memory map to the linker, for programs and examples alike.

use std::{env, path::PathBuf};

fn main() {
    let script = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../linker/guest.ld");
    println!("cargo:rerun-if-changed={}", script.display());
    for kind in ["bins", "examples"] {
        println!("cargo:rustc-link-arg-{kind}=-T{}", script.display());
        // One page, or each segment starts at its own 64 KiB of the file.
        println!("cargo:rustc-link-arg-{kind}=-zmax-page-size=4096");
    }
}
