//! However a run ends: it is said how, and no QEMU stays behind.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use crate::driver::{assert_gone, hanging, lab_run, probe, see, signal};

#[test]
fn a_command_ended_by_a_signal_is_told_as_a_shell_does() {
    let seen = see(&mut lab_run(&[], &[probe(), "abort"]));
    assert_eq!(seen.code, Some(134), "{}", seen.stderr);
}

#[test]
fn what_a_command_leaves_running_does_not_hold_the_run() {
    let seen = see(&mut lab_run(&["--timeout", "300"], &[probe(), "leave"]));
    assert_eq!(seen.code, Some(0), "{}", seen.stderr);
    assert!(seen.stdout.contains("left\n"), "{}", seen.stdout);
}

#[test]
fn a_command_that_hangs_is_ended_by_the_time_limit() {
    let seen = see(&mut lab_run(&["--timeout", "20"], &[probe(), "hang"]));
    assert_eq!(seen.code, Some(124), "{}", seen.stderr);
    // A slow machine may need the whole time to come up.
    assert!("hanging\n".starts_with(&seen.stdout), "{}", seen.stdout);
    assert!(
        seen.stderr.contains("the time limit of 20 s has passed"),
        "{}",
        seen.stderr
    );
}

#[test]
fn a_killed_vambrace_leaves_no_qemu() {
    let mut run = hanging(&[]);
    run.vambrace.kill().unwrap();
    run.vambrace.wait().unwrap();
    assert_gone(run.qemu);
}

#[test]
fn an_interrupted_vambrace_dies_of_the_signal_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let output = format!("x:{}", directory.path().join("x").display());
    let mut run = hanging(&["--output", &output]);
    signal(run.vambrace.id(), "INT");
    let status = run.vambrace.wait().unwrap();
    assert_eq!(status.signal(), Some(2));
    assert_gone(run.qemu);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_qemu_that_is_killed_under_a_command_is_told() {
    let mut run = hanging(&[]);
    signal(run.qemu, "KILL");
    let mut text = String::new();
    run.vambrace
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(run.vambrace.wait().unwrap().code(), Some(125));
    assert!(
        text.contains("the lab host ended before the command did"),
        "{text}"
    );
    assert!(text.contains("signal: 9"), "{text}");
}

#[test]
fn a_flood_that_nobody_reads_ends_quietly_and_leaves_no_qemu() {
    let mut run = lab_run(&["--timeout", "600"], &[probe(), "flood", "100"]);
    let mut child = run
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut some = [0; 1000];
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
