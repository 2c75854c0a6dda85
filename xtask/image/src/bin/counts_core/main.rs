//! Counts the instructions from entering core to leaving it, call by call.
//!
//! It runs where the counter counts instructions (`-icount shift=0` of QEMU, at 1 GHz). Each call
//! is made as a backend makes it, registers at hand, and timed by itself; an empty function in
//! core's place tells what the timing costs. Lines: `bench: KIND ROUNDS TICKS`, `size: KIND BYTES`.
#![no_std]
#![no_main]
#![expect(
    unsafe_code,
    reason = "the assembly at the entry knows `count` by name"
)]

mod arch;
mod preflights;

use core::fmt::Write as _;
use core::hint::black_box;
use vambrace_image as _;

use arch::{Console, counter, exit, frequency};
use vambrace_core::firmware::Services;
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::smccc::{Args, Caller, Conduit, Endianness};
use vambrace_core::vcpu::{Mpidr, VcpuId};
use vambrace_core::vm::{Entropy, Lent};
use vambrace_core::{ConfigError, Outcome, Vm, VmConfig};

// SAFETY: no other function of the image has this name.
#[unsafe(no_mangle)]
extern "C" fn count() -> ! {
    if frequency() != 1_000_000_000 {
        print(format_args!("the counter does not run at 1 GHz"));
        exit(1);
    }
    exit(match count_all() {
        Ok(()) => 0,
        Err(error) => {
            print(format_args!("{error}"));
            1
        }
    })
}

fn count_all() -> Result<(), ConfigError> {
    print(format_args!("size: vm-8 {}", size_of::<Vm<8>>()));
    print(format_args!("size: vm-512 {}", size_of::<Vm<512>>()));
    preflights::print_sizes();
    let mut board = Board::<8>::new(board_affinity)?;
    report("empty", || {
        timed(|| board.enter_by(nothing, PSCI_VERSION, &[]))
    });
    report("psci-version", || timed(|| board.enter(PSCI_VERSION, &[])));
    report("psci-features", || {
        timed(|| board.enter(PSCI_FEATURES, &[CPU_ON]))
    });
    report("cpu-on-running", || {
        timed(|| board.enter(CPU_ON, &[0, ENTRY, 0]))
    });
    report("cpu-on", || {
        let ticks = timed(|| board.enter(CPU_ON, &[7, ENTRY, 0]));
        board.turn_off_the_last();
        ticks
    });
    report("affinity-info-8", || {
        timed(|| board.enter(AFFINITY_INFO, &[7, 0]))
    });
    report("trng-rnd64", || timed(|| board.enter(TRNG_RND64, &[192])));
    report("unknown", || timed(|| board.enter(UNKNOWN, &[])));

    let mut board = Board::<512>::new(board_affinity)?;
    let last = board_affinity(511).value();
    report("affinity-info-512", || {
        timed(|| board.enter(AFFINITY_INFO, &[last, 0]))
    });
    report("affinity-info-512-all", || {
        timed(|| board.enter(AFFINITY_INFO, &[last, 3]))
    });
    let mut board = Board::<512>::new(other_affinity)?;
    let last = other_affinity(511).value();
    report("affinity-info-512-bisect", || {
        timed(|| board.enter(AFFINITY_INFO, &[last, 0]))
    });
    preflights::count();
    Ok(())
}

/// A machine whose first vCPU runs.
struct Board<const N: usize> {
    vm: Vm<N>,
    first: VcpuId,
    last: VcpuId,
}

impl<const N: usize> Board<N> {
    fn new(affinity: fn(u16) -> Mpidr) -> Result<Self, ConfigError> {
        let mut config = VmConfig::<N>::new().with_services(Services::TRNG);
        let first = config.add_vcpu(affinity(0))?;
        let mut last = first;
        for n in (1..).take(N - 1) {
            last = config.add_vcpu(affinity(n))?;
        }
        if let Some(ram) = RamRange::new(Ipa::new(0x4000_0000), 128 << 20) {
            config.add_ram(ram)?;
        }
        let mut vm = config.freeze(first, Ipa::new(ENTRY), 0)?;
        let _ = black_box(vm.begin(first));
        Ok(Self { vm, first, last })
    }

    fn enter(&mut self, x0: u64, registers: &[u64]) -> Outcome {
        self.enter_by(Vm::call, x0, registers)
    }

    /// One call of the first vCPU, as a backend makes it: with nothing but the identifier, and
    /// then with as much as core asks for.
    #[inline(never)]
    fn enter_by<C>(&mut self, core: C, x0: u64, registers: &[u64]) -> Outcome
    where
        C: Fn(&mut Vm<N>, &Caller, &Args<'_>, Lent<'_>) -> Outcome,
    {
        let mut caller = Caller {
            endianness: None,
            ..Caller::little_endian_aarch64(self.first, Conduit::Hvc(0))
        };
        let mut outcome = core(&mut self.vm, &caller, &Args::new(x0, &[]), Lent::NOTHING);
        while let Outcome::Fetch(needs) = outcome {
            if needs.endianness() {
                caller.endianness = Some(Endianness::Little);
            }
            let mut entropy = [0x5a; 24];
            let lent = if needs.entropy() {
                Lent {
                    entropy: Entropy::Bits(&mut entropy),
                    ..Lent::NOTHING
                }
            } else {
                Lent::NOTHING
            };
            let fetched = registers.get(..needs.arguments()).unwrap_or(registers);
            outcome = core(&mut self.vm, &caller, &Args::new(x0, fetched), lent);
        }
        outcome
    }

    /// Lets the last vCPU begin and turn itself off again.
    fn turn_off_the_last(&mut self) {
        let _ = black_box(self.vm.begin(self.last));
        let caller = Caller::little_endian_aarch64(self.last, Conduit::Hvc(0));
        let args = Args::new(CPU_OFF, &[]);
        let _ = black_box(self.vm.call(&caller, &args, Lent::NOTHING));
    }
}

/// Stands in core's place: takes what core takes, and gives the least that it gives.
#[inline(never)]
fn nothing<const N: usize>(
    vm: &mut Vm<N>,
    caller: &Caller,
    args: &Args<'_>,
    lent: Lent<'_>,
) -> Outcome {
    black_box(vm);
    black_box(caller);
    black_box(args);
    black_box(&lent);
    Outcome::Park
}

/// Ticks of one call.
fn timed<R>(call: impl FnOnce() -> R) -> u64 {
    let start = counter();
    let answer = call();
    let end = counter();
    let _ = black_box(answer);
    end.wrapping_sub(start)
}

fn report(kind: &str, mut one: impl FnMut() -> u64) {
    let ticks = (0..ROUNDS).fold(0, |sum: u64, _| sum.wrapping_add(one()));
    print(format_args!("bench: {kind} {ROUNDS} {ticks}"));
}

fn print(line: core::fmt::Arguments<'_>) {
    // Writing to the emulator does not fail.
    let _ = writeln!(Console, "{line}");
}

/// Sixteen CPUs a cluster, as on the `virt` board.
fn board_affinity(n: u16) -> Mpidr {
    let [low, high] = n.to_le_bytes();
    Mpidr::from_affinity(0, 0, high << 4 | low >> 4, low & 15)
}

/// A layout that nobody can guess.
fn other_affinity(n: u16) -> Mpidr {
    let [low, high] = n.to_le_bytes();
    Mpidr::from_affinity(high, low, 1, 0)
}

const PSCI_VERSION: u64 = 0x8400_0000;
const CPU_OFF: u64 = 0x8400_0002;
const PSCI_FEATURES: u64 = 0x8400_000a;
const UNKNOWN: u64 = 0x8400_0fff;
const CPU_ON: u64 = 0xc400_0003;
const AFFINITY_INFO: u64 = 0xc400_0004;
const TRNG_RND64: u64 = 0xc400_0053;

const ENTRY: u64 = 0x4020_0000;
const ROUNDS: u64 = 1000;
