//! The matrix on a terminal: a character for each pair, and what it means.

use std::fmt::Write as _;

use super::{Cell, Matrix};

/// The whole table with its legend and counts.
pub(super) fn text(matrix: &Matrix<'_>) -> String {
    let count = matrix.hosts.len();
    let digits = count.to_string().len();
    let widest = matrix
        .hosts
        .iter()
        .map(|host| host.name.chars().count())
        .max();
    let names = widest.unwrap_or(0).max(CORNER.len());
    let mut text = format!("{:>digits$} {:<names$} ", "", CORNER);
    // Writing to a String cannot fail.
    for number in 1..=count {
        let _ = write!(text, " {number:>digits$}");
    }
    for (source, host) in matrix.hosts.iter().enumerate() {
        let _ = write!(text, "\n{:>digits$} {:<names$} ", source + 1, host.name);
        for destination in 0..count {
            let symbol = symbol(matrix.cell(source, destination));
            let _ = write!(text, " {symbol:>digits$}");
        }
    }
    text + "\n\n" + &legend(matrix)
}

fn legend(matrix: &Matrix<'_>) -> String {
    let pairs = matrix.pairs();
    let mut text = String::new();
    for cell in Cell::ALL {
        let (symbol, count) = (symbol(cell), matrix.count(cell));
        let _ = writeln!(
            text,
            "{symbol}  {count:>5} of {pairs} pairs: {}",
            meaning(cell)
        );
    }
    text
}

/// The character of a cell.
pub(super) const fn symbol(cell: Cell) -> char {
    match cell {
        Cell::Accepted => '+',
        Cell::Normalised => '~',
        Cell::Baseline => 'b',
        Cell::Impossible => '.',
    }
}

/// What a cell means.
pub(super) const fn meaning(cell: Cell) -> &'static str {
    match cell {
        Cell::Accepted => "a guest with all that the source can promise may move there",
        Cell::Normalised => "the same, and the host changes what no guest relies on",
        Cell::Baseline => "only with other promises: launch it with `contract baseline` of the two",
        Cell::Impossible => "never, whatever it is launched with: `contract baseline` says why",
    }
}

/// What stands where the names of rows and columns meet.
pub(super) const CORNER: &str = "from \\ to";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;
    use crate::contract::wish::Wish;

    #[test]
    fn rows_are_sources_and_columns_destinations() {
        let hosts = [
            samples::named("new", samples::host()),
            samples::named("older", samples::older_host()),
        ];
        let matrix = Matrix::new(&hosts, Wish::default());
        let text = text(&matrix);
        let expected = "  \
from \\ to  1 2
1 new        + b
2 older      + +

+      3 of 4 pairs: a guest with all that the source can promise may move there
";
        assert!(text.starts_with(expected), "{text}");
    }
}
