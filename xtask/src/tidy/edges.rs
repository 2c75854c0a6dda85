//! Rooms know only the rooms they may: manifests and code against the table.

use super::dependency_table::{External, ROOMS, Room, is_ours};
use super::manifest::{Dependency, Kind, Manifest};
use super::rust_text::lines_with;
use super::tree::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in Manifest::all(tree) {
        findings.extend(edges_of(&manifest));
    }
    for (file, text) in tree.rust() {
        let Some(room) = Room::of(&file.path) else {
            continue;
        };
        for other in ROOMS.iter().filter(|other| !room.may_name(other)) {
            let word = other.identifier();
            let places = lines_with(&text.code, &word);
            findings.extend(places.map(|line| forbidden(file, line, room, other.package)));
        }
    }
    findings
}

fn edges_of(manifest: &Manifest<'_>) -> Vec<Finding> {
    let Some(room) = ROOMS.iter().find(|room| room.folder == manifest.folder()) else {
        let message = "no such room; give it a row in xtask/src/tidy/dependency_table.rs";
        return vec![manifest.file.finding(message)];
    };
    let dependencies = manifest.dependencies();
    let wrong = dependencies
        .iter()
        .filter(|dependency| !room.may_depend_on(dependency));
    wrong
        .map(|dependency| forbidden(manifest.file, dependency.line, room, &dependency.name))
        .collect()
}

fn forbidden(file: &File, line: usize, room: &Room, other: &str) -> Finding {
    file.at(
        line,
        format!(
            "{} may not know `{other}` (xtask/src/tidy/dependency_table.rs)",
            room.folder
        ),
    )
}

impl Room {
    /// `vambrace` and `xtask` are programs: no code can refer to them.
    fn may_name(&self, other: &Self) -> bool {
        let program = !other.package.starts_with("vambrace-");
        program || self.package == other.package || self.may_use.contains(&other.package)
    }

    fn may_depend_on(&self, dependency: &Dependency) -> bool {
        let name = dependency.name.as_str();
        if is_ours(name) {
            return self.may_use.contains(&name);
        }
        match self.external {
            External::Only(list) => dependency.kind == Kind::Tests || list.contains(&name),
            External::Argued => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)]))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn guest_tests_that_depend_on_core_are_found_by_line() {
        let manifest = "[dependencies]\nspin.workspace = true\nvambrace-core.workspace = true\n";
        assert_eq!(
            found("guest-tests/Cargo.toml", manifest),
            [
                "guest-tests/Cargo.toml:3: guest-tests may not know `vambrace-core` (xtask/src/tidy/dependency_table.rs)"
            ]
        );
    }

    #[test]
    fn an_edge_for_tests_only_is_an_edge() {
        let manifest = "[dev-dependencies]\nvambrace-lab.workspace = true\n";
        assert_eq!(found("core/Cargo.toml", manifest).len(), 1);
    }

    #[test]
    fn core_takes_no_further_crate_except_for_tests() {
        assert_eq!(
            found(
                "core/Cargo.toml",
                "[dependencies]\nserde.workspace = true\n"
            )
            .len(),
            1
        );
        assert_eq!(
            found(
                "core/Cargo.toml",
                "[build-dependencies]\nserde.workspace = true\n"
            )
            .len(),
            1
        );
        assert!(
            found(
                "core/Cargo.toml",
                "[dev-dependencies]\nproptest.workspace = true\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_path_to_a_forbidden_room_is_found_in_code_and_not_in_prose() {
        let code = "//! Not vambrace_core.\nfn f() -> vambrace_core::Vm { g(\"vambrace_core\") }\n";
        let findings = found("lab/src/lib.rs", code);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("lab/src/lib.rs:2: lab may not know `vambrace-core`"));
    }

    #[test]
    fn a_package_that_is_not_in_the_table_is_found() {
        let findings = found("attic/Cargo.toml", "[package]\nname = \"attic\"\n");
        assert!(findings[0].starts_with("attic/Cargo.toml: no such room"));
    }
}
