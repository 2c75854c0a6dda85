//! Virtio devices (VIRTIO 1.2, vsock by 1.3), each in a slot of the board's MMIO transport.
//!
//! ```text
//! registers ──▶ VirtioMmio ──▶ Queues ──▶ VirtioDevice ──▶ file, tap, socket, …
//!   (vCPU)      status machine  chains,     what it is
//!               features        budget
//! ```
//!
//! A [`VirtioDevice`] knows neither registers nor rings: it is asked to [`serve`] whatever there
//! is, takes [`Chain`]s from its [`Queues`] and gives them back. All of that happens on an I/O
//! thread of the machine's; a vCPU only rings. Rings and buffers belong to the guest, which may
//! change them at any moment: each descriptor is read once, every access to a buffer copies or is
//! the kernel's, and what cannot be right ([`Malformed`]) stops the device with
//! DEVICE_NEEDS_RESET (§2.1.2) and nothing else.
//!
//! [`serve`]: VirtioDevice::serve

mod balloon;
mod block;
mod buffers;
mod chain;
mod console;
mod entropy;
mod mmio;
mod net;
mod queues;
#[cfg(test)]
mod testing;
mod unix;
mod vectored;
mod vsock;

pub use balloon::Balloon;
pub use block::{Access, Block, DiskError, RawFile, Room, Storage};
pub use buffers::Buffers;
pub use chain::{Chain, Head, Malformed};
pub use console::Console;
pub use entropy::{Entropy, Random, SystemRandom};
pub use mmio::{Vacant, VirtioMmio};
pub use net::{Link, MacAddress, Network, Tap, TapError};
pub use queues::Queues;
pub use unix::{HostSocket, SocketError, SocketFile};
pub use vsock::{GuestCid, Vsock};

use std::fmt;
use std::os::fd::BorrowedFd;

use super::{Cause, ServedBy};

/// What a device is, independent of how its registers are reached.
pub trait VirtioDevice {
    /// Its kind.
    fn kind(&self) -> Kind;

    /// The feature bits of its kind that it offers (§2.2), always the same. Those of rings and
    /// transport are not its business.
    fn features(&self) -> u64 {
        0
    }

    /// Do these features go together? Some are nothing without others (§5.1.3.1, for one).
    fn accepts(&self, _features: u64) -> bool {
        true
    }

    /// The greatest size of each of its queues, powers of two up to 32 768.
    fn queue_sizes(&self) -> &'static [u16];

    /// Reads its configuration space from `offset` on. What it does not have is 0.
    fn read_config(&self, offset: u64, bytes: &mut [u8]);

    /// Writes its configuration space from `offset` on.
    fn write_config(&mut self, _offset: u64, _bytes: &[u8]) {}

    /// The driver is ready (DRIVER_OK), with these features of the device's kind.
    fn activate(&mut self, _features: u64) {}

    /// Does what can be done now: takes buffers, moves bytes, gives buffers back.
    ///
    /// # Errors
    /// The guest broke a rule that leaves nobody to answer to.
    fn serve(&mut self, cause: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed>;

    /// What becomes readable when the host has something for the device; edge-triggered.
    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Which thread it wants to be served by: one of its own if it waits for the host.
    fn served_by(&self) -> ServedBy {
        ServedBy::CommonThread
    }

    /// The driver has reset it: no buffer taken before is the device's any more.
    fn reset(&mut self);
}

/// Kinds of devices by their numbers (§5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Network card.
    Network = 1,
    /// Disk.
    Block = 2,
    /// Consoles.
    Console = 3,
    /// Source of entropy.
    Entropy = 4,
    /// Memory balloon.
    Balloon = 5,
    /// Sockets between guest and host.
    Vsock = 19,
}

impl Kind {
    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "virtio network",
            Self::Block => "virtio block",
            Self::Console => "virtio console",
            Self::Entropy => "virtio entropy",
            Self::Balloon => "virtio balloon",
            Self::Vsock => "virtio vsock",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Copies what `space` has from `offset` on, and zeroes beyond its end.
fn read_space(space: &[u8], offset: u64, bytes: &mut [u8]) {
    let start = usize::try_from(offset).map_or(space.len(), |offset| offset.min(space.len()));
    let there = &space[start..];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = there.get(index).copied().unwrap_or(0);
    }
}
