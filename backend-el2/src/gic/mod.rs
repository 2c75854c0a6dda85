//! The guest's interrupt controller: what of a GICv3 is not the CPU's own hardware.
//!
//! A vCPU's side of it (ICC registers) is the virtual CPU interface, which the hardware has; list
//! registers hand interrupts to it. Distributor and redistributors are state here, and each access
//! of the guest's comes here. Between two visits a vCPU's interrupts live in its list registers:
//! [`Gic::collect`] takes all of them back, [`Gic::list`] hands out again what is to be signalled.
//!
//! Three interrupts are of real devices: the guest's two timers and its UART. The hardware signals
//! them to this program, which *holds* them, still active, until the guest has ended them: then the
//! list register deactivates the real one. What is held and was never taken is let go when its
//! line falls. (IHI 0069, chapters 4, 6 and 12.)

mod bank;
mod registers;

pub use registers::Place;

use heapless::Vec;

use bank::{Bank, bits};

use crate::layout::{MAX_CPUS, mpidr};

/// The interrupt controller of a machine.
#[derive(Debug)]
pub struct Gic {
    vcpus: usize,
    control: u32,
    private: [Private; MAX_CPUS],
    shared: Bank,
    routes: [u64; 32],
}

/// What each vCPU has for itself.
#[derive(Debug, Clone)]
struct Private {
    bank: Bank,
    waker: u32,
}

/// The list registers of one vCPU.
pub type ListRegisters = Vec<u64, 16>;

/// Real interrupts to be deactivated.
pub type Released = Vec<u32, 4>;

/// What [`Gic::list`] could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// All that is to be signalled is in list registers.
    All,
    /// Some had no room: look again when a list register is free.
    Some,
}

/// Whether an interrupt is pending that would wake a vCPU.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Yes.
    Some,
    /// No.
    None,
}

impl Gic {
    /// Out of reset.
    #[must_use]
    pub const fn new(vcpus: usize) -> Self {
        const ASLEEP: Private = Private {
            bank: Bank::new(),
            waker: PROCESSOR_SLEEP | CHILDREN_ASLEEP,
        };
        Self {
            vcpus,
            control: 0,
            private: [ASLEEP; MAX_CPUS],
            shared: Bank::new(),
            routes: [0; 32],
        }
    }

    /// A real interrupt was signalled to the CPU of `vcpu`, which holds it from now on.
    pub fn hold(&mut self, vcpu: usize, interrupt: u32) {
        if let Some((bank, bit)) = self.bank_of(vcpu, interrupt) {
            bank.held |= bit;
        }
    }

    /// Takes everything back from the list registers of `vcpu`, and lets go of real interrupts that
    /// nobody took and whose `line` has fallen; they are to be deactivated.
    pub fn collect(
        &mut self,
        vcpu: usize,
        registers: &mut ListRegisters,
        line: impl Fn(u32) -> bool,
    ) -> Released {
        for register in registers.iter_mut() {
            let value = core::mem::take(register);
            self.take_back(vcpu, value);
        }
        let mut released = Released::new();
        for interrupt in REAL {
            if let Some((bank, bit)) = self.bank_of(vcpu, interrupt)
                && bank.held & bit != 0
                && (bank.active | bank.listed) & bit == 0
                && !line(interrupt)
            {
                bank.held &= !bit;
                // There is room for each.
                let _ = released.push(interrupt);
            }
        }
        released
    }

    fn take_back(&mut self, vcpu: usize, value: u64) {
        let [number, ..] = value.to_le_bytes();
        if let Some((bank, bit)) = self.bank_of(vcpu, number.into())
            && bank.listed & bit != 0
        {
            bank.listed &= !bit;
            bank.active &= !bit;
            if value & LR_ACTIVE != 0 {
                bank.active |= bit;
            }
            match value & LR_HARDWARE {
                0 if value & LR_PENDING != 0 => bank.latched |= bit,
                0 => {}
                // The guest has ended it, and with it the real one.
                _ if value & (LR_PENDING | LR_ACTIVE) == 0 => bank.held &= !bit,
                _ => {}
            }
        }
    }

    /// Fills the list registers of `vcpu`, which are empty, with what is active or to be signalled,
    /// the most urgent first.
    pub fn list(&mut self, vcpu: usize, registers: &mut ListRegisters) -> Listed {
        for register in registers.iter_mut() {
            let Some(interrupt) = self.most_urgent(vcpu) else {
                return Listed::All;
            };
            *register = self.hand_out(vcpu, interrupt);
        }
        match self.most_urgent(vcpu) {
            None => Listed::All,
            Some(_) => Listed::Some,
        }
    }

    /// Lets go of everything real that `vcpu` holds, whatever became of it; it is to be deactivated.
    pub fn release(&mut self, vcpu: usize) -> Released {
        let mut released = Released::new();
        for interrupt in REAL {
            if let Some((bank, bit)) = self.bank_of(vcpu, interrupt)
                && bank.held & bit != 0
            {
                bank.held &= !bit;
                // There is room for each.
                let _ = released.push(interrupt);
            }
        }
        released
    }

    /// Whether an interrupt would wake `vcpu`, which masks those at or below `mask`. Before it is
    /// in a list register.
    pub fn pending(&self, vcpu: usize, mask: u8) -> Pending {
        let pending = self.interrupts(vcpu).filter(|(bank, bit, _)| {
            bank.pending() & bank.enabled & !bank.active & bit != 0 && self.is_forwarded(bank, *bit)
        });
        let mut priorities = pending.map(|(bank, bit, _)| bank.priority_of(bit));
        match priorities.any(|priority| priority < mask) {
            true => Pending::Some,
            false => Pending::None,
        }
    }

    /// `from` wrote `value` to ICC_SGI1R_EL1 (`Group1`) or one of its kin; gives the vCPUs, a bit
    /// each, that have an interrupt more.
    pub fn send(&mut self, from: usize, value: u64) -> u8 {
        let bit = 1_u32 << (value >> 24 & 0xf);
        let all_but_self = value >> 40 & 1 == 1;
        let cluster = value & 0x00ff_00ff_00ff_0000;
        let mut reached = 0;
        for vcpu in 0..self.vcpus {
            let affinity = mpidr(vcpu).value();
            let [aff0, aff1, aff2, _, aff3, ..] = affinity.to_le_bytes();
            let of = u64::from(aff1) << 16 | u64::from(aff2) << 32 | u64::from(aff3) << 48;
            let named = cluster == of && aff0 < 16 && value >> aff0 & 1 == 1;
            if (all_but_self && vcpu != from) || (!all_but_self && named) {
                self.private[vcpu].bank.latched |= bit;
                reached |= 1 << vcpu;
            }
        }
        reached
    }

    /// The interrupt that comes next into a list register: active ones first, because their end
    /// has to be noticed.
    fn most_urgent(&self, vcpu: usize) -> Option<u32> {
        let wanted = self.interrupts(vcpu).filter(|(bank, bit, _)| {
            let pending = bank.pending() & bank.enabled & bit != 0 && self.is_forwarded(bank, *bit);
            bank.listed & bit == 0 && (pending || bank.active & bit != 0)
        });
        wanted
            .min_by_key(|(bank, bit, _)| (bank.active & bit == 0, bank.priority_of(*bit)))
            .map(|(_, _, interrupt)| interrupt)
    }

    fn hand_out(&mut self, vcpu: usize, interrupt: u32) -> u64 {
        let control = self.control;
        let Some((bank, bit)) = self.bank_of(vcpu, interrupt) else {
            return 0;
        };
        let mut value = u64::from(interrupt) | u64::from(bank.priority_of(bit)) << 48;
        let group_1 = bank.group & bit != 0;
        let forwarded = control
            & if group_1 {
                ENABLE_GROUP_1
            } else {
                ENABLE_GROUP_0
            }
            != 0;
        if group_1 {
            value |= LR_GROUP_1;
        }
        if bank.active & bit != 0 {
            value |= LR_ACTIVE;
        }
        if bank.held & bit != 0 {
            // A real one is pending or active, never both (IHI 0069, ICH_LR_EL2.HW).
            value |= LR_HARDWARE | u64::from(interrupt) << 32;
            if bank.active & bit == 0 {
                value |= LR_PENDING;
            }
        } else if bank.latched & bank.enabled & bit != 0 && forwarded {
            bank.latched &= !bit;
            value |= LR_PENDING;
        }
        bank.listed |= bit;
        value
    }

    /// All interrupts that may be signalled to `vcpu`: its bank, its bit there, its number.
    fn interrupts(&self, vcpu: usize) -> impl Iterator<Item = (&Bank, u32, u32)> {
        let private = &self.private[vcpu].bank;
        let shared = &self.shared;
        let mine = bits(private.interesting()).map(move |n| (private, 1 << n, n));
        let others = bits(shared.interesting())
            .filter(move |n| self.target(*n) == Some(vcpu))
            .map(move |n| (shared, 1 << n, n + 32));
        mine.chain(others)
    }

    /// Whom a shared interrupt is routed to; the first vCPU if anybody will do.
    fn target(&self, number: u32) -> Option<usize> {
        let route = self.routes[number as usize % 32];
        if route & ANY_CPU != 0 {
            return Some(0);
        }
        (0..self.vcpus).find(|vcpu| mpidr(*vcpu).value() == route)
    }

    fn is_forwarded(&self, bank: &Bank, bit: u32) -> bool {
        let enable = if bank.group & bit != 0 {
            ENABLE_GROUP_1
        } else {
            ENABLE_GROUP_0
        };
        self.control & enable != 0
    }

    fn bank_of(&mut self, vcpu: usize, interrupt: u32) -> Option<(&mut Bank, u32)> {
        match interrupt {
            0..32 => Some((&mut self.private[vcpu].bank, 1 << interrupt)),
            32..64 => Some((&mut self.shared, 1 << (interrupt - 32))),
            _ => None,
        }
    }
}

/// The guest's virtual timer.
pub const VIRTUAL_TIMER: u32 = 27;
/// Its physical timer.
pub const PHYSICAL_TIMER: u32 = 30;
/// Its PL011.
pub const UART_INTERRUPT: u32 = 33;
/// The interrupts of real devices.
pub const REAL: [u32; 3] = [VIRTUAL_TIMER, PHYSICAL_TIMER, UART_INTERRUPT];

/// GICD_CTLR.
const ENABLE_GROUP_0: u32 = 1 << 0;
const ENABLE_GROUP_1: u32 = 1 << 1;
/// GICR_WAKER.
const PROCESSOR_SLEEP: u32 = 1 << 1;
const CHILDREN_ASLEEP: u32 = 1 << 2;
/// GICD_IROUTER.IRM.
const ANY_CPU: u64 = 1 << 31;

/// ICH_LR_EL2.
const LR_PENDING: u64 = 1 << 62;
const LR_ACTIVE: u64 = 1 << 63;
const LR_HARDWARE: u64 = 1 << 61;
const LR_GROUP_1: u64 = 1 << 60;

#[cfg(test)]
mod tests;
