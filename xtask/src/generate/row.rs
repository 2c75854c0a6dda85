//! A row of the table of ID register fields, checked by itself.
//!
//! Every word is one of a few, every number in its range and written in one way: a row that is
//! misread would become a wrong promise to a guest.

use std::ops::RangeInclusive;

/// The first line of the table, after its comments.
pub(super) const HEADER: &str =
    "register,op0,op1,crn,crm,op2,field,msb,lsb,sign,rule,safe,writable,feature,values";

/// One field, in the words that the generated code has for it.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) register: &'a str,
    /// op0, op1, CRn, CRm, op2.
    pub(super) place: [u8; 5],
    pub(super) name: &'a str,
    pub(super) msb: u8,
    pub(super) lsb: u8,
    pub(super) sign: &'static str,
    pub(super) rule: &'static str,
    pub(super) safe: u8,
    pub(super) writable: &'static str,
    pub(super) feature: Option<&'a str>,
    pub(super) values: Vec<(u8, &'a str)>,
}

impl<'a> Row<'a> {
    pub(super) fn parse(line: &'a str) -> Result<Self, String> {
        let cells: Vec<&str> = line.split(',').collect();
        let [
            register,
            op0,
            op1,
            crn,
            crm,
            op2,
            field,
            msb,
            lsb,
            sign,
            rule,
            safe,
            writable,
            feature,
            values,
        ] = cells[..]
        else {
            let columns = HEADER.split(',').count();
            return Err(format!("{} cells, not {columns}", cells.len()));
        };
        let place = [
            number("op0", op0, 2..=3)?,
            number("op1", op1, 0..=7)?,
            number("crn", crn, 0..=15)?,
            number("crm", crm, 0..=15)?,
            number("op2", op2, 0..=7)?,
        ];
        let lsb = number("lsb", lsb, 0..=63)?;
        // A value is a byte in the generated table; no field is wider.
        let msb = number("msb", msb, lsb..=63.min(lsb + 7))?;
        let limit = u8::MAX >> (7 - (msb - lsb));
        Ok(Self {
            register: name("register", register)?,
            place,
            name: name("field", field)?,
            msb,
            lsb,
            sign: word("sign", sign, &SIGNS)?,
            rule: word("rule", rule, &RULES)?,
            safe: number("safe", safe, 0..=limit)?,
            writable: word("writable", writable, &WRITABLE)?,
            feature: feature_name(feature)?,
            values: value_names(values, limit)?,
        })
    }

    /// Its bits in the register.
    pub(super) fn mask(&self) -> u64 {
        u64::MAX >> (63 - (self.msb - self.lsb)) << self.lsb
    }

    /// op0 in bits 15:14, op1 in 13:11, CRn in 10:7, CRm in 6:3, op2 in 2:0.
    pub(super) fn encoding(&self) -> u16 {
        let [op0, op1, crn, crm, op2] = self.place.map(u16::from);
        op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
    }
}

fn number(column: &str, cell: &str, range: RangeInclusive<u8>) -> Result<u8, String> {
    let parsed = cell.parse().ok().filter(|value| range.contains(value));
    parsed
        .filter(|value: &u8| value.to_string() == cell)
        .ok_or_else(|| {
            let (first, last) = range.into_inner();
            format!("{column} is `{cell}`; write a number from {first} to {last}")
        })
}

fn word(column: &str, cell: &str, words: &[(&str, &'static str)]) -> Result<&'static str, String> {
    let known = words.iter().find(|(word, _)| *word == cell);
    known.map(|(_, rust)| *rust).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{column} is `{cell}`; write {}", words.join(" or "))
    })
}

fn name<'a>(column: &str, cell: &'a str) -> Result<&'a str, String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if cell.is_empty() || !cell.chars().all(is_of_name) {
        return Err(format!(
            "{column} is `{cell}`; write letters, digits and `_`"
        ));
    }
    Ok(cell)
}

fn feature_name(cell: &str) -> Result<Option<&str>, String> {
    match cell.strip_prefix("FEAT_") {
        Some(rest) => name("feature", rest).map(|_| Some(cell)),
        None if cell.is_empty() => Ok(None),
        None => Err(format!("feature is `{cell}`; it begins with FEAT_")),
    }
}

fn value_names(cell: &str, limit: u8) -> Result<Vec<(u8, &str)>, String> {
    let mut values: Vec<(u8, &str)> = Vec::new();
    for pair in cell.split_terminator(';') {
        let (value, meaning) = pair
            .split_once('=')
            .ok_or_else(|| format!("values has `{pair}`; write `number=name`"))?;
        let value = number("a value", value, 0..=limit)?;
        if values.last().is_some_and(|(last, _)| *last >= value) {
            return Err(format!("the value {value} does not rise"));
        }
        values.push((value, name("the name of a value", meaning)?));
    }
    if cell.ends_with(';') {
        return Err("values ends with `;`".to_owned());
    }
    Ok(values)
}

const SIGNS: [(&str, &str); 2] = [("signed", "Signed"), ("unsigned", "Unsigned")];
const RULES: [(&str, &str); 5] = [
    ("lower-safe", "LowerSafe"),
    ("higher-safe", "HigherSafe"),
    ("higher-or-zero-safe", "HigherOrZeroSafe"),
    ("exact", "Exact"),
    ("none", "Hidden"),
];
const WRITABLE: [(&str, &str); 6] = [
    ("never", "Never"),
    ("5.10", "since(5, 10)"),
    ("5.11", "since(5, 11)"),
    ("6.2", "since(6, 2)"),
    ("6.12", "since(6, 12)"),
    ("7.3", "since(7, 3)"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: [&str; 15] = [
        "ID_AA64PFR0_EL1",
        "3",
        "0",
        "0",
        "4",
        "0",
        "FP",
        "19",
        "16",
        "signed",
        "lower-safe",
        "15",
        "never",
        "FEAT_FP",
        "0=IMP;1=FP16;15=NI",
    ];

    /// Why the row is refused if one of its cells is another.
    fn refused(column: &str, cell: &str) -> String {
        let mut cells = ROW;
        let column = HEADER.split(',').position(|name| name == column);
        cells[column.unwrap()] = cell;
        Row::parse(&cells.join(",")).unwrap_err()
    }

    #[test]
    fn a_row_is_read_cell_by_cell() {
        let line = ROW.join(",");
        let row = Row::parse(&line).unwrap();
        assert_eq!(row.encoding(), 0xc020);
        assert_eq!(row.mask(), 0xf_0000);
        assert_eq!((row.register, row.name), ("ID_AA64PFR0_EL1", "FP"));
        assert_eq!((row.sign, row.rule, row.safe), ("Signed", "LowerSafe", 15));
        assert_eq!((row.writable, row.feature), ("Never", Some("FEAT_FP")));
        assert_eq!(row.values, [(0, "IMP"), (1, "FP16"), (15, "NI")]);
    }

    #[test]
    fn a_row_of_too_few_or_too_many_cells_is_refused() {
        assert_eq!(Row::parse("a,b").unwrap_err(), "2 cells, not 15");
        let line = format!("{},", ROW.join(","));
        assert_eq!(Row::parse(&line).unwrap_err(), "16 cells, not 15");
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        assert_eq!(
            refused("sign", "Signed"),
            "sign is `Signed`; write signed or unsigned"
        );
        assert!(
            refused("rule", "LOWER_SAFE").starts_with("rule is `LOWER_SAFE`; write lower-safe or")
        );
        assert_eq!(
            refused("writable", "6.1"),
            "writable is `6.1`; write never or 5.10 or 5.11 or 6.2 or 6.12 or 7.3"
        );
    }

    #[test]
    fn a_number_out_of_range_or_written_otherwise_is_refused() {
        assert_eq!(
            refused("op0", "4"),
            "op0 is `4`; write a number from 2 to 3"
        );
        assert_eq!(
            refused("crm", "16"),
            "crm is `16`; write a number from 0 to 15"
        );
        assert_eq!(
            refused("lsb", "0x10"),
            "lsb is `0x10`; write a number from 0 to 63"
        );
        assert_eq!(
            refused("lsb", "64"),
            "lsb is `64`; write a number from 0 to 63"
        );
        assert_eq!(
            refused("msb", "019"),
            "msb is `019`; write a number from 16 to 23"
        );
        assert_eq!(
            refused("msb", "15"),
            "msb is `15`; write a number from 16 to 23"
        );
        assert_eq!(
            refused("msb", "24"),
            "msb is `24`; write a number from 16 to 23"
        );
        assert_eq!(
            refused("safe", "16"),
            "safe is `16`; write a number from 0 to 15"
        );
        assert_eq!(
            refused("safe", ""),
            "safe is ``; write a number from 0 to 15"
        );
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        assert_eq!(
            refused("register", ""),
            "register is ``; write letters, digits and `_`"
        );
        assert_eq!(
            refused("field", "F P"),
            "field is `F P`; write letters, digits and `_`"
        );
        assert_eq!(
            refused("feature", "FP"),
            "feature is `FP`; it begins with FEAT_"
        );
        assert_eq!(
            refused("feature", "FEAT_"),
            "feature is ``; write letters, digits and `_`"
        );
    }

    #[test]
    fn values_that_do_not_rise_or_do_not_fit_or_have_no_name_are_refused() {
        assert_eq!(refused("values", "0=NI;0=IMP"), "the value 0 does not rise");
        assert_eq!(refused("values", "1=NI;0=IMP"), "the value 0 does not rise");
        assert_eq!(
            refused("values", "16=NI"),
            "a value is `16`; write a number from 0 to 15"
        );
        assert_eq!(
            refused("values", "NI"),
            "values has `NI`; write `number=name`"
        );
        assert_eq!(
            refused("values", "0="),
            "the name of a value is ``; write letters, digits and `_`"
        );
        assert_eq!(refused("values", "0=NI;"), "values ends with `;`");
    }

    #[test]
    fn a_field_may_be_one_bit_or_the_highest() {
        let mut cells = ROW;
        (cells[7], cells[8], cells[11], cells[14]) = ("63", "63", "1", "0=NI;1=IMP");
        assert_eq!(Row::parse(&cells.join(",")).unwrap().mask(), 1 << 63);
        (cells[7], cells[8]) = ("63", "56");
        assert_eq!(Row::parse(&cells.join(",")).unwrap().mask(), 0xff << 56);
    }
}
