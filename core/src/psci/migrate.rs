//! MIGRATE: a Trusted OS that runs on one CPU (DEN0022 §5.1.6–§5.1.8, §5.9).
//!
//! There is none unless the machine is made with one. Then the CPU that it resides on cannot be
//! turned off before it has been moved.

use super::{Answer, Context, Error, SUCCESS};
use crate::vcpu::{Mpidr, VcpuId};

/// A Trusted OS that runs on one CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedOs {
    /// Where it resides when the machine boots: on the boot vCPU.
    pub resident: VcpuId,
    /// Whether it can be moved.
    pub migration: Migration,
}

/// Whether a Trusted OS can be moved to another CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migration {
    /// MIGRATE moves it (MIGRATE_INFO_TYPE 0).
    Capable,
    /// It stays where it is (MIGRATE_INFO_TYPE 1).
    Incapable,
}

/// MIGRATE, called on the CPU of residence, to one that is on: a Trusted OS cannot reside on a CPU
/// that executes nothing.
pub(super) fn migrate<const N: usize>(
    context: &mut Context<'_, N>,
    target: Mpidr,
) -> Result<Answer, Error> {
    if context.firmware.trusted_os.map(|os| os.migration) == Some(Migration::Incapable) {
        return Err(Error::TrustedOsStays);
    }
    if context.state.resident != Some(context.caller.vcpu) {
        return Err(Error::TrustedOsElsewhere);
    }
    let to = context
        .vcpus
        .find(target)
        .filter(|vcpu| context.vcpus.is_on(*vcpu))
        .ok_or(Error::NoSuchCpu(target.value()))?;
    context.state.resident = Some(to);
    Ok(Answer::Value(SUCCESS))
}

/// MIGRATE_INFO_TYPE. 2: there is none, or one that runs on every CPU.
pub(super) fn info_type<const N: usize>(context: &Context<'_, N>) -> Answer {
    Answer::Value(match context.firmware.trusted_os {
        Some(os) => match os.migration {
            Migration::Capable => 0,
            Migration::Incapable => 1,
        },
        None => 2,
    })
}

/// MIGRATE_INFO_UP_CPU: the affinity of the CPU of residence, as far as the call's width has it.
pub(super) fn info_up_cpu<const N: usize>(
    context: &Context<'_, N>,
    most: u64,
) -> Result<Answer, Error> {
    context
        .state
        .resident
        .and_then(|vcpu| context.vcpus.mpidr(vcpu))
        .map(|mpidr| Answer::Value(mpidr.value() & most))
        .ok_or(Error::TrustedOsElsewhere)
}
