//! What the program inside a host is asked, and what it answers: a line of JSON each.
//!
//! Contracts travel as their canonical bytes, everything else by the names of core and the numbers
//! of KVM, so that an answer means the same on whichever side it is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vambrace_core::contract::{Contract, Normalisation};

/// Something to try on a real kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Which parts of a contract the kernel refuses, and which it changes.
    Contract(Encoded),
    /// Which registers of another host's new vCPU it refuses, all of them written back.
    Raw {
        /// The vCPU's features, as core's `VcpuFeatures::bits` has them.
        features: u8,
        /// The bytes of each register in hexadecimal, by KVM's number of it.
        registers: BTreeMap<u64, String>,
    },
    /// What it makes of values of ID registers, each alone.
    Registers {
        /// The vCPU's features.
        features: u8,
        /// Each register, as [`IdRegister::encoding`](vambrace_core::cpu::IdRegister::encoding) has
        /// it, and its whole value.
        values: Vec<(u16, u64)>,
    },
    /// What a guest reads, in a machine with a contract or in one without any.
    Guest(Option<Promised>),
}

/// A contract for a machine, and what its host is known to change of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promised {
    /// The contract.
    pub contract: Encoded,
    /// Fields by name, what was promised, and what it becomes.
    pub normalisations: Vec<(String, u64, u64)>,
}

/// The canonical bytes of a contract, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Encoded(String);

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Of a contract.
    Contract(Heard),
    /// Of a host's registers.
    Raw(RawHeard),
    /// Of values of ID registers, in their order.
    Registers(Vec<Stored>),
    /// What a guest read, by the names that it prints.
    Guest(BTreeMap<String, u64>),
    /// It could not be tried: why.
    Failed(String),
}

/// What a host did not take, or keep, of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Heard {
    /// Each subject that its kernel refused, with the errno.
    pub refused: BTreeMap<String, i32>,
    /// What it took and reads as something else.
    pub differs: Vec<Differs>,
}

/// Something that a host took and has otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Differs {
    /// What of the contract.
    pub subject: String,
    /// Which field of it, if it is a field.
    pub field: Option<String>,
    /// What was promised.
    pub written: u64,
    /// What it reads as.
    pub read: u64,
}

/// What a host refused of another's registers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawHeard {
    /// No vCPU has those features: with which errno.
    NoVcpu(i32),
    /// Each register that was refused, by KVM's number, with the errno.
    Refused(BTreeMap<u64, i32>),
}

/// What a kernel made of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// It keeps it.
    AsWritten,
    /// It took it, and reads as this.
    As(u64),
    /// It did not take it.
    Refused(i32),
}

impl Question {
    /// What `contract` meets.
    #[must_use]
    pub fn contract(contract: &Contract) -> Self {
        Self::Contract(Encoded::of(contract))
    }

    /// What a guest of `contract` reads, where this is known to be changed.
    #[must_use]
    pub fn guest_of(contract: &Contract, normalisations: &[Normalisation]) -> Self {
        let changes = normalisations.iter().map(|change| {
            let field = change.field.to_string();
            (field, change.promised, change.becomes)
        });
        Self::Guest(Some(Promised {
            contract: Encoded::of(contract),
            normalisations: changes.collect(),
        }))
    }
}

impl Encoded {
    /// Of this contract.
    #[must_use]
    pub fn of(contract: &Contract) -> Self {
        Self(to_hexadecimal(&contract.to_bytes()))
    }

    /// The contract.
    ///
    /// # Errors
    ///
    /// In words, why it is none.
    pub fn decode(&self) -> Result<Contract, String> {
        let bytes = from_hexadecimal(&self.0)?;
        Contract::from_bytes(&bytes).map_err(|error| format!("no contract: {error}"))
    }
}

/// Two digits for each byte.
pub(super) fn to_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of pairs of digits.
pub(super) fn from_hexadecimal(digits: &str) -> Result<Vec<u8>, String> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
    bytes.ok_or_else(|| format!("not pairs of hexadecimal digits: {digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_digits() {
        assert_eq!(to_hexadecimal(&[0, 0x5a, 0xff]), "005aff");
        assert_eq!(from_hexadecimal("005aff"), Ok(vec![0, 0x5a, 0xff]));
        for wrong in ["0", "0g", "é"] {
            assert!(from_hexadecimal(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_question_is_a_line_that_reads_back() {
        let questions = [
            Question::Guest(None),
            Question::Raw {
                features: 1,
                registers: [(0x6030_0000_0013_c020, "12".into())].into(),
            },
            Question::Registers {
                features: 0,
                values: vec![(0xc020, 0x11)],
            },
        ];
        for question in questions {
            let line = serde_json::to_string(&question).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Question>(&line).unwrap(), question);
        }
    }
}
