//! docs/abi.md lists every function id that core knows, and no other.

use super::markdown;
use super::tree::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some((table, text)) = tree.rust().find(|(file, _)| file.path == TABLE) else {
        return vec![Finding::missing(
            TABLE,
            "missing; the rule for docs/abi.md reads core's function ids there",
        )];
    };
    let Some(page) = tree.file(PAGE) else {
        return vec![Finding::missing(
            PAGE,
            "missing; it has a row for every function id",
        )];
    };
    let known: Vec<(usize, u32)> = ids_in(text.code_without_tests()).collect();
    let rows = markdown::rows(&page.text);
    let listed = |id: u32| rows.iter().any(|row| number(row.name) == Some(id));
    let absent = known.iter().filter(|(_, id)| !listed(*id));
    let mut findings: Vec<Finding> = absent
        .map(|(line, id)| table.at(*line, format!("{PAGE} has no row for {}", written(*id))))
        .collect();
    for row in &rows {
        if let Some(id) = number(row.name).filter(|id| known.iter().all(|(_, other)| other != id)) {
            findings.push(page.at(row.line, format!("core does not know {}", written(id))));
        }
    }
    findings
}

/// The numbers of the constants, `Self(0x8400_0000)`, with their lines.
fn ids_in(code: &str) -> impl Iterator<Item = (usize, u32)> {
    code.lines().enumerate().filter_map(|(index, line)| {
        let (_, rest) = line.split_once("Self(0x")?;
        let (digits, _) = rest.split_once(')')?;
        Some((index + 1, number(&format!("0x{digits}"))?))
    })
}

fn number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x")?.replace('_', "");
    u32::from_str_radix(&digits, 16).ok()
}

/// As the sources write it.
fn written(id: u32) -> String {
    format!("{:#06x}_{:04x}", id >> 16, id & 0xffff)
}

const PAGE: &str = "docs/abi.md";
const TABLE: &str = "core/src/smccc/function_id.rs";

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "//! Ids.\n    pub const CPU_ON_64: Self = Self(0xc400_0003);\n#[cfg(test)]\nmod t { const X: Self = Self(0x8600_0000); }\n";

    fn found(page: &str) -> Vec<String> {
        let tree = Tree::of(&[(TABLE, CODE), (PAGE, page)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_id_without_a_row_is_found() {
        assert_eq!(
            found("CPU_ON is 0xc400_0003.\n"),
            ["core/src/smccc/function_id.rs:2: docs/abi.md has no row for 0xc400_0003"]
        );
    }

    #[test]
    fn a_row_without_its_id_is_found_and_underscores_do_not_matter() {
        let page =
            "| id | call |\n|---|---|\n| `0xC4000003` | CPU_ON |\n| `0x8400_0002` | CPU_OFF |\n";
        assert_eq!(
            found(page),
            ["docs/abi.md:4: core does not know 0x8400_0002"]
        );
    }

    #[test]
    fn a_table_that_has_moved_is_found() {
        assert_eq!(check(&Tree::of(&[(PAGE, "")])).len(), 1);
    }
}
