//! A confined process, seen from outside: these tests run themselves again as one.

use std::process::{Command, Output};
use std::thread;

use vambrace_kvm::sandbox;

const CONFINED: &str = "VAMBRACE_TEST_CONFINED";

/// Runs a test of this file in a process that confines itself, if this is not that process.
fn confined(name: &str) -> Option<Output> {
    if std::env::var_os(CONFINED).is_some() {
        sandbox::confine(&[], || eprintln!("the end")).unwrap();
        return None;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    Some(command.env(CONFINED, "1").output().unwrap())
}

#[test]
fn a_refused_call_is_told_and_ends_the_process() {
    let Some(ended) = confined("a_refused_call_is_told_and_ends_the_process") else {
        let _ = std::fs::write("/proc/self/comm", "x");
        return;
    };
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(125), "{said}");
    assert!(said.contains("the end\n"), "{said}");
    assert!(said.contains("the sandbox refused system call "), "{said}");
}

#[test]
fn threads_memory_and_output_are_as_ever() {
    let Some(ended) = confined("threads_memory_and_output_are_as_ever") else {
        let thread = thread::spawn(|| {
            vec![7_u8; 64 << 20]
                .iter()
                .map(|byte| u64::from(*byte))
                .sum()
        });
        let sum: u64 = thread.join().unwrap();
        println!("sum {sum}");
        // The harness has calls of its own, which machines do not make.
        std::process::exit(3);
    };
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(said.contains("sum 469762048\n"), "{said}");
    assert_eq!(ended.status.code(), Some(3), "{said}");
}
