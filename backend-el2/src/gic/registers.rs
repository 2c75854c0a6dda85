//! The registers of distributor and redistributors, as the guest reads and writes them.

use super::bank::Half;
use super::{CHILDREN_ASLEEP, ENABLE_GROUP_0, ENABLE_GROUP_1, Gic, PROCESSOR_SLEEP};
use crate::layout::{DISTRIBUTOR, REDISTRIBUTOR_SIZE, REDISTRIBUTORS, mpidr};

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

impl Gic {
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
}

/// GICD_CTLR: one security state, affinity routing for ever.
const ALWAYS_ON: u32 = 1 << 4 | 1 << 6;
/// The frame of SGIs and PPIs in a redistributor.
const SGI_FRAME: u64 = 0x1_0000;
/// Arm's implementer code and no product of its.
const IIDR: u32 = 0x43b;
/// GICv3.
const PIDR2: u32 = 0x3b;
/// Five bits of priority, as the list registers of every implementation have.
const PRIORITY_BITS: u8 = 0xf8;
