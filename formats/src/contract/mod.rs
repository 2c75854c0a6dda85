//! A contract as TOML: for people to read, to compare and to correct.
//!
//! Every value of [`Contract`] is a line, in one order, with one way to write it; what a register
//! means stands beside it as a comment. Comments, blank lines, the order of keys and the case of
//! digits are the writer's; everything else is refused unless it is wholly understood:
//! [`to_toml`] of what [`from_toml`] read is the same contract in the house's own form.
//!
//! The form is for people. What a contract *is*, byte by byte, and its digest, are core's.

mod describe;
mod read;
mod write;

use vambrace_core::contract::Contract;

use crate::error::Error;

/// The contract as a text that [`from_toml`] reads.
#[must_use]
pub fn to_toml(contract: &Contract) -> String {
    write::document(contract)
}

/// The contract that a text describes.
///
/// # Errors
/// [`Error`] says where the text cannot be understood, or that its values contradict each other.
pub fn from_toml(text: &str) -> Result<Contract, Error> {
    from_bytes(text.as_bytes())
}

/// The same from the bytes of a file.
///
/// # Errors
/// As [`from_toml`]; and if the bytes are not UTF-8.
pub fn from_bytes(bytes: &[u8]) -> Result<Contract, Error> {
    read::document(crate::text_of("contract", bytes, LIMIT)?)
}

/// The longest file that is read, in bytes: a hundred times what a contract has.
pub const LIMIT: usize = 1 << 20;

/// The newest form that is understood.
pub const SCHEMA: u64 = 1;
