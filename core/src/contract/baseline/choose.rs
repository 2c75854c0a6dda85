//! Of what all hosts accept, the most.

use super::super::contradiction::kernel_psci_options;
use super::super::kernel::greatest_level;
use super::super::profile::{Capabilities, Ssbs};
use super::super::reason::most_capable;
use super::super::{
    Caches, ClockPolicy, Contract, Counter, Gic, GicKind, ServedBy, ValueSet, VcpuFeatures,
};
use super::{
    Baseline, Conflict, Dispute, Impossible, LISTING, PTP, ServicesLeft, WORKAROUNDS, Wishes,
    is_wide,
};
use crate::cpu::{Field, IdRegisters};
use crate::firmware::{Bitmap, Services, Workarounds};
use crate::psci::{PsciOptions, PsciVersion};
use crate::vendor_hyp::{Implementation, Implementations};

impl Baseline {
    /// The most capable contract that is left.
    ///
    /// # Errors
    ///
    /// Everything over which the hosts disagree.
    pub fn contract(&self) -> Result<Contract, Impossible> {
        let mut conflicts = self.conflicts.clone();
        if self.is_first() {
            conflicts.clear();
            let noted = conflicts.push(Conflict {
                over: Dispute::NoHost,
                host: 0,
            });
            debug_assert!(noted.is_ok(), "there is room for every conflict");
        }
        if !conflicts.is_empty() {
            return Err(Impossible { conflicts });
        }
        let Wishes {
            served_by,
            vcpu_features,
            stolen_time,
        } = self.wishes;
        let id_registers = self.id_registers();
        let services = self.chosen_services();
        let psci_version = self.psci_version();
        let counts_stolen_time = self.capabilities.contains(Capabilities::STOLEN_TIME)
            && services.contains(Services::PV_TIME);
        Ok(Contract {
            served_by,
            vcpu_features,
            id_registers,
            implementation: self.implementation(),
            implementations: self.listed_implementations(),
            caches: self.caches.chosen().unwrap_or(Caches::NONE),
            zero_block: self.zero_block,
            vector_lengths: self.vector_lengths,
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
        })
    }

    fn id_registers(&self) -> IdRegisters {
        let mut registers = self.fixed_bits;
        for (field, left) in Field::all().zip(&self.fields) {
            if is_wide(field) {
                continue;
            }
            let set = match left.kept {
                0 => left.accepted,
                kept => kept,
            };
            let values = ValueSet::from_bits(set.into());
            let value = most_capable(field, values.iter()).unwrap_or(0);
            let register = field.register();
            let all = registers.get(register) & !field.mask();
            registers.set(register, field.insert(all, value).unwrap_or(all));
        }
        registers
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
            ServedBy::Core(dialect) => Some(dialect.newest_psci()),
        }
        .unwrap_or(PsciVersion::V0_2)
    }

    fn psci_options(&self, version: PsciVersion) -> PsciOptions {
        let all = match self.wishes.served_by {
            ServedBy::Kernel => kernel_psci_options(version),
            ServedBy::Core(dialect) => dialect.psci_options(),
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
        WORKAROUNDS.into_iter().zip([one, two, three]).fold(
            Workarounds::NONE,
            |levels, (workaround, accepted)| {
                levels.with(workaround, greatest_level(workaround, Some(accepted)))
            },
        )
    }

    fn chosen_services(&self) -> Services {
        let lists = match self.listed_implementations().is_empty() {
            true => Services::empty(),
            false => LISTING,
        };
        let [.., vendor, _] = self.services;
        match self.wishes.served_by {
            ServedBy::Kernel => {
                let bitmaps = Bitmap::ALL.into_iter().zip(&self.services);
                let all = bitmaps.fold(Services::empty(), |services, (bitmap, left)| {
                    let known = Services::all().register(bitmap);
                    services
                        .with_register(bitmap, left.chosen() & known)
                        .unwrap_or(services)
                });
                all.difference(LISTING) | lists
            }
            ServedBy::Core(dialect) => {
                let mut services = dialect.services().difference(LISTING) | lists;
                services.set(
                    Services::PV_TIME,
                    self.capabilities.contains(Capabilities::STOLEN_TIME),
                );
                services.set(Services::PTP, vendor.offered & PTP != 0);
                services
            }
        }
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

fn byte(value: Option<u64>) -> u8 {
    value
        .and_then(|value| u8::try_from(value).ok())
        .unwrap_or(0)
}

/// KVM's size of guest-physical address space where nobody names one.
const USUAL_ADDRESS_BITS: u8 = 40;
