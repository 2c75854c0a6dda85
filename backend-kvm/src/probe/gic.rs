//! The interrupt controllers that a VM can have.

use vambrace_core::contract::{GicKind, GicLimits, ValueSet};

use super::Result;
use super::scratch::Scratch;
use crate::sys::{self, Errno, GicOps, Host, VcpuFeatures, VmOps};

/// What a GIC of this kind can be; None if no VM can have one.
pub(super) fn limits<H: Host>(host: &H, kind: GicKind) -> Result<Option<GicLimits>> {
    let scratch = Scratch::new(host, VcpuFeatures::PSCI_0_2)?;
    let made = match kind {
        GicKind::V2 => scratch.vm().create_gic_v2(),
        GicKind::V3 => scratch.vm().create_gic_v3(),
    };
    let gic = match made {
        Ok(gic) => gic,
        Err(error) if error.errno == Errno::ENODEV => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    gic.initialise()?;
    let before = gic.distributor_register(GICD_IIDR)?;
    let mut revisions = ValueSet::EMPTY;
    for revision in 0..=REVISION_LIMIT {
        let value = before & !(REVISION_LIMIT << REVISION) | revision << REVISION;
        if keeps(&gic, value)? {
            revisions = revisions.with(revision.into());
        }
    }
    let default = before >> REVISION & REVISION_LIMIT;
    Ok(Some(GicLimits {
        default_revision: u8::try_from(default).expect("four bits fit into eight"),
        revisions,
    }))
}

/// Whether GICD_IIDR takes a value and reads back as it. There is no need to put the old one back:
/// the next value is judged by itself.
fn keeps<G: GicOps>(gic: &G, value: u32) -> sys::Result<bool> {
    match gic.set_distributor_register(GICD_IIDR, value) {
        Ok(()) => Ok(gic.distributor_register(GICD_IIDR)? == value),
        Err(error) if error.errno == Errno::EINVAL => Ok(false),
        Err(error) => Err(error),
    }
}

/// The offset of GICD_IIDR in the distributor, in bytes.
const GICD_IIDR: u32 = 8;

/// GICD_IIDR.Revision: bits 15:12.
const REVISION: u32 = 12;
const REVISION_LIMIT: u32 = 0xf;
