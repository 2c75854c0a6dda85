//! Claim × place: where each claim was shown, in one table.
//!
//! A place is a kernel or a CPU with whoever answers there, or the host, where core is driven by a
//! test program of its own. A claim that was skipped cannot hold in that place, by its own header.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::collections::{BTreeMap, BTreeSet};

/// What came of every claim in every place, as far as it was tried.
#[derive(Debug, Default)]
pub(crate) struct ClaimTable {
    places: Vec<String>,
    cells: BTreeMap<(String, String), Cell>,
}

/// What came of one claim in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Pass,
    Fail,
    NotHere,
}

impl ClaimTable {
    /// Takes one result. Places are columns in the order in which they come; one that failed in a
    /// place stays failed there.
    pub(crate) fn add(&mut self, claim: &str, place: &str, cell: Cell) {
        if !self.places.iter().any(|known| known == place) {
            self.places.push(place.to_owned());
        }
        let cells = self.cells.entry((claim.to_owned(), place.to_owned()));
        let known = cells.or_insert(cell);
        if *known != Cell::Fail {
            *known = cell;
        }
    }

    /// Takes what libtest printed of a program whose tests are claims: `test NAME ... ok`.
    pub(crate) fn add_libtest(&mut self, output: &str, place: &str) {
        for line in output.lines() {
            let Some((name, outcome)) = line
                .strip_prefix("test ")
                .and_then(|test| test.split_once(" ... "))
            else {
                continue;
            };
            let claim = name.rsplit("::").next().unwrap_or(name);
            let cell = if outcome.trim() == "ok" {
                Cell::Pass
            } else {
                Cell::Fail
            };
            self.add(claim, place, cell);
        }
    }

    /// The table with its legend; nothing if no claim was tried.
    pub(crate) fn render(&self) -> String {
        if self.cells.is_empty() {
            return String::new();
        }
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        let places = self.places.iter().map(String::as_str);
        table.set_header(std::iter::once("claim").chain(places));
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Center);
        }
        let claims: BTreeSet<&str> = self.cells.keys().map(|(claim, _)| claim.as_str()).collect();
        for claim in &claims {
            let cells = self.places.iter().map(|place| self.word(claim, place));
            let name = claim.replace('_', " ");
            table.add_row(std::iter::once(name).chain(cells.map(str::to_owned)));
        }
        let count = claims.len();
        format!("\n{}\n\n{count} claims; {LEGEND}\n", table.trim_fmt())
    }

    fn word(&self, claim: &str, place: &str) -> &'static str {
        match self.cells.get(&(claim.to_owned(), place.to_owned())) {
            Some(Cell::Pass) => "pass",
            Some(Cell::Fail) => "FAIL",
            Some(Cell::NotHere) => "–",
            None => "",
        }
    }
}

const LEGEND: &str = "pass: it holds; FAIL: it does not; –: it cannot hold there, by its own header; \
                      empty: it was not tried there";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_a_row_and_a_place_is_a_column() {
        let mut table = ClaimTable::default();
        table.add("cpu_on_works", "6.1 kernel", Cell::Pass);
        table.add("cpu_on_works", "6.12 core", Cell::Fail);
        table.add("a_claim", "6.1 kernel", Cell::NotHere);
        let text = table.render();
        let words: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(words[1], ["claim", "6.1", "kernel", "6.12", "core"]);
        assert_eq!(words[2], ["a", "claim", "–"]);
        assert_eq!(words[3], ["cpu", "on", "works", "pass", "FAIL"]);
        assert!(text.contains("\n2 claims; pass: it holds; "), "{text}");
    }

    #[test]
    fn what_failed_once_in_a_place_has_failed_there() {
        let mut table = ClaimTable::default();
        table.add("a", "host", Cell::Fail);
        table.add("a", "host", Cell::Pass);
        assert_eq!(table.word("a", "host"), "FAIL");
    }

    #[test]
    fn the_lines_of_libtest_are_claims_on_the_host() {
        let mut table = ClaimTable::default();
        let output = "running 2 tests\ntest psci::cpu_on_works ... ok\ntest b ... FAILED\n\
                      test result: FAILED. 1 passed; 1 failed\n";
        table.add_libtest(output, "host");
        assert_eq!(table.word("cpu_on_works", "host"), "pass");
        assert_eq!(table.word("b", "host"), "FAIL");
        assert_eq!(table.cells.len(), 2);
    }

    #[test]
    fn without_claims_there_is_no_table() {
        assert_eq!(ClaimTable::default().render(), "");
    }
}
