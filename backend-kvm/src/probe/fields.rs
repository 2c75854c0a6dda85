//! What each field of the identification registers takes.

use vambrace_core::contract::FieldLimit;
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};

use super::scratch::{Answer, Scratch};
use super::{Error, Result};
use crate::sys::{Host, RegisterId};

/// The register of KVM's that holds an identification register.
pub(super) fn register_id(register: IdRegister) -> RegisterId {
    RegisterId::encoded(register.encoding())
}

/// What a field takes while everything else is as `usual` has it.
pub(super) fn limit<H: Host>(
    scratch: &mut Scratch<'_, H>,
    usual: &IdRegisters,
    field: Field,
) -> Result<FieldLimit> {
    if field.width() > WIDEST {
        return Ok(FieldLimit::fixed(usual.field(field)));
    }
    let mut limit = FieldLimit::default();
    for value in 0..=field.limit() {
        try_value(scratch, usual, field, value, &mut limit)?;
    }
    Ok(limit)
}

fn try_value<H: Host>(
    scratch: &mut Scratch<'_, H>,
    usual: &IdRegisters,
    field: Field,
    value: u64,
    limit: &mut FieldLimit,
) -> Result<()> {
    let before = usual.get(field.register());
    let written = field.insert(before, value).expect("the value fits");
    match scratch.attempt(register_id(field.register()), before, written)? {
        Answer::Refused => {}
        Answer::Stored => limit.accepts |= 1 << value,
        Answer::Rewritten(read) => {
            let becomes = u8::try_from(field.extract(read)).expect("four bits fit into eight");
            let alone = field.insert(read, value) == Some(written);
            if !alone || limit.rewrites != 0 && limit.becomes != becomes {
                return Err(Error::Inexpressible {
                    field,
                    written: value,
                    read,
                });
            }
            limit.rewrites |= 1 << value;
            limit.becomes = becomes;
        }
    }
    Ok(())
}

/// Fields with more bits are numbers that no kernel lets one choose, and have too many values.
const WIDEST: u32 = 4;
