//! A wake-up event for CPU_SUSPEND: the virtual timer, PPI 27, or any private interrupt.
//!
//! The interrupt becomes pending and enabled in the GICv3, while PSTATE keeps it from being taken
//! (and from crashing the program): DEN0022 §5.4 has a standby CPU wake for interrupts whatever
//! PSTATE masks. Registers: IHI0069, chapter 12.
#![expect(unsafe_code, reason = "the interrupt controller is at fixed addresses")]

use core::{num::NonZero, ptr::NonNull};

use aarch64_cpu::registers::{CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_TVAL_EL0};
use safe_mmio::{UniqueMmioPointer, field, field_shared, fields::ReadPureWrite};
use tock_registers::interfaces::{Readable as _, Writeable as _};

use crate::{
    arch::interrupts,
    cpus::{self, wait_until},
    expect::Proof,
};

/// First page of the distributor, as far as it is used.
#[repr(C)]
struct Distributor {
    control: ReadPureWrite<u32>,
}

/// First page of a redistributor.
#[repr(C)]
struct Redistributor {
    reserved_0000: [u32; 5],
    waker: ReadPureWrite<u32>,
}

/// A redistributor's page for SGIs and PPIs.
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

/// Lets the virtual timer's interrupt reach this CPU. On the boot CPU before any other.
///
/// # Errors
///
/// If the redistributor does not wake up.
pub fn route_timer() -> Proof {
    if cpus::index() == 0 {
        enable_distributor();
    }
    route(VIRTUAL_TIMER)
}

/// Switches the distributor on. By the boot CPU, before any CPU's [`route`].
pub(crate) fn enable_distributor() {
    let mut distributor = device::<Distributor>(DISTRIBUTOR);
    field!(distributor, control).write(AFFINITY_ROUTING | ENABLE_GROUP_1);
}

/// Lets one private interrupt (0 to 31), and no other, reach this CPU.
///
/// # Errors
///
/// If the redistributor does not wake up.
pub(crate) fn route(interrupt: usize) -> Proof {
    let frames = REDISTRIBUTORS + cpus::index() as usize * REDISTRIBUTOR_SIZE;
    let mut redistributor = device::<Redistributor>(frames);
    field!(redistributor, waker).write(0);
    wait_until("GICR_WAKER.ChildrenAsleep cleared", || {
        field_shared!(redistributor, waker).read() & CHILDREN_ASLEEP == 0
    })?;

    let mut interrupts = device::<PrivateInterrupts>(frames + PRIVATE_INTERRUPTS);
    field!(interrupts, group).write(u32::MAX);
    field!(interrupts, clear_enable).write(u32::MAX);
    if let Some(mut priorities) = field!(interrupts, priority).get(interrupt / 4) {
        priorities.write(0x8080_8080);
    }
    field!(interrupts, set_enable).write(1 << interrupt);
    interrupts::enable_cpu_interface();
    Ok(())
}

/// Arms the timer: its interrupt becomes pending after so many microseconds (0: at once).
pub fn arm_timer(microseconds: u64) {
    let ticks = CNTFRQ_EL0.get().saturating_mul(microseconds) / 1_000_000;
    CNTV_TVAL_EL0.set(ticks.min(i32::MAX as u64));
    CNTV_CTL_EL0.set(TIMER_ENABLE);
}

/// Waits until the timer has expired.
///
/// # Errors
///
/// If it does not within [`WAIT_SECONDS`](crate::cpus::WAIT_SECONDS).
pub fn wait_for_timer() -> Proof {
    wait_until("virtual timer expired", || {
        CNTV_CTL_EL0.get() & TIMER_STATUS != 0
    })
}

/// Takes the interrupt back.
pub fn disarm_timer() {
    CNTV_CTL_EL0.set(0);
}

fn device<T>(address: usize) -> UniqueMmioPointer<'static, T> {
    let address = NonZero::new(address).map_or(NonNull::dangling(), NonNull::without_provenance);
    // SAFETY: The machine has a GICv3 at the addresses below, mapped as device memory. The distributor
    // is the boot CPU's, a redistributor its own CPU's, and each pointer is gone before the next one
    // to the same page is made.
    unsafe { UniqueMmioPointer::new(address) }
}

const DISTRIBUTOR: usize = 0x0800_0000;
/// One for each of the first 123 CPUs.
const REDISTRIBUTORS: usize = 0x080A_0000;
const REDISTRIBUTOR_SIZE: usize = 0x2_0000;
/// Within a redistributor.
const PRIVATE_INTERRUPTS: usize = 0x1_0000;
const VIRTUAL_TIMER: usize = 27;

/// GICD_CTLR, one security state.
const ENABLE_GROUP_1: u32 = 1 << 1;
const AFFINITY_ROUTING: u32 = 1 << 4;
/// GICR_WAKER.
const CHILDREN_ASLEEP: u32 = 1 << 2;
/// CNTV_CTL_EL0.
const TIMER_ENABLE: u64 = 1 << 0;
const TIMER_STATUS: u64 = 1 << 2;
