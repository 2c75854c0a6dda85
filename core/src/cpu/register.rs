//! An ID register: its name, its encoding, and the fields in it (DDI 0487, D24.2).

use core::fmt;

use super::Field;
use super::table::{REGISTER_COUNT, REGISTERS};

/// One of the ID registers that the table knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdRegister(u8);

/// What the table says of one register.
#[derive(Debug)]
pub(super) struct RegisterRow {
    pub(super) name: &'static str,
    /// op0, op1, CRn, CRm and op2, as [`IdRegister::encoding`] has them.
    pub(super) encoding: u16,
    /// Its fields in the table of fields: the first, and the one after the last.
    pub(super) fields: (u16, u16),
    /// The bits of its fields.
    pub(super) named: u64,
}

impl IdRegister {
    /// How many there are.
    pub const COUNT: usize = REGISTERS.len();

    /// The register at a place in the table, which only the table itself and its walkers may name.
    pub(super) const fn at(index: u8) -> Self {
        Self(index)
    }

    /// Its place in [`all`](Self::all), below [`COUNT`](Self::COUNT).
    pub(crate) const fn index(self) -> u8 {
        self.0
    }

    /// Every register, by rising encoding.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator + Clone {
        (0..REGISTER_COUNT).map(Self)
    }

    /// The register of that name: `ID_AA64PFR0_EL1`. Capitals and small letters are the same.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|register| register.name().eq_ignore_ascii_case(name))
    }

    /// The register with that [`encoding`](Self::encoding).
    #[must_use]
    pub fn encoded(encoding: u16) -> Option<Self> {
        Self::all().find(|register| register.encoding() == encoding)
    }

    /// The name that the architecture gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// op0 in bits 15:14, op1 in 13:11, CRn in 10:7, CRm in 6:3, op2 in 2:0, as in the instruction
    /// that reads it (DDI 0487, C5.1.2) and in the low half of KVM's register id.
    #[must_use]
    pub fn encoding(self) -> u16 {
        self.row().encoding
    }

    /// Its fields, the highest first.
    pub fn fields(self) -> impl DoubleEndedIterator<Item = Field> + Clone {
        let (first, end) = self.row().fields;
        (first..end).map(Field::at)
    }

    /// Its field of that name: `SVE`. Capitals and small letters are the same.
    #[must_use]
    pub fn field(self, name: &str) -> Option<Field> {
        self.fields()
            .find(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// The bits that are in a field. The others are reserved.
    #[must_use]
    pub fn named_bits(self) -> u64 {
        self.row().named
    }

    fn row(self) -> &'static RegisterRow {
        let [first, ..] = &REGISTERS;
        // Only this module and the table make a register, and only of what is in the table.
        REGISTERS.get(usize::from(self.0)).unwrap_or(first)
    }
}

impl fmt::Display for IdRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for IdRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_that_of_the_instruction() {
        for (register, name, encoding) in [
            (IdRegister::ID_PFR0_EL1, "ID_PFR0_EL1", 0xc008),
            (IdRegister::ID_AA64PFR0_EL1, "ID_AA64PFR0_EL1", 0xc020),
            (IdRegister::ID_AA64ISAR2_EL1, "ID_AA64ISAR2_EL1", 0xc032),
            (IdRegister::ID_AA64MMFR4_EL1, "ID_AA64MMFR4_EL1", 0xc03c),
            (IdRegister::CTR_EL0, "CTR_EL0", 0xd801),
        ] {
            assert_eq!(register.name(), name);
            assert_eq!(register.encoding(), encoding);
            assert_eq!(IdRegister::named(name), Some(register));
            assert_eq!(IdRegister::encoded(encoding), Some(register));
        }
    }

    #[test]
    fn there_are_forty_two_and_a_reserved_place_is_none_of_them() {
        assert_eq!(IdRegister::COUNT, 42);
        assert_eq!(IdRegister::all().count(), 42);
        assert_eq!(IdRegister::encoded(0xc000), None);
        assert_eq!(IdRegister::encoded(0xc01b), None);
        assert_eq!(IdRegister::named("MIDR_EL1"), None);
    }

    #[test]
    fn a_name_may_be_written_in_capitals_or_small_letters() {
        for register in IdRegister::all() {
            let small = register.name().to_ascii_lowercase();
            assert_eq!(IdRegister::named(&small), Some(register));
        }
    }

    #[test]
    fn registers_come_by_rising_encoding() {
        assert!(IdRegister::all().is_sorted_by_key(IdRegister::encoding));
    }

    #[test]
    fn every_field_is_in_its_own_register_and_none_is_left_over() {
        let of_registers: Vec<Field> = IdRegister::all().flat_map(IdRegister::fields).collect();
        assert!(of_registers.iter().copied().eq(Field::all()));
        for register in IdRegister::all() {
            assert!(register.fields().all(|field| field.register() == register));
        }
    }

    #[test]
    fn the_named_bits_are_those_of_the_fields_and_no_two_overlap() {
        for register in IdRegister::all() {
            let mut bits = 0;
            for field in register.fields() {
                assert_eq!(bits & field.mask(), 0, "{field}");
                bits |= field.mask();
            }
            assert_eq!(register.named_bits(), bits, "{register}");
        }
        assert_eq!(
            IdRegister::ID_AA64PFR1_EL1.named_bits(),
            0xffff_ffff_ff0f_ffff
        );
        assert_eq!(IdRegister::CTR_EL0.named_bits(), 0x3f_3fff_c00f);
    }
}
