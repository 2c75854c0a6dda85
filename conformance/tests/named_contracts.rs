//! The contracts of `contracts/` are what its page says: these bytes, accepted by these hosts.
//!
//! They are data for people to start from. No program knows one of them by its name. No host is
//! needed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use vambrace_conformance::recorded;
use vambrace_core::contract::{Contract, HostProfile, preflight};
use vambrace_formats::contract::{from_bytes, to_toml};
use vambrace_formats::profile::ProfileFile;

fn folder() -> PathBuf {
    root().join("contracts")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The files in a folder with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let has_it = |file: &PathBuf| file.extension().is_some_and(|own| own == extension);
    let mut files: Vec<_> = entries.filter(has_it).collect();
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn contracts() -> BTreeMap<String, Contract> {
    let read = |file: PathBuf| {
        let contract = from_bytes(&fs::read(&file).unwrap());
        let contract = contract.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        (name(&file), contract)
    };
    files(&folder(), "toml").into_iter().map(read).collect()
}

/// Every recorded host of the lab, and the further ones that contracts were made for.
fn hosts() -> BTreeMap<String, HostProfile> {
    let recorded = recorded::every().into_iter();
    let recorded = recorded.map(|(place, file)| (place.file_name(), file.profile));
    let recorded = recorded.map(|(file, profile)| (name(Path::new(&file)), profile));
    let read = |file: PathBuf| {
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        (name(&file), ProfileFile::read(&bytes).unwrap().profile)
    };
    let further = files(&folder().join("hosts"), "json").into_iter();
    recorded.chain(further.map(read)).collect()
}

/// A row of the page's table.
struct Row {
    hosts: BTreeSet<String>,
    digest: String,
}

/// The rows that begin with the name of a contract: name, what it is for, hosts, digest.
fn page() -> BTreeMap<String, Row> {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", name, _, hosts, digest, ""] = cells[..] else {
            return None;
        };
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        let name = plain(name).strip_suffix(".toml")?.to_owned();
        let hosts = hosts.split(", ").map(plain).collect();
        let digest = plain(digest);
        Some((name, Row { hosts, digest }))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn each_contract_has_a_row_and_each_row_a_contract() {
    let contracts: Vec<String> = contracts().into_keys().collect();
    let rows: Vec<String> = page().into_keys().collect();
    assert_eq!(contracts, rows);
    assert_eq!(contracts.len(), 10);
}

#[test]
fn each_is_in_the_form_that_the_program_writes() {
    for (name, contract) in contracts() {
        let text = fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
        assert_eq!(to_toml(&contract), text, "{name}");
    }
}

#[test]
fn none_has_changed_since_its_row_was_written() {
    let page = page();
    for (name, contract) in contracts() {
        let digest = contract.digest().to_string();
        assert_eq!(
            digest, page[&name].digest,
            "{name}: a change takes a new version"
        );
    }
}

#[test]
fn each_may_be_launched_where_it_is_accepted_but_one() {
    let hosts = hosts();
    let mut exceptions = Vec::new();
    for (name, contract) in contracts() {
        for (host, profile) in &hosts {
            let verdict = preflight(&contract, profile);
            if verdict.is_accepted() && !verdict.may_launch() {
                exceptions.push((name.clone(), host.clone()));
            }
        }
    }
    let exception = ("armv8.0-v1".to_owned(), "7.3-cortex-a53".to_owned());
    assert_eq!(exceptions, [exception]);
}

#[test]
fn each_is_accepted_by_the_hosts_of_its_row_and_by_no_other() {
    let (hosts, page) = (hosts(), page());
    assert_eq!(hosts.len(), 43);
    for (name, contract) in contracts() {
        let accept = hosts
            .iter()
            .filter(|(_, host)| preflight(&contract, host).is_accepted());
        let accept: BTreeSet<String> = accept.map(|(host, _)| host.clone()).collect();
        assert_eq!(accept, page[&name].hosts, "{name}");
    }
}

#[test]
fn a_name_ends_in_a_version() {
    for name in contracts().into_keys() {
        let version = name.rsplit_once("-v").map(|(_, version)| version);
        assert!(
            version.is_some_and(|version| version.parse::<u16>().is_ok()),
            "{name}"
        );
    }
}

#[test]
fn no_program_knows_one_by_its_name() {
    let names: Vec<String> = contracts().into_keys().collect();
    for room in ["core", "formats", "backend-kvm", "lab", "cli"] {
        for source in sources(&root().join(room).join("src")) {
            let text = fs::read_to_string(&source).unwrap();
            let known = names.iter().find(|name| text.contains(name.as_str()));
            assert_eq!(known, None, "{}", source.display());
        }
    }
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let below = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = below.filter(|path| path.is_dir());
    let below = below.flat_map(|folder| sources(&folder));
    files(folder, "rs").into_iter().chain(below).collect()
}
