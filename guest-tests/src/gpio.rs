//! The board's PL061, polled: one of its pins as a source of interrupts (DDI 0190).
//!
//! The interrupt is looked at in the distributor, where it is a level, and never taken.

use crate::{
    expect::{self, Proof},
    virtio::{configure_level, is_pending, register},
};

/// Makes both edges of a pin (0 to 7), and of no other, signal the interrupt.
pub fn watch(pin: u32) {
    configure_level(INTERRUPT);
    write(DIR, 0);
    write(IS, 0);
    write(IBE, 1 << pin);
    write(IC, 0xff);
    write(IE, 1 << pin);
}

/// Has one of the watched edges come?
#[must_use]
pub fn is_signalled() -> bool {
    is_pending(INTERRUPT)
}

/// Takes back the interrupt, and says whether the pin is high.
///
/// # Errors
///
/// If the pin did not signal it, or the interrupt stays.
pub fn take_edge(pin: u32) -> Result<bool, expect::Failure> {
    expect::equal("GPIOMIS", read(MIS), 1 << pin)?;
    write(IC, 1 << pin);
    settled()?;
    Ok(read(DATA + (4 << pin)) != 0)
}

fn settled() -> Proof {
    expect::equal("GPIORIS", read(RIS), 0)?;
    expect::equal("interrupt after its end", is_pending(INTERRUPT).into(), 0)
}

fn read(offset: usize) -> u64 {
    register(PL061 + offset).read().into()
}

fn write(offset: usize, value: u32) {
    register(PL061 + offset).write(value);
}

const PL061: usize = 0x0903_0000;
/// SPI 7.
const INTERRUPT: u32 = 39;

// Table 3-1.
const DATA: usize = 0x000;
const DIR: usize = 0x400;
const IS: usize = 0x404;
const IBE: usize = 0x408;
const IE: usize = 0x410;
const RIS: usize = 0x414;
const MIS: usize = 0x418;
const IC: usize = 0x41c;
