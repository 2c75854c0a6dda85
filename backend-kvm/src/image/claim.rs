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
//! | `psci` | the oldest PSCI version it holds with, `1.0`, or the only one, `=0.2` | any |
//! | `kvm` | the oldest kernel whose KVM it holds on, `6.4` | any |
//! | `with` | what the firmware has beyond the least: [`Features`] by name, `trng,ptp` | nothing |
//! | `dialect` | whose answers it holds with: `spec` or `kvm` | both |
//! | `firmware` | `core`: KVM's own firmware cannot show it | any |
//! | `needs` | what not every CPU and board has, with commas: `entropy`, `wall-clock`, `gic-v2`, `gic-v3`, `its` | nothing |
//! | `el2` | words for the bootargs of the program at EL2, which alone can show it | any place |
//! | `ends` | `code`: an exit code; `off`: SYSTEM_OFF after a verdict line | `code` |
//! | `resets` | how often it resets the machine before it ends | 0 |

use std::str::{self, Utf8Error};

use vambrace_core::contract::GicKind;
use vambrace_core::psci::PsciVersion;

use super::elf::{self, ElfError};
use crate::layout::MAXIMUM_VCPUS;
use crate::machine::{Features, FirmwareKind, Its, UnknownFeature};

/// What a guest test claims and needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The claim in one sentence.
    pub sentence: String,
    /// How many vCPUs.
    pub vcpus: u16,
    /// The least RAM in bytes.
    pub memory: Option<u64>,
    /// The PSCI version that the machine must have.
    pub psci: Option<NeededPsci>,
    /// The oldest kernel whose KVM it holds on: major, minor.
    pub kvm: Option<Version>,
    /// What the machine's firmware must have beyond the least.
    pub features: Features,
    /// Whose answers it holds with, if not with either's.
    pub dialect: Option<NeededDialect>,
    /// The one firmware that can show it, if not either can.
    pub firmware: Option<FirmwareKind>,
    /// What its machine needs that not every CPU and board has.
    pub needs: Needs,
    /// What the program at EL2 is told, if that alone can show it.
    pub el2: Option<String>,
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

/// A PSCI version as a guest test needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeededPsci {
    /// This one or a newer one.
    AtLeast(Version),
    /// This one: the machine is given it.
    Exactly(PsciVersion),
}

/// Whose answers a guest test holds with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeededDialect {
    /// The specification's, which only core gives.
    Specification,
    /// KVM's: its own firmware's, or core's in a dialect of KVM's.
    Kvm,
}

bitflags::bitflags! {
    /// What a guest test needs that not every CPU and board has.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Needs: u8 {
        /// Random numbers that the machine can draw.
        const ENTROPY = 1 << 0;
        /// A clock of the world outside.
        const WALL_CLOCK = 1 << 1;
        /// A GICv2.
        const GIC_V2 = 1 << 2;
        /// A GICv3.
        const GIC_V3 = 1 << 3;
        /// A GICv3 with an ITS.
        const ITS = 1 << 4;
    }
}

impl Needs {
    /// The interrupt controller that they name.
    #[must_use]
    pub fn gic(self) -> Option<GicKind> {
        if self.intersects(Self::GIC_V3 | Self::ITS) {
            Some(GicKind::V3)
        } else {
            self.contains(Self::GIC_V2).then_some(GicKind::V2)
        }
    }

    /// Whether they name an ITS.
    #[must_use]
    pub fn its(self) -> Option<Its> {
        self.contains(Self::ITS).then_some(Its::Present)
    }
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
    /// The file is ELF, but damaged or not for an Arm machine.
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
        "the header in {SECTION} has the unknown key `{0}`: known are {known}",
        known = KEYS.join(", ")
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
    /// `with` names what no firmware has.
    #[error("the header in {SECTION} says `with: {value}`: {source}")]
    UnknownFeature {
        /// The value that stands there.
        value: String,
        /// The name that is wrong.
        source: UnknownFeature,
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
        let [
            sentence,
            vcpus,
            memory,
            psci,
            kvm,
            with,
            dialect,
            firmware,
            needs,
            el2,
            ends,
            resets,
        ] = values;
        Ok(Self {
            sentence: sentence.ok_or(ClaimError::NoSentence)?.to_owned(),
            vcpus: field("vcpus", vcpus, "a number from 1 to 512", parse_vcpus)?.unwrap_or(1),
            memory: field("memory", memory, "a number with K, M or G", parse_size)?,
            psci: field("psci", psci, PSCI, parse_psci)?,
            kvm: field("kvm", kvm, "a version such as 6.4", parse_version)?,
            features: with.map_or(Ok(Features::empty()), parse_features)?,
            dialect: field("dialect", dialect, "spec or kvm", parse_dialect)?,
            firmware: field("firmware", firmware, "core", parse_firmware)?,
            needs: field("needs", needs, NEEDS, parse_needs)?.unwrap_or_default(),
            el2: el2.map(str::to_owned),
            ends: field("ends", ends, "off or code", parse_end)?.unwrap_or(End::Code),
            resets: field("resets", resets, "a number", |text| text.parse().ok())?.unwrap_or(0),
        })
    }
}

impl Version {
    /// The form in which PSCI_VERSION tells it: major in bits 31:16, minor in bits 15:0.
    #[must_use]
    pub const fn value(self) -> u32 {
        (self.major as u32) << 16 | self.minor as u32
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

fn parse_psci(text: &str) -> Option<NeededPsci> {
    let Some(exact) = text.strip_prefix('=') else {
        return parse_version(text).map(NeededPsci::AtLeast);
    };
    let version = parse_version(exact.trim_start())?;
    PsciVersion::from_value(version.value()).map(NeededPsci::Exactly)
}

fn parse_features(value: &str) -> Result<Features, ClaimError> {
    let unknown = |source| ClaimError::UnknownFeature {
        value: value.to_owned(),
        source,
    };
    value
        .split(',')
        .map(|name| name.trim().parse::<Features>().map_err(unknown))
        .collect()
}

fn parse_dialect(text: &str) -> Option<NeededDialect> {
    match text {
        "spec" => Some(NeededDialect::Specification),
        "kvm" => Some(NeededDialect::Kvm),
        _ => None,
    }
}

fn parse_firmware(text: &str) -> Option<FirmwareKind> {
    (text == "core").then_some(FirmwareKind::Core)
}

fn parse_needs(text: &str) -> Option<Needs> {
    let one = |name: &str| match name.trim() {
        "entropy" => Some(Needs::ENTROPY),
        "wall-clock" => Some(Needs::WALL_CLOCK),
        "gic-v2" => Some(Needs::GIC_V2),
        "gic-v3" => Some(Needs::GIC_V3),
        "its" => Some(Needs::ITS),
        _ => None,
    };
    let needs: Needs = text.split(',').map(one).collect::<Option<_>>()?;
    // No machine has two.
    let two = needs.contains(Needs::GIC_V2) && needs.intersects(Needs::GIC_V3 | Needs::ITS);
    (!two).then_some(needs)
}

fn parse_end(text: &str) -> Option<End> {
    match text {
        "code" => Some(End::Code),
        "off" => Some(End::Off),
        _ => None,
    }
}

const SECTION: &str = ".vambrace.claim";
const KEYS: [&str; 12] = [
    "claim", "vcpus", "memory", "psci", "kvm", "with", "dialect", "firmware", "needs", "el2",
    "ends", "resets",
];
const NEEDS: &str = "entropy, wall-clock, gic-v2, gic-v3 or its";
const PSCI: &str =
    "a version such as 1.1, or = and one of 0.1, 0.2, 1.0, 1.1, 1.2 and 1.3, such as =0.2";

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
                    with: trng, ptp\ndialect: kvm\nfirmware: core\nneeds: entropy,wall-clock\n\
                    el2: smccc=1.6\nends: off\nresets: 1\n";
        assert_eq!(
            Claim::from_text(text),
            Ok(Claim {
                sentence: "CPU_ON works.".to_owned(),
                vcpus: 4,
                memory: Some(0x1000_0000),
                psci: Some(NeededPsci::AtLeast(Version { major: 1, minor: 1 })),
                kvm: Some(Version { major: 6, minor: 4 }),
                features: Features::TRNG | Features::PTP,
                dialect: Some(NeededDialect::Kvm),
                firmware: Some(FirmwareKind::Core),
                needs: Needs::ENTROPY | Needs::WALL_CLOCK,
                el2: Some("smccc=1.6".to_owned()),
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
        assert_eq!(
            (claim.features, claim.dialect, claim.firmware),
            (Features::empty(), None, None)
        );
        assert_eq!((claim.needs, claim.el2), (Needs::empty(), None));
    }

    #[test]
    fn needs_name_one_interrupt_controller() {
        for (text, gic, its) in [
            ("gic-v2", Some(GicKind::V2), None),
            ("entropy,gic-v3", Some(GicKind::V3), None),
            ("its", Some(GicKind::V3), Some(Its::Present)),
            ("gic-v3, its", Some(GicKind::V3), Some(Its::Present)),
            ("entropy", None, None),
        ] {
            let needs = parse_needs(text).unwrap();
            assert_eq!((needs.gic(), needs.its()), (gic, its), "{text}");
        }
        for wrong in ["gic-v2,gic-v3", "its,gic-v2", "gic", "gic-v4"] {
            assert_eq!(parse_needs(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_equals_sign_asks_for_one_psci_version() {
        for (line, value) in [("=0.1", 0x1), ("=0.2", 0x2), ("= 1.3", 0x1_0003)] {
            let claim = Claim::from_text(&format!("claim: x\npsci: {line}")).unwrap();
            let version = PsciVersion::from_value(value).unwrap();
            assert_eq!(claim.psci, Some(NeededPsci::Exactly(version)), "{line}");
        }
        assert_eq!(
            error("claim: x\npsci: =0.3"),
            "the header in .vambrace.claim says `psci: =0.3`: expected a version such as 1.1, or = \
             and one of 0.1, 0.2, 1.0, 1.1, 1.2 and 1.3, such as =0.2"
        );
    }

    #[test]
    fn the_specification_s_dialect_can_be_asked_for() {
        let claim = Claim::from_text("claim: x\ndialect: spec").unwrap();
        assert_eq!(claim.dialect, Some(NeededDialect::Specification));
    }

    #[test]
    fn a_feature_that_nobody_has_is_named_with_those_there_are() {
        let error = error("claim: x\nwith: trng,trgn");
        assert!(
            error.starts_with(
                "the header in .vambrace.claim says `with: trng,trgn`: no firmware feature is \
                 called `trgn`; there are trng, pv-time, "
            ),
            "{error}"
        );
        assert!(Claim::from_text("claim: x\nwith:").is_err());
        assert!(Claim::from_text("claim: x\nwith: trng,").is_err());
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
            "the header in .vambrace.claim has the unknown key `vcpu`: known are claim, vcpus, \
             memory, psci, kvm, with, dialect, firmware, needs, el2, ends, resets"
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
            "psci: =",
            "psci: =1",
            "psci: =2.0",
            "psci: >1.0",
            "dialect: specification",
            "dialect:",
            "firmware: kernel",
            "firmware: kernel,core",
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
