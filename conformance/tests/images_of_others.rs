//! Bare-metal images that others made for QEMU's `virt` board, run unmodified.
//!
//! One is an ELF, one a flat binary without a header. What they expect is the board's: the device
//! tree in x0, arguments in its `bootargs`, a PL011, PSCI by HVC, and SYSTEM_OFF as the end.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::NamedTempFile;
use vambrace_conformance::{Started, Terminal, image_of_others, see, vambrace};

/// `vambrace run` of an operating system with a shell, at its prompt.
struct Demo {
    terminal: Terminal,
    started: Started,
    /// One at a time: the busier its host, the longer it is between looking and sleeping.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Demo {
    fn start(options: &[&str]) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let terminal = Terminal::open();
        let mut command = vambrace();
        command.args(["run", "--timeout", "120", "--cpus", "2"]);
        command.args(options).arg(image_of_others("osdemo"));
        command.args(["--", "first", "second=2"]);
        let started = terminal.start(&command);
        terminal.wait_for("$ ");
        Self {
            terminal,
            started,
            _alone: alone,
        }
    }

    /// Types a command and waits until it has then said each of these, and asks for the next one.
    fn ask(&mut self, command: &str, says: &[&str]) {
        self.type_calmly(command);
        let before = self.terminal.screen().len();
        self.terminal.type_text("\r");
        for text in says.iter().chain(&["$ "]) {
            self.terminal.wait_for_behind(before, text);
        }
    }

    /// Between looking for input and going to sleep it does not hear of any (`Console::read`, and
    /// `handle_irq` of its PL011): whoever types at once may wait for ever, on any machine.
    fn type_calmly(&mut self, command: &str) {
        thread::sleep(Duration::from_secs(1));
        self.terminal.type_text(command);
    }

    fn exit(mut self) {
        self.type_calmly("exit\r");
        self.terminal.wait_for("Powering off.");
        self.started.finish_and_leave_nothing().exits(0);
    }

    /// What needs no device but the console.
    fn use_firmware(&mut self, psci: &str) {
        self.ask("dtdump", &["bootargs = \"first second=2\";"]);
        self.ask("cpus", &[psci, "CPU 1: ID 0x0000000001"]);
        self.ask(
            "start_cpu 1 42",
            &[
                "Secondary CPU 1 started with arg 42",
                "Waiting for interrupt",
            ],
        );
        self.ask(
            "sgi 3",
            &["Secondary CPU 1 IRQ handler", "Finished waiting"],
        );
    }

    /// The clock's alarm, and a disk of 2048 sectors.
    fn use_devices(&mut self) {
        self.ask("alarm 1", &["Set alarm for 20", "RTC alarm"]);
        self.ask("lsdev", &["capacity 2048 sectors, read-write"]);
    }
}

fn disk() -> NamedTempFile {
    let disk = NamedTempFile::new().unwrap();
    disk.as_file().set_len(2048 * 512).unwrap();
    disk
}

#[test]
fn an_elf_runs_on_every_backend() {
    for host in ["lab", "el2"] {
        let image = image_of_others("qemu_el1");
        let ended = see(vambrace().args(["run", "--host", host]).arg(image));
        // The device tree lies at RAM's base, as an ELF that leaves that free finds it.
        ended
            .exits(0)
            .prints(&["main(0x40000000, 0x0, 0x0, 0x0)\n"]);
    }
}

#[test]
fn a_flat_binary_finds_the_board_under_the_kernels_firmware() {
    let disk = disk();
    let option = format!("--disk={}", disk.path().display());
    let mut demo = Demo::start(&["--host=lab", "--firmware=kernel", &option]);
    demo.use_firmware("PSCI version 1.1");
    demo.use_devices();
    demo.exit();
}

#[test]
fn a_flat_binary_finds_the_board_under_core() {
    let disk = disk();
    let option = format!("--disk={}", disk.path().display());
    let mut demo = Demo::start(&["--host=lab", "--firmware=core", &option]);
    demo.use_firmware("PSCI version 1.1");
    demo.use_devices();
    demo.exit();
}

#[test]
fn a_flat_binary_finds_its_firmware_with_no_operating_system_below() {
    let mut demo = Demo::start(&["--host=el2"]);
    demo.use_firmware("PSCI version 1.3");
    demo.exit();
}
