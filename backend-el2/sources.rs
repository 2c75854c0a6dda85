//! The build id of a program: a digest of the sources that make it, for build scripts.
//!
//! Part of the build scripts of the programs that are compared: what starts another program computes
//! the id that it expects. A path's place in the workspace counts, where the workspace lies does not.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::Path;
use std::{fs, io};

/// What makes the program at EL2, from the workspace's root. (Cargo.lock stands for everything that is
/// not ours.)
pub(crate) const EL2: [&str; 8] = [
    "Cargo.lock",
    "Cargo.toml",
    "core/Cargo.toml",
    "core/src",
    "backend-el2/Cargo.toml",
    "backend-el2/build.rs",
    "backend-el2/src",
    "linker/el2.ld",
];

/// The id of the program that these sources make: sixteen hexadecimal digits. The build script runs
/// again when one of them changes.
pub(crate) fn build_id(root: &Path, sources: &[&str]) -> io::Result<String> {
    let mut files = BTreeMap::new();
    for source in sources {
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
    Ok(format!("{:016x}", hasher.finish()))
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
