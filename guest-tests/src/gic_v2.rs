//! A GICv2: its distributor and its CPU interface, both in memory.
//!
//! Just enough for an interrupt to become pending while PSTATE masks it, and to be taken. IHI0048,
//! chapter 4.
#![expect(unsafe_code, reason = "the interrupt controller is at fixed addresses")]

use core::{mem::offset_of, num::NonZero, ptr::NonNull};

use safe_mmio::{
    UniqueMmioPointer, field, field_shared,
    fields::{ReadPure, ReadPureWrite, ReadWrite, WriteOnly},
};

/// What [`highest_pending`] and [`acknowledge`] give if there is nothing.
pub const NONE: u32 = 1023;

/// The distributor, as far as it is used.
#[repr(C)]
struct Distributor {
    control: ReadPureWrite<u32>,
    reserved_0004: [u32; 63],
    set_enable: [ReadPureWrite<u32>; 32],
    reserved_0180: [u32; 864],
    send: WriteOnly<u32>,
}

const _: () = assert!(offset_of!(Distributor, send) == 0xf00);

/// The CPU interface, each CPU's own at the same address.
#[repr(C)]
struct Interface {
    control: ReadPureWrite<u32>,
    priority_mask: ReadPureWrite<u32>,
    binary_point: ReadPureWrite<u32>,
    acknowledge: ReadWrite<u32>,
    end: WriteOnly<u32>,
    running_priority: ReadPure<u32>,
    highest_pending: ReadPure<u32>,
}

const _: () = assert!(offset_of!(Interface, highest_pending) == 0x18);

/// Switches the distributor on. By the boot CPU, before any CPU's [`receive`].
pub fn enable_distributor() {
    let mut distributor = device::<Distributor>(DISTRIBUTOR);
    field!(distributor, control).write(1);
}

/// Lets SGIs and these private interrupts, a bit each, reach this CPU.
pub fn receive(enabled: u32) {
    let mut distributor = device::<Distributor>(DISTRIBUTOR);
    if let Some(mut register) = field!(distributor, set_enable).get(0) {
        register.write(enabled);
    }
    let mut interface = device::<Interface>(INTERFACE);
    field!(interface, priority_mask).write(0xf0);
    field!(interface, control).write(1);
}

/// Sends an SGI (0 to 15) to one CPU (0 to 7).
pub fn send_sgi(interrupt: u32, cpu: u32) {
    let mut distributor = device::<Distributor>(DISTRIBUTOR);
    field!(distributor, send).write(1 << (16 + (cpu & 7)) | interrupt & 0xf);
}

/// The interrupt that this CPU would take first if it took any.
#[must_use]
pub fn highest_pending() -> u32 {
    let interface = device::<Interface>(INTERFACE);
    field_shared!(interface, highest_pending).read() & INTERRUPT
}

/// Takes the highest pending interrupt, which is active from now on: its number in bits 9:0, and of an
/// SGI who sent it in bits 12:10.
#[must_use]
pub fn acknowledge() -> u32 {
    let mut interface = device::<Interface>(INTERFACE);
    field!(interface, acknowledge).read()
}

/// Ends an interrupt as it was taken.
pub fn end(interrupt: u32) {
    let mut interface = device::<Interface>(INTERFACE);
    field!(interface, end).write(interrupt);
}

fn device<T>(address: usize) -> UniqueMmioPointer<'static, T> {
    let address = NonZero::new(address).map_or(NonNull::dangling(), NonNull::without_provenance);
    // SAFETY: A claim that uses this needs a GICv2, which is at the addresses below, mapped as device
    // memory. What is used of both frames is a CPU's own, or written as a whole, and each pointer is
    // gone before the same CPU makes the next one.
    unsafe { UniqueMmioPointer::new(address) }
}

const DISTRIBUTOR: usize = 0x0800_0000;
const INTERFACE: usize = 0x0801_0000;
/// The number in what is acknowledged.
const INTERRUPT: u32 = 0x3ff;
