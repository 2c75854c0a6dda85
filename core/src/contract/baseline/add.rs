//! Each host takes away what it does not accept.

use super::super::contradiction::LISTING;
use super::super::profile::{
    Capabilities, FieldLimit, HostProfile, ServiceLimit, Ssbs, View, WorkaroundLimits,
};
use super::super::{GicKind, ServedBy, ValueSet, VcpuFeatures};
use super::{Baseline, Conflict, Dispute, ServicesLeft, is_wide, tried_bits};
use crate::cpu::{Field, IdRegister, IdRegisters};
use crate::firmware::{Bitmap, Level, Workaround};

impl Baseline {
    /// Leaves only what this host accepts too.
    pub fn add(&mut self, host: &HostProfile) {
        self.capabilities &= host.capabilities;
        self.clears_dependents |= host.kernel.clears_dependents();
        let wished = self.wishes.vcpu_features;
        match host.view(wished) {
            Some(view) if host.vcpu_features().contains(wished) => self.add_view(view),
            _ => self.dispute(Dispute::VcpuFeatures),
        }
        let agreed = self.caches.add(&host.caches);
        self.dispute_unless(agreed, Dispute::Caches);
        self.add_firmware(host);
        self.add_implementation(host);
        self.add_board(host);
        self.hosts = self.hosts.saturating_add(1);
    }

    pub(super) fn is_first(&self) -> bool {
        self.hosts == 0
    }

    /// Notes that the host being added left nothing of this.
    fn dispute(&mut self, over: Dispute) {
        if self.conflicts.iter().any(|conflict| conflict.over == over) {
            return;
        }
        let host = self.hosts;
        let noted = self.conflicts.push(Conflict { over, host });
        debug_assert!(noted.is_ok(), "there is room for every conflict");
    }

    fn dispute_unless(&mut self, agreed: bool, over: Dispute) {
        if !agreed {
            self.dispute(over);
        }
    }

    fn add_view(&mut self, view: &View) {
        for field in Field::all() {
            let limit = match view.listed.contains(field.register()) {
                true => view.fields.of(field),
                false => FieldLimit::fixed(0),
            };
            self.add_field(field, limit);
        }
        self.add_fixed_bits(IdRegisters::from_fn(|register| {
            view.registers.get(register) & !tried_bits(register)
        }));
        let lengths = match self.vector_lengths {
            Some(lengths) => lengths.common(view.vector_lengths),
            None => view.vector_lengths,
        };
        self.vector_lengths = Some(lengths);
        let vectors = self.wishes.vcpu_features.contains(VcpuFeatures::SVE);
        self.dispute_unless(!vectors || !lengths.is_empty(), Dispute::VectorLengths);
        self.pmu_counters = self.pmu_counters.and(view.pmu_counters);
        let counts = self.wishes.vcpu_features.contains(VcpuFeatures::PMU);
        self.dispute_unless(
            !counts || !self.pmu_counters.is_empty(),
            Dispute::PmuCounters,
        );
    }

    fn add_field(&mut self, field: Field, limit: FieldLimit) {
        let Some(left) = self.fields.get_mut(usize::from(field.index())) else {
            return;
        };
        let had_values = left.accepted != 0;
        left.kept &= limit.accepts;
        left.accepted &= limit.accepts | limit.rewrites;
        // Noted once, for the host that took the last value: looking through all conflicts for each
        // of many hosts takes longer than everything else.
        let took_the_last = had_values && left.accepted == 0;
        self.dispute_unless(is_wide(field) || !took_the_last, Dispute::Field(field));
    }

    fn add_fixed_bits(&mut self, bits: IdRegisters) {
        let fixed = *self.fixed_bits.get_or_insert(bits);
        for register in IdRegister::all() {
            let differing = fixed.get(register) ^ bits.get(register);
            for field in register.fields().filter(|field| is_wide(*field)) {
                let agreed = field.extract(differing) == 0;
                self.dispute_unless(agreed, Dispute::Field(field));
            }
            let agreed = differing & !register.named_bits() == 0;
            self.dispute_unless(agreed, Dispute::UnnamedBits(register));
        }
    }

    fn add_implementation(&mut self, host: &HostProfile) {
        let writable = host
            .capabilities
            .contains(Capabilities::WRITABLE_IMPLEMENTATION);
        if !writable {
            let own = *self.own_implementation.get_or_insert(host.implementation);
            self.dispute_unless(own == host.implementation, Dispute::Implementation);
        }
        for implementation in host.implementations.iter() {
            if !self.implementations.contains(implementation) {
                let told = self.implementations.add(implementation);
                self.dispute_unless(told.is_ok(), Dispute::UnlistedImplementation);
            }
        }
        let differ = self.implementations.iter().len() > 1;
        self.dispute_unless(!differ || self.can_list(), Dispute::UnlistedImplementation);
    }

    /// Whether the guests of all hosts this far can be told of several implementations.
    fn can_list(&self) -> bool {
        self.capabilities.contains(Capabilities::SMCCC_FILTER)
            && match self.wishes.served_by {
                ServedBy::Kernel => Bitmap::ALL
                    .into_iter()
                    .zip(self.services)
                    .all(|(bitmap, left)| left.can_have(LISTING.register(bitmap))),
                ServedBy::Core(dialect) => dialect.services().contains(LISTING),
            }
    }

    fn add_firmware(&mut self, host: &HostProfile) {
        let kernel = self.wishes.served_by == ServedBy::Kernel;
        self.psci_versions &= host.possible_psci_versions().up_to(self.wishes.newest_psci);
        self.dispute_unless(
            !kernel || !self.psci_versions.is_empty(),
            Dispute::PsciVersion,
        );
        for (left, workaround) in self.workarounds.iter_mut().zip(Workaround::WITH_REGISTER) {
            *left = left.and(accepted_levels(
                &host.workarounds,
                workaround,
                Ssbs::Present,
            ));
        }
        self.workaround_2_without_ssbs = self.workaround_2_without_ssbs.and(accepted_levels(
            &host.workarounds,
            Workaround::Two,
            Ssbs::Absent,
        ));
        let mut disputes = [false; 4];
        for ((left, limit), disputed) in self
            .services
            .iter_mut()
            .zip(host.services)
            .zip(&mut disputes)
        {
            *disputed = !left.add(limit);
        }
        for (bitmap, disputed) in Bitmap::ALL.into_iter().zip(disputes) {
            self.dispute_unless(!kernel || !disputed, Dispute::Services(bitmap));
        }
        let forwards = host.capabilities.contains(Capabilities::SMCCC_FILTER);
        self.dispute_unless(kernel || forwards, Dispute::Forwarding);
    }

    fn add_board(&mut self, host: &HostProfile) {
        if self.is_first() {
            self.zero_block = host.zero_block;
            self.counter_frequency = host.counter_frequency;
        }
        self.dispute_unless(self.zero_block == host.zero_block, Dispute::ZeroBlock);
        self.dispute_unless(
            self.counter_frequency == host.counter_frequency,
            Dispute::CounterFrequency,
        );
        self.address_bits = self.address_bits.and(host.address_bits);
        self.dispute_unless(!self.address_bits.is_empty(), Dispute::AddressBits);
        for (left, kind) in self.gics.iter_mut().zip(GIC_KINDS) {
            let revisions = host.gic(kind).map_or(ValueSet::EMPTY, |gic| gic.revisions);
            *left = left.and(revisions);
        }
        let agreed = self.gics.iter().any(|revisions| !revisions.is_empty());
        self.dispute_unless(agreed, Dispute::Gic);
    }
}

impl ServicesLeft {
    /// Leaves what this host has too; false if that is nothing.
    fn add(&mut self, limit: ServiceLimit) -> bool {
        match limit {
            ServiceLimit::Chosen(offered) => self.offered &= offered,
            ServiceLimit::Fixed(fixed) => match self.fixed {
                Some(other) if other != fixed => return false,
                _ => self.fixed = Some(fixed),
            },
        }
        self.fixed.is_none_or(|fixed| fixed & !self.offered == 0)
    }

    /// Whether all hosts this far can have these, and perhaps others.
    pub(super) fn can_have(self, services: u64) -> bool {
        services & !(self.offered & self.fixed.unwrap_or(u64::MAX)) == 0
    }
}

/// What the register of a workaround accepts; where there is none, only that it is not there.
fn accepted_levels(limits: &WorkaroundLimits, workaround: Workaround, ssbs: Ssbs) -> ValueSet {
    let absent = ValueSet::only(workaround.register_value(Level::NotAvailable));
    limits.of(workaround, ssbs).unwrap_or(absent)
}

const GIC_KINDS: [GicKind; 2] = [GicKind::V2, GicKind::V3];
