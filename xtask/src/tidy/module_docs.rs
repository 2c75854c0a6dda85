//! Every file opens with its idea: a tagline of one line, then a blank one.

use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|file| file.path.ends_with(".rs"))
        .filter_map(|file| {
            let mut lines = file.text.lines();
            let tagline = lines.next().unwrap_or_default();
            let next = lines.next().unwrap_or_default();
            if !tagline.starts_with("//! ") {
                return Some(file.at(1, "the file does not open with `//! ` and what it is for"));
            }
            if tagline.chars().count() > WIDTH {
                return Some(file.at(1, format!("the tagline is wider than {WIDTH} columns")));
            }
            let alone = !next.starts_with("//!") || next == "//!";
            (!alone).then(|| file.at(2, "the tagline is one line; an empty `//!` follows it"))
        })
        .collect()
}

/// The width of every line; rustfmt does not look at comments.
const WIDTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        check(&Tree::of(&[("a.rs", text)]))
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        assert_eq!(
            found("use a::b;\n"),
            ["the file does not open with `//! ` and what it is for"]
        );
        assert!(found("//! What it is.\n//!\n//! More.\n").is_empty());
        assert!(found("//! What it is.\n\nuse a::b;\n").is_empty());
    }

    #[test]
    fn a_tagline_that_is_too_long_or_runs_on_is_found() {
        assert_eq!(
            found(&format!("//! {}\n", "x".repeat(97))),
            ["the tagline is wider than 100 columns"]
        );
        assert_eq!(
            found("//! What it\n//! is.\n"),
            ["the tagline is one line; an empty `//!` follows it"]
        );
    }
}
