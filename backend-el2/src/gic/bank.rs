//! Thirty-two interrupts: what is enabled, pending and active, and their registers.

/// Thirty-two interrupts, a bit each.
#[derive(Debug, Clone)]
pub(super) struct Bank {
    pub(super) group: u32,
    pub(super) enabled: u32,
    /// Made pending by an edge, by software or as an SGI.
    pub(super) latched: u32,
    pub(super) active: u32,
    pub(super) edge: u32,
    pub(super) priority: [u8; 32],
    /// Real interrupts that are active until the guest ends them.
    pub(super) held: u32,
    /// In a list register now.
    pub(super) listed: u32,
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
    pub(super) const fn new() -> Self {
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

    pub(super) const fn pending(&self) -> u32 {
        self.latched | self.held & !self.active
    }

    /// What a list register might be wanted for.
    pub(super) const fn interesting(&self) -> u32 {
        self.pending() | self.active
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

    pub(super) fn write(&mut self, offset: u64, half: Half, value: u32) {
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
