//! Baseline and matrix of made-up fleets: 10, 1 000 and 100 000 hosts.
//!
//! Each is measured in a process of its own, whose peak of memory is then its own too. Lines:
//! `time: NAME NANOSECONDS`, `peak: NAME KIBIBYTES`, `count: NAME NUMBER`.
//!
//! A baseline adds hosts one by one and keeps none, and these hosts are all different. A matrix
//! judges kinds of hosts, of which a real fleet has few: these are the recorded ones, and one host
//! in a thousand is like no other.

mod drawn;

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use drawn::Draw;
use vambrace_conformance::recorded;
use vambrace_core::contract::{Baseline, Contract, Wishes, preflight};
use vambrace_formats::fleet::Fleet;

fn main() {
    // Cargo adds `--bench` behind.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["baseline", hosts] => baseline(hosts.parse().unwrap()),
        ["matrix", hosts] => matrix(hosts.parse().unwrap()),
        _ => measure_each(),
    }
}

fn measure_each() {
    let own = std::env::current_exe().unwrap();
    for what in ["baseline", "matrix"] {
        for hosts in ["10", "1000", "100000"] {
            let ended = Command::new(&own).args([what, hosts]).status().unwrap();
            assert!(ended.success(), "{what} of {hosts} hosts: {ended}");
        }
    }
}

/// The baseline of so many hosts, none of them like another.
fn baseline(hosts: usize) {
    let recorded = recorded::hosts();
    let mut times = Times::new();
    // A baseline of few is over before the clock has moved: as many as make the same number of hosts.
    for _ in 0..100_000 / hosts {
        let mut draw = Draw::new(&recorded);
        let mut baseline = Baseline::new(&Wishes::PLAIN);
        for _ in 0..hosts {
            let host = draw.unlike_others();
            times.take(|| baseline.add(&host));
        }
        let _ = black_box(baseline.contract());
    }
    print_time(&format!("baseline-{hosts}"), times.median());
    print_peak(&format!("baseline-{hosts}"));
}

/// Every ordered pair of so many hosts of few kinds.
fn matrix(hosts: usize) {
    let name = format!("matrix-{hosts}");
    let recorded = recorded::hosts();
    let mut draw = Draw::new(&recorded);
    let mut fleet = Fleet::new();
    let mut times = Times::new();
    for number in 0..hosts {
        let host = draw.of_a_fleet();
        times.take(|| fleet.add(format!("host-{number}"), &host));
    }
    let start = Instant::now();
    let contracts: Vec<Option<Contract>> = fleet
        .profiles()
        .map(|host| Baseline::of(&Wishes::PLAIN, [host]).ok())
        .collect();
    let matrix = fleet.matrix(|source, destination| {
        let contract = contracts[source].as_ref();
        let host = &fleet.kinds()[destination].profile;
        contract.is_some_and(|contract| preflight(contract, host).is_accepted())
    });
    black_box(matrix.count(|accepted| *accepted));
    let judging = start.elapsed();
    let kinds = u32::try_from(fleet.kinds().len()).unwrap();
    assert_eq!(matrix.pairs(), fleet.hosts().len().pow(2));
    print_time(&format!("{name}-host"), times.median());
    print_time(&format!("{name}-pair-of-kinds"), judging / kinds.pow(2));
    print_time(&format!("{name}-verdicts"), judging);
    print_peak(&name);
    println!("count: {name}-kinds {kinds}");
}

/// What many equal things took, ten by ten: another program that runs in between spoils one ten.
#[derive(Debug)]
struct Times {
    tens: Vec<Duration>,
    taken: usize,
}

impl Times {
    const fn new() -> Self {
        Self {
            tens: Vec::new(),
            taken: 0,
        }
    }

    fn take<R>(&mut self, one: impl FnOnce() -> R) {
        let start = Instant::now();
        black_box(one());
        let time = start.elapsed();
        match self.tens.last_mut() {
            Some(ten) if !self.taken.is_multiple_of(10) => *ten += time,
            _ => self.tens.push(time),
        }
        self.taken += 1;
    }

    /// Of one.
    fn median(mut self) -> Duration {
        self.tens.sort();
        self.tens[self.tens.len() / 2] / 10
    }
}

fn print_time(name: &str, time: Duration) {
    println!("time: {name} {}", time.as_nanos());
}

/// The most memory that this process has had.
fn print_peak(name: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.expect("Linux tells the peak of a process");
    println!("peak: {name} {}", peak.trim().trim_end_matches(" kB"));
}
