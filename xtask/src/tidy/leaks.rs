//! Nothing of the machine that a change was written on is in the tree.

use super::tree::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let own = tree
        .files()
        .filter(|file| file.path != "Cargo.lock" && file.path != file_of_this_rule());
    own.flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for folder in HOMES
            .map(|home| format!("/{home}/"))
            .iter()
            .filter(|folder| names_a_home(line, folder))
        {
            findings.push(file.at(
                index + 1,
                format!("names a path below {folder} of somebody's machine"),
            ));
        }
        for domain in INTERNAL
            .into_iter()
            .filter(|domain| names_a_host(line, domain))
        {
            findings.push(file.at(
                index + 1,
                format!("names a host below {domain} that only some networks have"),
            ));
        }
    }
    findings
}

/// Whether a path below a folder of homes is named: at the path's beginning, with a name after it.
fn names_a_home(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, found)| {
        let before = line[..start].chars().next_back();
        let after = line[start + found.len()..].chars().next();
        !before.is_some_and(is_of_name) && after.is_some_and(is_of_name)
    })
}

fn names_a_host(line: &str, domain: &str) -> bool {
    line.match_indices(domain).any(|(start, found)| {
        let before = line[..start].chars().next_back();
        let after = line[start + found.len()..].chars().next();
        before.is_some_and(is_of_name)
            && after.is_none_or(|after| after == '/' || after == ':' || after == '"')
    })
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || "._-".contains(c)
}

fn file_of_this_rule() -> &'static str {
    "xtask/src/tidy/leaks.rs"
}

/// Folders at the root of a file system that have people's files, without the slashes: this file
/// names no path either.
const HOMES: [&str; 3] = ["home", "root", "Users"];
const INTERNAL: [&str; 6] = [
    ".internal",
    ".local",
    ".lan",
    ".corp",
    ".pkg.dev",
    ".localdomain",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        check(&Tree::of(&[("docs/a.md", text)])).len()
    }

    #[test]
    fn a_path_in_somebodys_home_is_found() {
        let [home, root, _] = HOMES;
        assert_eq!(found(&format!("see /{home}/ada/vambrace\n")), 1);
        assert_eq!(found(&format!("see `/{root}/.cargo`\n")), 1);
        let others = format!("mounted at /mnt/{root}/x and below /{home}/ itself\n");
        assert_eq!(found(&others), 0);
    }

    #[test]
    fn a_host_of_an_internal_network_is_found() {
        assert_eq!(
            found("index = \"https://cargo.company.internal/index\"\n"),
            1
        );
        assert_eq!(found("self.internal is a field\n"), 0);
    }
}
