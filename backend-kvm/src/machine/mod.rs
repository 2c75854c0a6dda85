//! A machine: guest memory, an image, devices, and as many lives as the guest reboots.
//!
//! A reset ends one life: every vCPU leaves, the VM is closed (KVM cannot reset its GIC) and a new
//! one is built over the same RAM. The image and the device tree are loaded again, devices begin
//! anew, firmware keeps its promises; RAM outside the images keeps its content, unless the guest
//! asked for its protection (MEM_PROTECT): then it is cleared.

mod attach;
mod contract;
mod control;
mod core_config;
mod crash;
mod devices;
mod error;
mod features;
mod interrupts;
mod load;
mod memory_files;
mod offer;
mod payload;
mod promise;
mod setup;
mod stopper;
mod unanswered;

pub use attach::AttachError;
pub use contract::Named;
pub use crash::Crash;
pub use devices::{Devices, Output};
pub use error::Error;
pub use features::{Features, UnknownFeature};
pub use interrupts::{Controllers, Its};
pub use memory_files::Contents;
pub use offer::{Aarch32, Forwarding, Offer};
pub use payload::Payload;
pub use stopper::Stopper;

pub(crate) use control::{Control, Stop};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use vambrace_core::SystemEvent;
use vambrace_core::contract::{Contract, GicKind, Normalisation};
use vambrace_core::firmware::Dialect;
use vambrace_core::psci::{PsciVersion, Reset};
use vambrace_core::smccc::ExecutionState;
use vambrace_core::vcpu::ResetState;

use self::core_config::core_config;
use self::promise::Promise;
use self::setup::{Blueprint, Built};
pub use crate::firmware::PowerCalls;
use crate::firmware::{AnswerFlip, Core, Firmware, Kernel, Surroundings};
use crate::image::Plan;
use crate::layout::Layout;
use crate::memory::GuestMemory;
use crate::sys::{Host, VcpuOps, VmOps};
use crate::threads;
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
    /// The PSCI version that the guest is told; the newest that the firmware and, under KVM's
    /// firmware or dialect, the host's kernel has if none is named.
    pub psci_version: Option<PsciVersion>,
    /// What the firmware has beyond the least.
    pub features: Features,
    /// The interrupt controller; the newest that the host has if none is named.
    pub gic: Option<GicKind>,
    /// Whether a GICv3 has an ITS; it has if nothing is said.
    pub its: Option<Its>,
    /// What RAM holds beside the image when a life begins.
    pub contents: Vec<Contents>,
    /// What the device tree gives the guest to draw its first random numbers from.
    pub seeds: SeedChoice,
    /// What a reset does.
    pub reset: OnReset,
    /// How long the machine may take, reboots included.
    pub time_limit: Option<Duration>,
    /// A deliberate error in core's answers.
    pub flip: Option<AnswerFlip>,
    /// What the guest was promised. It says who answers firmware calls, in which dialect, PSCI
    /// version, with which features and which GIC: what these fields hold does not matter then.
    pub contract: Option<Contract>,
    /// What [`preflight`](vambrace_core::contract::preflight) says that this host changes of it,
    /// though no guest relies on it. Any other change is an error.
    pub normalisations: Vec<Normalisation>,
}

/// Who answers firmware calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirmwareKind {
    /// KVM's own code.
    Kernel,
    /// vambrace-core, with the calls forwarded by KVM's SMCCC filter (Linux 6.4 and newer).
    Core,
}

/// Whether a device tree has random seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedChoice {
    /// It has none: equal machines have equal trees.
    Absent,
    /// Each life's has new ones, from the host's random number generator.
    Fresh,
}

/// What a reset does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReset {
    /// The machine boots again, this many times at most; SYSTEM_RESET2 of a vendor type ends the run.
    Reboot {
        /// The next reset ends the run.
        most: u32,
    },
    /// Every reset, one of a vendor type too, boots the machine again.
    Always,
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
    /// How many of those turn CPUs on and off; none are counted where KVM answers them.
    pub power_calls: Option<PowerCalls>,
    /// From the first setup to the last vCPU's end.
    pub duration: Duration,
}

/// What ended a run.
#[derive(Debug)]
pub enum End {
    /// SYSTEM_OFF or SYSTEM_OFF2.
    Off,
    /// SYSTEM_RESET2 with a vendor type: 0x8000_0000 and this code, as test programs exit.
    Code(u32),
    /// A reset, where the machine was not to reboot or had rebooted often enough.
    Reset,
    /// The guest did what no machine can carry out.
    Crashed(Crash),
    /// The time was up.
    TimeLimit,
    /// A [`Stopper`] ended it.
    Stopped,
}

/// A machine with its image checked and its memory mapped, ready to run on some host.
#[derive(Debug)]
pub struct Machine<'a> {
    config: Config,
    memory: GuestMemory,
    /// The page of stolen time, where that is promised.
    stolen_time: Option<GuestMemory>,
    /// The flash with the firmware, where that is what boots.
    flash: Option<GuestMemory>,
    layout: Layout,
    plan: Plan<'a>,
    stopper: Stopper,
    begun: AtomicBool,
}

impl<'a> Machine<'a> {
    /// Checks everything that can be checked without a host: sizes, counts, the image whole.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the configuration or the image; nothing was started.
    pub fn new(config: Config, image: &'a [u8]) -> Result<Self, Error> {
        let kernel = Payload::Kernel {
            image: image.into(),
            initramfs: None,
        };
        Self::booting(config, kernel)
    }

    /// The same for any payload.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn booting(config: Config, payload: Payload<'a>) -> Result<Self, Error> {
        let config = contract::settled(config)?;
        interrupts::check(&config)?;
        let memory = GuestMemory::new(config.memory)?;
        let stolen_time = match config.features.contains(Features::PV_TIME) {
            true => Some(GuestMemory::stolen_time()?),
            false => None,
        };
        let layout = Layout::new(config.vcpus, memory.region())?;
        let plan = payload.plan(memory.region())?;
        let flash = plan.flash().map(GuestMemory::flash).transpose()?;
        contract::check_board(&config, &layout, plan.execution_state())?;
        for contents in &config.contents {
            contents.check(&memory)?;
        }
        let machine = Self {
            config,
            memory,
            stolen_time,
            flash,
            layout,
            plan,
            stopper: Stopper::default(),
            begun: AtomicBool::new(false),
        };
        machine.check_room()?;
        Ok(machine)
    }

    /// Puts these in the place of the configuration's normalisations.
    pub fn expect_normalisations(&mut self, normalisations: Vec<Normalisation>) {
        self.config.normalisations = normalisations;
    }

    /// A handle to end the machine from another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// The device tree that the guest would have on this host, without seeds. No guest runs.
    ///
    /// # Errors
    ///
    /// The host refused something, or cannot carry this machine.
    pub fn device_tree<H: Host>(&self, host: &H, devices: &Devices) -> Result<Vec<u8>, Error> {
        let built = self.blueprint().build(host, None)?;
        Ok(self.description(&built.promise, devices).to_blob()?)
    }

    /// Which registers and instructions the image's code uses.
    #[must_use]
    pub fn execution_state(&self) -> ExecutionState {
        self.plan.execution_state()
    }

    /// The machine's RAM: after a run, as the guest left it.
    #[must_use]
    pub fn memory(&self) -> &GuestMemory {
        &self.memory
    }

    /// Whether a guest has begun to run. Before, RAM holds nothing that is worth keeping.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Runs the machine to its end, with `devices` as the guest's console and bus.
    ///
    /// # Errors
    ///
    /// The host refused something, or cannot carry this machine. The guest's own failures are
    /// ends, not errors.
    pub fn run<H: Host>(&self, host: &H, devices: &Devices) -> Result<Report, Error> {
        devices.begin_run().map_err(|source| Error::Thread {
            name: "console output".into(),
            source,
        })?;
        let outcome = self.run_to_end(host, devices);
        devices.end_run();
        let ends = outcome.as_ref().map(|report| &report.end);
        let was_ended = matches!(ends, Ok(End::TimeLimit | End::Stopped));
        devices.drain(|| was_ended || self.stopper.is_asked());
        outcome
    }

    fn run_to_end<H: Host>(&self, host: &H, devices: &Devices) -> Result<Report, Error> {
        let started = Instant::now();
        // Devices that have been another machine's may still be moving its bytes.
        if let Some(end) = self.wait_for_devices(devices, started) {
            return Ok(Report {
                end,
                resets: 0,
                forwarded_calls: 0,
                power_calls: None,
                duration: started.elapsed(),
            });
        }
        let built = self.blueprint().build(host, None)?;
        let promise = &built.promise;
        let boot = self.load(promise, devices)?;
        match self.config.firmware {
            FirmwareKind::Kernel => {
                let features = self.blueprint().features();
                let kernel = Kernel::new(self.config.vcpus.into(), features, boot)
                    .telling_of(promise.implementations.clone());
                self.live(host, built, kernel, devices, started)
            }
            FirmwareKind::Core => {
                let core = self.core(promise, &boot)?;
                self.live(host, built, core, devices, started)
            }
        }
    }

    /// What every life is built from.
    fn blueprint(&self) -> Blueprint<'_> {
        Blueprint {
            config: &self.config,
            layout: &self.layout,
            memory: &self.memory,
            stolen_time: self.stolen_time.as_ref(),
            flash: self.flash.as_ref(),
            execution_state: self.plan.execution_state(),
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
        let promise = built.promise.clone();
        let mut resets = 0;
        let end = loop {
            let event = match self.one_life(built, &firmware, devices, started) {
                Stop::Event(event) => event,
                Stop::Crashed(crash) => break End::Crashed(crash),
                Stop::TimeLimit => break End::TimeLimit,
                Stop::Outside => break End::Stopped,
                Stop::Failed(error) => return Err(error),
            };
            if let Some(end) = self.end_of(event, resets) {
                break end;
            }
            if let Some(end) = self.wait_for_devices(devices, started) {
                break end;
            }
            resets += 1;
            firmware.reset();
            if firmware.protects_memory() {
                self.memory.clear(self.memory.region())?;
            }
            built = self.blueprint().build(host, Some(&promise))?;
            self.load(&promise, devices)?;
        };
        let forwarded_calls = firmware.forwarded_calls();
        Ok(Report {
            end,
            resets,
            forwarded_calls,
            power_calls: firmware.power_calls(),
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
        let kickers = vcpus.iter().map(VcpuOps::kicker).collect();
        let control = Arc::new(Control::new(kickers));
        let vm = Arc::new(vm);
        let left = self
            .config
            .time_limit
            .map(|limit| limit.saturating_sub(started.elapsed()));
        let board = Board {
            vm: &*vm,
            memory: &self.memory,
            devices,
            firmware,
            control: &control,
        };
        if let Err(error) = devices.begin_life(&*vm, &self.memory) {
            return error.into();
        }
        self.begun.store(true, Ordering::Relaxed);
        self.stopper.attach(&control);
        thread::scope(|scope| {
            for (index, vcpu) in vcpus.into_iter().enumerate() {
                let thread = Thread::new(index, vcpu, &board);
                let name = format!("vcpu {index}");
                let living = control.live();
                let run = move || {
                    let _living = living;
                    thread.run();
                };
                spawn(scope, name, &board, run).unwrap_or_else(|stop| {
                    board.stop(stop);
                    firmware.stopped(index);
                });
            }
            spawn(scope, "console input".into(), &board, || {
                devices
                    .pump(&*vm)
                    .unwrap_or_else(|error| board.stop(error.into()));
            })
            .unwrap_or_else(|stop| board.stop(stop));
            start_devices(devices, &vm, &control).unwrap_or_else(|stop| board.stop(stop));
            control.wait(left);
            firmware.wake_all();
            devices.end_life();
            control.wait_for_threads();
        });
        self.stopper.detach();
        unanswered::give_grace(devices);
        control.take_reason()
    }

    /// Does this event end the run?
    fn end_of(&self, event: SystemEvent, resets: u32) -> Option<End> {
        match (event, self.config.reset) {
            (SystemEvent::Off | SystemEvent::Hibernate, _) => Some(End::Off),
            (SystemEvent::Reset(_), OnReset::Always) => None,
            (SystemEvent::Reset(Reset::Vendor { reset_type, .. }), _) => {
                Some(End::Code(reset_type & 0x7fff_ffff))
            }
            (SystemEvent::Reset(_), OnReset::Reboot { most }) if resets < most => None,
            (SystemEvent::Reset(_), OnReset::Reboot { .. } | OnReset::End) => Some(End::Reset),
        }
    }

    /// Core's machine: the same vCPUs, RAM and promises.
    fn core(&self, promise: &Promise, boot: &ResetState) -> Result<Core, Error> {
        let (config, vcpus) = core_config(
            &self.config,
            promise,
            self.memory.region(),
            boot.execution_state(),
        )?;
        let vm = config.freeze(vcpus[0], self.plan.entry(), boot.x0())?;
        let surroundings = Surroundings {
            features: self.blueprint().features(),
            execution_state: boot.execution_state(),
            memory: self.memory.clone(),
            stolen_time: self.stolen_time.clone(),
            flip: self.config.flip,
        };
        Ok(Core::new(Box::new(vm), vcpus, surroundings))
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
    match threads::named(&name).spawn_scoped(scope, guarded) {
        Ok(_) => Ok(()),
        Err(source) => Err(Stop::Failed(Error::Thread { name, source })),
    }
}

/// Starts the threads of devices, which may outlive the life and know nothing that does not.
fn start_devices<V: VmOps>(
    devices: &Devices,
    vm: &Arc<V>,
    control: &Arc<Control<<V::Vcpu as VcpuOps>::Kicker>>,
) -> Result<(), Stop> {
    let told = Arc::clone(control);
    devices.start(vm, move |stop| match stop {
        Some(stop) => told.stop(stop),
        None => told.abandon(),
    })
}

#[cfg(test)]
mod tests;
