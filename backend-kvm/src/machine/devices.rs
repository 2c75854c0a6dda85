//! The machine's devices, which outlive its lives, and the way in for console input.
//!
//! Input waits in a queue until the UART has room. It gets there from two sides: when it arrives,
//! by the machine's input thread; when the guest has made room, by the vCPU that did.
//!
//! Locks are taken in the order queue, UART, KVM. Whoever waits for the queue to change looks at it
//! and begins to wait under one lock, so no change falls in between.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::ops::Deref;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vambrace_core::memory::Ipa;
use vm_memory::GuestAddress;

use super::{Error, Stop};
use crate::address::Width;
use crate::console::Console;
use crate::devices::{
    Bus, InterruptLines, Pl011, Served, Shared, Slot, Trouble, Unclaimed, Worker, lock,
};
use crate::fdt::Device;
use crate::layout::{PL011, PL011_SPI, spi};
use crate::memory::GuestMemory;
use crate::outlet::Outlet;
use crate::sys::{self, Level, VmOps};

/// What a guest finds beside its RAM.
pub struct Devices {
    pub(super) bus: Bus,
    uart: Shared<Pl011<Console<Outlet>>>,
    /// Where the UART's bytes go.
    outlet: Outlet,
    waiting: Mutex<Waiting>,
    /// The queue or what becomes of it.
    changed: Condvar,
    /// Is there input that the UART had no room for? Read by every vCPU after every access.
    has_waiting: AtomicBool,
    /// What the device tree tells of beside the UART.
    pub(super) described: Vec<Device>,
    /// What the I/O threads serve.
    pub(super) worker: Worker,
    /// How many of the board's virtio slots are taken.
    pub(super) virtio_slots: u32,
}

/// Where the guest's console output goes.
pub type Output = Box<dyn Write + Send>;

/// Input on its way to the UART.
#[derive(Debug, Default)]
struct Waiting {
    bytes: VecDeque<u8>,
    flow: Flow,
}

/// What becomes of input.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// It waits for a VM: before the first life and between two.
    #[default]
    Held,
    /// It goes to the guest.
    Passed,
    /// It is dropped: the machine has ended for good.
    Dropped,
}

impl Devices {
    /// The devices of one machine. Console output goes to `output`, up to `limit` bytes.
    #[must_use]
    pub fn new(output: Output, limit: u64, unclaimed: Unclaimed) -> Self {
        let outlet = Outlet::new(output);
        let console = Console::new(outlet.clone(), limit);
        let uart = Slot::shared(Pl011::new(console), spi(PL011_SPI));
        let mut bus = Bus::new(unclaimed);
        bus.attach("PL011", PL011, uart.clone())
            .expect("the layout's devices do not overlap");
        Self {
            bus,
            uart,
            outlet,
            waiting: Mutex::default(),
            changed: Condvar::new(),
            has_waiting: AtomicBool::new(false),
            described: Vec::new(),
            worker: Worker::default(),
            virtio_slots: 0,
        }
    }

    /// What the device tree tells of beside the UART.
    pub(crate) fn described(&self) -> &[Device] {
        &self.described
    }

    /// Gives the guest console input. Waits while more than a screenful is under way, so that a
    /// guest that never reads takes no memory; once the run has ended, drops it.
    pub fn input(&self, bytes: &[u8]) {
        for chunk in bytes.chunks(INPUT_LIMIT) {
            let mut waiting = self.waiting();
            while waiting.bytes.len() + chunk.len() > INPUT_LIMIT && waiting.flow != Flow::Dropped {
                waiting = self.wait(waiting);
            }
            if waiting.flow == Flow::Dropped {
                return;
            }
            waiting.bytes.extend(chunk);
            self.has_waiting.store(true, Ordering::SeqCst);
            self.changed.notify_all();
        }
    }

    /// The guest reads.
    pub(crate) fn read<V: VmOps>(
        &self,
        vm: &V,
        address: Ipa,
        width: Width,
    ) -> sys::Result<Served<u64>> {
        let served = self.bus.read(address, width, &Lines(vm))?;
        self.pass_waiting(vm)?;
        Ok(served)
    }

    /// The guest writes.
    pub(crate) fn write<V: VmOps>(
        &self,
        vm: &V,
        address: Ipa,
        width: Width,
        value: u64,
    ) -> sys::Result<Served<()>> {
        let served = self.bus.write(address, width, value, &Lines(vm))?;
        self.pass_waiting(vm)?;
        Ok(served)
    }

    /// Passes input on as it arrives, until [`end_life`](Devices::end_life).
    pub(crate) fn pump<V: VmOps>(&self, vm: &V) -> sys::Result<()> {
        let mut waiting = self.waiting();
        while waiting.flow == Flow::Passed {
            self.refill(vm, &mut waiting)?;
            waiting = self.wait(waiting);
        }
        Ok(())
    }

    /// A new VM takes over: every device as when it was switched on, input still on its way.
    /// Doorbells ring without an exit.
    pub(crate) fn begin_life<V: VmOps>(&self, vm: &V, memory: &GuestMemory) -> sys::Result<()> {
        self.outlet.hold();
        self.bus.reset();
        self.worker.begin_life(memory);
        for (register, doorbell) in self.worker.registers() {
            vm.signal_on_write(GuestAddress(register.value()), doorbell.as_fd())?;
        }
        self.direct(Flow::Passed);
        Ok(())
    }

    /// Starts the threads that serve the devices which the host drives too, until
    /// [`end_life`](Devices::end_life). `stop` hears of it when one has to end before.
    pub(crate) fn start<V: VmOps>(
        &self,
        vm: &Arc<V>,
        stop: impl Fn(Option<Stop>) + Clone + Send + 'static,
    ) -> Result<(), Stop> {
        let trouble = move |trouble| match trouble {
            Trouble::Failed(error) => stop(Some(Stop::Failed(error.into()))),
            Trouble::Panicked => stop(None),
        };
        let lines = Arc::new(Lines(Arc::clone(vm)));
        let started = self.worker.start(&lines, trouble);
        started.map_err(|(name, source)| Stop::Failed(Error::Thread { name, source }))
    }

    /// Waits for the threads that serve devices, for `limit` at most; the names of those that have
    /// not ended, because the host has not answered them.
    pub(crate) fn wait_for_threads(&self, limit: Duration) -> Vec<String> {
        self.worker.wait_for_threads(limit)
    }

    /// The VM is about to be closed: console input reaches its interrupt lines no more, and the
    /// threads that serve devices end as soon as the host has answered them.
    pub(crate) fn end_life(&self) {
        // First, as a vCPU that waits for room there has the UART.
        self.outlet.release();
        self.worker.end_life();
        self.direct(Flow::Held);
    }

    /// No other life follows: nobody waits to give input any more.
    pub(crate) fn end_run(&self) {
        self.direct(Flow::Dropped);
    }

    /// A run is about to begin, whose console output has to get out.
    pub(crate) fn begin_run(&self) -> io::Result<()> {
        self.outlet.start()
    }

    /// Waits until the guest's last words are written; once `hurried` says so, for no reader that
    /// does not read.
    pub(crate) fn drain(&self, hurried: impl Fn() -> bool) {
        self.outlet.drain(hurried);
    }

    fn direct(&self, flow: Flow) {
        self.waiting().flow = flow;
        self.changed.notify_all();
    }

    /// Passes on what the UART had no room for, in case the guest has just made some.
    #[inline]
    fn pass_waiting<V: VmOps>(&self, vm: &V) -> sys::Result<()> {
        if self.has_waiting.load(Ordering::SeqCst) {
            self.refill(vm, &mut self.waiting())?;
        }
        Ok(())
    }

    /// Moves as much input into the UART as it has room for.
    fn refill<V: VmOps>(&self, vm: &V, waiting: &mut Waiting) -> sys::Result<()> {
        let bytes = waiting.bytes.make_contiguous();
        let taken = lock(&self.uart).with(&Lines(vm), |uart| uart.receive(bytes))?;
        waiting.bytes.drain(..taken);
        self.has_waiting
            .store(!waiting.bytes.is_empty(), Ordering::SeqCst);
        if taken != 0 {
            self.changed.notify_all();
        }
        Ok(())
    }

    fn wait<'a>(&self, waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        self.changed
            .wait(waiting)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices")
            .field("bus", &self.bus)
            .finish_non_exhaustive()
    }
}

/// A VM's GIC as the end of the devices' lines.
struct Lines<V>(V);

impl<V: Deref<Target: VmOps>> InterruptLines for Lines<V> {
    type Error = sys::Error;

    fn set(&self, intid: u32, level: Level) -> sys::Result<()> {
        self.0.set_irq_line(intid, level)
    }
}

/// How much input may be under way.
const INPUT_LIMIT: usize = 4096;
