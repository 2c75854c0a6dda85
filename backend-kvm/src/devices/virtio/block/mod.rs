//! Block device (VIRTIO 1.2 §5.2): a disk of 512-byte sectors over some [`Storage`].
//!
//! Every request is answered with a status. What the driver must not ask and what the storage
//! cannot do is VIRTIO_BLK_S_IOERR, what nobody knows VIRTIO_BLK_S_UNSUPP; only a request without
//! a byte for the status stops the device. A failure of the storage is the guest's to handle; the
//! log tells of the first.
//!
//! The cache is the host's, so a write is safe after a FLUSH. A driver that does not take
//! VIRTIO_BLK_F_FLUSH gets every write flushed (§5.2.6.4).
//!
//! A disk has a thread of its own, which waits for the storage. A request may be 4 GiB long, as
//! firmware that reads a whole file at once may want it; it is carried out in [`STEP`]s, and given
//! back half done when the turn is over: the next turn goes on where it was. Only what one call of
//! the storage takes cannot be cut short.

mod file;
mod lock;
mod request;

pub use file::{DiskError, RawFile};

use std::fmt;
use std::io;

use log::warn;
use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_RO,
    VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_WRITE_ZEROES, VIRTIO_BLK_S_IOERR,
    VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP,
};

use self::request::{Failure, Request, Segment};
use super::{Buffers, Chain, Head, Kind, Malformed, Queues, VirtioDevice, read_space};
use crate::devices::{Cause, ServedBy};

/// Whether a guest may change a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may.
    ReadWrite,
    /// It is told that it may not, and cannot.
    ReadOnly,
}

/// What a disk keeps its bytes in. Offsets and lengths are in bytes, within [`length`]. A call may
/// take as long as it likes, but is asked for no more than a step of a request.
///
/// [`length`]: Storage::length
pub trait Storage: fmt::Debug {
    /// Its size in bytes, a multiple of 512.
    fn length(&self) -> u64;

    /// May it be changed?
    fn access(&self) -> Access;

    /// The size in bytes of the blocks that it is addressed in, by partition tables for one: a
    /// power of two from 512 on.
    fn block_size(&self) -> u32;

    /// The size in bytes of what it changes at once, a power of two from 512 on.
    fn granularity(&self) -> u32;

    /// By what the guest tells disks apart; zeroes at the end do not count.
    fn serial(&self) -> [u8; 20];

    /// Fills all of `into` from `offset` on.
    ///
    /// # Errors
    /// When it cannot, or has become too short.
    fn read(&mut self, offset: u64, into: Buffers<'_>) -> io::Result<()>;

    /// Writes all of `from` at `offset`.
    ///
    /// # Errors
    /// When it cannot.
    fn write(&mut self, offset: u64, from: Buffers<'_>) -> io::Result<()>;

    /// Makes what was written survive the host.
    ///
    /// # Errors
    /// When it cannot, or could not write earlier.
    fn flush(&mut self) -> io::Result<()>;

    /// May forget what a range holds.
    ///
    /// # Errors
    /// When that fails; to be unable to is none.
    fn discard(&mut self, offset: u64, length: u64) -> io::Result<()>;

    /// Makes a range zero.
    ///
    /// # Errors
    /// When it cannot.
    fn write_zeroes(&mut self, offset: u64, length: u64, room: Room) -> io::Result<()>;
}

/// What becomes of the room that zeroes take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It stays the disk's.
    Kept,
    /// It may be given back.
    Freed,
}

/// A disk over `S`.
#[derive(Debug)]
pub struct Block<S> {
    storage: S,
    /// Whether the driver flushes.
    cache: Cache,
    /// What was done of the request that is available again.
    begun: Option<Begun>,
    /// A failure of the storage was told; once is enough.
    reported: bool,
}

/// A request that a turn was too short for: its chain's head, and how many of its bytes are done.
/// A driver that changes a request which it has made available spoils that request, and nothing
/// else: it is checked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Begun {
    head: u16,
    done: u64,
}

/// How far a request has come.
enum Progress {
    /// It is answered with this status, all of the first so many writable bytes being written.
    Answered { status: u32, written: u64 },
    /// So many of its bytes are done.
    Begun(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    WriteBack,
    WriteThrough,
}

impl<S: Storage> Block<S> {
    /// A disk over this storage.
    pub fn new(storage: S) -> Self {
        Self {
            storage,
            cache: Cache::WriteThrough,
            begun: None,
            reported: false,
        }
    }

    /// Carries out a request from its `done`th byte on, as far as the turn lasts.
    fn answer(&mut self, chain: &mut Chain<'_>, done: u64, queues: &Queues<'_>) -> Progress {
        let data = chain.writable.length();
        let Some(request) = Request::take(chain) else {
            return Progress::failed(VIRTIO_BLK_S_IOERR, data);
        };
        let (what, writes) = (request.name(), request.written());
        match self.carry_out(request, done, queues) {
            Ok(Some(done)) => Progress::Begun(done),
            // The status lies behind all other writable bytes, and counts if they do.
            Ok(None) => Progress::Answered {
                status: VIRTIO_BLK_S_OK,
                written: writes.min(data) + u64::from(writes >= data),
            },
            Err(Failure::Unsupported) => Progress::failed(VIRTIO_BLK_S_UNSUPP, data),
            Err(Failure::Refused) => Progress::failed(VIRTIO_BLK_S_IOERR, data),
            Err(Failure::Storage(error)) => {
                self.report(what, &error);
                Progress::failed(VIRTIO_BLK_S_IOERR, data)
            }
        }
    }

    /// `None` when all is done, else how many bytes are.
    fn carry_out(
        &mut self,
        request: Request<'_>,
        done: u64,
        queues: &Queues<'_>,
    ) -> Result<Option<u64>, Failure> {
        match request {
            Request::Read { sector, mut into } => {
                let offset = self.check(sector, into.length())?;
                steps(&mut into, offset, done, queues, |part, at| {
                    self.storage.read(at, part)
                })
            }
            Request::Write { sector, mut from } => {
                self.check_writable()?;
                let offset = self.check(sector, from.length())?;
                let left = steps(&mut from, offset, done, queues, |part, at| {
                    self.storage.write(at, part)
                })?;
                self.settle(left)
            }
            Request::Flush => {
                self.storage.flush()?;
                Ok(None)
            }
            Request::Serial(mut into) => {
                into.write(&self.storage.serial());
                Ok(None)
            }
            Request::Discard(segments) => {
                self.check_writable()?;
                segments.iter().try_for_each(Segment::check_discard)?;
                let left = self.ranges(&segments, done, queues, |storage, offset, length, _| {
                    storage.discard(offset, length)
                })?;
                self.settle(left)
            }
            Request::WriteZeroes(segments) => {
                self.check_writable()?;
                let left = self.ranges(
                    &segments,
                    done,
                    queues,
                    |storage, offset, length, segment| {
                        let room = segment.room().unwrap_or(Room::Kept);
                        storage.write_zeroes(offset, length, room)
                    },
                )?;
                self.settle(left)
            }
            Request::Unknown => Err(Failure::Unsupported),
        }
    }

    /// Does something with ranges, which are checked one by one, from their `done`th byte on.
    fn ranges(
        &mut self,
        segments: &[Segment],
        done: u64,
        queues: &Queues<'_>,
        act: impl Fn(&mut S, u64, u64, &Segment) -> io::Result<()>,
    ) -> Result<Option<u64>, Failure> {
        let mut passed = 0;
        for segment in segments {
            segment.room()?;
            let (offset, length) = self.check_segment(segment)?;
            let mut at = done.saturating_sub(passed).min(length);
            loop {
                let step = (length - at).min(RANGE_STEP);
                if step != 0 {
                    act(&mut self.storage, offset + at, step, segment)?;
                }
                at += step;
                if at == length {
                    break;
                }
                if queues.is_over() {
                    return Ok(Some(passed + at));
                }
            }
            passed += length;
        }
        Ok(None)
    }

    /// §5.2.6.4: without FLUSH a write that is answered is a write that lasts.
    fn settle(&mut self, left: Option<u64>) -> Result<Option<u64>, Failure> {
        if left.is_none() && self.cache == Cache::WriteThrough {
            self.storage.flush()?;
        }
        Ok(left)
    }

    fn check_writable(&self) -> Result<(), Failure> {
        match self.storage.access() {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Failure::Refused),
        }
    }

    /// The offset of `sector`, if `length` bytes from there are whole sectors of this disk.
    fn check(&self, sector: u64, length: u64) -> Result<u64, Failure> {
        let offset = sector.checked_mul(SECTOR).ok_or(Failure::Refused)?;
        let end = offset.checked_add(length).ok_or(Failure::Refused)?;
        match length.is_multiple_of(SECTOR) && end <= self.storage.length() {
            true => Ok(offset),
            false => Err(Failure::Refused),
        }
    }

    fn check_segment(&self, segment: &Segment) -> Result<(u64, u64), Failure> {
        if segment.sectors > MOST_SECTORS {
            return Err(Failure::Refused);
        }
        let length = u64::from(segment.sectors) * SECTOR;
        Ok((self.check(segment.sector, length)?, length))
    }

    fn report(&mut self, what: &str, error: &io::Error) {
        if !self.reported {
            self.reported = true;
            warn!(
                "a guest's disk cannot {what}: {error}; the guest gets an I/O error, the machine \
                 goes on, and later failures of this disk are not reported"
            );
        }
    }

    /// struct virtio_blk_config (§5.2.4).
    fn config(&self) -> [u8; 60] {
        let granularity = self.storage.granularity();
        let exponent = (granularity / self.storage.block_size()).max(1).ilog2();
        let [exponent, ..] = exponent.to_le_bytes();
        let mut config = [0; 60];
        let mut put = |offset: usize, bytes: &[u8]| {
            config[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &(self.storage.length() / SECTOR).to_le_bytes());
        put(12, &SEGMENTS.to_le_bytes());
        put(20, &self.storage.block_size().to_le_bytes());
        put(24, &[exponent]);
        put(26, &(1_u16 << exponent.min(15)).to_le_bytes());
        put(34, &1_u16.to_le_bytes());
        if self.storage.access() == Access::ReadWrite {
            for offset in [36, 48] {
                put(offset, &MOST_SECTORS.to_le_bytes());
                put(offset + 4, &MOST_RANGES.to_le_bytes());
            }
            put(44, &(granularity / 512).max(1).to_le_bytes());
            put(56, &[1]);
        }
        config
    }
}

impl<S: Storage> VirtioDevice for Block<S> {
    fn kind(&self) -> Kind {
        Kind::Block
    }

    fn features(&self) -> u64 {
        let always = 1 << VIRTIO_BLK_F_SEG_MAX
            | 1 << VIRTIO_BLK_F_BLK_SIZE
            | 1 << VIRTIO_BLK_F_TOPOLOGY
            | 1 << VIRTIO_BLK_F_FLUSH;
        always
            | match self.storage.access() {
                Access::ReadWrite => 1 << VIRTIO_BLK_F_DISCARD | 1 << VIRTIO_BLK_F_WRITE_ZEROES,
                Access::ReadOnly => 1 << VIRTIO_BLK_F_RO,
            }
    }

    fn queue_sizes(&self) -> &'static [u16] {
        &[QUEUE_SIZE]
    }

    fn read_config(&self, offset: u64, bytes: &mut [u8]) {
        read_space(&self.config(), offset, bytes);
    }

    fn activate(&mut self, features: u64) {
        self.cache = match features & 1 << VIRTIO_BLK_F_FLUSH {
            0 => Cache::WriteThrough,
            _ => Cache::WriteBack,
        };
    }

    fn serve(&mut self, _: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(mut chain) = queues.pop(0)? {
            let Some(mut status) = chain.writable.take_back(1) else {
                return Err(Malformed::NoAnswer(0));
            };
            let Head(head) = chain.head;
            let begun = self.begun.take().filter(|begun| begun.head == head);
            let done = begun.map_or(0, |begun| begun.done);
            match self.answer(&mut chain, done, queues) {
                Progress::Answered {
                    status: answer,
                    written,
                } => {
                    let [answer, ..] = answer.to_le_bytes();
                    status.write(&[answer]);
                    let written = u32::try_from(written).unwrap_or(u32::MAX);
                    queues.complete(0, chain.head, written)?;
                }
                Progress::Begun(done) => {
                    self.begun = Some(Begun { head, done });
                    queues.put_back(0, chain);
                    queues.again();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn served_by(&self) -> ServedBy {
        ServedBy::ItsOwnThread
    }

    fn reset(&mut self) {
        self.cache = Cache::WriteThrough;
        self.begun = None;
    }
}

impl Progress {
    /// A failure, with room for so much data, of which nothing is said to be written: a driver may
    /// rely on what is (§2.7.8.2). The status lies behind it.
    fn failed(status: u32, data: u64) -> Self {
        let written = u64::from(data == 0);
        Self::Answered { status, written }
    }
}

/// Moves bytes from the `done`th on, a step at a time. `None` when all are moved, else how many.
fn steps(
    buffers: &mut Buffers<'_>,
    offset: u64,
    mut done: u64,
    queues: &Queues<'_>,
    mut act: impl FnMut(Buffers<'_>, u64) -> io::Result<()>,
) -> Result<Option<u64>, Failure> {
    done = done.min(buffers.length());
    drop(buffers.take_front(done));
    while let Some(part) = buffers.take_front(buffers.length().min(STEP)) {
        let length = part.length();
        act(part, offset + done)?;
        done += length;
        if buffers.length() == 0 {
            break;
        }
        if queues.is_over() {
            return Ok(Some(done));
        }
    }
    Ok(None)
}

const SECTOR: u64 = 512;
const QUEUE_SIZE: u16 = 256;
/// What a request may have beside header and status.
const SEGMENTS: u32 = QUEUE_SIZE as u32 - 2;
/// How many bytes are moved before somebody else may want the disk: 1 MiB.
const STEP: u64 = 1 << 20;
/// The same, for ranges.
const RANGE_STEP: u64 = 4 << 20;
/// The longest range to discard or to make zero: 64 MiB.
const MOST_SECTORS: u32 = 1 << 17;
/// How many of them one request may name.
const MOST_RANGES: u32 = 16;

#[cfg(test)]
mod tests;
