//! Every guest test states its claim, to a reader and to the program that runs it.

use super::rust_text::lines_with;
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let tests = tree
        .rust()
        .filter(|(file, _)| PROGRAMS.iter().any(|folder| file.is_in(folder)));
    tests
        .filter(|(_, text)| lines_with(&text.code, "claim!").next().is_none())
        .map(|(file, _)| {
            file.finding("no `claim!`: the test does not say what it holds against whom")
        })
        .collect()
}

const PROGRAMS: [&str; 2] = ["guest-tests/src/bin", "guest-tests/aarch32/src/bin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_test_without_a_claim_is_found_even_if_it_talks_of_one() {
        let tree = Tree::of(&[
            ("guest-tests/src/bin/a.rs", "//! claim!\nfn main() {}\n"),
            ("guest-tests/src/bin/b.rs", "//! B.\nclaim!(\"b\", main);\n"),
            ("guest-tests/src/lib.rs", "//! Harness.\n"),
        ]);
        let findings = check(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "guest-tests/src/bin/a.rs");
    }
}
