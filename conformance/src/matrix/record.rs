//! The result as JSON: what was held against what, and every pair.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::figure::{Figure, Way};
use super::outcome::Outcome;
use super::plan::Profiles;

/// What a run of the matrix came to, in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// What emulated the hosts, with its version.
    pub emulator: String,
    /// The releases of their kernels, by the kernels.
    pub kernels: BTreeMap<String, BTreeSet<String>>,
    /// Figures of what was compared, by their names.
    pub compared: BTreeMap<String, usize>,
    /// What lists name: parts of contracts, and who confirms that two hosts disagree over one.
    pub names: Vec<String>,
    /// Lists that many pairs share, each of places in `names`.
    pub lists: Vec<Vec<usize>>,
    /// Every ordered pair.
    pub pairs: Vec<PairRecord>,
}

/// One ordered pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PairRecord {
    /// Where the guest was launched.
    pub from: String,
    /// Where it is to go.
    pub to: String,
    /// Whether it can as it is.
    pub raw: bool,
    /// The list of what the destination does not honour of the source's own contract.
    pub own: usize,
    /// The digest of a contract that both honour.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contract: Option<String>,
    /// Its features, if it has any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub features: Option<String>,
    /// Where there is no contract, the list of what makes one impossible, by the features that both
    /// hosts have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub impossible: BTreeMap<String, usize>,
}

impl Record {
    /// All of a run.
    #[must_use]
    pub fn new(emulator: String, profiles: &Profiles, outcome: &Outcome, figure: &Figure) -> Self {
        let mut record = Self {
            emulator,
            kernels: kernels(profiles),
            compared: outcome.tally.numbers(),
            names: Vec::new(),
            lists: Vec::new(),
            pairs: Vec::new(),
        };
        for pair in &figure.pairs {
            let mut told = PairRecord {
                from: pair.source.to_string(),
                to: pair.destination.to_string(),
                raw: pair.raw,
                own: record.list(pair.own.iter().cloned()),
                contract: None,
                features: None,
                impossible: BTreeMap::new(),
            };
            match &pair.way {
                Way::Contract(launch) => {
                    told.contract = Some(launch.digest.clone());
                    let features = launch.features;
                    told.features = (!features.is_empty()).then(|| features.to_string());
                }
                Way::Impossible(disputes) => {
                    for (features, over) in disputes {
                        let causes = over.iter();
                        let causes = causes.map(|(name, witness)| format!("{name}, {witness}"));
                        let list = record.list(causes);
                        told.impossible.insert(features.to_string(), list);
                    }
                }
                Way::Undecided(_) => {}
            }
            record.pairs.push(told);
        }
        record
    }

    /// What a list names; nothing if there is no such list.
    pub fn named(&self, list: usize) -> impl Iterator<Item = &str> {
        let list = self.lists.get(list).into_iter().flatten();
        list.filter_map(|name| self.names.get(*name).map(String::as_str))
    }

    /// With what it was made, in a line.
    #[must_use]
    pub fn made_with(&self) -> String {
        let kernels = self.kernels.values().flatten();
        let kernels: Vec<_> = kernels.map(String::as_str).collect();
        format!("{}; Linux {}", self.emulator, kernels.join(", "))
    }

    /// A text that reads back; a name, a list, and a pair are a line each.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!(
            "{{\n\"emulator\": {},\n\"kernels\": {},\n\"compared\": {},\n\
             \"names\": {},\n\"lists\": {},\n\"pairs\": {}\n}}\n",
            json(&self.emulator),
            json(&self.kernels),
            json(&self.compared),
            lines(&self.names),
            lines(&self.lists),
            lines(&self.pairs),
        )
    }

    /// What such a text says.
    ///
    /// # Errors
    ///
    /// In words, why it says nothing.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    fn list(&mut self, names: impl IntoIterator<Item = String>) -> usize {
        let names = names.into_iter();
        let list = names.map(|name| place(&mut self.names, name)).collect();
        place(&mut self.lists, list)
    }
}

/// Where it is among those that are known; behind them, if it was not.
fn place<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    let known = all.iter().position(|known| *known == one);
    known.unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}

fn lines<T: Serialize>(values: &[T]) -> String {
    let lines: Vec<_> = values.iter().map(json).collect();
    format!("[\n{}\n]", lines.join(",\n"))
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("keys are texts, and values are texts and numbers")
}

fn kernels(profiles: &Profiles) -> BTreeMap<String, BTreeSet<String>> {
    let mut kernels: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (place, file) in profiles {
        let releases = kernels.entry(place.kernel().to_owned()).or_default();
        releases.insert(file.provenance.kernel_release.clone());
    }
    kernels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_has_a_line_for_each_pair() {
        let pair = |from: &str| PairRecord {
            from: from.into(),
            to: "7.3:max".into(),
            raw: false,
            own: 0,
            contract: None,
            features: None,
            impossible: [("none".into(), 1)].into(),
        };
        let record = Record {
            emulator: "QEMU 10.0.2".into(),
            kernels: [("7.3".into(), ["7.3.4".to_owned()].into())].into(),
            compared: [("pairs".into(), 2)].into(),
            names: vec!["DCZID_EL0, guests".into(), "CNTFRQ_EL0, guests".into()],
            lists: vec![vec![], vec![1]],
            pairs: vec![pair("6.1:a64fx"), pair("7.3:a64fx")],
        };
        assert_eq!(record.named(1).collect::<Vec<_>>(), ["CNTFRQ_EL0, guests"]);
        assert_eq!(record.named(0).chain(record.named(2)).next(), None);
        let text = record.to_json();
        assert_eq!(Record::from_json(&text), Ok(record));
        assert_eq!(
            text.lines()
                .filter(|line| line.contains("\"from\""))
                .count(),
            2
        );
    }
}
