//! The matrix as a picture: SVG without scripts, the reasons in titles.

use std::fmt::Write as _;

use super::table::{meaning, symbol};
use super::{Cell, Matrix};
use crate::contract::conflict;
use crate::contract::record::ConflictRecord;

/// The picture.
pub(super) fn svg(matrix: &Matrix<'_>) -> String {
    let hosts = matrix.hosts;
    let widest = hosts.iter().map(|host| host.name.chars().count()).max();
    let label = widest.unwrap_or(0) * LETTER + 2 * GAP;
    let side = hosts.len() * STEP;
    let (width, height) = (
        label + side.max(LEGEND_WIDTH) + GAP,
        label + side + (Cell::ALL.len() + 1) * LINE + GAP,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"monospace\" font-size=\"11\">\n\
         <title>Which host's guests may move to which</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (place, host) in hosts.iter().enumerate() {
        svg += &labels(&escaped(&host.name), label, place * STEP);
    }
    for source in 0..hosts.len() {
        for destination in 0..hosts.len() {
            let (x, y) = (label + destination * STEP, label + source * STEP);
            svg += &cell(matrix, source, destination, x, y);
        }
    }
    svg + &legend(matrix, label, label + side + LINE) + "</svg>\n"
}

/// A host's name before its row and above its column.
fn labels(name: &str, label: usize, offset: usize) -> String {
    let (end, middle) = (label - GAP, label + offset + CELL - 4);
    format!(
        "<text x=\"{end}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\n\
         <text transform=\"translate({middle} {end}) rotate(-90)\">{name}</text>\n"
    )
}

fn cell(matrix: &Matrix<'_>, source: usize, destination: usize, x: usize, y: usize) -> String {
    let cell = matrix.cell(source, destination);
    let title = escaped(&title(matrix, source, destination));
    let middle = (x + CELL / 2, y + CELL - 4);
    format!(
        "<g><title>{title}</title>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{}\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>\n",
        colour(cell),
        middle.0,
        middle.1,
        symbol(cell)
    )
}

/// What a pair comes to, and why: of what only a baseline helps the reasons, of what is impossible
/// the conflicts.
fn title(matrix: &Matrix<'_>, source: usize, destination: usize) -> String {
    let cell = matrix.cell(source, destination);
    let (from, to) = (&matrix.hosts[source].name, &matrix.hosts[destination].name);
    let mut title = format!("{from} to {to}: {}", meaning(cell));
    let mut list = |lines: Vec<String>| {
        let more = lines.len().saturating_sub(LINES);
        for line in lines.into_iter().take(LINES) {
            title.push('\n');
            title += &line;
        }
        if more > 0 {
            // Writing to a String cannot fail.
            let _ = write!(title, "\nand {more} more");
        }
    };
    let verdict = matrix.verdict(source, destination);
    match (cell, verdict, matrix.baseline(source, destination)) {
        (Cell::Impossible, _, Some(Err(conflicts))) => {
            let hosts = matrix.pair(source, destination);
            let records = conflict::records(conflicts, &hosts, matrix.wish);
            list(records.iter().map(of_conflict).collect());
        }
        (_, Some(verdict), _) => {
            let changes = verdict.normalisations.iter().map(ToString::to_string);
            let reasons = verdict.reasons.iter();
            let reasons = reasons.map(|reason| format!("{reason} [{}]", reason.judge()));
            list(changes.chain(reasons).collect());
        }
        (_, None, _) => list(vec!["the source itself cannot have what is wished".into()]),
    }
    title
}

/// The place, and what each side accepts.
fn of_conflict(record: &ConflictRecord) -> String {
    let sides: Vec<&str> = record
        .groups
        .iter()
        .map(|group| group.accepts.as_str())
        .collect();
    format!("{}: {}", record.over, sides.join(" | "))
}

fn legend(matrix: &Matrix<'_>, x: usize, top: usize) -> String {
    let pairs = matrix.pairs();
    let mut text = String::new();
    for (line, cell) in Cell::ALL.into_iter().enumerate() {
        let y = top + line * LINE;
        let (fill, symbol, meaning) = (colour(cell), symbol(cell), escaped(meaning(cell)));
        let count = matrix.count(cell);
        let (middle, base, start) = (x + CELL / 2, y + CELL - 4, x + CELL + GAP);
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{fill}\"/>\
             <text x=\"{middle}\" y=\"{base}\" text-anchor=\"middle\">{symbol}</text>\
             <text x=\"{start}\" y=\"{base}\">{count} of {pairs} pairs: {meaning}</text>"
        );
    }
    text
}

/// Colours that people who do not tell red from green tell apart.
const fn colour(cell: Cell) -> &'static str {
    match cell {
        Cell::Accepted => "#5ab4ac",
        Cell::Normalised => "#c7eae5",
        Cell::Baseline => "#f6e8c3",
        Cell::Impossible => "#d8a27c",
    }
}

/// As text in XML, without the characters that it cannot hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\n' => escaped.push('\n'),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// How many lines a title has beside its first: it shall fit a screen, and the picture a page.
const LINES: usize = 8;
/// Sizes in pixels.
const CELL: usize = 15;
const STEP: usize = 16;
const LETTER: usize = 7;
const GAP: usize = 8;
const LINE: usize = 20;
const LEGEND_WIDTH: usize = 640;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;
    use crate::contract::wish::Wish;

    fn picture() -> String {
        let hosts = [
            samples::named("<new>", samples::host()),
            samples::named("older", samples::older_host()),
        ];
        svg(&Matrix::new(&hosts, Wish::default()))
    }

    #[test]
    fn every_pair_has_a_title_that_says_why() {
        let svg = picture();
        assert_eq!(svg.matches("<g><title>").count(), 4);
        assert!(
            svg.contains("&lt;new&gt; to older: only with other promises"),
            "{svg}"
        );
        assert!(
            svg.contains(
                "ID_AA64ISAR0_EL1.DP: promised 1, the host has 0 and accepts 0 [kernel (EINVAL)]"
            ),
            "{svg}"
        );
    }

    #[test]
    fn a_picture_needs_no_script_and_every_element_ends() {
        let svg = picture();
        assert!(!svg.contains("<script"));
        for element in ["svg", "g", "text", "title"] {
            let opened = svg.matches(&format!("<{element} ")).count()
                + svg.matches(&format!("<{element}>")).count();
            assert_eq!(
                opened,
                svg.matches(&format!("</{element}>")).count(),
                "{element}"
            );
        }
    }

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escaped("a<b>&\u{1b}c"), "a&lt;b&gt;&amp;\u{fffd}c");
    }
}
