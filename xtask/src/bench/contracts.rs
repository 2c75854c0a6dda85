//! What contracts cost a host program: one preflight, and fleets of many hosts.
//!
//! These are the only figures that are timed, because what they are held against is: a user who
//! waits. They are this machine's, so they are shown and not kept.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

use super::figure::{Figure, Group, Worth};
use crate::process;
use crate::workspace::Workspace;

pub(super) fn measure(workspace: &Workspace) -> Result<Vec<Group>> {
    let preflight = "bench --package vambrace-conformance --bench preflight -- --noplot";
    process::show(workspace.cargo(preflight))?;
    let mut groups = vec![preflights(workspace)?];
    let fleet = "bench --quiet --package vambrace-conformance --bench fleet";
    let run = process::separate(workspace.cargo(fleet))?;
    ensure!(
        run.status.success(),
        "measuring fleets ended with {}: {}",
        run.status,
        run.errors.trim_end()
    );
    groups.extend(fleets(&run.output)?);
    Ok(groups)
}

/// What criterion has left in the target folder.
fn preflights(workspace: &Workspace) -> Result<Group> {
    let figure = |name: &str| {
        let folder = workspace.target.join("criterion/preflight").join(name);
        let path = folder.join("new/estimates.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let median = median(&text).with_context(|| format!("{}: no median", path.display()))?;
        anyhow::Ok(Figure::new(name, median).with_goal(Some(PREFLIGHT)))
    };
    Ok(Group {
        key: "preflight",
        title: "one preflight on this machine, nanoseconds".to_owned(),
        worth: Worth::Passing,
        figures: PREFLIGHTS.into_iter().map(figure).collect::<Result<_>>()?,
    })
}

/// The median of criterion's estimates, in whole nanoseconds.
fn median(estimates: &str) -> Option<u64> {
    let estimates: serde_json::Value = serde_json::from_str(estimates).ok()?;
    let nanoseconds = estimates["median"]["point_estimate"]
        .as_number()?
        .to_string();
    let whole = nanoseconds.split('.').next()?;
    whole.parse().ok()
}

/// The lines `time: NAME NANOSECONDS`, `peak: NAME KIBIBYTES` and `count: NAME NUMBER`.
fn fleets(output: &str) -> Result<[Group; 3]> {
    let times = values(output, "time: ");
    let peaks = values(output, "peak: ");
    let few = *times
        .get(&baseline_of(FEW))
        .context("no baseline was timed")?;
    let time = |(name, time): (&String, &u64)| {
        // A host costs the same whatever their number.
        let goal = name.starts_with(BASELINE).then_some(few * 2);
        Figure::new(name, *time).with_goal(goal)
    };
    let peak = |(name, peak): (&String, &u64)| Figure::new(name, *peak);
    let count = |(name, count): (&String, &u64)| Figure::new(name, *count);
    let mut memory: Vec<Figure> = peaks.iter().map(peak).collect();
    memory.push(growth(&peaks)?.with_goal(Some(GROWTH)));
    let group = |key, title: &str, worth, figures| Group {
        key,
        title: title.to_owned(),
        worth,
        figures,
    };
    Ok([
        group(
            "fleet-time",
            "fleets on this machine, nanoseconds",
            Worth::Passing,
            times.iter().map(time).collect(),
        ),
        group(
            "fleet-memory",
            "fleets, peak memory of the process in KiB",
            Worth::Passing,
            memory,
        ),
        group(
            "fleet-kinds",
            "fleets, kinds of host",
            Worth::Lasting,
            values(output, "count: ").iter().map(count).collect(),
        ),
    ])
}

/// What a thousand hosts more add to the memory of a baseline: nothing, but for pages that are
/// there by chance.
fn growth(peaks: &BTreeMap<String, u64>) -> Result<Figure> {
    let of = |hosts| peaks.get(&baseline_of(hosts));
    let (few, many) = of(FEW)
        .zip(of(MANY))
        .context("no baseline's memory was measured")?;
    let thousands = (MANY - FEW) / 1000;
    let growth = many.saturating_sub(*few).div_ceil(thousands);
    Ok(Figure::new("baseline, more for each 1 000 hosts", growth))
}

fn values(output: &str, kind: &str) -> BTreeMap<String, u64> {
    let value = |line: &str| {
        let (name, value) = line.strip_prefix(kind)?.split_once(' ')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    output.lines().filter_map(value).collect()
}

fn baseline_of(hosts: u64) -> String {
    format!("{BASELINE}{hosts}")
}

const BASELINE: &str = "baseline-";
const FEW: u64 = 10;
const MANY: u64 = 100_000;
const PREFLIGHTS: [&str; 2] = ["no-reason", "most-reasons"];
/// KiB: four bytes a host, whose profile has 27 000.
const GROWTH: u64 = 4;
/// Nanoseconds.
const PREFLIGHT: u64 = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "time: baseline-10 1000\npeak: baseline-10 8000\n\
                       time: baseline-100000 2001\npeak: baseline-100000 8500\n\
                       time: matrix-10-verdicts 5\npeak: matrix-10 9000\ncount: matrix-10-kinds 9\n";

    #[test]
    fn a_baseline_whose_hosts_cost_more_the_more_they_are_is_beyond_its_goal() {
        let [time, memory, kinds] = fleets(RUN).unwrap();
        let many = Figure::new("baseline-100000", 2001).with_goal(Some(2000));
        assert!(time.figures.contains(&many), "{time:?}");
        let growth = Figure::new("baseline, more for each 1 000 hosts", 6).with_goal(Some(4));
        assert_eq!(memory.figures.last(), Some(&growth));
        assert_eq!(kinds.figures, [Figure::new("matrix-10-kinds", 9)]);
    }

    #[test]
    fn without_a_baseline_nothing_is_believed() {
        assert!(fleets("time: matrix-10-verdicts 5\n").is_err());
    }

    #[test]
    fn the_median_is_read_off_criterions_estimates() {
        let estimates = r#"{"mean":{"point_estimate":9.5},"median":{"point_estimate":3120.75}}"#;
        assert_eq!(median(estimates), Some(3120));
        assert_eq!(median("{}"), None);
    }
}
