//! Text is clean: no blanks end a line, and one newline ends a file.

use super::tree::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|file| !file.text.is_empty())
        .flat_map(of_file)
        .collect()
}

fn of_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.split('\n').enumerate() {
        if line.ends_with('\r') {
            findings.push(file.at(index + 1, "ends with a carriage return"));
        } else if line.ends_with([' ', '\t']) {
            findings.push(file.at(index + 1, "ends with blanks"));
        }
        if file.path.ends_with(".rs") && line.contains('\t') {
            findings.push(file.at(index + 1, "has a tab"));
        }
    }
    if !file.text.ends_with('\n') || file.text.ends_with("\n\n") {
        findings.push(file.finding("does not end with exactly one newline"));
    }
    findings
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
    fn blanks_and_carriage_returns_at_the_end_of_a_line_are_found() {
        assert_eq!(
            found("a.md", "a \nb\r\nc\n"),
            [
                "a.md:1: ends with blanks",
                "a.md:2: ends with a carriage return"
            ]
        );
    }

    #[test]
    fn a_tab_is_found_in_rust_only() {
        assert_eq!(found("a.rs", "\tfn f() {}\n"), ["a.rs:1: has a tab"]);
        assert!(found("Makefile", "all:\n\ttrue\n").is_empty());
    }

    #[test]
    fn a_missing_newline_and_one_too_many_are_found() {
        assert_eq!(
            found("a.md", "a"),
            ["a.md: does not end with exactly one newline"]
        );
        assert_eq!(
            found("a.md", "a\n\n"),
            ["a.md: does not end with exactly one newline"]
        );
    }
}
