//! A wake-up event for CPU_SUSPEND: the virtual timer, PPI 27, or any private interrupt.
//!
//! The interrupt becomes pending and enabled in the GICv3, while PSTATE keeps it from being taken
//! (and from crashing the program): DEN0022 §5.4 has a standby CPU wake for interrupts whatever
//! PSTATE masks. Registers: IHI0069, chapter 12.
#![expect(unsafe_code, reason = "the interrupt controller is at fixed addresses")]

use core::{mem::offset_of, num::NonZero, ptr::NonNull};

use aarch64_cpu::{
    asm,
    registers::{CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_TVAL_EL0},
};
use safe_mmio::{UniqueMmioPointer, field, field_shared, fields::ReadPureWrite};
use tock_registers::interfaces::{Readable as _, Writeable as _};

use crate::{
    arch::interrupts,
    cpus::{self, Deadline, wait_until},
    expect::{self, Failure, Proof},
};

/// The distributor, as far as it is used.
#[repr(C)]
struct Distributor {
    control: ReadPureWrite<u32>,
    reserved_0004: [u32; 31],
    group: [ReadPureWrite<u32>; 32],
    set_enable: [ReadPureWrite<u32>; 32],
    reserved_0180: [u32; 160],
    priority: [ReadPureWrite<u32>; 255],
    reserved_07fc: [u32; 5697],
    route: [ReadPureWrite<u64>; 988],
}

const _: () = assert!(offset_of!(Distributor, route) == 0x6100);

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
    reserved_0184: [u32; 31],
    set_pending: ReadPureWrite<u32>,
    reserved_0204: [u32; 31],
    clear_pending: ReadPureWrite<u32>,
    reserved_0284: [u32; 31],
    set_active: ReadPureWrite<u32>,
    reserved_0304: [u32; 31],
    clear_active: ReadPureWrite<u32>,
    reserved_0384: [u32; 31],
    priority: [ReadPureWrite<u32>; 8],
}

const _: () = assert!(offset_of!(PrivateInterrupts, priority) == 0x400);

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

/// Lets SGI 0 reach this CPU. On the boot CPU before any other.
///
/// # Errors
///
/// If the redistributor does not wake up.
pub fn route_sgi_0() -> Proof {
    if cpus::index() == 0 {
        enable_distributor();
    }
    route(0)
}

/// Switches the distributor on. By the boot CPU, before any CPU's [`route`].
pub(crate) fn enable_distributor() {
    let mut distributor = device::<Distributor>(DISTRIBUTOR);
    field!(distributor, control).write(AFFINITY_ROUTING | ENABLE_GROUP_1);
}

/// Lets SGIs 0 to 7 reach this CPU, which is the boot CPU; each is more urgent than the next, and
/// would interrupt what handles it.
///
/// # Errors
///
/// If the redistributor does not wake up.
pub fn route_sgis() -> Proof {
    enable_distributor();
    route_all(0xff, &[(0, 0x7060_5040), (1, 0xB0A0_9080)])
}

/// Lets one private interrupt (0 to 31), and no other, reach this CPU.
///
/// # Errors
///
/// If the redistributor does not wake up.
pub(crate) fn route(interrupt: usize) -> Proof {
    route_all(1 << interrupt, &[(interrupt / 4, 0x8080_8080)])
}

/// Lets these private interrupts, a bit each, reach this CPU; priorities are by GICR_IPRIORITYR.
fn route_all(enabled: u32, priorities: &[(usize, u32)]) -> Proof {
    let frames = REDISTRIBUTORS + cpus::index() as usize * REDISTRIBUTOR_SIZE;
    let mut redistributor = device::<Redistributor>(frames);
    field!(redistributor, waker).write(0);
    wait_until("GICR_WAKER.ChildrenAsleep cleared", || {
        field_shared!(redistributor, waker).read() & CHILDREN_ASLEEP == 0
    })?;

    let mut interrupts = private_interrupts();
    field!(interrupts, group).write(u32::MAX);
    field!(interrupts, clear_enable).write(u32::MAX);
    for (register, value) in priorities {
        if let Some(mut register) = field!(interrupts, priority).get(*register) {
            register.write(*value);
        }
    }
    field!(interrupts, set_enable).write(enabled);
    interrupts::enable_cpu_interface();
    Ok(())
}

/// Lets the UART's interrupt, number 33, reach CPU `index`. By the boot CPU.
pub fn route_uart(index: u64) {
    enable_distributor();
    let mut distributor = device::<Distributor>(DISTRIBUTOR);
    if let Some(mut group) = field!(distributor, group).get(1) {
        group.write(u32::MAX);
    }
    if let Some(mut priority) = field!(distributor, priority).get(8) {
        priority.write(0x8080_8080);
    }
    if let Some(mut route) = field!(distributor, route).get(1) {
        route.write(cpus::mpidr(index));
    }
    if let Some(mut enable) = field!(distributor, set_enable).get(1) {
        enable.write(1 << 1);
    }
}

/// This CPU's private interrupts that are pending, and those that are active, a bit each.
#[must_use]
pub fn pending_and_active() -> [u32; 2] {
    let mut interrupts = private_interrupts();
    [
        field!(interrupts, set_pending).read(),
        field!(interrupts, set_active).read(),
    ]
}

/// Makes these private interrupts of this CPU pending no more.
pub fn withdraw(pending: u32) {
    let mut interrupts = private_interrupts();
    field!(interrupts, clear_pending).write(pending);
}

/// Makes these private interrupts of this CPU active no more.
pub fn deactivate(active: u32) {
    let mut interrupts = private_interrupts();
    field!(interrupts, clear_active).write(active);
}

fn private_interrupts() -> UniqueMmioPointer<'static, PrivateInterrupts> {
    let frames = REDISTRIBUTORS + cpus::index() as usize * REDISTRIBUTOR_SIZE;
    device(frames + PRIVATE_INTERRUPTS)
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

/// Sleeps until the timer has expired, whatever else wakes this CPU; no other limit ends it.
pub fn sleep_until_timer() {
    while CNTV_CTL_EL0.get() & TIMER_STATUS == 0 {
        asm::wfi();
    }
}

/// Takes the timer's interrupt so many times, a millisecond after one another. Nothing but the
/// interrupts themselves leaves the guest: no call, no wait, no access to the distributor.
///
/// # Errors
///
/// If one does not come within [`WAIT_SECONDS`](crate::cpus::WAIT_SECONDS), or another does.
pub fn take_ticks(count: u64) -> Proof {
    let deadline = Deadline::after_seconds(cpus::WAIT_SECONDS);
    for _ in 0..count {
        arm_timer(1000);
        while interrupts::highest_pending() == NONE {
            if deadline.passed() {
                return Err(Failure::timed_out("a tick of the timer"));
            }
            core::hint::spin_loop();
        }
        let interrupt = interrupts::acknowledge();
        disarm_timer();
        interrupts::end(interrupt);
        expect::equal("the timer's interrupt", interrupt, VIRTUAL_TIMER as u64)?;
    }
    Ok(())
}

/// Takes the interrupt back.
pub fn disarm_timer() {
    CNTV_CTL_EL0.set(0);
}

/// The same, and ends what may be pending still: whoever passes interrupts on need not have seen that
/// this one was taken back, and what is pending ends every WFI at once.
pub fn answer_timer() {
    disarm_timer();
    interrupts::take_back();
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
/// ICC_HPPIR1_EL1 when nothing is pending.
const NONE: u64 = 1023;

/// GICD_CTLR, one security state.
const ENABLE_GROUP_1: u32 = 1 << 1;
const AFFINITY_ROUTING: u32 = 1 << 4;
/// GICR_WAKER.
const CHILDREN_ASLEEP: u32 = 1 << 2;
/// CNTV_CTL_EL0.
const TIMER_ENABLE: u64 = 1 << 0;
const TIMER_STATUS: u64 = 1 << 2;
