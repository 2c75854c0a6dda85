//! `vambrace contract matrix`: which host's guests may move to which.

mod picture;
mod table;

use std::collections::HashMap;
use std::path::PathBuf;

use vambrace_core::contract::{Conflict, Contract, Digest, Excess, HostProfile};
use vambrace_formats::fleet::{self, Fleet};

use super::record::{BaselineRecord, Judged, Outcome, Report};
use super::wish::Wish;
use super::{ALL_ACCEPT, SOME_REFUSE, conflict};
use crate::failure::Failure;
use crate::files::{self, Destination, Named};

/// Show which host's guests may move to which: source by destination
///
/// Each source's own contract, the most that it can promise, is held against each destination. Where
/// that is refused, the most that both can promise is looked for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// Profiles of the hosts
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<PathBuf>,

    #[command(flatten)]
    wish: Wish,

    /// Draw it too, with the reasons as titles that a browser shows on hovering
    #[arg(long, value_name = "FILE", value_parser = Destination::parser())]
    svg: Option<Destination>,

    /// Print every verdict and every baseline as JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Does what was asked; 0 if every host's guests may move to every other, 1 if not.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    if let Some(svg) = &arguments.svg {
        svg.check()?;
    }
    let hosts = files::hosts(&arguments.hosts)?;
    let matrix = Matrix::new(&hosts, arguments.wish);
    if let Some(svg) = &arguments.svg {
        svg.write(&picture::svg(&matrix))?;
    }
    if arguments.json {
        matrix.report().print()?;
    } else {
        let text = table::text(&matrix);
        use std::io::Write as _;
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(
        match matrix.count(Cell::Accepted) + matrix.count(Cell::Normalised) == matrix.pairs() {
            true => ALL_ACCEPT,
            false => SOME_REFUSE,
        },
    )
}

/// What a pair of hosts comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// The destination honours what the source promises unasked.
    Accepted,
    /// It does, and changes what no guest relies on.
    Normalised,
    /// It does not; but there is a contract that both honour, and that a guest may be launched with
    /// on the source.
    Baseline,
    /// There is none.
    Impossible,
}

impl Cell {
    const ALL: [Self; 4] = [
        Self::Accepted,
        Self::Normalised,
        Self::Baseline,
        Self::Impossible,
    ];

    /// `excesses` is what a guest that is launched on the source with what both have in common is
    /// told beyond it.
    fn of(verdict: Option<&Judged>, common: Option<&Common>, excesses: &[Excess]) -> Self {
        match verdict.map(Judged::outcome) {
            Some(Outcome::Accepted) => Self::Accepted,
            Some(Outcome::Normalised) => Self::Normalised,
            Some(Outcome::Refused) | None => match common {
                Some(Ok(_)) if excesses.is_empty() => Self::Baseline,
                Some(Ok(_) | Err(_)) | None => Self::Impossible,
            },
        }
    }
}

/// What two hosts have in common: a contract, or what makes one impossible.
type Common = Result<Agreed, Vec<Conflict>>;

/// A contract that two hosts honour.
struct Agreed {
    digest: Digest,
    /// What each of them, the smaller kind first, tells a guest beyond it.
    excesses: [Vec<Excess>; 2],
}

/// Every ordered pair of hosts; those of equal profiles share everything but the name.
struct Matrix<'a> {
    hosts: &'a [Named<HostProfile>],
    wish: Wish,
    fleet: Fleet,
    /// The contract of each kind, if it can have one of the wish.
    contracts: Vec<Option<Contract>>,
    /// None where the source has no contract.
    verdicts: fleet::Matrix<Option<Judged>>,
    /// By kinds, the smaller place first; of all pairs of which one refuses the other's contract.
    baselines: HashMap<(usize, usize), Common>,
    cells: fleet::Matrix<Cell>,
}

impl<'a> Matrix<'a> {
    fn new(hosts: &'a [Named<HostProfile>], wish: Wish) -> Self {
        let mut fleet = Fleet::new();
        for host in hosts {
            fleet.add(&host.name, &host.value);
        }
        let contract = |host| wish.contract(&[host]).ok();
        let contracts: Vec<_> = fleet.profiles().map(contract).collect();
        let profile = |kind: usize| &*fleet.kinds()[kind].profile;
        let mut baselines = HashMap::new();
        let verdicts = fleet.matrix(|source, destination| {
            let contract = contracts[source].as_ref();
            let verdict = contract.map(|contract| Judged::of(contract, profile(destination)));
            if !verdict.as_ref().is_some_and(Judged::is_accepted) {
                let (one, other) = unordered(source, destination);
                baselines
                    .entry((one, other))
                    .or_insert_with(|| common(wish, [one, other].map(profile)));
            }
            verdict
        });
        let cells = fleet.matrix(|source, destination| {
            let verdict = verdicts.of(source, destination).and_then(Option::as_ref);
            let common = baselines.get(&unordered(source, destination));
            Cell::of(verdict, common, excesses(common, source, destination))
        });
        Self {
            hosts,
            wish,
            contracts,
            verdicts,
            baselines,
            cells,
            fleet,
        }
    }

    /// How many ordered pairs there are, each host with itself included.
    fn pairs(&self) -> usize {
        self.verdicts.pairs()
    }

    fn count(&self, cell: Cell) -> usize {
        self.cells.count(|of_kinds| *of_kinds == cell)
    }

    /// Of two hosts by their places.
    fn cell(&self, source: usize, destination: usize) -> Cell {
        let cell = self.cells.of(self.kind(source), self.kind(destination));
        *cell.expect("each pair of kinds has a cell")
    }

    fn verdict(&self, source: usize, destination: usize) -> Option<&Judged> {
        self.verdicts
            .of(self.kind(source), self.kind(destination))?
            .as_ref()
    }

    /// Of two hosts of which one refuses the other's contract.
    fn common(&self, one: usize, other: usize) -> Option<&Common> {
        self.baselines
            .get(&unordered(self.kind(one), self.kind(other)))
    }

    /// What a guest that is launched on the source with what the two have in common is told beyond
    /// it.
    fn excesses(&self, source: usize, destination: usize) -> &[Excess] {
        let common = self.common(source, destination);
        excesses(common, self.kind(source), self.kind(destination))
    }

    fn contract(&self, source: usize) -> Option<Named<Contract>> {
        let contract = self.contracts[self.kind(source)].as_ref()?;
        Some(Named {
            name: self.hosts[source].name.clone(),
            path: self.hosts[source].path.clone(),
            value: contract.clone(),
        })
    }

    fn kind(&self, host: usize) -> usize {
        self.fleet.hosts()[host].kind
    }

    /// The two hosts, as the output calls them.
    fn pair(&self, one: usize, other: usize) -> [Named<HostProfile>; 2] {
        [one, other].map(|place| self.hosts[place].clone())
    }

    fn report(&self) -> Report {
        let places = 0..self.hosts.len();
        let mut report = Report::new("matrix");
        for source in places.clone() {
            let Some(contract) = self.contract(source) else {
                continue;
            };
            for destination in places.clone() {
                if let Some(verdict) = self.verdict(source, destination) {
                    let host = &self.hosts[destination].name;
                    report.verdicts.push(verdict.record(&contract, host));
                }
            }
        }
        for one in places.clone() {
            for other in one..self.hosts.len() {
                if let Some(found) = self.common(one, other) {
                    report
                        .baselines
                        .push(self.baseline_record(one, other, found));
                }
            }
        }
        report
    }

    fn baseline_record(&self, one: usize, other: usize, found: &Common) -> BaselineRecord {
        let hosts = self.pair(one, other);
        BaselineRecord {
            possible: found.is_ok(),
            digest: found.as_ref().ok().map(|agreed| agreed.digest.to_string()),
            contract: None,
            conflicts: found.as_ref().err().map_or(Vec::new(), |conflicts| {
                conflict::records(conflicts, &hosts, self.wish)
            }),
            hosts: hosts.map(|host| host.name).into(),
        }
    }
}

fn common(wish: Wish, hosts: [&HostProfile; 2]) -> Common {
    wish.contract(&hosts).map(|contract| Agreed {
        digest: contract.digest(),
        excesses: hosts.map(|host| Judged::of(&contract, host).excesses),
    })
}

/// What the kind `source` tells beyond what it has in common with the other.
fn excesses(common: Option<&Common>, source: usize, destination: usize) -> &[Excess] {
    let Some(Ok(agreed)) = common else {
        return &[];
    };
    &agreed.excesses[usize::from(source > destination)]
}

fn unordered(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

const EXIT_CODES: &str = "\
Exit codes: 0 every host honours what every other promises unasked, 1 some do not, 125 usage, an
unusable file, or an error of ours.";

#[cfg(test)]
mod tests {
    use vambrace_core::contract::{HostLevel, KernelRelease};
    use vambrace_core::firmware::Workaround;

    use super::*;
    use crate::contract::samples;

    fn hosts() -> Vec<Named<HostProfile>> {
        let stubborn = samples::with_fields(&[
            ("ID_AA64PFR0_EL1.GIC", 1, 0b11),
            ("ID_AA64ISAR0_EL1.DP", 1, 0b10),
        ]);
        vec![
            samples::named("new", samples::host()),
            samples::named("old", samples::older_host()),
            samples::named("new too", samples::host()),
            samples::named("stubborn", stubborn),
        ]
    }

    #[test]
    fn a_cell_says_what_a_pair_comes_to() {
        let hosts = hosts();
        let matrix = Matrix::new(&hosts, Wish::default());
        assert_eq!(matrix.cell(0, 0), Cell::Accepted);
        assert_eq!(matrix.cell(1, 0), Cell::Accepted);
        assert_eq!(matrix.cell(0, 1), Cell::Baseline);
        assert_eq!(matrix.cell(3, 1), Cell::Impossible);
        let counts = Cell::ALL.map(|cell| matrix.count(cell));
        assert_eq!(counts.iter().sum::<usize>(), 16);
    }

    #[test]
    fn a_guest_is_not_launched_where_it_is_told_more_than_both_have() {
        let of_level = |name, level, product, accepted| {
            let gic = ("ID_AA64PFR0_EL1.GIC", 1, 0b11);
            let product = ("ID_AA64ISAR0_EL1.DP", product, accepted);
            let mut host = samples::with_fields(&[gic, product]);
            host.workarounds.three =
                KernelRelease::new(7, 3).levels(Workaround::Three, HostLevel(level));
            samples::named(name, host)
        };
        let hosts = [
            of_level("vulnerable", 0, 1, 0b11),
            of_level("immune", 2, 0, 0b1),
        ];
        let matrix = Matrix::new(&hosts, Wish::default());
        assert_eq!(matrix.cell(0, 1), Cell::Baseline);
        assert_eq!(matrix.cell(1, 0), Cell::Impossible);
        assert_eq!(matrix.excesses(0, 1), []);
        assert_eq!(matrix.excesses(1, 0).len(), 1);
        let svg = picture::svg(&matrix);
        let told = "told not-required</title>";
        assert!(
            svg.contains("<title>immune to vulnerable: never, "),
            "{svg}"
        );
        assert!(svg.contains(told), "{svg}");
    }

    #[test]
    fn equal_profiles_share_one_judgement() {
        let hosts = hosts();
        let matrix = Matrix::new(&hosts, Wish::default());
        assert_eq!([0, 1, 2, 3].map(|host| matrix.kind(host)), [0, 1, 0, 2]);
        assert_eq!(matrix.verdicts.answers(), 9);
        let report = matrix.report();
        assert_eq!(report.verdicts.len(), 16);
        let named = report
            .verdicts
            .iter()
            .filter(|record| record.contract == "new too");
        assert_eq!(named.count(), 4);
    }

    #[test]
    fn the_report_tells_of_each_pair_that_has_no_contract_why() {
        let hosts = hosts();
        let report = Matrix::new(&hosts, Wish::default()).report();
        let pair = |one: &str, other: &str| {
            let mut baselines = report.baselines.iter();
            baselines
                .find(|baseline| baseline.hosts == [one, other])
                .cloned()
        };
        assert!(pair("new", "old").unwrap().possible);
        let impossible = pair("old", "stubborn").unwrap();
        assert!(!impossible.possible);
        assert!(
            impossible.conflicts[0]
                .over
                .starts_with("ID_AA64ISAR0_EL1.DP")
        );
        assert_eq!(pair("new", "new too"), None);
    }
}
