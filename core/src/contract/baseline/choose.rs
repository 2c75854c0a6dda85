//! Of what all hosts accept, the most.

use heapless::Vec;

use super::super::contradiction::kernel_psci_options;
use super::super::dependency::cleared_dependents;
use super::super::kernel::greatest_level;
use super::super::profile::{Capabilities, Ssbs};
use super::super::reason::{least_capable, most_capable};
use super::super::{
    Caches, ClockPolicy, Contract, Counter, Gic, GicKind, ServedBy, ValueSet, VcpuFeatures,
    VectorLengths,
};
use super::{Baseline, Conflict, Dispute, Impossible, ServicesLeft, Wishes, is_wide};
use crate::cpu::{Field, IdRegisters};
use crate::firmware::{Bitmap, Dialect, Services, Workaround, Workarounds};
use crate::psci::{PsciOptions, PsciVersion};
use crate::vendor_hyp::{Implementation, Implementations};

impl Baseline {
    /// The most capable contract that is left.
    ///
    /// # Errors
    ///
    /// Everything over which the hosts disagree.
    pub fn contract(&self) -> Result<Contract, Impossible> {
        if self.is_first() {
            return Err(self.impossible(Dispute::NoHost));
        }
        if !self.conflicts.is_empty() {
            let conflicts = self.conflicts.clone();
            return Err(Impossible { conflicts });
        }
        let Wishes {
            served_by,
            vcpu_features,
            stolen_time,
            newest_psci: _,
        } = self.wishes;
        let id_registers = self.id_registers();
        if let Some(cleared) = self.cleared_anyway(&id_registers) {
            return Err(self.impossible(Dispute::Field(cleared)));
        }
        let services = self.chosen_services();
        let psci_version = self.psci_version();
        let counts_stolen_time = self.capabilities.contains(Capabilities::STOLEN_TIME)
            && services.contains(Services::PV_TIME);
        let contract = Contract {
            served_by,
            vcpu_features,
            id_registers,
            implementation: self.implementation(),
            implementations: self.listed_implementations(),
            caches: self.caches.chosen().unwrap_or(Caches::NONE),
            zero_block: self.zero_block,
            vector_lengths: self.vector_lengths.unwrap_or(VectorLengths::NONE),
            pmu_counters: self.chosen_pmu_counters(),
            psci_version,
            psci_options: self.psci_options(psci_version),
            workarounds: self.chosen_workarounds(&id_registers),
            services,
            stolen_time: stolen_time.filter(|_| counts_stolen_time),
            gic: self.gic(),
            counter: Counter {
                frequency: self.counter_frequency,
                policy: match self.capabilities.contains(Capabilities::COUNTER_OFFSET) {
                    true => ClockPolicy::VirtualAndPhysical,
                    false => ClockPolicy::Virtual,
                },
            },
            address_bits: self.address_bits(),
        };
        match contract.check() {
            Ok(()) => Ok(contract),
            Err(contradiction) => Err(self.impossible(Dispute::Contradiction(contradiction))),
        }
    }

    /// What only shows when all hosts are there.
    fn impossible(&self, over: Dispute) -> Impossible {
        let mut conflicts = Vec::new();
        let host = self.hosts.saturating_sub(1);
        let noted = conflicts.push(Conflict { over, host });
        debug_assert!(noted.is_ok(), "there is room for every conflict");
        Impossible { conflicts }
    }

    fn id_registers(&self) -> IdRegisters {
        let mut registers = self
            .fixed_bits
            .unwrap_or_else(|| IdRegisters::from_fn(|_| 0));
        for (field, left) in Field::all().zip(&self.fields) {
            if is_wide(field) {
                continue;
            }
            let (kept, accepted) = (values(left.kept), values(left.accepted));
            let value = match kept.is_empty() {
                true => least_capable(field, accepted.iter()),
                false => most_capable(field, kept.iter()),
            }
            .unwrap_or(0);
            let register = field.register();
            let all = registers.get(register) & !field.mask();
            registers.set(register, field.insert(all, value).unwrap_or(all));
        }
        if self.clears_dependents {
            self.clear_dependents(&mut registers);
        }
        registers
    }

    /// Promises nothing that a host would clear, where all hosts let it be 0.
    fn clear_dependents(&self, registers: &mut IdRegisters) {
        for cleared in cleared_dependents(registers) {
            let left = self.fields.get(usize::from(cleared.field.index()));
            if left.is_some_and(|left| left.kept & 1 != 0)
                && let Some(without) = registers.with(cleared.field, 0)
            {
                *registers = without;
            }
        }
    }

    /// A field that some host clears and another does not let be 0.
    fn cleared_anyway(&self, registers: &IdRegisters) -> Option<Field> {
        let mut cleared = cleared_dependents(registers).filter(|_| self.clears_dependents);
        cleared.next().map(|cleared| cleared.field)
    }

    /// The one that some host cannot hide; else the least by number, whoever has it.
    fn implementation(&self) -> Implementation {
        self.own_implementation
            .or_else(|| self.implementations.iter().min())
            .unwrap_or(Implementation {
                midr: 0,
                revidr: 0,
                aidr: 0,
            })
    }

    /// All, if there is more than one.
    fn listed_implementations(&self) -> Implementations {
        match self.implementations.iter().len() {
            0 | 1 => Implementations::new(),
            _ => self.implementations.sorted(),
        }
    }

    fn psci_version(&self) -> PsciVersion {
        match self.wishes.served_by {
            ServedBy::Kernel => self.psci_versions.versions().next_back(),
            ServedBy::Core(dialect) => Some(dialect.newest_psci().min(self.wishes.newest_psci)),
        }
        .unwrap_or(PsciVersion::V0_2)
    }

    fn psci_options(&self, version: PsciVersion) -> PsciOptions {
        let all = match self.wishes.served_by {
            ServedBy::Kernel => kernel_psci_options(version),
            ServedBy::Core(dialect) if version == dialect.newest_psci() => dialect.psci_options(),
            // As little as a kernel of that version has.
            ServedBy::Core(dialect) => dialect.psci_options() & kernel_psci_options(version),
        };
        match self.capabilities.contains(Capabilities::SYSTEM_SUSPEND) {
            true => all,
            false => all.difference(PsciOptions::SYSTEM_SUSPEND),
        }
    }

    fn chosen_workarounds(&self, registers: &IdRegisters) -> Workarounds {
        let ssbs = Ssbs::of(registers.field(Field::ID_AA64PFR1_EL1_SSBS));
        let [one, two, three] = self.workarounds;
        let two = match ssbs {
            Ssbs::Present => two,
            Ssbs::Absent => self.workaround_2_without_ssbs,
        };
        Workaround::WITH_REGISTER
            .into_iter()
            .zip([one, two, three])
            .fold(Workarounds::NONE, |levels, (workaround, accepted)| {
                levels.with(workaround, greatest_level(workaround, Some(accepted)))
            })
    }

    fn chosen_services(&self) -> Services {
        let mut services = match self.wishes.served_by {
            ServedBy::Kernel => self.kernel_services(),
            ServedBy::Core(dialect) => self.core_services(dialect),
        };
        if self.listed_implementations().is_empty() {
            services.remove(Services::DISCOVERY);
        }
        services
    }

    fn kernel_services(&self) -> Services {
        let bitmaps = Bitmap::ALL.into_iter().zip(&self.services);
        bitmaps.fold(Services::empty(), |services, (bitmap, left)| {
            let known = Services::all().register(bitmap);
            services
                .with_register(bitmap, left.chosen() & known)
                .unwrap_or(services)
        })
    }

    /// What the dialect has, without what only a kernel that has it can do.
    fn core_services(&self, dialect: Dialect) -> Services {
        let mut services = dialect.services();
        if !self.capabilities.contains(Capabilities::STOLEN_TIME) {
            services.remove(Services::PV_TIME);
        }
        let [.., vendor, _] = self.services;
        if !vendor.can_have(Services::PTP.register(Bitmap::VendorHypervisor)) {
            services.remove(Services::PTP);
        }
        services
    }

    /// What machines usually have; more would cost page tables, and no guest sees it.
    fn address_bits(&self) -> u8 {
        match self.address_bits.contains(USUAL_ADDRESS_BITS.into()) {
            true => USUAL_ADDRESS_BITS,
            false => byte(self.address_bits.greatest()),
        }
    }

    fn chosen_pmu_counters(&self) -> Option<u8> {
        let counts = self.wishes.vcpu_features.contains(VcpuFeatures::PMU);
        counts.then(|| byte(self.pmu_counters.greatest()))
    }

    /// The newer kind that all have.
    fn gic(&self) -> Gic {
        let [v2, v3] = self.gics;
        let (kind, revisions) = match v3.is_empty() {
            false => (GicKind::V3, v3),
            true => (GicKind::V2, v2),
        };
        Gic {
            kind,
            revision: byte(revisions.greatest()),
        }
    }
}

impl ServicesLeft {
    fn chosen(self) -> u64 {
        self.fixed.unwrap_or(self.offered)
    }
}

fn values(bits: u16) -> ValueSet {
    ValueSet::from_bits(bits.into())
}

fn byte(value: Option<u64>) -> u8 {
    value
        .and_then(|value| u8::try_from(value).ok())
        .unwrap_or(0)
}

/// KVM's size of guest-physical address space where nobody names one.
const USUAL_ADDRESS_BITS: u8 = 40;
