//! Preflight: will this host honour this contract?

use core::fmt;

use heapless::Vec;

use super::dependency::cleared_dependents;
use super::kernel::{KernelRelease, greatest_level};
use super::profile::{Capabilities, FieldLimit, HostProfile, Ssbs, View};
use super::reason::{ImplementationRegister, Judge, Listing, Normalisation, Reason};
use super::{CACHES, ClockPolicy, Contract, GicKind, ServedBy, VcpuFeatures};
use crate::cpu::{Field, IdRegister};
use crate::firmware::{Bitmap, KvmGeneration, Level, Services, Workaround};
use crate::psci::{PsciOptions, PsciVersion};
use crate::vendor_hyp::MAX_IMPLEMENTATIONS;

/// Whether a host honours a contract: it does, or these are all the reasons why not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    reasons: Vec<Reason, REASONS>,
    normalisations: Vec<Normalisation, { Field::COUNT }>,
    excesses: Vec<Excess, { Workaround::WITH_REGISTER.len() }>,
}

/// One thing that holding a contract against a host brings to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// A promise that the host does not keep.
    Reason(Reason),
    /// What the host's kernel accepts and silently changes, though no guest can rely on it: no
    /// reason to refuse.
    Normalisation(Normalisation),
    /// What the host tells a guest beyond its contract, and no kernel can hide: no reason to refuse
    /// a guest that moves here, and one not to launch it here.
    Excess(Excess),
}

/// A level of a workaround above the one that was promised.
///
/// Kernels check the level that is written and keep their own: a guest is told that. One that moved
/// here took its measures long ago and they are more than enough. One that is *launched* here takes
/// none, and is without them on the next host that its contract allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// Which.
    pub workaround: Workaround,
    /// The level that was promised.
    pub promised: Level,
    /// The level that a guest here is told.
    pub told: Level,
}

/// What was promised and what a guest is told instead.
impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            workaround,
            promised,
            told,
        } = self;
        write!(
            f,
            "{workaround}: promised {promised}, and a guest launched here is told {told}"
        )
    }
}

/// Whether `host` will honour `contract`, which is checked ([`Contract::check`]), and if not, every
/// reason why.
pub fn preflight(contract: &Contract, host: &HostProfile) -> Verdict {
    let mut verdict = Verdict {
        reasons: Vec::new(),
        normalisations: Vec::new(),
        excesses: Vec::new(),
    };
    examine(contract, host, &mut |finding| verdict.note(finding));
    verdict
}

/// The same for whoever has no room for a [`Verdict`], which takes some 30 KiB: each finding is
/// handed to `note` as it is found.
pub fn examine(contract: &Contract, host: &HostProfile, note: &mut dyn FnMut(Finding)) {
    let mut court = Court {
        contract,
        host,
        note,
    };
    court.vcpu_features();
    court.implementation();
    if let Some(view) = nearest_view(host, contract.vcpu_features) {
        court.id_registers(view);
        court.told_by_gic(view);
        court.dependents();
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
}

impl Verdict {
    /// Whether the host honours the contract of a guest that moves here.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Whether a guest that is launched here learns what was promised and nothing beyond it, so that
    /// it may go wherever its contract is honoured.
    #[must_use]
    pub fn may_launch(&self) -> bool {
        self.is_accepted() && self.excesses.is_empty()
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

    /// What the host tells its guests beyond what was promised.
    #[must_use]
    pub fn excesses(&self) -> &[Excess] {
        &self.excesses
    }

    fn note(&mut self, finding: Finding) {
        let has_room = match finding {
            Finding::Reason(reason) => self.reasons.push(reason).is_ok(),
            Finding::Normalisation(change) => self.normalisations.push(change).is_ok(),
            Finding::Excess(excess) => self.excesses.push(excess).is_ok(),
        };
        debug_assert!(has_room, "there is room for every finding");
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
    note: &'a mut dyn FnMut(Finding),
}

impl Court<'_> {
    fn refuse(&mut self, reason: Reason) {
        (self.note)(Finding::Reason(reason));
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
        let listing = Listing::on(self.host, self.contract.served_by);
        for host in self.host.implementations.iter() {
            let expected = match told.is_empty() {
                true => host == promised,
                false => told.contains(host),
            };
            self.refuse_unless(expected, Reason::UnlistedImplementation { host, listing });
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
        }
    }

    fn normalise(&mut self, field: Field, promised: u64, becomes: u64) {
        (self.note)(Finding::Normalisation(Normalisation {
            field,
            promised,
            becomes,
        }));
    }

    /// From Linux 7.3 on the kernel itself writes whether there are system registers of an interrupt
    /// controller, when it makes one, over whatever it was given.
    fn told_by_gic(&mut self, view: &View) {
        if self.host.kernel < KernelRelease::of(KvmGeneration::V7_3) {
            return;
        }
        let becomes = match self.contract.gic.kind {
            GicKind::V2 => 0,
            GicKind::V3 => 1,
        };
        for field in [Field::ID_AA64PFR0_EL1_GIC, Field::ID_PFR1_EL1_GIC] {
            let promised = self.contract.id_registers.field(field);
            let accepted = view.fields.of(field).accepted();
            // Of a CPU without AArch32 the second is empty whatever is written.
            if promised != becomes && accepted.contains(promised) && accepted.contains(becomes) {
                self.normalise(field, promised, becomes);
            }
        }
    }

    fn dependents(&mut self) {
        if !self.host.kernel.clears_dependents() {
            return;
        }
        for cleared in cleared_dependents(&self.contract.id_registers) {
            self.refuse(Reason::Dependent {
                field: cleared.field,
                promised: cleared.promised,
                missing: cleared.missing,
            });
        }
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
                writable: limits.writable,
                cleaning: limits.cleaning,
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
                    writable: limits.writable,
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
        let honoured = self.host.possible_psci_versions().has(promised);
        self.refuse_unless(
            !kernels || honoured,
            Reason::psci_version(promised, self.host),
        );
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
        for workaround in Workaround::WITH_REGISTER {
            let promised = self.contract.workarounds.level(workaround);
            let host = self.host.workarounds.of(workaround, ssbs);
            let told = greatest_level(workaround, host);
            let honoured = match host {
                Some(accepted) => accepted.contains(workaround.register_value(promised)),
                None => promised == told,
            };
            if !honoured {
                self.refuse(Reason::Workaround {
                    workaround,
                    promised,
                    host,
                });
            } else if told > promised {
                (self.note)(Finding::Excess(Excess {
                    workaround,
                    promised,
                    told,
                }));
            }
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
        let [.., vendor, _] = self.host.services;
        let answers_ptp = vendor.has(Services::PTP.register(Bitmap::VendorHypervisor));
        self.refuse_unless(
            !promised.contains(Services::PTP) || answers_ptp,
            Reason::Ptp,
        );
    }

    fn gic(&mut self) {
        let promised = self.contract.gic;
        match self.host.gic(promised.kind) {
            None => self.refuse(Reason::gic_kind(promised.kind, self.host)),
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

/// Room for a reason of every kind, field and register at once.
const REASONS: usize = Field::COUNT + 2 + 2 * IdRegister::COUNT + CACHES + MAX_IMPLEMENTATIONS + 32;
