//! How a run ends, and what its exit code says: `vambrace run` in a lab host.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use vambrace_conformance::{Ended, Started, example, see, see_with_input, vambrace};

fn run(options: &[&str], image: &Path) -> Command {
    let mut command = vambrace();
    command
        .args(["run", "--host", "lab"])
        .args(options)
        .arg(image);
    command
}

fn see_example(options: &[&str], name: &str) -> Ended {
    see(&mut run(options, &example(name)))
}

#[test]
fn an_exit_code_is_the_guest_s_own() {
    let ended = see_example(&[], "exit_code");
    ended
        .exits(42)
        .prints(&["claim: A guest's exit code 42 leaves the machine.\n"]);
    assert_eq!(ended.stderr, "", "nothing more is to be said: {ended}");
}

#[test]
fn a_greater_exit_code_is_119_and_told_in_full() {
    let ended = see_example(&["--json"], "exit_code_large");
    ended
        .exits(119)
        .says(&["vambrace: the guest's exit code is 200\n"]);
    let report = ended.report();
    assert_eq!(
        (&report["end"], &report["code"]),
        (&"code".into(), &200.into())
    );
    assert_eq!(report["resets"], 0);
}

#[test]
fn system_off_is_0_and_arguments_are_bootargs() {
    let image = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(image.path(), device_tree_printer()).unwrap();
    let ended = see(run(&["--json"], image.path()).args(["--", "quiet", "a=b c"]));
    ended
        .exits(0)
        .prints(&["quiet a=b c\0", "arm,psci-1.0", "arm,pl011"]);
    let report = ended.report();
    assert_eq!(
        (&report["end"], &report["code"]),
        (&"off".into(), &Value::Null)
    );
}

/// A flat binary that writes its device tree to the PL011 and calls SYSTEM_OFF.
fn device_tree_printer() -> Vec<u8> {
    let instructions: [u32; 11] = [
        0xB940_0401, // ldr w1, [x0, #4]: the tree's size (Devicetree specification, 5.2)
        0x5AC0_0821, // rev w1, w1: which is big-endian
        0xD2A1_2002, // mov x2, #0x9000000
        0x3840_1403, // 1: ldrb w3, [x0], #1
        0xB900_0043, // str w3, [x2]
        0x7100_0421, // subs w1, w1, #1
        0x54FF_FFA1, // b.ne 1b
        0x5280_0100, // mov w0, #0x8
        0x72B0_8000, // movk w0, #0x8400, lsl #16: SYSTEM_OFF (DEN0022)
        0xD400_0002, // hvc #0
        0x1400_0000, // b .
    ];
    instructions
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}

#[test]
fn a_guest_that_hangs_is_ended_by_the_time_limit() {
    let ended = see_example(&["--timeout", "2", "--json"], "hang");
    ended
        .exits(124)
        .prints(&["waiting for ever\n"])
        .says(&["vambrace: the time limit passed\n"]);
    assert_eq!(ended.report()["end"], "time_limit");
}

#[test]
fn a_crash_that_the_guest_reports_is_126() {
    see_example(&[], "crash")
        .exits(126)
        .prints(&[
            "\ncrash: cpu=0 kind=sync esr=0x96000006 elr=0x402",
            "verdict: FAIL crash\n",
        ])
        .says(&["vambrace: the guest reports that it crashed\n"]);
}

#[test]
fn an_access_that_cannot_be_emulated_is_126_and_names_pc_and_instruction() {
    let ended = see_example(&["--json"], "undecodable_simd");
    ended
        .exits(126)
        .prints(&["about to execute ld1 {v0.4s, v1.4s}, [x0]\n"]);
    // LD1 of two 4S registers, from the UART.
    let detail = "vCPU 0: cannot emulate the guest's access to 0x9000000 at PC 0x402";
    ended.says(&[
        "vambrace: the guest crashed: ",
        detail,
        "instruction 0x4c40a800: ",
    ]);
    let report = ended.report();
    assert_eq!(report["end"], "crashed");
    assert!(
        report["detail"].as_str().unwrap().starts_with(detail),
        "{ended}"
    );
}

#[test]
fn more_resets_than_allowed_are_126() {
    let ended = see_example(&["--max-resets", "2", "--json"], "reset_forever");
    ended.exits(126).prints(&["boot: 1\n", "boot: 2\n"]);
    ended.says(&["vambrace: the guest reset the machine again after 2 reboots (--max-resets)\n"]);
    assert!(!ended.stdout.contains("boot: 3"), "{ended}");
    assert_eq!(ended.report()["resets"], 2);
}

#[test]
fn without_reboots_the_first_reset_is_the_end() {
    let ended = see_example(&["--no-reboot"], "reset_forever");
    ended
        .exits(126)
        .says(&["vambrace: the guest reset the machine\n"]);
    assert!(!ended.stdout.contains("boot: 1"), "{ended}");
}

#[test]
fn strict_mmio_makes_an_access_to_nothing_an_external_abort() {
    // ESR_EL1: a data abort of the same level (0x25), synchronous external (0x10).
    see_example(&["--strict-mmio"], "unclaimed")
        .exits(126)
        .prints(&["crash: cpu=0 kind=sync esr=0x96000010 ", "far=0xb000000\n"]);
}

#[test]
fn standard_input_reaches_the_guest() {
    let mut command = run(&["--firmware", "core"], &example("echo"));
    see_with_input(&mut command, "good day, hôte\n".as_bytes())
        .exits(0)
        .prints(&["ready\n", "echo: good day, hôte\n"]);
}

#[test]
fn more_vcpus_than_this_kvm_gives_a_vm_are_refused_with_its_number() {
    let mut command = vambrace();
    // A host with a GICv2 has eight CPU interfaces to give.
    command
        .args(["run", "--host", "lab:6.12:max:gic2", "--cpus", "9"])
        .arg(example("hang"));
    see(&mut command).exits(125).says(&[
        "cannot make a machine with 9 vCPUs: this host's KVM gives a VM at most 8",
        "--cpus",
    ]);
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    let mut command = run(&[], &example("flood"));
    let mut started = Started::new(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let mut reader = BufReader::new(started.stdout().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "claim: A guest that floods the console is bounded.\n");
    drop(reader);
    started.finish_and_leave_nothing().exits(141);
}
