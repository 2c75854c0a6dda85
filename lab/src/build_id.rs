//! Which sources a program was built from, readable without running it.
//!
//! The program of this machine and the arm64 program it sends into a lab host must come from the
//! same sources, or one of them would speak of things the other does not know. Both carry a marker
//! `vambrace-build-id=<16 hexadecimal digits>;` in their data; the marker is compared before a host
//! is started, and the id once more in the first message from inside.

use std::fmt;

/// A digest of the sources a program was built from: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BuildId([u8; DIGITS]);

impl BuildId {
    /// The id written as `text`, or `None` if that is not 16 lower-case hexadecimal digits.
    #[must_use]
    pub const fn parse(text: &[u8]) -> Option<Self> {
        let Some((digits, [])) = text.split_first_chunk::<DIGITS>() else {
            return None;
        };
        let mut index = 0;
        while index < DIGITS {
            if !matches!(digits[index], b'0'..=b'9' | b'a'..=b'f') {
                return None;
            }
            index += 1;
        }
        Some(Self(*digits))
    }

    /// The id whose marker lies somewhere in `image`, the bytes of a program.
    #[must_use]
    pub fn find(image: &[u8]) -> Option<Self> {
        let mut rest = image;
        while let Some(at) = position(rest, MARKER_START) {
            rest = &rest[at + MARKER_START.len()..];
            if let Some((id, [MARKER_END, ..])) = rest.split_at_checked(DIGITS)
                && let Some(id) = Self::parse(id)
            {
                return Some(id);
            }
        }
        None
    }

    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BuildId({self})")
    }
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    // Looking for the first byte alone keeps this quick on megabytes even in a debug build.
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| *byte == needle[0]) {
        if haystack[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Digits of an id.
pub const DIGITS: usize = 16;
/// What stands before the digits in a program's data.
pub const MARKER_START: &[u8] = b"vambrace-build-id=";
/// What stands behind them.
pub const MARKER_END: u8 = b';';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_between_other_bytes_is_found() {
        let image = b"\0vvambrace-build-id=vambrace-build-id=0123456789abcdef;\xff";
        assert_eq!(
            BuildId::find(image).unwrap().as_bytes(),
            b"0123456789abcdef"
        );
    }

    #[test]
    fn a_prefix_without_an_id_behind_it_is_no_marker() {
        assert_eq!(BuildId::find(b"vambrace-build-id=0123456789abcdef"), None);
        assert_eq!(BuildId::find(b"vambrace-build-id=0123456789ABCDEF;"), None);
        assert_eq!(BuildId::find(b"vambrace-build-id="), None);
        assert_eq!(BuildId::find(b""), None);
    }

    #[test]
    fn an_id_is_sixteen_lower_case_digits_and_nothing_else() {
        assert!(BuildId::parse(b"00000000000000ff").is_some());
        assert!(BuildId::parse(b"00000000000000f").is_none());
        assert!(BuildId::parse(b"00000000000000ff0").is_none());
        assert!(BuildId::parse(b"00000000000000FF").is_none());
    }
}
