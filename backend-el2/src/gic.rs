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

use heapless::Vec;

use crate::layout::{DISTRIBUTOR, MAX_CPUS, REDISTRIBUTOR_SIZE, REDISTRIBUTORS, mpidr};

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

/// Thirty-two interrupts, a bit each.
#[derive(Debug, Clone)]
struct Bank {
    group: u32,
    enabled: u32,
    /// Made pending by an edge, by software or as an SGI.
    latched: u32,
    active: u32,
    edge: u32,
    priority: [u8; 32],
    /// Real interrupts that are active until the guest ends them.
    held: u32,
    /// In a list register now.
    listed: u32,
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

/// A register of the guest's interrupt controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The distributor's, at an offset.
    Distributor(u64),
    /// A vCPU's redistributor's, at an offset.
    Redistributor(usize, u64),
}

impl Place {
    /// What is at a guest's address, in a machine with so many vCPUs.
    #[must_use]
    pub fn at(address: u64, vcpus: usize) -> Option<Self> {
        if let Some(offset) = DISTRIBUTOR.offset_of(address) {
            return Some(Self::Distributor(offset));
        }
        let offset = REDISTRIBUTORS.offset_of(address)?;
        let vcpu = usize::try_from(offset / REDISTRIBUTOR_SIZE).ok()?;
        (vcpu < vcpus).then_some(Self::Redistributor(vcpu, offset % REDISTRIBUTOR_SIZE))
    }
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

    /// What the guest reads.
    #[must_use]
    pub fn read(&self, place: Place, bytes: u8) -> u64 {
        let word = |offset: u64| match place {
            Place::Distributor(_) => self.read_distributor(offset),
            Place::Redistributor(vcpu, _) => self.read_redistributor(vcpu, offset),
        };
        let offset = place.offset();
        let (low, high) = (word(offset & !7), word((offset & !7) | 4));
        let both = u64::from(low) | u64::from(high) << 32;
        let unused = 64 - 8 * u32::from(bytes);
        both >> (8 * (offset & 7)) << unused >> unused
    }

    /// What the guest writes. Only priorities are bytes, and only routes are doublewords.
    pub fn write(&mut self, place: Place, bytes: u8, value: u64) {
        let [b0, b1, b2, b3, ..] = value.to_le_bytes();
        let (low, high) = (u32::from_le_bytes([b0, b1, b2, b3]), value >> 32);
        let offset = place.offset();
        if let Some(at) = place.priorities() {
            let given = [b0, b1, b2, b3].into_iter().take(bytes.into());
            for (place_of, priority) in (at..).zip(given) {
                self.set_priority(place, place_of, priority);
            }
            return;
        }
        match place {
            _ if bytes < 4 || offset & 3 != 0 => {}
            Place::Distributor(_) if (0x6100..0x6200).contains(&offset) => {
                self.set_route(offset, bytes, value);
            }
            Place::Distributor(_) => {
                self.write_distributor(offset, low);
                if bytes == 8 {
                    let [h0, h1, h2, h3, ..] = high.to_le_bytes();
                    self.write_distributor(offset + 4, u32::from_le_bytes([h0, h1, h2, h3]));
                }
            }
            Place::Redistributor(vcpu, _) => self.write_redistributor(vcpu, offset, low),
        }
    }

    fn read_distributor(&self, offset: u64) -> u32 {
        match offset {
            0x0000 => self.control | ALWAYS_ON,
            // 64 interrupts, numbers of ten bits.
            0x0004 => 1 | 9 << 19,
            0x0008 => IIDR,
            0x6100..0x6200 => self.route_word(offset),
            0xffe8 => PIDR2,
            _ => self.shared.read(offset, Half::Second),
        }
    }

    fn write_distributor(&mut self, offset: u64, value: u32) {
        match offset {
            0x0000 => self.control = value & (ENABLE_GROUP_0 | ENABLE_GROUP_1),
            _ => self.shared.write(offset, Half::Second, value),
        }
    }

    fn read_redistributor(&self, vcpu: usize, offset: u64) -> u32 {
        let private = &self.private[vcpu];
        match offset {
            0x0004 => IIDR,
            0x0008 => {
                let last = u32::from(vcpu + 1 == self.vcpus) << 4;
                let [number, ..] = vcpu.to_le_bytes();
                u32::from(number) << 8 | last
            }
            0x000c => {
                let [a, b, c, _, d, ..] = mpidr(vcpu).value().to_le_bytes();
                u32::from_le_bytes([a, b, c, d])
            }
            0x0014 => private.waker,
            0xffe8 => PIDR2,
            SGI_FRAME.. => private.bank.read(offset - SGI_FRAME, Half::First),
            _ => 0,
        }
    }

    fn write_redistributor(&mut self, vcpu: usize, offset: u64, value: u32) {
        let private = &mut self.private[vcpu];
        match offset {
            // Children sleep and wake at once.
            0x0014 if value & PROCESSOR_SLEEP == 0 => private.waker = 0,
            0x0014 => private.waker = PROCESSOR_SLEEP | CHILDREN_ASLEEP,
            SGI_FRAME.. => private.bank.write(offset - SGI_FRAME, Half::First, value),
            _ => {}
        }
    }

    fn set_priority(&mut self, place: Place, index: usize, priority: u8) {
        let (bank, first) = match place {
            Place::Distributor(_) => (&mut self.shared, 32),
            Place::Redistributor(vcpu, _) => (&mut self.private[vcpu].bank, 0),
        };
        let slot = index
            .checked_sub(first)
            .and_then(|index| bank.priority.get_mut(index));
        if let Some(slot) = slot {
            *slot = priority & PRIORITY_BITS;
        }
    }

    fn route_word(&self, offset: u64) -> u32 {
        let route = self.routes[((offset - 0x6100) / 8 % 32) as usize];
        let [a, b, c, d, e, f, g, h] = route.to_le_bytes();
        match offset & 4 {
            0 => u32::from_le_bytes([a, b, c, d]),
            _ => u32::from_le_bytes([e, f, g, h]),
        }
    }

    fn set_route(&mut self, offset: u64, bytes: u8, value: u64) {
        let route = &mut self.routes[((offset - 0x6100) / 8 % 32) as usize];
        *route = match (bytes, offset & 4) {
            (8, 0) => value,
            (_, 0) => *route & !0xffff_ffff | value & 0xffff_ffff,
            (_, _) => *route & 0xffff_ffff | value << 32,
        } & 0xff_80ff_ffff;
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
        let forwarded = control & if group_1 { ENABLE_GROUP_1 } else { ENABLE_GROUP_0 } != 0;
        if group_1 {
            value |= LR_GROUP_1;
        }
        if bank.active & bit != 0 {
            value |= LR_ACTIVE;
        }
        if bank.held & bit != 0 {
            // A real one is pending or active, never both (IHI 0069, ICH_LR<n>_EL2.HW).
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

impl Place {
    /// Whether a write there may matter to other vCPUs than this.
    #[must_use]
    pub fn concerns_others(self, vcpu: usize) -> bool {
        !matches!(self, Self::Redistributor(of, _) if of == vcpu)
    }

    const fn offset(self) -> u64 {
        match self {
            Self::Distributor(offset) | Self::Redistributor(_, offset) => offset,
        }
    }

    /// The first interrupt whose priority is here, if priorities are.
    fn priorities(self) -> Option<usize> {
        let offset = match self {
            Self::Distributor(offset) => offset,
            Self::Redistributor(_, offset) => offset.checked_sub(SGI_FRAME)?,
        };
        let index = usize::try_from(offset.checked_sub(0x400)?).ok()?;
        (index < 64).then_some(index)
    }
}

/// Where a bank's registers are among those of their kind.
#[derive(Clone, Copy)]
enum Half {
    /// Interrupts 0 to 31: a redistributor's.
    First,
    /// Interrupts 32 to 63: the distributor's.
    Second,
}

impl Bank {
    const fn new() -> Self {
        Self {
            group: 0,
            enabled: 0,
            latched: 0,
            active: 0,
            edge: 0,
            priority: [0; 32],
            held: 0,
            listed: 0,
        }
    }

    const fn pending(&self) -> u32 {
        self.latched | self.held & !self.active
    }

    /// What a list register might be wanted for.
    const fn interesting(&self) -> u32 {
        self.pending() | self.active
    }

    fn priority_of(&self, bit: u32) -> u8 {
        let slot = self.priority.get(bit.trailing_zeros() as usize);
        slot.copied().unwrap_or(0)
    }

    fn read(&self, offset: u64, half: Half) -> u32 {
        let Some((kind, half_word)) = half.register(offset) else {
            return self.read_wide(offset, half);
        };
        match (kind, half_word) {
            (_, false) => 0,
            (0x080, _) => self.group,
            (0x100 | 0x180, _) => self.enabled,
            (0x200 | 0x280, _) => self.pending(),
            (0x300 | 0x380, _) => self.active,
            _ => 0,
        }
    }

    /// Priorities are bytes; configuration is two bits an interrupt, of which the upper counts.
    fn read_wide(&self, offset: u64, half: Half) -> u32 {
        let first = half.first();
        match offset {
            0x400..0x440 => {
                let index = (offset & !3).checked_sub(0x400 + first);
                let bytes = index.and_then(|index| self.priority.get(index as usize..));
                let word = bytes.and_then(|bytes| bytes.first_chunk());
                word.map_or(0, |word| u32::from_le_bytes(*word))
            }
            0xc00..0xc10 => match (offset & !3).checked_sub(0xc00 + first / 4) {
                Some(0) => spread(self.edge),
                Some(4) => spread(self.edge >> 16),
                Some(_) | None => 0,
            },
            _ => 0,
        }
    }

    fn write(&mut self, offset: u64, half: Half, value: u32) {
        let Some((kind, true)) = half.register(offset) else {
            // SGIs are edge-triggered for ever, and nobody changes the private timers.
            if matches!(half, Half::Second) {
                self.configure(offset, value);
            }
            return;
        };
        match kind {
            0x080 => self.group = value,
            0x100 => self.enabled |= value,
            0x180 => self.enabled &= !value,
            0x200 => self.latched |= value,
            0x280 => self.latched &= !value,
            0x300 => self.active |= value,
            0x380 => self.active &= !value,
            _ => {}
        }
    }

    fn configure(&mut self, offset: u64, value: u32) {
        let shift = match offset {
            0xc08 => 0,
            0xc0c => 16,
            _ => return,
        };
        let edges = gather(value);
        self.edge = self.edge & !(0xffff << shift) | edges << shift;
    }
}

impl Half {
    const fn first(self) -> u64 {
        match self {
            Self::First => 0,
            Self::Second => 32,
        }
    }

    /// A register of one bit an interrupt: its kind, and whether it is this half's.
    fn register(self, offset: u64) -> Option<(u64, bool)> {
        if !(0x080..0x400).contains(&offset) {
            return None;
        }
        let word = offset & 0x7c;
        Some((offset & !0x7f, word == self.first() / 8))
    }
}

/// The numbers of the bits that are set.
fn bits(mut set: u32) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let number = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (number < 32).then_some(number)
    })
}

/// Sixteen bits, each the upper of a pair.
fn spread(edges: u32) -> u32 {
    bits(edges & 0xffff).fold(0, |word, number| word | 2 << (2 * number))
}

fn gather(word: u32) -> u32 {
    (0..16).fold(0, |edges, number| edges | (word >> (2 * number + 1) & 1) << number)
}

/// The guest's virtual timer.
pub const VIRTUAL_TIMER: u32 = 27;
/// Its physical timer.
pub const PHYSICAL_TIMER: u32 = 30;
/// Its PL011.
pub const UART_INTERRUPT: u32 = 33;
/// The interrupts of real devices.
pub const REAL: [u32; 3] = [VIRTUAL_TIMER, PHYSICAL_TIMER, UART_INTERRUPT];

/// GICD_CTLR: one security state, affinity routing for ever.
const ENABLE_GROUP_0: u32 = 1 << 0;
const ENABLE_GROUP_1: u32 = 1 << 1;
const ALWAYS_ON: u32 = 1 << 4 | 1 << 6;
/// GICR_WAKER.
const PROCESSOR_SLEEP: u32 = 1 << 1;
const CHILDREN_ASLEEP: u32 = 1 << 2;
/// GICD_IROUTER<n>.IRM.
const ANY_CPU: u64 = 1 << 31;
/// The frame of SGIs and PPIs in a redistributor.
const SGI_FRAME: u64 = 0x1_0000;
/// Arm's implementer code and no product of its.
const IIDR: u32 = 0x43b;
/// GICv3.
const PIDR2: u32 = 0x3b;
/// Five bits of priority, as the list registers of every implementation have.
const PRIORITY_BITS: u8 = 0xf8;

/// ICH_LR<n>_EL2.
const LR_PENDING: u64 = 1 << 62;
const LR_ACTIVE: u64 = 1 << 63;
const LR_HARDWARE: u64 = 1 << 61;
const LR_GROUP_1: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;

    const SGI_0: u64 = 1 << 62 | 1 << 60 | 0x80 << 48;

    /// A guest that has enabled everything of group 1 that it uses, at priority 0x80.
    fn gic() -> Gic {
        let mut gic = Gic::new(2);
        gic.write(Place::Distributor(0), 4, 2);
        for vcpu in 0..2 {
            let frame = |offset| Place::Redistributor(vcpu, SGI_FRAME + offset);
            gic.write(frame(0x080), 4, 0xffff_ffff);
            gic.write(frame(0x100), 4, 0xffff_ffff);
            for word in 0..8 {
                gic.write(frame(0x400 + 4 * word), 4, 0x8080_8080);
            }
        }
        gic
    }

    fn registers() -> ListRegisters {
        [0; 4].into_iter().collect()
    }

    #[test]
    fn an_sgi_reaches_the_vcpu_that_is_named_and_no_other() {
        let mut gic = gic();
        assert_eq!(gic.send(0, 0b10), 0b10);
        let mut of_0 = registers();
        assert_eq!(gic.list(0, &mut of_0), Listed::All);
        assert_eq!(of_0[0], 0);
        let mut of_1 = registers();
        gic.list(1, &mut of_1);
        assert_eq!(of_1[..2], [SGI_0, 0]);
    }

    #[test]
    fn an_sgi_to_all_but_self_leaves_its_sender_out() {
        assert_eq!(gic().send(0, 1 << 40), 0b10);
        assert_eq!(gic().send(1, 1 << 40), 0b01);
        assert_eq!(gic().send(0, 1 << 16 | 1), 0, "another cluster");
    }

    #[test]
    fn what_was_not_taken_comes_back_and_is_handed_out_again() {
        let mut gic = gic();
        gic.send(0, 1);
        let mut lrs = registers();
        gic.list(0, &mut lrs);
        gic.collect(0, &mut lrs, |_| false);
        assert_eq!(lrs[0], 0);
        assert_eq!(gic.read(Place::Redistributor(0, SGI_FRAME + 0x200), 4), 1);
        gic.list(0, &mut lrs);
        assert_eq!(lrs[0], SGI_0);
    }

    #[test]
    fn what_was_ended_is_gone() {
        let mut gic = gic();
        gic.send(0, 1);
        let mut lrs = registers();
        gic.list(0, &mut lrs);
        lrs[0] &= !(LR_PENDING | LR_ACTIVE);
        gic.collect(0, &mut lrs, |_| false);
        gic.list(0, &mut lrs);
        assert_eq!(lrs[0], 0);
    }

    #[test]
    fn a_real_interrupt_is_held_until_the_guest_ends_it() {
        let mut gic = gic();
        gic.hold(0, 27);
        let mut lrs = registers();
        gic.list(0, &mut lrs);
        assert_eq!(lrs[0], 27 | 27 << 32 | 0x80 << 48 | 0b0111 << 60);
        // Acknowledged: active, and still the guest's.
        lrs[0] = lrs[0] & !LR_PENDING | LR_ACTIVE;
        assert_eq!(gic.collect(0, &mut lrs, |_| false), []);
        gic.list(0, &mut lrs);
        assert_eq!(lrs[0] >> 60, 0b1011);
        // Ended: the hardware has deactivated it.
        lrs[0] &= !LR_ACTIVE;
        assert_eq!(gic.collect(0, &mut lrs, |_| true), []);
        gic.list(0, &mut lrs);
        assert_eq!(lrs[0], 0);
    }

    #[test]
    fn a_real_interrupt_that_nobody_took_is_let_go_when_its_line_falls() {
        let mut gic = gic();
        gic.hold(0, 27);
        let mut lrs = registers();
        gic.list(0, &mut lrs);
        assert_eq!(gic.collect(0, &mut lrs, |_| true), []);
        assert_eq!(gic.pending(0, 0xff), Pending::Some);
        assert_eq!(gic.collect(0, &mut lrs, |_| false), [27]);
        assert_eq!(gic.pending(0, 0xff), Pending::None);
    }

    #[test]
    fn what_is_masked_disabled_or_not_forwarded_wakes_nobody() {
        let mut gic = gic();
        gic.send(0, 1);
        assert_eq!(gic.pending(0, 0x81), Pending::Some);
        assert_eq!(gic.pending(0, 0x80), Pending::None);
        gic.write(Place::Redistributor(0, SGI_FRAME + 0x180), 4, 1);
        assert_eq!(gic.pending(0, 0xff), Pending::None);
        gic.write(Place::Redistributor(0, SGI_FRAME + 0x100), 4, 1);
        gic.write(Place::Distributor(0), 4, 0);
        assert_eq!(gic.pending(0, 0xff), Pending::None);
    }

    #[test]
    fn the_most_urgent_come_first_and_the_rest_wait() {
        let mut gic = gic();
        gic.write(Place::Redistributor(0, SGI_FRAME + 0x400 + 5), 1, 0x10);
        gic.write(Place::Redistributor(0, SGI_FRAME + 0x200), 4, 0b11_1111);
        let mut lrs = registers();
        assert_eq!(gic.list(0, &mut lrs), Listed::Some);
        let [first, ..] = lrs[0].to_le_bytes();
        assert_eq!(first, 5);
    }

    #[test]
    fn a_shared_interrupt_goes_where_it_is_routed() {
        let mut gic = gic();
        gic.write(Place::Distributor(0x084), 4, 2);
        gic.write(Place::Distributor(0x104), 4, 2);
        gic.write(Place::Distributor(0x6108), 8, 1);
        gic.hold(0, 33);
        let (mut of_0, mut of_1) = (registers(), registers());
        gic.list(0, &mut of_0);
        gic.list(1, &mut of_1);
        assert_eq!(of_0[0], 0);
        assert_eq!(of_1[0] & 0xff, 33);
        assert_eq!(gic.read(Place::Distributor(0x6108), 8), 1);
    }

    #[test]
    fn identification_is_a_gicv3s_and_the_last_redistributor_says_so() {
        let gic = gic();
        assert_eq!(gic.read(Place::Distributor(0xffe8), 4), 0x3b);
        assert_eq!(gic.read(Place::Distributor(4), 4) & 0x1f, 1);
        assert_eq!(gic.read(Place::Redistributor(0, 8), 8), 0);
        assert_eq!(gic.read(Place::Redistributor(1, 8), 8), 1 << 32 | 1 << 8 | 1 << 4);
        assert_eq!(gic.read(Place::Redistributor(1, 12), 4), 1);
        assert_eq!(Place::at(0x080e_0000, 2), None);
        assert_eq!(Place::at(0x080d_0014, 2), Some(Place::Redistributor(1, 0x1_0014)));
    }

    #[test]
    fn a_sleeping_redistributor_wakes_at_once() {
        let mut gic = gic();
        assert_eq!(gic.read(Place::Redistributor(0, 0x14), 4), 6);
        gic.write(Place::Redistributor(0, 0x14), 4, 0);
        assert_eq!(gic.read(Place::Redistributor(0, 0x14), 4), 0);
    }

    #[test]
    fn any_access_to_any_register_is_survived() {
        let mut gic = gic();
        for offset in (0..0x2_0000).step_by(4) {
            for bytes in [1, 2, 4, 8] {
                for place in [
                    Place::Distributor(offset & 0xffff | 3),
                    Place::Distributor(offset & 0xffff),
                    Place::Redistributor(1, offset),
                ] {
                    gic.write(place, bytes, u64::MAX);
                    let _ = gic.read(place, bytes);
                }
            }
        }
        let mut lrs = registers();
        gic.list(0, &mut lrs);
        gic.collect(0, &mut lrs, |_| false);
    }
}
