//! A machine on this host's KVM.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;

use vambrace_kvm::address::ByteSize;
use vambrace_kvm::devices::PowerButton;
use vambrace_kvm::machine::{AttachError, Devices, End, Machine, Report, Stopper};
use vambrace_kvm::sys;
use vambrace_kvm::threads;

use super::Boot;
use super::console::{Wish, read_some};
use crate::ending::{exit_code, tell};
use crate::failure::Failure;
use crate::host_choice::kernel_release;
use crate::interrupt::Interrupt;
use crate::machine_options::{board, unclaimed};
use crate::progress::say;
use crate::under_contract;

impl Boot {
    pub(super) fn run_here(&self, mut machine: Machine<'_>) -> Result<u8, Failure> {
        let arguments = &self.arguments;
        arguments.host_cpus.keep()?;
        let host = sys::open()?;
        if let Some(path) = &arguments.dump_dtb {
            return self.dump_tree(path, &machine, &host);
        }
        let opened = arguments.devices.open()?;
        let interactive = self.is_interactive();
        let keys = Keys::of(machine.stopper());
        let signalled = keys.clone();
        let interrupt = Interrupt::watch_with(move |_| signalled.act(Wish::End))?;
        if arguments.interactive {
            keys.clone().press_at_signals()?;
        }
        let typed = keys.clone();
        let console = arguments.console.open(move |wish| typed.act(wish))?;
        say(&self.banner(interactive));
        let (mut devices, button) = self.devices(console.output, interactive)?;
        keys.power(button);
        let sockets = opened.add_to(&mut devices)?;
        let devices = Arc::new(devices);
        if let Some(input) = console.input {
            let devices = Arc::clone(&devices);
            start("console keys", move || pass(&input, &devices))?;
        }
        let folders: Vec<_> = sockets.folders().collect();
        arguments.sandbox.enter(&folders)?;
        let ended = under_contract::run(&mut machine, self.contract.contract(), &host, &devices);
        drop(console.terminal);
        let report = ended?;
        if arguments.json {
            tell(&report);
        }
        match interrupt.signal() {
            Some(signal) => Err(Failure::Signal(signal)),
            None => Ok(code(&report)),
        }
    }

    /// Opens none of the host's files or interfaces: a tree says only that there are devices.
    fn dump_tree(
        &self,
        path: &Path,
        machine: &Machine<'_>,
        host: &impl sys::Host,
    ) -> Result<u8, Failure> {
        let output = Box::new(io::sink());
        let (mut devices, _) = self.devices(output, self.is_interactive())?;
        self.arguments.devices.describe_to(&mut devices)?;
        let tree = machine.device_tree(host, &devices)?;
        match std::fs::write(path, tree) {
            Ok(()) => Ok(0),
            Err(error) => Err(Failure::new(format!(
                "cannot write `{}`: {error}",
                path.display()
            ))),
        }
    }

    /// The board, with a power button where somebody can press it.
    fn devices(
        &self,
        output: Box<dyn io::Write + Send>,
        interactive: bool,
    ) -> Result<(Devices, Option<PowerButton>), Failure> {
        let failed = |error: AttachError| Failure::new(error.to_string());
        let unclaimed = unclaimed(self.arguments.strict_mmio);
        let made = board(output, u64::MAX, unclaimed);
        let mut devices = made.map_err(failed)?;
        let button = match interactive {
            true => Some(devices.add_power_button().map_err(failed)?),
            false => None,
        };
        Ok((devices, button))
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

/// What keys and signals do to a machine. Clones do it to the same one.
#[derive(Debug, Clone)]
struct Keys {
    stopper: Arc<Mutex<Stopper>>,
    button: Arc<OnceLock<PowerButton>>,
}

impl Keys {
    fn of(stopper: Stopper) -> Self {
        Self {
            stopper: Arc::new(Mutex::new(stopper)),
            button: Arc::default(),
        }
    }

    /// The machine has this button.
    fn power(&self, button: Option<PowerButton>) {
        if let Some(button) = button {
            // A machine is made once.
            let _ = self.button.set(button);
        }
    }

    fn act(&self, wish: Wish) {
        match wish {
            Wish::End => {
                let stopper = self.stopper.lock();
                stopper.unwrap_or_else(PoisonError::into_inner).stop();
            }
            Wish::PressPower => {
                if let Some(button) = self.button.get() {
                    button.press();
                }
            }
        }
    }

    /// Inside a lab host the key arrives as a signal.
    fn press_at_signals(self) -> Result<(), Failure> {
        let signals = Signals::new([SIGUSR1]);
        let mut signals =
            signals.map_err(|error| Failure::new(format!("cannot watch for signals: {error}")))?;
        start("power button", move || {
            signals.forever().for_each(|_| self.act(Wish::PressPower));
        })
    }
}

/// Here every reset is the end only where that was asked for, and so no failure.
fn code(report: &Report) -> u8 {
    match report.end {
        End::Reset | End::Code(_) => 0,
        End::Off | End::Crashed(_) | End::TimeLimit | End::Stopped => exit_code(report),
    }
}

/// Starts a thread that ends with the process.
fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    match threads::named(name).spawn(work) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "cannot start the thread `{name}`: {error}"
        ))),
    }
}

/// Passes what is typed to the guest until it ends.
fn pass(input: &File, devices: &Devices) {
    let mut bytes = [0; 256];
    while let Ok(count @ 1..) = read_some(input, &mut bytes) {
        devices.input(&bytes[..count]);
    }
}
