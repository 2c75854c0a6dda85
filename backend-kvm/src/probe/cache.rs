//! What the guest is told of its caches: CLIDR_EL1, and CCSIDR_EL1 of each.

use vambrace_core::contract::{CACHES, CacheLimits, Caches, Cleaning, Writable};
use vambrace_core::cpu::Field;

use super::scratch::{Answer, Scratch};
use super::{Error, Result};
use crate::sys::{Host, RegisterId};

pub(super) fn limits<H: Host>(scratch: &mut Scratch<'_, H>) -> Result<CacheLimits> {
    let levels = required(scratch, RegisterId::CLIDR_EL1)?;
    let ctr = required(scratch, RegisterId::CTR_EL0)?;
    let mut writable = match other(scratch, RegisterId::CLIDR_EL1, levels, CLIDR_TTYPE1)? {
        Answer::Stored => Writable::Yes,
        Answer::Rewritten(_) => Writable::SizesOnly,
        Answer::Refused => Writable::No,
    };
    let mut sizes = [None; CACHES];
    for (selector, size) in (0..).zip(&mut sizes) {
        let register = RegisterId::ccsidr(selector);
        let Some(value) = scratch.register(register)? else {
            continue;
        };
        *size = u32::try_from(value).ok();
        if other(scratch, register, value, CCSIDR_SETS)? != Answer::Stored {
            writable = Writable::No;
        }
    }
    Ok(CacheLimits {
        host: Caches { levels, sizes },
        writable,
        cleaning: match Field::CTR_EL0_IDC.extract(ctr) {
            0 => Cleaning::Needed,
            _ => Cleaning::Needless,
        },
    })
}

fn required<H: Host>(scratch: &Scratch<'_, H>, register: RegisterId) -> Result<u64> {
    scratch.register(register)?.ok_or(Error::Missing(register))
}

/// Whether a register takes another value for good: one with a bit flipped of which no kernel has a
/// rule. Linux 6.3 to 6.9 takes a CLIDR_EL1 and has its own again in every vCPU that CPU_ON starts.
fn other<H: Host>(
    scratch: &mut Scratch<'_, H>,
    register: RegisterId,
    before: u64,
    bit: u64,
) -> Result<Answer> {
    scratch.attempt_lasting(register, before, before ^ bit)
}

/// The lower bit of CLIDR_EL1.Ttype1: what tags the first level has.
const CLIDR_TTYPE1: u64 = 1 << 33;

/// A bit of CCSIDR_EL1.NumSets, or without meaning where the register has 64 bits.
const CCSIDR_SETS: u64 = 1 << 13;
