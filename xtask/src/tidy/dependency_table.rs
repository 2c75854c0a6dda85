//! Who may know whom: the table of ARCHITECTURE.md as data.

/// One package of the workspace.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) folder: &'static str,
    pub(super) package: &'static str,
    /// The packages of the house that it may use, in tests too.
    pub(super) may_use: &'static [&'static str],
    pub(super) external: External,
}

/// The crates of others that a room may use.
#[derive(Debug)]
pub(super) enum External {
    /// These, and for tests what docs/dependencies.md argues.
    Only(&'static [&'static str]),
    /// What docs/dependencies.md argues.
    Argued,
}

pub(super) const ROOMS: [Room; 12] = [
    Room {
        folder: "core",
        package: "vambrace-core",
        may_use: &[],
        external: External::Only(&["bitflags", "heapless", "log", "sha2"]),
    },
    Room {
        folder: "formats",
        package: "vambrace-formats",
        may_use: &["vambrace-core"],
        external: External::Argued,
    },
    Room {
        folder: "backend-kvm",
        package: "vambrace-kvm",
        may_use: &["vambrace-core"],
        external: External::Argued,
    },
    Room {
        folder: "backend-el2",
        package: "vambrace-el2",
        may_use: &["vambrace-core"],
        external: External::Only(&[
            "aarch64-cpu",
            "elf",
            "heapless",
            "log",
            "safe-mmio",
            "spin",
            "tock-registers",
        ]),
    },
    // Never core: an error in a constant must not confirm itself.
    Room {
        folder: "guest-tests",
        package: "vambrace-guest-tests",
        may_use: &[],
        external: External::Only(&["aarch64-cpu", "safe-mmio", "spin", "tock-registers"]),
    },
    // The same for AArch32 callers, and no line of it shared with its neighbour.
    Room {
        folder: "guest-tests/aarch32",
        package: "vambrace-guest-tests-aarch32",
        may_use: &[],
        external: External::Only(&[]),
    },
    Room {
        folder: "lab",
        package: "vambrace-lab",
        may_use: &[],
        external: External::Argued,
    },
    Room {
        folder: "cli",
        package: "vambrace",
        may_use: &[
            "vambrace-core",
            "vambrace-formats",
            "vambrace-kvm",
            "vambrace-lab",
        ],
        external: External::Argued,
    },
    Room {
        folder: "conformance",
        package: "vambrace-conformance",
        may_use: &[
            "vambrace-core",
            "vambrace-formats",
            "vambrace-kvm",
            "vambrace-lab",
        ],
        external: External::Argued,
    },
    Room {
        folder: "fuzz",
        package: "vambrace-fuzz",
        may_use: &["vambrace-core", "vambrace-formats", "vambrace-kvm"],
        external: External::Argued,
    },
    Room {
        folder: "xtask",
        package: "xtask",
        may_use: &[],
        external: External::Argued,
    },
    // The image that the panic check links; nothing else may be in it.
    Room {
        folder: "xtask/image",
        package: "vambrace-image",
        may_use: &["vambrace-core"],
        external: External::Only(&[]),
    },
];

impl Room {
    /// The room that a file belongs to: a room inside another is its own.
    pub(super) fn of(path: &str) -> Option<&'static Self> {
        let inside = |room: &&Self| {
            path.strip_prefix(room.folder)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        ROOMS
            .iter()
            .filter(inside)
            .max_by_key(|room| room.folder.len())
    }

    /// The name by which code refers to it.
    pub(super) fn identifier(&self) -> String {
        self.package.replace('-', "_")
    }
}

/// Whether a package is one of ours.
pub(super) fn is_ours(package: &str) -> bool {
    ROOMS.iter().any(|room| room.package == package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_inside_another_is_its_own() {
        assert_eq!(
            Room::of("xtask/image/src/main.rs").unwrap().package,
            "vambrace-image"
        );
        assert_eq!(Room::of("xtask/src/main.rs").unwrap().package, "xtask");
        assert!(Room::of("docs/abi.md").is_none());
    }
}
