//! The one table: measured, goal, floor, baseline, change.

use super::baseline::Baseline;
use super::figure::{Figure, Group};

pub(super) fn of(groups: &[Group], baseline: &Baseline) -> String {
    let all = || groups.iter().flat_map(|group| &group.figures);
    let width = all().map(|figure| figure.name.chars().count()).max();
    let width = width.unwrap_or(0) + 2;
    let mut text = format!(
        "{:width$}{:>10}{:>12}{:>12}{:>12}\n",
        "", "measured", "goal", "floor", "baseline"
    );
    for group in groups {
        text += &format!("{}\n", group.title);
        for figure in &group.figures {
            let before = baseline.find(group.key, &figure.name);
            text += &line(figure, before, width);
        }
    }
    let beyond = all().filter(|figure| is_beyond(figure)).count();
    let grown = groups.iter().flat_map(|group| {
        let figures = group.figures.iter();
        figures.filter(|figure| has_grown(figure.value, baseline.find(group.key, &figure.name)))
    });
    text += &format!(
        "\n{beyond} beyond their goal (!), {} grown by more than {NOISE} % (^)\n",
        grown.count()
    );
    text
}

fn line(figure: &Figure, before: Option<u64>, width: usize) -> String {
    let number = |value: Option<u64>| value.map(grouped).unwrap_or_default();
    let mark = if is_beyond(figure) { '!' } else { ' ' };
    let line = format!(
        "  {:name$}{:>10}{mark}{:>11}{:>12}{:>12}{}",
        figure.name,
        grouped(figure.value),
        number(figure.goal),
        number(figure.floor),
        number(before),
        before.map_or_else(String::new, |before| change(figure.value, before)),
        name = width - 2,
    );
    format!("{}\n", line.trim_end())
}

fn is_beyond(figure: &Figure) -> bool {
    figure.goal.is_some_and(|goal| figure.value > goal)
}

fn has_grown(value: u64, before: Option<u64>) -> bool {
    before.is_some_and(|before| value * 100 > before * (100 + NOISE))
}

/// The change since the baseline in tenths of a percent, if there is one.
fn change(value: u64, before: u64) -> String {
    if value == before || before == 0 {
        return String::new();
    }
    let (more, sign) = match value.checked_sub(before) {
        Some(more) => (more, '+'),
        None => (before - value, '-'),
    };
    let tenths = (more * 1000 + before / 2) / before;
    let mark = if has_grown(value, Some(before)) {
        " ^"
    } else {
        ""
    };
    format!("  {sign}{}.{} %{mark}", tenths / 10, tenths % 10)
}

/// Digits in groups of three.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Percent that two runs of the same work may differ by: a host has work of its own.
const NOISE: u64 = 2;

#[cfg(test)]
mod tests {
    use super::super::figure::Worth;
    use super::*;

    #[test]
    fn numbers_are_read_in_groups() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(24_576), "24 576");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }

    #[test]
    fn a_growth_shows_and_one_beyond_noise_is_marked() {
        assert_eq!(change(100, 100), "");
        assert_eq!(change(101, 100), "  +1.0 %");
        assert_eq!(change(150, 100), "  +50.0 % ^");
        assert_eq!(change(75, 100), "  -25.0 %");
        assert_eq!(change(7, 0), "");
    }

    #[test]
    fn a_line_has_what_there_is_to_compare() {
        let figure = Figure::new("PSCI_VERSION", 13_000)
            .with_goal(Some(12_000))
            .with_floor(Some(11_577));
        assert_eq!(
            line(&figure, Some(13_000), 20),
            "  PSCI_VERSION          13 000!     12 000      11 577      13 000\n"
        );
        assert_eq!(
            line(&Figure::new("text", 9), None, 10),
            "  text             9\n"
        );
    }

    #[test]
    fn the_last_line_counts_what_to_look_at() {
        let figure = |value| Figure::new("a", value).with_goal(Some(10));
        let group = |value| Group {
            key: "k",
            title: "t".to_owned(),
            worth: Worth::Lasting,
            figures: vec![figure(value)],
        };
        let baseline = Baseline::of(&[group(9)]);
        let table = of(&[group(11)], &baseline);
        assert!(
            table.ends_with("\n1 beyond their goal (!), 1 grown by more than 2 % (^)\n"),
            "{table}"
        );
    }
}
