//! The order of Debian's package versions (deb-version(7)).
//!
//! `[epoch:]upstream[-revision]`; the parts are compared in turn, each as alternating runs of
//! other characters and digits. Runs of digits compare as numbers, others letter by letter, where
//! `~` sorts before everything, even the end, and letters before the rest.

use std::cmp::Ordering;

/// Which of two versions is the newer one.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (split(a), split(b));
    compare_part(a.epoch, b.epoch)
        .then_with(|| compare_part(a.upstream, b.upstream))
        .then_with(|| compare_part(a.revision, b.revision))
}

struct Parts<'a> {
    epoch: &'a str,
    upstream: &'a str,
    revision: &'a str,
}

fn split(version: &str) -> Parts<'_> {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    Parts {
        epoch,
        upstream,
        revision,
    }
}

fn compare_part(mut a: &str, mut b: &str) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let (other_a, other_b) = (
            take(&mut a, |c| !is_digit(c)),
            take(&mut b, |c| !is_digit(c)),
        );
        let (digits_a, digits_b) = (take(&mut a, is_digit), take(&mut b, is_digit));
        let order =
            compare_other(other_a, other_b).then_with(|| compare_numbers(digits_a, digits_b));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn compare_other(a: &str, b: &str) -> Ordering {
    let mut a = a.bytes();
    let mut b = b.bytes();
    loop {
        let (next_a, next_b) = (a.next(), b.next());
        let order = weight(next_a).cmp(&weight(next_b));
        if order != Ordering::Equal || next_a.is_none() {
            return order;
        }
    }
}

/// Numbers of any length: without leading zeros, the longer is the greater.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn weight(byte: Option<u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(letter) if letter.is_ascii_alphabetic() => 2 + u16::from(letter),
        Some(other) => 300 + u16::from(other),
    }
}

fn take<'a>(text: &mut &'a str, wanted: impl Fn(char) -> bool) -> &'a str {
    let end = text.find(|c| !wanted(c)).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    taken
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_in_debian_s_order() {
        for (older, newer) in [
            ("6.12.94-1", "6.12.107-1"),
            ("6.12.107-1", "6.12.107-2"),
            ("6.12.107-1~bpo13+1", "6.12.107-1"),
            ("7.3.4-1~bpo13+1", "7.3.4-1~bpo13+2"),
            ("6.1.9", "6.1.10"),
            ("9.0", "1:1.0"),
            ("1.0~rc1", "1.0"),
            ("1.0", "1.0+deb13"),
            ("1.0a", "1.0+"),
            ("1.0", "1.0a"),
            ("5.10.223-1", "5.10.223-1+b1"),
            ("1", "18446744073709551616"),
        ] {
            assert_eq!(compare(older, newer), Ordering::Less, "{older} {newer}");
            assert_eq!(compare(newer, older), Ordering::Greater, "{newer} {older}");
        }
    }

    #[test]
    fn equal_versions_may_be_written_differently() {
        for (a, b) in [
            ("1.0", "0:1.0-0"),
            ("1.01", "1.1"),
            ("", ""),
            ("1.0-0", "1.0"),
        ] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn any_text_has_a_place() {
        let texts = ["", ":", "-", "~", "é", "1:2:3-4-5", "::--~~"];
        for a in texts {
            for b in texts {
                assert_eq!(compare(a, b), compare(b, a).reverse(), "{a} {b}");
            }
        }
    }
}
