//! docs/dependencies.md argues every dependency, and nothing that is none.
//!
//! A row is a crate, the rooms that use it, and why. A room that uses it for its tests or its build
//! script only says so: `core (tests)`.

use std::collections::BTreeMap;

use super::dependency_table::is_ours;
use super::manifest::{Kind, Manifest};
use super::markdown;
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file(PAGE) else {
        return vec![Finding::missing(
            PAGE,
            "missing; it has a row `| crate | used by | why |` for every dependency",
        )];
    };
    let mut findings = Vec::new();
    let mut argued = BTreeMap::new();
    for row in markdown::rows(&page.text) {
        let why = row.cells.get(1).copied().unwrap_or_default();
        if why.is_empty() {
            findings.push(page.at(row.line, format!("`{}` has no reason", row.name)));
        }
        let users = row
            .cells
            .first()
            .copied()
            .unwrap_or_default()
            .split(',')
            .map(str::trim);
        let users = users.filter(|user| !user.is_empty());
        for user in users {
            argued.insert((row.name.to_owned(), user.to_owned()), row.line);
        }
    }
    for manifest in Manifest::all(tree) {
        for dependency in manifest.dependencies() {
            let user = user(manifest.folder(), dependency.kind);
            let key = (dependency.name, user);
            if !is_ours(&key.0) && argued.remove(&key).is_none() {
                let message = format!("{PAGE} does not say why {} uses `{}`", key.1, key.0);
                findings.push(manifest.file.at(dependency.line, message));
            }
        }
    }
    findings.extend(
        argued
            .into_iter()
            .map(|((name, user), line)| page.at(line, format!("{user} does not use `{name}`"))),
    );
    findings
}

fn user(folder: &str, kind: Kind) -> String {
    match kind {
        Kind::Normal => folder.to_owned(),
        Kind::Tests => format!("{folder} (tests)"),
        Kind::Build => format!("{folder} (build)"),
    }
}

const PAGE: &str = "docs/dependencies.md";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: &str, manifest: &str) -> Vec<String> {
        let tree = Tree::of(&[(PAGE, rows), ("lab/Cargo.toml", manifest)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_dependency_without_a_row_is_found() {
        assert_eq!(
            found("", "[dependencies]\nlog.workspace = true\n"),
            ["lab/Cargo.toml:2: docs/dependencies.md does not say why lab uses `log`"]
        );
    }

    #[test]
    fn a_row_without_its_dependency_is_found() {
        assert_eq!(
            found(
                "| `log` | lab, core | facade |\n",
                "[dependencies]\nlog.workspace = true\n"
            ),
            ["docs/dependencies.md:1: core does not use `log`"]
        );
    }

    #[test]
    fn a_row_for_tests_does_not_cover_the_program() {
        let findings = found(
            "| `log` | lab (tests) | facade |\n",
            "[dependencies]\nlog.workspace = true\n",
        );
        assert_eq!(findings.len(), 2);
    }

    #[test]
    fn a_row_without_a_reason_is_found() {
        let findings = found(
            "| `log` | lab | |\n",
            "[dependencies]\nlog.workspace = true\n",
        );
        assert_eq!(findings, ["docs/dependencies.md:1: `log` has no reason"]);
    }

    #[test]
    fn our_own_packages_need_no_row() {
        assert!(found("", "[dependencies]\nvambrace-core.workspace = true\n").is_empty());
    }
}
