//! Holds the transcripts of two firmwares against each other, line by line.

use super::record::{Comparison, Difference, Firmware, Test, Verdict};

/// Compares the two runs of one test, if both ran to a verdict of their own.
pub(crate) fn compare(runs: &[Test]) -> Option<Comparison> {
    let run = |firmware| {
        runs.iter()
            .find(|run| run.firmware == firmware && has_run(run))
    };
    let (kernel, core) = (run(Firmware::Kernel)?, run(Firmware::Core)?);
    let difference = first_difference(&kernel.transcript, &core.transcript);
    Some(Comparison {
        name: kernel.name.clone(),
        difference,
    })
}

fn has_run(run: &Test) -> bool {
    match run.verdict {
        Verdict::Pass | Verdict::Fail => true,
        Verdict::Skip | Verdict::Error => false,
    }
}

fn first_difference(kernel: &[String], core: &[String]) -> Option<Difference> {
    let lines = kernel.len().max(core.len());
    (0..lines)
        .find(|&line| kernel.get(line) != core.get(line))
        .map(|line| Difference {
            line: line + 1,
            kernel: kernel.get(line).cloned(),
            core: core.get(line).cloned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|&line| line.to_owned()).collect()
    }

    #[test]
    fn equal_transcripts_have_no_difference() {
        assert_eq!(
            first_difference(&lines(&["a", "b"]), &lines(&["a", "b"])),
            None
        );
    }

    #[test]
    fn the_first_different_line_is_named_with_both_texts() {
        let difference = first_difference(&lines(&["a", "0x0", "c"]), &lines(&["a", "0x1", "d"]));
        let expected = Difference {
            line: 2,
            kernel: Some("0x0".into()),
            core: Some("0x1".into()),
        };
        assert_eq!(difference, Some(expected));
    }

    #[test]
    fn a_missing_line_is_a_difference() {
        let difference = first_difference(&lines(&["a", "b"]), &lines(&["a"])).unwrap();
        assert_eq!((difference.line, difference.core), (2, None));
    }
}
