//! Flat binaries: the bytes as they are, at a fixed address, entered at the first.

use vambrace_core::smccc::ExecutionState;

use super::{Bytes, Format, ImageError, Part, Piece, Plan, place};
use crate::address::Region;
use crate::layout::RAM_BASE;

/// Plans a file of no known format.
pub(super) fn plan(file: Bytes<'_>, ram: Region) -> Result<Plan<'_>, ImageError> {
    let occupied = place(Part::Flat, RAM_BASE.value() + OFFSET, file.length(), ram)?;
    let entry = occupied.base();
    let pieces = vec![Piece {
        base: entry,
        bytes: file,
        zeroes: 0,
    }];
    Ok(Plan {
        format: Format::Flat,
        execution_state: ExecutionState::Aarch64,
        entry,
        pieces,
        occupied,
        initramfs: None,
        ram,
    })
}

/// Where QEMU puts what it does not recognise.
const OFFSET: u64 = 0x8_0000;

#[cfg(test)]
mod tests {
    use super::*;

    fn ram() -> Region {
        Region::fixed(0x4000_0000, 0x400_0000)
    }

    #[test]
    fn a_flat_binary_lies_at_0x4008_0000_and_starts_at_its_first_byte() {
        let plan = plan(Bytes::Held(&[0x1f, 0x20, 0x03, 0xd5, 0]), ram()).unwrap();
        assert_eq!(plan.format, Format::Flat);
        assert_eq!(plan.entry.value(), 0x4008_0000);
        assert_eq!(plan.occupied, Region::fixed(0x4008_0000, 5));
    }

    #[test]
    fn its_device_tree_lies_above_it() {
        let plan = plan(Bytes::Held(&[0; 4]), ram()).unwrap();
        assert_eq!(
            plan.device_tree(0x1000).unwrap().base().value(),
            0x4020_0000
        );
    }

    #[test]
    fn one_that_leaves_ram_is_refused() {
        let file = vec![0; 0x400_0000];
        let error = plan(Bytes::Held(&file), ram()).unwrap_err();
        assert!(
            matches!(
                error,
                ImageError::BeyondRam {
                    part: Part::Flat,
                    ..
                }
            ),
            "{error}"
        );
    }
}
