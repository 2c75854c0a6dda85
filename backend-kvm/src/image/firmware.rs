//! Flat firmware: the bytes as they are, in flash at address 0, where a CPU starts.
//!
//! The guest can read and execute them and not change them. The device tree is at RAM's base.

use vambrace_core::memory::Ipa;
use vambrace_core::smccc::ExecutionState;

use super::{Format, ImageError, Plan, foreign};
use crate::address::Region;
use crate::layout::FLASH;

/// Plans a firmware file.
pub(super) fn plan(file: &[u8], ram: Region) -> Result<Plan<'_>, ImageError> {
    if file.is_empty() {
        return Err(ImageError::Empty);
    }
    if file.starts_with(b"\x7fELF") {
        return Err(ImageError::ElfFirmware);
    }
    foreign::check(file)?;
    let size = file.len() as u64;
    let occupied = Region::new(FLASH.base(), size)
        .filter(|occupied| FLASH.contains(*occupied))
        .ok_or(ImageError::FirmwareTooLong { size })?;
    Ok(Plan {
        format: Format::Firmware(file),
        execution_state: ExecutionState::Aarch64,
        entry: Ipa::new(0),
        pieces: Vec::new(),
        occupied,
        initramfs: None,
        ram,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(file: &[u8]) -> Result<Plan<'_>, ImageError> {
        Plan::firmware(file, Region::fixed(0x4000_0000, 0x800_0000))
    }

    #[test]
    fn it_starts_at_0_with_its_device_tree_at_the_base_of_ram() {
        let plan = planned(&[0x1f, 0x20, 0x03, 0xd5]).unwrap();
        assert_eq!(plan.entry().value(), 0);
        let tree = plan.device_tree(0x1000).unwrap();
        assert_eq!(tree.base().value(), 0x4000_0000);
    }

    #[test]
    fn nothing_of_it_lies_in_ram() {
        assert!(planned(&[1; 100]).unwrap().pieces.is_empty());
    }

    #[test]
    fn more_than_the_flash_holds_is_refused() {
        let most = vec![1; 64 << 20];
        assert!(planned(&most).is_ok());
        let error = planned(&[&most[..], &[1]].concat()).unwrap_err();
        assert!(error.to_string().contains("64 MiB"), "{error}");
    }

    #[test]
    fn what_is_no_flat_file_is_refused() {
        assert_eq!(planned(b""), Err(ImageError::Empty));
        assert_eq!(planned(b"\x7fELF"), Err(ImageError::ElfFirmware));
        let result = planned(&[0x1f, 0x8b, 8, 0]);
        assert!(matches!(result, Err(ImageError::Foreign(_))), "{result:?}");
    }
}
