//! A machine under a contract: what the contract says is what the machine is.
//!
//! Everything that a configuration leaves open follows from the contract, so that each later life
//! is the same. What a contract promises and this machine is not built for is refused before
//! anything is asked of a host.

use vambrace_core::contract::{Contract, GicKind, ServedBy, VcpuFeatures};
use vambrace_core::firmware::Dialect;
use vambrace_core::psci::PsciVersion;
use vambrace_core::smccc::ExecutionState;

use super::{Config, Error, Features, FirmwareKind, core_config};
use crate::layout::{Layout, STOLEN_TIME};

/// What a user may name of a machine, and a contract has the say of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named {
    /// Who answers firmware calls.
    pub firmware: Option<FirmwareKind>,
    /// Whose answers core gives.
    pub dialect: Option<Dialect>,
    /// The PSCI version.
    pub psci_version: Option<PsciVersion>,
    /// What the firmware has beyond the least.
    pub features: Option<Features>,
    /// The interrupt controller.
    pub gic: Option<GicKind>,
}

impl Named {
    /// Checks that what is named is what `contract` says.
    ///
    /// # Errors
    ///
    /// [`Error::OtherThanContract`] with the first option that is something else.
    pub fn check(&self, contract: &Contract) -> Result<(), Error> {
        let firmware = FirmwareKind::under(contract);
        agree("--firmware", self.firmware, Some(firmware), firmware_name)?;
        agree("--dialect", self.dialect, dialect(contract), dialect_name)?;
        let version = Some(contract.psci_version);
        agree("--psci", self.psci_version, version, |version| {
            version.to_string()
        })?;
        let features = Some(Features::under(contract));
        agree("--with", self.features, features, |features| {
            features.to_string()
        })?;
        let gic = Some(contract.gic.kind);
        agree("--gic", self.gic, gic, |kind| gic_name(kind).to_owned())
    }
}

impl FirmwareKind {
    /// Who answers under `contract`.
    #[must_use]
    pub const fn under(contract: &Contract) -> Self {
        match contract.served_by {
            ServedBy::Kernel => Self::Kernel,
            ServedBy::Core(_) => Self::Core,
        }
    }
}

impl Features {
    /// What the firmware has under `contract`. Of stolen time there is nothing to count without its
    /// structure.
    #[must_use]
    pub fn under(contract: &Contract) -> Self {
        let mut features = core_config::features(contract.psci_options, contract.services);
        features.set(Self::PV_TIME, contract.stolen_time.is_some());
        features
    }
}

/// The configuration with all that its contract says, if it has one and this machine can be that.
pub(super) fn settled(config: Config) -> Result<Config, Error> {
    let Some(contract) = &config.contract else {
        return Ok(config);
    };
    contract.check()?;
    if let Some(place) = contract.stolen_time
        && place != STOLEN_TIME.base()
    {
        return Err(Error::ContractStolenTime { place });
    }
    Ok(Config {
        firmware: FirmwareKind::under(contract),
        dialect: dialect(contract).unwrap_or(config.dialect),
        psci_version: Some(contract.psci_version),
        features: Features::under(contract),
        gic: Some(contract.gic.kind),
        ..config
    })
}

/// Checks that a machine of this layout, whose image is for this execution state, is the one of its
/// contract.
pub(super) fn check_board(
    config: &Config,
    layout: &Layout,
    image: ExecutionState,
) -> Result<(), Error> {
    let Some(contract) = &config.contract else {
        return Ok(());
    };
    let bits = contract.address_bits;
    if layout.check_address_space(bits).is_err() {
        let end = layout.end();
        return Err(Error::ContractAddressBits { bits, end });
    }
    let promised = match contract.vcpu_features.contains(VcpuFeatures::AARCH32_EL1) {
        true => ExecutionState::Aarch32,
        false => ExecutionState::Aarch64,
    };
    match promised == image {
        true => Ok(()),
        false => Err(Error::ContractExecutionState { promised }),
    }
}

fn agree<T: PartialEq + Copy>(
    option: &'static str,
    named: Option<T>,
    promised: Option<T>,
    name: impl Fn(T) -> String,
) -> Result<(), Error> {
    match named {
        Some(asked) if promised != Some(asked) => Err(Error::OtherThanContract {
            option,
            asked: name(asked),
            promised: promised.map_or_else(|| "the kernel's own".to_owned(), name),
        }),
        Some(_) | None => Ok(()),
    }
}

fn dialect(contract: &Contract) -> Option<Dialect> {
    match contract.served_by {
        ServedBy::Kernel => None,
        ServedBy::Core(dialect) => Some(dialect),
    }
}

fn gic_name(kind: GicKind) -> &'static str {
    match kind {
        GicKind::V2 => "2",
        GicKind::V3 => "3",
    }
}

fn firmware_name(firmware: FirmwareKind) -> String {
    match firmware {
        FirmwareKind::Kernel => "kernel".to_owned(),
        FirmwareKind::Core => "core".to_owned(),
    }
}

fn dialect_name(dialect: Dialect) -> String {
    match dialect {
        Dialect::Specification => "spec".to_owned(),
        Dialect::Kvm(generation) => format!("kvm, {generation:?}"),
    }
}
