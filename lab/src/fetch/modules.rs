//! The modules that a kernel needs before it can speak over the channel.
//!
//! Debian's kernels before 6.12 have virtio as modules. Which ones follows from the modules
//! themselves: each names those it depends on in its `.modinfo` section (`depends=a,b`). A module
//! that is not there as a file is built in.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// The module files in `tree` that the channel needs, in the order in which they must be loaded.
pub(super) fn for_channel(tree: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = BTreeMap::new();
    collect(tree, &mut files)?;
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    for name in CHANNEL {
        add(name, &files, &mut seen, &mut order)?;
    }
    Ok(order)
}

fn collect(directory: &Path, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else if let Some(name) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.strip_suffix(".ko"))
        {
            files.insert(name.replace('-', "_"), entry.path());
        }
    }
    Ok(())
}

/// Adds `name` behind everything it depends on; `seen` holds what was added or is being added.
fn add(
    name: &str,
    files: &BTreeMap<String, PathBuf>,
    seen: &mut BTreeSet<String>,
    order: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let Some(path) = files.get(name) else {
        return Ok(());
    };
    if !seen.insert(name.to_owned()) {
        return Ok(());
    }
    for dependency in dependencies(&std::fs::read(path)?) {
        add(&dependency.replace('-', "_"), files, seen, order)?;
    }
    order.push(path.clone());
    Ok(())
}

/// What the module with the content `image` names as its dependencies.
fn dependencies(image: &[u8]) -> Vec<String> {
    image
        .split(|byte| *byte == 0)
        .find_map(|text| text.strip_prefix(b"depends="))
        .and_then(|list| std::str::from_utf8(list).ok())
        .map(|list| {
            list.split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
}

/// What finds a virtio-serial port on PCI.
const CHANNEL: [&str; 2] = ["virtio_pci", "virtio_console"];

#[cfg(test)]
mod tests {
    use super::*;

    fn module(tree: &Path, name: &str, depends: &str) {
        let text = format!("\x7fELF\0license=GPL\0depends={depends}\0name={name}\0");
        let directory = tree.join("kernel/drivers");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.ko")), text).unwrap();
    }

    fn names(tree: &Path) -> Vec<String> {
        let files = for_channel(tree).unwrap();
        files
            .iter()
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn modules_come_behind_what_they_depend_on() {
        let tree = tempfile::tempdir().unwrap();
        module(tree.path(), "virtio_console", "virtio,virtio_ring");
        module(
            tree.path(),
            "virtio_pci",
            "virtio_ring,virtio-pci-legacy-dev,virtio",
        );
        module(tree.path(), "virtio_ring", "virtio");
        module(tree.path(), "virtio-pci-legacy-dev", "");
        module(tree.path(), "virtio", "");
        module(tree.path(), "unrelated", "virtio");
        assert_eq!(
            names(tree.path()),
            [
                "virtio",
                "virtio_ring",
                "virtio-pci-legacy-dev",
                "virtio_pci",
                "virtio_console"
            ]
        );
    }

    #[test]
    fn what_is_built_in_needs_no_file() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(names(tree.path()), Vec::<String>::new());
        module(tree.path(), "virtio_console", "virtio,virtio_ring");
        assert_eq!(names(tree.path()), ["virtio_console"]);
    }

    #[test]
    fn modules_that_depend_on_each_other_do_not_hang_us() {
        let tree = tempfile::tempdir().unwrap();
        module(tree.path(), "virtio_pci", "virtio_ring");
        module(tree.path(), "virtio_ring", "virtio_pci");
        assert_eq!(names(tree.path()), ["virtio_ring", "virtio_pci"]);
    }
}
