//! What a machine's RAM holds beside its image, and what is kept of it.
//!
//! Contents are written before the first instruction of every life, after the image and the device
//! tree, so they win where they meet them; among themselves the later one wins. What a run leaves in
//! RAM is there to be read for as long as the [`Machine`](super::Machine) is, however the run ended.
//! A guest that writes with its caches off may leave there what real hardware does not show to the
//! host (it has caches of its own); one with caches on does not.

use std::fmt;
use std::sync::Arc;

use vambrace_core::memory::Ipa;

use crate::memory::{GuestMemory, MemoryError};

/// Bytes that lie in RAM when a life of the machine begins. Clones share them.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents {
    /// Where the first of them lies.
    pub address: Ipa,
    /// The bytes.
    pub bytes: Arc<[u8]>,
}

impl Contents {
    /// Do they lie in RAM?
    pub(super) fn check(&self, memory: &GuestMemory) -> Result<(), MemoryError> {
        memory.check(self.address, self.bytes.len() as u64)
    }

    /// Writes them to `memory`.
    pub(super) fn write(&self, memory: &GuestMemory) -> Result<(), MemoryError> {
        memory.write(self.address, &self.bytes)
    }
}

impl fmt::Debug for Contents {
    /// Without the bytes: there may be hundreds of megabytes of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:#x} bytes", self.address, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_shown_without_their_bytes() {
        let contents = Contents {
            address: Ipa::new(0x4400_0000),
            bytes: vec![7; 0x2000].into(),
        };
        assert_eq!(format!("{contents:?}"), "0x44000000: 0x2000 bytes");
    }
}
