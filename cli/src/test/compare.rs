//! Holds the transcripts of two or three firmwares against each other, line by line.

use super::record::{Comparison, Difference, Firmware, Test, Verdict};

/// Compares the runs of one test that came to a verdict of their own, if there are two.
pub(crate) fn compare(runs: &[Test]) -> Option<Comparison> {
    let ran: Vec<&Test> = runs.iter().filter(|run| has_run(run)).collect();
    let [first, _, ..] = ran[..] else {
        return None;
    };
    let transcripts: Vec<_> = ran
        .iter()
        .map(|run| (run.firmware, &run.transcript[..]))
        .collect();
    Some(Comparison {
        name: first.name.clone(),
        difference: first_difference(&transcripts),
    })
}

fn has_run(run: &Test) -> bool {
    match run.verdict {
        Verdict::Pass | Verdict::Fail => true,
        Verdict::Skip | Verdict::Error => false,
    }
}

fn first_difference(transcripts: &[(Firmware, &[String])]) -> Option<Difference> {
    let lines = transcripts.iter().map(|(_, lines)| lines.len()).max()?;
    let at = |line: usize| transcripts.iter().map(move |(_, lines)| lines.get(line));
    let differ = |line: &usize| {
        let mut all = at(*line);
        let first = all.next();
        all.any(|other| Some(other) != first)
    };
    let line = (0..lines).find(differ)?;
    let of = |wanted| {
        let mut all = transcripts.iter();
        let (_, lines) = all.find(|(firmware, _)| *firmware == wanted)?;
        lines.get(line).cloned()
    };
    Some(Difference {
        line: line + 1,
        kernel: of(Firmware::Kernel),
        core: of(Firmware::Core),
        el2: of(Firmware::El2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(transcripts: &[(Firmware, &[&str])]) -> Option<Difference> {
        let owned: Vec<(Firmware, Vec<String>)> = transcripts
            .iter()
            .map(|(firmware, lines)| (*firmware, lines.iter().map(|&it| it.to_owned()).collect()))
            .collect();
        let borrowed: Vec<_> = owned
            .iter()
            .map(|(firmware, lines)| (*firmware, &lines[..]))
            .collect();
        first_difference(&borrowed)
    }

    const KERNEL: Firmware = Firmware::Kernel;
    const CORE: Firmware = Firmware::Core;
    const EL2: Firmware = Firmware::El2;

    #[test]
    fn equal_transcripts_have_no_difference() {
        let lines: &[&str] = &["a", "b"];
        assert_eq!(difference(&[(KERNEL, lines), (CORE, lines)]), None);
        assert_eq!(
            difference(&[(KERNEL, lines), (CORE, lines), (EL2, lines)]),
            None
        );
    }

    #[test]
    fn the_first_different_line_is_named_with_both_texts() {
        let found = difference(&[(KERNEL, &["a", "0x0", "c"]), (CORE, &["a", "0x1", "d"])]);
        let expected = Difference {
            line: 2,
            kernel: Some("0x0".into()),
            core: Some("0x1".into()),
            el2: None,
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn one_of_three_that_differs_is_enough() {
        let found = difference(&[(KERNEL, &["a"]), (CORE, &["a"]), (EL2, &["b"])]).unwrap();
        assert_eq!(found.el2.as_deref(), Some("b"));
    }

    #[test]
    fn a_missing_line_is_a_difference() {
        let found = difference(&[(KERNEL, &["a", "b"]), (CORE, &["a"])]).unwrap();
        assert_eq!((found.line, found.core), (2, None));
    }
}
