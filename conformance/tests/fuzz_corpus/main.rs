//! Every fuzz target returns for its committed corpus, and for thousands of inputs made from it.
//!
//! The same functions that libFuzzer calls, on the stable toolchain and with the same inputs in
//! every run.

mod mutation;
#[path = "../../../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    reason = "it is a library of its own where libFuzzer calls it"
)]
mod targets;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use mutation::Mutator;
use targets::{TARGETS, Target};
use vambrace_formats::contract::from_toml;

/// How many inputs are made for each target.
const MADE: usize = 20_000;

#[test]
fn every_corpus_has_a_target() {
    let mut folders: Vec<String> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut names = TARGETS.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(folders, names);
}

/// An input that is refused at once leads the fuzzer nowhere.
#[test]
fn the_good_contracts_are_good_and_the_same_in_both_forms() {
    let read = |folder: &str, name: &str| fs::read(corpus().join(folder).join(name)).unwrap();
    for name in ["kernel", "core"] {
        let text = String::from_utf8(read("contract_toml", name)).unwrap();
        let contract = from_toml(&text).unwrap();
        let bytes = read("contract_bytes", name);
        assert_eq!(contract.to_bytes().as_slice(), bytes, "{name}");
    }
}

#[test]
fn contract_toml_returns() {
    replay("contract_toml");
}

#[test]
fn contract_bytes_returns() {
    replay("contract_bytes");
}

#[test]
fn profile_json_returns() {
    replay("profile_json");
}

#[test]
fn image_returns() {
    replay("image");
}

#[test]
fn claim_returns() {
    replay("claim");
}

#[test]
fn instruction_returns() {
    replay("instruction");
}

#[test]
fn firmware_calls_returns() {
    replay("firmware_calls");
}

#[test]
fn pl011_returns() {
    replay("pl011");
}

#[test]
fn pl031_returns() {
    replay("pl031");
}

#[test]
fn pl061_returns() {
    replay("pl061");
}

#[test]
fn virtio_block_returns() {
    replay("virtio_block");
}

#[test]
fn virtio_entropy_returns() {
    replay("virtio_entropy");
}

#[test]
fn virtio_network_returns() {
    replay("virtio_network");
}

#[test]
fn virtio_console_returns() {
    replay("virtio_console");
}

#[test]
fn virtio_balloon_returns() {
    replay("virtio_balloon");
}

#[test]
fn virtio_vsock_returns() {
    replay("virtio_vsock");
}

fn replay(name: &str) {
    let (_, target) = TARGETS
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap();
    let seeds = seeds(name);
    for (file, input) in &seeds {
        returns(target, input, file);
    }
    let inputs: Vec<Vec<u8>> = seeds.into_iter().map(|(_, input)| input).collect();
    let mut mutator = Mutator::new(&inputs);
    for count in 0..MADE {
        returns(target, &mutator.input(), &format!("made input {count}"));
    }
}

/// Says which input it was that the target did not return for.
fn returns(target: Target, input: &[u8], what: &str) {
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| target(input))) {
        eprintln!("{what}: {}", input.escape_ascii());
        panic::resume_unwind(panic);
    }
}

/// The committed inputs with their files' names, in one order on every machine.
fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = corpus().join(name);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds.sort();
    seeds
}

fn corpus() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus"))
}
