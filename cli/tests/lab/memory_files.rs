//! Files that `vambrace run` puts into a guest's RAM in a lab host, and those it brings back.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::driver::{see, vambrace};

/// Adds 1 to the word at 0x4400_0000, puts it at 0x4500_0000, and goes on with `rest`.
fn guest(directory: &Path, rest: &[u32]) -> String {
    let mut code = vec![
        0xd2a8_8001, // movz x1, #0x4400, lsl #16
        0xd2a8_a002, // movz x2, #0x4500, lsl #16
        0xf940_0023, // ldr x3, [x1]
        0x9100_0463, // add x3, x3, #1
        0xf900_0043, // str x3, [x2]
    ];
    code.extend(rest);
    let bytes: Vec<u8> = code.into_iter().flat_map(u32::to_le_bytes).collect();
    write(directory, "guest.bin", &bytes)
}

/// SYSTEM_OFF by HVC.
const OFF: [u32; 3] = [
    0xd2b0_8000, // movz x0, #0x8400, lsl #16
    0xf280_0100, // movk x0, #8
    0xd400_0002, // hvc #0
];
/// A vector load from the UART, which nobody can carry out.
const CRASH: [u32; 5] = [
    0xd2a0_0604, // movz x4, #0x30, lsl #16
    0xd518_1044, // msr cpacr_el1, x4
    0xd503_3fdf, // isb
    0xd2a1_2001, // movz x1, #0x0900, lsl #16
    0x3dc0_0020, // ldr q0, [x1]
];
/// B to itself.
const HANG: [u32; 1] = [0x1400_0000];

fn write(directory: &Path, name: &str, bytes: &[u8]) -> String {
    let path = directory.join(name).display().to_string();
    fs::write(&path, bytes).expect("the file is written");
    path
}

fn run(options: &[String], image: &str) -> Command {
    let mut run = vambrace();
    run.args(["run", "--host", "lab"]).args(options).arg(image);
    run
}

#[test]
fn a_loaded_file_is_seen_by_the_guest_and_saved_ranges_come_back_however_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let input = write(directory.path(), "in", &[0xff, 1, 0, 0, 0, 0, 0, 0, 9]);
    let output = directory.path().join("out");
    let again = directory.path().join("in=again");
    for (rest, code) in [(&OFF[..], 0), (&CRASH, 126), (&HANG, 124)] {
        fs::write(&output, "old").unwrap();
        let image = guest(directory.path(), rest);
        let options = [
            format!("--load=0x44000000={input}"),
            format!("--save=0x45000000,16={}", output.display()),
            format!("--save=1140850688,0x9={}", again.display()),
            "--timeout=3".into(),
        ];
        let seen = see(&mut run(&options, &image));
        assert_eq!(seen.code, Some(code), "{seen:?}");
        let saved = fs::read(&output).unwrap();
        assert_eq!(saved, [0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(fs::read(&again).unwrap(), fs::read(&input).unwrap());
        fs::remove_file(&again).unwrap();
    }
    let mut left: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["guest.bin", "in", "out"]);
}

#[test]
fn what_cannot_go_in_or_come_out_is_refused_before_a_host_is_started() {
    let directory = tempfile::tempdir().unwrap();
    let image = guest(directory.path(), &OFF);
    let log = directory.path().join("log").display().to_string();
    let refuse = |option: &str, parts: &[&str]| {
        let seen = see(run(&[option.into()], &image).env("PATH", directory.path()));
        seen.is_own_error(parts);
        assert!(!seen.stderr.contains("QEMU"), "{}", seen.stderr);
    };
    let ram = "RAM, which is 0x40000000..0x48000000";
    refuse(
        "--load=0x44000000",
        &["'--load <ADDRESS=FILE>'", "such as 0x44000000=calls.bin"],
    );
    refuse("--load=x=y", &["`x` is no address"]);
    refuse(
        "--load=0x44000000=/nowhere",
        &["cannot load `/nowhere`: No such file"],
    );
    refuse(
        &format!("--load=0x47ffffff={image}"),
        &[ram, "a larger --memory"],
    );
    refuse(
        &format!("--save=0x45000000={log}"),
        &["such as 0x45000000,2M=log.bin"],
    );
    refuse(&format!("--save=0x45000000,0={log}"), &["`0` is no size"]);
    refuse(
        &format!("--save=0x47ffffff,2={log}"),
        &[ram, "a larger --memory"],
    );
    refuse(
        "--save=0x45000000,2=/nowhere/log",
        &["cannot save 0x45000000..0x45000002 to", "no such directory"],
    );
    refuse("--save=0x45000000,2=/dev/null", &["no file"]);
    refuse(
        "--psci=1.4",
        &["'1.4'", "write 0.1, 0.2, 1.0, 1.1, 1.2 or 1.3"],
    );
    refuse(
        "--with=trng,trgn",
        &["no firmware feature is called `trgn`", "trng, pv-time"],
    );
    assert!(!Path::new(&log).exists());
}
