//! Where an initramfs lies: where QEMU's `virt` board has it.
//!
//! That is the middle of RAM, or 128 MiB into it where RAM has 256 MiB or more: so far up that a
//! kernel which unpacks itself leaves it alone, so far down that old kernels reach it. Where the
//! image reaches further, or so little RAM is left above, it follows the image at once.

use super::{Bytes, ImageError, Part, Piece, Plan, place};
use crate::address::Region;

/// Where it goes beside `plan`'s image.
pub(super) fn piece<'a>(
    plan: &Plan<'a>,
    bytes: Bytes<'a>,
) -> Result<(Region, Piece<'a>), ImageError> {
    let size = bytes.length();
    if size == 0 {
        return Err(ImageError::EmptyInitramfs);
    }
    // RAM ends below 1 << 48, so none of these sums wraps.
    let image = plan.occupied.end().value().next_multiple_of(PAGE);
    let far = plan.ram.base().value() + (plan.ram.size() / 2).min(FURTHEST);
    let usual = far.next_multiple_of(PAGE).max(image);
    let region = place(Part::Initramfs, usual, size, plan.ram)
        .or_else(|_| place(Part::Initramfs, image, size, plan.ram))?;
    let piece = Piece {
        base: region.base(),
        bytes,
        zeroes: 0,
    };
    Ok((region, piece))
}

const PAGE: u64 = 4 << 10;
const FURTHEST: u64 = 128 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Where it lies beside a flat image of this size; RAM is so large, the initramfs of 1 MiB.
    fn place_of(ram: u64, image: usize) -> Result<u64, ImageError> {
        let file = vec![1; image];
        let initramfs = vec![2; 1 << 20];
        let plan = Plan::new(&file[..], Region::fixed(0x4000_0000, ram))?;
        let plan = plan.with_initramfs(&initramfs[..])?;
        Ok(plan.initramfs().unwrap().base().value())
    }

    #[test]
    fn it_lies_128_mib_into_ram() {
        assert_eq!(place_of(0x2000_0000, 0x1000), Ok(0x4800_0000));
        assert_eq!(place_of(0x1000_0000, 0x1000), Ok(0x4800_0000));
    }

    #[test]
    fn or_in_the_middle_of_a_small_ram() {
        assert_eq!(place_of(0x800_0000, 0x1000), Ok(0x4400_0000));
    }

    #[test]
    fn or_above_an_image_that_reaches_further() {
        assert_eq!(place_of(0x100_0000, 0x90_0001), Ok(0x4098_1000));
    }

    #[test]
    fn ram_that_is_too_small_for_both_is_refused_with_what_would_do() {
        let error = place_of(0x40_0000, 0x30_0000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the initramfs (1 MiB at 0x40380000) leaves RAM, which ends at 0x40400000: pass \
             --memory 5M or more"
        );
    }

    #[test]
    fn an_empty_one_is_refused() {
        let plan = Plan::new(&[1][..], Region::fixed(0x4000_0000, 0x800_0000)).unwrap();
        assert_eq!(
            plan.with_initramfs(&[][..]),
            Err(ImageError::EmptyInitramfs)
        );
    }
}
