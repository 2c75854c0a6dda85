//! The table of ID register fields as Rust: plain data, and a name for what code asks for.

use super::id_registers::{IdRegisters, Register};
use super::row::Row;

/// The text of core's table.
pub(super) fn table(table: &IdRegisters<'_>) -> String {
    let registers = &table.registers;
    [
        HEAD.to_owned(),
        names_of_registers(registers),
        names_of_fields(registers),
        register_rows(registers),
        field_rows(registers),
    ]
    .concat()
}

const HEAD: &str = "\
//! Generated from core/id-registers.csv by `cargo xtask generate`: ID registers and their fields.
//!
//! Change that file and run the command. A row is a line, whatever its length, as it is there.

use super::Rule::{Exact, Hidden, HigherOrZeroSafe, HigherSafe, LowerSafe};
use super::Sign::{Signed, Unsigned};
use super::Writable::{self, Never};
use super::field::FieldRow;
use super::register::RegisterRow;
use super::{Field, IdRegister, KernelRelease};

/// This release and all later ones.
const fn since(major: u16, minor: u16) -> Writable {
    Writable::Since(KernelRelease::new(major, minor))
}
";

/// The fields that code asks for by name: on them depends what else a machine can have, or a kernel
/// treats them as no other. Every other field is data to all code.
const NAMED: [&str; 35] = [
    "ID_AA64PFR0_EL1.CSV3",
    "ID_AA64PFR0_EL1.CSV2",
    "ID_AA64PFR0_EL1.AMU",
    "ID_AA64PFR0_EL1.MPAM",
    "ID_AA64PFR0_EL1.SVE",
    "ID_AA64PFR0_EL1.GIC",
    "ID_AA64PFR0_EL1.EL1",
    "ID_AA64PFR0_EL1.EL0",
    "ID_PFR1_EL1.GIC",
    "ID_DFR0_EL1.PerfMon",
    "ID_DFR0_EL1.CopDbg",
    "CTR_EL0.L1Ip",
    "ID_AA64PFR1_EL1.MPAM_frac",
    "ID_AA64PFR1_EL1.MTE_frac",
    "ID_AA64PFR1_EL1.MTE",
    "ID_AA64PFR1_EL1.SSBS",
    "ID_AA64DFR0_EL1.PMUVer",
    "ID_AA64DFR0_EL1.DebugVer",
    "ID_AA64ISAR1_EL1.GPI",
    "ID_AA64ISAR1_EL1.GPA",
    "ID_AA64ISAR1_EL1.API",
    "ID_AA64ISAR1_EL1.APA",
    "ID_AA64ISAR2_EL1.APA3",
    "ID_AA64ISAR2_EL1.GPA3",
    "ID_AA64MMFR0_EL1.PARange",
    "ID_AA64ISAR2_EL1.ATS1A",
    "ID_AA64MMFR1_EL1.HPDS",
    "ID_AA64MMFR2_EL1.NV",
    "ID_AA64MMFR3_EL1.S1POE",
    "ID_AA64MMFR3_EL1.S1PIE",
    "ID_AA64MMFR3_EL1.TCRX",
    "CTR_EL0.DIC",
    "CTR_EL0.IDC",
    "CTR_EL0.DminLine",
    "CTR_EL0.IminLine",
];

fn names_of_registers(registers: &[Register<'_>]) -> String {
    let mut text = "\nimpl IdRegister {\n".to_owned();
    for (index, register) in registers.iter().enumerate() {
        let [op0, op1, crn, crm, op2] = register.place;
        let name = register.name;
        text += &format!(
            "    /// {name}: op0 = {op0}, op1 = {op1}, CRn = {crn}, CRm = {crm}, op2 = {op2}.\n"
        );
        text += &format!("    pub const {name}: Self = Self::at({index});\n");
    }
    text + "}\n"
}

fn names_of_fields(registers: &[Register<'_>]) -> String {
    let mut text = "\nimpl Field {\n".to_owned();
    for (index, row) in rows(registers).enumerate() {
        let Row {
            register,
            name,
            msb,
            lsb,
            ..
        } = row;
        if NAMED.contains(&format!("{register}.{name}").as_str()) {
            let constant = name.to_uppercase();
            text += &format!("    /// {register}.{name}, bits {msb}:{lsb}.\n");
            text += &format!("    pub const {register}_{constant}: Self = Self::at({index});\n");
        }
    }
    text + "}\n"
}

fn register_rows(registers: &[Register<'_>]) -> String {
    let count = registers.len();
    let mut text = format!(
        "\npub(super) const REGISTER_COUNT: u8 = {count};\n\n\
         #[rustfmt::skip]\npub(super) static REGISTERS: [RegisterRow; {count}] = [\n"
    );
    let mut first = 0;
    for register in registers {
        let end = first + register.fields.len();
        text += &format!(
            "    RegisterRow {{ name: {:?}, encoding: {:#x}, fields: ({first}, {end}), named: {:#x} }},\n",
            register.name,
            register.encoding,
            register.named(),
        );
        first = end;
    }
    text + "];\n"
}

fn field_rows(registers: &[Register<'_>]) -> String {
    let count = rows(registers).count();
    let mut text = format!(
        "\npub(super) const FIELD_COUNT: u16 = {count};\n\n\
         #[rustfmt::skip]\npub(super) static FIELDS: [FieldRow; {count}] = [\n"
    );
    for (index, register) in registers.iter().enumerate() {
        for row in &register.fields {
            text += &format!(
                "    FieldRow {{ register: IdRegister::at({index}), name: {:?}, lsb: {}, width: {}, \
                 sign: {}, rule: {}, safe: {}, writable: {}, feature: {:?}, values: &{:?} }},\n",
                row.name,
                row.lsb,
                row.msb - row.lsb + 1,
                row.sign,
                row.rule,
                row.safe,
                row.writable,
                row.feature,
                row.values,
            );
        }
    }
    text + "];\n"
}

fn rows<'a, 'b>(registers: &'b [Register<'a>]) -> impl Iterator<Item = &'b Row<'a>> {
    registers.iter().flat_map(|register| &register.fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::row::HEADER;

    #[test]
    fn a_table_names_its_registers_and_some_fields_and_has_a_row_for_each() {
        let csv = format!(
            "{HEADER}\n\
             ID_AA64PFR0_EL1,3,0,0,4,0,SVE,35,32,unsigned,lower-safe,0,never,FEAT_SVE,0=NI;1=IMP\n\
             ID_AA64PFR0_EL1,3,0,0,4,0,RAS,31,28,unsigned,lower-safe,0,7.3,FEAT_RAS,\n\
             CTR_EL0,3,3,0,0,1,CWG,27,24,unsigned,higher-or-zero-safe,0,never,,\n"
        );
        let text = table(&IdRegisters::parse(&csv).unwrap());
        let expected = "
impl IdRegister {
    /// ID_AA64PFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 4, op2 = 0.
    pub const ID_AA64PFR0_EL1: Self = Self::at(0);
    /// CTR_EL0: op0 = 3, op1 = 3, CRn = 0, CRm = 0, op2 = 1.
    pub const CTR_EL0: Self = Self::at(1);
}

impl Field {
    /// ID_AA64PFR0_EL1.SVE, bits 35:32.
    pub const ID_AA64PFR0_EL1_SVE: Self = Self::at(0);
}

pub(super) const REGISTER_COUNT: u8 = 2;

#[rustfmt::skip]
pub(super) static REGISTERS: [RegisterRow; 2] = [
    RegisterRow { name: \"ID_AA64PFR0_EL1\", encoding: 0xc020, fields: (0, 2), named: 0xff0000000 },
    RegisterRow { name: \"CTR_EL0\", encoding: 0xd801, fields: (2, 3), named: 0xf000000 },
];

pub(super) const FIELD_COUNT: u16 = 3;

#[rustfmt::skip]
pub(super) static FIELDS: [FieldRow; 3] = [
    FieldRow { register: IdRegister::at(0), name: \"SVE\", lsb: 32, width: 4, sign: Unsigned, \
rule: LowerSafe, safe: 0, writable: Never, feature: Some(\"FEAT_SVE\"), \
values: &[(0, \"NI\"), (1, \"IMP\")] },
    FieldRow { register: IdRegister::at(0), name: \"RAS\", lsb: 28, width: 4, sign: Unsigned, \
rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some(\"FEAT_RAS\"), values: &[] },
    FieldRow { register: IdRegister::at(1), name: \"CWG\", lsb: 24, width: 4, sign: Unsigned, \
rule: HigherOrZeroSafe, safe: 0, writable: Never, feature: None, values: &[] },
];
";
        assert_eq!(text.strip_prefix(HEAD), Some(expected));
    }
}
