//! The MMIO transport, version 2 (VIRTIO 1.2 §4.2): a device's registers.
//!
//! Control registers are words: an access of another width or beside a word reads as 0 and is
//! ignored. The configuration space takes any width at any offset. What a driver must not do has
//! no effect, or stops this device alone:
//!
//! - Features outside the offer, without VERSION_1, or without others that they need, leave
//!   FEATURES_OK clear.
//! - A queue whose rings are crooked or not all in RAM does not become ready.
//! - Status bits only come, until 0 is written; DRIVER_OK only after FEATURES_OK.
//! - No queue is served before DRIVER_OK, nor after DEVICE_NEEDS_RESET or FAILED.
//!
//! The interrupt is a level, high while InterruptStatus is not 0; and each notification, and each
//! acknowledgement that leaves a bit behind (§4.2.2: InterruptACK clears what it names), is an event
//! ([`MmioDevice::take_event`]). A guest is interrupted as long as a bit is set, whether it
//! configured an edge, as the device tree says, or left the interrupt a level, as after a reset.
//! Doorbells only wake an I/O thread: no device works on a vCPU's time.
//!
//! What a device works on, its [`Engine`], is away from the registers while it is served. Registers
//! are answered meanwhile, but for the few that need the engine: the configuration space, QueueReady
//! and Status are written and read when it is back. So an interrupt handler waits for no disk, and a
//! driver that resets a device goes on when the device touches none of its buffers any more.

mod engine;
mod vacant;

use std::any::Any;
use std::fmt;
use std::mem;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::warn;
use virtio_bindings::virtio_config::{
    VIRTIO_CONFIG_S_ACKNOWLEDGE, VIRTIO_CONFIG_S_DRIVER, VIRTIO_CONFIG_S_DRIVER_OK,
    VIRTIO_CONFIG_S_FAILED, VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_CONFIG_S_NEEDS_RESET,
    VIRTIO_F_VERSION_1,
};
use virtio_bindings::virtio_mmio as register;
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};

use self::engine::Engine;
pub use self::vacant::Vacant;
use super::queues::Effects;
use super::{Kind, Malformed, VirtioDevice};
use crate::address::Width;
use crate::devices::{Access, Cause, Doorbell, Driven, MmioDevice, ServedBy, Turn};
use crate::memory::GuestMemory;
use crate::sys::Level;

/// A device behind the registers of the MMIO transport.
pub struct VirtioMmio {
    kind: Kind,
    device_features: u64,
    queue_sizes: &'static [u16],
    served_by: ServedBy,
    /// `None` while a turn lasts.
    engine: Option<Box<Engine>>,
    /// Ends the turn that is under way.
    hurry: Arc<AtomicBool>,
    /// Wakes whoever calls [`Driven::serve`].
    doorbell: Doorbell,
    status: u32,
    device_features_select: u32,
    driver_features_select: u32,
    driver_features: u64,
    queue_select: u32,
    settings: Vec<Settings>,
    interrupt: u32,
    /// There was a reason to interrupt, be the line high already.
    event: bool,
    generation: u32,
    /// The guest's breach of a rule was told; once is enough.
    reported: bool,
}

/// What a driver has said about a queue.
#[derive(Debug, Clone, Copy, Default)]
struct Settings {
    ready: bool,
    size: u32,
    descriptors: u64,
    driver: u64,
    device: u64,
}

impl VirtioMmio {
    /// Puts a device behind registers. `doorbell` is rung when there is something to
    /// [`serve`](Driven::serve).
    pub fn new(device: Box<dyn VirtioDevice + Send>, doorbell: Doorbell) -> Self {
        let hurry = Arc::<AtomicBool>::default();
        Self {
            kind: device.kind(),
            device_features: device.features(),
            queue_sizes: device.queue_sizes(),
            served_by: device.served_by(),
            settings: vec![Settings::default(); device.queue_sizes().len()],
            engine: Some(Box::new(Engine::new(device, Arc::clone(&hurry)))),
            hurry,
            doorbell,
            status: 0,
            device_features_select: 0,
            driver_features_select: 0,
            driver_features: 0,
            queue_select: 0,
            interrupt: 0,
            event: false,
            generation: 0,
            reported: false,
        }
    }

    /// How long a turn of the device may take before the others have theirs, and the driver its
    /// interrupt: a millisecond if nothing else is said. [`Duration::MAX`] is as long as it takes,
    /// for what is to happen the same way however slow the machine is.
    pub fn set_turn(&mut self, turn: Duration) {
        if let Some(engine) = &mut self.engine {
            engine.turn = turn;
        }
    }

    fn carry_out(&mut self, effects: Effects) {
        if effects.interrupt {
            self.notify(register::VIRTIO_MMIO_INT_VRING);
        }
        if effects.config_changed {
            self.generation = self.generation.wrapping_add(1);
            self.notify(register::VIRTIO_MMIO_INT_CONFIG);
        }
        if effects.more {
            self.doorbell.ring();
        }
    }

    fn notify(&mut self, bit: u32) {
        self.interrupt |= bit;
        self.event = true;
    }

    fn acknowledge(&mut self, bits: u32) {
        self.interrupt &= !bits;
        self.event |= self.interrupt != 0;
    }

    /// §2.1.2: what a device does that cannot go on.
    fn fail(&mut self, malformed: Malformed) {
        self.status |= NEEDS_RESET;
        if self.status & DRIVER_OK != 0 {
            self.notify(register::VIRTIO_MMIO_INT_CONFIG);
        }
        if !self.reported {
            self.reported = true;
            let kind = self.kind;
            warn!(
                "the guest's driver broke the rules of its {kind} device: {malformed}; the device \
                 waits for the driver to reset it, and this is not reported again"
            );
        }
    }

    fn offered(&self) -> u64 {
        TRANSPORT_FEATURES | self.device_features
    }

    fn read_register(&self, offset: u32) -> u32 {
        match offset {
            register::VIRTIO_MMIO_MAGIC_VALUE => MAGIC,
            register::VIRTIO_MMIO_VERSION => VERSION,
            register::VIRTIO_MMIO_DEVICE_ID => self.kind as u32,
            register::VIRTIO_MMIO_VENDOR_ID => VENDOR,
            register::VIRTIO_MMIO_DEVICE_FEATURES => {
                half(self.offered(), self.device_features_select)
            }
            register::VIRTIO_MMIO_QUEUE_NUM_MAX => {
                let selected = self.selected();
                selected.map_or(0, |queue| self.queue_sizes[queue].into())
            }
            register::VIRTIO_MMIO_QUEUE_READY => self
                .selected()
                .map_or(0, |queue| self.settings[queue].ready.into()),
            register::VIRTIO_MMIO_INTERRUPT_STATUS => self.interrupt,
            register::VIRTIO_MMIO_STATUS => self.status,
            register::VIRTIO_MMIO_SHM_LEN_LOW..=register::VIRTIO_MMIO_SHM_BASE_HIGH => NO_REGION,
            register::VIRTIO_MMIO_CONFIG_GENERATION => self.generation,
            _ => 0,
        }
    }

    fn write_register(&mut self, offset: u32, value: u32) {
        match offset {
            register::VIRTIO_MMIO_DEVICE_FEATURES_SEL => self.device_features_select = value,
            register::VIRTIO_MMIO_DRIVER_FEATURES_SEL => self.driver_features_select = value,
            register::VIRTIO_MMIO_DRIVER_FEATURES => self.write_features(value),
            register::VIRTIO_MMIO_QUEUE_SEL => self.queue_select = value,
            register::VIRTIO_MMIO_QUEUE_READY => self.write_ready(value),
            register::VIRTIO_MMIO_QUEUE_NOTIFY => self.doorbell.ring(),
            register::VIRTIO_MMIO_INTERRUPT_ACK => self.acknowledge(value),
            register::VIRTIO_MMIO_STATUS => self.write_status(value),
            _ => self.write_setting(offset, value),
        }
    }

    /// After FEATURES_OK they are settled.
    fn write_features(&mut self, value: u32) {
        if self.status & FEATURES_OK != 0 {
            return;
        }
        let value = u64::from(value);
        match self.driver_features_select {
            0 => self.driver_features = self.driver_features & !LOW | value,
            1 => self.driver_features = self.driver_features & LOW | value << 32,
            // A driver that accepts what lies beyond 64 bits accepts what nobody offered.
            _ if value != 0 => self.driver_features |= UNKNOWN_FEATURE,
            _ => {}
        }
    }

    fn write_status(&mut self, value: u32) {
        if value == 0 {
            return self.reset_by_driver();
        }
        let mut added = value & WRITABLE_STATUS & !self.status;
        let acceptable = self.driver_features & !self.offered() == 0
            && self.driver_features & VERSION_1 != 0
            && (self.engine.as_ref())
                .is_some_and(|engine| engine.device.accepts(self.driver_features));
        if !acceptable {
            added &= !FEATURES_OK;
        }
        if (self.status | added) & FEATURES_OK == 0 {
            added &= !DRIVER_OK;
        }
        self.status |= added;
        let event_index = self.event_index();
        let Some(engine) = &mut self.engine else {
            return;
        };
        if added & FEATURES_OK != 0 {
            engine.set_event_index(event_index);
        }
        if added & DRIVER_OK != 0 {
            engine.device.activate(self.driver_features);
            self.doorbell.ring();
        }
    }

    fn event_index(&self) -> bool {
        self.status & FEATURES_OK != 0 && self.driver_features & EVENT_INDEX != 0
    }

    /// While a queue is ready its settings stay as they are.
    fn write_setting(&mut self, offset: u32, value: u32) {
        let Some(queue) = self.selected() else {
            return;
        };
        let settings = &mut self.settings[queue];
        if settings.ready {
            return;
        }
        match offset {
            register::VIRTIO_MMIO_QUEUE_NUM => settings.size = value,
            register::VIRTIO_MMIO_QUEUE_DESC_LOW => set_low(&mut settings.descriptors, value),
            register::VIRTIO_MMIO_QUEUE_DESC_HIGH => set_high(&mut settings.descriptors, value),
            register::VIRTIO_MMIO_QUEUE_AVAIL_LOW => set_low(&mut settings.driver, value),
            register::VIRTIO_MMIO_QUEUE_AVAIL_HIGH => set_high(&mut settings.driver, value),
            register::VIRTIO_MMIO_QUEUE_USED_LOW => set_low(&mut settings.device, value),
            register::VIRTIO_MMIO_QUEUE_USED_HIGH => set_high(&mut settings.device, value),
            _ => {}
        }
    }

    fn write_ready(&mut self, value: u32) {
        let Some(queue) = self.selected() else {
            return;
        };
        let (settings, event_index) = (self.settings[queue], self.event_index());
        let Some(engine) = &mut self.engine else {
            return;
        };
        match value {
            0 => engine.drop_queue(queue),
            1 if !settings.ready => {
                if !engine.make_queue(queue, &settings, event_index) {
                    return self.fail(Malformed::Rings(queue));
                }
            }
            _ => return,
        }
        self.settings[queue].ready = value == 1;
    }

    /// §4.2.2.1: all queues disabled, no interrupt pending. The generation goes on: a driver must
    /// not mistake a space that has changed for the one it has read.
    fn reset_by_driver(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.reset();
        }
        self.status = 0;
        self.device_features_select = 0;
        self.driver_features_select = 0;
        self.driver_features = 0;
        self.queue_select = 0;
        self.settings.fill(Settings::default());
        self.interrupt = 0;
        self.event = false;
    }

    fn selected(&self) -> Option<usize> {
        let queue = usize::try_from(self.queue_select).ok()?;
        (queue < self.settings.len()).then_some(queue)
    }
}

impl MmioDevice for VirtioMmio {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        if let Some(offset) = offset.checked_sub(CONFIG) {
            let mut bytes = [0; 8];
            let length = usize::try_from(width.bytes()).unwrap_or(bytes.len());
            if let Some(engine) = &self.engine {
                engine.device.read_config(offset, &mut bytes[..length]);
            }
            return u64::from_le_bytes(bytes);
        }
        match control(offset, width) {
            Some(offset) => self.read_register(offset).into(),
            None => 0,
        }
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        if let Some(offset) = offset.checked_sub(CONFIG) {
            let length = usize::try_from(width.bytes()).unwrap_or(8);
            let bytes = value.to_le_bytes();
            if let Some(engine) = &mut self.engine {
                engine.device.write_config(offset, &bytes[..length]);
            }
        } else if let Some(offset) = control(offset, width) {
            let [a, b, c, d, ..] = value.to_le_bytes();
            self.write_register(offset, u32::from_le_bytes([a, b, c, d]));
        }
    }

    fn line(&self) -> Level {
        match self.interrupt {
            0 => Level::Low,
            _ => Level::High,
        }
    }

    fn take_event(&mut self) -> bool {
        mem::take(&mut self.event)
    }

    fn must_wait(&self, access: Access) -> bool {
        let waits = self.engine.is_none()
            && match access {
                Access::Read(offset) => offset >= CONFIG,
                Access::Write(offset) => {
                    offset >= CONFIG || offset == QUEUE_READY || offset == STATUS
                }
            };
        if waits {
            self.hurry.store(true, Ordering::SeqCst);
        }
        waits
    }

    fn reset(&mut self) {
        self.reset_by_driver();
        self.generation = 0;
        self.reported = false;
    }
}

impl Driven for VirtioMmio {
    /// Queues and buffers have to lie in this RAM.
    fn begin_life(&mut self, memory: &GuestMemory) {
        if let Some(engine) = &mut self.engine {
            engine.memory = Some(memory.clone());
        }
    }

    fn serve(&mut self, cause: Cause) {
        if let Some(mut turn) = self.begin_turn(cause) {
            turn.run(cause);
            self.end_turn(turn);
        }
    }

    /// Lets the device do what it can do now, if its driver has set it up.
    fn begin_turn(&mut self, _: Cause) -> Option<Box<dyn Turn>> {
        if self.status & (DRIVER_OK | NEEDS_RESET | FAILED) != DRIVER_OK {
            return None;
        }
        self.hurry.store(false, Ordering::SeqCst);
        Some(self.engine.take()?)
    }

    fn end_turn(&mut self, turn: Box<dyn Turn>) {
        let turn: Box<dyn Any> = turn;
        let Ok(mut engine) = turn.downcast::<Engine>() else {
            return;
        };
        let outcome = engine.outcome.take();
        self.engine = Some(engine);
        // What was given back before a rule was broken is the driver's, and it hears of that.
        if let Some((effects, served)) = outcome {
            self.carry_out(effects);
            served.unwrap_or_else(|malformed| self.fail(malformed));
        }
    }

    fn hurry(&self) {
        self.hurry.store(true, Ordering::SeqCst);
    }

    fn served_by(&self) -> ServedBy {
        self.served_by
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        self.engine.as_ref()?.device.host_events()
    }
}

impl fmt::Debug for VirtioMmio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtioMmio")
            .field("kind", &self.kind)
            .field("status", &self.status)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The offset of a whole control register.
fn control(offset: u64, width: Width) -> Option<u32> {
    let whole = width == Width::Word && offset.is_multiple_of(4);
    u32::try_from(offset).ok().filter(|_| whole)
}

/// Bits 31:0, 63:32, and so on of an unending word.
fn half(bits: u64, select: u32) -> u32 {
    match select {
        0 => (bits & LOW) as u32,
        1 => (bits >> 32) as u32,
        _ => 0,
    }
}

fn set_low(word: &mut u64, value: u32) {
    *word = *word & !LOW | u64::from(value);
}

fn set_high(word: &mut u64, value: u32) {
    *word = *word & LOW | u64::from(value) << 32;
}

/// "virt", little-endian.
const MAGIC: u32 = 0x7472_6976;
const VERSION: u32 = 2;
/// "VAMB", little-endian.
const VENDOR: u32 = 0x424d_4156;
/// What the length and the base of a shared memory region read that is not there (§4.2.2).
const NO_REGION: u32 = u32::MAX;
const CONFIG: u64 = register::VIRTIO_MMIO_CONFIG as u64;
const QUEUE_READY: u64 = register::VIRTIO_MMIO_QUEUE_READY as u64;
const STATUS: u64 = register::VIRTIO_MMIO_STATUS as u64;

const DRIVER_OK: u32 = VIRTIO_CONFIG_S_DRIVER_OK;
const FEATURES_OK: u32 = VIRTIO_CONFIG_S_FEATURES_OK;
const NEEDS_RESET: u32 = VIRTIO_CONFIG_S_NEEDS_RESET;
const FAILED: u32 = VIRTIO_CONFIG_S_FAILED;
const WRITABLE_STATUS: u32 =
    VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | FEATURES_OK | DRIVER_OK | FAILED;

const LOW: u64 = 0xffff_ffff;
const VERSION_1: u64 = 1 << VIRTIO_F_VERSION_1;
const EVENT_INDEX: u64 = 1 << VIRTIO_RING_F_EVENT_IDX;
const INDIRECT: u64 = 1 << VIRTIO_RING_F_INDIRECT_DESC;
const TRANSPORT_FEATURES: u64 = VERSION_1 | EVENT_INDEX | INDIRECT;
/// Never offered (§6: reserved).
const UNKNOWN_FEATURE: u64 = 1 << 63;

#[cfg(test)]
mod tests;
