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
    /// Lists that many pairs share, by which they refer to them.
    pub lists: Vec<Vec<String>>,
    /// Every ordered pair: source, destination, whether the raw registers are taken, the list of
    /// what the destination does not honour of the source's own contract, and either the digest of
    /// a contract that both honour or the list of what makes one impossible.
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
    /// The list of what makes one impossible.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub impossible: Option<usize>,
}

impl Record {
    /// All of a run.
    #[must_use]
    pub fn new(emulator: String, profiles: &Profiles, outcome: &Outcome, figure: &Figure) -> Self {
        let mut record = Self {
            emulator,
            kernels: kernels(profiles),
            compared: outcome.tally.numbers(),
            lists: Vec::new(),
            pairs: Vec::new(),
        };
        for pair in &figure.pairs {
            let (mut contract, mut impossible) = (None, None);
            match &pair.way {
                Way::Contract(digest) => contract = Some(digest.clone()),
                Way::Impossible(disputes) => {
                    let causes = disputes.iter();
                    let causes = causes.map(|(name, witness)| format!("{name}, {witness}"));
                    impossible = Some(record.list(causes.collect()));
                }
                Way::Undecided(_) => {}
            }
            let pair = PairRecord {
                from: pair.source.to_string(),
                to: pair.destination.to_string(),
                raw: pair.raw,
                own: record.list(pair.own.iter().cloned().collect()),
                contract,
                impossible,
            };
            record.pairs.push(pair);
        }
        record
    }

    /// With what it was made, in a line.
    #[must_use]
    pub fn made_with(&self) -> String {
        let kernels = self.kernels.values().flatten();
        let kernels: Vec<_> = kernels.map(String::as_str).collect();
        format!("{}; Linux {}", self.emulator, kernels.join(", "))
    }

    /// A text that reads back; a pair is a line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let kernels = json(&self.kernels);
        let compared = json(&self.compared);
        let lists: Vec<_> = self.lists.iter().map(json).collect();
        let pairs: Vec<_> = self.pairs.iter().map(json).collect();
        format!(
            "{{\n\"emulator\": {},\n\"kernels\": {kernels},\n\"compared\": {compared},\n\
             \"lists\": [\n{}\n],\n\"pairs\": [\n{}\n]\n}}\n",
            json(&self.emulator),
            lists.join(",\n"),
            pairs.join(",\n"),
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

    fn list(&mut self, list: Vec<String>) -> usize {
        let known = self.lists.iter().position(|known| *known == list);
        known.unwrap_or_else(|| {
            self.lists.push(list);
            self.lists.len() - 1
        })
    }
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
            impossible: Some(1),
        };
        let record = Record {
            emulator: "QEMU 10.0.2".into(),
            kernels: [("7.3".into(), ["7.3.4".to_owned()].into())].into(),
            compared: [("pairs".into(), 2)].into(),
            lists: vec![vec![], vec!["CNTFRQ_EL0, guests".into()]],
            pairs: vec![pair("6.1:a64fx"), pair("7.3:a64fx")],
        };
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
