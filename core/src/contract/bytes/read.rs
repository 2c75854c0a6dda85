//! From bytes to a contract, or to what is wrong with them.

use super::super::{
    CACHES, Caches, ClockPolicy, Contract, Counter, Gic, GicKind, ValueSet, VcpuFeatures,
    VectorLengths,
};
use super::part::{PARTS, Part, WORKAROUNDS, served_by};
use super::{CRITICAL, DecodeError, LONGEST, MAGIC, SCHEMA};
use crate::cpu::{IdRegister, IdRegisters};
use crate::firmware::{Level, Services, Workarounds};
use crate::memory::Ipa;
use crate::psci::{PsciOptions, PsciVersion};
use crate::vendor_hyp::{Implementation, Implementations};

/// The contract that `bytes` are, not yet checked for contradictions.
pub(super) fn read(bytes: &[u8]) -> Result<Contract, DecodeError> {
    Draft::read(bytes)?.whole()
}

/// Takes bytes from the front.
#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    /// Bytes before these.
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self
            .bytes
            .split_at_checked(length)
            .ok_or(DecodeError::Truncated(self.offset))?;
        self.bytes = taken.1;
        self.offset = self.offset.saturating_add(length);
        Ok(taken.0)
    }

    fn number(&mut self, width: usize) -> Result<u64, DecodeError> {
        let mut number = [0; 8];
        for (to, from) in number.iter_mut().zip(self.take(width)?) {
            *to = *from;
        }
        Ok(u64::from_le_bytes(number))
    }

    fn narrow<T: TryFrom<u64>>(&mut self, width: usize) -> Result<T, DecodeError> {
        let at = self.offset;
        T::try_from(self.number(width)?).map_err(|_| DecodeError::Truncated(at))
    }
}

/// What was read so far.
struct Draft<'a>([Option<Reader<'a>>; PARTS.len()]);

impl<'a> Draft<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > LONGEST {
            return Err(DecodeError::TooLong(bytes.len()));
        }
        let mut reader = Reader { bytes, offset: 0 };
        if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(DecodeError::Magic);
        }
        reader.take(MAGIC.len())?;
        match reader.narrow(2)? {
            SCHEMA => {}
            other => return Err(DecodeError::Schema(other)),
        }
        let at = reader.offset;
        if reader.number(2)? != 0 {
            return Err(DecodeError::ReservedBits(at));
        }
        let count: u32 = reader.narrow(4)?;
        let mut draft = Self([None; PARTS.len()]);
        let mut last = 0;
        for _ in 0..count {
            draft.read_part(&mut reader, &mut last)?;
        }
        match reader.bytes {
            [] => Ok(draft),
            _ => Err(DecodeError::TrailingBytes(reader.offset)),
        }
    }

    fn read_part(&mut self, reader: &mut Reader<'a>, last: &mut u16) -> Result<(), DecodeError> {
        let tag: u16 = reader.narrow(2)?;
        let at = reader.offset;
        let flags: u16 = reader.narrow(2)?;
        let length: u32 = reader.narrow(4)?;
        let offset = reader.offset;
        let bytes = reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        if tag <= *last {
            return Err(DecodeError::PartOrder(tag));
        }
        *last = tag;
        if flags & !CRITICAL != 0 {
            return Err(DecodeError::ReservedBits(at));
        }
        let known = PARTS
            .iter()
            .zip(&mut self.0)
            .find(|(part, _)| part.tag() == tag);
        match known {
            Some(_) if flags & CRITICAL == 0 => Err(DecodeError::ReservedBits(at)),
            Some((_, slot)) => {
                *slot = Some(Reader { bytes, offset });
                Ok(())
            }
            None if flags & CRITICAL != 0 => Err(DecodeError::UnknownPart(tag)),
            None => Ok(()),
        }
    }

    /// What `read` makes of a part, which it has to use up.
    fn part<T>(
        &self,
        part: Part,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let slot = PARTS.iter().zip(&self.0).find(|(known, _)| **known == part);
        let mut reader = slot
            .and_then(|(_, slot)| *slot)
            .ok_or(DecodeError::MissingPart(part.tag()))?;
        let value = read(&mut reader).map_err(|error| match error {
            DecodeError::Truncated(_) => DecodeError::PartLength(part.tag()),
            other => other,
        })?;
        match reader.bytes {
            [] => Ok(value),
            _ => Err(DecodeError::PartLength(part.tag())),
        }
    }

    /// A part that is one number with a meaning.
    fn value<T>(
        &self,
        part: Part,
        width: usize,
        meaning: impl FnOnce(u64) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let number = self.part(part, |reader| reader.number(width))?;
        meaning(number).ok_or(DecodeError::Value(part.tag()))
    }

    /// A part that may be empty.
    fn optional(&self, part: Part, width: usize) -> Result<Option<u64>, DecodeError> {
        self.part(part, |reader| match reader.bytes {
            [] => Ok(None),
            _ => reader.number(width).map(Some),
        })
    }

    fn whole(&self) -> Result<Contract, DecodeError> {
        let pmu_counters = self.optional(Part::PmuCounters, 1)?;
        let stolen_time = self.optional(Part::StolenTime, 8)?;
        Ok(Contract {
            served_by: self.value(Part::ServedBy, 1, served_by)?,
            vcpu_features: self.value(Part::VcpuFeatures, 4, |bits| {
                u8::try_from(bits).ok().and_then(VcpuFeatures::from_bits)
            })?,
            id_registers: self.part(Part::IdRegisters, id_registers)?,
            implementation: self.part(Part::Implementation, implementation)?,
            implementations: self.part(Part::Implementations, implementations)?,
            caches: self.part(Part::Caches, caches)?,
            zero_block: self.value(Part::ZeroBlock, 1, |value| u8::try_from(value).ok())?,
            vector_lengths: self.value(Part::VectorLengths, 2, |bits| {
                u16::try_from(bits).ok().map(VectorLengths::from_bits)
            })?,
            pmu_counters: pmu_counters.and_then(|counters| u8::try_from(counters).ok()),
            psci_version: self.value(Part::PsciVersion, 4, |value| {
                u32::try_from(value).ok().and_then(PsciVersion::from_value)
            })?,
            psci_options: self.value(Part::PsciOptions, 4, |bits| {
                u16::try_from(bits).ok().and_then(PsciOptions::from_bits)
            })?,
            workarounds: self.part(Part::Workarounds, workarounds)?,
            services: self.value(Part::Services, 4, |bits| {
                u32::try_from(bits).ok().and_then(Services::from_bits)
            })?,
            stolen_time: stolen_time.map(Ipa::new),
            gic: self.part(Part::Gic, gic)?,
            counter: self.part(Part::Counter, counter)?,
            address_bits: self.value(Part::AddressBits, 1, |value| u8::try_from(value).ok())?,
        })
    }
}

fn id_registers(reader: &mut Reader<'_>) -> Result<IdRegisters, DecodeError> {
    IdRegisters::try_from_fn(|register: IdRegister| {
        let encoding: u16 = reader.narrow(2)?;
        let value = reader.number(8)?;
        match encoding == register.encoding() {
            true => Ok(value),
            false => Err(DecodeError::Value(Part::IdRegisters.tag())),
        }
    })
}

fn implementation(reader: &mut Reader<'_>) -> Result<Implementation, DecodeError> {
    Ok(Implementation {
        midr: reader.number(8)?,
        revidr: reader.number(8)?,
        aidr: reader.number(8)?,
    })
}

fn implementations(reader: &mut Reader<'_>) -> Result<Implementations, DecodeError> {
    let mut all = Implementations::new();
    while !reader.bytes.is_empty() {
        let next = implementation(reader)?;
        let tag = Part::Implementations.tag();
        if all.contains(next) {
            return Err(DecodeError::Value(tag));
        }
        all.add(next).map_err(|_| DecodeError::PartLength(tag))?;
    }
    Ok(all)
}

fn caches(reader: &mut Reader<'_>) -> Result<Caches, DecodeError> {
    let levels = reader.number(8)?;
    let at = reader.offset;
    let selectors = ValueSet::from_bits(reader.number(2)?);
    let mut sizes = [None; CACHES];
    for (selector, size) in (0..).zip(&mut sizes) {
        if selectors.contains(selector) {
            *size = Some(reader.narrow(4)?);
        }
    }
    let caches = Caches { levels, sizes };
    match caches.selectors() == selectors {
        true => Ok(caches),
        false => Err(DecodeError::ReservedBits(at)),
    }
}

fn workarounds(reader: &mut Reader<'_>) -> Result<Workarounds, DecodeError> {
    let mut all = Workarounds::NONE;
    for workaround in WORKAROUNDS {
        let level = match reader.number(1)? {
            0 => Level::NotAvailable,
            1 => Level::Available,
            2 => Level::NotRequired,
            _ => return Err(DecodeError::Value(Part::Workarounds.tag())),
        };
        all = all.with(workaround, level);
        if all.level(workaround) != level {
            return Err(DecodeError::Value(Part::Workarounds.tag()));
        }
    }
    Ok(all)
}

fn gic(reader: &mut Reader<'_>) -> Result<Gic, DecodeError> {
    let kind = match reader.number(1)? {
        2 => GicKind::V2,
        3 => GicKind::V3,
        _ => return Err(DecodeError::Value(Part::Gic.tag())),
    };
    Ok(Gic {
        kind,
        revision: reader.narrow(1)?,
    })
}

fn counter(reader: &mut Reader<'_>) -> Result<Counter, DecodeError> {
    Ok(Counter {
        frequency: reader.narrow(4)?,
        policy: match reader.number(1)? {
            0 => ClockPolicy::Virtual,
            1 => ClockPolicy::VirtualAndPhysical,
            _ => return Err(DecodeError::Value(Part::Counter.tag())),
        },
    })
}
