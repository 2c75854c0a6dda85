//! `--host el2` as a user meets it: how runs and tests end there, and what is refused.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use vambrace_conformance::{
    Ended, Ending, Started, Terminal, example, guest, recorded, see, see_with_input, vambrace,
};

/// `vambrace run --host HOST OPTIONS IMAGE`
fn run_on(host: &str, options: &[&str], image: &Path) -> Command {
    let mut command = vambrace();
    command
        .args(["run", "--host", host])
        .args(options)
        .arg(image);
    command
}

fn run(options: &[&str], name: &str) -> Command {
    run_on("el2", options, &example(name))
}

fn test(options: &[&str], claims: &[&str]) -> Command {
    let mut command = vambrace();
    command.args(["test", "--host", "el2"]).args(options);
    command.args(claims.iter().map(|claim| guest(claim)));
    command
}

#[test]
fn an_exit_code_is_the_guest_s_own() {
    let ended = see(&mut run(&[], "exit_code"));
    ended
        .exits(42)
        .prints(&["claim: A guest's exit code 42 leaves the machine.\n"]);
    assert_eq!(ended.stderr, "", "nothing more is to be said: {ended}");
}

#[test]
fn a_greater_exit_code_is_119_and_told_in_full() {
    let ended = see(&mut run(&["--json"], "exit_code_large"));
    ended
        .exits(119)
        .says(&["vambrace: the guest's exit code is 200\n"]);
    let report = ended.report();
    assert_eq!(
        (&report["end"], &report["code"]),
        (&"code".into(), &200.into())
    );
}

#[test]
fn system_off_is_0() {
    let claim = guest("system_off2_of_type_0_turns_the_machine_off");
    let ended = see(&mut run_on("el2", &["--json"], &claim));
    ended.exits(0).prints(&["verdict: pass\n", "exit: 0\n"]);
}

#[test]
fn a_guest_that_hangs_is_ended_by_the_time_limit() {
    let ended = see(&mut run(&["--timeout", "1", "--json"], "hang"));
    ended
        .exits(124)
        .prints(&["waiting for ever\n"])
        .says(&["vambrace: the time limit passed\n"]);
    assert_eq!(ended.report()["end"], "time_limit");
}

#[test]
fn a_crash_that_the_guest_reports_is_126() {
    see(&mut run(&[], "crash"))
        .exits(126)
        .prints(&["\ncrash: cpu=0 kind=sync esr=0x96000006 elr=0x402"])
        .says(&["vambrace: the guest reports that it crashed\n"]);
}

#[test]
fn a_guest_that_faults_without_end_is_ended_by_its_time_limit() {
    let image = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(image.path(), loads_from_nowhere_in_a32()).unwrap();
    // Its data abort is taken at a vector that is not there, which is an abort, and so on.
    let options = ["--timeout", "2", "--json"];
    let ended = see(&mut run_on("el2:cortex-a57", &options, image.path()));
    ended.exits(124);
    assert_eq!(ended.report()["end"], "time_limit");
}

/// ELF for A32 (EM_ARM, 40) of one instruction at 0x4020_0000: `ldr r0, [r1]`, r1 being 0.
fn loads_from_nowhere_in_a32() -> Vec<u8> {
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // e_type ET_EXEC, e_machine; e_version, e_entry, e_phoff, e_shoff, e_flags.
    file.extend([2, 0, 40, 0]);
    for word in [1_u32, 0x4020_0000, 52, 0, 0x0500_0000] {
        file.extend(word.to_le_bytes());
    }
    // e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx.
    for half in [52_u16, 32, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // PT_LOAD: offset, virtual and physical address, sizes, flags, alignment; then the instruction.
    for word in [1_u32, 84, 0x4020_0000, 0x4020_0000, 4, 4, 5, 4, 0xE591_0000] {
        file.extend(word.to_le_bytes());
    }
    file
}

#[test]
fn more_resets_than_allowed_are_126() {
    let ended = see(&mut run(&["--max-resets", "2", "--json"], "reset_forever"));
    ended.exits(126).prints(&["boot: 1\n", "boot: 2\n"]);
    ended.says(&["vambrace: the guest reset the machine again after 2 reboots (--max-resets)\n"]);
    assert!(!ended.stdout.contains("boot: 3"), "{ended}");
    assert_eq!(ended.report()["resets"], 2);
}

#[test]
fn without_reboots_the_first_reset_is_the_end() {
    let ended = see(&mut run(&["--no-reboot"], "reset_forever"));
    ended
        .exits(126)
        .says(&["vambrace: the guest reset the machine\n"]);
    assert!(!ended.stdout.contains("boot: 1"), "{ended}");
}

#[test]
fn standard_input_reaches_the_guest() {
    see_with_input(&mut run(&[], "echo"), "good day, hôte\n".as_bytes())
        .exits(0)
        .prints(&["ready\n", "echo: good day, hôte\n"]);
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    let mut command = run(&[], "flood");
    let mut started = Started::new(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let mut reader = BufReader::new(started.stdout().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "claim: A guest that floods the console is bounded.\n");
    drop(reader);
    started.finish_and_leave_nothing().exits(141);
}

#[test]
fn a_clock_that_counts_instructions_tells_the_same() {
    let claim = guest("affinity_info_refuses_bad_arguments");
    let see_on = |host| see(&mut run_on(host, &[], &claim));
    let (time, instructions) = (see_on("el2:max"), see_on("el2:max:icount"));
    instructions.exits(0);
    assert_eq!(time.stdout, instructions.stdout);
}

#[test]
fn ctrl_c_ends_qemu_and_restores_the_terminal() {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let started = terminal.start(&run(&[], "hang"));
    terminal.wait_for("waiting for ever");
    terminal.type_text("\x03");
    started.finish_and_leave_nothing().ends(Ending::Signal(2));
    assert_eq!(terminal.settings(), before);
    let screen = terminal.screen();
    assert!(!screen.contains("error:"), "{screen}");
}

#[test]
fn a_test_run_that_is_terminated_leaves_nothing() {
    let mut command = vambrace();
    command.args(["test", "--host", "el2"]).arg(example("hang"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let started = Started::new(command.stderr(Stdio::piped()));
    started.wait_for("qemu-system-aarch64");
    started.signal(Signal::TERM);
    started.finish_and_leave_nothing().ends(Ending::Signal(15));
}

#[test]
fn tests_that_pass_are_0() {
    see(&mut test(
        &[],
        &["psci_version_is_at_least_1_0", "migrate_info_type_is_2"],
    ))
    .exits(0)
    .prints(&["2 passed, 0 failed, 0 skipped"]);
}

#[test]
fn a_test_that_fails_is_1_with_its_transcript() {
    let mut command = test(&[], &["psci_version_is_at_least_1_0"]);
    see(command.arg(example("wrong_claim"))).exits(1).prints(&[
        "FAILED wrong_claim (el2): FAIL ",
        "1 passed, 1 failed, 0 skipped",
    ]);
}

#[test]
fn a_test_that_needs_more_than_there_is_is_skipped_with_the_reason() {
    see(&mut test(&[], &["affinity_info_follows_power"]))
        .exits(0)
        .prints(&["needs 18 vCPUs; at EL2 there are 8"]);
}

#[test]
fn records_tell_host_tests_and_summary() {
    let ended = see(&mut test(&["--json"], &["psci_version_is_at_least_1_0"]));
    ended.exits(0);
    let records = ended.records();
    let [host, test, summary] = &records[..] else {
        panic!("{ended}");
    };
    assert_eq!(
        (&host["name"], &host["kernel"]),
        (&"el2:max".into(), &"".into())
    );
    assert_eq!(
        (&test["firmware"], &test["verdict"]),
        (&"el2".into(), &"pass".into())
    );
    assert_eq!(test["calls"], test["forwarded_calls"]);
    assert_eq!(summary["passed"], 1);
}

#[test]
fn a_test_that_floods_its_console_is_bounded() {
    let mut command = vambrace();
    command
        .args(["test", "--host", "el2", "--json", "--timeout", "1"])
        .args(["--console-limit", "1K"])
        .arg(example("flood"));
    let ended = see(&mut command);
    ended.exits(1);
    let records = ended.records();
    let transcript = records[1]["transcript"].as_array().unwrap();
    let last = transcript.last().and_then(Value::as_str).unwrap();
    assert_eq!(
        last,
        "[vambrace] console output beyond 1024 bytes was dropped"
    );
}

/// `run` and `test` refuse these options at once.
#[track_caller]
fn both_refuse(options: &[&str], texts: &[&str]) {
    for command in ["run", "test"] {
        see(vambrace()
            .args([command, "--host", "el2"])
            .args(options)
            .arg(guest("smccc_version_is_1_1")))
        .refuses(125, texts);
    }
}

#[test]
fn a_kernel_that_should_answer() {
    both_refuse(
        &["--firmware", "kernel"],
        &["no kernel at EL2", "--firmware kernel out"],
    );
}

#[test]
fn more_vcpus_than_the_board_has_cpus() {
    both_refuse(&["--cpus", "9"], &["9 vCPUs", "8 at most", "--cpus 8"]);
}

#[test]
fn cpus_of_a_host_that_is_none() {
    both_refuse(&["--host-cpus", "0"], &["--host-cpus", "at EL2"]);
}

#[test]
fn files_in_a_memory_that_is_qemus() {
    let command = &mut run(&["--load", "0x44000000=in.bin"], "hang");
    see(command).refuses(125, &["--load", "at EL2"]);
}

#[test]
fn a_cpu_that_qemu_does_not_know() {
    let ended = see(&mut run_on("el2:cortex-a99", &[], &example("exit_code")));
    ended
        .exits(125)
        .says(&["cortex-a99", "cortex-a57", "neoverse-n1"]);
}

#[test]
fn an_image_that_is_not_there_or_not_one() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for image in [Path::new("nowhere.elf"), empty.path()] {
        let name = image.display().to_string();
        see(&mut run_on("el2", &[], image)).refuses(127, &[&name]);
    }
}

#[test]
fn a_qemu_that_is_not_there() {
    let nothing = tempfile::tempdir().unwrap();
    let mut command = run(&[], "exit_code");
    see(command.env("PATH", nothing.path())).refuses(125, &["qemu-system-aarch64", "hint: "]);
}

/// A contract of a recorded host, with what `options` change of it.
fn contract(host: &str, options: &[&str]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = vambrace();
    command.args(["contract", "new", "--host"]);
    command
        .arg(recorded::file(&format!("{host}.json")))
        .args(options);
    see(command.arg("--output").arg(file.path())).exits(0);
    file
}

fn run_under(contract: &Path, claim: &str) -> Ended {
    let mut command = vambrace();
    command.args(["run", "--host", "el2:cortex-a57", "--contract"]);
    see(command.arg(contract).arg(guest(claim)))
}

#[test]
fn a_contract_is_kept_as_far_as_firmware_answers() {
    let promised = ["--served-by", "core", "--psci", "1.2"];
    let contract = contract("7.3-cortex-a57", &promised);
    run_under(contract.path(), "psci_version_is_at_least_1_0")
        .exits(0)
        .prints(&["PSCI_VERSION 0x84000000() = 0x10002 0x0 0x0 0x0\n"])
        .says(&["vambrace: at EL2 the guest sees the CPU as it is"]);
}

#[test]
fn a_contract_that_a_kernel_serves() {
    let contract = contract("7.3-cortex-a57", &["--served-by", "kernel"]);
    run_under(contract.path(), "smccc_version_is_1_1")
        .refuses(125, &["a kernel's own answers", "--served-by core"]);
}

#[test]
fn a_contract_for_what_nobody_sets_at_el2() {
    let contract = contract("7.3-cortex-a57", &["--served-by", "core", "--vcpu", "pmu"]);
    run_under(contract.path(), "smccc_version_is_1_1")
        .refuses(125, &["PMU counters", "--without pmu"]);
}

#[test]
fn a_contract_for_another_cpu() {
    let contract = contract("7.3-cortex-a76", &["--served-by", "core"]);
    let ended = run_under(contract.path(), "smccc_version_is_1_1");
    ended.exits(125).says(&[
        "it promises MIDR_EL1 0x414fd0b1",
        "the board's CPU has MIDR_EL1 0x411fd070",
        "--host el2:CPU",
    ]);
    assert_eq!(ended.stdout, "", "{ended}");
}
