//! What goes in and comes out of a lab host comes through unharmed.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::driver::{cached_kernel, lab_run, probe, see};

#[test]
fn both_streams_and_the_exit_code_come_back_exactly() {
    let output = lab_run(&[], &[probe(), "bytes", "77"]).output().unwrap();
    assert_eq!(output.status.code(), Some(77));
    assert_eq!(output.stdout, (0..=255).collect::<Vec<u8>>());
    assert_eq!(output.stderr, (0..=255).rev().collect::<Vec<u8>>());
}

#[test]
fn a_command_finds_its_variables_its_directory_and_kvm() {
    let seen = see(&mut lab_run(
        &["--env", "GREETING=a=b c"],
        &[probe(), "tell", "GREETING"],
    ));
    assert_eq!(
        seen.stdout, "GREETING=a=b c in /lab kvm=true\n",
        "{}",
        seen.stderr
    );
    assert_eq!(seen.code, Some(0));
}

#[test]
fn a_kernel_file_of_the_users_own_runs_commands() {
    let kernel = cached_kernel();
    let kernel = kernel.to_str().expect("its path is text");
    for options in [
        ["--kernel-file".to_owned(), kernel.to_owned()],
        ["--host".to_owned(), format!("lab:{kernel}")],
    ] {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let seen = see(&mut lab_run(&options, &[probe(), "tell", "A"]));
        assert_eq!(seen.stdout, "A= in /lab kvm=true\n", "{}", seen.stderr);
    }
}

#[test]
fn kernels_whose_channel_needs_modules_run_commands_as_well() {
    let run = &mut lab_run(
        &["--host", "lab:6.1:cortex-a57:gic2"],
        &[probe(), "tell", "A"],
    );
    let seen = see(run);
    assert_eq!(seen.stdout, "A= in /lab kvm=true\n", "{}", seen.stderr);
}

#[test]
fn files_go_in_with_their_modes_and_come_back_with_theirs() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("plain"), [0, 1, 254]).unwrap();
    std::fs::set_permissions(path("plain"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::write(path("tool"), "x").unwrap();
    std::fs::set_permissions(path("tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = [
        "--file",
        &path("plain"),
        "--file",
        &format!("{}:/opt/a/tool", path("tool")),
        "--output",
        &format!("result:{}", path("kept")),
        "--output",
        &format!("not-there:{}", path("absent")),
    ];
    let seen = see(&mut lab_run(
        &options,
        &[probe(), "files", "plain", "/opt/a/tool"],
    ));
    assert_eq!(
        seen.stdout, "plain 640 [0, 1, 254]\n/opt/a/tool 755 [120]\n",
        "{}",
        seen.stderr
    );
    assert_eq!(std::fs::read(path("kept")).unwrap(), [0, 255, 10, 13]);
    let mode = std::fs::metadata(path("kept"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o750);
    // A command that succeeded without leaving what was asked for did not succeed.
    seen.is_own_error(&["`not-there` could not be brought back: No such file"]);
    assert!(!directory.path().join("absent").exists());
}

#[test]
fn bulk_goes_in_and_out_at_once_without_harm() {
    let bulk: Vec<u8> = (0..6_000_000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let mut run = lab_run(&["--timeout", "600"], &[probe(), "echo"]);
    let mut child = run
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sent = bulk.clone();
    let feeder = std::thread::spawn(move || stdin.write_all(&sent));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stdout == bulk,
        "{} bytes came back",
        output.stdout.len()
    );
}
