//! Instructions from guest to guest under KVM, in a lab host whose clock counts them.
//!
//! A host settles, takes the floors (a bare loop around KVM_RUN), runs its benching guests under each
//! firmware, and takes the floors again. The floors are known; where they come out otherwise,
//! something else ran beside, and the whole run is rejected. One CPU is enough for calls, and
//! has the least work of its own; a guest that starts its other vCPU has a host with a CPU for each, or
//! how long that takes would be the scheduler's choice.

use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;
use std::process::Command;

use super::counts;
use super::figure::{Figure, Group, Worth};
use super::guest_to_guest::{self, Call};
use crate::process::{self, Separate};
use crate::workspace::{HOST_PROGRAM_TARGET, Workspace};

/// The floors, and what each call takes under each firmware.
pub(super) fn count(workspace: &Workspace) -> Result<(Group, Vec<Call>)> {
    let guests = guest_to_guest::guests(workspace)?;
    let (starting, calling): (Vec<_>, Vec<_>) =
        guests.into_iter().partition(|guest| guest == STARTING);
    let (floors, mut all) = counted(&process::separate(command(workspace, "1", &calling))?)?;
    let (_, starts) = counted(&process::separate(command(workspace, "2", &starting))?)?;
    all.extend(starts);
    Ok((floors, all))
}

fn command(workspace: &Workspace, cpus: &str, guests: &[String]) -> Command {
    let mut lab = workspace.command(workspace.host_program());
    lab.args(["lab", "run", "--host", HOST, "--cpus", cpus, "--no-input"]);
    lab.args(["--timeout", SECONDS]);
    for guest in guests {
        lab.arg("--file");
        lab.arg(workspace.guest_programs().join("examples").join(guest));
    }
    lab.arg("--").arg(floor(workspace));
    for firmware in FIRMWARE {
        for guest in guests {
            lab.args(["--", "vambrace", "run", "--firmware", firmware, guest]);
        }
    }
    lab
}

/// The program that takes the floors and runs the guests.
pub(super) fn floor(workspace: &Workspace) -> PathBuf {
    let programs = workspace.target.join(HOST_PROGRAM_TARGET);
    programs.join("release/examples/floor")
}

fn counted(run: &Separate) -> Result<(Group, Vec<Call>)> {
    ensure!(
        run.status.success(),
        "counting in {HOST} ended with {}: {}",
        run.status,
        run.errors.trim_end()
    );
    let mut parts = run.output.split("run: ");
    let floors = Floors::parse(parts.next().unwrap_or_default())?;
    let mut counted = Vec::new();
    for part in parts {
        let (line, output) = part.split_once('\n').unwrap_or((part, ""));
        match firmware_of(line) {
            Some(firmware) => counted.extend(calls(firmware, output, &floors)),
            None => Floors::parse(output).map(|_| ())?,
        }
    }
    let group = Group {
        key: "bare-loop",
        title: format!("a bare loop around KVM_RUN on {HOST}, instructions a round"),
        worth: Worth::Lasting,
        figures: floors.figures(),
    };
    Ok((group, counted))
}

/// Who answers in a run with this command line; nobody where it is the floors again.
fn firmware_of(line: &str) -> Option<&'static str> {
    FIRMWARE
        .into_iter()
        .find(|firmware| line.contains(&format!("--firmware {firmware} ")))
}

fn calls(firmware: &'static str, output: &str, floors: &Floors) -> Vec<Call> {
    let counts = counts(output).into_iter();
    let calls = counts.map(|(kind, count)| {
        let known = KINDS.iter().find(|known| known.kind == kind);
        let forwarded = known.filter(|_| firmware == "core" || kind == MMIO_READ);
        Call {
            count,
            goal: forwarded.and_then(|known| floors.goal(known)),
            floor: forwarded.map(|known| floors.of(known)),
            answered_by: firmware,
            kind,
        }
    });
    calls.collect()
}

/// What the bare loop takes in this run.
#[derive(Debug, PartialEq, Eq)]
struct Floors {
    mmio_read: u64,
    exit: u64,
    exit_set: u64,
    exit_get_set: u64,
}

impl Floors {
    /// # Errors
    /// One is missing, or is not what it is known to be.
    fn parse(output: &str) -> Result<Self> {
        let counts = counts(output);
        let floor = |(kind, known): (&str, u64)| {
            let found = counts.iter().find(|(name, _)| name == kind);
            let (_, found) = found.with_context(|| format!("no floor `{kind}` was counted"))?;
            if found.abs_diff(known) * 100 > known * TOLERANCE {
                bail!(
                    "the run in {HOST} is rejected: its floor `{kind}` is {found} instructions and \
                     known to be {known}. Run it again; if it stays so, the host's kernel has \
                     changed, and KNOWN in xtask/src/bench/under_kvm.rs changes with it"
                );
            }
            Ok(*found)
        };
        Ok(Self {
            mmio_read: floor(KNOWN[0])?,
            exit: floor(KNOWN[1])?,
            exit_set: floor(KNOWN[2])?,
            exit_get_set: floor(KNOWN[3])?,
        })
    }

    fn figures(&self) -> Vec<Figure> {
        let names = KNOWN.iter().map(|(kind, _)| *kind);
        let values = [self.mmio_read, self.exit, self.exit_set, self.exit_get_set];
        let known = KNOWN.iter().map(|(_, known)| Some(*known));
        let figures = names.zip(values).zip(known);
        figures
            .map(|((name, value), known)| Figure::new(name, value).with_floor(known))
            .collect()
    }

    /// Of a read that is answered without KVM, what is beyond the floor is ours alone.
    fn goal(&self, call: &Kind) -> Option<u64> {
        match call.kind {
            MMIO_READ => Some(self.mmio_read + OF_A_READ),
            _ => call.goal,
        }
    }

    /// The exit of a call, and the registers that it reads and writes.
    fn of(&self, call: &Kind) -> u64 {
        if call.kind == MMIO_READ {
            return self.mmio_read;
        }
        let set = self.exit_set.saturating_sub(self.exit);
        let get = self.exit_get_set.saturating_sub(self.exit_set);
        self.exit + call.reads * get + call.writes * set
    }
}

/// A kind of call, as a benching guest names it.
struct Kind {
    kind: &'static str,
    /// Registers that its answer depends on.
    reads: u64,
    /// Registers that its answer is written to: as KVM does it, x0 to x3.
    writes: u64,
    goal: Option<u64>,
}

const fn call(kind: &'static str, reads: u64, goal: Option<u64>) -> Kind {
    Kind {
        kind,
        reads,
        writes: 4,
        goal,
    }
}

const MMIO_READ: &str = "mmio-read";
const KINDS: [Kind; 7] = [
    call("psci-version", 0, Some(12_000)),
    call("unknown", 0, None),
    call("psci-features", 1, None),
    call("cpu-on-running", 1, Some(17_000)),
    call("affinity-info", 2, None),
    call("trng-rnd64", 1, None),
    call(MMIO_READ, 0, None),
];

/// Seen with Linux 6.12.107; the first three also by an independent program.
const KNOWN: [(&str, u64); 4] = [
    (MMIO_READ, 6_231),
    ("exit", 5_960),
    ("exit-set", 7_380),
    ("exit-get-set", 8_890),
];
/// What a read of a device may take in user space.
const OF_A_READ: u64 = 250;
/// Percent.
const TOLERANCE: u64 = 2;
pub(super) const HOST: &str = "lab:6.12:max:icount";
const FIRMWARE: [&str; 2] = ["kernel", "core"];
/// The guest that starts its other vCPU.
const STARTING: &str = "bench_cpu_on";
/// It takes half a minute on a machine that does nothing else.
const SECONDS: &str = "600";

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: &str = "bench: mmio-read 1000 6231000\nbench: exit 1000 5960000\n\
                          bench: exit-set 1000 7380000\nbench: exit-get-set 1000 8890000\n";

    fn judged(output: &str) -> Result<(Group, Vec<Call>)> {
        let mut shell = process::command("sh");
        shell.args(["-c", &format!("printf '%s' '{output}'")]);
        counted(&process::separate(shell).unwrap())
    }

    #[test]
    fn a_call_is_shown_beside_the_floor_of_the_same_run() {
        let run = "run: vambrace run --firmware core bench_calls\nclaim: x.\n\
                   bench: psci-version 1000 12500000\n";
        let (bare, calls) = judged(&format!("{FLOORS}{run}run: floors\n{FLOORS}")).unwrap();
        let expected = Call {
            kind: "psci-version".to_owned(),
            answered_by: "core",
            count: 12_500,
            goal: Some(12_000),
            floor: Some(5_960 + 4 * 1_420),
        };
        assert_eq!(calls, [expected]);
        assert_eq!(bare.figures.len(), 4);
    }

    #[test]
    fn kvms_own_firmware_has_no_floor_of_ours() {
        let run =
            "run: vambrace run --firmware kernel bench_calls\nbench: psci-version 1000 1600000\n";
        let (_, calls) = judged(&format!("{FLOORS}{run}")).unwrap();
        assert_eq!((calls[0].answered_by, calls[0].floor), ("kernel", None));
    }

    #[test]
    fn a_run_whose_floor_is_off_is_rejected() {
        let slower = FLOORS.replace("5960000", "6090000");
        for output in [slower.clone(), format!("{FLOORS}run: floors\n{slower}")] {
            let error = judged(&output).unwrap_err().to_string();
            assert!(
                error.contains("rejected: its floor `exit` is 6090"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_run_without_floors_is_rejected() {
        assert!(judged("bench: psci-version 1000 12500000\n").is_err());
    }
}
