//! What one kind of exit costs, in ticks of the virtual counter.
//!
//! On an emulated host whose clock counts instructions (`-icount shift=0`) and whose counter runs at
//! 1 GHz, a tick is an instruction.

use aarch64_cpu::{asm::barrier, registers::CNTVCT_EL0};
use tock_registers::interfaces::Readable as _;

use crate::{arch::repeat, line, noinit};

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
/// How often it is done before.
pub const WARM_UP: u64 = 100;
