//! Block device (VIRTIO 1.2 §5.2): a disk of 512-byte sectors over some [`Storage`].
//!
//! Every request is answered with a status. What the driver must not ask and what the storage
//! cannot do is VIRTIO_BLK_S_IOERR, what nobody knows VIRTIO_BLK_S_UNSUPP; only a request without
//! a byte for the status stops the device. A failure of the storage is the guest's to handle; the
//! log tells of the first.
//!
//! The cache is the host's, so a write is safe after a FLUSH. A driver that does not take
//! VIRTIO_BLK_F_FLUSH gets every write flushed (§5.2.6.4).

mod file;
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
use super::{Buffers, Chain, Kind, Malformed, Queues, VirtioDevice, read_space};
use crate::devices::Cause;

/// Whether a guest may change a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may.
    ReadWrite,
    /// It is told that it may not, and cannot.
    ReadOnly,
}

/// What a disk keeps its bytes in. Offsets and lengths are in bytes, within [`length`].
///
/// [`length`]: Storage::length
pub trait Storage: fmt::Debug {
    /// Its size in bytes, a multiple of 512.
    fn length(&self) -> u64;

    /// May it be changed?
    fn access(&self) -> Access;

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
    /// A failure of the storage was told; once is enough.
    reported: bool,
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
            reported: false,
        }
    }

    /// Carries out a request; the status that the guest gets.
    fn answer(&mut self, chain: &mut Chain<'_>) -> u32 {
        let Some(request) = Request::take(chain) else {
            return VIRTIO_BLK_S_IOERR;
        };
        let what = request.name();
        match self.carry_out(request) {
            Ok(()) => VIRTIO_BLK_S_OK,
            Err(Failure::Unsupported) => VIRTIO_BLK_S_UNSUPP,
            Err(Failure::Refused) => VIRTIO_BLK_S_IOERR,
            Err(Failure::Storage(error)) => {
                self.report(what, &error);
                VIRTIO_BLK_S_IOERR
            }
        }
    }

    fn carry_out(&mut self, request: Request<'_>) -> Result<(), Failure> {
        match request {
            Request::Read { sector, into } => {
                let offset = self.check(sector, into.length())?;
                Ok(self.storage.read(offset, into)?)
            }
            Request::Write { sector, from } => {
                self.check_writable()?;
                let offset = self.check(sector, from.length())?;
                self.storage.write(offset, from)?;
                self.settle()
            }
            Request::Flush => Ok(self.storage.flush()?),
            Request::Serial(mut into) => {
                into.write(&self.storage.serial());
                Ok(())
            }
            Request::Discard(segments) => {
                self.check_writable()?;
                for segment in &segments {
                    let (offset, length) = self.check_segment(segment)?;
                    segment.check_discard()?;
                    self.storage.discard(offset, length)?;
                }
                self.settle()
            }
            Request::WriteZeroes(segments) => {
                self.check_writable()?;
                for segment in &segments {
                    let (offset, length) = self.check_segment(segment)?;
                    self.storage.write_zeroes(offset, length, segment.room()?)?;
                }
                self.settle()
            }
            Request::Unknown => Err(Failure::Unsupported),
        }
    }

    /// §5.2.6.4: without FLUSH a write that is answered is a write that lasts.
    fn settle(&mut self) -> Result<(), Failure> {
        match self.cache {
            Cache::WriteBack => Ok(()),
            Cache::WriteThrough => Ok(self.storage.flush()?),
        }
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
        let exponent = (self.storage.granularity() / 512).max(1).ilog2();
        let [exponent, ..] = exponent.to_le_bytes();
        let mut config = [0; 60];
        let mut put = |offset: usize, bytes: &[u8]| {
            config[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &(self.storage.length() / SECTOR).to_le_bytes());
        put(12, &SEGMENTS.to_le_bytes());
        put(20, &512_u32.to_le_bytes());
        put(24, &[exponent]);
        put(26, &(1_u16 << exponent.min(15)).to_le_bytes());
        put(34, &1_u16.to_le_bytes());
        if self.storage.access() == Access::ReadWrite {
            for offset in [36, 48] {
                put(offset, &MOST_SECTORS.to_le_bytes());
                put(offset + 4, &MOST_RANGES.to_le_bytes());
            }
            put(44, &(1_u32 << exponent.min(31)).to_le_bytes());
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
            // All of it counts as written, as the status lies at its end.
            let written = u32::try_from(chain.writable.length()).unwrap_or(u32::MAX);
            let Some(mut status) = chain.writable.take_back(1) else {
                return Err(Malformed::NoAnswer(0));
            };
            let [answer, ..] = self.answer(&mut chain).to_le_bytes();
            status.write(&[answer]);
            queues.complete(0, chain.head, written)?;
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.cache = Cache::WriteThrough;
    }
}

const SECTOR: u64 = 512;
const QUEUE_SIZE: u16 = 256;
/// What a request may have beside header and status.
const SEGMENTS: u32 = QUEUE_SIZE as u32 - 2;
/// The longest range to discard or to make zero: 2 GiB.
const MOST_SECTORS: u32 = 1 << 22;
/// How many of them one request may name.
const MOST_RANGES: u32 = 16;

#[cfg(test)]
mod tests;
