//! `vambrace contract` and `vambrace host show` as a user meets them: the real program and files.
//!
//! The files are those of `contracts/` and one host's profile there; no lab and no KVM is needed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

#[test]
fn a_host_that_honours_a_contract_says_so_and_ends_with_0() {
    let seen = see(&["contract", "check", &contract("armv8.0-v1"), &host()]);
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let (headline, rest) = seen.stdout.split_once('\n').unwrap();
    assert_eq!(headline, "armv8.0-v1 on 7.3-cortex-a53: accepted");
    // That core needs no workaround, and others of the contract do.
    assert_eq!(rest.matches(" is told not-required\n").count(), 3);
    assert!(rest.contains("is not to be launched there"), "{seen:?}");
}

#[test]
fn a_refusal_ends_with_1_and_names_every_reason() {
    let seen = see(&["contract", "check", &contract("neoverse-n1-v1"), &host()]);
    assert_eq!(seen.code, Some(1), "{seen:?}");
    assert!(
        seen.stdout
            .starts_with("neoverse-n1-v1 on 7.3-cortex-a53: refused, "),
        "{seen:?}"
    );
    let reasons = seen
        .stdout
        .lines()
        .filter(|line| line.starts_with("    rule: "));
    let json = see(&[
        "contract",
        "check",
        "--json",
        &contract("neoverse-n1-v1"),
        &host(),
    ]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let verdict = &json["verdicts"][0];
    assert_eq!(verdict["verdict"], "refused");
    assert_eq!(
        verdict["reasons"].as_array().unwrap().len(),
        reasons.count()
    );
    assert_eq!(json["schema"], 1);
}

#[test]
fn what_explain_says_to_launch_with_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let seen = see(&["contract", "explain", &contract("cortex-a76-v1"), &host()]);
    assert_eq!(seen.code, Some(1), "{seen:?}");
    let line = seen
        .stdout
        .lines()
        .find(|line| line.contains("contract new --from"));
    let line = line.unwrap_or_else(|| panic!("no command is given: {}", seen.stdout));
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let made = vambrace(&words)
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let launch = directory.path().join("launch.toml");
    let checked = see(&["contract", "check", launch.to_str().unwrap(), &host()]);
    let accepted = seen.stdout.contains("7.3-cortex-a53 would honour that");
    assert_eq!(checked.code, Some(i32::from(!accepted)), "{checked:?}");
}

#[test]
fn a_contract_comes_out_of_a_profile_and_goes_into_a_check() {
    let made = see(&["contract", "new", "--host", &host(), "--vcpu", "pmu"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let mut check = vambrace(&["contract", "check", "-", &host()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    check
        .stdin
        .take()
        .unwrap()
        .write_all(made.stdout.as_bytes())
        .unwrap();
    let seen = Seen::of(check.wait_with_output().unwrap());
    assert_eq!(seen.code, Some(0), "{seen:?}");
    assert_eq!(seen.stdout, "standard input on 7.3-cortex-a53: accepted\n");
}

#[test]
fn a_field_is_not_raised_and_the_file_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("c.toml");
    std::fs::write(&output, "mine").unwrap();
    let raise = [
        "--lower",
        "ID_AA64ISAR0_EL1.DP=1",
        "-o",
        output.to_str().unwrap(),
    ];
    let seen = see(&[&["contract", "new", "--host", &host()], raise.as_slice()].concat());
    seen.is_own_error(&["--lower ID_AA64ISAR0_EL1.DP=1", "cannot be lowered from 0"]);
    assert_eq!(std::fs::read_to_string(output).unwrap(), "mine");
}

#[test]
fn contracts_differ_where_they_differ() {
    let (a, b) = (contract("armv8.0-v1"), contract("cortex-a72-v1"));
    assert_eq!(see(&["contract", "diff", &a, &a]).code, Some(0));
    let seen = see(&["contract", "diff", &a, &b]);
    assert_eq!(seen.code, Some(1), "{seen:?}");
    assert!(seen.stdout.contains("told of implementations"), "{seen:?}");
}

#[test]
fn a_fleet_of_one_kind_is_all_accepted_and_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let twin = directory.path().join("twin.json");
    std::fs::copy(host(), &twin).unwrap();
    let svg = directory.path().join("matrix.svg");
    let files = [
        &host(),
        twin.to_str().unwrap(),
        "--svg",
        svg.to_str().unwrap(),
    ];
    let seen = see(&[&["contract", "matrix"], files.as_slice()].concat());
    assert_eq!(seen.code, Some(0), "{seen:?}");
    assert!(seen.stdout.contains("+      4 of 4 pairs"), "{seen:?}");
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(
        svg.starts_with("<svg ") && svg.contains("twin to 7.3-cortex-a53"),
        "{svg}"
    );
    let drift = see(&["contract", "drift", &host(), twin.to_str().unwrap()]);
    assert_eq!(drift.code, Some(0), "{drift:?}");
    let baseline = see(&["contract", "baseline", &host(), twin.to_str().unwrap()]);
    assert_eq!(baseline.code, Some(0), "{baseline:?}");
}

#[test]
fn files_that_cannot_be_used_are_told_with_what_to_do() {
    let contract = contract("armv8.0-v1");
    see(&["contract", "check", "/nowhere/x.toml", &host()]).is_own_error(&[
        "`/nowhere/x.toml`",
        "no such file",
        "hint: make one",
    ]);
    see(&["contract", "check", &host(), &contract])
        .is_own_error(&["cannot use the contract", "looks like a host profile"]);
    see(&["contract", "check", &contract, &contract]).is_own_error(&[
        "cannot use the host profile",
        "contracts stand before hosts",
    ]);
    see(&["contract", "show", env!("CARGO_MANIFEST_DIR")]).is_own_error(&["it is a directory"]);
    see(&["contract", "check", &contract]).is_own_error(&["HOST", "Usage"]);
    see(&["contract", "new"]).is_own_error(&["--host", "--baseline", "--from"]);
    see(&["host", "show", &contract]).is_own_error(&["cannot use the host profile"]);
    see(&[
        "contract",
        "new",
        "--host",
        &host(),
        "-o",
        "/nowhere/c.toml",
    ])
    .is_own_error(&["cannot write `/nowhere/c.toml`", "no such directory"]);
}

#[test]
fn damaged_files_are_refused_with_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let damaged = |bytes: &[u8]| {
        let path = directory.path().join("x.json");
        std::fs::write(&path, bytes).unwrap();
        see(&["host", "show", path.to_str().unwrap()])
    };
    let whole = std::fs::read(host()).unwrap();
    damaged(&whole[..whole.len() / 2]).is_own_error(&["x.json`: line "]);
    damaged(b"{\"schema\": 1, \xff}").is_own_error(&["line 1, column 15", "UTF-8"]);
    damaged(b"{\"schema\": 99}").is_own_error(&["schema 99"]);
    damaged(b"").is_own_error(&["x.json`"]);
    damaged(&b"[".repeat(100_000)).is_own_error(&["x.json`"]);
    damaged(&b" ".repeat(5 << 20)).is_own_error(&["x.json`", "no host profile has more than"]);
}

#[test]
fn a_profile_and_a_contract_are_shown() {
    let seen = see(&["host", "show", &host()]);
    assert_eq!(seen.code, Some(0), "{seen:?}");
    assert!(seen.stdout.contains("vCPU features"), "{seen:?}");
    let seen = see(&["contract", "show", &contract("armv8.0-v1")]);
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let digest = "a0f109b2c49d3db91963b2d0e85f60b4beec5c1b7cd36cbf652e99c6e3085e2f";
    assert!(seen.stdout.contains(digest), "{seen:?}");
}

/// What a command printed and how it ended, as text.
#[derive(Debug)]
struct Seen {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Seen {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    fn is_own_error(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(125), "{self:?}");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{part:?} is not in {}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

fn see(words: &[&str]) -> Seen {
    Seen::of(vambrace(words).output().expect("vambrace runs"))
}

fn vambrace(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vambrace"));
    command.stdin(Stdio::null()).args(words);
    command
}

fn contract(name: &str) -> String {
    in_contracts(&format!("{name}.toml"))
}

fn host() -> String {
    in_contracts("hosts/7.3-cortex-a53.json")
}

fn in_contracts(file: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../contracts")
        .join(file);
    path.to_str().expect("the checkout's path is text").into()
}
