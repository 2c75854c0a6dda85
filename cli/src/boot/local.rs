//! A machine on this host's KVM.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use vambrace_kvm::address::ByteSize;
use vambrace_kvm::devices::Unclaimed;
use vambrace_kvm::machine::{Devices, End, Machine, Report, Stopper};
use vambrace_kvm::sys;

use super::Boot;
use crate::ending::{exit_code, tell};
use crate::failure::Failure;
use crate::host_choice::kernel_release;
use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::under_contract;

impl Boot {
    pub(super) fn run_here(&self) -> Result<u8, Failure> {
        let arguments = &self.arguments;
        arguments.host_cpus.keep()?;
        let host = sys::open()?;
        let image = self.unpacked()?;
        let mut machine = Machine::booting(self.config(), self.payload(&image))?;
        if let Some(path) = &arguments.dump_dtb {
            let tree = machine.device_tree(&host, &self.devices(Box::new(io::sink()))?)?;
            return match std::fs::write(path, tree) {
                Ok(()) => Ok(0),
                Err(error) => Err(Failure::new(format!(
                    "cannot write `{}`: {error}",
                    path.display()
                ))),
            };
        }
        let quit = Quit::of(machine.stopper());
        let interrupt = Interrupt::watch_and(quit.clone().into_action())?;
        let console = arguments.console.open(quit.into_action())?;
        let interactive = arguments.interactive || console.terminal.is_some();
        say(&self.banner(interactive));
        let devices = Arc::new(self.devices(console.output)?);
        if let Some(input) = console.input {
            let devices = Arc::clone(&devices);
            thread::spawn(move || pass(input, &devices));
        }
        let ended = under_contract::run(&mut machine, self.contract.contract(), &host, &devices);
        drop(console.terminal);
        let report = ended?;
        if let Some(signal) = interrupt.signal() {
            return Err(Failure::Signal(signal));
        }
        if arguments.json {
            tell(&report);
        }
        Ok(code(&report))
    }

    fn devices(&self, output: Box<dyn io::Write + Send>) -> Result<Devices, Failure> {
        let unclaimed = match self.arguments.strict_mmio {
            true => Unclaimed::ExternalAbort,
            false => Unclaimed::ZeroAndIgnored,
        };
        let mut devices = Devices::new(output, u64::MAX, unclaimed);
        self.arguments.devices.add_board_to(&mut devices)?;
        Ok(devices)
    }

    /// What is booted, where, and who answers.
    fn banner(&self, interactive: bool) -> String {
        let arguments = &self.arguments;
        let host = arguments.called.as_deref().unwrap_or("this machine");
        let (contract, firmware) = match self.contract.contract() {
            Some(contract) => {
                let digest = contract.digest().to_string();
                let firmware = vambrace_kvm::machine::FirmwareKind::under(contract);
                (format!("{}…", &digest[..16]), firmware)
            }
            None => ("none".to_owned(), arguments.firmware().into()),
        };
        let firmware = match firmware {
            vambrace_kvm::machine::FirmwareKind::Kernel => "kernel",
            vambrace_kvm::machine::FirmwareKind::Core => "core",
        };
        let vcpus = match arguments.cpus {
            1 => "1 vCPU".to_owned(),
            vcpus => format!("{vcpus} vCPUs"),
        };
        format!(
            "{vcpus}, {} on {host} (Linux {}), contract {contract}, firmware {firmware}{}",
            ByteSize(arguments.memory.bytes()),
            kernel_release(),
            if interactive {
                "; Ctrl-a h for help"
            } else {
                ""
            }
        )
    }
}

/// Ends the machine: a key, or a signal.
#[derive(Debug, Clone)]
struct Quit(Arc<Mutex<Stopper>>);

impl Quit {
    fn of(stopper: Stopper) -> Self {
        Self(Arc::new(Mutex::new(stopper)))
    }

    fn into_action(self) -> impl Fn() + Send + 'static {
        move || self.0.lock().unwrap_or_else(PoisonError::into_inner).stop()
    }
}

/// Here every reset is the end only where that was asked for, and so no failure.
fn code(report: &Report) -> u8 {
    match report.end {
        End::Reset | End::Code(_) => 0,
        End::Off | End::Crashed(_) | End::TimeLimit | End::Stopped => exit_code(report),
    }
}

/// Passes what is typed to the guest until it ends.
fn pass(mut input: File, devices: &Devices) {
    let mut bytes = [0; 256];
    while let Ok(count @ 1..) = input.read(&mut bytes) {
        devices.input(&bytes[..count]);
    }
}
