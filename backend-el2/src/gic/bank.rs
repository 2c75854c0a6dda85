//! Thirty-two interrupts: what is enabled, pending and active, and their registers.

use super::{ENABLE_GROUP_0, ENABLE_GROUP_1};

/// Thirty-two interrupts, a bit each.
#[derive(Debug, Clone)]
pub(super) struct Bank {
    pub(super) group: u32,
    pub(super) enabled: u32,
    /// Made pending by software or as an SGI. Those that are listed have their latch in the list
    /// register; what is here of them came later.
    pub(super) latched: u32,
    pub(super) active: u32,
    /// What the guest has configured as edge-triggered. It is only remembered: a latch ends when
    /// the interrupt is taken, whatever made it, and the real devices' lines are levels.
    edge: u32,
    pub(super) priority: [u8; 32],
    /// Real interrupts that are active in the board's interrupt controller for the guest's sake.
    pub(super) held: u32,
    /// In a list register now.
    listed: u32,
    /// Of those: went there pending, and has not been withdrawn since.
    listed_pending: u32,
    /// Of those: the guest has written since whether it is active. What the list register says of
    /// it does not count any more.
    active_written: u32,
}

/// What a list register says of an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Its end deactivates the real one.
    pub(super) real: bool,
    pub(super) pending: bool,
    pub(super) active: bool,
}

/// Whether an interrupt may be signalled, as far as the distributor decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarded {
    Yes,
    No,
}

/// Where a bank's registers are among those of their kind.
#[derive(Clone, Copy)]
pub(super) enum Half {
    /// Interrupts 0 to 31: a redistributor's.
    First,
    /// Interrupts 32 to 63: the distributor's.
    Second,
}

impl Bank {
    /// Out of reset: SGIs are edge-triggered for ever, all others signal by level.
    pub(super) const fn new(half: Half) -> Self {
        Self {
            group: 0,
            enabled: 0,
            latched: 0,
            active: 0,
            edge: match half {
                Half::First => 0xffff,
                Half::Second => 0,
            },
            priority: [0; 32],
            held: 0,
            listed: 0,
            listed_pending: 0,
            active_written: 0,
        }
    }

    /// As out of reset, but for what is held: that is the board's state and not the guest's.
    pub(super) const fn reset(&mut self, half: Half) {
        let held = self.held;
        *self = Self::new(half);
        self.held = held;
    }

    /// Pending, but for what list registers know.
    pub(super) const fn pending(&self) -> u32 {
        self.latched | self.held & !self.active
    }

    /// What a list register might be wanted for: pending or active, and in none.
    pub(super) const fn unlisted(&self) -> u32 {
        (self.pending() | self.active) & !self.listed
    }

    pub(super) const fn is_listed(&self, bit: u32) -> bool {
        self.listed & bit != 0
    }

    /// Whether the guest's distributor, with this GICD_CTLR, lets it through.
    pub(super) const fn is_forwarded(&self, bit: u32, control: u32) -> Forwarded {
        let group = match self.group & bit {
            0 => ENABLE_GROUP_0,
            _ => ENABLE_GROUP_1,
        };
        match self.enabled & bit != 0 && control & group != 0 {
            true => Forwarded::Yes,
            false => Forwarded::No,
        }
    }

    /// It goes into a list register with this state, and takes its latch along. A real one is
    /// pending or active there, never both (IHI 0069, ICH_LR_EL2.HW).
    pub(super) const fn hand_out(&mut self, bit: u32, forwarded: Forwarded) -> State {
        let active = self.active & bit != 0;
        let real = self.held & bit != 0;
        let pending = self.pending() & bit != 0 && !(real && active);
        let pending = pending && matches!(forwarded, Forwarded::Yes);
        if pending {
            self.latched &= !bit;
            self.listed_pending |= bit;
        }
        self.listed |= bit;
        State {
            real,
            pending,
            active,
        }
    }

    /// It comes back from a list register.
    pub(super) const fn take_back(&mut self, bit: u32, state: State) {
        self.listed &= !bit;
        if state.real {
            // The guest has ended it, and with it the hardware the real one.
            if !state.pending && !state.active {
                self.held &= !bit;
            }
        } else if state.pending {
            self.latched |= self.listed_pending & bit;
        }
        if self.active_written & bit == 0 {
            self.active &= !bit;
            if state.active {
                self.active |= bit;
            }
        }
        self.listed_pending &= !bit;
        self.active_written &= !bit;
    }

    /// A real interrupt was signalled, and is active in the board's interrupt controller now. It was
    /// not before: of one that was held, the guest has ended what is in its list register.
    pub(super) const fn hold(&mut self, bit: u32) {
        let over = self.held & bit;
        self.take_back(
            over,
            State {
                real: true,
                pending: false,
                active: false,
            },
        );
        self.held |= bit;
    }

    /// The guest ends interrupts other than in a list register, perhaps another vCPU's.
    pub(super) const fn deactivate(&mut self, bits: u32) {
        self.active &= !bits;
        self.active_written |= bits & self.listed;
    }

    /// Whether a real interrupt is held that is in no list register and that nobody has taken.
    pub(super) const fn holds_idly(&self, bit: u32) -> bool {
        self.held & !self.active & !self.listed & bit != 0
    }

    pub(super) fn priority_of(&self, bit: u32) -> u8 {
        let slot = self.priority.get(bit.trailing_zeros() as usize);
        slot.copied().unwrap_or(0)
    }

    pub(super) fn read(&self, offset: u64, half: Half) -> u32 {
        let Some((kind, half_word)) = half.register(offset) else {
            return self.read_wide(offset, half);
        };
        match (kind, half_word) {
            (_, false) => 0,
            (0x080, _) => self.group,
            (0x100 | 0x180, _) => self.enabled,
            // What another vCPU's list register holds was pending when it went there.
            (0x200 | 0x280, _) => self.pending() | self.listed_pending,
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

    pub(super) fn write(&mut self, offset: u64, half: Half, value: u32) {
        let Some((kind, true)) = half.register(offset) else {
            // Nobody changes how private interrupts are signalled.
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
            0x280 => {
                self.latched &= !value;
                self.listed_pending &= !value;
            }
            0x300 => {
                self.active |= value;
                self.active_written |= value & self.listed;
            }
            0x380 => self.deactivate(value),
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
pub(super) fn bits(mut set: u32) -> impl Iterator<Item = u32> {
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
    (0..16).fold(0, |edges, number| {
        edges | (word >> (2 * number + 1) & 1) << number
    })
}
