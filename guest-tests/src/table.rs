//! Tables of calls and the codes that they return.
//!
//! Most claims are one: so many calls, one answer each. A failure names the function; the call and
//! its arguments are the transcript's last line.

use crate::{
    expect::{self, Proof},
    firmware::{Call, Conduit, PSCI_FEATURES},
    functions,
};

/// A function id, the arguments given, and the code that is to come back in x0.
pub type Row<'a> = (u32, &'a [u64], i32);

/// Makes calls by `hvc`, one after the other.
///
/// # Errors
///
/// At the first that returns another code.
pub fn answers(rows: &[Row<'_>]) -> Proof {
    answers_by(Conduit::Hvc, rows)
}

/// As [`answers`], by any instruction.
///
/// # Errors
///
/// At the first that returns another code.
pub fn answers_by(conduit: Conduit, rows: &[Row<'_>]) -> Proof {
    for &(id, arguments, code) in rows {
        let answer = Call::by(conduit, id, arguments).make();
        expect::code(functions::name(id), answer, code)?;
    }
    Ok(())
}

/// Calls functions that are not there, without arguments: NOT_SUPPORTED is -1 (DEN0028 §5.2).
///
/// # Errors
///
/// At the first that is there.
pub fn not_supported(ids: &[u32]) -> Proof {
    for &id in ids {
        answers(&[(id, &[], -1)])?;
    }
    Ok(())
}

/// Asks PSCI_FEATURES (DEN0022 §5.1.15) for each id, and compares its answer.
///
/// # Errors
///
/// At the first that differs, naming the function asked about.
pub fn psci_features(rows: &[(u32, i32)]) -> Proof {
    for &(id, code) in rows {
        let answer = Call::hvc(PSCI_FEATURES, &[id.into()]).make();
        expect::code(functions::name(id), answer, code)?;
    }
    Ok(())
}
