//! struct virtio_blk_req (VIRTIO 1.2 §5.2.6), from a chain's bytes.

use std::io;

use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN,
    VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP,
};

use super::{Buffers, Chain, MOST_RANGES, Room};

/// What a driver asks of a disk.
#[derive(Debug)]
pub(super) enum Request<'m> {
    Read { sector: u64, into: Buffers<'m> },
    Write { sector: u64, from: Buffers<'m> },
    Flush,
    Serial(Buffers<'m>),
    Discard(Vec<Segment>),
    WriteZeroes(Vec<Segment>),
    Unknown,
}

/// A range to discard or to make zero: struct virtio_blk_discard_write_zeroes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) sector: u64,
    pub(super) sectors: u32,
    flags: u32,
}

/// Why a request fails.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody knows what it means.
    Unsupported,
    /// A driver must not ask it of this disk.
    Refused,
    /// The storage could not.
    Storage(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Storage(error)
    }
}

impl<'m> Request<'m> {
    /// Takes the request out of a chain whose last byte, the status, was taken before. `None` if
    /// it lacks a part.
    pub(super) fn take(chain: &mut Chain<'m>) -> Option<Self> {
        let [kind, sector] = [
            chain.readable.read_array::<8>()?,
            chain.readable.read_array()?,
        ];
        let sector = u64::from_le_bytes(sector);
        let [a, b, c, d, ..] = kind;
        Some(match u32::from_le_bytes([a, b, c, d]) {
            VIRTIO_BLK_T_IN => Self::Read {
                sector,
                into: std::mem::take(&mut chain.writable),
            },
            VIRTIO_BLK_T_OUT => Self::Write {
                sector,
                from: std::mem::take(&mut chain.readable),
            },
            VIRTIO_BLK_T_FLUSH => Self::Flush,
            VIRTIO_BLK_T_GET_ID => Self::Serial(std::mem::take(&mut chain.writable)),
            VIRTIO_BLK_T_DISCARD => Self::Discard(segments(&mut chain.readable)?),
            VIRTIO_BLK_T_WRITE_ZEROES => Self::WriteZeroes(segments(&mut chain.readable)?),
            _ => Self::Unknown,
        })
    }

    /// How many of the chain's writable bytes, from the first on, are written when it is done.
    pub(super) fn written(&self) -> u64 {
        match self {
            Self::Read { into, .. } => into.length(),
            Self::Serial(into) => into.length().min(SERIAL),
            Self::Write { .. }
            | Self::Flush
            | Self::Discard(_)
            | Self::WriteZeroes(_)
            | Self::Unknown => 0,
        }
    }

    /// What a disk does for it, after "cannot".
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Flush => "flush what was written",
            Self::Serial(_) => "tell its serial number",
            Self::Discard(_) => "discard",
            Self::WriteZeroes(_) => "write zeroes",
            Self::Unknown => "do what nobody knows",
        }
    }
}

impl Segment {
    /// §5.2.6.2: no flag is defined for a discard.
    pub(super) fn check_discard(&self) -> Result<(), Failure> {
        match self.flags {
            0 => Ok(()),
            _ => Err(Failure::Unsupported),
        }
    }

    /// What its flags say about the room that its zeroes take.
    pub(super) fn room(&self) -> Result<Room, Failure> {
        match self.flags {
            0 => Ok(Room::Kept),
            VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP => Ok(Room::Freed),
            _ => Err(Failure::Unsupported),
        }
    }
}

/// All of `data` as segments: one to as many as a request may have.
fn segments(data: &mut Buffers<'_>) -> Option<Vec<Segment>> {
    let whole = data.length() != 0 && data.length().is_multiple_of(16);
    if !whole || data.length() / 16 > u64::from(MOST_RANGES) {
        return None;
    }
    let mut segments = Vec::new();
    while data.length() != 0 {
        segments.push(Segment {
            sector: u64::from_le_bytes(data.read_array()?),
            sectors: u32::from_le_bytes(data.read_array()?),
            flags: u32::from_le_bytes(data.read_array()?),
        });
    }
    Some(segments)
}

/// How many bytes a serial number has.
const SERIAL: u64 = 20;
