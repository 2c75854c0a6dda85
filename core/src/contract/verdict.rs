//! Preflight: will this host honour this contract?

use heapless::Vec;

use super::kernel::{KernelRelease, greatest_level};
use super::profile::{Capabilities, FieldLimit, HostProfile, Ssbs, View};
use super::reason::{ImplementationRegister, Judge, Normalisation, Reason};
use super::{CACHES, ClockPolicy, Contract, GicKind, ServedBy, VcpuFeatures};
use crate::cpu::{Field, IdRegister};
use crate::firmware::{Bitmap, KvmGeneration, Services, Workaround};
use crate::psci::{PsciOptions, PsciVersion};
use crate::vendor_hyp::MAX_IMPLEMENTATIONS;

/// Whether a host honours a contract: it does, or these are all the reasons why not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    reasons: Vec<Reason, REASONS>,
    normalisations: Vec<Normalisation, { Field::COUNT }>,
}

/// Whether `host` will honour `contract`, and if not, every reason why.
///
/// What the host's kernel accepts and silently changes, though no guest can rely on it, is named
/// beside the verdict and is no reason to refuse.
pub fn preflight(contract: &Contract, host: &HostProfile) -> Verdict {
    let mut court = Court {
        contract,
        host,
        verdict: Verdict {
            reasons: Vec::new(),
            normalisations: Vec::new(),
        },
    };
    court.vcpu_features();
    court.implementation();
    if let Some(view) = nearest_view(host, contract.vcpu_features) {
        court.id_registers(view);
        court.vectors(view);
        court.pmu(view);
    }
    court.caches();
    court.psci();
    court.workarounds();
    court.services();
    court.gic();
    court.clock();
    court.address_space();
    court.verdict
}

impl Verdict {
    /// Whether the host honours the contract.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Whether the host's kernel would take the machine, whatever its guest then sees.
    #[must_use]
    pub fn is_accepted_by_kernel(&self) -> bool {
        self.reasons
            .iter()
            .all(|reason| reason.judge() == Judge::Guest)
    }

    /// Why not; nothing if it does.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// What the host changes without a word, and no guest relies on.
    #[must_use]
    pub fn normalisations(&self) -> &[Normalisation] {
        &self.normalisations
    }
}

/// The view that a machine gets: that of its features, or, where it cannot be made with them, of
/// the most that it can be made with.
fn nearest_view(host: &HostProfile, wanted: VcpuFeatures) -> Option<&View> {
    host.views
        .iter()
        .filter(|view| wanted.contains(view.features))
        .max_by_key(|view| view.features.bits().count_ones())
}

struct Court<'a> {
    contract: &'a Contract,
    host: &'a HostProfile,
    verdict: Verdict,
}

impl Court<'_> {
    fn refuse(&mut self, reason: Reason) {
        let refused = self.verdict.reasons.push(reason);
        debug_assert!(refused.is_ok(), "there is room for every reason");
    }

    fn refuse_unless(&mut self, honoured: bool, reason: Reason) {
        if !honoured {
            self.refuse(reason);
        }
    }

    fn has(&self, capability: Capabilities) -> bool {
        self.host.capabilities.contains(capability)
    }

    fn vcpu_features(&mut self) {
        let wanted = self.contract.vcpu_features;
        let had = nearest_view(self.host, wanted)
            .map_or(VcpuFeatures::empty(), |view| view.features)
            | (self.host.vcpu_features() & VcpuFeatures::AARCH32_EL1);
        let missing = wanted.difference(had);
        self.refuse_unless(missing.is_empty(), Reason::VcpuFeatures { missing });
    }

    fn implementation(&mut self) {
        let promised = self.contract.implementation;
        let host = self.host.implementation;
        if !self.has(Capabilities::WRITABLE_IMPLEMENTATION) {
            for (register, promised, host) in [
                (ImplementationRegister::Midr, promised.midr, host.midr),
                (ImplementationRegister::Revidr, promised.revidr, host.revidr),
                (ImplementationRegister::Aidr, promised.aidr, host.aidr),
            ] {
                self.refuse_unless(
                    promised == host,
                    Reason::Implementation {
                        register,
                        promised,
                        host,
                    },
                );
            }
        }
        let told = &self.contract.implementations;
        for implementation in self.host.implementations.iter() {
            let expected = match told.is_empty() {
                true => implementation == promised,
                false => told.contains(implementation),
            };
            self.refuse_unless(expected, Reason::UnlistedImplementation(implementation));
        }
    }

    fn id_registers(&mut self, view: &View) {
        for register in IdRegister::all() {
            let promised = self.contract.id_registers.get(register);
            if view.listed.contains(register) {
                self.id_register(view, register, promised);
            } else {
                self.refuse_unless(promised == 0, Reason::AbsentRegister { register, promised });
            }
        }
    }

    fn id_register(&mut self, view: &View, register: IdRegister, promised: u64) {
        let host = view.registers.get(register);
        if promised == host {
            return;
        }
        for field in register.fields() {
            let limit = view.fields.of(field);
            self.field(field, field.extract(promised), field.extract(host), limit);
        }
        let unnamed = !register.named_bits();
        self.refuse_unless(
            promised & unnamed == host & unnamed,
            Reason::UnnamedBits {
                register,
                promised: promised & unnamed,
                host: host & unnamed,
            },
        );
    }

    fn field(&mut self, field: Field, promised: u64, host: u64, limit: FieldLimit) {
        if limit.rewritten().contains(promised) {
            self.normalise(field, promised, limit.becomes.into());
        } else if promised != host && !limit.accepted().contains(promised) {
            self.refuse(Reason::Field {
                field,
                promised,
                host,
                accepted: limit.accepted().or(limit.rewritten()),
                kernel: self.host.kernel,
            });
        } else if promised != host && self.follows_gic(field) {
            self.normalise(field, promised, host);
        }
    }

    fn normalise(&mut self, field: Field, promised: u64, becomes: u64) {
        let named = self.verdict.normalisations.push(Normalisation {
            field,
            promised,
            becomes,
        });
        debug_assert!(named.is_ok(), "there is room for every field");
    }

    /// Whether the kernel writes the field itself when it makes the machine's GICv3.
    fn follows_gic(&self, field: Field) -> bool {
        matches!(field, Field::ID_AA64PFR0_EL1_GIC | Field::ID_PFR1_EL1_GIC)
            && self.contract.gic.kind == GicKind::V3
            && self.host.kernel >= KernelRelease::of(KvmGeneration::V7_3)
    }

    fn vectors(&mut self, view: &View) {
        let promised = self.contract.vector_lengths;
        let host = view.vector_lengths;
        // Without SVE on the host that is the reason.
        let judged = view.features.contains(VcpuFeatures::SVE);
        self.refuse_unless(
            !judged || host.can_be_limited_to(promised),
            Reason::VectorLengths { promised, host },
        );
    }

    fn pmu(&mut self, view: &View) {
        let Some(promised) = self.contract.pmu_counters else {
            return;
        };
        let host = view.pmu_counters;
        let judged = view.features.contains(VcpuFeatures::PMU);
        self.refuse_unless(
            !judged || host.contains(promised.into()),
            Reason::PmuCounters { promised, host },
        );
    }

    fn caches(&mut self) {
        let promised = self.contract.caches;
        let limits = self.host.caches;
        let host = limits.host;
        self.refuse_unless(
            limits.accepts_levels(promised.levels),
            Reason::CacheLevels {
                promised: promised.levels,
                host: host.levels,
            },
        );
        for selector in 0..CACHES {
            let promised = promised.sizes.get(selector).copied().flatten();
            let host = host.sizes.get(selector).copied().flatten();
            self.refuse_unless(
                limits.accepts_size(promised, host),
                Reason::CacheSize {
                    selector: u8::try_from(selector).unwrap_or(u8::MAX),
                    promised,
                    host,
                },
            );
        }
        let (promised, host) = (self.contract.zero_block, self.host.zero_block);
        self.refuse_unless(promised == host, Reason::ZeroBlock { promised, host });
    }

    fn psci(&mut self) {
        let promised = self.contract.psci_version;
        // A machine of PSCI 0.1 is one whose vCPUs are made without a newer one.
        let kernels = self.contract.served_by == ServedBy::Kernel && promised != PsciVersion::V0_1;
        let host = self.host.psci_versions;
        let honoured = match host.is_empty() {
            true => promised == self.host.kernel.default_psci(),
            false => host.has(promised),
        };
        self.refuse_unless(!kernels || honoured, Reason::PsciVersion { promised, host });
        let suspends = self
            .contract
            .psci_options
            .contains(PsciOptions::SYSTEM_SUSPEND);
        self.refuse_unless(
            !suspends || self.has(Capabilities::SYSTEM_SUSPEND),
            Reason::SystemSuspend,
        );
    }

    /// Whoever serves the rest, these calls are the kernel's.
    fn workarounds(&mut self) {
        let ssbs = Ssbs::of(
            self.contract
                .id_registers
                .field(Field::ID_AA64PFR1_EL1_SSBS),
        );
        for workaround in [Workaround::One, Workaround::Two, Workaround::Three] {
            let promised = self.contract.workarounds.level(workaround);
            let host = self.host.workarounds.of(workaround, ssbs);
            let honoured = match host {
                Some(accepted) => accepted.contains(workaround.register_value(promised)),
                None => promised == greatest_level(workaround, None),
            };
            self.refuse_unless(
                honoured,
                Reason::Workaround {
                    workaround,
                    promised,
                    host,
                },
            );
        }
    }

    fn services(&mut self) {
        let promised = self.contract.services;
        match self.contract.served_by {
            ServedBy::Kernel => self.kernel_services(promised),
            ServedBy::Core(_) => self.core_services(promised),
        }
        let counts = self.has(Capabilities::STOLEN_TIME);
        self.refuse_unless(
            self.contract.stolen_time.is_none() || counts,
            Reason::StolenTime,
        );
    }

    fn kernel_services(&mut self, promised: Services) {
        for (bitmap, host) in Bitmap::ALL.into_iter().zip(self.host.services) {
            let promised = promised.register(bitmap);
            self.refuse_unless(
                host.honours(promised),
                Reason::Services {
                    bitmap,
                    promised,
                    host,
                },
            );
        }
        // The kernel only advertises the list of implementations.
        let lists = promised.intersects(Services::DISCOVER_IMPL_CPUS);
        self.refuse_unless(
            !lists || self.has(Capabilities::SMCCC_FILTER),
            Reason::Forwarding,
        );
    }

    fn core_services(&mut self, promised: Services) {
        self.refuse_unless(self.has(Capabilities::SMCCC_FILTER), Reason::Forwarding);
        let answers_ptp = self.host.services[2].honours(PTP);
        self.refuse_unless(
            !promised.contains(Services::PTP) || answers_ptp,
            Reason::Ptp,
        );
    }

    fn gic(&mut self) {
        let promised = self.contract.gic;
        match self.host.gic(promised.kind) {
            None => self.refuse(Reason::GicKind {
                promised: promised.kind,
            }),
            Some(limits) => self.refuse_unless(
                limits.revisions.contains(promised.revision.into()),
                Reason::GicRevision {
                    promised: promised.revision,
                    host: limits.revisions,
                },
            ),
        }
    }

    fn clock(&mut self) {
        let promised = self.contract.counter.frequency;
        let host = self.host.counter_frequency;
        self.refuse_unless(
            promised == host,
            Reason::CounterFrequency { promised, host },
        );
        let honoured = match self.contract.counter.policy {
            ClockPolicy::Virtual => true,
            ClockPolicy::VirtualAndPhysical => self.has(Capabilities::COUNTER_OFFSET),
        };
        self.refuse_unless(honoured, Reason::PhysicalCounter);
    }

    fn address_space(&mut self) {
        let promised = self.contract.address_bits;
        let host = self.host.address_bits;
        self.refuse_unless(
            host.contains(promised.into()),
            Reason::AddressBits { promised, host },
        );
    }
}

/// KVM_REG_ARM_VENDOR_HYP_BIT_PTP as a bit of its register.
const PTP: u64 = 1 << 1;

/// Room for a reason of every kind, field and register at once.
const REASONS: usize = Field::COUNT + 2 * IdRegister::COUNT + CACHES + MAX_IMPLEMENTATIONS + 32;
