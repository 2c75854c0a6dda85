//! The header a guest test carries: what it claims, and the machine it needs.
//!
//! An ELF section `.vambrace.claim` that is not loaded, of UTF-8 lines `key: value`. An unknown key
//! is an error, never skipped: a test whose needs are not understood must not run and pass.
//!
//! | key | value | without it |
//! |---|---|---|
//! | `claim` | the claim in one sentence | an error |
//! | `vcpus` | how many vCPUs, 1 to 512 | 1 |
//! | `memory` | least RAM: a number with K, M or G | the runner's default |
//! | `psci` | the oldest PSCI version it holds with, `1.0` | any |
//! | `kvm` | the oldest kernel whose KVM it holds on, `6.4` | any |
//! | `ends` | `code`: an exit code; `off`: SYSTEM_OFF after a verdict line | `code` |
//! | `resets` | how often it resets the machine before it ends | 0 |

use std::str::{self, Utf8Error};

use super::elf::{self, ElfError};
use crate::layout::MAXIMUM_VCPUS;

/// What a guest test claims and needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The claim in one sentence.
    pub sentence: String,
    /// How many vCPUs.
    pub vcpus: u16,
    /// The least RAM in bytes.
    pub memory: Option<u64>,
    /// The oldest PSCI version: major, minor.
    pub psci: Option<Version>,
    /// The oldest kernel whose KVM it holds on: major, minor.
    pub kvm: Option<Version>,
    /// How it ends.
    pub ends: End,
    /// How often it resets the machine before it ends.
    pub resets: u32,
}

/// A major and a minor number, ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number before the dot.
    pub major: u16,
    /// The number after it.
    pub minor: u16,
}

/// How a guest test ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By SYSTEM_RESET2 with a vendor reset type that carries an exit code.
    Code,
    /// By SYSTEM_OFF, its last line being the verdict.
    Off,
}

/// Why a header cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The file is ELF, but damaged or not AArch64.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// The section is not text.
    #[error("the header in {SECTION} is not UTF-8: {0}")]
    NotText(Utf8Error),
    /// A line has no colon.
    #[error("the header in {SECTION} has a line that is not `key: value`: `{0}`")]
    NotALine(String),
    /// A key of another version, or misspelt.
    #[error(
        "the header in {SECTION} has the unknown key `{0}`: known are claim, vcpus, memory, psci, \
         kvm, ends and resets"
    )]
    UnknownKey(String),
    /// A key is there twice.
    #[error("the header in {SECTION} has the key `{0}` twice")]
    RepeatedKey(&'static str),
    /// A value does not fit its key.
    #[error("the header in {SECTION} says `{key}: {value}`: expected {expected}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// The value that stands there.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// There is no claim in it.
    #[error("the header in {SECTION} has no `claim: …` line")]
    NoSentence,
}

impl Claim {
    /// Reads the header of an image; `None` if the file is no ELF file or has none.
    ///
    /// # Errors
    /// [`ClaimError`] says what is wrong with the header.
    pub fn parse(file: &[u8]) -> Result<Option<Self>, ClaimError> {
        if !file.starts_with(b"\x7fELF") {
            return Ok(None);
        }
        let Some(bytes) = section(file)? else {
            return Ok(None);
        };
        let text = str::from_utf8(bytes).map_err(ClaimError::NotText)?;
        Self::from_text(text).map(Some)
    }

    fn from_text(text: &str) -> Result<Self, ClaimError> {
        let mut values = [None; KEYS.len()];
        let lines = text
            .split(['\n', '\0'])
            .map(str::trim)
            .filter(|line| !line.is_empty());
        for line in lines {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| ClaimError::NotALine(line.to_owned()))?;
            let index = KEYS
                .iter()
                .position(|key| *key == name.trim())
                .ok_or_else(|| ClaimError::UnknownKey(name.to_owned()))?;
            if values[index].replace(value.trim()).is_some() {
                return Err(ClaimError::RepeatedKey(KEYS[index]));
            }
        }
        let [sentence, vcpus, memory, psci, kvm, ends, resets] = values;
        Ok(Self {
            sentence: sentence.ok_or(ClaimError::NoSentence)?.to_owned(),
            vcpus: field("vcpus", vcpus, "a number from 1 to 512", parse_vcpus)?.unwrap_or(1),
            memory: field("memory", memory, "a number with K, M or G", parse_size)?,
            psci: field("psci", psci, VERSION, parse_version)?,
            kvm: field("kvm", kvm, VERSION, parse_version)?,
            ends: field("ends", ends, "off or code", parse_end)?.unwrap_or(End::Code),
            resets: field("resets", resets, "a number", |text| text.parse().ok())?.unwrap_or(0),
        })
    }
}

fn section(file: &[u8]) -> Result<Option<&[u8]>, ElfError> {
    let damaged = |error: ::elf::ParseError| ElfError::Damaged(error.to_string());
    let parsed = elf::parse(file)?;
    let Some(header) = parsed.section_header_by_name(SECTION).map_err(damaged)? else {
        return Ok(None);
    };
    let (bytes, _) = parsed.section_data(&header).map_err(damaged)?;
    Ok(Some(bytes))
}

fn field<T>(
    key: &'static str,
    value: Option<&str>,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, ClaimError> {
    let Some(value) = value else { return Ok(None) };
    let error = || ClaimError::BadValue {
        key,
        value: value.to_owned(),
        expected,
    };
    parse(value).map(Some).ok_or_else(error)
}

fn parse_vcpus(text: &str) -> Option<u16> {
    text.parse()
        .ok()
        .filter(|vcpus| (1..=MAXIMUM_VCPUS).contains(vcpus))
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, shift) = [('K', 10), ('M', 20), ('G', 30)]
        .into_iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn parse_version(text: &str) -> Option<Version> {
    let (major, minor) = text.split_once('.')?;
    Some(Version {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
    })
}

fn parse_end(text: &str) -> Option<End> {
    match text {
        "code" => Some(End::Code),
        "off" => Some(End::Off),
        _ => None,
    }
}

const SECTION: &str = ".vambrace.claim";
const KEYS: [&str; 7] = ["claim", "vcpus", "memory", "psci", "kvm", "ends", "resets"];
const VERSION: &str = "a version such as 1.1";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::image::sample::{Elf, load};

    fn error(text: &str) -> String {
        Claim::from_text(text).unwrap_err().to_string()
    }

    #[test]
    fn a_full_header_is_read() {
        let text = "claim: CPU_ON works.\nvcpus: 4\nmemory: 256M\npsci: 1.1\nkvm: 6.4\n\
                    ends: off\nresets: 1\n";
        assert_eq!(
            Claim::from_text(text),
            Ok(Claim {
                sentence: "CPU_ON works.".to_owned(),
                vcpus: 4,
                memory: Some(0x1000_0000),
                psci: Some(Version { major: 1, minor: 1 }),
                kvm: Some(Version { major: 6, minor: 4 }),
                ends: End::Off,
                resets: 1,
            })
        );
    }

    #[test]
    fn a_sentence_alone_is_a_header() {
        let claim = Claim::from_text("claim: x: y").unwrap();
        assert_eq!(
            (claim.sentence.as_str(), claim.vcpus, claim.resets),
            ("x: y", 1, 0)
        );
        assert_eq!(
            (claim.memory, claim.psci, claim.ends),
            (None, None, End::Code)
        );
    }

    #[test]
    fn the_section_is_found_in_the_file() {
        let elf = Elf::new(0x4020_0000).segment(load(0x4020_0000, &[0; 4], 4));
        let file = elf
            .section(".text", &[0; 4])
            .section(".vambrace.claim", b"claim: it is.\n\0\0");
        let claim = Claim::parse(&file.bytes()).unwrap().unwrap();
        assert_eq!(claim.sentence, "it is.");
    }

    #[test]
    fn a_file_without_the_section_has_no_claim() {
        let elf = Elf::new(0x4020_0000).section(".text", &[0; 4]);
        assert_eq!(Claim::parse(&elf.bytes()), Ok(None));
        assert_eq!(Claim::parse(&Elf::new(0).bytes()), Ok(None));
        assert_eq!(Claim::parse(b"no ELF file"), Ok(None));
        assert_eq!(Claim::parse(b""), Ok(None));
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let file = Elf::new(0)
            .section(".vambrace.claim", b"claim: x\n")
            .bytes();
        let error = Claim::parse(&file[..file.len() - 1]).unwrap_err();
        assert!(
            matches!(error, ClaimError::Elf(ElfError::Damaged(_))),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_key_is_named() {
        assert_eq!(
            error("claim: x\nvcpu: 2"),
            ClaimError::UnknownKey("vcpu".to_owned()).to_string()
        );
    }

    #[test]
    fn a_repeated_key_is_named() {
        assert_eq!(
            error("claim: x\nclaim: y"),
            ClaimError::RepeatedKey("claim").to_string()
        );
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for line in [
            "vcpus: 0",
            "vcpus: 513",
            "vcpus: 2x",
            "memory: 1",
            "memory: M",
            "memory: -1M",
            "memory: 18446744073709551615G",
            "psci: 1",
            "psci: 1.1.1",
            "kvm: new",
            "ends: never",
            "resets: -1",
            "resets:",
        ] {
            let error = Claim::from_text(&format!("claim: x\n{line}")).unwrap_err();
            assert!(
                matches!(error, ClaimError::BadValue { .. }),
                "{line}: {error}"
            );
        }
    }

    #[test]
    fn a_header_without_a_claim_is_refused() {
        assert_eq!(Claim::from_text("vcpus: 2"), Err(ClaimError::NoSentence));
        assert_eq!(
            Claim::from_text("claim"),
            Err(ClaimError::NotALine("claim".to_owned()))
        );
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let file = Elf::new(0)
            .section(".vambrace.claim", &[0xff, 0xfe])
            .bytes();
        assert!(matches!(Claim::parse(&file), Err(ClaimError::NotText(_))));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(?s).{0,64}") {
            let _ = Claim::from_text(&text);
        }

        #[test]
        fn no_damage_is_too_strange(index in 0..400_usize, value: u8) {
            let mut file = Elf::new(0x4020_0000)
                .segment(load(0x4020_0000, &[0; 4], 4))
                .section(".vambrace.claim", b"claim: x\n")
                .bytes();
            let index = index % file.len();
            file[index] = value;
            let _ = Claim::parse(&file);
        }
    }
}
