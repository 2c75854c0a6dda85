//! Versions stand in the root manifest: every member inherits them.
//!
//! So do the lints.

use super::manifest::{Manifest, line_of};
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Manifest::all(tree)
        .flat_map(|manifest| own_choices(&manifest))
        .collect();
    findings.extend(unused(tree));
    findings
}

/// What a member decides by itself.
fn own_choices(manifest: &Manifest<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dependency in manifest
        .dependencies()
        .iter()
        .filter(|dependency| !dependency.inherited)
    {
        let message = format!(
            "`{0}` has a version of its own; write `{0}.workspace = true`",
            dependency.name
        );
        findings.push(manifest.file.at(dependency.line, message));
    }
    let inherits = |section: &str, key: Option<&str>| {
        let section = manifest.table.get(section);
        let value = key.map_or(section, |key| section.and_then(|section| section.get(key)));
        value
            .and_then(|value| value.get("workspace"))
            .and_then(toml::Value::as_bool)
            == Some(true)
    };
    if !inherits("lints", None) {
        findings.push(manifest.file.finding(
            "the lints of the house do not apply here; write `[lints]` with `workspace = true`",
        ));
    }
    for key in ["version", "edition", "rust-version", "license", "publish"] {
        if !inherits("package", Some(key)) {
            let line = line_of(&manifest.file.text, key);
            findings.push(
                manifest
                    .file
                    .at(line, format!("write `{key}.workspace = true`")),
            );
        }
    }
    findings
}

/// What the root manifest has a version for and no member uses.
fn unused(tree: &Tree) -> Vec<Finding> {
    let Some(root) = tree.file("Cargo.toml") else {
        return Vec::new();
    };
    let Ok(table) = root.text.parse::<toml::Table>() else {
        return Vec::new();
    };
    let listed = table
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"));
    let listed = listed
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(toml::Table::keys);
    let used: Vec<String> = Manifest::all(tree)
        .flat_map(|m| m.dependencies())
        .map(|d| d.name)
        .collect();
    let unused = listed.filter(|name| !used.contains(name));
    unused
        .map(|name| {
            root.at(
                line_of(&root.text, name),
                format!("no package uses `{name}`; remove it"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "[package]\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n[lints]\nworkspace = true\n";

    fn found(root: &str, member: &str) -> Vec<String> {
        let member = format!("{PACKAGE}{member}");
        let tree = Tree::of(&[("Cargo.toml", root), ("lab/Cargo.toml", &member)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_version_in_a_member_is_found() {
        assert_eq!(
            found("", "[dependencies]\nlog = \"0.4\"\n"),
            ["lab/Cargo.toml:10: `log` has a version of its own; write `log.workspace = true`"]
        );
    }

    #[test]
    fn a_member_with_lints_of_its_own_is_found() {
        let tree = Tree::of(&[("lab/Cargo.toml", "[package]\nversion = \"1.0.0\"\n")]);
        let findings: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(findings.len(), 6);
        assert!(findings[0].contains("the lints of the house"));
        assert_eq!(
            findings[1],
            "lab/Cargo.toml:2: write `version.workspace = true`"
        );
    }

    #[test]
    fn a_version_that_nobody_uses_is_found() {
        let root = "[workspace.dependencies]\nlog = \"0.4\"\nspin = \"0.12\"\n";
        assert_eq!(
            found(root, "[dependencies]\nlog.workspace = true\n"),
            ["Cargo.toml:3: no package uses `spin`; remove it"]
        );
    }
}
