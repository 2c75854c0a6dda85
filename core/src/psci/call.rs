//! A PSCI call with its arguments decoded.
//!
//! What must be zero is refused here and nowhere else; a handler never sees a malformed argument.
//! SMC32 and SMC64 forms give the same call.

use super::clean_inv_memregion::Operation;
use super::mem_protect::Protection;
use super::statistics::Statistic;
use super::suspend_mode::SuspendMode;
use super::{Error, Function, PowerState, Reset, SystemEvent};
use crate::firmware::{ArgumentWidth, Firmware, ReservedAffinity, Rules, SuspendState};
use crate::memory::{Ipa, RamRange};
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
    /// MIGRATE (§5.1.6).
    Migrate {
        /// Where the Trusted OS is to reside.
        target: Mpidr,
    },
    /// MIGRATE_INFO_TYPE (§5.1.7).
    MigrateInfoType,
    /// MIGRATE_INFO_UP_CPU (§5.1.8).
    MigrateInfoUpCpu {
        /// The bits that the call's width has.
        most: u64,
    },
    /// SYSTEM_OFF, SYSTEM_OFF2, SYSTEM_RESET or SYSTEM_RESET2 (§5.1.9–§5.1.12).
    SystemEvent(SystemEvent),
    /// MEM_PROTECT (§5.1.13).
    MemProtect {
        /// What is wanted from now on.
        protection: Protection,
    },
    /// MEM_PROTECT_CHECK_RANGE (§5.1.14).
    MemProtectCheckRange {
        /// The range; `None` if it is empty or runs past the last address.
        range: Option<RamRange>,
    },
    /// PSCI_FEATURES (§5.1.15).
    Features {
        /// The function asked about.
        function: FunctionId,
    },
    /// CPU_DEFAULT_SUSPEND (§5.1.17).
    CpuDefaultSuspend {
        /// Where the CPU resumes.
        entry: Ipa,
        /// x0 at that resumption.
        context: u64,
    },
    /// NODE_HW_STATE (§5.1.18).
    NodeHwState {
        /// A CPU of the node asked about.
        target: Mpidr,
        /// The level of the node.
        level: AffinityLevel,
    },
    /// SYSTEM_SUSPEND (§5.1.19).
    SystemSuspend {
        /// Where the CPU resumes.
        entry: Ipa,
        /// x0 at that resumption.
        context: u64,
    },
    /// PSCI_SET_SUSPEND_MODE (§5.1.20).
    SetSuspendMode {
        /// The mode wanted.
        mode: SuspendMode,
    },
    /// PSCI_STAT_RESIDENCY or PSCI_STAT_COUNT (§5.1.21, §5.1.22).
    Statistic {
        /// Which of them.
        statistic: Statistic,
        /// The CPU and its power state; `None` if there can be no such.
        of: Option<(Mpidr, PowerState)>,
        /// The greatest result that the call's width has.
        most: u64,
    },
    /// CLEAN_INV_MEMREGION.
    CleanInvMemregion {
        /// The memory.
        range: RamRange,
        /// What to do with it.
        operation: Operation,
    },
    /// CLEAN_INV_MEMREGION_ATTRIBUTES.
    CleanInvMemregionAttributes {
        /// The number of the attribute.
        attribute: u32,
    },
}

impl Call {
    /// Decodes the arguments of `function`.
    ///
    /// # Errors
    ///
    /// Says which argument is malformed in this machine.
    pub(crate) fn parse(
        function: Function,
        args: &Args<'_>,
        firmware: &Firmware,
    ) -> Result<Self, Error> {
        let rules = firmware.rules();
        match function {
            Function::Version => Ok(Self::Version),
            Function::CpuSuspend => cpu_suspend(args, firmware),
            Function::CpuOff | Function::CpuFreeze => Ok(Self::CpuOff),
            Function::CpuOn => cpu_on(args, rules),
            Function::AffinityInfo => affinity_info(args, rules),
            Function::Migrate => target(args.first(), rules).map(|target| Self::Migrate { target }),
            Function::MigrateInfoType => Ok(Self::MigrateInfoType),
            Function::MigrateInfoUpCpu => Ok(Self::MigrateInfoUpCpu {
                most: greatest(args),
            }),
            Function::SystemOff => Ok(Self::SystemEvent(SystemEvent::Off)),
            Function::SystemOff2 => system_off2(args),
            Function::SystemReset => Ok(Self::SystemEvent(SystemEvent::Reset(Reset::Cold))),
            Function::SystemReset2 => system_reset2(args),
            Function::MemProtect => Ok(Self::MemProtect {
                protection: protection(args),
            }),
            Function::MemProtectCheckRange => Ok(Self::MemProtectCheckRange {
                range: RamRange::new(Ipa::new(args.first()), args.second()),
            }),
            Function::Features => Ok(Self::Features {
                function: FunctionId::from_x0(args.first()),
            }),
            Function::CpuDefaultSuspend => Ok(Self::CpuDefaultSuspend {
                entry: Ipa::new(args.first()),
                context: args.second(),
            }),
            Function::NodeHwState => node_hw_state(args, rules),
            Function::SystemSuspend => Ok(Self::SystemSuspend {
                entry: Ipa::new(args.first()),
                context: args.second(),
            }),
            Function::SetSuspendMode => SuspendMode::try_from(low_word(args.first()))
                .map(|mode| Self::SetSuspendMode { mode }),
            Function::StatResidency => Ok(statistic(Statistic::Residency, args, firmware)),
            Function::StatCount => Ok(statistic(Statistic::Count, args, firmware)),
            Function::CleanInvMemregion => clean_inv_memregion(args),
            Function::CleanInvMemregionAttributes => Ok(Self::CleanInvMemregionAttributes {
                attribute: low_word(args.first()),
            }),
        }
    }
}

fn cpu_suspend(args: &Args<'_>, firmware: &Firmware) -> Result<Call, Error> {
    let state = match firmware.rules().suspend_state {
        SuspendState::Decoded => {
            PowerState::parse(low_word(args.first()), firmware.psci_options())?
        }
        SuspendState::AlwaysStandby => PowerState::STANDBY,
    };
    Ok(Call::CpuSuspend {
        state,
        entry: Ipa::new(args.second()),
        context: args.third(),
    })
}

fn cpu_on(args: &Args<'_>, rules: &Rules) -> Result<Call, Error> {
    Ok(Call::CpuOn {
        target: target(args.first(), rules)?,
        entry: Ipa::new(args.second()),
        context: args.third(),
    })
}

fn affinity_info(args: &Args<'_>, rules: &Rules) -> Result<Call, Error> {
    let target = target(args.first(), rules)?;
    let level = level(args.second(), rules.affinity_level)?;
    Ok(Call::AffinityInfo { target, level })
}

fn node_hw_state(args: &Args<'_>, rules: &Rules) -> Result<Call, Error> {
    let target = target(args.first(), rules)?;
    let level = level(args.second(), ArgumentWidth::Word)?;
    Ok(Call::NodeHwState { target, level })
}

fn level(value: u64, width: ArgumentWidth) -> Result<AffinityLevel, Error> {
    let number = match width {
        ArgumentWidth::Word => low_word(value).into(),
        ArgumentWidth::AsPassed => value,
    };
    AffinityLevel::new(number).ok_or(Error::NoSuchAffinityLevel(number))
}

pub(super) fn target(value: u64, rules: &Rules) -> Result<Mpidr, Error> {
    match rules.reserved_affinity {
        ReservedAffinity::Refused => {
            Mpidr::from_target(value).ok_or(Error::ReservedAffinityBits(value))
        }
        ReservedAffinity::Masked => Ok(Mpidr::from_register(value)),
    }
}

/// Types 0 and 1 are both HIBERNATE_OFF; its cookie must be 0.
fn system_off2(args: &Args<'_>) -> Result<Call, Error> {
    match (low_word(args.first()), args.second()) {
        (0 | 1, 0) => Ok(Call::SystemEvent(SystemEvent::Hibernate)),
        (0 | 1, cookie) => Err(Error::OffCookie(cookie)),
        (off_type, _) => Err(Error::NoSuchOffType(off_type)),
    }
}

/// reset_type 0 is SYSTEM_WARM_RESET; with bit 31 set it is the vendor's; the rest is reserved.
fn system_reset2(args: &Args<'_>) -> Result<Call, Error> {
    let reset_type = low_word(args.first());
    let cookie = args.second();
    let reset = match reset_type {
        0 => Reset::Warm { cookie },
        0x8000_0000.. => Reset::Vendor { reset_type, cookie },
        _ => return Err(Error::NoSuchResetType(reset_type)),
    };
    Ok(Call::SystemEvent(SystemEvent::Reset(reset)))
}

fn protection(args: &Args<'_>) -> Protection {
    match low_word(args.first()) {
        0 => Protection::Off,
        _ => Protection::On,
    }
}

/// What cannot be counted counts 0, so that no argument is an error.
fn statistic(statistic: Statistic, args: &Args<'_>, firmware: &Firmware) -> Call {
    let target = target(args.first(), firmware.rules()).ok();
    let state = PowerState::parse(low_word(args.second()), firmware.psci_options()).ok();
    Call::Statistic {
        statistic,
        of: target.zip(state),
        most: greatest(args),
    }
}

/// The greatest value that a result register of this call holds.
const fn greatest(args: &Args<'_>) -> u64 {
    if args.function().is_smc64() {
        u64::MAX
    } else {
        0xffff_ffff
    }
}

fn clean_inv_memregion(args: &Args<'_>) -> Result<Call, Error> {
    let first = Ipa::new(args.first());
    let range = RamRange::new(first, args.second()).ok_or(Error::NoSuchRange(first.value()))?;
    let operation = match args.third() {
        0 => Operation::CleanInvalidate,
        1 => Operation::DryRun,
        flags => return Err(Error::ReservedFlags(flags)),
    };
    Ok(Call::CleanInvMemregion { range, operation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::{Dialect, KvmGeneration};

    const SPECIFICATION: Dialect = Dialect::Specification;
    const KVM: Dialect = Dialect::Kvm(KvmGeneration::V6_12);
    const OLD_KVM: Dialect = Dialect::Kvm(KvmGeneration::V5_10);

    fn parse(dialect: Dialect, function: Function, id: u64, args: &[u64]) -> Result<Call, Error> {
        let firmware = Firmware {
            dialect,
            ..Firmware::least()
        };
        Call::parse(function, &Args::new(id, args), &firmware)
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
        let event = |reset| Ok(Call::SystemEvent(SystemEvent::Reset(reset)));
        assert_eq!(reset(0), event(Reset::Warm { cookie: 9 }));
        assert_eq!(
            reset(0x8000_002a),
            event(Reset::Vendor {
                reset_type: 0x8000_002a,
                cookie: 9
            })
        );
        assert_eq!(reset(1), Err(Error::NoSuchResetType(1)));
        assert_eq!(reset(0x7fff_ffff), Err(Error::NoSuchResetType(0x7fff_ffff)));
    }

    #[test]
    fn both_types_of_system_off2_hibernate_and_the_cookie_must_be_0() {
        let off = |id, off_type, cookie| {
            parse(SPECIFICATION, Function::SystemOff2, id, &[off_type, cookie])
        };
        let hibernate = Ok(Call::SystemEvent(SystemEvent::Hibernate));
        assert_eq!(off(0xc400_0015, 0, 0), hibernate);
        assert_eq!(off(0xc400_0015, 1, 0), hibernate);
        assert_eq!(off(0x8400_0015, 1, 0x1_0000_0000), hibernate);
        assert_eq!(off(0xc400_0015, 2, 0), Err(Error::NoSuchOffType(2)));
        assert_eq!(
            off(0xc400_0015, 0, 0x1_0000_0000),
            Err(Error::OffCookie(0x1_0000_0000))
        );
    }

    #[test]
    fn a_memory_region_is_not_empty_and_has_one_flag() {
        let clean = |size, flags| {
            let args = [0x4000_0000, size, flags];
            parse(
                SPECIFICATION,
                Function::CleanInvMemregion,
                0xc400_0016,
                &args,
            )
        };
        assert_eq!(clean(0, 0), Err(Error::NoSuchRange(0x4000_0000)));
        assert_eq!(clean(u64::MAX, 0), Err(Error::NoSuchRange(0x4000_0000)));
        assert_eq!(clean(64, 2), Err(Error::ReservedFlags(2)));
        assert!(clean(64, 0).is_ok());
        assert!(clean(64, 1).is_ok());
    }
}
