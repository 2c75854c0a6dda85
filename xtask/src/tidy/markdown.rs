//! The rows of the tables in a page.

/// One row whose first cell is a name in backticks; headings and rules have none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'t> {
    /// Counted from 1.
    pub(super) line: usize,
    /// The first cell, without its backticks.
    pub(super) name: &'t str,
    /// The other cells.
    pub(super) cells: Vec<&'t str>,
}

pub(super) fn rows(page: &str) -> Vec<Row<'_>> {
    page.lines()
        .enumerate()
        .filter_map(|(index, line)| row(index + 1, line))
        .collect()
}

fn row(line: usize, text: &str) -> Option<Row<'_>> {
    let mut cells = text
        .trim()
        .strip_prefix('|')?
        .trim_end_matches('|')
        .split('|')
        .map(str::trim);
    let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    Some(Row {
        line,
        name,
        cells: cells.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_name_something_count() {
        let page = "Text.\n\n| crate | why |\n|---|---|\n| `log` | facade |\n| other | x |\n";
        assert_eq!(
            rows(page),
            [Row {
                line: 5,
                name: "log",
                cells: vec!["facade"]
            }]
        );
    }
}
