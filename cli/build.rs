//! Gives the program its build id: a digest of the sources that make it.
//!
//! The program of this machine and the arm64 program it sends into lab hosts are built apart, with
//! other profiles and for other targets; equal sources give both the same id. A path's place in the
//! workspace counts, where the workspace lies does not.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

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
    let mut files = BTreeMap::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
        collect(root, Path::new(source), &mut files)?;
    }
    let mut hasher = DefaultHasher::new();
    for (path, content) in &files {
        for part in [path.as_bytes(), content] {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
    }
    println!(
        "cargo::rustc-env=VAMBRACE_BUILD_ID={:016x}",
        hasher.finish()
    );
    Ok(())
}

fn collect(root: &Path, path: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let full = root.join(path);
    if full.is_dir() {
        for entry in fs::read_dir(full)? {
            collect(root, &path.join(entry?.file_name()), files)?;
        }
    } else {
        files.insert(path.to_string_lossy().into_owned(), fs::read(full)?);
    }
    Ok(())
}
