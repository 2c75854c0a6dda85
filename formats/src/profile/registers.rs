//! The complete register lists: KVM's id and the bytes of each register, for every view.

use std::collections::BTreeMap;

use vambrace_core::contract::View;
use vambrace_core::cpu::IdRegister;

use super::RegisterList;
use super::views::{self, Lines};
use crate::document::{Item, Node, Table, hexadecimal};
use crate::error::Error;

pub(super) fn write(lists: &[RegisterList]) -> Node {
    let first = lists.first();
    Node::list(lists.iter().enumerate().map(|(index, list)| {
        let base = first.filter(|_| index > 0);
        Node::table([
            ("features", Node::text(list.features.to_string())),
            ("values", views::overlay(base.map(lines), lines(list))),
        ])
    }))
}

/// Reads the lists and holds them against the views that were made from them.
pub(super) fn read(item: &Item<'_>, views: &[View]) -> Result<Vec<RegisterList>, Error> {
    let items = item.list(0..=views.len())?;
    let mut lists = Vec::new();
    let mut base: Option<Table<'_>> = None;
    for (item, view) in items.iter().zip(views) {
        let table = item.table(&["features", "values"])?;
        let features = table.required("features")?;
        if views::read_features(&features)? != view.features {
            return Err(features.contradiction(
                "the register lists have the features of the views, in their order",
            ));
        }
        let own = table.required("values")?.any_table()?;
        own.check_length(REGISTERS)?;
        let list = RegisterList {
            features: view.features,
            values: read_values(base.as_ref(), &own)?,
        };
        check_against(view, &list, item)?;
        lists.push(list);
        base.get_or_insert(own);
    }
    match lists.is_empty() || lists.len() == views.len() {
        true => Ok(lists),
        false => Err(item.contradiction("there is a register list for every view, or none at all")),
    }
}

fn lines(list: &RegisterList) -> Lines {
    let line = |(id, bytes): (&u64, &Vec<u8>)| {
        let digits = bytes.iter().rev().map(|byte| format!("{byte:02x}"));
        let digits = digits.collect::<String>();
        // The id says how many there are; most of a vector register's are zeroes.
        let number = match digits.trim_start_matches('0') {
            "" => "0",
            number => number,
        };
        (key(*id), format!("0x{number}"))
    };
    list.values.iter().map(line).collect()
}

fn key(id: u64) -> String {
    format!("{id:#018x}")
}

fn read_values(base: Option<&Table<'_>>, own: &Table<'_>) -> Result<BTreeMap<u64, Vec<u8>>, Error> {
    let lines = views::overlaid(base, own)?;
    lines
        .into_iter()
        .map(|(name, item)| {
            let id = hexadecimal(name)
                .filter(|id| key(*id) == name)
                .ok_or_else(|| item.bad_value(name, "a KVM register id of sixteen digits"))?;
            Ok((id, read_bytes(id, &item)?))
        })
        .collect()
}

/// As many bytes as the id says, written as one number.
fn read_bytes(id: u64, item: &Item<'_>) -> Result<Vec<u8>, Error> {
    let text = item.text()?;
    let size = match id >> 52 & 0xf {
        code @ 0..=8 => 1_usize << code,
        _ => return Err(item.contradiction("no register is so long as this id says")),
    };
    let bytes = text
        .strip_prefix("0x")
        .filter(|digits| (1..=2 * size).contains(&digits.len()))
        .and_then(|digits| {
            let pairs = digits.as_bytes().rchunks(2);
            pairs.map(byte).collect::<Option<Vec<u8>>>()
        });
    let Some(mut bytes) = bytes else {
        let expected = format!("0x and up to {} digits, which its id says", 2 * size);
        return Err(item.bad_value(text, &expected));
    };
    bytes.resize(size, 0);
    Ok(bytes)
}

/// The value of one or two digits.
fn byte(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |value: u8, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u8::try_from(digit).ok()?)
    })
}

/// The view's registers are those of the list, with the same values.
fn check_against(view: &View, list: &RegisterList, item: &Item<'_>) -> Result<(), Error> {
    for (register, value) in view.registers.iter() {
        let viewed = view.listed.contains(register).then_some(value);
        let listed = list.values.get(&kvm_id(register));
        if viewed.map(|value| value.to_le_bytes().to_vec()).as_ref() != listed {
            return Err(item.contradiction(format!(
                "{register} is not the same in the view and in this list: one of the two is wrong; \
                 probe the host again"
            )));
        }
    }
    Ok(())
}

/// KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG and the register's encoding.
fn kvm_id(register: IdRegister) -> u64 {
    0x6030_0000_0013_0000 | u64::from(register.encoding())
}

/// More than any kernel lists: SVE and PMU together make about 700.
const REGISTERS: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json;

    fn bytes(id: u64, text: &str) -> Option<Vec<u8>> {
        let text = format!("\"{text}\"");
        let document = json::read(&text).unwrap();
        read_bytes(id, &document.root()).ok()
    }

    #[test]
    fn a_value_has_as_many_bytes_as_its_id_says() {
        let (byte, word, double) = (
            0x6000_0000_0000_0000,
            0x6020_0000_0011_0002,
            0x6030_0000_0013_c020,
        );
        assert_eq!(bytes(byte, "0xab"), Some(vec![0xab]));
        assert_eq!(bytes(word, "0x01020304"), Some(vec![4, 3, 2, 1]));
        assert_eq!(bytes(word, "0x0102030405"), None);
        assert_eq!(bytes(double, "0x10203"), Some(vec![3, 2, 1, 0, 0, 0, 0, 0]));
        assert_eq!(bytes(double, "0x"), None);
        assert_eq!(bytes(byte, "0x+1"), None);
        assert_eq!(bytes(byte, "ab"), None);
        assert_eq!(bytes(byte, "0xä"), None);
        assert_eq!(bytes(0x6090_0000_0000_0000, "0x1"), None);
    }

    #[test]
    fn a_value_is_written_without_leading_zeroes() {
        let values = [(0x60, vec![0; 1]), (0x61, vec![1, 0x20, 0, 0])];
        let list = RegisterList {
            features: vambrace_core::contract::VcpuFeatures::empty(),
            values: BTreeMap::from(values),
        };
        let values: Vec<String> = lines(&list).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["0x0", "0x2001"]);
    }

    #[test]
    fn an_id_register_has_the_id_that_kvm_gives_it() {
        let register = IdRegister::named("ID_AA64PFR0_EL1").unwrap();
        assert_eq!(kvm_id(register), 0x6030_0000_0013_c020);
        let register = IdRegister::named("CTR_EL0").unwrap();
        assert_eq!(kvm_id(register), 0x6030_0000_0013_d801);
    }
}
