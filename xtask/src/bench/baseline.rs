//! The figures that a change is compared with: a file of the tree, written by `bench --record`.

use anyhow::{Context, Result};
use std::collections::BTreeMap;

use super::figure::{Group, Worth};
use crate::workspace::Workspace;

/// Earlier figures, by group and name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Baseline(BTreeMap<String, BTreeMap<String, u64>>);

impl Baseline {
    /// The one in the tree; empty if there is none yet.
    pub(super) fn load(workspace: &Workspace) -> Result<Self> {
        let path = workspace.root.join(PATH);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).with_context(|| format!("cannot understand {PATH}")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {PATH}")),
        }
    }

    /// The figures that can be compared with those of another run.
    pub(super) fn of(groups: &[Group]) -> Self {
        let figures = |group: &Group| {
            let figures = group.figures.iter();
            figures
                .map(|figure| (figure.name.clone(), figure.value))
                .collect()
        };
        let lasting = groups.iter().filter(|group| group.worth == Worth::Lasting);
        let groups = lasting.map(|group| (group.key.to_owned(), figures(group)));
        Self(groups.collect())
    }

    pub(super) fn save(&self, workspace: &Workspace) -> Result<()> {
        std::fs::write(workspace.root.join(PATH), self.text())
            .with_context(|| format!("cannot write {PATH}"))
    }

    pub(super) fn find(&self, group: &str, name: &str) -> Option<u64> {
        self.0.get(group)?.get(name).copied()
    }

    fn parse(text: &str) -> Result<Self> {
        let mut baseline = Self::default();
        for (group, figures) in text.parse::<toml::Table>()? {
            let figures = figures
                .as_table()
                .with_context(|| format!("`{group}` is no table"))?;
            for (name, value) in figures {
                let value = value
                    .as_integer()
                    .and_then(|value| u64::try_from(value).ok())
                    .with_context(|| format!("`{group}`, `{name}`: not a count"))?;
                let group = baseline.0.entry(group.clone()).or_default();
                group.insert(name.clone(), value);
            }
        }
        Ok(baseline)
    }

    fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        for (group, figures) in &self.0 {
            text += &format!("\n[{group}]\n");
            for (name, value) in figures {
                text += &format!("\"{name}\" = {value}\n");
            }
        }
        text
    }
}

/// Where it is, from the root of the repository.
pub(super) const PATH: &str = "xtask/bench.toml";
const HEADER: &str = "\
# What `cargo xtask bench` measured last on purpose; `cargo xtask bench --record` writes it.
# Bytes, and instructions a call. A change that makes one grow says why in its commit.
";

#[cfg(test)]
mod tests {
    use super::super::figure::Figure;
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let group = Group {
            key: "inside-core",
            title: String::new(),
            worth: Worth::Lasting,
            figures: vec![
                Figure::new("PSCI_VERSION", 150),
                Figure::new("CPU_ON, off", 9),
            ],
        };
        let baseline = Baseline::of(&[group]);
        assert_eq!(Baseline::parse(&baseline.text()).unwrap(), baseline);
        assert_eq!(baseline.find("inside-core", "PSCI_VERSION"), Some(150));
        assert_eq!(baseline.find("inside-core", "new"), None);
        assert_eq!(baseline.find("new", "PSCI_VERSION"), None);
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for text in ["a = 1", "[a]\nb = -1", "[a]\nb = \"1\"", "["] {
            assert!(Baseline::parse(text).is_err(), "{text}");
        }
    }
}
