//! Command lines that cannot be carried out: 125, and what would be right.

use vambrace_conformance::{guest, see, vambrace};

/// `run` and `test` refuse these options.
#[track_caller]
fn both_refuse(options: &[&str], texts: &[&str]) {
    for command in ["run", "test"] {
        see(vambrace()
            .arg(command)
            .args(options)
            .arg(guest("smccc_version_is_1_1")))
        .refuses(125, texts);
    }
}

#[test]
fn vcpus_that_no_host_can_have() {
    for number in ["0", "513", "99999", "many"] {
        both_refuse(&["--cpus", number], &[number, "--cpus", "from 1 to 512"]);
    }
}

#[test]
fn too_little_memory() {
    both_refuse(
        &["--memory", "1M"],
        &["1 MiB", "at least 4 MiB", "--memory 128M"],
    );
    let needed = ["leaves RAM", "--memory"];
    see(vambrace()
        .args(["run", "--memory", "4M"])
        .arg(guest("smccc_version_is_1_1")))
    .refuses(127, &needed);
}

#[test]
fn too_much_memory() {
    both_refuse(
        &["--memory", "300000G"],
        &["300000 GiB", "at most", "--memory"],
    );
    both_refuse(&["--memory", "99999999999G"], &["99999999999G", "128M"]);
}

#[test]
fn memory_in_no_known_unit() {
    both_refuse(&["--memory", "1T"], &["1T", "K, M or G"]);
    both_refuse(
        &["--memory", "17000001"],
        &["steps of 64 KiB", "--memory 16640K"],
    );
}

#[test]
fn a_time_limit_of_nothing() {
    both_refuse(&["--timeout", "0"], &["--timeout", "1 or more"]);
}

#[test]
fn an_unknown_host() {
    both_refuse(
        &["--host", "moon"],
        &["moon", "auto, local, lab[:KERNEL[:CPU]] or el2[:CPU]"],
    );
}

#[test]
fn an_unknown_kernel() {
    both_refuse(
        &["--host", "lab:6.13"],
        &["no kernel `6.13`", "5.10, 6.1, 6.12, 7.3"],
    );
}

#[test]
fn an_unknown_cpu_with_the_one_that_may_be_meant() {
    let texts = ["`neoverse-n9`", "did you mean neoverse-n1", "cortex-a57"];
    both_refuse(&["--host", "lab:6.12:neoverse-n9"], &texts);
}

#[test]
fn an_unknown_option_of_a_host() {
    both_refuse(
        &["--host", "lab:6.12:max:gic5"],
        &["`gic5`", "gic2, mte, nested and icount"],
    );
}

#[test]
fn an_unknown_firmware() {
    both_refuse(&["--firmware", "bios"], &["bios", "kernel, core"]);
}

#[test]
fn an_unknown_option() {
    both_refuse(&["--nonsense"], &["--nonsense", "--help"]);
}

#[test]
fn a_missing_argument() {
    for command in ["run", "test"] {
        see(vambrace().arg(command)).refuses(125, &["IMAGE", "Usage", "--help"]);
    }
}

#[test]
fn a_flip_that_names_no_bit() {
    see(vambrace()
        .args(["test", "--flip-answer", "0x84000000"])
        .arg(guest("smccc_version_is_1_1")))
    .refuses(125, &["--flip-answer", "0x84000000:0"]);
}
