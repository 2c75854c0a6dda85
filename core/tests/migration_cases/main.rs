//! Every pair of source and destination in `cases.csv`, by core's own rules.
//!
//! A row says what a kernel does with one firmware register that a virtual machine monitor wrote
//! as it had read it. Rows that only a monitor can spoil (it wrote nothing, and the guest silently
//! got something else) are turned round: a contract names the value, so preflight either has it
//! written or refuses.

use vambrace_core::contract::{
    Errno, HostLevel, Judge, KernelRelease, Reason, Remedy, ServiceLimit,
};
use vambrace_core::firmware::{Bitmap, Dialect, KvmGeneration, Services, Workaround};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::PsciVersion;
use vambrace_core::vcpu::Mpidr;
use vambrace_core::vendor_hyp::{Implementation, Implementations};
use vambrace_core::{Vm, VmConfig};

/// What a kernel does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Accepts,
    /// Nothing was written, and the guest finds something else than before.
    Changes,
    Refuses(Errno),
}

struct Case {
    line: usize,
    columns: Vec<String>,
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
            ("refuse", "ENOENT") => Answer::Refuses(Errno::Enoent),
            ("refuse", "EINVAL") => Answer::Refuses(Errno::Einval),
            ("refuse", "EBUSY") => Answer::Refuses(Errno::Ebusy),
            other => panic!("line {}: {other:?} is no answer", self.line),
        }
    }

    /// What core says.
    fn answer(&self) -> Vec<Answer> {
        match self.register() {
            "PSCI_VERSION" => vec![self.psci_version()],
            "WA1" => self.workaround(Workaround::One),
            "WA2" => self.workaround(Workaround::Two),
            "WA3" => self.workaround(Workaround::Three),
            "STD_BMAP" => self.bitmap(Bitmap::Standard),
            "STD_HYP_BMAP" => self.bitmap(Bitmap::StandardHypervisor),
            "VENDOR_HYP_BMAP" => self.bitmap(Bitmap::VendorHypervisor),
            "VENDOR_HYP_BMAP_2" => self.bitmap(Bitmap::VendorHypervisor2),
            other => panic!("line {}: {other} is no register", self.line),
        }
    }

    fn psci_version(&self) -> Answer {
        let source = release(self.source());
        let destination = release(self.destination());
        let saved = u32::try_from(number(self.saved())).unwrap();
        let saved = PsciVersion::from_value(saved).unwrap();
        let default = u32::try_from(number(self.state().strip_prefix("default ").unwrap()));
        assert_eq!(destination.default_psci().value(), default.unwrap());
        if source < KernelRelease::PSCI_REGISTER {
            return match destination.default_psci() == saved {
                true => Answer::Accepts,
                false => Answer::Changes,
            };
        }
        let known = destination.psci_versions();
        match (known.is_empty(), known.has(saved)) {
            (true, _) => Answer::Refuses(Errno::Enoent),
            (false, true) => Answer::Accepts,
            (false, false) => Answer::Refuses(Errno::Einval),
        }
    }

    fn workaround(&self, workaround: Workaround) -> Vec<Answer> {
        if self.saved() == "(absent)" {
            return vec![Answer::Accepts];
        }
        let destination = match self.destination() {
            "lacks register" => KernelRelease::new(4, 19),
            "v5.3..v5.9 (four-state)" => KernelRelease::new(5, 9),
            "any with the register" | ">=v5.10 (two-state)" => KernelRelease::new(6, 12),
            other => panic!("line {}: {other} is no kernel", self.line),
        };
        let every: Vec<u64> = (0..=3).collect();
        let saved = match self.saved() {
            "any" => every.clone(),
            one => vec![number(one)],
        };
        let levels = match self.state() {
            "any" | "-" => every,
            one => vec![number(one)],
        };
        let mut answers = Vec::new();
        for level in levels {
            let accepted = destination.levels(workaround, HostLevel(level));
            answers.extend(saved.iter().map(|saved| match accepted {
                None => Answer::Refuses(Errno::Enoent),
                Some(accepted) if accepted.contains(*saved) => Answer::Accepts,
                Some(_) => Answer::Refuses(Errno::Einval),
            }));
        }
        answers
    }

    fn bitmap(&self, bitmap: Bitmap) -> Vec<Answer> {
        match (self.monitor(), self.destination()) {
            ("write saved value", "<v5.19") => {
                let limit = KernelRelease::new(5, 18).services(bitmap);
                assert!(matches!(limit, ServiceLimit::Fixed(_)));
                vec![Answer::Refuses(Errno::Enoent)]
            }
            ("nothing to write", _) => {
                let old = match bitmap {
                    Bitmap::VendorHypervisor2 => KernelRelease::new(6, 12),
                    _ => KernelRelease::new(5, 4),
                };
                let promised = fixed(old.services(bitmap));
                let reset = number(self.state().strip_prefix("reset ").unwrap());
                vec![match promised == reset {
                    true => Answer::Accepts,
                    false => Answer::Changes,
                }]
            }
            (tolerance, "<v6.15") if tolerance.starts_with("tolerance rule") => {
                let limit = KernelRelease::new(6, 12).services(bitmap);
                vec![match limit.honours(number(self.saved())) {
                    true => Answer::Accepts,
                    false => Answer::Refuses(Errno::Enoent),
                }]
            }
            ("write saved value", _) => vec![self.write_bitmap(bitmap)],
            other => panic!("line {}: {other:?} is no case", self.line),
        }
    }

    /// A kernel that has the register, before or after the first run.
    fn write_bitmap(&self, bitmap: Bitmap) -> Answer {
        let offered = number(self.destination_support());
        let saved = number(self.saved());
        let services = Services::empty().with_register(bitmap, offered).unwrap();
        let mut implementations = Implementations::new();
        let own = Implementation {
            midr: 0x413f_d0c1,
            revidr: 0,
            aidr: 0,
        };
        implementations.add(own).unwrap();
        let mut config = VmConfig::<1>::new()
            .with_dialect(Dialect::Kvm(KvmGeneration::V7_3))
            .with_services(services)
            .with_implementations(implementations);
        let result = match self.phase() {
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
        match result {
            Ok(()) => Answer::Accepts,
            Err(error) => Answer::Refuses(match error.errno() {
                16 => Errno::Ebusy,
                22 => Errno::Einval,
                other => panic!("line {}: errno {other}", self.line),
            }),
        }
    }

    fn destination_support(&self) -> &str {
        self.destination().strip_prefix("supports ").unwrap()
    }

    fn phase(&self) -> &str {
        self.state()
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

fn fixed(limit: ServiceLimit) -> u64 {
    match limit {
        ServiceLimit::Fixed(fixed) => fixed,
        ServiceLimit::Chosen(_) => panic!("there is a register"),
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
fn every_case_is_answered_as_the_kernel_does() {
    let mut answered = 0;
    for case in cases().filter(|case| case.register() != FILTER) {
        for answer in case.answer() {
            assert_eq!(
                answer,
                case.expected(),
                "line {}: {:?}",
                case.line,
                case.columns
            );
        }
        answered += 1;
    }
    assert_eq!(answered, 249);
}

/// Of the filter there is nothing to read back, so a monitor that copies registers loses it. Who
/// serves a machine is therefore a promise of its own, and preflight asks for the filter.
#[test]
fn what_is_forwarded_is_part_of_the_contract() {
    let filters: Vec<Case> = cases().filter(|case| case.register() == FILTER).collect();
    assert_eq!(filters.len(), 1);
    assert_eq!(filters[0].columns[6], "lost-unless-vmm-saves");
    assert_eq!(Reason::Forwarding.judge(), Judge::Kernel(Errno::Einval));
    assert_eq!(
        Reason::Forwarding.remedy(),
        Remedy::NewerKernel(KernelRelease::new(6, 4))
    );
}

const FILTER: &str = "SMCCC_FILTER";
