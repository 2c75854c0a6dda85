//! The canonical bytes, and what is no contract.

use super::*;

fn bytes() -> std::vec::Vec<u8> {
    contract_of(&host(&[])).to_bytes().to_vec()
}

/// Where the head of the part with this tag begins.
fn part(bytes: &[u8], tag: u16) -> usize {
    let mut at = 16;
    loop {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        if word(at) == tag {
            return at;
        }
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap());
        at += 8 + usize::try_from(length).unwrap();
    }
}

fn changed(change: impl FnOnce(&mut std::vec::Vec<u8>)) -> DecodeError {
    let mut bytes = bytes();
    change(&mut bytes);
    Contract::from_bytes(&bytes).unwrap_err()
}

#[test]
fn a_contract_begins_with_its_name_schema_and_number_of_parts() {
    assert_eq!(bytes()[..16], *b"VBRCNTRT\x01\x00\x00\x00\x11\x00\x00\x00");
}

#[test]
fn the_digest_names_the_contract_and_changes_with_any_promise() {
    let contract = contract_of(&host(&[]));
    assert_eq!(contract.digest().to_string().len(), 64);
    let mut other = contract.clone();
    other.address_bits = 39;
    assert_ne!(contract.digest(), other.digest());
}

#[test]
fn caches_may_have_holes_and_where_they_are_is_promised() {
    // Linux before 6.3 on a unified second and third level: CSSELR_EL1 0, 1, 2 and 4.
    let with = |selectors: &[usize]| {
        let mut contract = contract_of(&host(&[]));
        contract.caches.sizes = [None; CACHES];
        for selector in selectors {
            contract.caches.sizes[*selector] = Some(0x700f_e01a);
        }
        contract
    };
    let (holes, none) = (with(&[0, 1, 2, 4]), with(&[0, 1, 2, 3]));
    assert_eq!(holes.check(), Ok(()));
    let bytes = holes.to_bytes();
    let caches = part(&bytes, 6);
    assert_eq!(bytes[caches + 16..caches + 18], [0b1_0111, 0]);
    assert_eq!(Contract::from_bytes(&bytes), Ok(holes.clone()));
    assert_ne!(holes.digest(), none.digest());
}

#[test]
fn a_cache_beyond_the_last_is_a_reserved_bit() {
    let at = part(&bytes(), 6) + 16;
    assert_eq!(
        changed(|bytes| bytes[at + 1] |= 0x40),
        DecodeError::ReservedBits(at)
    );
}

#[test]
fn a_digest_covers_no_part_that_is_not_critical() {
    let contract = contract_of(&host(&[]));
    let mut annotated = bytes();
    annotated.extend([99, 0, 0, 0, 1, 0, 0, 0, 7]);
    annotated[12] = 18;
    let read = Contract::from_bytes(&annotated).unwrap();
    assert_eq!(read.digest(), contract.digest());
}

#[test]
fn every_truncation_is_refused() {
    let bytes = bytes();
    for length in 0..bytes.len() {
        assert!(Contract::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn every_changed_byte_is_refused_or_is_another_contract() {
    let original = contract_of(&host(&[]));
    let bytes = bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            if let Ok(contract) = Contract::from_bytes(&changed) {
                assert_ne!(contract, original, "byte {at} bit {bit}");
                assert_eq!(
                    contract.to_bytes().as_slice(),
                    changed,
                    "byte {at} bit {bit}"
                );
            }
        }
    }
}

#[test]
fn each_mistake_has_its_error() {
    for (error, expected) in [
        (changed(|bytes| bytes[0] = b'X'), DecodeError::Magic),
        (changed(|bytes| bytes[8] = 2), DecodeError::Schema(2)),
        (
            changed(|bytes| bytes[10] = 1),
            DecodeError::ReservedBits(10),
        ),
        (
            changed(|bytes| bytes.push(0)),
            DecodeError::TrailingBytes(bytes().len()),
        ),
        (
            changed(|bytes| bytes.resize(5000, 0)),
            DecodeError::TooLong(5000),
        ),
        (changed(|bytes| bytes[16] = 2), DecodeError::PartOrder(2)),
        (
            changed(|bytes| bytes[18] = 0),
            DecodeError::ReservedBits(18),
        ),
    ] {
        assert_eq!(error, expected);
    }
}

#[test]
fn a_part_that_is_not_there_is_missing_and_never_a_default() {
    for tag in 1..=17_u16 {
        let error = changed(|bytes| {
            let at = part(bytes, tag);
            let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap());
            bytes.drain(at..at + 8 + usize::try_from(length).unwrap());
            bytes[12] = 16;
        });
        assert_eq!(error, DecodeError::MissingPart(tag));
    }
}

#[test]
fn an_unknown_part_is_refused_if_critical_and_skipped_else() {
    let with = |flags: u8| {
        let mut bytes = bytes();
        bytes.extend([99, 0, flags, 0, 1, 0, 0, 0, 7]);
        bytes[12] = 18;
        Contract::from_bytes(&bytes)
    };
    assert_eq!(with(1), Err(DecodeError::UnknownPart(99)));
    assert_eq!(with(0), Ok(contract_of(&host(&[]))));
    assert_eq!(
        with(2),
        Err(DecodeError::ReservedBits(part(&bytes(), 17) + 11))
    );
}

#[test]
fn a_value_without_a_meaning_names_its_part() {
    for (tag, value) in [
        (1, 6),
        (2, 0x10),
        (10, 9),
        (12, 3),
        (13, 0x80),
        (15, 4),
        (16, 0),
    ] {
        let error = changed(|bytes| {
            let at = part(bytes, tag) + 8;
            bytes[at] = value;
            if tag == 16 {
                bytes[at + 4] = 9;
            }
        });
        assert_eq!(error, DecodeError::Value(tag), "part {tag}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let error = changed(|bytes| {
        let at = part(bytes, 9);
        bytes[at + 4] = 1;
        bytes.insert(at + 8, 6);
    });
    assert_eq!(error, DecodeError::Contradiction(Contradiction::Pmu));
}
