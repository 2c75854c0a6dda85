//! No exceptions, no unfinished work: nothing is allowed, ignored or left.

use super::rust_text::lines_with;
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in tree.rust() {
        for (word, reason) in IN_CODE {
            findings.extend(
                lines_with(&text.code, word)
                    .map(|line| file.at(line, format!("`{word}`: {reason}"))),
            );
        }
        for word in IN_COMMENTS {
            let message = format!("`{word}`: finish it, or open an issue");
            findings.extend(
                lines_with(&text.comments, word).map(|line| file.at(line, message.clone())),
            );
        }
    }
    findings
}

const IN_CODE: [(&str, &str); 6] = [
    (
        "#[allow(",
        "say `expect(…, reason = …)`, which ends when its reason does",
    ),
    (
        "#![allow(",
        "say `expect(…, reason = …)`, which ends when its reason does",
    ),
    (
        ", allow(",
        "say `expect(…, reason = …)`, which ends when its reason does",
    ),
    ("#[ignore", "a test runs, or it is removed"),
    ("todo!", "finish it, or return an error"),
    ("unimplemented!", "finish it, or return an error"),
];
const IN_COMMENTS: [&str; 3] = ["TODO", "FIXME", "XXX"];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str) -> Vec<usize> {
        check(&Tree::of(&[("lab/src/lib.rs", code)]))
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn every_form_of_allow_is_found() {
        let code =
            "#![allow(dead_code)]\n#[allow(unused)]\n#[cfg_attr(test, allow(unused))]\nfn f() {}\n";
        assert_eq!(found(code), [2, 1, 3]);
    }

    #[test]
    fn an_ignored_test_is_found() {
        assert_eq!(found("#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"), [2]);
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_comments_and_not_in_strings() {
        assert_eq!(
            found("fn f() {\n    todo!()\n}\n// TODO: more\nconst S: &str = \"TODO todo!\";\n"),
            [2, 4]
        );
    }
}
