//! Promises that contradict each other, whatever the host.

use core::fmt;

use super::{Contract, GicKind, ServedBy, VcpuFeatures};
use crate::cpu::Field;
use crate::firmware::{Dialect, Level, Services, Workaround};
use crate::memory::Ipa;
use crate::psci::{PsciOptions, PsciVersion};
use crate::pvtime::StolenTime;

/// Two promises of one contract that cannot both hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// SVE among the vCPU features, and ID_AA64PFR0_EL1.SVE, and vector lengths: all or none.
    Sve,
    /// A PMU among the vCPU features, and a number of its counters: both or none. A guest that has
    /// one reads of one: ID_AA64DFR0_EL1.PMUVer is neither 0 nor 15.
    Pmu,
    /// More counters than PMCR_EL0.N can say.
    PmuCounters(u8),
    /// A GICv3, and ID_AA64PFR0_EL1.GIC says there is none.
    Gic,
    /// A revision that does not fit GICD_IIDR.Revision.
    GicRevision(u8),
    /// The guest is told of implementations, and its own is none of them.
    UnlistedImplementation,
    /// A list of implementations, and the services by which a guest finds it: all or none.
    ImplementationList,
    /// AArch32 at EL1 among the vCPU features, and ID_AA64PFR0_EL1.EL0 and EL1 say otherwise.
    Aarch32,
    /// A structure of stolen time, and the service that tells where it is.
    StolenTime,
    /// A structure of stolen time that is not on 64 bytes (DEN0057 §3.3), or that does not lie
    /// within the guest's address space.
    StolenTimeBase(Ipa),
    /// Whoever serves has no such PSCI version.
    PsciVersion(PsciVersion),
    /// Whoever serves has not exactly these optional functions of PSCI in this version.
    PsciOptions(PsciOptions),
    /// Whoever serves has no such services.
    Services(Services),
    /// No host's register tells the level of workaround 4: it cannot be promised.
    Workaround4,
    /// DCZID_EL0 has five bits.
    ZeroBlock(u8),
    /// More bits of address than the architecture has, or fewer than KVM makes machines with.
    AddressBits(u8),
    /// The counter does not count.
    CounterFrequency,
}

impl Contract {
    /// Looks for promises that contradict each other.
    ///
    /// # Errors
    ///
    /// The first one found.
    pub fn check(&self) -> Result<(), Contradiction> {
        self.check_vcpu()?;
        self.check_implementations()?;
        self.check_firmware()?;
        self.check_board()
    }

    fn check_vcpu(&self) -> Result<(), Contradiction> {
        let sve = self.vcpu_features.contains(VcpuFeatures::SVE);
        let says_sve = self.id_registers.field(Field::ID_AA64PFR0_EL1_SVE) != 0;
        require(
            sve == says_sve && sve != self.vector_lengths.is_empty(),
            Contradiction::Sve,
        )?;
        let says = |field| self.id_registers.field(field);
        let pmu = self.vcpu_features.contains(VcpuFeatures::PMU);
        let says_pmu = !matches!(says(Field::ID_AA64DFR0_EL1_PMUVER), 0 | 15);
        require(
            pmu == self.pmu_counters.is_some() && (says_pmu || !pmu),
            Contradiction::Pmu,
        )?;
        let counters = self.pmu_counters.unwrap_or(0);
        require(counters <= 31, Contradiction::PmuCounters(counters))?;
        let aarch32 = self.vcpu_features.contains(VcpuFeatures::AARCH32_EL1);
        let says_aarch32 = [Field::ID_AA64PFR0_EL1_EL0, Field::ID_AA64PFR0_EL1_EL1]
            .into_iter()
            .all(|field| says(field) == AARCH64_AND_AARCH32);
        require(says_aarch32 || !aarch32, Contradiction::Aarch32)
    }

    fn check_implementations(&self) -> Result<(), Contradiction> {
        let told = &self.implementations;
        require(
            told.is_empty() || told.contains(self.implementation),
            Contradiction::UnlistedImplementation,
        )?;
        let listing = match told.is_empty() {
            true => !self.services.intersects(Services::DISCOVER_IMPL_CPUS),
            false => self.services.contains(LISTING),
        };
        require(listing, Contradiction::ImplementationList)
    }

    fn check_firmware(&self) -> Result<(), Contradiction> {
        let version = self.psci_version;
        match self.served_by {
            ServedBy::Kernel => {
                let possible = kernel_psci_options(version);
                let options = self.psci_options | PsciOptions::SYSTEM_SUSPEND & possible;
                require(
                    options == possible,
                    Contradiction::PsciOptions(self.psci_options),
                )?;
            }
            ServedBy::Core(dialect) => self.check_dialect(dialect)?,
        }
        let told = self.services.contains(Services::PV_TIME);
        require(
            self.stolen_time.is_none() || told,
            Contradiction::StolenTime,
        )?;
        if let Some(base) = self.stolen_time {
            let fits = base.value().checked_shr(self.address_bits.into()) == Some(0);
            require(
                fits && StolenTime::may_begin_at(base),
                Contradiction::StolenTimeBase(base),
            )?;
        }
        let four = self.workarounds.level(Workaround::Four);
        require(four == Level::NotAvailable, Contradiction::Workaround4)
    }

    fn check_dialect(&self, dialect: Dialect) -> Result<(), Contradiction> {
        let version = self.psci_version;
        require(
            version <= dialect.newest_psci(),
            Contradiction::PsciVersion(version),
        )?;
        let options = self.psci_options.difference(dialect.psci_options());
        require(options.is_empty(), Contradiction::PsciOptions(options))?;
        let services = self.services.difference(dialect.services());
        require(services.is_empty(), Contradiction::Services(services))
    }

    fn check_board(&self) -> Result<(), Contradiction> {
        let said = self.id_registers.field(Field::ID_AA64PFR0_EL1_GIC) != 0;
        require(self.gic.kind == GicKind::V2 || said, Contradiction::Gic)?;
        let revision = self.gic.revision;
        require(revision <= 15, Contradiction::GicRevision(revision))?;
        let zero_block = self.zero_block;
        require(zero_block < 32, Contradiction::ZeroBlock(zero_block))?;
        let bits = self.address_bits;
        require((32..=56).contains(&bits), Contradiction::AddressBits(bits))?;
        require(self.counter.frequency != 0, Contradiction::CounterFrequency)
    }
}

/// The optional functions that KVM has in a version; SYSTEM_SUSPEND only if it is switched on.
pub(super) fn kernel_psci_options(version: PsciVersion) -> PsciOptions {
    let since = |first, options| match version >= first {
        true => options,
        false => PsciOptions::empty(),
    };
    since(PsciVersion::V1_0, PsciOptions::SYSTEM_SUSPEND)
        | since(PsciVersion::V1_1, PsciOptions::SYSTEM_RESET2)
        | since(PsciVersion::V1_3, PsciOptions::SYSTEM_OFF2)
}

fn require(holds: bool, contradiction: Contradiction) -> Result<(), Contradiction> {
    match holds {
        true => Ok(()),
        false => Err(contradiction),
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sve => f.write_str(
                "SVE among the vCPU features, ID_AA64PFR0_EL1.SVE and vector lengths go together",
            ),
            Self::Pmu => f.write_str(
                "a PMU among the vCPU features, its counters and ID_AA64DFR0_EL1.PMUVer go together",
            ),
            Self::PmuCounters(counters) => write!(f, "a PMU has up to 31 counters, not {counters}"),
            Self::Gic => f.write_str("ID_AA64PFR0_EL1.GIC says that there is no GICv3"),
            Self::GicRevision(revision) => {
                write!(f, "GICD_IIDR.Revision is 0 to 15, not {revision}")
            }
            Self::UnlistedImplementation => {
                f.write_str("the machine's own implementation is not on the list that it is told")
            }
            Self::ImplementationList => {
                f.write_str(
                    "a list of implementations goes together with the services vendor-hyp, \
                     discover-impl-version and discover-impl-cpus",
                )
            }
            Self::Aarch32 => f.write_str(
                "AArch32 at EL1 goes with ID_AA64PFR0_EL1.EL0 = 2 and ID_AA64PFR0_EL1.EL1 = 2",
            ),
            Self::StolenTime => f.write_str("stolen time needs the service pv-time"),
            Self::StolenTimeBase(base) => write!(
                f,
                "stolen time at {base} is not on a multiple of 64 in the guest's address space"
            ),
            Self::PsciVersion(version) => {
                write!(f, "the dialect that serves it has no PSCI {version}")
            }
            Self::PsciOptions(options) => write!(
                f,
                "who serves it has not exactly these optional functions of PSCI: {options:?}"
            ),
            Self::Services(services) => {
                write!(f, "the dialect that serves it has no {services:?}")
            }
            Self::Workaround4 => f.write_str("no host tells its level of workaround 4"),
            Self::ZeroBlock(value) => {
                write!(f, "DCZID_EL0 has five bits, which {value:#x} exceeds")
            }
            Self::AddressBits(bits) => {
                write!(f, "a machine has 32 to 56 bits of address, not {bits}")
            }
            Self::CounterFrequency => f.write_str("a counter of 0 Hz does not count"),
        }
    }
}

impl core::error::Error for Contradiction {}

/// What a guest needs to find out that it may land on several implementations: it asks who the
/// vendor is and what it has, then how many there are, then for each.
pub(super) const LISTING: Services = Services::VENDOR_FEATURES.union(Services::DISCOVERY);
/// ID_AA64PFR0_EL1.EL0 and EL1: both execution states.
const AARCH64_AND_AARCH32: u64 = 2;
