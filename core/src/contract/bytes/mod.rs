//! The canonical bytes of a contract, and its digest.
//!
//! One contract has exactly one sequence of bytes, so its digest names it. Everything is little
//! endian:
//!
//! ```text
//! magic "VBRCNTRT"  schema u16 = 1  reserved u16 = 0  number of parts u32
//! part: tag u16  flags u16 (bit 0: critical)  length u32  that many bytes
//! ```
//!
//! Parts come by rising tag, each once. A reader refuses a *critical* part that it does not know,
//! and skips another; the parts of this schema are all critical and all there: an absent one is an
//! error, never a default. A part that is not critical promises nothing, so the canonical bytes
//! have none and a digest covers none. ID registers are carried as (encoding, value) pairs by rising
//! encoding, every register of the table and no other, so a table that grows makes a new schema.
//! Caches are CLIDR_EL1, a u16 whose bit `n` says that there is one at CSSELR_EL1 `n`, and CCSIDR_EL1
//! of each of these: kernels before Linux 6.3 leave out the instruction caches of unified levels.

mod part;
mod read;
mod write;

use core::fmt;

use heapless::Vec;
use sha2::{Digest as _, Sha256};

use super::contradiction::Contradiction;
use super::{CACHES, Contract};
use crate::cpu::IdRegister;
use crate::vendor_hyp::MAX_IMPLEMENTATIONS;

/// The SHA-256 of a contract's canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Bytes that are no contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// They do not begin as a contract does.
    Magic,
    /// The schema is newer, or none: this crate reads schema 1.
    Schema(u16),
    /// They end within something, at this offset.
    Truncated(usize),
    /// Something follows the last part, from this offset on.
    TrailingBytes(usize),
    /// More than a contract of this schema can have.
    TooLong(usize),
    /// A part that must be understood is not known.
    UnknownPart(u16),
    /// A part is missing.
    MissingPart(u16),
    /// A part comes after one with a higher tag, or twice.
    PartOrder(u16),
    /// A part is longer or shorter than it can be.
    PartLength(u16),
    /// A value in a part means nothing.
    Value(u16),
    /// A bit that has no meaning is set.
    ReservedBits(usize),
    /// The promises contradict each other.
    Contradiction(Contradiction),
}

/// The canonical bytes of a contract.
pub type Bytes = Vec<u8, LONGEST>;

impl Contract {
    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        write::write(self)
    }

    /// The digest of its canonical bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.to_bytes()).into())
    }

    /// Reads a contract, which is checked.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong; nothing is taken for granted.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let contract = read::read(bytes)?;
        contract.check().map_err(DecodeError::Contradiction)?;
        Ok(contract)
    }
}

impl Digest {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("these bytes do not begin as a contract does"),
            Self::Schema(schema) => write!(
                f,
                "this is a contract of schema {schema}, and this program reads schema {SCHEMA}"
            ),
            Self::Truncated(at) => write!(f, "the contract ends within what begins at byte {at}"),
            Self::TrailingBytes(at) => write!(f, "something follows the contract at byte {at}"),
            Self::TooLong(length) => {
                write!(f, "a contract has {LONGEST} bytes at most, not {length}")
            }
            Self::UnknownPart(tag) => write!(
                f,
                "part {tag} is not known here and must not be left out: a newer program wrote it"
            ),
            Self::MissingPart(tag) => write!(f, "part {tag} is missing"),
            Self::PartOrder(tag) => write!(f, "part {tag} is there twice or out of order"),
            Self::PartLength(tag) => write!(f, "part {tag} has the wrong length"),
            Self::Value(tag) => write!(f, "part {tag} has a value that means nothing"),
            Self::ReservedBits(at) => write!(f, "a bit without a meaning is set at byte {at}"),
            Self::Contradiction(contradiction) => {
                write!(f, "the contract contradicts itself: {contradiction}")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

const MAGIC: [u8; 8] = *b"VBRCNTRT";
const SCHEMA: u16 = 1;
const CRITICAL: u16 = 1;
/// Head, heads of parts, and each part at its longest; what is left is for parts to come.
const LONGEST: usize = 4096;
const _: () = assert!(
    16 + 17 * 8 + IdRegister::COUNT * 10 + 24 + MAX_IMPLEMENTATIONS * 24 + 10 + CACHES * 4 + 64
        <= LONGEST,
    "the longest contract fits"
);
