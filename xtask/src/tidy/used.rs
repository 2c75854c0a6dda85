//! Every dependency is used: a manifest lists nothing that the code does not name.

use super::dependency_table::Room;
use super::manifest::Manifest;
use super::rust_text::lines_with;
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in Manifest::all(tree) {
        let own = |path: &str| Room::of(path).is_some_and(|room| room.folder == manifest.folder());
        let code: Vec<&str> = tree
            .rust()
            .filter(|(file, _)| own(&file.path))
            .map(|(_, text)| text.code.as_str())
            .collect();
        for dependency in manifest.dependencies() {
            let word = dependency.name.replace('-', "_");
            if !code
                .iter()
                .any(|code| lines_with(code, &word).next().is_some())
            {
                let message = format!(
                    "{} does not use `{}`; remove it",
                    manifest.folder(),
                    dependency.name
                );
                findings.push(manifest.file.at(dependency.line, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(manifest: &str, code: &str) -> Vec<String> {
        let other = ("cli/src/main.rs", "use vm_fdt::FdtWriter;\n");
        let tree = Tree::of(&[
            ("lab/Cargo.toml", manifest),
            ("lab/src/lib.rs", code),
            other,
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_dependency_that_only_another_room_or_a_comment_names_is_found() {
        assert_eq!(
            found(
                "[dependencies]\nvm-fdt.workspace = true\n",
                "// uses vm_fdt\n"
            ),
            ["lab/Cargo.toml:2: lab does not use `vm-fdt`; remove it"]
        );
    }

    #[test]
    fn a_dependency_that_the_code_names_is_used() {
        assert!(
            found(
                "[dependencies]\nvm-fdt.workspace = true\n",
                "use vm_fdt::FdtWriter;\n"
            )
            .is_empty()
        );
    }
}
