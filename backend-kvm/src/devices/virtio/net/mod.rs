//! Network card (VIRTIO 1.2 §5.1): one queue each way over some [`Link`].
//!
//! A frame is copied once on our side, between the link and the guest's buffers: the link then
//! sees one run of bytes whatever the guest's buffers look like. What the link cannot take is
//! dropped, as on any network; a link that is gone is a cable that was pulled: the driver is told
//! that the link is down, and the log once.
//!
//! Frames begin with a `struct virtio_net_hdr_v1` of twelve bytes, towards the link as towards the
//! guest: it says what the two leave to each other (checksums, segments).

mod tap;

pub use tap::{Tap, TapError};

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use log::warn;
use virtio_bindings::virtio_net::{
    VIRTIO_NET_F_MAC, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_STATUS, VIRTIO_NET_S_LINK_UP,
};

use super::{Chain, Kind, Malformed, Queues, VirtioDevice, read_space};
use crate::devices::Cause;

/// Where frames go to and come from. None of it waits.
pub trait Link: fmt::Debug {
    /// What it can be left to do (§5.1.3: checksums and segmentation).
    fn features(&self) -> u64;

    /// What the driver has accepted of that.
    ///
    /// # Errors
    /// When it cannot after all.
    fn accept(&mut self, features: u64) -> io::Result<()>;

    /// Receives a frame with its header; its length. Too long a one is cut.
    ///
    /// # Errors
    /// WouldBlock if there is none; others when the link is gone.
    fn receive(&mut self, frame: &mut [u8]) -> io::Result<usize>;

    /// Sends a frame with its header.
    ///
    /// # Errors
    /// WouldBlock if it has no room, InvalidInput if the header is wrong; others when it is gone.
    fn send(&mut self, frame: &[u8]) -> io::Result<()>;

    /// What becomes readable when there is a frame.
    fn events(&self) -> BorrowedFd<'_>;
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacAddress(pub [u8; 6]);

/// A network card at `L`.
#[derive(Debug)]
pub struct Network<L> {
    link: L,
    address: MacAddress,
    state: State,
    buffers: Received,
    /// Its first `held` bytes are a frame that waits for the guest's buffers.
    frame: Box<[u8]>,
    held: usize,
    /// Whether the link may have a frame.
    readable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    /// For as long as the machine runs.
    Gone,
}

/// How a driver takes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Received {
    /// Each in a buffer of its own.
    Whole,
    /// In as many as it takes (VIRTIO_NET_F_MRG_RXBUF).
    Merged,
}

impl<L: Link> Network<L> {
    /// A network card with this address at this link.
    pub fn new(link: L, address: MacAddress) -> Self {
        Self {
            link,
            address,
            state: State::Up,
            buffers: Received::Whole,
            frame: vec![0; MOST].into(),
            held: 0,
            readable: true,
        }
    }

    /// Sends what the driver has made available.
    fn transmit(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        let mut frame = [0; MOST];
        while let Some(mut chain) = queues.pop(TRANSMIT)? {
            let length = chain.readable.read(&mut frame);
            // A frame without a header, or longer than any, is nobody's.
            if length >= HEADER && chain.readable.length() == 0 {
                self.send(&frame[..length], queues);
            }
            queues.complete(TRANSMIT, chain.head, 0)?;
        }
        Ok(())
    }

    fn send(&mut self, frame: &[u8], queues: &mut Queues<'_>) {
        if self.state == State::Up
            && let Err(error) = self.link.send(frame)
        {
            self.note(&error, queues);
        }
    }

    /// Passes frames on to the driver, for as long as it has buffers, in turns.
    fn receive(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        for _ in 0..FRAMES {
            if self.held == 0 && !self.fetch(queues) {
                return Ok(());
            }
            if !self.deliver(queues)? {
                return Ok(());
            }
            self.held = 0;
        }
        queues.again();
        Ok(())
    }

    /// Fetches a frame from the link; whether there was one.
    fn fetch(&mut self, queues: &mut Queues<'_>) -> bool {
        if !self.readable || self.state == State::Gone {
            return false;
        }
        match self.link.receive(&mut self.frame) {
            Ok(length) => {
                self.held = length;
                true
            }
            Err(error) => {
                self.readable = error.kind() == io::ErrorKind::Interrupted;
                self.note(&error, queues);
                false
            }
        }
    }

    /// Delivers the frame that is held; whether it is gone, be it dropped.
    fn deliver(&mut self, queues: &mut Queues<'_>) -> Result<bool, Malformed> {
        let length = self.held;
        if length < HEADER {
            return Ok(true);
        }
        let mut chains: Vec<Chain<'_>> = Vec::new();
        let mut room = 0;
        while room < length as u64 {
            let most = match self.buffers {
                Received::Whole => 1,
                Received::Merged => MOST_BUFFERS,
            };
            if chains.len() == most {
                // It will never fit.
                put_back(queues, chains);
                return Ok(true);
            }
            match queues.pop(RECEIVE)? {
                Some(chain) => {
                    room += chain.writable.length();
                    chains.push(chain);
                }
                None => {
                    put_back(queues, chains);
                    return Ok(false);
                }
            }
        }
        let count = u16::try_from(chains.len()).unwrap_or(u16::MAX);
        self.frame[NUM_BUFFERS..HEADER].copy_from_slice(&count.to_le_bytes());
        let mut rest = &self.frame[..length];
        for mut chain in chains {
            let written = chain.writable.write(rest);
            rest = &rest[written..];
            let written = u32::try_from(written).unwrap_or(u32::MAX);
            queues.complete(RECEIVE, chain.head, written)?;
        }
        Ok(true)
    }

    /// What an error of the link's means: that it waits, that one frame is lost, or its end.
    fn note(&mut self, error: &io::Error, queues: &mut Queues<'_>) {
        use io::ErrorKind::{Interrupted, InvalidInput, WouldBlock};
        if matches!(error.kind(), WouldBlock | Interrupted | InvalidInput) {
            return;
        }
        self.state = State::Gone;
        queues.config_changed();
        warn!(
            "a guest's network card has lost its link: {error}; the guest is told that the link is \
             down, and the machine goes on"
        );
    }

    /// struct virtio_net_config, as far as it is offered (§5.1.4).
    fn config(&self) -> [u8; 8] {
        let [a, b, c, d, e, f] = self.address.0;
        let [up, high] = match self.state {
            State::Up => (VIRTIO_NET_S_LINK_UP as u16).to_le_bytes(),
            State::Gone => [0, 0],
        };
        [a, b, c, d, e, f, up, high]
    }
}

/// The newest first, as they were taken.
fn put_back(queues: &mut Queues<'_>, chains: Vec<Chain<'_>>) {
    for chain in chains.into_iter().rev() {
        queues.put_back(RECEIVE, chain);
    }
}

impl<L: Link> VirtioDevice for Network<L> {
    fn kind(&self) -> Kind {
        Kind::Network
    }

    fn features(&self) -> u64 {
        OWN_FEATURES | self.link.features()
    }

    fn queue_sizes(&self) -> &'static [u16] {
        &[256, 256]
    }

    fn read_config(&self, offset: u64, bytes: &mut [u8]) {
        read_space(&self.config(), offset, bytes);
    }

    fn activate(&mut self, features: u64) {
        self.buffers = match features & MERGED {
            0 => Received::Whole,
            _ => Received::Merged,
        };
        if let Err(error) = self.link.accept(features & self.link.features()) {
            warn!("a guest's network card works without offloads: {error}");
        }
    }

    fn serve(&mut self, cause: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        self.readable |= cause == Cause::Host;
        self.transmit(queues)?;
        self.receive(queues)
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.link.events())
    }

    fn reset(&mut self) {
        self.held = 0;
        self.readable = true;
        self.buffers = Received::Whole;
    }
}

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;

/// struct virtio_net_hdr_v1, at whose end is how many buffers a frame lies in.
const HEADER: usize = 12;
const NUM_BUFFERS: usize = 10;
/// The longest frame: 64 KiB with an Ethernet header, and ours.
const MOST: usize = HEADER + 14 + 65_535;
/// More buffers than a queue has are never there.
const MOST_BUFFERS: usize = 256;
/// How many frames are received before other devices have their turn.
const FRAMES: usize = 256;

const MERGED: u64 = 1 << VIRTIO_NET_F_MRG_RXBUF;
const OWN_FEATURES: u64 = 1 << VIRTIO_NET_F_MAC | 1 << VIRTIO_NET_F_STATUS | MERGED;

#[cfg(test)]
mod tests;
