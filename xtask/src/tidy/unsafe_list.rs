//! docs/unsafe.md lists every module with unsafe code, and no other.
//!
//! The compiler refuses unsafe code where no `expect(unsafe_code, …)` permits it. A permission is
//! inherited by child modules; here each file needs its own, so that the list is complete.

use super::markdown;
use super::rust_text::lines_with;
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let page = tree.file(PAGE);
    let listed = page
        .map(|page| markdown::rows(&page.text))
        .unwrap_or_default();
    let mut findings = Vec::new();
    if page.is_none() {
        let form = "missing; it has a row `| file | why |` for every module with unsafe code";
        findings.push(Finding::missing(PAGE, form));
    }
    let mut permitted = Vec::new();
    for (file, text) in tree.rust() {
        let permission = permission(&text.code);
        if let Some(line) = permission {
            permitted.push(file.path.as_str());
            if !listed.iter().any(|row| row.name == file.path) {
                findings.push(file.at(line, format!("{PAGE} does not list this module")));
            }
        } else if let Some(line) = lines_with(&text.code, "unsafe").next() {
            findings.push(file.at(
                line,
                "unsafe code without this file's own `#![expect(unsafe_code, reason = …)]`",
            ));
        }
    }
    let stale = listed.iter().filter(|row| !permitted.contains(&row.name));
    findings.extend(stale.map(|row| Finding {
        path: PAGE.to_owned(),
        line: row.line,
        message: format!("{} permits no unsafe code", row.name),
    }));
    findings
}

/// The line of the attribute that permits unsafe code, however it is broken into lines.
fn permission(code: &str) -> Option<usize> {
    let dense: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let permitted = dense.contains("expect(unsafe_code");
    lines_with(code, "unsafe_code").next().filter(|_| permitted)
}

const PAGE: &str = "docs/unsafe.md";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str, code: &str) -> Vec<String> {
        let tree = Tree::of(&[(PAGE, page), ("lab/src/start.rs", code)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    const PERMISSION: &str = "#![expect(unsafe_code, reason = \"fork\")]\n";

    #[test]
    fn a_module_that_is_not_listed_is_found() {
        assert_eq!(
            found("", PERMISSION),
            ["lab/src/start.rs:1: docs/unsafe.md does not list this module"]
        );
        assert!(found("| `lab/src/start.rs` | fork |\n", PERMISSION).is_empty());
    }

    #[test]
    fn a_permission_over_several_lines_is_one() {
        let code =
            "//! Doc.\n#![expect(\n    unsafe_code,\n    reason = \"fork\"\n)]\nunsafe fn f() {}\n";
        assert_eq!(
            found("", code),
            ["lab/src/start.rs:3: docs/unsafe.md does not list this module"]
        );
    }

    #[test]
    fn a_listed_module_without_unsafe_code_is_found() {
        assert_eq!(
            found("| `lab/src/start.rs` | fork |\n", "fn f() {}\n"),
            ["docs/unsafe.md:1: lab/src/start.rs permits no unsafe code"]
        );
    }

    #[test]
    fn a_permission_inherited_from_a_parent_module_is_not_enough() {
        let findings = found("", "//! Not unsafe.\nfn f() {\n    unsafe { g() }\n}\n");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("lab/src/start.rs:3: unsafe code without"));
    }
}
