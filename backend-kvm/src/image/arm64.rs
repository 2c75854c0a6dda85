//! The arm64 `Image` format: a 64-byte header, then the kernel.
//!
//! Linux, Documentation/arch/arm64/booting.rst, "Call the kernel image". The image asks for a
//! distance from a 2 MiB boundary. Below 4 KiB it gets the boundary after RAM's base, as on QEMU,
//! which keeps the base itself for its own boot code; kernels today say 0 and so lie at
//! 0x4020_0000.

use vambrace_core::smccc::ExecutionState;

use super::foreign::PE_MAGIC;
use super::{Bytes, Format, ImageError, Part, Piece, Plan, place, u32_at, u64_at};
use crate::address::Region;
use crate::layout::RAM_BASE;

/// The header's fields, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The image's distance from a 2 MiB boundary; means nothing if `image_size` is 0.
    pub text_offset: u64,
    /// How many bytes from its start the kernel uses; 0 before Linux 3.17.
    pub image_size: u64,
    /// The kernel's byte order.
    pub endianness: Endianness,
    /// The translation granule it was built for.
    pub page_size: PageSize,
    /// Which 2 MiB boundary it may be loaded at.
    pub placement: Placement,
}

/// A kernel's byte order (flags, bit 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endianness {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// A kernel's page size (flags, bits 2:1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSize {
    /// The kernel does not say.
    Unspecified,
    /// 4 KiB.
    Kib4,
    /// 16 KiB.
    Kib16,
    /// 64 KiB.
    Kib64,
}

/// Where a kernel may be loaded (flags, bit 3). Here it lies near RAM's base, which suits both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// As near as possible to RAM's base: memory below it may be lost to the kernel.
    NearBase,
    /// Anywhere.
    Anywhere,
}

impl Header {
    /// The header, if the file has one.
    #[must_use]
    pub fn parse(file: &[u8]) -> Option<Self> {
        if u32_at(file, 56) != Some(MAGIC) {
            return None;
        }
        let flags = u64_at(file, 24)?;
        Some(Self {
            text_offset: u64_at(file, 8)?,
            image_size: u64_at(file, 16)?,
            endianness: if flags & 1 == 0 {
                Endianness::Little
            } else {
                Endianness::Big
            },
            page_size: match flags >> 1 & 3 {
                0 => PageSize::Unspecified,
                1 => PageSize::Kib4,
                2 => PageSize::Kib16,
                _ => PageSize::Kib64,
            },
            placement: if flags & 8 == 0 {
                Placement::NearBase
            } else {
                Placement::Anywhere
            },
        })
    }

    /// The distance from RAM's base.
    fn offset(&self) -> u64 {
        match (self.image_size, self.text_offset) {
            (0, _) => OLD_TEXT_OFFSET,
            (_, low @ ..BOOT_CODE) => low + BOUNDARY,
            (_, offset) => offset,
        }
    }
}

/// Plans an Image whose header is already read.
pub(super) fn plan<'a>(
    file: Bytes<'a>,
    header: &Header,
    ram: Region,
) -> Result<Plan<'a>, ImageError> {
    let actual = file.length();
    if header.endianness == Endianness::Big {
        return Err(ImageError::BigEndianImage);
    }
    let needed = sections_end(file.head()).unwrap_or(HEADER_SIZE);
    if actual < needed {
        return Err(ImageError::Truncated {
            what: "arm64 Image",
            needed,
            actual,
        });
    }
    // A file may be longer than its kernel: a signature follows it.
    let size = header.image_size.max(actual);
    let base = RAM_BASE.value().saturating_add(header.offset());
    let occupied = place(Part::Image, base, size, ram)?;
    let entry = occupied.base();
    let pieces = vec![Piece {
        base: entry,
        bytes: file,
        zeroes: 0,
    }];
    Ok(Plan {
        format: Format::Arm64Image,
        execution_state: ExecutionState::Aarch64,
        entry,
        pieces,
        occupied,
        initramfs: None,
        ram,
    })
}

/// Where the last section of the PE file ends that a kernel with an EFI stub also is.
///
/// The Image header itself says how much memory the kernel uses, but not how long the file is.
fn sections_end(file: &[u8]) -> Option<u64> {
    let pe = usize::try_from(u32_at(file, 60)?).ok()?;
    if pe == 0 {
        return None;
    }
    // A kernel cut off before its PE header needs at least that.
    let coff_end = pe.checked_add(24)? as u64;
    if coff_end > file.len() as u64 {
        return file.starts_with(b"MZ").then_some(coff_end);
    }
    if u32_at(file, pe) != Some(PE_MAGIC) {
        return None;
    }
    let sections = usize::try_from(u32_at(file, pe + 4)? >> 16).ok()?;
    let optional = usize::try_from(u32_at(file, pe + 20)? & 0xffff).ok()?;
    let table = pe.checked_add(24)?.checked_add(optional)?;
    let table_end = (table + sections * SECTION_HEADER) as u64;
    let ends = (0..sections).filter_map(|index| {
        let header = table + index * SECTION_HEADER;
        let (size, start) = (u32_at(file, header + 16)?, u32_at(file, header + 20)?);
        Some(u64::from(size) + u64::from(start))
    });
    Some(ends.fold(table_end, u64::max))
}

/// `ARM\x64`, at byte 56.
const MAGIC: u32 = 0x644d_5241;
const HEADER_SIZE: u64 = 64;
/// Where kernels before Linux 3.17 lie, whatever their header says.
const OLD_TEXT_OFFSET: u64 = 0x8_0000;
/// QEMU keeps this much at RAM's base for itself.
const BOOT_CODE: u64 = 4 << 10;
const BOUNDARY: u64 = 2 << 20;
const SECTION_HEADER: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn ram() -> Region {
        Region::fixed(0x4000_0000, 0x800_0000)
    }

    fn image(text_offset: u64, image_size: u64, flags: u64) -> Vec<u8> {
        let mut file = vec![0; 0x1000];
        file[8..16].copy_from_slice(&text_offset.to_le_bytes());
        file[16..24].copy_from_slice(&image_size.to_le_bytes());
        file[24..32].copy_from_slice(&flags.to_le_bytes());
        file[56..60].copy_from_slice(b"ARM\x64");
        file
    }

    /// An Image that is also a PE file of 0x1000 bytes with one section, as kernels are.
    fn efi_image() -> Vec<u8> {
        let mut file = image(0, 0x2000, 0xa);
        file[..2].copy_from_slice(b"MZ");
        file[60] = 64;
        file[64..68].copy_from_slice(b"PE\0\0");
        file[70] = 1; // NumberOfSections
        file[84] = 0x10; // SizeOfOptionalHeader
        file[64 + 24 + 0x10 + 16..][..4].copy_from_slice(&0xe00_u32.to_le_bytes());
        file[64 + 24 + 0x10 + 20..][..4].copy_from_slice(&0x200_u32.to_le_bytes());
        file
    }

    fn planned(file: &[u8]) -> Result<Plan<'_>, ImageError> {
        plan(file.into(), &Header::parse(file).unwrap(), ram())
    }

    #[test]
    fn a_text_offset_of_0_means_0x4020_0000() {
        let file = image(0, 0x10_0000, 0xa);
        let plan = planned(&file).unwrap();
        assert_eq!(plan.entry.value(), 0x4020_0000);
        assert_eq!(plan.format, Format::Arm64Image);
    }

    #[test]
    fn a_text_offset_of_512_kib_is_kept() {
        let file = image(0x8_0000, 0x10_0000, 0);
        assert_eq!(planned(&file).unwrap().entry.value(), 0x4008_0000);
    }

    #[test]
    fn a_text_offset_below_4_kib_moves_up_by_2_mib() {
        assert_eq!(
            planned(&image(0xfff, 0x10_0000, 0)).unwrap().entry.value(),
            0x4020_0fff
        );
        assert_eq!(
            planned(&image(0x1000, 0x10_0000, 0)).unwrap().entry.value(),
            0x4000_1000
        );
    }

    #[test]
    fn an_image_size_of_0_is_an_old_kernel() {
        let file = image(0x1234_5678, 0, 0);
        let plan = planned(&file).unwrap();
        assert_eq!(plan.occupied, Region::fixed(0x4008_0000, 0x1000));
    }

    #[test]
    fn image_size_keeps_the_bss_free_of_the_device_tree() {
        let file = image(0, 0x30_0000, 0);
        let plan = planned(&file).unwrap();
        assert_eq!(plan.occupied, Region::fixed(0x4020_0000, 0x30_0000));
        assert_eq!(
            plan.device_tree(0x1000).unwrap().base().value(),
            0x4060_0000
        );
    }

    #[test]
    fn what_follows_the_kernel_in_the_file_is_kept_free_too() {
        let file = image(0, 0x800, 0);
        assert_eq!(planned(&file).unwrap().occupied.size(), 0x1000);
    }

    #[test]
    fn flags_are_decoded() {
        let header = |flags| Header::parse(&image(0, 1, flags)).unwrap();
        assert_eq!(header(0xa).page_size, PageSize::Kib4);
        assert_eq!(header(0xa).placement, Placement::Anywhere);
        assert_eq!(header(0x4).page_size, PageSize::Kib16);
        assert_eq!(header(0x6).page_size, PageSize::Kib64);
        assert_eq!(header(0x0).page_size, PageSize::Unspecified);
        assert_eq!(header(0x0).placement, Placement::NearBase);
    }

    #[test]
    fn a_big_endian_kernel_is_refused() {
        assert_eq!(planned(&image(0, 1, 1)), Err(ImageError::BigEndianImage));
    }

    #[test]
    fn offsets_and_sizes_that_leave_ram_are_refused() {
        for (offset, size) in [
            (0x800_0000, 1),
            (u64::MAX, 1),
            (0, u64::MAX),
            (0x7000_0000, 1),
        ] {
            let result = planned(&image(offset, size, 0)).map(|plan| plan.occupied);
            assert!(
                matches!(
                    result,
                    Err(ImageError::BeyondRam { .. } | ImageError::Wraps { .. })
                ),
                "{offset:#x} {size:#x}: {result:?}"
            );
        }
    }

    #[test]
    fn a_whole_efi_kernel_is_accepted() {
        assert_eq!(sections_end(&efi_image()), Some(0x1000));
        assert!(planned(&efi_image()).is_ok());
    }

    #[test]
    fn a_kernel_cut_off_anywhere_is_refused() {
        let file = efi_image();
        for length in [60, 63, 64, 80, 100, 128, 0x800, 0xfff] {
            let result = plan(
                file[..length].into(),
                &Header::parse(&file[..length]).unwrap(),
                ram(),
            );
            assert!(
                matches!(result, Err(ImageError::Truncated { .. })),
                "{length}: {result:?}"
            );
        }
    }

    #[test]
    fn a_file_without_the_magic_has_no_header() {
        assert_eq!(Header::parse(&[0; 64]), None);
        assert_eq!(Header::parse(b"ARM\x64"), None);
        assert_eq!(Header::parse(&[]), None);
    }
}
