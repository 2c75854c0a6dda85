//! Every pair of source and destination in `cases.csv`, as preflight judges it.
//!
//! A row says what a kernel does with one firmware register that a virtual machine monitor wrote
//! as it had read it. Of each row a host is made of the destination, and a contract that differs
//! from the host's own in that register alone: there it promises what the source had. So whatever
//! preflight says is about the row.
//!
//! A contract is not a blind copy, and not every value of a register can be promised. The rows where
//! that matters are counted, and [`Kind`] says why they are other.

mod hosts;

use std::fmt::Write as _;

use vambrace_core::contract::{
    Baseline, Capabilities, Contract, HostProfile, Judge, KernelRelease, ServedBy, ServiceLimit,
    Ssbs, Subject, Wishes, preflight,
};
use vambrace_core::firmware::{Bitmap, Dialect, KvmGeneration, Services, Workaround};
use vambrace_core::memory::Ipa;
use vambrace_core::vcpu::Mpidr;
use vambrace_core::vendor_hyp::Implementations;
use vambrace_core::{Vm, VmConfig};

use hosts::{at_level, host, own_contract, own_implementation, source_at_level};

/// How what the kernel does with the register and what preflight says of the promise belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Preflight says what the kernel says: it accepts, or refuses for this register with this errno.
    Same,
    /// The monitor writes nothing, and the guest silently gets another value. A contract has it
    /// written, and is accepted.
    Written,
    /// The same where there is no register to write: the contract is refused.
    NotWritable,
    /// The kernel has no such register and refuses whatever is written. A contract is accepted if it
    /// promises what this kernel answers unasked, for which nothing has to be written.
    Unasked,
    /// No contract promises such a value: it has no meaning to a guest, or one that contradicts
    /// itself. The tables of what kernels accept have it all the same.
    NotPromised,
    /// The machine has run, and another value is written. A contract is told before the first run;
    /// core's own register answers.
    HasRun,
    /// The filter has no register. Who serves a machine is a promise of its own.
    Filter,
}

/// What a kernel does with what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Accepts,
    /// Nothing was written, and the guest finds something else than before.
    Changes,
    /// With the errno of this name.
    Refuses(String),
}

struct Case {
    line: usize,
    columns: Vec<String>,
}

/// What a row asks.
enum Question {
    /// Of preflight: these contracts, on these hosts.
    Preflight(Vec<(Contract, HostProfile)>),
    /// Not of preflight; this is what else of core answers it.
    Other(Kind, Vec<Answer>),
}

impl Case {
    fn register(&self) -> &str {
        &self.columns[0]
    }

    fn source(&self) -> &str {
        &self.columns[1]
    }

    fn saved(&self) -> &str {
        &self.columns[2]
    }

    fn destination(&self) -> &str {
        &self.columns[3]
    }

    fn state(&self) -> &str {
        &self.columns[4]
    }

    fn monitor(&self) -> &str {
        &self.columns[5]
    }

    fn expected(&self) -> Answer {
        match (self.columns[6].as_str(), self.columns[7].as_str()) {
            ("accept" | "accept-unknown", "") => Answer::Accepts,
            ("accept-silent-change" | "accept-silent-growth", "") => Answer::Changes,
            ("refuse", errno) => Answer::Refuses(errno.to_owned()),
            other => panic!("line {}: {other:?} is no answer", self.line),
        }
    }

    fn subject(&self) -> Subject {
        match self.register() {
            "PSCI_VERSION" => Subject::PsciVersion,
            "WA1" => Subject::Workaround(Workaround::One),
            "WA2" => Subject::Workaround(Workaround::Two),
            "WA3" => Subject::Workaround(Workaround::Three),
            "STD_BMAP" => Subject::Services(Bitmap::Standard),
            "STD_HYP_BMAP" => Subject::Services(Bitmap::StandardHypervisor),
            "VENDOR_HYP_BMAP" => Subject::Services(Bitmap::VendorHypervisor),
            "VENDOR_HYP_BMAP_2" => Subject::Services(Bitmap::VendorHypervisor2),
            "SMCCC_FILTER" => Subject::Forwarding,
            other => panic!("line {}: {other} is no register", self.line),
        }
    }

    fn question(&self) -> Question {
        match self.subject() {
            Subject::PsciVersion => self.psci_version(),
            Subject::Workaround(workaround) => self.workaround(workaround),
            Subject::Services(bitmap) => self.bitmap(bitmap),
            _ => Question::Other(Kind::Filter, Vec::new()),
        }
    }

    fn psci_version(&self) -> Question {
        let source = own_contract(&host(release(self.source())));
        let saved = u32::try_from(number(self.saved())).unwrap();
        assert_eq!(source.psci_version.value(), saved, "line {}", self.line);
        let destination = host(release(self.destination()));
        let own = own_contract(&destination);
        let default = u32::try_from(number(self.state().strip_prefix("default ").unwrap()));
        assert_eq!(own.psci_version.value(), default.unwrap());
        let contract = Contract {
            psci_version: source.psci_version,
            psci_options: source.psci_options,
            ..own
        };
        Question::Preflight(vec![(contract, destination)])
    }

    fn workaround(&self, workaround: Workaround) -> Question {
        let release = match self.destination() {
            "lacks register" => KernelRelease::new(4, 19),
            "v5.3..v5.9 (four-state)" => KernelRelease::new(5, 9),
            "any with the register" | ">=v5.10 (two-state)" | "has register" => {
                KernelRelease::new(6, 12)
            }
            other => panic!("line {}: {other} is no kernel", self.line),
        };
        let states = match self.state() {
            "any" | "-" => (0..=3).collect(),
            one => vec![number(one)],
        };
        let destinations = states
            .into_iter()
            .map(|state| at_level(release, workaround, state));
        let sources = match self.saved() {
            "any" => (0..=2)
                .map(|level| source_at_level(workaround, level))
                .collect(),
            "(absent)" => vec![own_contract(&host(KernelRelease::new(4, 19))).workarounds],
            one => vec![source_at_level(workaround, number(one))],
        };
        let promised = sources[0].level(workaround);
        if let Some(saved) = self.saved_value()
            && workaround.register_value(promised) != saved
        {
            let answers = destinations.map(|host| {
                let accepted = host.workarounds.of(workaround, Ssbs::Present);
                accepts_if(accepted.is_some_and(|accepted| accepted.contains(saved)))
            });
            return Question::Other(Kind::NotPromised, answers.collect());
        }
        let pairs = destinations.flat_map(|host| {
            let own = own_contract(&host);
            sources.iter().map(move |workarounds| {
                let contract = Contract {
                    workarounds: *workarounds,
                    ..own.clone()
                };
                (contract, host.clone())
            })
        });
        Question::Preflight(pairs.collect())
    }

    fn saved_value(&self) -> Option<u64> {
        (!matches!(self.saved(), "any" | "(absent)")).then(|| number(self.saved()))
    }

    fn bitmap(&self, bitmap: Bitmap) -> Question {
        let release = |of_second, of_others| match bitmap {
            Bitmap::VendorHypervisor2 => of_second,
            _ => of_others,
        };
        let (old, new) = (
            release(KernelRelease::new(6, 12), KernelRelease::new(5, 18)),
            release(KernelRelease::new(7, 3), KernelRelease::new(6, 1)),
        );
        let destination = match self.destination() {
            "<v5.19" | "<v6.15" => host(old),
            ">=v5.19" | ">=v6.15" => host(new),
            supports => {
                let offered = number(supports.strip_prefix("supports ").unwrap());
                let release = KernelRelease::new(7, 3);
                assert_eq!(release.services(bitmap), ServiceLimit::Chosen(offered));
                host(release)
            }
        };
        let own = own_contract(&destination);
        if self.state() == "after, different value" {
            return Question::Other(Kind::HasRun, vec![self.of_core(bitmap)]);
        }
        let known = Services::all().register(bitmap);
        let values = match self.saved() {
            "any" => (0..=known).collect(),
            // Before the kernel had the service, and when it had it.
            "(absent)" => [KernelRelease::new(5, 4), old]
                .map(|source| own_contract(&host(source)).services.register(bitmap))
                .to_vec(),
            one => vec![number(one)],
        };
        let contracts = values
            .iter()
            .map(|value| with_services(&own, bitmap, *value));
        match contracts.collect::<Option<Vec<_>>>() {
            Some(contracts) => Question::Preflight(
                contracts
                    .into_iter()
                    .map(|contract| (contract, destination.clone()))
                    .collect(),
            ),
            None if self.monitor().starts_with("tolerance rule") => {
                let [.., limit] = destination.services;
                let answer = match limit.honours(values[0]) {
                    true => Answer::Accepts,
                    false => Answer::Refuses("ENOENT".into()),
                };
                Question::Other(Kind::NotPromised, vec![answer])
            }
            None => Question::Other(Kind::NotPromised, vec![self.of_core(bitmap)]),
        }
    }

    /// What core's own register says, before or after the first run.
    fn of_core(&self, bitmap: Bitmap) -> Answer {
        let offered = number(self.destination().strip_prefix("supports ").unwrap());
        let saved = number(self.saved());
        let services = Services::empty().with_register(bitmap, offered).unwrap();
        let mut config = VmConfig::<1>::new()
            .with_dialect(Dialect::Kvm(KvmGeneration::V7_3))
            .with_services(services)
            .with_implementations(own_implementation());
        let result = match self.state() {
            "before first KVM_RUN" => config.set_register(id(bitmap), saved),
            phase => {
                // The value that is there already is the saved one, or another possible one.
                let there = match phase {
                    "after, same value" => saved & offered,
                    _ => (saved ^ 1) & offered,
                };
                config.set_register(id(bitmap), there).unwrap();
                running(config).set_register(id(bitmap), saved)
            }
        };
        match result.map_err(|error| error.errno()) {
            Ok(()) => Answer::Accepts,
            Err(16) => Answer::Refuses("EBUSY".into()),
            Err(22) => Answer::Refuses("EINVAL".into()),
            Err(other) => panic!("line {}: errno {other}", self.line),
        }
    }

    /// Asks, and says how the answer and the row belong together.
    fn kind(&self) -> Kind {
        let pairs = match self.question() {
            Question::Other(Kind::Filter, _) => return Kind::Filter,
            Question::Other(kind, answers) => {
                assert!(!answers.is_empty());
                for answer in answers {
                    assert_eq!(answer, self.expected(), "line {}", self.line);
                }
                return kind;
            }
            Question::Preflight(pairs) => pairs,
        };
        let mut kinds: Vec<Kind> = pairs
            .iter()
            .map(|(contract, host)| self.kind_of(contract, host))
            .collect();
        assert!(!kinds.is_empty());
        // Where any value is meant, one of them is what the kernel answers unasked.
        if kinds.contains(&Kind::Unasked) {
            kinds.retain(|kind| *kind != Kind::Same);
        }
        kinds.dedup();
        assert_eq!(kinds.len(), 1, "line {}: {kinds:?}", self.line);
        // What the guest would have found without being told is something else.
        let is_other = |(contract, host): &(Contract, HostProfile)| *contract != own_contract(host);
        assert!(kinds[0] != Kind::Written || pairs.iter().any(is_other));
        kinds[0]
    }

    fn kind_of(&self, contract: &Contract, host: &HostProfile) -> Kind {
        let told = answer(contract, host, self.subject());
        let is_own = *contract == own_contract(host);
        match (self.expected(), told) {
            (expected, told) if expected == told => Kind::Same,
            (Answer::Changes, Answer::Accepts) => Kind::Written,
            (Answer::Changes, Answer::Refuses(errno)) if errno == "ENOENT" && !is_own => {
                Kind::NotWritable
            }
            (Answer::Refuses(errno), Answer::Accepts) if errno == "ENOENT" && is_own => {
                Kind::Unasked
            }
            other => panic!("line {}: {other:?} of {:?}", self.line, self.columns),
        }
    }
}

/// What preflight says, whose reasons are only about `subject`.
fn answer(contract: &Contract, host: &HostProfile, subject: Subject) -> Answer {
    assert_eq!(contract.check(), Ok(()));
    let verdict = preflight(contract, host);
    match verdict.reasons() {
        [] => Answer::Accepts,
        [reason] => {
            assert_eq!(reason.subject(), subject);
            match reason.judge() {
                Judge::Kernel(errno) => Answer::Refuses(errno.to_string()),
                Judge::Guest => panic!("no kernel says {reason}"),
            }
        }
        several => panic!("{several:?}"),
    }
}

/// With these services of one bitmap, if a contract can promise them.
fn with_services(contract: &Contract, bitmap: Bitmap, value: u64) -> Option<Contract> {
    let services = contract.services.with_register(bitmap, value)?;
    let implementations = match services.contains(Services::DISCOVER_IMPL_CPUS) {
        true => own_implementation(),
        false => Implementations::new(),
    };
    let contract = Contract {
        services,
        implementations,
        ..contract.clone()
    };
    contract.check().is_ok().then_some(contract)
}

fn accepts_if(accepts: bool) -> Answer {
    match accepts {
        true => Answer::Accepts,
        false => Answer::Refuses("EINVAL".into()),
    }
}

fn running(mut config: VmConfig<1>) -> Vm<1> {
    let boot = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0)).unwrap();
    config.freeze(boot, Ipa::new(0x4020_0000), 0).unwrap()
}

fn id(bitmap: Bitmap) -> u64 {
    match bitmap {
        Bitmap::Standard => 0x6030_0000_0016_0000,
        Bitmap::StandardHypervisor => 0x6030_0000_0016_0001,
        Bitmap::VendorHypervisor => 0x6030_0000_0016_0002,
        Bitmap::VendorHypervisor2 => 0x6030_0000_0016_0003,
    }
}

/// The first word of `2 NOT_REQUIRED`, `0x12 AVAIL|ENABLED`, `0x1`.
fn number(text: &str) -> u64 {
    let word = text.split_whitespace().next().unwrap();
    match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).unwrap(),
        None => word.parse().unwrap(),
    }
}

/// `v6.15+`, `v4.16.0`.
fn release(text: &str) -> KernelRelease {
    let mut numbers = text
        .trim_start_matches('v')
        .trim_end_matches('+')
        .split('.')
        .map(|number| number.parse().unwrap());
    KernelRelease::new(numbers.next().unwrap(), numbers.next().unwrap())
}

/// The cases; a comma within quotes does not end a column.
fn cases() -> impl Iterator<Item = Case> {
    include_str!("cases.csv")
        .lines()
        .enumerate()
        .skip(1)
        .map(|(index, line)| Case {
            line: index + 1,
            columns: columns(line),
        })
}

fn columns(line: &str) -> Vec<String> {
    let mut columns = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => columns.push(String::new()),
            other => columns.last_mut().unwrap().push(other),
        }
    }
    columns
}

#[test]
fn every_case_is_answered_as_the_kernel_does_or_belongs_to_a_kind_that_says_why_not() {
    let kinds: Vec<Kind> = cases().map(|case| case.kind()).collect();
    let mut counted = String::new();
    for kind in [
        Kind::Same,
        Kind::Written,
        Kind::NotWritable,
        Kind::Unasked,
        Kind::NotPromised,
        Kind::HasRun,
        Kind::Filter,
    ] {
        let count = kinds.iter().filter(|other| **other == kind).count();
        writeln!(counted, "{count} {kind:?}").unwrap();
    }
    assert_eq!(
        counted,
        "140 Same\n16 Written\n2 NotWritable\n8 Unasked\n59 NotPromised\n24 HasRun\n1 Filter\n"
    );
    assert_eq!(kinds.len(), 250);
}

/// Of the filter there is nothing to read back, so a monitor that copies registers loses it.
#[test]
fn a_contract_that_is_served_through_the_filter_is_refused_where_there_is_none() {
    let filters: Vec<Case> = cases()
        .filter(|case| case.subject() == Subject::Forwarding)
        .collect();
    assert_eq!(filters.len(), 1);
    assert_eq!(filters[0].columns[6], "lost-unless-vmm-saves");
    let wishes = Wishes {
        served_by: ServedBy::Core(Dialect::Specification),
        ..Wishes::PLAIN
    };
    let with = host(KernelRelease::new(6, 12));
    let contract = Baseline::of(&wishes, [&with]).unwrap();
    assert_eq!(
        answer(&contract, &with, Subject::Forwarding),
        Answer::Accepts
    );
    let without = HostProfile {
        capabilities: Capabilities::empty(),
        ..host(KernelRelease::new(6, 1))
    };
    assert_eq!(
        answer(&contract, &without, Subject::Forwarding),
        Answer::Refuses("EINVAL".into())
    );
}
