//! Hands the memory map to the linker, and the program its build id.

mod sources;

use std::path::PathBuf;
use std::{env, io};

fn main() -> io::Result<()> {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let root = package.parent().unwrap_or(&package);
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none") {
        println!(
            "cargo::rustc-link-arg-bins=-T{}",
            root.join("linker/el2.ld").display()
        );
        // One page, or each segment starts at its own 64 KiB of the file.
        println!("cargo::rustc-link-arg-bins=-zmax-page-size=4096");
    }
    let build_id = sources::build_id(root, &sources::EL2)?;
    println!("cargo::rustc-env=VAMBRACE_EL2_BUILD_ID={build_id}");
    Ok(())
}
