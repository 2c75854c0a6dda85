//! What is fixed for a machine's life.

use core::fmt;

use super::Vm;
use crate::firmware::{Dialect, Firmware, Workarounds};
use crate::memory::{Ipa, RamMap, RamRange};
use crate::psci::PsciVersion;
use crate::smccc::Endianness;
use crate::vcpu::{AddError, Mpidr, ResetState, VcpuId, Vcpus};

/// A machine in the making.
#[derive(Debug, Clone)]
pub struct VmConfig<const N: usize> {
    vcpus: Vcpus<N>,
    firmware: Firmware,
}

impl<const N: usize> VmConfig<N> {
    /// PSCI 1.1 in the specification's dialect, no workaround promised, no vCPU yet, no RAM map
    /// (so that every entry point counts as valid).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            vcpus: Vcpus::new(),
            firmware: Firmware {
                psci_version: PsciVersion::V1_1,
                workarounds: Workarounds::NONE,
                dialect: Dialect::Specification,
                ram: RamMap::EMPTY,
            },
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

    /// The machine: `boot` begins at `entry` with `x0`, little-endian; the others are off.
    ///
    /// # Errors
    ///
    /// `boot` is not a vCPU of this machine.
    pub fn freeze(self, boot: VcpuId, entry: Ipa, x0: u64) -> Result<Vm<N>, ConfigError> {
        if self.vcpus.power(boot).is_none() {
            return Err(ConfigError::NoSuchVcpu(boot));
        }
        let state = ResetState::new(entry, x0, Endianness::Little);
        Ok(Vm::new(self.firmware, self.vcpus, (boot, state)))
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
    /// The boot vCPU is another machine's.
    NoSuchVcpu(VcpuId),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyVcpus { most } => write!(f, "the machine has room for {most} vCPUs"),
            Self::DuplicateAffinity(mpidr) => write!(f, "two vCPUs have the affinity {mpidr}"),
            Self::TooManyRamRanges(range) => write!(f, "no room for the RAM range {range:?}"),
            Self::NoSuchVcpu(vcpu) => write!(f, "vCPU {vcpu} is not one of this machine"),
        }
    }
}

impl core::error::Error for ConfigError {}
