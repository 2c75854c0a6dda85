//! Every room has a README: what it is, and what it is not.

use super::manifest::Manifest;
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = Manifest::all(tree).map(|manifest| format!("{}/README.md", manifest.folder()));
    let missing = pages.filter(|page| tree.file(page).is_none());
    missing
        .map(|page| Finding::missing(&page, "missing; a few lines say what the room is for"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_without_a_readme_is_found() {
        let tree = Tree::of(&[
            ("lab/Cargo.toml", ""),
            ("cli/Cargo.toml", ""),
            ("cli/README.md", "# cli\n"),
        ]);
        let findings = check(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "lab/README.md");
    }
}
