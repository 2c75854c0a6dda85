//! Network card (VIRTIO 1.2 §5.1): one queue each way over some [`Link`].
//!
//! A frame is copied once on our side, between the link and the guest's buffers: the link then
//! sees one run of bytes whatever the guest's buffers look like. What the link cannot take is
//! dropped, as on any network; a link that is gone is a cable that was pulled: the driver is told
//! that the link is down, and the log once.
//!
//! Frames begin with a `struct virtio_net_hdr_v1` of twelve bytes, towards the link as towards the
//! guest: it says what the two leave to each other (checksums, segments). A link may hold frames
//! from before the driver that is there now, made for one that had accepted more: what this one has
//! not accepted never reaches it (§5.1.6.4.1).
//!
//! The two directions take turns in going first, so that neither lives on what the other leaves.

mod tap;

pub use tap::{Tap, TapError};

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use log::warn;
use virtio_bindings::virtio_net::{
    VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4,
    VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6,
    VIRTIO_NET_F_MAC, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_STATUS, VIRTIO_NET_HDR_F_NEEDS_CSUM,
    VIRTIO_NET_HDR_GSO_ECN, VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV4,
    VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_S_LINK_UP,
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
    /// WouldBlock if there is none; EBADF, EBADFD and ENODEV when the link is gone.
    fn receive(&mut self, frame: &mut [u8]) -> io::Result<usize>;

    /// Sends a frame with its header.
    ///
    /// # Errors
    /// WouldBlock if it has no room, InvalidInput if the header is wrong; EBADF, EBADFD and ENODEV
    /// when it is gone.
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
    /// The features that the driver has accepted.
    accepted: u64,
    /// The link has not heard of them yet.
    unsettled: bool,
    first: Direction,
    /// Its first `held` bytes are a frame that waits for the guest's buffers.
    incoming: Box<[u8]>,
    held: usize,
    /// Where a frame of the guest's lies while it is sent.
    outgoing: Box<[u8]>,
    /// Whether the link may have a frame.
    readable: bool,
    /// That frames are lost was told.
    reported: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    /// For as long as the machine runs.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToGuest,
    ToLink,
}

impl<L: Link> Network<L> {
    /// A network card with this address at this link.
    pub fn new(link: L, address: MacAddress) -> Self {
        Self {
            link,
            address,
            state: State::Up,
            accepted: 0,
            unsettled: false,
            first: Direction::ToGuest,
            incoming: vec![0; MOST].into(),
            held: 0,
            outgoing: vec![0; MOST].into(),
            readable: true,
            reported: false,
        }
    }

    /// Tells the link what the driver takes. Where that fails, frames come as before, and those
    /// that the driver does not take are dropped.
    fn settle(&mut self) {
        if std::mem::take(&mut self.unsettled)
            && self.state == State::Up
            && let Err(error) = self.link.accept(self.accepted & self.link.features())
            && !std::mem::replace(&mut self.reported, true)
        {
            warn!(
                "a guest's network card cannot agree with its link on offloads: {error}; frames \
                 may be lost, and this is not reported again"
            );
        }
    }

    /// Sends what the driver has made available.
    fn transmit(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(mut chain) = queues.pop(TRANSMIT)? {
            let length = chain.readable.read(&mut self.outgoing);
            // A frame without a header, or longer than any, is nobody's.
            if length >= HEADER && chain.readable.length() == 0 {
                self.send(length, queues);
            }
            queues.complete(TRANSMIT, chain.head, 0)?;
        }
        Ok(())
    }

    fn send(&mut self, length: usize, queues: &mut Queues<'_>) {
        if self.state == State::Up
            && let Err(error) = self.link.send(&self.outgoing[..length])
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
        match self.link.receive(&mut self.incoming) {
            Ok(length) => {
                self.held = length;
                true
            }
            Err(error) => {
                // Whatever it was, the next frame's arrival says that there is one.
                self.readable = error.kind() == io::ErrorKind::Interrupted;
                self.note(&error, queues);
                false
            }
        }
    }

    /// Delivers the frame that is held; whether it is gone, be it dropped. The turn's bounds are
    /// looked at before a frame and not within one: a frame that needs more than they leave would
    /// never arrive.
    fn deliver(&mut self, queues: &mut Queues<'_>) -> Result<bool, Malformed> {
        let length = self.held;
        if length < HEADER || !self.take_header() {
            return Ok(true);
        }
        let most = match self.accepted & MERGED {
            0 => 1,
            _ => MOST_BUFFERS,
        };
        let mut chains: Vec<Chain<'_>> = Vec::new();
        let mut room = 0;
        while room < length as u64 {
            if chains.len() == most {
                // It will never fit.
                put_back(queues, chains);
                return Ok(true);
            }
            let next = match chains.is_empty() {
                true => queues.pop(RECEIVE)?,
                false => queues.pop_more(RECEIVE)?,
            };
            let Some(chain) = next else {
                put_back(queues, chains);
                return Ok(false);
            };
            room += chain.writable.length();
            chains.push(chain);
        }
        let count = u16::try_from(chains.len()).unwrap_or(u16::MAX);
        self.incoming[NUM_BUFFERS..HEADER].copy_from_slice(&count.to_le_bytes());
        let mut rest = &self.incoming[..length];
        for mut chain in chains {
            let written = chain.writable.write(rest);
            rest = &rest[written..];
            let written = u32::try_from(written).unwrap_or(u32::MAX);
            queues.complete(RECEIVE, chain.head, written)?;
        }
        Ok(true)
    }

    /// Whether the driver takes a frame with the header of the one that is held. To a driver that
    /// leaves no checksum undone the flags say nothing.
    fn take_header(&mut self) -> bool {
        let has = |feature: u32| self.accepted & 1 << feature != 0;
        let (flags, segments) = (u32::from(self.incoming[0]), u32::from(self.incoming[1]));
        let segments_taken = match segments & !VIRTIO_NET_HDR_GSO_ECN {
            VIRTIO_NET_HDR_GSO_NONE => true,
            VIRTIO_NET_HDR_GSO_TCPV4 => has(VIRTIO_NET_F_GUEST_TSO4),
            VIRTIO_NET_HDR_GSO_TCPV6 => has(VIRTIO_NET_F_GUEST_TSO6),
            _ => false,
        };
        let congestion_taken =
            segments & VIRTIO_NET_HDR_GSO_ECN == 0 || has(VIRTIO_NET_F_GUEST_ECN);
        let checksums_taken = has(VIRTIO_NET_F_GUEST_CSUM);
        if !checksums_taken {
            self.incoming[0] = 0;
        }
        segments_taken
            && congestion_taken
            && (checksums_taken || flags & VIRTIO_NET_HDR_F_NEEDS_CSUM == 0)
    }

    /// What an error of the link's means: that it waits, that a frame is lost, or its end.
    fn note(&mut self, error: &io::Error, queues: &mut Queues<'_>) {
        use io::ErrorKind::{Interrupted, InvalidInput, WouldBlock};
        match (error.kind(), error.raw_os_error()) {
            (WouldBlock | Interrupted | InvalidInput, _) => {}
            (_, Some(libc::EBADF | libc::EBADFD | libc::ENODEV)) => {
                self.state = State::Gone;
                queues.config_changed();
                warn!(
                    "a guest's network card has lost its link: {error}; the guest is told that \
                     the link is down, and the machine goes on"
                );
            }
            _ if !std::mem::replace(&mut self.reported, true) => {
                warn!(
                    "a guest's network card loses frames: {error}; the machine goes on, and this \
                     is not reported again"
                );
            }
            _ => {}
        }
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

    /// §5.1.3.1.
    fn accepts(&self, features: u64) -> bool {
        let has = |feature: u32| features & 1 << feature != 0;
        NEEDS
            .iter()
            .all(|(feature, needed)| !has(*feature) || needed.iter().any(|feature| has(*feature)))
    }

    /// The link hears of it on the I/O thread: the kernel may make whoever tells it wait.
    fn activate(&mut self, features: u64) {
        self.accepted = features;
        self.unsettled = true;
    }

    fn serve(&mut self, cause: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        self.readable |= cause == Cause::Host;
        self.settle();
        match self.first {
            Direction::ToGuest => {
                self.first = Direction::ToLink;
                self.receive(queues)?;
                self.transmit(queues)
            }
            Direction::ToLink => {
                self.first = Direction::ToGuest;
                self.transmit(queues)?;
                self.receive(queues)
            }
        }
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.link.events())
    }

    fn reset(&mut self) {
        self.held = 0;
        self.readable = true;
        self.accepted = 0;
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

/// Features, and those of which each needs one.
const NEEDS: [(u32, &[u32]); 6] = [
    (VIRTIO_NET_F_GUEST_TSO4, &[VIRTIO_NET_F_GUEST_CSUM]),
    (VIRTIO_NET_F_GUEST_TSO6, &[VIRTIO_NET_F_GUEST_CSUM]),
    (
        VIRTIO_NET_F_GUEST_ECN,
        &[VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6],
    ),
    (VIRTIO_NET_F_HOST_TSO4, &[VIRTIO_NET_F_CSUM]),
    (VIRTIO_NET_F_HOST_TSO6, &[VIRTIO_NET_F_CSUM]),
    (
        VIRTIO_NET_F_HOST_ECN,
        &[VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6],
    ),
];

const MERGED: u64 = 1 << VIRTIO_NET_F_MRG_RXBUF;
const OWN_FEATURES: u64 = 1 << VIRTIO_NET_F_MAC | 1 << VIRTIO_NET_F_STATUS | MERGED;

#[cfg(test)]
mod tests;
