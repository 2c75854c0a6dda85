//! The matrix as a picture: SVG without scripts, the reasons in titles.
//!
//! A page embeds it and shows it as wide as its text; opened by itself, a browser shows the title of
//! what the pointer is on. Forty hosts are seventeen hundred pairs, so cells with one title are one
//! shape: of a pair that has no contract that is both directions. Colours follow the reader's choice
//! of light or dark, and stand before a background of their own; each kind of cell but the one that
//! is nothing has a character too.

use std::collections::HashMap;
use std::fmt::Write as _;

use vambrace_core::contract::{Conflict, Dispute};

use super::table::{CORNER, meaning, symbol};
use super::{Cell, Matrix};

/// The picture.
pub(super) fn svg(matrix: &Matrix<'_>) -> String {
    let layout = Layout::of(matrix);
    let (width, height) = (layout.width(), layout.height());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\">\n\
         <title>Which host's guests may move to which: from the row's to the column's</title>\n\
         <style>{}</style>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n",
        style()
    );
    let corner = layout.label - GAP;
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        "<text class=\"name\" x=\"{corner}\" y=\"{corner}\">{CORNER}</text>"
    );
    for shape in shapes(matrix) {
        svg += &shape.drawn(&layout);
    }
    for place in 0..matrix.hosts.len() {
        svg += &row(matrix, place, &layout);
    }
    svg + &legend(matrix, &layout) + "</svg>\n"
}

/// Where things are, in pixels.
struct Layout {
    hosts: usize,
    /// The width of the names before the rows, and so their height above the columns.
    label: usize,
}

impl Layout {
    fn of(matrix: &Matrix<'_>) -> Self {
        let names = matrix.hosts.iter().map(|host| host.name.chars().count());
        Self {
            hosts: matrix.hosts.len(),
            label: names.max().unwrap_or(0) * LETTER + 2 * GAP,
        }
    }

    /// Where a row or a column begins.
    fn start(&self, place: usize) -> usize {
        self.label + place * STEP
    }

    fn end(&self) -> usize {
        self.start(self.hosts)
    }

    fn width(&self) -> usize {
        self.end().max(GAP + LEGEND_WIDTH) + GAP
    }

    fn height(&self) -> usize {
        self.end() + GAP + Cell::ALL.len() * LINE + GAP
    }
}

/// Cells that have one title.
struct Shape {
    cell: Cell,
    title: String,
    /// Rows and columns.
    places: Vec<(usize, usize)>,
}

/// All cells, in the order of the first of each shape.
fn shapes(matrix: &Matrix<'_>) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for source in 0..matrix.hosts.len() {
        for destination in 0..matrix.hosts.len() {
            let title = title(matrix, source, destination);
            let number = *known.entry(title.clone()).or_insert_with(|| {
                shapes.push(Shape {
                    cell: matrix.cell(source, destination),
                    title,
                    places: Vec::new(),
                });
                shapes.len() - 1
            });
            shapes[number].places.push((source, destination));
        }
    }
    shapes
}

impl Shape {
    fn drawn(&self, layout: &Layout) -> String {
        let squares = self.places.iter().map(|(row, column)| {
            let (x, y) = (layout.start(*column), layout.start(*row));
            format!("M{x} {y}h{CELL}v{CELL}h-{CELL}z")
        });
        let squares: String = squares.collect();
        let (class, title) = (class(self.cell), escaped(&self.title));
        format!("<path class=\"{class}\" d=\"{squares}\"><title>{title}</title></path>\n")
    }
}

/// What a pair comes to, and why: of what only a baseline helps the reasons; of what is impossible
/// that over which the two disagree, whichever is the source, or what a guest that is launched on the
/// source is told too much.
fn title(matrix: &Matrix<'_>, source: usize, destination: usize) -> String {
    let cell = matrix.cell(source, destination);
    let name = |place: usize| &matrix.hosts[place].name;
    let common = matrix.common(source, destination);
    if let (Cell::Impossible, Some(Err(conflicts))) = (cell, common) {
        let (one, other) = (source.min(destination), source.max(destination));
        let between = format!("{} and {}: {}", name(one), name(other), brief(cell));
        return with_lines(between, over(conflicts));
    }
    let title = format!("{} to {}: {}", name(source), name(destination), brief(cell));
    let excesses = matrix.excesses(source, destination);
    match matrix.verdict(source, destination) {
        _ if !excesses.is_empty() => {
            with_lines(title, excesses.iter().map(ToString::to_string).collect())
        }
        Some(verdict) => {
            let changes = verdict.normalisations.iter().map(ToString::to_string);
            let reasons = verdict.reasons.iter();
            let reasons = reasons.map(|reason| format!("{reason} [{}]", reason.judge()));
            with_lines(title, changes.chain(reasons).collect())
        }
        None => with_lines(
            title,
            vec!["the source itself cannot have what is wished".into()],
        ),
    }
}

/// What a cell means, without what to do then.
fn brief(cell: Cell) -> &'static str {
    meaning(cell).split(':').next().unwrap_or("")
}

fn with_lines(mut title: String, lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(LINES);
    for line in lines.into_iter().take(LINES) {
        title.push('\n');
        title += &line;
    }
    if more > 0 {
        // Writing to a String cannot fail.
        let _ = write!(title, "\nand {more} more");
    }
    title
}

/// What is disputed: first what is no field, then the fields, those of a register in one line.
fn over(conflicts: &[Conflict]) -> Vec<String> {
    let mut whole = Vec::new();
    let mut registers: Vec<(String, Vec<String>)> = Vec::new();
    for conflict in conflicts {
        let Dispute::Field(field) = conflict.over else {
            whole.push(conflict.over.to_string());
            continue;
        };
        let (register, full) = (field.register().to_string(), field.to_string());
        let name = full.rsplit('.').next().unwrap_or(&full).to_owned();
        match registers.iter_mut().find(|(known, _)| *known == register) {
            Some((_, names)) => names.push(name),
            None => registers.push((register, vec![name])),
        }
    }
    let registers = registers.into_iter();
    let registers = registers.map(|(register, names)| format!("{register}: {}", names.join(" ")));
    whole.into_iter().chain(registers).collect()
}

/// A host's name before its row and above its column, the characters of its cells, and a line above
/// it where hosts of another first name begin.
fn row(matrix: &Matrix<'_>, place: usize, layout: &Layout) -> String {
    let name = escaped(&matrix.hosts[place].name);
    let (end, start) = (layout.label - GAP, layout.start(place));
    let base = start + BASE;
    let mut row = format!(
        "<text class=\"name\" x=\"{end}\" y=\"{base}\">{name}</text>\
         <text transform=\"translate({base} {end}) rotate(-90)\">{name}</text>\n"
    );
    let cells = (0..layout.hosts).map(|column| (column, matrix.cell(place, column)));
    let told: Vec<_> = cells
        .filter(|(_, cell)| *cell != Cell::Impossible)
        .collect();
    let middles = told.iter();
    let middles = middles.map(|(column, _)| (layout.start(*column) + CELL / 2).to_string());
    let symbols: String = told.iter().map(|(_, cell)| symbol(*cell)).collect();
    let middles = middles.collect::<Vec<_>>().join(" ");
    if !symbols.is_empty() {
        let _ = writeln!(
            row,
            "<text class=\"mark\" x=\"{middles}\" y=\"{base}\">{symbols}</text>"
        );
    }
    if place > 0 && first_name(matrix, place) != first_name(matrix, place - 1) {
        let (edge, far) = (start - 1, layout.end() - 1);
        let _ = writeln!(
            row,
            "<path class=\"line\" d=\"M{GAP} {edge}H{far}M{edge} {GAP}V{far}\"/>"
        );
    }
    row
}

/// What stands before the first hyphen of a host's name.
fn first_name<'a>(matrix: &'a Matrix<'_>, place: usize) -> &'a str {
    matrix.hosts[place].name.split('-').next().unwrap_or("")
}

fn legend(matrix: &Matrix<'_>, layout: &Layout) -> String {
    let pairs = matrix.pairs();
    let mut text = String::new();
    for (line, cell) in Cell::ALL.into_iter().enumerate() {
        let y = layout.end() + GAP + line * LINE;
        let (class, meaning, count) = (class(cell), escaped(meaning(cell)), matrix.count(cell));
        let symbol = if cell == Cell::Impossible {
            ' '
        } else {
            symbol(cell)
        };
        let (middle, base, start) = (GAP + CELL / 2, y + BASE, 2 * GAP + CELL);
        let _ = writeln!(
            text,
            "<path class=\"{class}\" d=\"M{GAP} {y}h{CELL}v{CELL}h-{CELL}z\"/>\
             <text class=\"mark\" x=\"{middle}\" y=\"{base}\">{symbol}</text>\
             <text x=\"{start}\" y=\"{base}\">{count} of {pairs} pairs: {meaning}</text>"
        );
    }
    text
}

const fn class(cell: Cell) -> &'static str {
    match cell {
        Cell::Accepted => "yes",
        Cell::Normalised => "new",
        Cell::Baseline => "both",
        Cell::Impossible => "none",
    }
}

/// Colours that people who do not tell red from green tell apart, before light and dark.
fn style() -> String {
    let rule = |[page, ink, yes, new, both, none, mark]: [&str; 7]| {
        format!(
            "text{{fill:{ink}}}.page{{fill:{page}}}.line{{stroke:{ink}}}.mark{{fill:{mark}}}\
             .yes{{fill:{yes}}}.new{{fill:{new}}}.both{{fill:{both}}}.none{{fill:{none}}}\
             path:hover{{stroke:{ink}}}"
        )
    };
    format!(
        "text{{font:11px monospace}}.name{{text-anchor:end}}\
         .mark{{text-anchor:middle;font-weight:bold;pointer-events:none}}\
         .line{{stroke-width:.5;pointer-events:none}}{}\
         @media(prefers-color-scheme:dark){{{}}}",
        rule(LIGHT),
        rule(DARK)
    )
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

/// Page, ink, the four kinds of cells, and the characters on them.
const LIGHT: [&str; 7] = [
    "#ffffff", "#1f2328", "#2f9e8f", "#9ad9cf", "#f2c879", "#eceef0", "#10231f",
];
const DARK: [&str; 7] = [
    "#0d1117", "#d1d7de", "#4fd1bf", "#25877b", "#d19a3c", "#21262d", "#06110f",
];
/// How many lines a title has beside its first: it shall fit a screen, and the picture a page.
const LINES: usize = 8;
/// Sizes in pixels: a cell, from one to the next, from its top to the foot of its character.
const CELL: usize = 16;
const STEP: usize = 17;
const BASE: usize = 12;
const LETTER: usize = 7;
const GAP: usize = 8;
const LINE: usize = 20;
const LEGEND_WIDTH: usize = 720;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;
    use crate::contract::wish::Wish;

    fn picture() -> String {
        let stubborn = samples::with_fields(&[
            ("ID_AA64PFR0_EL1.GIC", 1, 0b11),
            ("ID_AA64ISAR0_EL1.DP", 1, 0b10),
        ]);
        let hosts = [
            samples::named("<new>", samples::host()),
            samples::named("older", samples::older_host()),
            samples::named("stubborn", stubborn),
        ];
        svg(&Matrix::new(&hosts, Wish::default()))
    }

    #[test]
    fn every_pair_is_a_square_of_a_shape_that_says_why() {
        let svg = picture();
        let shapes = svg.lines().filter(|line| line.contains("<title>"));
        let squares: usize = shapes.map(|line| line.matches("h16v16h-16z").count()).sum();
        assert_eq!(squares, 9);
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
    fn what_is_impossible_is_one_shape_for_both_directions() {
        let svg = picture();
        let mut shapes = svg.split("</path>");
        let both = shapes.find(|shape| shape.contains("<title>older and stubborn: never, "));
        let both = both.unwrap();
        assert_eq!(both.matches("h16v16h-16z").count(), 2);
        assert!(both.ends_with("\nID_AA64ISAR0_EL1: DP</title>"), "{both}");
    }

    #[test]
    fn a_picture_needs_no_script_and_every_element_ends() {
        let svg = picture();
        assert!(!svg.contains("<script"));
        for element in ["svg", "style", "text", "title"] {
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
