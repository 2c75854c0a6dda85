//! What the user sees of a test run: progress, a table, or JSON lines.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use comfy_table::{ContentArrangement, Table, presets};

use super::record::{Comparison, Firmware, Record, Summary, Test, Verdict};

/// Takes records as they come. Clones share what was taken.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    format: Format,
    extent: Extent,
    taken: Arc<Mutex<Vec<Record>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Json,
}

/// How much of a run its records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Others come, so that comparisons and the summary are not shown yet.
    Part,
}

impl Printer {
    /// One for a person, or with `json` for a program.
    pub(crate) fn new(json: bool) -> Self {
        let format = if json { Format::Json } else { Format::Table };
        Self {
            format,
            extent: Extent::Whole,
            taken: Arc::default(),
        }
    }

    /// One that shows the same in the same form, as a part of what there will be.
    pub(crate) fn partial(&self) -> Self {
        Self {
            extent: Extent::Part,
            taken: Arc::default(),
            ..*self
        }
    }

    /// What was taken.
    pub(crate) fn records(&self) -> Vec<Record> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.clone()
    }

    /// Takes a record that was shown already.
    pub(crate) fn keep(&self, record: Record) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push(record);
    }

    /// Shows what can be shown now, and keeps the record for the table.
    pub(crate) fn print(&self, record: &Record) {
        let ends = matches!(record, Record::Comparison(_) | Record::Summary(_));
        match (self.extent, self.format) {
            (Extent::Part, _) if ends => {}
            (_, Format::Json) => print_line(record),
            (_, Format::Table) => progress(record),
        }
        self.keep(record.clone());
    }

    /// The summary, if it has come.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().rev().find_map(|record| match record {
            Record::Summary(summary) => Some(*summary),
            Record::Host(_) | Record::Test(_) | Record::Comparison(_) => None,
        })
    }

    /// The last test that was told of, by its name and its firmware.
    pub(crate) fn latest(&self) -> Option<String> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().rev().find_map(|record| match record {
            Record::Test(test) => Some(format!("{} ({})", test.name, test.firmware.name())),
            Record::Host(_) | Record::Comparison(_) | Record::Summary(_) => None,
        })
    }

    /// Shows the table.
    pub(crate) fn finish(&self, summary: &Summary) -> io::Result<()> {
        if self.format == Format::Json {
            return Ok(());
        }
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        io::stdout()
            .lock()
            .write_all(render(&taken, summary).as_bytes())
    }
}

/// A reader that has gone away is no error of the tests.
fn print_line(record: &Record) {
    if let Ok(line) = serde_json::to_string(record) {
        let _ = writeln!(io::stdout().lock(), "{line}");
    }
}

fn progress(record: &Record) {
    let mut stderr = io::stderr().lock();
    let _ = match record {
        Record::Host(host) => {
            let kernel = match host.kernel.as_str() {
                "" => "no operating system".to_owned(),
                release => format!("Linux {release}"),
            };
            writeln!(stderr, "host {}: {kernel}, PSCI {}", host.name, host.psci)
        }
        Record::Test(test) => {
            let firmware = test.firmware.name();
            writeln!(stderr, "  {:13} {firmware:6} {}", cell(test), test.name)
        }
        Record::Comparison(_) | Record::Summary(_) => Ok(()),
    };
}

/// The table, then what went wrong in words, then the counts.
fn render(records: &[Record], summary: &Summary) -> String {
    let tests: Vec<&Test> = records
        .iter()
        .filter_map(|record| {
            if let Record::Test(test) = record {
                Some(test)
            } else {
                None
            }
        })
        .collect();
    let comparisons = records.iter().filter_map(|record| match record {
        Record::Comparison(comparison) => Some(comparison),
        Record::Host(_) | Record::Test(_) | Record::Summary(_) => None,
    });
    let mut text = format!("{}\n", table(&tests));
    for test in tests.iter().filter(|test| test.verdict != Verdict::Pass) {
        text.push_str(&explain(test));
    }
    for comparison in comparisons {
        text.push_str(&explain_difference(comparison));
    }
    text.push_str(&counts(summary));
    text
}

/// A row for each test. Tests in different directories may have the same name; one test's firmwares
/// follow each other, KVM's own first.
fn table(tests: &[&Test]) -> String {
    let columns: Vec<Firmware> = [Firmware::Kernel, Firmware::Core, Firmware::El2]
        .into_iter()
        .filter(|firmware| tests.iter().any(|test| test.firmware == *firmware))
        .collect();
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
        .set_header(std::iter::once("claim").chain(columns.iter().map(|firmware| firmware.name())));
    for row in tests.chunk_by(|one, next| one.name == next.name && one.firmware < next.firmware) {
        let of = |firmware: &Firmware| row.iter().find(|test| test.firmware == *firmware);
        let cells = columns
            .iter()
            .map(|firmware| of(firmware).map_or_else(String::new, |t| cell(t)));
        table.add_row(std::iter::once(row[0].name.replace(['_', '-'], " ")).chain(cells));
    }
    table.trim_fmt()
}

/// `pass   0.12 s`
fn cell(test: &Test) -> String {
    match test.verdict {
        Verdict::Pass => format!("pass {:6.2} s", test.seconds),
        Verdict::Fail => format!("FAIL {:6.2} s", test.seconds),
        Verdict::Skip => "skip".into(),
        Verdict::Error => "ERROR".into(),
    }
}

fn explain(test: &Test) -> String {
    let reason = test.reason.as_deref().unwrap_or("no reason was given");
    let verb = match test.verdict {
        Verdict::Skip => "skipped",
        Verdict::Error => "COULD NOT RUN",
        Verdict::Pass | Verdict::Fail => "FAILED",
    };
    let mut text = format!(
        "\n{verb} {} ({}): {reason}\n",
        test.name,
        test.firmware.name()
    );
    if test.verdict == Verdict::Fail {
        let first = test.transcript.len().saturating_sub(SHOWN_LINES);
        for line in &test.transcript[first..] {
            text.push_str(&format!("  | {line}\n"));
        }
    }
    text
}

fn explain_difference(comparison: &Comparison) -> String {
    let Some(difference) = &comparison.difference else {
        return String::new();
    };
    let line = |text: &Option<String>| text.clone().unwrap_or_else(|| "(nothing)".into());
    let mut text = format!(
        "\nDIFFERENT {}: the transcripts part at line {}\n  kernel: {}\n  core:   {}\n",
        comparison.name,
        difference.line,
        line(&difference.kernel),
        line(&difference.core)
    );
    if let Some(el2) = &difference.el2 {
        text.push_str(&format!("  el2:    {el2}\n"));
    }
    text
}

fn counts(summary: &Summary) -> String {
    let Summary {
        passed,
        failed,
        skipped,
        errors,
        transcripts_equal,
        transcripts_different,
    } = summary;
    let mut text = String::from("\n");
    if transcripts_equal + transcripts_different != 0 {
        text.push_str(&format!(
            "transcripts compared: {transcripts_equal} equal, {transcripts_different} different\n"
        ));
    }
    if *errors != 0 {
        text.push_str(&format!("could not be run: {errors}\n"));
    }
    text.push_str(&format!(
        "{passed} passed, {failed} failed, {skipped} skipped\n"
    ));
    text
}

/// How many of a failed test's last lines are shown.
const SHOWN_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::record::Difference;

    fn test(name: &str, firmware: Firmware, verdict: Verdict) -> Test {
        Test {
            name: name.into(),
            claim: None,
            firmware,
            verdict,
            reason: (verdict != Verdict::Pass).then(|| "x0 is 1".into()),
            ruled_out_by: None,
            seconds: 0.125,
            resets: 0,
            calls: None,
            forwarded_calls: 0,
            transcript: vec!["last line".into()],
        }
    }

    #[test]
    fn the_table_has_a_row_a_claim_and_a_column_a_firmware() {
        let records = [
            Record::Test(test("psci_version", Firmware::Kernel, Verdict::Pass)),
            Record::Test(test("psci_version", Firmware::Core, Verdict::Fail)),
        ];
        let text = render(
            &records,
            &Summary {
                passed: 1,
                failed: 1,
                ..Summary::default()
            },
        );
        let mut lines = text.lines().map(str::split_whitespace);
        assert_eq!(
            lines.next().unwrap().collect::<Vec<_>>(),
            ["claim", "kernel", "core"]
        );
        assert_eq!(
            lines.next().unwrap().collect::<Vec<_>>(),
            ["psci", "version", "pass", "0.12", "s", "FAIL", "0.12", "s"]
        );
        assert!(
            text.contains("FAILED psci_version (core): x0 is 1\n  | last line\n"),
            "{text}"
        );
        assert!(
            text.ends_with("\n1 passed, 1 failed, 0 skipped\n"),
            "{text}"
        );
    }

    #[test]
    fn a_test_that_could_not_be_run_is_told_with_why() {
        let record = Record::Test(test("cpu_on", Firmware::Core, Verdict::Error));
        let mut summary = Summary::default();
        summary.add(&record);
        let text = render(&[record], &summary);
        let told = "\nCOULD NOT RUN cpu_on (core): x0 is 1\n\ncould not be run: 1\n\
                    0 passed, 0 failed, 0 skipped\n";
        assert!(text.ends_with(told), "{text}");
    }

    #[test]
    fn tests_of_the_same_name_have_rows_of_their_own() {
        let [pass, fail] = [Verdict::Pass, Verdict::Fail]
            .map(|verdict| [Firmware::Kernel, Firmware::Core].map(|f| test("boot", f, verdict)));
        let tests: Vec<&Test> = pass.iter().chain(&fail).collect();
        let text = table(&tests);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert_eq!(
            (text.matches("pass").count(), text.matches("FAIL").count()),
            (2, 2)
        );
    }

    #[test]
    fn a_difference_is_shown_with_both_lines() {
        let comparison = Comparison {
            name: "psci_version".into(),
            difference: Some(Difference {
                line: 3,
                kernel: Some("a".into()),
                core: None,
                el2: None,
            }),
        };
        let text = explain_difference(&comparison);
        assert!(
            text.contains("line 3\n  kernel: a\n  core:   (nothing)"),
            "{text}"
        );
    }
}
