//! What a register's value means, in the words of the architecture.

use std::fmt::Write;

use vambrace_core::cpu::{Field, IdRegister};

/// The fields that are not zero: `SVE=1 IMP, EL0=2 AARCH32`; empty if there is none.
pub(super) fn id_register(register: IdRegister, value: u64) -> String {
    let mut text = String::new();
    let fields = register.fields().filter(|field| field.extract(value) != 0);
    for field in fields {
        separate(&mut text);
        text += &of_field(field, field.extract(value));
    }
    let reserved = value & !register.named_bits();
    if reserved != 0 {
        separate(&mut text);
        // Writing to a String cannot fail.
        let _ = write!(text, "reserved bits {reserved:#x}");
    }
    text
}

/// The size of the block that DC ZVA zeroes.
pub(super) fn zero_block(dczid: u8) -> String {
    match dczid & 0x10 {
        0 => format!("DC ZVA zeroes {} bytes", 4_u32 << (dczid & 0xf)),
        _ => "DC ZVA is forbidden".to_owned(),
    }
}

/// Which cache a value of CSSELR_EL1 selects.
pub(super) fn cache(selector: usize) -> String {
    let kind = ["data or unified", "instruction"][selector % 2];
    format!("level {}, {kind}", selector / 2 + 1)
}

fn of_field(field: Field, value: u64) -> String {
    let name = field.name();
    match field.value_name(value) {
        Some(meaning) => format!("{name}={value} {meaning}"),
        None => format!("{name}={value}"),
    }
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push_str(", ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_not_zero_are_named_with_their_meaning() {
        let register = IdRegister::named("ID_AA64PFR0_EL1").unwrap();
        assert_eq!(id_register(register, 0), "");
        assert_eq!(
            id_register(register, 0x0001_0000_0000_0012),
            "DIT=1 IMP, EL1=1 IMP, EL0=2 AARCH32"
        );
    }

    #[test]
    fn signed_fields_are_shown_as_the_register_holds_them() {
        let register = IdRegister::named("ID_AA64PFR0_EL1").unwrap();
        assert_eq!(id_register(register, 0xf0_0000), "AdvSIMD=15 NI");
    }

    #[test]
    fn reserved_bits_are_not_hidden() {
        let register = IdRegister::named("CTR_EL0").unwrap();
        assert_eq!(id_register(register, 0x20), "reserved bits 0x20");
    }

    #[test]
    fn blocks_and_caches_are_told_in_bytes_and_levels() {
        assert_eq!(zero_block(4), "DC ZVA zeroes 64 bytes");
        assert_eq!(zero_block(0x14), "DC ZVA is forbidden");
        assert_eq!(zero_block(0xf), "DC ZVA zeroes 131072 bytes");
        assert_eq!(cache(0), "level 1, data or unified");
        assert_eq!(cache(13), "level 7, instruction");
    }
}
