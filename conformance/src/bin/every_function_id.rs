//! All 2^32 function ids, called on machines with everything on and with everything off.
//!
//! Each id is one real call with nothing but x0 at hand. A function that is there asks for its
//! arguments or, if it takes none, does what it does; every other id is refused, and no id panics.
//! Which ids are there stands below, from the specifications and not from the code.
//!
//! For each machine a line, and every id that is there and should not be, or the other way round.
//! The exit code is 1 if there is one. Made for a release build: a debug build takes an hour.

use std::collections::BTreeSet;
use std::fmt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use vambrace_conformance::on_the_host::{Machine, every_service, everything};
use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Workaround, Workarounds};
use vambrace_core::psci::{Migration, PsciOptions, PsciVersion, TrustedOs};
use vambrace_core::smccc::{Args, Caller, Conduit, SmcccVersion};
use vambrace_core::{Lent, Outcome, VmConfig};

/// Calls all 2^32 function ids on machines with everything and with nothing
#[derive(Debug, Parser)]
#[command(name = "every_function_id")]
struct Arguments {
    /// In KVM's newest dialect as well, which takes as long again
    #[arg(long)]
    all: bool,
}

fn main() -> ExitCode {
    let mut machines = vec![
        ("everything on", with_everything(), with_hint(&EVERYTHING)),
        ("everything off", with_nothing(), NOTHING.into()),
    ];
    if Arguments::parse().all {
        let on = (
            "KVM 7.3, everything on",
            kvm_with_everything(),
            EVERYTHING_OF_KVM.into(),
        );
        let off = (
            "KVM 7.3, everything off",
            kvm_with_nothing(),
            NOTHING_OF_KVM.into(),
        );
        machines.extend([on, off]);
    }
    let mut wrong = 0;
    for (name, machine, expected) in machines {
        let start = Instant::now();
        let sweep = Sweep::of(&machine);
        println!("{name}: {sweep}, {} s", start.elapsed().as_secs());
        wrong += sweep.tell_what_differs(&expected);
    }
    match wrong {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Calls to one machine.
#[derive(Debug, Default)]
struct Sweep {
    calls: u64,
    /// The ids that were answered otherwise than by NOT_SUPPORTED.
    served: BTreeSet<u32>,
}

impl Sweep {
    /// Every id there is, on every CPU there is.
    fn of(machine: &Machine) -> Self {
        let next = AtomicU32::new(0);
        let mut sweep = Self::default();
        thread::scope(|scope| {
            let cpus = thread::available_parallelism().map_or(1, usize::from);
            let work = || Self::of_next_owners(machine, &next);
            let workers: Vec<_> = (0..cpus).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                let part = worker.join().expect("core does not panic");
                sweep.calls += part.calls;
                sweep.served.extend(part.served);
            }
        });
        assert_eq!(sweep.calls, 1 << 32, "each id is called once");
        sweep
    }

    /// Takes one type, width and owner (bits 31:24) after the other, until none is left.
    fn of_next_owners(machine: &Machine, next: &AtomicU32) -> Self {
        let caller = Caller::little_endian_aarch64(machine.cpus[0], Conduit::Hvc(0));
        let mut vm = machine.vm.clone();
        let mut sweep = Self::default();
        while let owner @ 0..=0xff = next.fetch_add(1, Ordering::Relaxed) {
            for id in owner << 24..=owner << 24 | 0xff_ffff {
                sweep.calls += 1;
                let outcome = vm.call(&caller, &Args::new(id.into(), &[]), Lent::NOTHING);
                if is_served(&outcome) {
                    if sweep.served.len() < MANY {
                        sweep.served.insert(id);
                    }
                    // The CPU may be off now, or the machine. After a refusal nothing is renewed:
                    // one that had an effect would show in the answers that follow.
                    vm = machine.vm.clone();
                }
            }
        }
        sweep
    }

    /// Prints each id that is served and not expected, or the other way round, and counts them.
    fn tell_what_differs(&self, expected: &BTreeSet<u32>) -> usize {
        for id in self.served.difference(expected) {
            println!("  {id:#010x} is served, and should not be there");
        }
        for id in expected.difference(&self.served) {
            println!("  {id:#010x} is not served");
        }
        self.served.symmetric_difference(expected).count()
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ids called, {} served", self.calls, self.served.len())
    }
}

fn is_served(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Resume(results) if results.x0() == NOT_SUPPORTED)
}

/// The newest versions, every option, service and workaround, and a Trusted OS that can move.
fn with_everything() -> Machine {
    let resident = Machine::with_everything().cpus[0];
    let migration = Migration::Capable;
    Machine::new(|config| {
        everything(config).with_trusted_os(TrustedOs {
            resident,
            migration,
        })
    })
}

/// The oldest versions, and no option.
fn with_nothing() -> Machine {
    Machine::new(|config| without_psci_options(config).with_smccc_version(SmcccVersion::V1_0))
}

/// All that this KVM knows: neither a SoC, nor a Trusted OS, nor workaround 4.
fn kvm_with_everything() -> Machine {
    let options = PsciOptions::SYSTEM_RESET2
        .union(PsciOptions::SYSTEM_OFF2)
        .union(PsciOptions::SYSTEM_SUSPEND);
    Machine::new(|config| {
        every_service(config)
            .with_dialect(KVM)
            .with_psci_version(PsciVersion::V1_3)
            .with_psci_options(options)
            .with_workarounds(Workarounds::NONE.with(Workaround::One, Level::Available))
    })
}

/// A machine of this KVM whose bitmaps are all zero.
fn kvm_with_nothing() -> Machine {
    Machine::new(|config| without_psci_options(config).with_dialect(KVM))
}

fn without_psci_options(config: VmConfig<2>) -> VmConfig<2> {
    config
        .with_psci_version(PsciVersion::V0_1)
        .with_psci_options(PsciOptions::empty())
}

/// The ids, and those that differ in bit 16 alone: a hint about SVE from SMCCC 1.3 on, and no part
/// of the id (DEN0028 §2.5).
fn with_hint(ids: &[u32]) -> BTreeSet<u32> {
    ids.iter().flat_map(|id| [*id, id | 1 << 16]).collect()
}

const KVM: Dialect = Dialect::Kvm(KvmGeneration::V7_3);
/// More than any machine has: so many tell that a mistake opened a whole range.
const MANY: usize = 200;
const NOT_SUPPORTED: u64 = 0xffff_ffff_ffff_ffff;

/// DEN0028, DEN0022 (1.3), DEN0098, DEN0057 and KVM's vendor services.
#[rustfmt::skip]
const EVERYTHING: [u32; 57] = [
    0x8000_0000, 0x8000_0001, 0x8000_0002, 0x8000_0004, 0x8000_3fff, 0x8000_7fff, 0x8000_8000,
    0xc000_0002,
    0x8400_0000, 0x8400_0001, 0x8400_0002, 0x8400_0003, 0x8400_0004, 0x8400_0005, 0x8400_0006,
    0x8400_0007, 0x8400_0008, 0x8400_0009, 0x8400_000a, 0x8400_000b, 0x8400_000c, 0x8400_000d,
    0x8400_000e, 0x8400_000f, 0x8400_0010, 0x8400_0011, 0x8400_0012, 0x8400_0013, 0x8400_0014,
    0x8400_0015, 0x8400_0017,
    0xc400_0001, 0xc400_0003, 0xc400_0004, 0xc400_0005, 0xc400_0007, 0xc400_000c, 0xc400_000d,
    0xc400_000e, 0xc400_0010, 0xc400_0011, 0xc400_0012, 0xc400_0014, 0xc400_0015, 0xc400_0016,
    0x8400_0050, 0x8400_0051, 0x8400_0052, 0x8400_0053, 0xc400_0053,
    0xc500_0020, 0xc500_0021,
    0x8600_0000, 0x8600_0001, 0x8600_ff01, 0xc600_0040, 0xc600_0041,
];

/// CPU_SUSPEND, CPU_OFF and CPU_ON as a device tree names them to a guest of PSCI 0.1.
const NOTHING: [u32; 3] = [0x95c1_ba5e, 0x95c1_ba5f, 0x95c1_ba60];

/// As `arch/arm64/kvm/hypercalls.c` and `psci.c` answer; KVM takes no hint.
#[rustfmt::skip]
const EVERYTHING_OF_KVM: [u32; 35] = [
    0x8000_0000, 0x8000_0001, 0x8000_3fff, 0x8000_7fff, 0x8000_8000,
    0x8400_0000, 0x8400_0001, 0x8400_0002, 0x8400_0003, 0x8400_0004, 0x8400_0006, 0x8400_0008,
    0x8400_0009, 0x8400_000a, 0x8400_000e, 0x8400_0012, 0x8400_0015,
    0xc400_0001, 0xc400_0003, 0xc400_0004, 0xc400_000e, 0xc400_0012, 0xc400_0015,
    0x8400_0050, 0x8400_0051, 0x8400_0052, 0x8400_0053, 0xc400_0053,
    0xc500_0020, 0xc500_0021,
    0x8600_0000, 0x8600_0001, 0x8600_ff01, 0xc600_0040, 0xc600_0041,
];

/// The architecture's without a gate, the workarounds in the exception vector, and PSCI 0.1 without
/// CPU_SUSPEND.
const NOTHING_OF_KVM: [u32; 7] = [
    0x8000_0000,
    0x8000_0001,
    0x8000_3fff,
    0x8000_7fff,
    0x8000_8000,
    0x95c1_ba5f,
    0x95c1_ba60,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_too_many_and_an_id_too_few_are_both_counted() {
        let served = BTreeSet::from([1, 2, 3]);
        let sweep = Sweep { calls: 3, served };
        assert_eq!(sweep.tell_what_differs(&[1, 2, 3].into()), 0);
        assert_eq!(sweep.tell_what_differs(&[2, 3, 4].into()), 2);
    }

    #[test]
    fn a_refused_call_is_not_served_and_every_other_is() {
        let mut machine = with_everything();
        for (id, served) in [
            (0x8400_001f, false),
            (0x8400_0000, true),
            (0x8400_0002, true),
        ] {
            let outcome = machine.call_by(Conduit::Hvc(0), id, &[]);
            assert_eq!(is_served(&outcome), served, "{id:#x}");
        }
    }
}
