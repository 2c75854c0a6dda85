//! Two firmwares, one transcript: `vambrace test` on real kernels.

use std::process::Command;

use serde_json::{Value, json};
use vambrace_conformance::{Ended, example, guest, see, vambrace};

/// `vambrace test` in the lab host with this kernel, for claims and examples by their names.
fn test(kernel: &str, options: &[&str], claims: &[&str], examples: &[&str]) -> Ended {
    let mut command: Command = vambrace();
    command
        .args(["test", "--host", &format!("lab:{kernel}")])
        .args(options);
    command.args(claims.iter().map(|claim| guest(claim)));
    command.args(examples.iter().map(|name| example(name)));
    see(&mut command)
}

/// The records of one kind.
fn of_kind<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records
        .iter()
        .filter(|record| record["record"] == kind)
        .collect()
}

#[test]
fn under_core_kvm_answers_none_of_the_calls_and_the_transcripts_are_equal() {
    let claims = [
        "psci_version_is_at_least_1_0",
        "cpu_on_of_running_cpu_is_already_on",
        "system_reset_reboots_once",
    ];
    let ended = test(
        "6.12",
        &["--firmware", "kernel,core", "--json"],
        &claims,
        &[],
    );
    ended.exits(0);
    let records = ended.records();
    assert_eq!(records[0]["record"], "host", "{ended}");
    assert_eq!(records[0]["name"], "lab:6.12:max");
    let tests = of_kind(&records, "test");
    assert_eq!(tests.len(), 6, "{ended}");
    for test in tests {
        assert_eq!(test["verdict"], "pass", "{test}");
        let calls = test["calls"].as_u64().unwrap();
        assert!(calls >= 3, "{test}");
        let forwarded = if test["firmware"] == "core" { calls } else { 0 };
        assert_eq!(test["forwarded_calls"], forwarded, "{test}");
    }
    for comparison in of_kind(&records, "comparison") {
        assert_eq!(comparison["difference"], Value::Null);
    }
    let summary = json!({
        "record": "summary", "passed": 6, "failed": 0, "skipped": 0, "errors": 0,
        "transcripts_equal": 3, "transcripts_different": 0,
    });
    assert_eq!(records.last(), Some(&summary), "{ended}");
}

#[test]
fn one_flipped_bit_in_core_s_answer_is_found_and_shown() {
    let options = ["--firmware", "kernel,core", "--flip-answer", "0x84000000:0"];
    // This claim only asks for version 1.0 or newer: it passes with either answer.
    test("6.12", &options, &["psci_version_is_at_least_1_0"], &[])
        .exits(1)
        .prints(&[
            "DIFFERENT psci_version_is_at_least_1_0: the transcripts part at line 2\n  \
               kernel: hvc PSCI_VERSION 0x84000000() = 0x10001 0x0 0x0 0x0\n  \
               core:   hvc PSCI_VERSION 0x84000000() = 0x10000 0x0 0x0 0x0\n",
            "0 equal, 1 different",
            "2 passed, 0 failed, 0 skipped",
        ]);
}

#[test]
fn a_host_without_the_smccc_filter_says_why_core_cannot_run() {
    for kernel in ["6.1", "5.10"] {
        let ended = test(
            kernel,
            &["--firmware", "core"],
            &["psci_version_is_at_least_1_0"],
            &[],
        );
        ended.exits(125).says(&[
            "cannot run with --firmware core: this host's kernel has no SMCCC filter",
            "Linux 6.4",
            "--host lab:6.12",
        ]);
        assert_eq!(ended.stderr.matches("error: ").count(), 1, "{ended}");
    }
}

#[test]
fn a_machine_that_the_host_refuses_is_told_and_keeps_no_test_from_its_turn() {
    let claims = [
        "psci_version_is_at_least_1_0",
        "system_reset2_architectural_reboots",
    ];
    // More than the 44 address bits of this CPU.
    let options = ["--memory", "16384G", "--json"];
    let ended = test("6.12:cortex-a57", &options, &claims, &[]);
    ended.exits(125);
    let records = ended.records();
    let tests = of_kind(&records, "test");
    assert_eq!(tests.len(), 2, "{ended}");
    for test in tests {
        assert_eq!(test["verdict"], "error", "{ended}");
        let reason = test["reason"].as_str().unwrap();
        assert!(
            reason.contains("44 bits of physical address space"),
            "{reason}"
        );
    }
    assert_eq!(records.last().unwrap()["errors"], 2, "{ended}");
}

#[test]
fn linux_6_1_passes_with_its_own_firmware() {
    let claims = [
        "psci_version_is_at_least_1_0",
        "system_reset2_architectural_reboots",
    ];
    test("6.1", &["--firmware", "kernel"], &claims, &[])
        .exits(0)
        .prints(&["2 passed, 0 failed, 0 skipped"]);
}

#[test]
fn a_claim_that_needs_a_newer_psci_is_skipped_with_the_reason() {
    let claims = [
        "psci_version_is_at_least_1_0",
        "system_reset2_architectural_reboots",
    ];
    test("5.10", &["--firmware", "kernel"], &claims, &[]).exits(0).prints(&[
        "skipped system_reset2_architectural_reboots (kernel): needs PSCI 1.1; this host has 1.0",
        "1 passed, 0 failed, 1 skipped",
    ]);
}

#[test]
fn guests_that_misbehave_fail_and_say_why() {
    let reasons = [
        ("wrong_claim", "FAIL MIGRATE_INFO_TYPE: expected 7, found 2"),
        ("exit_code", "exit code 42"),
        (
            "crash",
            "the guest reports a crash: cpu=0 kind=sync esr=0x96000006",
        ),
        (
            "crash_with_mmu_off",
            "the guest reports a crash: cpu=0 kind=sync",
        ),
        (
            "stack_overflow",
            "the guest reports a crash: cpu=0 kind=sync",
        ),
        (
            "panic",
            "the guest reports a crash: cpu=0 panic at guest-tests/examples/panic.rs:14",
        ),
        (
            "hang",
            "the time limit passed; its last line was `waiting for ever`",
        ),
        (
            "hang_spinning",
            "the time limit passed; its last line was `spinning for ever`",
        ),
        (
            "reset_forever",
            "the guest reset the machine again after 3 reboots",
        ),
        (
            "undecodable_simd",
            "cannot emulate the guest's access to 0x9000000 at PC 0x402",
        ),
    ];
    let names = reasons.map(|(name, _)| name);
    let ended = test("6.12", &["--timeout", "5", "--json"], &[], &names);
    ended.exits(1);
    let records = ended.records();
    let tests = of_kind(&records, "test");
    assert_eq!(tests.len(), 10, "{ended}");
    for (test, (name, expected)) in tests.into_iter().zip(reasons) {
        assert_eq!(
            (&test["name"], &test["verdict"]),
            (&json!(name), &json!("fail"))
        );
        let reason = test["reason"].as_str().unwrap();
        assert!(reason.contains(expected), "{name}: {reason}");
    }
}

#[test]
fn device_accesses_without_a_syndrome_are_emulated() {
    test(
        "6.12",
        &["--firmware", "kernel,core"],
        &[],
        &["undecodable", "unclaimed"],
    )
    .exits(0)
    .prints(&["2 equal, 0 different", "4 passed, 0 failed, 0 skipped"]);
}

#[test]
fn a_guest_that_floods_its_console_is_bounded_and_its_last_lines_are_shown() {
    let bounded = ["--timeout", "4", "--console-limit", "1K"];
    let ended = test("6.12", &bounded, &[], &["flood"]);
    ended.exits(1).prints(&[
        "FAILED flood (kernel): the time limit passed; its last line was `[vambrace] console output \
         beyond 1024 bytes was dropped`",
        "0 passed, 1 failed, 0 skipped",
    ]);
    let shown = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("  | flood "))
        .map(str::len)
        .sum::<usize>();
    assert!((1..1024 + 20 * 4).contains(&shown), "{ended}");
}
