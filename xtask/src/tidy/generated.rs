//! What is generated is what would be generated now.

use super::tree::{Finding, Tree};
use crate::generate::{GENERATED, Generated};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    GENERATED
        .iter()
        .filter_map(|generated| finding(tree, generated))
        .collect()
}

fn finding(tree: &Tree, generated: &Generated) -> Option<Finding> {
    let Generated { source, target, .. } = generated;
    let Some(source) = tree.file(source) else {
        let message = format!("missing; {target} is made from it");
        return Some(Finding::missing(source, message));
    };
    let text = match (generated.text)(&source.text) {
        Ok(text) => text,
        Err(refusal) => return Some(source.at(refusal.line, refusal.reason)),
    };
    let message = format!("not what {} says; run `cargo xtask generate`", source.path);
    let Some(target) = tree.file(target) else {
        return Some(Finding::missing(target, message));
    };
    let line = first_difference(&target.text, &text)?;
    Some(target.at(line, message))
}

/// The line, counted from 1, in which two texts differ first. `None` if they are the same.
fn first_difference(left: &str, right: &str) -> Option<usize> {
    let mut right = right.split('\n');
    let mut lines = 1;
    for line in left.split('\n') {
        if right.next() != Some(line) {
            return Some(lines);
        }
        lines += 1;
    }
    right.next().map(|_| lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Refusal;

    /// A copy of its source that is refused if it is empty.
    const COPY: Generated = Generated {
        source: "a.csv",
        target: "a.rs",
        text: |source| match source {
            "" => Err(Refusal {
                line: 1,
                reason: "empty".to_owned(),
            }),
            _ => Ok(source.to_owned()),
        },
    };

    fn found(files: &[(&str, &str)]) -> Option<String> {
        finding(&Tree::of(files), &COPY).map(|finding| finding.to_string())
    }

    #[test]
    fn what_is_up_to_date_is_not_found() {
        assert_eq!(found(&[("a.csv", "1\n"), ("a.rs", "1\n")]), None);
    }

    #[test]
    fn what_is_not_is_found_in_the_first_line_that_differs() {
        let stale = |line| format!("a.rs:{line}: not what a.csv says; run `cargo xtask generate`");
        for (target, line) in [
            ("2\n2\n3\n", 1),
            ("1\n2\n2\n", 3),
            ("1\n2\n", 3),
            ("1\n2\n3\n4\n", 4),
            ("1\n2\n3", 4),
        ] {
            let found = found(&[("a.csv", "1\n2\n3\n"), ("a.rs", target)]);
            assert_eq!(found, Some(stale(line)), "{target:?}");
        }
    }

    #[test]
    fn a_source_that_is_refused_is_found_where_it_is_bad() {
        let found = found(&[("a.csv", ""), ("a.rs", "")]);
        assert_eq!(found.as_deref(), Some("a.csv:1: empty"));
    }

    #[test]
    fn a_file_that_is_missing_is_found() {
        assert_eq!(
            found(&[]).as_deref(),
            Some("a.csv: missing; a.rs is made from it")
        );
        assert_eq!(
            found(&[("a.csv", "1\n")]).as_deref(),
            Some("a.rs: not what a.csv says; run `cargo xtask generate`")
        );
    }

    #[test]
    fn what_is_generated_in_this_tree_is_checked() {
        assert!(!check(&Tree::of(&[])).is_empty());
    }
}
