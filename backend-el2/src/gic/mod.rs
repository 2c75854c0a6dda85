//! The guest's interrupt controller: what of a GICv3 is not the CPU's own hardware.
//!
//! A vCPU's side of it (ICC registers) is the virtual CPU interface, which the hardware has; list
//! registers hand interrupts to it. Distributor and redistributors are state here, and each access
//! of the guest's comes here. While a vCPU runs, what may interrupt it lies in its list registers:
//! [`Gic::collect`] takes all of it back, [`Gic::list`] hands out again what is to be signalled. So
//! a guest reads of another vCPU's interrupts what they were when they were handed out, and what it
//! changes there takes effect with the kick that follows; GICD_CTLR.RWP does not tell of it, and
//! does not under KVM.
//!
//! Three interrupts are of real devices, whose lines are levels: the guest's two timers and its
//! UART. When the hardware signals one, it is *held*: active in the board's interrupt controller,
//! which signals no active interrupt, until the guest has ended it and its list register has
//! deactivated the real one, or until nobody has taken it and its line has fallen
//! ([`Gic::release`]). What is held somebody here has to deactivate, whatever becomes of the guest:
//! a reset does not forget it. An end in a list register is seen at the next visit; that the same
//! interrupt is signalled once more tells of it too, and may come first ([`Gic::hold`]).
//!
//! There may be more than there are list registers. What is pending goes first, the most urgent
//! before others; when the guest has taken all of it, more follows. The end of an active interrupt
//! without a list register is counted without its name (ICH_HCR_EL2.EOIcount): as interrupts nest by
//! priority, it is the most urgent of these. Where a guest ends and deactivates in two steps, in any
//! order, it names them in ICC_DIR_EL1, which comes here ([`Gic::deactivate`]). (IHI 0069, chapters
//! 4, 6 and 12.)

mod bank;
mod registers;

pub use registers::Place;

use heapless::Vec;

use bank::{Bank, Forwarded, Half, State, bits};

use crate::layout::{MAX_CPUS, mpidr};

/// The interrupt controller of a machine.
#[derive(Debug)]
pub struct Gic {
    vcpus: usize,
    control: u32,
    private: [Private; MAX_CPUS],
    shared: Bank,
    routes: [u64; 32],
    /// For each shared interrupt the vCPU in whose list register it is, or was when the guest took
    /// it: it is active there until that vCPU ends it, whatever is routed where.
    places: [usize; 32],
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
    /// All that is to be signalled, or to be ended, is in list registers.
    All,
    /// Active ones had no room: count how many the guest ends.
    SomeActive,
    /// Pending ones had none: look again, too, when all that have some are taken.
    SomePending,
}

/// Which of a vCPU's SGIs can be sent: ICC_SGI1R_EL1 takes the group that the receiver has given
/// them, the others are of group 0 where there is one security state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// By ICC_SGI1R_EL1.
    Both,
    /// By ICC_SGI0R_EL1 and ICC_ASGI1R_EL1.
    Zero,
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
            bank: Bank::new(Half::First),
            waker: PROCESSOR_SLEEP | CHILDREN_ASLEEP,
        };
        Self {
            vcpus,
            control: 0,
            private: [ASLEEP; MAX_CPUS],
            shared: Bank::new(Half::Second),
            routes: [0; 32],
            places: [0; 32],
        }
    }

    /// As out of reset, but that what is held is still held. All list registers are empty.
    pub fn reset(&mut self) {
        self.control = 0;
        for private in &mut self.private {
            private.bank.reset(Half::First);
            private.waker = PROCESSOR_SLEEP | CHILDREN_ASLEEP;
        }
        self.shared.reset(Half::Second);
        self.routes = [0; 32];
        self.places = [0; 32];
    }

    /// A real interrupt was signalled to the CPU of `vcpu` and is held from now on. Gives the vCPU
    /// that is to hear of it.
    pub fn hold(&mut self, vcpu: usize, interrupt: u32) -> Option<usize> {
        let (bank, bit) = self.bank_of(vcpu, interrupt)?;
        bank.hold(bit);
        match interrupt {
            0..32 => Some(vcpu),
            _ => self.target(interrupt - 32),
        }
    }

    /// Takes everything back from the list registers of `vcpu`, which leaves them empty; `ended` is
    /// how many interrupts the guest has ended that were in none (EOIcount). Gives the vCPUs, a bit
    /// each, to which shared interrupts have moved meanwhile.
    pub fn collect(&mut self, vcpu: usize, registers: &mut ListRegisters, ended: u32) -> u8 {
        for _ in 0..ended {
            let active = self.unlisted(vcpu).filter(|one| one.active);
            if let Some(most_urgent) = active.min() {
                self.deactivate(vcpu, most_urgent.interrupt);
            }
        }
        let mut moved = 0;
        // Those that never held anything look like SGI 0. They come last.
        for register in registers.iter_mut() {
            let value = core::mem::take(register);
            let target = self.take_back(vcpu, value).unwrap_or(vcpu);
            if target != vcpu {
                moved |= 1 << target;
            }
        }
        moved
    }

    /// Gives whom an interrupt is for that came back.
    fn take_back(&mut self, vcpu: usize, value: u64) -> Option<usize> {
        let [number, ..] = value.to_le_bytes();
        let number = u32::from(number);
        let shared = number.checked_sub(32);
        if shared.is_some_and(|shared| self.place(shared) != Some(vcpu)) {
            return None;
        }
        let (bank, bit) = self.bank_of(vcpu, number)?;
        if !bank.is_listed(bit) {
            return None;
        }
        bank.take_back(
            bit,
            State {
                real: value & LR_HARDWARE != 0,
                pending: value & LR_PENDING != 0,
                active: value & LR_ACTIVE != 0,
            },
        );
        self.target(shared?)
    }

    /// Lets go of real interrupts that nobody took and whose `line` has fallen; they are to be
    /// deactivated. When the list registers of `vcpu` are empty.
    pub fn release(&mut self, vcpu: usize, line: impl Fn(u32) -> bool) -> Released {
        let mut released = Released::new();
        for interrupt in REAL {
            if let Some((bank, bit)) = self.bank_of(vcpu, interrupt)
                && bank.holds_idly(bit)
                && !line(interrupt)
            {
                bank.held &= !bit;
                // There is room for each.
                let _ = released.push(interrupt);
            }
        }
        released
    }

    /// `vcpu` has deactivated an interrupt; a real one that is still signalled is pending again.
    /// Gives the vCPUs, a bit each, that took it instead of this.
    pub fn deactivate(&mut self, vcpu: usize, interrupt: u32) -> u8 {
        let place = interrupt
            .checked_sub(32)
            .and_then(|shared| self.place(shared));
        if let Some((bank, bit)) = self.bank_of(vcpu, interrupt) {
            bank.deactivate(bit);
        }
        place
            .filter(|place| *place != vcpu)
            .map_or(0, |place| 1 << place)
    }

    /// Fills the list registers of `vcpu`, which are empty, with what is to be signalled and with
    /// what is active, the most urgent first.
    pub fn list(&mut self, vcpu: usize, registers: &mut ListRegisters) -> Listed {
        for register in registers.iter_mut() {
            let Some(next) = self.next(vcpu) else {
                return Listed::All;
            };
            *register = self.hand_out(vcpu, next.interrupt);
        }
        match self.next(vcpu) {
            None => Listed::All,
            Some(left) if left.active => Listed::SomeActive,
            Some(_) => Listed::SomePending,
        }
    }

    /// Whether an interrupt would wake `vcpu`, which masks those at or below `mask`. When its list
    /// registers are empty.
    pub fn pending(&self, vcpu: usize, mask: u8) -> Pending {
        let mut pending = self.unlisted(vcpu).filter(|one| !one.active);
        match pending.any(|one| one.priority < mask) {
            true => Pending::Some,
            false => Pending::None,
        }
    }

    /// `from` wrote `value` to a register that sends SGIs of these groups; gives the vCPUs, a bit
    /// each, that have an interrupt more.
    pub fn send(&mut self, from: usize, value: u64, groups: Groups) -> u8 {
        let bit = 1_u32 << (value >> 24 & 0xf);
        let all_but_self = value >> 40 & 1 == 1;
        let cluster = value & 0x00ff_00ff_00ff_0000;
        let range = value >> 44 & 0xf;
        let mut reached = 0;
        for vcpu in 0..self.vcpus {
            let affinity = mpidr(vcpu).value();
            let [aff0, aff1, aff2, _, aff3, ..] = affinity.to_le_bytes();
            let of = u64::from(aff1) << 16 | u64::from(aff2) << 32 | u64::from(aff3) << 48;
            let listed = value >> (aff0 & 0xf) & 1 == 1;
            let named = cluster == of && u64::from(aff0 >> 4) == range && listed;
            let bank = &mut self.private[vcpu].bank;
            if (if all_but_self { vcpu != from } else { named })
                && (groups == Groups::Both || bank.group & bit == 0)
            {
                bank.latched |= bit;
                reached |= 1 << vcpu;
            }
        }
        reached
    }

    /// What comes next into a list register of `vcpu`.
    fn next(&self, vcpu: usize) -> Option<Unlisted> {
        self.unlisted(vcpu).min()
    }

    fn hand_out(&mut self, vcpu: usize, interrupt: u32) -> u64 {
        if let Some(shared) = interrupt.checked_sub(32) {
            self.places[shared as usize % 32] = vcpu;
        }
        let control = self.control;
        let Some((bank, bit)) = self.bank_of(vcpu, interrupt) else {
            return 0;
        };
        let forwarded = bank.is_forwarded(bit, control);
        let state = bank.hand_out(bit, forwarded);
        let mut value = u64::from(interrupt) | u64::from(bank.priority_of(bit)) << 48;
        if bank.group & bit != 0 {
            value |= LR_GROUP_1;
        }
        if state.real {
            value |= LR_HARDWARE | u64::from(interrupt) << 32;
        }
        if state.pending {
            value |= LR_PENDING;
        }
        if state.active {
            value |= LR_ACTIVE;
        }
        value
    }

    /// All that is pending for `vcpu` and may be signalled, and all that is active there.
    fn unlisted(&self, vcpu: usize) -> impl Iterator<Item = Unlisted> {
        let control = self.control;
        let wanted = move |bank: &Bank, number: u32, interrupt: u32| {
            let bit = 1 << number;
            let active = bank.active & bit != 0;
            let signalled =
                bank.pending() & bit != 0 && bank.is_forwarded(bit, control) == Forwarded::Yes;
            (active || signalled).then(|| Unlisted {
                active,
                priority: bank.priority_of(bit),
                interrupt,
            })
        };
        let (private, shared) = (&self.private[vcpu].bank, &self.shared);
        let mine = bits(private.unlisted()).filter_map(move |n| wanted(private, n, n));
        let others = bits(shared.unlisted())
            .filter(move |n| self.target(*n) == Some(vcpu))
            .filter_map(move |n| wanted(shared, n, n + 32));
        mine.chain(others)
    }

    /// Which vCPU a shared interrupt is for: the one that is to end it, or whom it is routed to; the
    /// first vCPU if anybody will do.
    #[inline(never)]
    fn target(&self, shared: u32) -> Option<usize> {
        if self.shared.active >> shared & 1 == 1 {
            return self.place(shared);
        }
        let route = self.routes[shared as usize % 32];
        if route & ANY_CPU != 0 {
            return Some(0);
        }
        (0..self.vcpus).find(|vcpu| mpidr(*vcpu).value() == route)
    }

    fn place(&self, shared: u32) -> Option<usize> {
        self.places.get(shared as usize).copied()
    }

    fn bank_of(&mut self, vcpu: usize, interrupt: u32) -> Option<(&mut Bank, u32)> {
        match interrupt {
            0..32 => Some((&mut self.private[vcpu].bank, 1 << interrupt)),
            32..64 => Some((&mut self.shared, 1 << (interrupt - 32))),
            _ => None,
        }
    }
}

/// An interrupt that is in no list register and should be; those that wait come before those that
/// the guest has taken, the urgent before others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Unlisted {
    active: bool,
    priority: u8,
    interrupt: u32,
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
mod model;
#[cfg(test)]
mod tests;
