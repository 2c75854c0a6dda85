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
///
/// The vCPU's kind may be none of them: kernels before Linux 6.15 show that of the CPU on which KVM
/// was started, and a guest that is kept on others reads theirs.
pub(super) fn all(hardware: &Hardware, usual: Implementation) -> Result<Implementations> {
    let told = hardware.cpus.iter().filter_map(|cpu| {
        Some(Implementation {
            midr: cpu.midr?,
            revidr: cpu.revidr?,
            aidr: usual.aidr,
        })
    });
    let mut implementations = Implementations::new();
    for implementation in told {
        add(&mut implementations, implementation)?;
    }
    if implementations.is_empty() {
        add(&mut implementations, usual)?;
    }
    Ok(implementations)
}

fn add(all: &mut Implementations, one: Implementation) -> Result<()> {
    match all.contains(one) {
        true => Ok(()),
        false => all.add(one).map_err(|_| Error::Implementations),
    }
}
