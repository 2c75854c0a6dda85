//! What a machine boots.

use std::fmt;

use crate::address::Region;
use crate::image::{Bytes, ImageError, Plan};

/// The files that a machine's first instructions come from. They stay as long as the machine, which
/// loads them again when it reboots.
#[derive(Clone, Copy)]
pub enum Payload<'a> {
    /// A program in RAM.
    Kernel {
        /// ELF, arm64 Image or flat binary, not compressed.
        image: Bytes<'a>,
        /// Its first file system.
        initramfs: Option<Bytes<'a>>,
    },
    /// Flat firmware in flash.
    Firmware(&'a [u8]),
}

impl fmt::Debug for Payload<'_> {
    /// Without the bytes: there may be hundreds of megabytes of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel { image, initramfs } => f
                .debug_struct("Kernel")
                .field("image", &image.length())
                .field("initramfs", &initramfs.map(Bytes::length))
                .finish(),
            Self::Firmware(file) => f.debug_tuple("Firmware").field(&file.len()).finish(),
        }
    }
}

impl<'a> Payload<'a> {
    /// Where its bytes go in a machine with this RAM.
    pub(super) fn plan(self, ram: Region) -> Result<Plan<'a>, ImageError> {
        match self {
            Self::Firmware(file) => Plan::firmware(file, ram),
            Self::Kernel { image, initramfs } => {
                let plan = Plan::new(image, ram)?;
                match initramfs {
                    Some(initramfs) => plan.with_initramfs(initramfs),
                    None => Ok(plan),
                }
            }
        }
    }
}
