//! What a device works on: itself, its queues, the guest's RAM.
//!
//! It is in one place only: with the registers, or with the thread that serves the device.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use virtio_queue::{Queue, QueueT};
use vm_memory::GuestAddress;

use super::super::queues::Effects;
use super::super::{Malformed, Queues, VirtioDevice};
use super::Settings;
use crate::devices::{Cause, Turn};
use crate::memory::GuestMemory;

pub(super) struct Engine {
    pub(super) device: Box<dyn VirtioDevice + Send>,
    /// `None` until a machine has given it its RAM.
    pub(super) memory: Option<GuestMemory>,
    /// Those that are ready.
    pub(super) queues: Vec<Option<Queue>>,
    /// How long a turn takes.
    pub(super) turn: Duration,
    /// Somebody waits for the end of the turn.
    hurry: Arc<AtomicBool>,
    /// What the last turn led to, until that is carried out.
    pub(super) outcome: Option<(Effects, Result<(), Malformed>)>,
}

impl Engine {
    pub(super) fn new(device: Box<dyn VirtioDevice + Send>, hurry: Arc<AtomicBool>) -> Self {
        let count = device.queue_sizes().len();
        Self {
            device,
            memory: None,
            queues: (0..count).map(|_| None).collect(),
            turn: TURN,
            hurry,
            outcome: None,
        }
    }

    pub(super) fn set_event_index(&mut self, event_index: bool) {
        for queue in self.queues.iter_mut().flatten() {
            queue.set_event_idx(event_index);
        }
    }

    /// Makes a queue as the driver has set it up; whether it can be.
    pub(super) fn make_queue(
        &mut self,
        index: usize,
        settings: &Settings,
        event_index: bool,
    ) -> bool {
        let made = self.queue(index, settings);
        self.queues[index] = made.map(|mut queue| {
            queue.set_event_idx(event_index);
            queue
        });
        self.queues[index].is_some()
    }

    pub(super) fn drop_queue(&mut self, index: usize) {
        self.queues[index] = None;
    }

    pub(super) fn reset(&mut self) {
        self.device.reset();
        self.queues.fill_with(|| None);
    }

    fn queue(&self, index: usize, settings: &Settings) -> Option<Queue> {
        let memory = self.memory.as_ref()?;
        let mut queue = Queue::new(*self.device.queue_sizes().get(index)?).ok()?;
        queue.try_set_size(settings.size.try_into().ok()?).ok()?;
        queue
            .try_set_desc_table_address(GuestAddress(settings.descriptors))
            .ok()?;
        queue
            .try_set_avail_ring_address(GuestAddress(settings.driver))
            .ok()?;
        queue
            .try_set_used_ring_address(GuestAddress(settings.device))
            .ok()?;
        queue.set_ready(true);
        queue.is_valid(memory.mapping()).then_some(queue)
    }
}

impl Turn for Engine {
    fn run(&mut self, cause: Cause) {
        let Some(memory) = self.memory.as_ref() else {
            return;
        };
        let mut queues = Queues::new(memory, &mut self.queues, self.turn, &self.hurry);
        let served = self.device.serve(cause, &mut queues);
        self.outcome = Some((queues.finish(), served));
    }
}

const TURN: Duration = Duration::from_millis(1);
