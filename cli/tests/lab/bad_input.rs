//! Bad input gets a clear error, exit code 125, and loses nothing.

use crate::driver::{
    ANSWERS, cached_kernel, fake_qemu, lab_run, path_with, probe, qemu, see, vambrace,
};

#[test]
fn a_wrong_command_line_is_an_error_of_ours() {
    see(vambrace().args(["lab", "run"])).is_own_error(&["COMMAND", "Usage"]);
    see(vambrace().args(["lab", "dance"])).is_own_error(&["dance"]);
    see(&mut lab_run(&["--timeout", "soon"], &["x"])).is_own_error(&["a number of seconds"]);
}

#[test]
fn an_unknown_kernel_is_named_with_those_there_are() {
    let there_are = "there are 5.10, 6.1, 6.12, 7.3";
    see(&mut lab_run(&["--host", "lab:6.13"], &["x"])).is_own_error(&["`6.13`", there_are]);
    see(&mut lab_run(&["--kernel", "6"], &["x"])).is_own_error(&["`6`", there_are]);
    see(vambrace().args(["lab", "fetch", "6.13"])).is_own_error(&["`6.13`", there_are]);
}

#[test]
fn an_unknown_cpu_is_named_with_the_nearest_and_all_of_qemu_s() {
    see(&mut lab_run(&["--cpu", "neoverse_n1"], &["vambrace"])).is_own_error(&[
        "`neoverse_n1`",
        "did you mean neoverse-n1?",
        "cortex-a57",
        "max",
    ]);
}

#[test]
fn a_host_that_cannot_be_is_refused() {
    see(&mut lab_run(&["--cpus", "0"], &["vambrace"])).is_own_error(&["0 CPUs"]);
    see(&mut lab_run(&["--memory", "16M"], &["vambrace"])).is_own_error(&["16 MiB", "256"]);
}

#[test]
fn no_qemu_is_told_with_the_command_that_installs_it() {
    let empty = tempfile::tempdir().unwrap();
    see(lab_run(&[], &["vambrace"]).env("PATH", empty.path())).is_own_error(&[
        "not installed",
        "apt-get install",
        "qemu-system-arm",
    ]);
}

#[test]
fn a_qemu_that_is_too_old_is_told_with_both_versions() {
    let qemu = fake_qemu("echo 'QEMU emulator version 7.2.22 (Debian)'");
    see(lab_run(&[], &["vambrace"]).env("PATH", path_with(qemu.path()))).is_own_error(&[
        "QEMU 7.2.22",
        "8.2.0",
        "apt-get install",
    ]);
}

#[test]
fn a_qemu_that_dies_at_its_start_is_quoted() {
    let script = format!("{ANSWERS}\necho 'cannot set up guest memory' >&2\nexit 1");
    let qemu = fake_qemu(&script);
    see(lab_run(&[], &["vambrace"]).env("PATH", path_with(qemu.path())))
        .is_own_error(&["exit status: 1", "cannot set up guest memory"]);
}

#[test]
fn a_first_fetch_without_a_network_says_so_and_leaves_no_kernel() {
    let cache = tempfile::tempdir().unwrap();
    let mut fetch = vambrace();
    fetch.args(["lab", "fetch", "--mirror", "http://127.0.0.1:1/debian"]);
    see(fetch.env("VAMBRACE_CACHE", cache.path())).is_own_error(&[
        "fetching the list of trixie's packages from http://127.0.0.1:1/debian failed",
        "127.0.0.1",
        "--kernel-file",
    ]);
    let left: Vec<_> = std::fs::read_dir(cache.path().join("kernels"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "the lock alone: {left:?}");
}

#[test]
fn a_run_whose_kernel_cannot_be_fetched_says_so() {
    let cache = tempfile::tempdir().unwrap();
    let proxy = "http://127.0.0.1:1";
    let mut run = lab_run(&[], &["vambrace"]);
    run.env("VAMBRACE_CACHE", cache.path());
    run.env("http_proxy", proxy)
        .env("https_proxy", proxy)
        .env_remove("no_proxy");
    see(&mut run).is_own_error(&["the kernel 6.12 is not here yet", "failed", "--kernel-file"]);
}

/// A cache in which the record of 6.12 names a file of other content.
fn damaged_cache() -> tempfile::TempDir {
    let cache = tempfile::tempdir().unwrap();
    let kernels = cache.path().join("kernels");
    std::fs::create_dir_all(kernels.join("d")).unwrap();
    std::fs::write(kernels.join("d/vmlinuz"), "rotten").unwrap();
    let digest = "0".repeat(64);
    let record = serde_json::json!({
        "series": "6.12", "release": "6.12.1-cloud-arm64", "package": "p", "version": "1",
        "suite": "trixie", "directory": "d", "modules": [], "fetched": 0,
        "kernel": { "name": "vmlinuz", "sha256": digest, "bytes": 6 },
    });
    std::fs::write(kernels.join("6.12.json"), record.to_string()).unwrap();
    cache
}

#[test]
fn a_damaged_kernel_is_never_run() {
    let cache = damaged_cache();
    see(lab_run(&[], &["vambrace"]).env("VAMBRACE_CACHE", cache.path())).is_own_error(&[
        "d/vmlinuz` is damaged",
        "expected sha256 0000000000000000",
        "found sha256 ",
        "vambrace lab fetch --force 6.12",
    ]);
}

#[test]
fn a_damaged_kernel_is_listed_as_such() {
    let cache = damaged_cache();
    let list = see(vambrace()
        .args(["lab", "list"])
        .env("VAMBRACE_CACHE", cache.path()));
    assert_eq!(list.code, Some(0));
    assert!(list.stdout.contains("damaged"), "{}", list.stdout);
    assert!(
        list.stdout.contains("vambrace lab fetch --force 6.12"),
        "{}",
        list.stdout
    );
}

#[test]
fn a_file_that_is_no_kernel_is_refused_before_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    let kernel = directory.path().join("Image");
    let refused = |content: &[u8], reason: &str| {
        std::fs::write(&kernel, content).unwrap();
        let options = ["--kernel-file", kernel.to_str().unwrap()];
        see(&mut lab_run(&options, &["vambrace"])).is_own_error(&["Image` cannot be used", reason]);
    };
    refused(b"", "it is empty");
    refused(&[0x5a; 100_000], "it has no arm64 kernel's header");
    let whole = std::fs::read(cached_kernel()).unwrap();
    refused(&whole[..whole.len() / 2], "it is truncated");
}

#[test]
fn a_missing_kernel_file_is_named() {
    see(&mut lab_run(
        &["--kernel-file", "/nowhere/Image"],
        &["vambrace"],
    ))
    .is_own_error(&["`/nowhere/Image`", "No such file"]);
}

#[test]
fn a_kernel_without_kvm_is_told_with_its_own_words() {
    let script = format!(
        "for word; do shift; set -- \"$@\" \"$(printf %s \"$word\" | sed '{}')\"; done\n\
         exec '{}' \"$@\"",
        "s/panic=-1/& kvm-arm.mode=none/",
        qemu().display()
    );
    let qemu = fake_qemu(&script);
    see(lab_run(&[], &["vambrace"]).env("PATH", path_with(qemu.path()))).is_own_error(&[
        "there is no /dev/kvm",
        "| kvm [1]: KVM disabled from command line",
    ]);
}

#[test]
fn a_program_that_cannot_run_inside_is_refused() {
    let own = std::env::current_exe().unwrap();
    see(&mut lab_run(&[], &[own.to_str().unwrap()]))
        .is_own_error(&["cannot run in a lab host", "aarch64-unknown-linux-musl"]);
    see(&mut lab_run(&[], &["./no-such-program"])).is_own_error(&["`./no-such-program`"]);
}

#[test]
fn files_that_cannot_go_in_or_come_out_are_refused() {
    let run = |options: &[&str]| see(&mut lab_run(options, &[probe()]));
    run(&["--file", "/nowhere/f"]).is_own_error(&["cannot open `/nowhere/f`"]);
    run(&["--file", "/:x"]).is_own_error(&["`/` is not a file"]);
    run(&["--file", &format!("{}:/dev/x", probe())]).is_own_error(&["`/dev/x`"]);
    run(&["--file", &format!("{}:../x", probe())]).is_own_error(&["`..`"]);
    run(&["--output", "/lab/x:/"]).is_own_error(&["--output"]);
    run(&["--env", "NOVALUE"]).is_own_error(&["NAME=VALUE"]);
}

#[test]
fn a_list_that_nobody_reads_ends_quietly() {
    let vambrace = env!("CARGO_BIN_EXE_vambrace");
    let script = format!("'{vambrace}' lab list --json | true");
    let seen = see(std::process::Command::new("sh").args(["-c", &script]));
    assert_eq!((seen.code, seen.stderr.as_str()), (Some(0), ""));
}
