//! Files stay small: at most 500 lines before the tests.

use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    findings(tree, &LONG)
}

fn findings(tree: &Tree, long: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let code = tree
        .files()
        .filter(|file| file.path.ends_with(".rs") && !file.is_test());
    for file in code {
        let lines = file
            .text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count();
        let excused = long.iter().any(|(path, _)| *path == file.path);
        if lines > LIMIT && !excused {
            findings.push(file.finding(format!(
                "{lines} lines without its tests; more than {LIMIT} are two files"
            )));
        }
        if lines <= LIMIT && excused {
            findings.push(
                file.finding("no longer needs its exception in xtask/src/tidy/file_length.rs"),
            );
        }
    }
    let gone = long.iter().filter(|(path, _)| tree.file(path).is_none());
    findings.extend(gone.map(|(path, _)| {
        Finding::missing(
            path,
            "has an exception in xtask/src/tidy/file_length.rs and is gone",
        )
    }));
    findings
}

const LIMIT: usize = 500;

/// Tables and generated files, with the reason why they are one file.
const LONG: [(&str, &str); 1] = [("core/src/cpu/table.rs", "generated, a row to a line")];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code_lines: usize, long: &[(&str, &str)]) -> Vec<String> {
        let text = format!(
            "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
            "//\n".repeat(code_lines),
            "//\n".repeat(900)
        );
        findings(&Tree::of(&[("a.rs", &text)]), long)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_file_of_501_lines_is_found_and_its_tests_do_not_count() {
        assert!(found(500, &[]).is_empty());
        assert_eq!(
            found(501, &[]),
            ["a.rs: 501 lines without its tests; more than 500 are two files"]
        );
    }

    #[test]
    fn an_exception_lasts_only_as_long_as_it_is_needed() {
        assert!(found(501, &[("a.rs", "a table")]).is_empty());
        assert_eq!(found(10, &[("a.rs", "a table")]).len(), 1);
        assert_eq!(found(10, &[("b.rs", "a table")]).len(), 1);
    }
}
