//! Gives the program its build id, and that of the program at EL2 which it starts.
//!
//! The program of this machine and the arm64 program it sends into lab hosts are built apart, with
//! other profiles and for other targets; equal sources give both the same id.

#[path = "../backend-el2/sources.rs"]
mod sources;

use std::path::PathBuf;
use std::{env, io};

/// What makes the program, from the workspace's root. (The manifests of the other packages have no
/// part in it, and Cargo.lock stands for everything that is not ours.)
const SOURCES: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "core/Cargo.toml",
    "core/src",
    "formats/Cargo.toml",
    "formats/src",
    "backend-kvm/Cargo.toml",
    "backend-kvm/src",
    "lab/Cargo.toml",
    "lab/src",
    "cli/Cargo.toml",
    "cli/src",
];

fn main() -> io::Result<()> {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let root = package.parent().unwrap_or(&package);
    for (variable, sources) in [
        ("VAMBRACE_BUILD_ID", &SOURCES[..]),
        ("VAMBRACE_EL2_BUILD_ID", &sources::EL2[..]),
    ] {
        let build_id = sources::build_id(root, sources)?;
        println!("cargo::rustc-env={variable}={build_id}");
    }
    Ok(())
}
