//! A PSCI call with its arguments decoded.
//!
//! What must be zero is refused here and nowhere else; a handler never sees a malformed argument.
//! SMC32 and SMC64 forms give the same call.

use super::{Error, Function, PowerState, Reset};
use crate::firmware::{AffinityLevelWidth, ReservedAffinity, Rules, SuspendState};
use crate::memory::Ipa;
use crate::smccc::{Args, FunctionId, low_word};
use crate::vcpu::{AffinityLevel, Mpidr};

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// PSCI_VERSION (§5.1.1).
    Version,
    /// CPU_SUSPEND (§5.1.2).
    CpuSuspend {
        /// How deep.
        state: PowerState,
        /// Where a powerdown state resumes.
        entry: Ipa,
        /// x0 at that resumption.
        context: u64,
    },
    /// CPU_OFF (§5.1.3).
    CpuOff,
    /// CPU_ON (§5.1.4).
    CpuOn {
        /// The CPU to turn on.
        target: Mpidr,
        /// Where it begins.
        entry: Ipa,
        /// Its x0.
        context: u64,
    },
    /// AFFINITY_INFO (§5.1.5).
    AffinityInfo {
        /// A CPU of the affinity instance asked about.
        target: Mpidr,
        /// The level of the instance.
        level: AffinityLevel,
    },
    /// MIGRATE_INFO_TYPE (§5.1.7).
    MigrateInfoType,
    /// SYSTEM_OFF (§5.1.9).
    SystemOff,
    /// SYSTEM_RESET (§5.1.11) or SYSTEM_RESET2 (§5.1.12).
    SystemReset(Reset),
    /// PSCI_FEATURES (§5.1.15).
    Features {
        /// The function asked about.
        function: FunctionId,
    },
}

impl Call {
    /// Decodes the arguments of `function`.
    ///
    /// # Errors
    ///
    /// Says which argument is malformed under `rules`.
    pub(crate) fn parse(function: Function, args: &Args, rules: &Rules) -> Result<Self, Error> {
        match function {
            Function::Version => Ok(Self::Version),
            Function::CpuSuspend => cpu_suspend(args, rules),
            Function::CpuOff => Ok(Self::CpuOff),
            Function::CpuOn => cpu_on(args, rules),
            Function::AffinityInfo => affinity_info(args, rules),
            Function::MigrateInfoType => Ok(Self::MigrateInfoType),
            Function::SystemOff => Ok(Self::SystemOff),
            Function::SystemReset => Ok(Self::SystemReset(Reset::Cold)),
            Function::SystemReset2 => system_reset2(args),
            Function::Features => Ok(Self::Features {
                function: FunctionId::from_x0(args.first()),
            }),
        }
    }
}

fn cpu_suspend(args: &Args, rules: &Rules) -> Result<Call, Error> {
    let state = match rules.suspend_state {
        SuspendState::Decoded => PowerState::try_from(low_word(args.first()))?,
        SuspendState::AlwaysStandby => PowerState::STANDBY,
    };
    Ok(Call::CpuSuspend {
        state,
        entry: Ipa::new(args.second()),
        context: args.third(),
    })
}

fn cpu_on(args: &Args, rules: &Rules) -> Result<Call, Error> {
    Ok(Call::CpuOn {
        target: target(args.first(), rules)?,
        entry: Ipa::new(args.second()),
        context: args.third(),
    })
}

fn affinity_info(args: &Args, rules: &Rules) -> Result<Call, Error> {
    let target = target(args.first(), rules)?;
    let number = match rules.affinity_level {
        AffinityLevelWidth::Word => low_word(args.second()).into(),
        AffinityLevelWidth::AsPassed => args.second(),
    };
    let level = AffinityLevel::new(number).ok_or(Error::NoSuchAffinityLevel(number))?;
    Ok(Call::AffinityInfo { target, level })
}

fn target(value: u64, rules: &Rules) -> Result<Mpidr, Error> {
    match rules.reserved_affinity {
        ReservedAffinity::Refused => {
            Mpidr::from_target(value).ok_or(Error::ReservedAffinityBits(value))
        }
        ReservedAffinity::Masked => Ok(Mpidr::from_register(value)),
    }
}

/// reset_type 0 is SYSTEM_WARM_RESET; with bit 31 set it is the vendor's; the rest is reserved.
fn system_reset2(args: &Args) -> Result<Call, Error> {
    let reset_type = low_word(args.first());
    let cookie = args.second();
    match reset_type {
        0 => Ok(Call::SystemReset(Reset::Warm { cookie })),
        0x8000_0000.. => Ok(Call::SystemReset(Reset::Vendor { reset_type, cookie })),
        _ => Err(Error::NoSuchResetType(reset_type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::{Dialect, KvmGeneration};

    const SPECIFICATION: Dialect = Dialect::Specification;
    const KVM: Dialect = Dialect::Kvm(KvmGeneration::V6_12);
    const OLD_KVM: Dialect = Dialect::Kvm(KvmGeneration::V5_10);

    fn parse(dialect: Dialect, function: Function, id: u64, args: &[u64]) -> Result<Call, Error> {
        Call::parse(function, &Args::new(id, args), dialect.rules())
    }

    #[test]
    fn cpu_on_of_either_width_gives_the_same_call() {
        let call = Call::CpuOn {
            target: Mpidr::from_affinity(0, 0, 0, 1),
            entry: Ipa::new(0x8000_0000),
            context: 7,
        };
        let args = [1, 0x8000_0000, 7];
        assert_eq!(parse(KVM, Function::CpuOn, 0x8400_0003, &args), Ok(call));
        assert_eq!(parse(KVM, Function::CpuOn, 0xc400_0003, &args), Ok(call));
        let wide = [0x1_0000_0001, 0xffff_ffff_8000_0000, 0x5_0000_0007];
        assert_eq!(parse(KVM, Function::CpuOn, 0x8400_0003, &wide), Ok(call));
    }

    #[test]
    fn reserved_affinity_bits_are_refused_or_by_old_kvm_masked() {
        let args = [0x8000_0001, 0x4000_0000, 0];
        let refused = Err(Error::ReservedAffinityBits(0x8000_0001));
        assert_eq!(
            parse(SPECIFICATION, Function::CpuOn, 0xc400_0003, &args),
            refused
        );
        assert_eq!(parse(KVM, Function::CpuOn, 0xc400_0003, &args), refused);
        assert!(parse(OLD_KVM, Function::CpuOn, 0xc400_0003, &args).is_ok());
    }

    #[test]
    fn affinity_level_is_a_word_but_kvm_looks_at_all_of_an_smc64_register() {
        let args = [1, 0x1_0000_0000];
        assert!(parse(SPECIFICATION, Function::AffinityInfo, 0xc400_0004, &args).is_ok());
        assert!(parse(KVM, Function::AffinityInfo, 0x8400_0004, &args).is_ok());
        assert_eq!(
            parse(KVM, Function::AffinityInfo, 0xc400_0004, &args),
            Err(Error::NoSuchAffinityLevel(0x1_0000_0000))
        );
        assert_eq!(
            parse(KVM, Function::AffinityInfo, 0xc400_0004, &[1, 4]),
            Err(Error::NoSuchAffinityLevel(4))
        );
    }

    #[test]
    fn kvm_takes_every_power_state_as_standby() {
        let args = [0xffff_ffff, 0, 0];
        assert_eq!(
            parse(KVM, Function::CpuSuspend, 0xc400_0001, &args),
            Ok(Call::CpuSuspend {
                state: PowerState::STANDBY,
                entry: Ipa::new(0),
                context: 0
            })
        );
        assert_eq!(
            parse(SPECIFICATION, Function::CpuSuspend, 0xc400_0001, &args),
            Err(Error::NoSuchPowerState(0xffff_ffff))
        );
    }

    #[test]
    fn reset_types_are_warm_vendor_or_reserved() {
        let reset = |reset_type| {
            parse(
                SPECIFICATION,
                Function::SystemReset2,
                0xc400_0012,
                &[reset_type, 9],
            )
        };
        assert_eq!(reset(0), Ok(Call::SystemReset(Reset::Warm { cookie: 9 })));
        assert_eq!(
            reset(0x8000_002a),
            Ok(Call::SystemReset(Reset::Vendor {
                reset_type: 0x8000_002a,
                cookie: 9
            }))
        );
        assert_eq!(reset(1), Err(Error::NoSuchResetType(1)));
        assert_eq!(reset(0x7fff_ffff), Err(Error::NoSuchResetType(0x7fff_ffff)));
    }
}
