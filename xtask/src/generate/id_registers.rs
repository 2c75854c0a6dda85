//! The table of ID register fields, checked as a whole.
//!
//! Registers rise by encoding and fields fall by bit, so that each row has one place and a row that
//! is there twice, or in two places at once, cannot hide.

use super::Refusal;
use super::row::{HEADER, Row};

/// Every register, with its fields.
#[derive(Debug)]
pub(super) struct IdRegisters<'a> {
    pub(super) registers: Vec<Register<'a>>,
}

/// The rows of one register, of which there is at least one.
#[derive(Debug)]
pub(super) struct Register<'a> {
    pub(super) name: &'a str,
    pub(super) place: [u8; 5],
    pub(super) encoding: u16,
    pub(super) fields: Vec<Row<'a>>,
}

impl<'a> IdRegisters<'a> {
    /// Reads the file: comments, the header, and a row in every other line.
    pub(super) fn parse(csv: &'a str) -> Result<Self, Refusal> {
        let lines = (1..).zip(csv.lines());
        let mut lines = lines.skip_while(|(_, line)| line.starts_with('#'));
        let end = csv.lines().count() + 1;
        let (line, header) = lines.next().unwrap_or((end, ""));
        let refused = |line, reason| Refusal { line, reason };
        if header != HEADER {
            return Err(refused(line, format!("not the header; write `{HEADER}`")));
        }
        let mut table = Self {
            registers: Vec::new(),
        };
        for (line, text) in lines {
            Row::parse(text)
                .and_then(|row| table.add(row))
                .map_err(|reason| refused(line, reason))?;
        }
        if table.registers.is_empty() {
            return Err(refused(end, "there is no field".to_owned()));
        }
        Ok(table)
    }

    fn add(&mut self, row: Row<'a>) -> Result<(), String> {
        match self.registers.last_mut() {
            Some(last) if last.name == row.register => last.add(row),
            _ => self.begin(row),
        }
    }

    fn begin(&mut self, row: Row<'a>) -> Result<(), String> {
        let (name, encoding) = (row.register, row.encoding());
        if self.registers.iter().any(|known| known.name == name) {
            return Err(format!("{name} is there twice, with others between"));
        }
        if let Some(last) = self.registers.last()
            && last.encoding >= encoding
        {
            let order = "registers rise by op0, op1, crn, crm, op2";
            return Err(format!("{name} does not come after {}; {order}", last.name));
        }
        self.registers.push(Register {
            name,
            place: row.place,
            encoding,
            fields: vec![row],
        });
        Ok(())
    }
}

impl<'a> Register<'a> {
    fn add(&mut self, row: Row<'a>) -> Result<(), String> {
        if row.encoding() != self.encoding {
            return Err(format!("{} has another encoding above", self.name));
        }
        // Names are looked up whatever their capitals.
        let same = |known: &Row<'_>| known.name.eq_ignore_ascii_case(row.name);
        if self.fields.iter().any(same) {
            return Err(format!("{}.{} is there twice", self.name, row.name));
        }
        if let Some(above) = self.fields.last()
            && above.lsb <= row.msb
        {
            let bits = format!("{}:{}", row.msb, row.lsb);
            return Err(format!(
                "bits {bits} are not below those of {}; fields fall by bit and do not overlap",
                above.name
            ));
        }
        self.fields.push(row);
        Ok(())
    }

    /// The bits of all fields.
    pub(super) fn named(&self) -> u64 {
        self.fields.iter().fold(0, |bits, row| bits | row.mask())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(register: &str, op2: u8, field: &str, bits: &str) -> String {
        format!("{register},3,0,0,4,{op2},{field},{bits},unsigned,lower-safe,0,never,,\n")
    }

    fn refused(rows: &[String]) -> String {
        let csv = format!("# About.\n{HEADER}\n{}", rows.concat());
        let Refusal { line, reason } = IdRegisters::parse(&csv).unwrap_err();
        format!("{line}: {reason}")
    }

    #[test]
    fn rows_of_one_register_are_its_fields() {
        let rows = [
            row("A", 0, "X", "63,60"),
            row("A", 0, "Y", "3,0"),
            row("B", 1, "X", "7,4"),
        ];
        let csv = format!("{HEADER}\n{}", rows.concat());
        let table = IdRegisters::parse(&csv).unwrap();
        let [a, b] = &table.registers[..] else {
            panic!("two registers, not {}", table.registers.len());
        };
        assert_eq!((a.name, a.encoding, a.fields.len()), ("A", 0xc020, 2));
        assert_eq!(a.named(), 0xf000_0000_0000_000f);
        assert_eq!((b.name, b.encoding, b.named()), ("B", 0xc021, 0xf0));
    }

    #[test]
    fn a_file_without_header_or_without_rows_is_refused() {
        let message = |csv: &str| {
            let refusal = IdRegisters::parse(csv).unwrap_err();
            (refusal.line, refusal.reason)
        };
        let (line, reason) = message("# About.\nregister,field\n");
        assert_eq!(line, 2);
        assert!(reason.starts_with("not the header; write `register,op0,"));
        assert_eq!(message("").0, 1);
        let (line, reason) = message(&format!("{HEADER}\n"));
        assert_eq!((line, reason.as_str()), (2, "there is no field"));
    }

    #[test]
    fn a_bad_row_is_refused_with_its_line() {
        let rows = [row("A", 0, "X", "63,60"), "\n".to_owned()];
        assert_eq!(refused(&rows), "4: 1 cells, not 15");
        let rows = [row("A", 0, "X", "63,60"), "# later\n".to_owned()];
        assert_eq!(refused(&rows), "4: 1 cells, not 15");
    }

    #[test]
    fn fields_that_overlap_or_come_in_another_order_are_refused() {
        assert_eq!(
            refused(&[row("A", 0, "X", "7,4"), row("A", 0, "Y", "4,1")]),
            "4: bits 4:1 are not below those of X; fields fall by bit and do not overlap"
        );
        assert_eq!(
            refused(&[row("A", 0, "X", "7,4"), row("A", 0, "Y", "11,8")]),
            "4: bits 11:8 are not below those of X; fields fall by bit and do not overlap"
        );
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        assert_eq!(
            refused(&[row("A", 0, "X", "7,4"), row("A", 0, "X", "3,0")]),
            "4: A.X is there twice"
        );
        assert_eq!(
            refused(&[row("A", 0, "X", "7,4"), row("A", 0, "x", "3,0")]),
            "4: A.x is there twice"
        );
    }

    #[test]
    fn registers_in_another_order_or_with_two_encodings_or_names_are_refused() {
        assert_eq!(
            refused(&[row("A", 1, "X", "7,4"), row("B", 0, "X", "7,4")]),
            "4: B does not come after A; registers rise by op0, op1, crn, crm, op2"
        );
        assert_eq!(
            refused(&[row("A", 1, "X", "7,4"), row("B", 1, "X", "7,4")]),
            "4: B does not come after A; registers rise by op0, op1, crn, crm, op2"
        );
        assert_eq!(
            refused(&[row("A", 0, "X", "7,4"), row("A", 1, "Y", "3,0")]),
            "4: A has another encoding above"
        );
        let rows = [
            row("A", 0, "X", "7,4"),
            row("B", 1, "X", "7,4"),
            row("A", 2, "Y", "3,0"),
        ];
        assert_eq!(refused(&rows), "5: A is there twice, with others between");
    }
}
