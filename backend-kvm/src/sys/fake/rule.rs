//! What the scripted kernel makes of a write to a register.

use std::collections::BTreeMap;
use std::fmt;

use super::super::{Errno, RegisterId};

/// A value on its way into a register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'a> {
    /// The value.
    pub(crate) value: u64,
    /// What the register holds.
    pub(crate) before: u64,
    registers: &'a BTreeMap<RegisterId, u64>,
}

impl<'a> Write<'a> {
    pub(super) fn new(
        register: RegisterId,
        value: u64,
        registers: &'a BTreeMap<RegisterId, u64>,
    ) -> Self {
        let before = registers.get(&register).copied().unwrap_or(0);
        Self {
            value,
            before,
            registers,
        }
    }

    /// What another register of the vCPU's holds.
    pub(crate) fn other(&self, register: RegisterId) -> u64 {
        self.registers.get(&register).copied().unwrap_or(0)
    }
}

type Decides = dyn Fn(&Write<'_>) -> Result<u64, Errno> + Send;

/// Decides about writes.
pub(super) struct Rule(Box<Decides>);

impl Rule {
    pub(super) fn new(rule: impl Fn(&Write<'_>) -> Result<u64, Errno> + Send + 'static) -> Self {
        Self(Box::new(rule))
    }

    /// The value that the register has then, or why it keeps the one that it has.
    pub(super) fn judge(&self, write: &Write<'_>) -> Result<u64, Errno> {
        (self.0)(write)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rule")
    }
}
