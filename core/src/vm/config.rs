//! What is fixed for a machine's life.

use core::fmt;

use super::Vm;
use crate::firmware::{
    Dialect, Firmware, Level, Negotiated, RegisterError, Services, Stage, Vocabulary, Workaround,
    Workarounds,
};
use crate::memory::{Ipa, RamRange};
use crate::psci::{PsciOptions, PsciVersion, TrustedOs};
use crate::pvtime::StolenTime;
use crate::smccc::{Endianness, ExecutionState, SmcccVersion, SocId};
use crate::vcpu::{AddError, Mpidr, ResetState, VcpuId, Vcpus};
use crate::vendor_hyp::Implementations;

/// A machine in the making.
#[derive(Debug, Clone)]
pub struct VmConfig<const N: usize> {
    vcpus: Vcpus<N>,
    firmware: Firmware,
    execution_state: ExecutionState,
}

impl<const N: usize> VmConfig<N> {
    /// PSCI 1.1 and SMCCC 1.1 in the specification's dialect; of what is optional only
    /// SYSTEM_RESET2 and SYSTEM_OFF2, which come with their PSCI version; no service, no
    /// workaround promised, no vCPU yet, no RAM map (so that every address counts as RAM).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            vcpus: Vcpus::new(),
            firmware: Firmware::least(),
            execution_state: ExecutionState::Aarch64,
        }
    }

    /// Adds a vCPU, off.
    ///
    /// # Errors
    ///
    /// There are `N` already, or another has that affinity.
    pub fn add_vcpu(&mut self, mpidr: Mpidr) -> Result<VcpuId, ConfigError> {
        self.vcpus.add(mpidr).map_err(|error| match error {
            AddError::Full => ConfigError::TooManyVcpus { most: N },
            AddError::Duplicate => ConfigError::DuplicateAffinity(mpidr),
        })
    }

    /// Adds a range of RAM, in which entry points may lie.
    ///
    /// # Errors
    ///
    /// There are [`MAX_RAM_RANGES`](crate::memory::MAX_RAM_RANGES) already.
    pub fn add_ram(&mut self, range: RamRange) -> Result<(), ConfigError> {
        self.firmware
            .ram
            .add(range)
            .map_err(ConfigError::TooManyRamRanges)
    }

    /// Sets the PSCI version that the guest is told, and with it which functions exist.
    #[must_use]
    pub const fn with_psci_version(mut self, version: PsciVersion) -> Self {
        self.firmware.psci_version = version;
        self
    }

    /// Sets which optional functions of PSCI the machine has, from the version on that has them, in
    /// place of SYSTEM_RESET2 and SYSTEM_OFF2 alone: name those too if they are wanted.
    #[must_use]
    pub const fn with_psci_options(mut self, options: PsciOptions) -> Self {
        self.firmware.psci_options = options;
        self
    }

    /// Has the machine's memory protected from the start, as an earlier process left it
    /// ([`Vm::protects_memory`]): MEM_PROTECT outlasts a machine that is off (DEN0022 §5.1.13), so
    /// whoever keeps its memory keeps that too.
    #[must_use]
    pub const fn with_protected_memory(mut self) -> Self {
        self.firmware.protected = true;
        self
    }

    /// Gives the machine a Trusted OS that runs on one CPU, which MIGRATE is about.
    #[must_use]
    pub const fn with_trusted_os(mut self, trusted_os: TrustedOs) -> Self {
        self.firmware.trusted_os = Some(trusted_os);
        self
    }

    /// Sets the version of the calling convention that the guest is told.
    #[must_use]
    pub const fn with_smccc_version(mut self, version: SmcccVersion) -> Self {
        self.firmware.smccc_version = version;
        self
    }

    /// Sets what the machine says about its SoC (SMCCC 1.2 and newer).
    #[must_use]
    pub fn with_soc_id(mut self, soc_id: SocId) -> Self {
        self.firmware.soc_id = Some(soc_id);
        self
    }

    /// Sets whose answers the machine gives.
    #[must_use]
    pub const fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.firmware.dialect = dialect;
        self
    }

    /// Sets what is promised of the architecture workarounds.
    #[must_use]
    pub const fn with_workarounds(mut self, workarounds: Workarounds) -> Self {
        self.firmware.workarounds = workarounds;
        self
    }

    /// Offers these services. The machine has all of them unless their bits are cleared again by
    /// [`set_register`](Self::set_register).
    #[must_use]
    pub const fn with_services(mut self, offered: Services) -> Self {
        self.firmware.services = Negotiated::offering(offered);
        self
    }

    /// Says where the stolen time structures are: of the first vCPU at `base`, the others' behind
    /// it, 64 bytes each.
    #[must_use]
    pub const fn with_pv_time(mut self, base: Ipa) -> Self {
        self.firmware.pv_time = Some(base);
        self
    }

    /// Sets the CPU implementations that the machine may land on.
    #[must_use]
    pub fn with_implementations(mut self, list: Implementations) -> Self {
        self.firmware.implementations = list;
        self
    }

    /// Sets in which execution state the boot vCPU begins. The others begin as their starters.
    #[must_use]
    pub const fn with_execution_state(mut self, state: ExecutionState) -> Self {
        self.execution_state = state;
        self
    }

    /// The value of a firmware pseudo-register, by KVM's id.
    ///
    /// # Errors
    ///
    /// KVM's of this dialect.
    pub fn register(&self, id: u64) -> Result<u64, RegisterError> {
        self.firmware.register(id)
    }

    /// Writes a firmware pseudo-register, by KVM's id. Bits of the bitmaps can be cleared and set
    /// again, within what is offered.
    ///
    /// # Errors
    ///
    /// KVM's of this dialect; nothing has changed.
    pub fn set_register(&mut self, id: u64, value: u64) -> Result<(), RegisterError> {
        self.firmware.set_register(id, value, Stage::Configured)
    }

    /// The machine: `boot` begins at `entry` with `x0`, little-endian; the others are off.
    ///
    /// # Errors
    ///
    /// A vCPU named is not of this machine, or it has what its dialect does not know, or a
    /// service lacks what it is to tell.
    pub fn freeze(self, boot: VcpuId, entry: Ipa, x0: u64) -> Result<Vm<N>, ConfigError> {
        let named = [Some(boot), self.firmware.trusted_os.map(|os| os.resident)];
        for vcpu in named.into_iter().flatten() {
            if self.vcpus.power(vcpu).is_none() {
                return Err(ConfigError::NoSuchVcpu(vcpu));
            }
        }
        if let Some(os) = self.firmware.trusted_os
            && os.resident != boot
        {
            return Err(ConfigError::TrustedOsIsOff(os.resident));
        }
        self.check_dialect()?;
        self.check_services()?;
        let state = ResetState::new(entry, x0, self.execution_state, Endianness::Little);
        Ok(Vm::new(self.firmware, self.vcpus, (boot, state)))
    }

    /// A guest that was promised one dialect's answers gets no function that it does not have.
    fn check_dialect(&self) -> Result<(), ConfigError> {
        let firmware = &self.firmware;
        let rules = firmware.rules();
        let unknown = |what| Err(ConfigError::NotInDialect(what));
        if firmware.psci_version > rules.newest_psci {
            return unknown(Foreign::PsciVersion(firmware.psci_version));
        }
        let options = firmware.psci_options.difference(rules.psci_options);
        if !options.is_empty() {
            return unknown(Foreign::PsciOptions(options));
        }
        let services = firmware.services.active().difference(rules.services);
        if !services.is_empty() {
            return unknown(Foreign::Services(services));
        }
        if rules.vocabulary == Vocabulary::Whole {
            return Ok(());
        }
        if firmware.smccc_version != SmcccVersion::V1_1 {
            return unknown(Foreign::SmcccVersion(firmware.smccc_version));
        }
        if firmware.soc_id.is_some() {
            return unknown(Foreign::SocId);
        }
        if firmware.trusted_os.is_some() {
            return unknown(Foreign::TrustedOs);
        }
        if firmware.workarounds.level(Workaround::Four) != Level::NotAvailable {
            return unknown(Foreign::Workaround4);
        }
        Ok(())
    }

    /// A service that is there has what it tells.
    fn check_services(&self) -> Result<(), ConfigError> {
        let firmware = &self.firmware;
        let active = firmware.services.active();
        let needs_ram = PsciOptions::MEM_PROTECT.union(PsciOptions::CLEAN_INV_MEMREGION);
        if firmware.psci_options().intersects(needs_ram) && firmware.ram.is_empty() {
            return Err(ConfigError::NoRam);
        }
        if active.intersects(Services::DISCOVERY) && firmware.implementations.is_empty() {
            return Err(ConfigError::NoImplementations);
        }
        if let Some(base) = firmware.pv_time {
            let bytes = StolenTime::BYTES.saturating_mul(self.vcpus.len());
            let size = u64::try_from(bytes).unwrap_or(u64::MAX).max(1);
            let aligned = StolenTime::may_begin_at(base);
            if !aligned || RamRange::new(base, size).is_none() {
                return Err(ConfigError::PvTimeBase(base));
            }
        }
        Ok(())
    }
}

impl<const N: usize> Default for VmConfig<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a machine cannot be made so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigError {
    /// The machine has room for that many vCPUs.
    TooManyVcpus {
        /// How many there can be.
        most: usize,
    },
    /// Another vCPU has this affinity.
    DuplicateAffinity(Mpidr),
    /// There is no room for this range of RAM.
    TooManyRamRanges(RamRange),
    /// The boot vCPU, or the Trusted OS's, is another machine's.
    NoSuchVcpu(VcpuId),
    /// The Trusted OS is to reside on a CPU that is off when the machine boots.
    TrustedOsIsOff(VcpuId),
    /// Functions that are about RAM, and no RAM map.
    NoRam,
    /// The machine's dialect does not have this.
    NotInDialect(Foreign),
    /// The list of implementations is to be told and is empty.
    NoImplementations,
    /// The stolen time structures are not aligned to 64 bytes, or run past the last address.
    PvTimeBase(Ipa),
}

/// What a dialect does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// A PSCI version younger than the kernels of that generation.
    PsciVersion(PsciVersion),
    /// Optional functions of PSCI.
    PsciOptions(PsciOptions),
    /// Services.
    Services(Services),
    /// A version of the calling convention.
    SmcccVersion(SmcccVersion),
    /// SMCCC_ARCH_SOC_ID.
    SocId,
    /// A Trusted OS that runs on one CPU.
    TrustedOs,
    /// SMCCC_ARCH_WORKAROUND_4.
    Workaround4,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PsciVersion(version) => write!(f, "PSCI {version}"),
            Self::PsciOptions(options) => {
                f.write_str("the PSCI functions ")?;
                bitflags::parser::to_writer(options, f)
            }
            Self::Services(services) => {
                f.write_str("the services ")?;
                bitflags::parser::to_writer(services, f)
            }
            Self::SmcccVersion(version) => write!(f, "SMCCC {version}"),
            Self::SocId => write!(f, "SMCCC_ARCH_SOC_ID"),
            Self::TrustedOs => write!(f, "a Trusted OS on one CPU"),
            Self::Workaround4 => write!(f, "SMCCC_ARCH_WORKAROUND_4"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyVcpus { most } => write!(f, "the machine has room for {most} vCPUs"),
            Self::DuplicateAffinity(mpidr) => write!(f, "two vCPUs have the affinity {mpidr}"),
            Self::TooManyRamRanges(range) => {
                let (first, last) = (range.first(), range.last());
                write!(f, "no room for the RAM range from {first} to {last}")
            }
            Self::NoSuchVcpu(vcpu) => write!(f, "vCPU {vcpu} is not one of this machine"),
            Self::TrustedOsIsOff(vcpu) => write!(
                f,
                "the Trusted OS cannot reside on vCPU {vcpu}: only the boot vCPU is on"
            ),
            Self::NoRam => write!(
                f,
                "MEM_PROTECT and CLEAN_INV_MEMREGION are about RAM, and the machine has no RAM map"
            ),
            Self::NotInDialect(what) => write!(f, "the machine's dialect does not have {what}"),
            Self::NoImplementations => write!(
                f,
                "the machine is to tell on which CPU implementations it may land and has none"
            ),
            Self::PvTimeBase(base) => write!(
                f,
                "stolen time structures cannot be at {base}: 64 bytes a vCPU, aligned to 64 bytes"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}
