//! From a contract to its bytes.

use heapless::Vec;

use super::super::Contract;
use super::part::{
    PARTS, Part, WORKAROUNDS, gic_number, level_number, policy_number, served_by_number,
};
use super::{Bytes, CRITICAL, MAGIC, SCHEMA};
use crate::vendor_hyp::Implementation;

/// The canonical bytes of `contract`.
pub(super) fn write(contract: &Contract) -> Bytes {
    let mut writer = Writer(Vec::new());
    writer.bytes(&MAGIC);
    writer.number(SCHEMA, 2);
    writer.number(0_u16, 2);
    writer.number(u32::try_from(PARTS.len()).unwrap_or(u32::MAX), 4);
    for part in PARTS {
        writer.part(part, contract);
    }
    writer.0
}

struct Writer(Bytes);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        let written = self.0.extend_from_slice(bytes);
        debug_assert!(
            written.is_ok(),
            "there is room for every part at its longest"
        );
    }

    /// The `width` low bytes of a number.
    fn number(&mut self, value: impl Into<u64>, width: usize) {
        let value: u64 = value.into();
        self.bytes(value.to_le_bytes().get(..width).unwrap_or_default());
    }

    fn part(&mut self, part: Part, contract: &Contract) {
        let mut payload = Self(Vec::new());
        payload.payload(part, contract);
        self.number(part.tag(), 2);
        self.number(CRITICAL, 2);
        self.number(u32::try_from(payload.0.len()).unwrap_or(u32::MAX), 4);
        self.bytes(&payload.0);
    }

    fn payload(&mut self, part: Part, contract: &Contract) {
        match part {
            Part::ServedBy => self.number(served_by_number(contract.served_by), 1),
            Part::VcpuFeatures => self.number(contract.vcpu_features.bits(), 4),
            Part::IdRegisters => {
                for (register, value) in contract.id_registers.iter() {
                    self.number(register.encoding(), 2);
                    self.number(value, 8);
                }
            }
            Part::Implementation => self.implementation(contract.implementation),
            Part::Implementations => contract
                .implementations
                .iter()
                .for_each(|implementation| self.implementation(implementation)),
            Part::Caches => {
                let caches = &contract.caches;
                self.number(caches.levels, 8);
                self.number(caches.selectors().bits(), 2);
                for size in caches.sizes.iter().flatten() {
                    self.number(*size, 4);
                }
            }
            Part::ZeroBlock => self.number(contract.zero_block, 1),
            Part::VectorLengths => self.number(contract.vector_lengths.bits(), 2),
            Part::PmuCounters => {
                if let Some(counters) = contract.pmu_counters {
                    self.number(counters, 1);
                }
            }
            Part::PsciVersion => self.number(contract.psci_version.value(), 4),
            Part::PsciOptions => self.number(contract.psci_options.bits(), 4),
            Part::Workarounds => {
                for workaround in WORKAROUNDS {
                    self.number(level_number(contract.workarounds.level(workaround)), 1);
                }
            }
            Part::Services => self.number(contract.services.bits(), 4),
            Part::StolenTime => {
                if let Some(base) = contract.stolen_time {
                    self.number(base.value(), 8);
                }
            }
            Part::Gic => {
                self.number(gic_number(contract.gic.kind), 1);
                self.number(contract.gic.revision, 1);
            }
            Part::Counter => {
                self.number(contract.counter.frequency, 4);
                self.number(policy_number(contract.counter.policy), 1);
            }
            Part::AddressBits => self.number(contract.address_bits, 1),
        }
    }

    fn implementation(&mut self, implementation: Implementation) {
        self.number(implementation.midr, 8);
        self.number(implementation.revidr, 8);
        self.number(implementation.aidr, 8);
    }
}
