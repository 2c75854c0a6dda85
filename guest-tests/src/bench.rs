//! What calls and starts cost, in ticks of the counter.
//!
//! On an emulated host whose clock counts instructions (`-icount shift=0`) and whose counter runs at
//! 1 GHz, a tick is an instruction of any CPU. There one CPU runs at a time, until it waits or its
//! time is over: what two of them do is counted one after the other.

use aarch64_cpu::{asm::barrier, registers::CNTVCT_EL0};
use tock_registers::interfaces::Readable as _;

use crate::{
    arch::{repeat, start},
    cpus,
    expect::{self, Failure, Proof},
    firmware::{AFFINITY_INFO_64, CPU_ON_64, Call},
    line, noinit, wakeup,
};

/// Makes a call [`WARM_UP`] times, then [`COUNT`] times, and prints `bench: <kind> <count> <ticks>`;
/// `bench: <kind> absent` if the last answer is not the expected one.
pub fn hvc(kind: &'static str, id: u32, arguments: [u64; 3], expected: i32) {
    for _ in 0..WARM_UP + COUNT {
        noinit::count_forwarded();
    }
    let [x1, x2, x3] = arguments;
    let registers = [u64::from(id), x1, x2, x3];
    let _ = repeat::hvc(WARM_UP, &registers);
    let (ticks, x0) = timed(|| repeat::hvc(COUNT, &registers));
    if (x0 as u32).cast_signed() == expected {
        line!("bench: {kind} {COUNT} {ticks}");
    } else {
        line!("bench: {kind} absent");
    }
}

/// The same for a read of the UART's flags, which the monitor answers: the floor of every exit to it.
pub fn mmio_read(kind: &'static str) {
    let _ = repeat::read_uart_flags(WARM_UP);
    let (ticks, _) = timed(|| repeat::read_uart_flags(COUNT));
    line!("bench: {kind} {COUNT} {ticks}");
}

/// Starts CPU 1, whose program goes off at once, [`STARTS`] times, and prints the median of the
/// ticks from CPU_ON to its first instruction as `bench: <kind> 1 <ticks>`.
///
/// They are both CPUs' instructions: the caller's from its `hvc` to the WFI behind it, and the
/// started CPU's from its own sleep to the entry point. Before each start the caller sleeps for as
/// long as everybody needs to be asleep, CPU 1 and whatever runs it.
///
/// # Errors
///
/// If a start is refused, or CPU 1 has not gone off in that time.
pub fn cpu_on(kind: &'static str) -> Proof {
    wakeup::route_timer()?;
    for count in 1..=WARM_UP {
        let _ = start(count)?;
    }
    let mut ticks = [0; STARTS];
    for (count, ticks) in (WARM_UP + 1..).zip(&mut ticks) {
        *ticks = start(count)?;
    }
    ticks.sort_unstable();
    line!("bench: {kind} 1 {}", ticks[STARTS / 2]);
    Ok(())
}

/// Start number `count` of CPU 1: the ticks until its first instruction.
fn start(count: u64) -> Result<u64, Failure> {
    let target = cpus::cpu(1);
    let registers = [
        u64::from(CPU_ON_64),
        cpus::mpidr(1),
        cpus::entry_point(),
        count,
    ];
    noinit::count_forwarded();
    wakeup::arm_timer(START_MICROSECONDS);
    let made = start::call_and_sleep(&registers);
    wakeup::sleep_until_timer();
    wakeup::answer_timer();
    expect::equal("CPU_ON", made.x0, 0)?;
    expect::equal("starts", target.starts(), count)?;
    let power = Call::hvc(AFFINITY_INFO_64, &[cpus::mpidr(1), 0]).make_silently();
    // DEN0022 §5.1.5: 1 is OFF.
    expect::code("AFFINITY_INFO after CPU_OFF", power, 1)?;
    Ok(target.entry_state().counter - made.counter)
}

fn timed(work: impl FnOnce() -> u64) -> (u64, u64) {
    let start = now();
    let result = work();
    (now() - start, result)
}

fn now() -> u64 {
    barrier::isb(barrier::SY);
    CNTVCT_EL0.get()
}

/// How often each kind is counted.
pub const COUNT: u64 = 4000;
/// How often CPU 1 is started: an odd number has a median.
pub const STARTS: usize = 301;
/// How often anything is done before.
pub const WARM_UP: u64 = 100;
/// For a start, all that the CPU does, and everybody's way to sleep: ten times what KVM takes.
const START_MICROSECONDS: u64 = 2000;
