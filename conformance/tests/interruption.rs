//! Ctrl-C at any moment: an end in order, a terminal as it was, no emulator left behind.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use vambrace_conformance::{Ending, Started, Terminal, example, guest, vambrace};

fn run_hanging_guest() -> Command {
    let mut command = vambrace();
    command.args(["run", "--host", "lab"]).arg(example("hang"));
    command
}

#[test]
fn ctrl_c_while_the_guest_runs_restores_the_terminal() {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let started = terminal.start(&run_hanging_guest());
    terminal.wait_for("waiting for ever");
    terminal.type_text("\x03");
    started.finish_and_leave_nothing().ends(SIGINT);
    assert_eq!(terminal.settings(), before);
    assert!(
        !terminal.screen().contains("error:"),
        "{}",
        terminal.screen()
    );
}

#[test]
fn an_interrupt_while_the_host_starts_leaves_nothing() {
    let mut command = run_hanging_guest();
    let started = Started::new(quiet(&mut command));
    started.wait_for("qemu-system-aarch64");
    started.signal(Signal::INT);
    let ended = started.finish_and_leave_nothing();
    ended.ends(SIGINT);
    assert_eq!(ended.stderr, "", "{ended}");
}

#[test]
fn a_test_run_that_is_terminated_leaves_nothing() {
    let mut command = vambrace();
    command
        .args(["test", "--host", "lab"])
        .arg(guest("psci_version_is_at_least_1_0"));
    let started = Started::new(quiet(&mut command));
    started.wait_for("qemu-system-aarch64");
    started.signal(Signal::TERM);
    started.finish_and_leave_nothing().ends(Ending::Signal(15));
}

#[test]
fn a_run_that_is_killed_leaves_nothing() {
    let mut command = run_hanging_guest();
    let started = Started::new(quiet(&mut command));
    started.wait_for("qemu-system-aarch64");
    started.signal(Signal::KILL);
    started.finish_and_leave_nothing().ends(Ending::Signal(9));
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
}

const SIGINT: Ending = Ending::Signal(2);
