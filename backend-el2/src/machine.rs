//! The one machine: its firmware, its memory, its lives.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use heapless::Vec;
use spin::Once;
use spin::mutex::TicketMutex;
use vambrace_core::psci::{Reset, SystemEvent};
use vambrace_core::smccc::ExecutionState;
use vambrace_core::vcpu::VcpuId;

use crate::arch::memory::Memory;
use crate::arch::{cpu, devices, interrupts};
use crate::config::Vm;
use crate::crash::{End, end};
use crate::device_tree::Blob;
use crate::gic::Gic;
use crate::image::Image;
use crate::layout::{MAX_CPUS, RAM_BASE};

/// Everything that the CPUs share.
pub(crate) struct Machine {
    /// Core's machine, locked for one call at a time; in turn, so that a vCPU that calls without end
    /// keeps no other out.
    pub(crate) vm: TicketMutex<Vm>,
    /// Its vCPUs, by the CPU that each is pinned to.
    pub(crate) vcpus: Vec<VcpuId, MAX_CPUS>,
    /// The guest's interrupt controller.
    pub(crate) gic: TicketMutex<Gic>,
    /// What the board calls the CPUs.
    pub(crate) affinities: Vec<u64, MAX_CPUS>,
    /// What its code is made for.
    pub(crate) execution_state: ExecutionState,
    /// The table that walks of stage 2 begin with.
    pub(crate) stage2_root: u64,
    pub(crate) memory: Memory,
    pub(crate) image: Image<'static>,
    pub(crate) device_tree: Blob,
    pub(crate) max_resets: u32,
    /// Whether the board's firmware does what SMCCC_ARCH_WORKAROUND_1 promises.
    pub(crate) board_mitigates: bool,
    /// How often it has been reset; each life has a number.
    resets: AtomicU32,
    /// What CNTVOFF_EL2 is in this life.
    counter_offset: AtomicU64,
    /// Calls of its vCPUs, each counted by its own CPU.
    calls: [AtomicU64; MAX_CPUS],
    /// The board's clock and counter at one moment.
    clock: (u64, u64),
}

/// What a machine is made of.
pub(crate) struct Parts {
    pub(crate) vm: Vm,
    pub(crate) vcpus: Vec<VcpuId, MAX_CPUS>,
    pub(crate) affinities: Vec<u64, MAX_CPUS>,
    pub(crate) stage2_root: u64,
    pub(crate) memory: Memory,
    pub(crate) image: Image<'static>,
    pub(crate) device_tree: Blob,
    pub(crate) max_resets: u32,
    pub(crate) board_mitigates: bool,
}

/// Makes the machine of this program, ready to boot.
pub(crate) fn make(parts: Parts) -> &'static Machine {
    let vcpus = parts.vcpus.len();
    let machine = MACHINE.call_once(|| Machine {
        vm: TicketMutex::new(parts.vm),
        vcpus: parts.vcpus,
        gic: TicketMutex::new(Gic::new(vcpus)),
        affinities: parts.affinities,
        execution_state: parts.image.execution_state,
        stage2_root: parts.stage2_root,
        memory: parts.memory,
        image: parts.image,
        device_tree: parts.device_tree,
        max_resets: parts.max_resets,
        board_mitigates: parts.board_mitigates,
        resets: AtomicU32::new(0),
        counter_offset: AtomicU64::new(0),
        calls: [const { AtomicU64::new(0) }; MAX_CPUS],
        clock: (devices::seconds(), cpu::nanoseconds()),
    });
    machine.load();
    machine
}

/// The machine, once it is made.
pub(crate) fn machine() -> &'static Machine {
    // Whoever asks was started by the CPU that made it.
    MACHINE.wait()
}

impl Machine {
    /// Counts a call of the vCPU on this CPU.
    #[inline]
    pub(crate) fn count_call(&self, cpu: usize) {
        let calls = &self.calls[cpu];
        // Nobody else writes it.
        calls.store(calls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Has the CPU of another vCPU look what is new.
    pub(crate) fn kick(&self, cpu: usize) {
        if let Some(affinity) = self.affinities.get(cpu) {
            interrupts::kick(*affinity);
        }
    }

    /// Has every other CPU look.
    pub(crate) fn kick_others(&self) {
        self.kick_all(!(1 << cpu::index()));
    }

    /// Has these CPUs, a bit each, look.
    pub(crate) fn kick_all(&self, cpus: u8) {
        for cpu in (0..self.vcpus.len()).filter(|cpu| cpus >> cpu & 1 == 1) {
            self.kick(cpu);
        }
    }

    /// The number of this life.
    pub(crate) fn life(&self) -> u32 {
        self.resets.load(Ordering::Acquire)
    }

    /// What CNTVOFF_EL2 is to be.
    pub(crate) fn counter_offset(&self) -> u64 {
        self.counter_offset.load(Ordering::Relaxed)
    }

    /// The wall clock in nanoseconds since 1970: the board's tells seconds, the counter the rest.
    pub(crate) fn wall_clock(&self) -> u64 {
        let (seconds, then) = self.clock;
        let since = cpu::nanoseconds().wrapping_sub(then);
        seconds.wrapping_mul(1_000_000_000).wrapping_add(since)
    }

    /// Every vCPU has stopped, this CPU's last: ends the machine, or makes it ready to boot again.
    pub(crate) fn conclude(&self, event: SystemEvent) {
        match event {
            SystemEvent::Off | SystemEvent::Hibernate => self.end(End::Off),
            SystemEvent::Reset(Reset::Vendor { reset_type, .. }) => {
                self.end(End::Code(reset_type & !VENDOR));
            }
            SystemEvent::Reset(Reset::Cold | Reset::Warm { .. }) => {}
        }
        let resets = self.resets.load(Ordering::Relaxed);
        if resets >= self.max_resets {
            self.end(End::Reset);
        }
        if self.vm.lock().protects_memory() {
            self.memory.fill(0, &[], self.memory.guest().size());
        }
        self.load();
        self.gic.lock().reset();
        let again = self.vm.lock().reset();
        assert!(again.is_ok(), "a vCPU runs in a machine that has stopped");
        self.resets.store(resets + 1, Ordering::Release);
        self.kick_others();
    }

    /// Ends the machine now.
    pub(crate) fn end(&self, how: End) -> ! {
        let calls = self.calls.iter().map(|calls| calls.load(Ordering::Relaxed));
        end(how, self.resets.load(Ordering::Relaxed), calls.sum())
    }

    /// Puts image and device tree into RAM; the guest's counter starts now.
    fn load(&self) {
        for segment in &self.image.segments {
            let offset = segment.place.start() - RAM_BASE;
            self.memory
                .fill(offset, segment.bytes, segment.place.size());
        }
        let offset = self.image.device_tree - RAM_BASE;
        self.memory.fill(offset, &self.device_tree, 0);
        // The guest begins without caches. It is to see all of this, and what they hold of a former
        // life, or of whoever had this RAM before, must not be written back over what it writes.
        self.memory.clean(0, self.memory.guest().size());
        self.counter_offset.store(cpu::counter(), Ordering::Relaxed);
    }
}

/// SYSTEM_RESET2's vendor types (DEN0022 §5.1.12).
const VENDOR: u32 = 1 << 31;

static MACHINE: Once<Machine> = Once::new();
