//! `vambrace boot`: its console, its options and its ends, with guests that are quicker than Linux.
//!
//! Linux itself is booted by `cargo xtask linux`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use tempfile::{NamedTempFile, tempdir};
use vambrace_conformance::{Ending, Started, Terminal, example, see, see_with_input, vambrace};

fn boot(options: &[&str], kernel: &Path) -> Command {
    let mut command = vambrace();
    command.args(["boot", "--host", "lab", "--timeout", "60"]);
    command.args(options).arg("--kernel").arg(kernel);
    command
}

#[test]
fn ctrl_a_x_ends_the_machine_and_gives_the_terminal_back() {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let started = terminal.start(&boot(&[], &example("hang")));
    terminal.wait_for("waiting for ever");
    assert_ne!(terminal.settings(), before);
    terminal.type_text("\x01h");
    terminal.wait_for("Ctrl-a x       end the machine");
    terminal.type_text("\x01x");
    started.finish_and_leave_nothing().exits(0);
    assert_eq!(terminal.settings(), before);
}

#[test]
fn every_other_key_is_the_guests() {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let options = ["--firmware=core", "--no-reboot"];
    let started = terminal.start(&boot(&options, &example("echo")));
    terminal.wait_for("ready");
    // Ctrl-C, and Ctrl-a itself.
    terminal.type_text("a\x03b\x01\x01c\n");
    terminal.wait_for("echo: a\x03b\x01c");
    started.finish_and_leave_nothing().exits(0);
    assert_eq!(terminal.settings(), before);
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    let terminal = Terminal::open();
    let before = terminal.settings();
    let started = terminal.start(&boot(&[], &example("hang")));
    terminal.wait_for("waiting for ever");
    started.signal(Signal::TERM);
    started.finish_and_leave_nothing().ends(Ending::Signal(15));
    assert_eq!(terminal.settings(), before);
}

#[test]
fn a_second_ctrl_a_x_waits_for_nothing() {
    let mut terminal = Terminal::open();
    let before = terminal.settings();
    let started = terminal.start(&boot(&[], &example("hang")));
    terminal.wait_for("waiting for ever");
    terminal.type_text("\x01x\x01x");
    started.finish_and_leave_nothing().exits(125);
    assert!(terminal.screen().contains("cut off before its end"));
    assert_eq!(terminal.settings(), before);
}

#[test]
fn a_hangup_ends_a_machine_whose_console_leads_nowhere() {
    let terminal = Terminal::open();
    let started = terminal.start(&boot(&["--console=none"], &example("flood")));
    terminal.wait_for("contract none, firmware kernel");
    started.signal(Signal::HUP);
    started.finish_and_leave_nothing().ends(Ending::Signal(1));
    assert!(!terminal.screen().contains("flood"));
}

#[test]
fn readers_of_a_pseudoterminal_come_and_go() {
    let terminal = Terminal::open();
    let options = ["--console=pty", "--no-reboot"];
    let started = terminal.start(&boot(&options, &example("echo")));
    terminal.wait_for("contract none, firmware kernel");
    let screen = terminal.screen();
    let told = screen.split_once("the console is ").unwrap().1;
    let name = told.split_whitespace().next().unwrap();
    assert!(until("ready", &mut open(name)));
    let mut second = open(name);
    second.write_all(b"x\n").unwrap();
    assert!(until("echo: x", &mut second));
    started.finish_and_leave_nothing().exits(0);
}

fn open(pseudoterminal: &str) -> fs::File {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(pseudoterminal, flags, Mode::empty())
        .unwrap()
        .into()
}

/// Reads until this has come, or nothing comes any more.
fn until(text: &str, from: &mut fs::File) -> bool {
    let mut seen = String::new();
    let mut bytes = [0; 256];
    while !seen.contains(text) {
        match from.read(&mut bytes) {
            Ok(count @ 1..) => seen += &String::from_utf8_lossy(&bytes[..count]),
            Ok(0) | Err(_) => return false,
        }
    }
    true
}

#[test]
fn ctrl_a_p_presses_the_power_button() {
    for firmware in ["--firmware=kernel", "--firmware=core"] {
        let mut terminal = Terminal::open();
        let options = [firmware, "--no-reboot"];
        let started = terminal.start(&boot(&options, &example("power_button")));
        terminal.wait_for("press the power button");
        terminal.type_text("\x01p");
        terminal.wait_for("let go");
        started.finish_and_leave_nothing().exits(0);
        assert!(terminal.screen().contains("pressed\r\nlet go\r\n"));
    }
}

#[test]
fn the_banner_says_where_under_which_contract_and_who_answers() {
    let ended = see_with_input(
        &mut boot(&["--firmware=core", "--no-reboot"], &example("echo")),
        b"x\n",
    );
    ended.exits(0).prints(&["ready\n", "echo: x\n"]);
    ended.says(&["vambrace: 1 vCPU, 512 MiB on lab:6.12:max (Linux 6.12"]);
    ended.says(&["), contract none, firmware core\n"]);
}

#[test]
fn a_vendor_reset_is_a_reboot() {
    // The guest ends the machine so, in each life.
    let command = &mut boot(&["--json", "--timeout", "5"], &example("exit_code"));
    let ended = see(command);
    ended.exits(124);
    assert!(ended.report()["resets"].as_u64() > Some(1), "{ended}");
    ended.prints(&["boot: 1\n", "boot: 2\n"]);
}

#[test]
fn without_reboots_the_first_reset_is_an_end_like_any_other() {
    let ended = see(&mut boot(&["--no-reboot", "--json"], &example("exit_code")));
    ended.exits(0);
    assert_eq!(ended.report()["resets"], 0, "{ended}");
}

#[test]
fn a_crash_is_126() {
    see(&mut boot(&[], &example("undecodable_simd")))
        .exits(126)
        .says(&["vambrace: the guest crashed: vCPU 0"]);
}

#[test]
fn a_console_can_be_a_file() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("console");
    let console = format!("--console=file={}", file.display());
    let ended = see(&mut boot(&[&console, "--no-reboot"], &example("exit_code")));
    ended.exits(0);
    assert_eq!(ended.stdout, "");
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("exit code 42"), "{written}");
}

#[test]
fn a_device_tree_is_written_without_seeds_and_without_a_guest() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("tree");
    let option = format!("--dump-dtb={}", file.display());
    let ended = see(&mut boot(&[&option, "--append=quiet"], &example("hang")));
    ended.exits(0);
    assert_eq!(ended.stdout, "");
    let tree = fs::read(&file).unwrap();
    assert_eq!(tree[..4], [0xd0, 0x0d, 0xfe, 0xed]);
    let text = String::from_utf8_lossy(&tree);
    assert!(text.contains("quiet\0") && text.contains("arm,psci-1.0\0"));
    assert!(!text.contains("kaslr-seed") && !text.contains("rng-seed"));
}

#[test]
fn a_kernel_by_gzip_is_unpacked() {
    let kernel = NamedTempFile::new().unwrap();
    let gzip = Command::new("gzip")
        .arg("--stdout")
        .arg(example("exit_code"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    fs::write(kernel.path(), gzip.stdout).unwrap();
    see(&mut boot(&["--no-reboot"], kernel.path()))
        .exits(0)
        .prints(&["exit code 42"]);
}

#[test]
fn firmware_runs_from_flash_with_its_device_tree_in_ram() {
    let firmware = NamedTempFile::new().unwrap();
    let instructions: [u32; 12] = [
        0x5280_0541, // mov w1, #'*'
        0xD2A1_2002, // mov x2, #0x9000000
        0xB940_0003, // ldr w3, [x0]: the tree's magic (Devicetree specification, 5.2)
        0x5AC0_0863, // rev w3, w3
        0x529F_DDA4, // mov w4, #0xfeed
        0x72BA_01A4, // movk w4, #0xd00d, lsl #16
        0x6B04_007F, // cmp w3, w4
        0x5400_0041, // b.ne over the next
        0xB900_0041, // str w1, [x2]
        0x5280_0100, // mov w0, #0x8
        0x72B0_8000, // movk w0, #0x8400, lsl #16: SYSTEM_OFF (DEN0022)
        0xD400_0002, // hvc #0
    ];
    let bytes: Vec<u8> = instructions
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    fs::write(firmware.path(), bytes).unwrap();
    let mut command = vambrace();
    command.args(["boot", "--host", "lab", "--timeout", "60", "--bios"]);
    let ended = see(command.arg(firmware.path()));
    ended.exits(0);
    assert_eq!(ended.stdout, "*", "{ended}");
}

#[test]
fn what_cannot_be_booted_is_refused_before_there_is_a_host() {
    let file = |bytes: &[u8]| {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        file
    };
    let (empty, truncated) = (file(b""), file(&[0x1f, 0x8b, 8, 0, 0]));
    let hang = example("hang");
    let initramfs = format!("--initrd={}", empty.path().display());
    see(&mut boot(&[&initramfs], &hang)).refuses(127, &["the initramfs is empty"]);
    see(&mut boot(&[], empty.path())).refuses(127, &["the file is empty"]);
    see(&mut boot(&[], truncated.path())).refuses(127, &["truncated"]);
    see(&mut boot(&[], Path::new("no/such"))).refuses(127, &["there is no such file"]);
    see(&mut boot(&["--memory=2M"], &hang)).refuses(125, &["at least 4 MiB"]);
    see(&mut boot(&["--memory=4000000G"], &hang)).refuses(125, &["--memory"]);
}

#[test]
fn options_can_stand_in_a_file_and_its_mistakes_have_lines() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("machine.toml");
    let with_file = |text: &str, more: &[&str]| {
        fs::write(&file, text).unwrap();
        let mut command = vambrace();
        command.arg("boot").arg("--config").arg(&file).args(more);
        see(&mut command)
    };
    let kernel = folder.path().join("vmlinuz").display().to_string();
    let ended = with_file(
        "kernel = \"vmlinuz\"\ncpus = 2\n",
        &["--cpus=8", "--dump-config"],
    );
    ended.exits(0);
    assert_eq!(ended.stdout, format!("cpus = 8\nkernel = \"{kernel}\"\n"));
    with_file("cpus = 2\nkernal = \"x\"\n", &[])
        .refuses(125, &["line 2: `kernal` is no option: there are "]);
    with_file("cpus = 513\nkernel = \"x\"\n", &[]).refuses(125, &["513", "--cpus"]);
}

#[test]
fn a_reader_that_goes_away_is_told_of_once_and_the_machine_goes_on() {
    let mut command = boot(&[], &example("flood"));
    let mut started = Started::new(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    drop(started.stdout());
    started.finish_and_leave_nothing().exits(124);
}

#[test]
fn a_kernel_that_unpacks_to_more_than_ram_is_refused() {
    let bomb = NamedTempFile::new().unwrap();
    let zeroes = "head --bytes=80M /dev/zero | gzip --fast";
    let made = Command::new("sh").args(["-c", zeroes]).output().unwrap();
    assert!(made.status.success() && made.stdout.len() < 1 << 20);
    fs::write(bomb.path(), made.stdout).unwrap();
    see(&mut boot(&["--memory=64M"], bomb.path())).refuses(127, &["unpacks to more than 64 MiB"]);
}

/// The bytes that `virtio_disk` writes.
fn pattern() -> Vec<u8> {
    let doublewords = (0..1_u64 << 20).step_by(8);
    doublewords
        .flat_map(|offset| offset.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect()
}

/// A guest that ends with a verdict, which `boot` would take for a reboot.
fn run(options: &[&str], image: &Path) -> Command {
    let mut command = vambrace();
    command.args(["run", "--host", "lab", "--timeout", "100"]);
    command.args(options).arg(image);
    command
}

#[test]
fn a_virtio_disk_is_the_file_over_a_reset() {
    for firmware in ["--firmware=kernel", "--firmware=core"] {
        let disk = NamedTempFile::new().unwrap();
        fs::write(disk.path(), vec![0x5a; (1 << 20) + 4096]).unwrap();
        let option = format!("--disk={}", disk.path().display());
        let ended = see(&mut run(&[firmware, &option], &example("virtio_disk")));
        ended
            .exits(0)
            .prints(&["read-only: false\n", "kept over a reset: true\n"]);
        let written = fs::read(disk.path()).unwrap();
        assert!(written[..1 << 20] == pattern(), "{ended}");
        assert!(written[1 << 20..] == [0x5a; 4096], "{ended}");
    }
}

#[test]
fn a_read_only_disk_stays_what_it_is() {
    for firmware in ["--firmware=kernel", "--firmware=core"] {
        let disk = NamedTempFile::new().unwrap();
        fs::write(disk.path(), vec![0x5a; 1 << 20]).unwrap();
        let option = format!("--disk={},readonly", disk.path().display());
        see(&mut run(&[firmware, &option], &example("virtio_disk")))
            .exits(0)
            .prints(&["read-only: true\n", "kept over a reset: false\n"]);
        assert!(fs::read(disk.path()).unwrap() == vec![0x5a; 1 << 20]);
    }
}

#[test]
fn a_virtio_source_of_entropy_fills_buffers() {
    for firmware in ["--firmware=kernel", "--firmware=core"] {
        see(&mut run(&[firmware, "--rng"], &example("virtio_entropy")))
            .exits(0)
            .prints(&["round 1: 500 buffers\n"]);
    }
}

/// Every device that a lab host can have, on a terminal, where there is a power button too.
#[test]
fn whatever_is_done_to_its_devices_a_machine_survives() {
    for (firmware, words) in [("kernel", "seed=1"), ("core", "seed=2")] {
        let disk = NamedTempFile::new().unwrap();
        disk.as_file().set_len(1 << 20).unwrap();
        let disk = format!("--disk={}", disk.path().display());
        let firmware = format!("--firmware={firmware}");
        let options = [
            &firmware,
            &disk,
            "--rng",
            "--balloon=16M",
            "--append",
            words,
        ];
        let terminal = Terminal::open();
        let started = terminal.start(&boot(&options, &example("hostile_devices")));
        terminal.wait_for("3 virtio devices, and the console is alive");
        started.finish_and_leave_nothing().exits(0);
    }
}

/// Inside a lab host a machine can have sockets, too.
#[test]
fn whatever_is_done_to_its_sockets_a_machine_survives() {
    let guest = example("hostile_devices");
    let mut command = vambrace();
    command.args(["lab", "run", "--no-input", "--timeout=100"]);
    command.arg(format!("--file={}:guest", guest.display()));
    command.args(["--", "vambrace", "boot", "--host=local", "--kernel=guest"]);
    command.args([
        "--append=seed=3",
        "--console=stdio",
        "--no-reboot",
        "--json",
    ]);
    command.args(["--vsock=3=/lab/vsock", "--virtio-console=/lab/console"]);
    let ended = see(&mut command);
    ended.exits(0);
    ended.prints(&["2 virtio devices, and the console is alive\n"]);
    assert_eq!(ended.report()["end"], "off", "{ended}");
}

#[test]
fn doorbells_that_ring_for_ever_starve_neither_console_nor_stop_key() {
    for firmware in ["--firmware=kernel", "--firmware=core"] {
        let mut terminal = Terminal::open();
        let options = [firmware, "--rng", "--cpus=2"];
        let started = terminal.start(&boot(&options, &example("doorbells")));
        terminal.wait_for("ringing for ever");
        terminal.type_text("k");
        terminal.wait_for("heard 0x6b");
        terminal.type_text("\x01x");
        started.finish_and_leave_nothing().exits(0);
    }
}
