//! Bare-metal images that others made for QEMU's `virt` board, to be run unmodified.
//!
//! crates.io has them as source with a lock file of its own; cargo builds them as their authors
//! say, one as an ELF and one as a flat binary without a header.

use anyhow::Result;

use super::say;
use crate::process;
use crate::workspace::{GUEST_TARGET, Workspace};

/// An image, and how it is made.
struct Image {
    package: &'static str,
    version: &'static str,
    /// What else `cargo install` is told.
    options: &'static str,
    rust_flags: &'static str,
}

const IMAGES: [Image; 2] = [
    Image {
        package: "aarch64-rt",
        version: "0.4.3",
        options: "--example qemu_el1 --features el1",
        rust_flags: "",
    },
    // Its Makefile makes a binary of the ELF with objcopy; the linker can do it too.
    Image {
        package: "osdemo",
        version: "0.1.3",
        options: "",
        rust_flags: "--cfg platform=\"qemu\" -C link-arg=--oformat=binary",
    },
];

pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.images_of_others();
    let mut list = workspace.cargo("install --list --root");
    list.arg(&folder);
    let installed = process::output(list)?;
    for image in IMAGES {
        let Image {
            package, version, ..
        } = image;
        let what = format!("bare-metal image {package}");
        if !installed.contains(&format!("{package} v{version}:\n")) {
            say(&what, format_args!("building {version}"));
            let mut install = workspace.cargo(&format!(
                "install --locked --quiet --target {GUEST_TARGET} {package}@{version} {}",
                image.options
            ));
            install
                .env("RUSTFLAGS", image.rust_flags)
                .arg("--root")
                .arg(&folder)
                .arg("--target-dir")
                .arg(folder.join("target"));
            process::show(install)?;
        }
        say(&what, version);
    }
    Ok(())
}
