//! The board's devices that this program uses, each by one single load or store at a time.
#![expect(unsafe_code, reason = "devices are at fixed addresses")]

use core::num::NonZero;
use core::ptr::{self, NonNull};

use safe_mmio::fields::{ReadPure, ReadPureWrite, ReadWrite};
use safe_mmio::{SharedMmioPointer, UniqueMmioPointer, field, field_shared};

use super::cpu;
use crate::layout::{CLOCK, DISTRIBUTOR, REDISTRIBUTOR_SIZE, REDISTRIBUTORS, UART};

/// A PL011 (DDI 0183), as far as it is used.
#[repr(C)]
struct Pl011 {
    data: ReadWrite<u32>,
    receive_status: ReadPureWrite<u32>,
    reserved_08: [u32; 4],
    flags: ReadPure<u32>,
    reserved_1c: [u32; 4],
    line_control: ReadPureWrite<u32>,
    control: ReadPureWrite<u32>,
}

/// A PL031 (DDI 0224): seconds since 1970.
#[repr(C)]
struct Pl031 {
    data: ReadPure<u32>,
}

/// The start of a distributor (IHI 0069).
#[repr(C)]
struct Distributor {
    control: ReadPureWrite<u32>,
    reserved_0004: [u32; 31],
    group: [ReadPureWrite<u32>; 32],
    set_enable: [ReadPureWrite<u32>; 32],
    clear_enable: [ReadPureWrite<u32>; 32],
    reserved_0200: [u32; 128],
    priority: [ReadPureWrite<u32>; 255],
    reserved_07fc: [u32; 5697],
    /// From interrupt 32 on.
    route: [ReadPureWrite<u64>; 988],
}

/// The start of a redistributor.
#[repr(C)]
struct Redistributor {
    control: ReadPureWrite<u32>,
    identification: ReadPure<u32>,
    kind: ReadPure<u64>,
    status: ReadPureWrite<u32>,
    waker: ReadPureWrite<u32>,
}

/// A redistributor's frame for SGIs and PPIs.
#[repr(C)]
struct PrivateInterrupts {
    reserved_0000: [u32; 32],
    group: ReadPureWrite<u32>,
    reserved_0084: [u32; 31],
    set_enable: ReadPureWrite<u32>,
    reserved_0104: [u32; 31],
    clear_enable: ReadPureWrite<u32>,
    reserved_0184: [u32; 159],
    priority: [ReadPureWrite<u32>; 8],
}

/// Puts one byte out of the PL011 at `address`.
pub(crate) fn put(address: u64, byte: u8) {
    let mut uart = device::<Pl011>(address);
    // Bounded: a UART that never drains must not keep an end from being told.
    for _ in 0..SPINS {
        if field_shared!(uart, flags).read() & TRANSMIT_FULL == 0 {
            break;
        }
    }
    field!(uart, data).write(byte.into());
}

/// Switches the PL011 at `address` on: eight bits, FIFOs, output.
pub(crate) fn switch_uart_on(address: u64) {
    let mut uart = device::<Pl011>(address);
    field!(uart, control).write(0);
    field!(uart, line_control).write(EIGHT_BITS | FIFOS);
    field!(uart, control).write(UART_ENABLE | TRANSMIT | RECEIVE);
}

/// Whether the guest's PL011 signals its interrupt (UARTMIS).
pub(crate) fn uart_interrupts() -> bool {
    shared(UART.start() + MASKED_STATUS).read() != 0
}

/// The board's clock, in seconds since 1970.
pub(crate) fn seconds() -> u64 {
    let clock = device::<Pl031>(CLOCK.start());
    field_shared!(clock, data).read().into()
}

/// Switches the board's distributor on, and shared interrupt `interrupt` with it, which comes to this
/// CPU. By the boot CPU.
pub(crate) fn switch_distributor_on(interrupt: u32) {
    let mut distributor = device::<Distributor>(DISTRIBUTOR.start());
    field!(distributor, control).write(AFFINITY_ROUTING | ENABLE_GROUP_1);
    let shared = interrupt as usize - FIRST_SHARED;
    let (word, bit) = ((interrupt / 32) as usize, 1 << (interrupt % 32));
    if let Some(mut group) = field!(distributor, group).get(word) {
        group.write(u32::MAX);
    }
    if let Some(mut priority) = field!(distributor, priority).get(interrupt as usize / 4) {
        priority.write(PRIORITIES);
    }
    if let Some(mut route) = field!(distributor, route).get(shared) {
        route.write(cpu::affinity());
    }
    if let Some(mut enable) = field!(distributor, set_enable).get(word) {
        enable.write(bit);
    }
    wait_until(|| field_shared!(distributor, control).read() & WRITE_PENDING == 0);
}

/// Wakes this CPU's redistributor and lets these private interrupts, a bit each, through.
pub(crate) fn switch_redistributor_on(interrupts: u32) {
    let frames = redistributor();
    let mut redistributor = device::<Redistributor>(frames);
    field!(redistributor, waker).write(0);
    wait_until(|| field_shared!(redistributor, waker).read() & CHILDREN_ASLEEP == 0);
    let mut private = device::<PrivateInterrupts>(frames + PRIVATE_FRAME);
    field!(private, group).write(u32::MAX);
    field!(private, clear_enable).write(!interrupts);
    wait_until(|| field_shared!(redistributor, control).read() & REDISTRIBUTOR_WRITE_PENDING == 0);
    for word in 0..8 {
        if let Some(mut priority) = field!(private, priority).get(word) {
            priority.write(PRIORITIES);
        }
    }
    field!(private, set_enable).write(interrupts);
}

/// The frames of the redistributor that belongs to this CPU (GICR_TYPER, IHI 0069 §12.11.35).
fn redistributor() -> u64 {
    let affinity = cpu::affinity();
    let affinity = affinity & 0xff_ffff | affinity >> 8 & 0xff00_0000;
    let mut all =
        (REDISTRIBUTORS.start()..REDISTRIBUTORS.end()).step_by(REDISTRIBUTOR_SIZE as usize);
    let of_this_cpu = all.find(|frames| {
        let redistributor = device::<Redistributor>(*frames);
        field_shared!(redistributor, kind).read() >> 32 == affinity
    });
    of_this_cpu.expect("the board's interrupt controller knows this CPU")
}

/// Bounded: hardware that does not answer is an error with a name.
fn wait_until(done: impl Fn() -> bool) {
    let answered = (0..SPINS).any(|_| done());
    assert!(answered, "the board's interrupt controller does not answer");
}

fn device<T>(address: u64) -> UniqueMmioPointer<'static, T> {
    let address = NonZero::new(address as usize);
    let address = address.map_or(NonNull::dangling(), NonNull::without_provenance);
    // SAFETY: The board has these devices there, mapped as device memory (`translation`). Each
    // pointer lives for one access or a fixed row of them; a UART is written under the console's
    // lock or by the one CPU that ends the machine, a redistributor by its own CPU, the distributor
    // by the boot CPU before any other runs.
    unsafe { UniqueMmioPointer::new(address) }
}

/// A register that reading does not change, and that any CPU may read at any time.
fn shared(address: u64) -> SharedMmioPointer<'static, ReadPure<u32>> {
    let address = ptr::with_exposed_provenance::<ReadPure<u32>>(address as usize);
    // SAFETY: The board has this register there, mapped as device memory; even a load that nobody
    // asked for would change nothing.
    SharedMmioPointer::from(unsafe { &*address })
}

/// UARTFR.
const TRANSMIT_FULL: u32 = 1 << 5;
/// UARTLCR_H.
const FIFOS: u32 = 1 << 4;
const EIGHT_BITS: u32 = 3 << 5;
/// UARTCR.
const UART_ENABLE: u32 = 1 << 0;
const TRANSMIT: u32 = 1 << 8;
const RECEIVE: u32 = 1 << 9;

/// From the first register of a PL011.
const MASKED_STATUS: u64 = 0x40;

/// GICD_CTLR, one security state.
const ENABLE_GROUP_1: u32 = 1 << 1;
const AFFINITY_ROUTING: u32 = 1 << 4;
const WRITE_PENDING: u32 = 1 << 31;
const FIRST_SHARED: usize = 32;
/// GICR_CTLR.
const REDISTRIBUTOR_WRITE_PENDING: u32 = 1 << 3;
/// GICR_WAKER.
const CHILDREN_ASLEEP: u32 = 1 << 2;
const PRIVATE_FRAME: u64 = 0x1_0000;
/// Four interrupts of one priority: nothing here is more urgent than anything else.
const PRIORITIES: u32 = 0xa0a0_a0a0;

/// How often something is asked for that hardware takes microseconds for.
const SPINS: u32 = 1_000_000;
