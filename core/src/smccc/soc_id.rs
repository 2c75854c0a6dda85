//! SMCCC_ARCH_SOC_ID: which SoC this is (DEN0028 §7.4).

use heapless::String;

use super::{Args, Results, ReturnCode, SUCCESS, low_word};
use crate::firmware::Firmware;

/// What a machine says about its SoC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocId {
    version: u32,
    revision: u32,
    name: Option<String<NAME_BYTES>>,
}

impl SocId {
    /// A SoC with these words. `version`: JEP-106 bank (30:24) and identification code (23:16) of
    /// the vendor, and the vendor's SoC number (15:0). `revision`: the vendor's. `None` if bit 31
    /// is set in either, as the guest would read an error.
    #[must_use]
    pub fn new(version: u32, revision: u32) -> Option<Self> {
        ((version | revision) >> 31 == 0).then_some(Self {
            version,
            revision,
            name: None,
        })
    }

    /// The same SoC with a name, which SMCCC 1.6 can tell. `None` if it is empty, longer than 135
    /// bytes or has a zero byte: the guest finds its end by one.
    #[must_use]
    pub fn with_name(self, name: &str) -> Option<Self> {
        if name.is_empty() || name.bytes().any(|byte| byte == 0) {
            return None;
        }
        let name = String::try_from(name).ok()?;
        Some(Self {
            name: Some(name),
            ..self
        })
    }

    pub(crate) const fn has_name(&self) -> bool {
        self.name.is_some()
    }
}

/// SoC_ID_type 0 is the version, 1 the revision; 2, by SMC64 alone, the name.
pub(super) fn answer(firmware: &Firmware, soc: &SocId, args: &Args<'_>) -> Results {
    match (low_word(args.first()), &soc.name) {
        (0, _) => firmware.results(soc.version.into()),
        (1, _) => firmware.results(soc.revision.into()),
        (2, Some(name)) if args.function().is_smc64() => {
            Results::in_x0_to_x17(SUCCESS, name_words(name))
        }
        _ => firmware.results(ReturnCode::InvalidParameter.value()),
    }
}

/// The name in x1–x17: its bytes in memory order, the first in bits 7:0 of x1, then zeroes.
fn name_words(name: &str) -> [u64; NAME_WORDS] {
    let mut words = [0_u64; NAME_WORDS];
    for (word, bytes) in words.iter_mut().zip(name.as_bytes().chunks(8)) {
        for (byte, shift) in bytes.iter().zip([0_u32, 8, 16, 24, 32, 40, 48, 56]) {
            *word |= u64::from(*byte) << shift;
        }
    }
    words
}

/// Seventeen registers of eight bytes, the last of them zero.
const NAME_BYTES: usize = 135;
const NAME_WORDS: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_would_read_as_errors_are_refused() {
        assert_eq!(SocId::new(0x8000_0000, 0), None);
        assert_eq!(SocId::new(0, 0x8000_0000), None);
        assert!(SocId::new(0x7fff_ffff, 0x7fff_ffff).is_some());
    }

    #[test]
    fn a_name_fills_seventeen_registers_and_no_more() {
        let soc = SocId::new(0, 0).unwrap();
        assert!(soc.clone().with_name(&"n".repeat(135)).is_some());
        for name in ["", "a\0b", &"n".repeat(136)] {
            assert!(soc.clone().with_name(name).is_none());
        }
        let words = name_words("Vambrace");
        assert_eq!(words[0], 0x6563_6172_626d_6156);
        assert!(words[1..].iter().all(|&word| word == 0));
    }
}
