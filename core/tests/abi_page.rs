//! docs/abi.md and core say the same.
//!
//! Every function with its gate and its arguments, and every rule of a dialect.

use std::collections::BTreeMap;

use vambrace_core::firmware::{FUNCTIONS, Gate, Row, Workaround};

const PAGE: &str = include_str!("../../docs/abi.md");
const DIALECTS: &str = include_str!("../src/firmware/dialect.rs");

/// Rows of the page's tables whose first cell is code, by that cell.
fn rows() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut rows = BTreeMap::new();
    for line in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let name = cells[0].trim_matches('`');
        assert!(rows.insert(name, cells).is_none(), "two rows for {name}");
    }
    rows
}

fn written(id: u32) -> String {
    format!("{:#06x}_{:04x}", id >> 16, id & 0xffff)
}

/// As the page words it.
fn opened_by(gate: Gate) -> String {
    match gate {
        Gate::Smccc(version) => format!("SMCCC {version}"),
        Gate::SocId => "SMCCC 1.2, SoC id".into(),
        Gate::SocName => "SMCCC 1.6, SoC name".into(),
        Gate::Workaround(workaround) => {
            let number = match workaround {
                Workaround::One => 1,
                Workaround::Two => 2,
                Workaround::Three => 3,
                Workaround::Four => 4,
            };
            format!("workaround {number}")
        }
        Gate::Psci(version) => format!("PSCI {version}"),
        Gate::PsciOption(version, option) => {
            let (name, _) = option.iter_names().next().unwrap();
            format!("PSCI {version}, `{name}`")
        }
        Gate::TrustedOs => "PSCI 0.2, Trusted OS".into(),
        Gate::Psci01 => "PSCI 0.1 alone".into(),
        Gate::Service(service) => {
            let (name, _) = service.iter_names().next().unwrap();
            format!("service `{name}`")
        }
    }
}

/// How many registers a row's third cell names; an SMC64 form may say "the same".
fn arguments(rows: &BTreeMap<&str, Vec<&str>>, row: &Row) -> usize {
    let id = row.id.value();
    let cell = match rows[written(id).as_str()][2] {
        "the same" => rows[written(id & !(1 << 30)).as_str()][2],
        cell => cell,
    };
    (1..=17)
        .filter(|register| cell.contains(&format!("x{register} ")))
        .count()
}

#[test]
fn every_function_of_the_table_is_on_the_page_with_its_gate_and_arguments() {
    let rows = rows();
    for row in &FUNCTIONS {
        let id = written(row.id.value());
        let cells = rows
            .get(id.as_str())
            .unwrap_or_else(|| panic!("docs/abi.md has no row for {id}"));
        assert_eq!(cells[4], opened_by(row.gate), "what opens {id}");
        assert_eq!(
            arguments(&rows, row),
            row.needs.arguments(),
            "arguments of {id}"
        );
    }
}

#[test]
fn the_page_has_no_function_that_the_table_has_not() {
    let known: Vec<String> = FUNCTIONS
        .iter()
        .map(|row| written(row.id.value()))
        .collect();
    for name in rows().keys().filter(|name| name.starts_with("0x")) {
        assert!(
            known.iter().any(|id| id == name),
            "core does not know {name}"
        );
    }
}

#[test]
fn every_rule_of_a_dialect_is_on_the_page() {
    let (_, after) = DIALECTS.split_once("pub(crate) struct Rules {").unwrap();
    let (fields, _) = after.split_once('}').unwrap();
    let rules: Vec<&str> = fields
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub(crate) ")?.split(':').next())
        .collect();
    assert!(rules.len() > 10, "{rules:?}");
    let (_, section) = PAGE.split_once("| rule |").unwrap();
    let (table, _) = section.split_once("\n\n").unwrap();
    let listed: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(listed, rules);
}
