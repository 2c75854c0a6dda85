//! A package's manifest, as far as the rules look at it.

use super::tree::{File, Tree};

/// The Cargo.toml of one package.
#[derive(Debug)]
pub(super) struct Manifest<'t> {
    pub(super) file: &'t File,
    pub(super) table: toml::Table,
}

/// One line of a manifest's dependencies.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Counted from 1.
    pub(super) line: usize,
    /// Whether version and path come from the root manifest.
    pub(super) inherited: bool,
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Tests,
    Build,
}

impl Manifest<'_> {
    /// The manifests of a tree except the root's; what is not TOML is cargo's to complain about.
    pub(super) fn all(tree: &Tree) -> impl Iterator<Item = Manifest<'_>> {
        let manifests = tree
            .files()
            .filter(|file| file.path.ends_with("/Cargo.toml"));
        manifests.filter_map(|file| {
            Some(Manifest {
                file,
                table: file.text.parse().ok()?,
            })
        })
    }

    /// The folder that the manifest is in.
    pub(super) fn folder(&self) -> &str {
        self.file.path.trim_end_matches("/Cargo.toml")
    }

    pub(super) fn dependencies(&self) -> Vec<Dependency> {
        let targets = self.table.get("target").and_then(toml::Value::as_table);
        let targets = targets.into_iter().flat_map(|targets| targets.values());
        let tables = targets
            .filter_map(toml::Value::as_table)
            .chain([&self.table]);
        tables.flat_map(|table| self.listed_in(table)).collect()
    }

    fn listed_in(&self, table: &toml::Table) -> Vec<Dependency> {
        let mut list = Vec::new();
        for (section, kind) in SECTIONS {
            let Some(section) = table.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            list.extend(section.iter().map(|(name, value)| Dependency {
                name: name.clone(),
                kind,
                line: line_of(&self.file.text, name),
                inherited: value.get("workspace").and_then(toml::Value::as_bool) == Some(true),
            }));
        }
        list
    }
}

/// The first line that begins with a key.
pub(super) fn line_of(text: &str, key: &str) -> usize {
    let is_key = |line: &str| {
        line.trim_start()
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    text.lines().position(is_key).map_or(0, |index| index + 1)
}

const SECTIONS: [(&str, Kind); 3] = [
    ("dependencies", Kind::Normal),
    ("dev-dependencies", Kind::Tests),
    ("build-dependencies", Kind::Build),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_found_in_every_section_with_their_lines() {
        let tree = Tree::of(&[(
            "lab/Cargo.toml",
            "[dependencies]\nlog.workspace = true\n[dev-dependencies]\ntempfile = \"3\"\n\
             [target.'cfg(unix)'.build-dependencies]\ncc = { workspace = true }\n",
        )]);
        let manifest = Manifest::all(&tree).next().unwrap();
        assert_eq!(manifest.folder(), "lab");
        let mut found: Vec<(String, Kind, usize, bool)> = manifest
            .dependencies()
            .into_iter()
            .map(|d| (d.name, d.kind, d.line, d.inherited))
            .collect();
        found.sort_by_key(|dependency| dependency.2);
        assert_eq!(
            found,
            [
                ("log".to_owned(), Kind::Normal, 2, true),
                ("tempfile".to_owned(), Kind::Tests, 4, false),
                ("cc".to_owned(), Kind::Build, 6, true),
            ]
        );
    }
}
