//! A machine: guest memory, an image, devices, and as many lives as the guest reboots.
//!
//! A reset ends one life: every vCPU leaves, the VM is closed (KVM cannot reset its GIC) and a new
//! one is built over the same RAM. The image and the device tree are loaded again, devices begin
//! anew, firmware keeps its promises; RAM outside the images keeps its content.

mod control;
mod crash;
mod devices;
mod error;
mod offer;
mod setup;

pub use crash::Crash;
pub use devices::{Devices, Output};
pub use error::Error;
pub use offer::{Forwarding, Offer};

pub(crate) use control::{Control, Stop};

use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use vambrace_core::firmware::Dialect;
use vambrace_core::memory::RamRange;
use vambrace_core::psci::Reset;
use vambrace_core::smccc::Endianness;
use vambrace_core::vcpu::ResetState;
use vambrace_core::{SystemEvent, VmConfig};

use self::setup::{Built, Promise};
use crate::fdt;
use crate::firmware::{AnswerFlip, Core, Firmware, Kernel};
use crate::image::Plan;
use crate::layout::{self, Layout};
use crate::memory::GuestMemory;
use crate::sys::{Host, VcpuOps, VmOps};
use crate::vcpu::{Board, OnPanic, Thread};

/// What a machine is made of.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many vCPUs, 1 to 512.
    pub vcpus: u16,
    /// How much RAM, in bytes.
    pub memory: u64,
    /// /chosen/bootargs of the device tree.
    pub boot_arguments: Option<String>,
    /// Who answers firmware calls.
    pub firmware: FirmwareKind,
    /// Whose answers core gives. KVM's own firmware has one dialect.
    pub dialect: Dialect,
    /// What a reset does.
    pub reset: OnReset,
    /// How long the machine may take, reboots included.
    pub time_limit: Option<Duration>,
    /// A deliberate error in core's answers.
    pub flip: Option<AnswerFlip>,
}

/// Who answers firmware calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirmwareKind {
    /// KVM's own code.
    Kernel,
    /// vambrace-core, with the calls forwarded by KVM's SMCCC filter (Linux 6.4 and newer).
    Core,
}

/// What a reset does, but for SYSTEM_RESET2 of a vendor type, which always ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReset {
    /// The machine boots again, this many times at most.
    Reboot {
        /// The next reset ends the run.
        most: u32,
    },
    /// The first reset ends the run.
    End,
}

/// How a run came out.
#[derive(Debug)]
pub struct Report {
    /// What ended it.
    pub end: End,
    /// How many times the machine was reset and booted again.
    pub resets: u32,
    /// How many firmware calls KVM forwarded to core.
    pub forwarded_calls: u64,
    /// From the first setup to the last vCPU's end.
    pub duration: Duration,
}

/// What ended a run.
#[derive(Debug)]
pub enum End {
    /// SYSTEM_OFF.
    Off,
    /// SYSTEM_RESET2 with a vendor type: 0x8000_0000 and this code, as test programs exit.
    Code(u32),
    /// A reset, where the machine was not to reboot or had rebooted often enough.
    Reset,
    /// The guest did what no machine can carry out.
    Crashed(Crash),
    /// The time was up.
    TimeLimit,
}

/// A machine with its image checked and its memory mapped, ready to run on some host.
#[derive(Debug)]
pub struct Machine<'a> {
    config: Config,
    memory: GuestMemory,
    layout: Layout,
    plan: Plan<'a>,
}

impl<'a> Machine<'a> {
    /// Checks everything that can be checked without a host: sizes, counts, the image whole.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the configuration or the image; nothing was started.
    pub fn new(config: Config, image: &'a [u8]) -> Result<Self, Error> {
        let memory = GuestMemory::new(config.memory)?;
        let layout = Layout::new(config.vcpus, memory.region())?;
        let plan = Plan::new(image, memory.region())?;
        Ok(Self {
            config,
            memory,
            layout,
            plan,
        })
    }

    /// Runs the machine to its end, with `devices` as the guest's console and bus.
    ///
    /// # Errors
    ///
    /// The host refused something, or cannot carry this machine. The guest's own failures are
    /// ends, not errors.
    pub fn run<H: Host>(&self, host: &H, devices: &Devices) -> Result<Report, Error> {
        let outcome = self.run_to_end(host, devices);
        devices.end_run();
        outcome
    }

    fn run_to_end<H: Host>(&self, host: &H, devices: &Devices) -> Result<Report, Error> {
        let started = Instant::now();
        let built = setup::build(host, &self.layout, &self.memory, self.config.firmware, None)?;
        let promise = built.promise;
        let boot = self.load(&promise)?;
        match self.config.firmware {
            FirmwareKind::Kernel => self.live(host, built, Kernel::new(boot), devices, started),
            FirmwareKind::Core => {
                let core = self.core(&promise, &boot)?;
                self.live(host, built, core, devices, started)
            }
        }
    }

    /// One life after the other.
    fn live<H: Host, F: Firmware>(
        &self,
        host: &H,
        mut built: Built<H::Vm>,
        mut firmware: F,
        devices: &Devices,
        started: Instant,
    ) -> Result<Report, Error> {
        let promise = built.promise;
        let mut resets = 0;
        let end = loop {
            let event = match self.one_life(built, &firmware, devices, started) {
                Stop::Event(event) => event,
                Stop::Crashed(crash) => break End::Crashed(crash),
                Stop::TimeLimit => break End::TimeLimit,
                Stop::Failed(error) => return Err(error),
            };
            if let Some(end) = self.end_of(event, resets) {
                break end;
            }
            resets += 1;
            firmware.reset();
            built = setup::build(
                host,
                &self.layout,
                &self.memory,
                self.config.firmware,
                Some(promise),
            )?;
            self.load(&promise)?;
        };
        let forwarded_calls = firmware.forwarded_calls();
        Ok(Report {
            end,
            resets,
            forwarded_calls,
            duration: started.elapsed(),
        })
    }

    /// Runs every vCPU on a thread of its own until the machine stops; closes the VM.
    fn one_life<V: VmOps, F: Firmware>(
        &self,
        built: Built<V>,
        firmware: &F,
        devices: &Devices,
        started: Instant,
    ) -> Stop {
        let Built {
            vm,
            vcpus,
            gic: _gic,
            ..
        } = built;
        let control = Control::new(vcpus.iter().map(VcpuOps::kicker).collect());
        let left = self
            .config
            .time_limit
            .map(|limit| limit.saturating_sub(started.elapsed()));
        let board = Board {
            vm: &vm,
            memory: &self.memory,
            devices,
            firmware,
            control: &control,
        };
        devices.begin_life();
        thread::scope(|scope| {
            for (index, vcpu) in vcpus.into_iter().enumerate() {
                let thread = Thread::new(index, vcpu, &board);
                let name = format!("vcpu {index}");
                spawn(scope, name, &board, || thread.run()).unwrap_or_else(|stop| {
                    board.stop(stop);
                    firmware.stopped(index);
                });
            }
            spawn(scope, "console input".into(), &board, || {
                devices
                    .pump(&vm)
                    .unwrap_or_else(|error| board.stop(error.into()));
            })
            .unwrap_or_else(|stop| board.stop(stop));
            control.wait(left);
            firmware.wake_all();
            devices.end_life();
        });
        control.into_reason()
    }

    /// Does this event end the run?
    fn end_of(&self, event: SystemEvent, resets: u32) -> Option<End> {
        match (event, self.config.reset) {
            (SystemEvent::Off, _) => Some(End::Off),
            (SystemEvent::Reset(Reset::Vendor { reset_type, .. }), _) => {
                Some(End::Code(reset_type & 0x7fff_ffff))
            }
            (SystemEvent::Reset(_), OnReset::Reboot { most }) if resets < most => None,
            (SystemEvent::Reset(_), OnReset::Reboot { .. } | OnReset::End) => Some(End::Reset),
        }
    }

    /// Writes image and device tree to RAM; says how the first vCPU begins.
    fn load(&self, promise: &Promise) -> Result<ResetState, Error> {
        let description = fdt::Description {
            layout: &self.layout,
            psci_version: promise.psci_version.value(),
            arguments: self.config.boot_arguments.as_deref(),
        };
        let tree = description.to_blob()?;
        let place = self.plan.device_tree(tree.len() as u64)?;
        self.plan.write(&self.memory)?;
        self.memory.write(place.base(), &tree)?;
        Ok(ResetState::new(
            self.plan.entry(),
            place.base().value(),
            Endianness::Little,
        ))
    }

    /// Core's machine: the same vCPUs, RAM and promises.
    fn core(&self, promise: &Promise, boot: &ResetState) -> Result<Core, Error> {
        let mut config = VmConfig::new()
            .with_psci_version(promise.psci_version)
            .with_workarounds(promise.workarounds)
            .with_dialect(self.config.dialect);
        let ram = self.memory.region();
        let range = RamRange::new(ram.base(), ram.size());
        config.add_ram(range.expect("RAM is not empty and ends within the address space"))?;
        let ids = (0..self.config.vcpus)
            .map(|index| config.add_vcpu(layout::mpidr(index)))
            .collect::<Result<Vec<_>, _>>()?;
        let vm = config.freeze(ids[0], self.plan.entry(), boot.x0())?;
        Ok(Core::new(Box::new(vm), ids, self.config.flip))
    }
}

/// Starts a thread of one life, which ends if the thread panics.
fn spawn<'scope, V: VmOps, F: Firmware>(
    scope: &'scope Scope<'scope, '_>,
    name: String,
    board: &'scope Board<'scope, V, F>,
    work: impl FnOnce() + Send + 'scope,
) -> Result<(), Stop> {
    let guarded = move || {
        let _guard = OnPanic(board);
        work();
    };
    match thread::Builder::new()
        .name(name.clone())
        .spawn_scoped(scope, guarded)
    {
        Ok(_) => Ok(()),
        Err(source) => Err(Stop::Failed(Error::Thread { name, source })),
    }
}

#[cfg(test)]
mod tests;
