//! Who the CPUs say they are: MIDR_EL1, REVIDR_EL1 and AIDR_EL1.

use vambrace_core::vendor_hyp::{Implementation, Implementations};

use super::scratch::Scratch;
use super::{Error, Result};
use crate::sys::{Hardware, Host, RegisterId};

/// What a guest reads that is told nothing.
pub(super) fn usual<H: Host>(scratch: &Scratch<'_, H>) -> Result<Implementation> {
    let read = |register| {
        let value = scratch.register(register)?;
        value.ok_or(Error::Missing(register))
    };
    Ok(Implementation {
        midr: read(RegisterId::MIDR_EL1)?,
        revidr: read(RegisterId::REVIDR_EL1)?,
        aidr: read(RegisterId::AIDR_EL1)?,
    })
}

/// The kinds of CPU that the machine has; that of the vCPU if the kernel tells of none. Nobody
/// tells AIDR_EL1 of each CPU: it is the vCPU's.
pub(super) fn all(hardware: &Hardware, usual: Implementation) -> Result<Implementations> {
    let mut implementations = Implementations::new();
    let told = hardware.cpus.iter().filter_map(|cpu| {
        Some(Implementation {
            midr: cpu.midr?,
            revidr: cpu.revidr?,
            aidr: usual.aidr,
        })
    });
    for implementation in std::iter::once(usual).chain(told) {
        if !implementations.contains(implementation) {
            let added = implementations.add(implementation);
            added.map_err(|_| Error::Implementations)?;
        }
    }
    Ok(implementations)
}
