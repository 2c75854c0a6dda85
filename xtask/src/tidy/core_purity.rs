//! Core is pure: one build for all, without unsafe, heap or standard library.

use super::manifest::{Manifest, line_of};
use super::rust_text::lines_with;
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in Manifest::all(tree).filter(|manifest| manifest.folder() == "core") {
        if manifest.table.contains_key("features") {
            let line = line_of(&manifest.file.text, "[features]");
            findings.push(
                manifest
                    .file
                    .at(line, "core has no features: what is tested is what is used"),
            );
        }
    }
    for (file, text) in tree.rust().filter(|(file, _)| file.is_in("core")) {
        for (word, reason) in EVERYWHERE {
            findings.extend(
                lines_with(&text.code, word)
                    .map(|line| file.at(line, format!("`{word}`: {reason}"))),
            );
        }
        for (word, reason) in OUTSIDE_TESTS.into_iter().filter(|_| !file.is_test()) {
            let places = lines_with(text.code_without_tests(), word);
            findings.extend(places.map(|line| file.at(line, format!("`{word}`: {reason}"))));
        }
    }
    if let Some(root) = tree.file("core/src/lib.rs") {
        let missing = HEADER
            .iter()
            .filter(|attribute| !root.text.contains(*attribute));
        findings.extend(missing.map(|attribute| root.finding(format!("lacks `{attribute}`"))));
    }
    findings
}

const EVERYWHERE: [(&str, &str); 3] = [
    ("unsafe", "core has no unsafe code"),
    ("target_arch", "core is the same on every machine"),
    ("target_os", "core is the same on every machine"),
];
const OUTSIDE_TESTS: [(&str, &str); 4] = [
    ("std::", "core has no standard library"),
    ("extern crate std", "core has no standard library"),
    ("alloc::", "core has no heap"),
    ("extern crate alloc", "core has no heap"),
];
const HEADER: [&str; 2] = ["no_std", "#![forbid(unsafe_code)]"];

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
    fn unsafe_code_and_a_choice_by_architecture_are_found() {
        let code =
            "fn f() {\n    unsafe { g() }\n}\n#[cfg(target_arch = \"aarch64\")]\nfn h() {}\n";
        assert_eq!(
            found("core/src/psci/mod.rs", code),
            [
                "core/src/psci/mod.rs:2: `unsafe`: core has no unsafe code",
                "core/src/psci/mod.rs:4: `target_arch`: core is the same on every machine",
            ]
        );
    }

    #[test]
    fn the_heap_is_found_and_tests_may_use_it() {
        assert_eq!(
            found(
                "core/src/a.rs",
                "extern crate alloc;\nuse alloc::vec::Vec;\n"
            )
            .len(),
            2
        );
        assert!(
            found(
                "core/src/a.rs",
                "fn f() {}\n#[cfg(test)]\nmod tests { use std::vec::Vec; }\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn features_are_found() {
        assert_eq!(
            found("core/Cargo.toml", "[features]\nextra = []\n").len(),
            1
        );
    }

    #[test]
    fn a_crate_root_that_permits_unsafe_code_is_found() {
        let findings = found("core/src/lib.rs", "#![cfg_attr(not(test), no_std)]\n");
        assert_eq!(
            findings,
            ["core/src/lib.rs: lacks `#![forbid(unsafe_code)]`"]
        );
    }

    #[test]
    fn other_rooms_are_free() {
        assert!(found("lab/src/lib.rs", "unsafe fn f() {}\n").is_empty());
    }
}
