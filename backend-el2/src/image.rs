//! The guest: an ELF file by its segments, an arm64 Image by its header, or a flat binary.
//!
//! What goes where follows QEMU's board: a flat binary 512 KiB above the start of RAM, an Image at
//! its text_offset, 2 MiB up if that is 0. The device tree is below what ELF segments need, if there
//! is room, and above everything else.

use core::fmt;

use elf::abi::{EI_NIDENT, EM_AARCH64, EM_ARM, ET_EXEC, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::{FileHeader, parse_ident};
use elf::parse::ParseAt as _;
use elf::segment::{ProgramHeader, SegmentTable};
use heapless::Vec;
use vambrace_core::smccc::ExecutionState;

use crate::layout::Range;

/// A file that can be run.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    /// The first instruction.
    pub entry: u64,
    /// Where the device tree goes.
    pub device_tree: u64,
    /// What its code is made for.
    pub execution_state: ExecutionState,
    /// What goes where.
    pub segments: Vec<Segment<'a>, MAX_SEGMENTS>,
}

/// Bytes of the file, and zeroes behind them, at an address of the guest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Where it goes.
    pub place: Range,
    /// What it begins with; the rest of it is zero.
    pub bytes: &'a [u8],
}

/// Most loadable segments.
pub const MAX_SEGMENTS: usize = 8;

/// Room for the guest's device tree.
pub const DEVICE_TREE_ROOM: u64 = 0x1000;

/// Why a file cannot be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageError {
    /// It is empty.
    Empty,
    /// It is ELF, but not a statically linked program for an Arm CPU, or it is damaged.
    Elf,
    /// It has more than [`MAX_SEGMENTS`] loadable segments.
    Segments,
    /// It goes where there is no RAM.
    OutsideRam(u64),
    /// Its first instruction is in no segment.
    Entry(u64),
    /// There is no room for the device tree.
    NoRoom,
}

impl<'a> Image<'a> {
    /// Finds out what `file` is, and where it goes in `ram`.
    ///
    /// # Errors
    ///
    /// [`ImageError`] says why it cannot be run.
    pub fn parse(file: &'a [u8], ram: Range) -> Result<Self, ImageError> {
        if file.starts_with(b"\x7fELF") {
            return Self::elf(file, ram);
        }
        let (offset, size) = match file.get(56..60) {
            Some(b"ARM\x64") => arm64(file),
            Some(_) | None => (FLAT_OFFSET, 0),
        };
        let start = ram.start().saturating_add(offset);
        let size = size.max(file.len() as u64);
        let place = Range::new(start, size).ok_or(ImageError::Empty)?;
        Self {
            entry: start,
            device_tree: 0,
            execution_state: ExecutionState::Aarch64,
            segments: [Segment { place, bytes: file }].into_iter().collect(),
        }
        .settled(ram)
    }

    fn elf(file: &'a [u8], ram: Range) -> Result<Self, ImageError> {
        let (header, programs) = headers(file).ok_or(ImageError::Elf)?;
        let execution_state = match (header.e_machine, header.e_type) {
            (EM_AARCH64, ET_EXEC) => ExecutionState::Aarch64,
            (EM_ARM, ET_EXEC) => ExecutionState::Aarch32,
            _ => return Err(ImageError::Elf),
        };
        let mut segments = Vec::new();
        let loaded = programs
            .iter()
            .filter(|program| program.p_type == PT_LOAD && program.p_memsz > 0);
        for program in loaded {
            let bytes = part(file, program.p_offset, program.p_filesz).ok_or(ImageError::Elf)?;
            let size = program.p_memsz.max(program.p_filesz);
            let place = Range::new(program.p_paddr, size).ok_or(ImageError::Elf)?;
            let full = segments.push(Segment { place, bytes });
            full.map_err(|_| ImageError::Segments)?;
        }
        Self {
            entry: header.e_entry,
            device_tree: 0,
            execution_state,
            segments,
        }
        .settled(ram)
    }

    /// Checks that everything is in RAM, and finds a place for the device tree.
    fn settled(mut self, ram: Range) -> Result<Self, ImageError> {
        for segment in &self.segments {
            if !ram.holds(segment.place) {
                return Err(ImageError::OutsideRam(segment.place.start()));
            }
        }
        // Bit 0 of an AArch32 entry point stands for the instruction set.
        let mut places = self.segments.iter().map(|segment| segment.place);
        if places.all(|place| place.offset_of(self.entry).is_none()) {
            return Err(ImageError::Entry(self.entry));
        }
        let end = self
            .segments
            .iter()
            .map(|segment| segment.place.end())
            .max();
        let above = end.unwrap_or(0).next_multiple_of(DEVICE_TREE_ALIGNMENT);
        for start in [ram.start(), above] {
            let place = Range::new(start, DEVICE_TREE_ROOM).filter(|place| ram.holds(*place));
            if let Some(place) = place
                && !self
                    .segments
                    .iter()
                    .any(|segment| segment.place.overlaps(place))
            {
                self.device_tree = start;
                return Ok(self);
            }
        }
        Err(ImageError::NoRoom)
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the guest's file is empty"),
            Self::Elf => write!(
                f,
                "the guest is ELF, but no statically linked program for an Arm CPU"
            ),
            Self::Segments => write!(f, "the guest has more than {MAX_SEGMENTS} segments"),
            Self::OutsideRam(address) => write!(
                f,
                "the guest goes to {address:#x}, where there is no RAM: ask for more memory"
            ),
            Self::Entry(entry) => {
                write!(f, "the guest begins at {entry:#x}, where nothing of it is")
            }
            Self::NoRoom => write!(
                f,
                "no room for the guest's device tree: ask for more memory"
            ),
        }
    }
}

/// The headers of an ELF file: its own, and those of its segments. Sections are nothing to whoever
/// loads it, and are not looked at.
fn headers(file: &[u8]) -> Option<(FileHeader<LittleEndian>, SegmentTable<'_, LittleEndian>)> {
    let (identification, rest) = file.split_at_checked(EI_NIDENT)?;
    let identification = parse_ident(identification).ok()?;
    let header = FileHeader::parse_tail(identification, rest).ok()?;
    let each = ProgramHeader::validate_entsize(header.class, header.e_phentsize.into()).ok()?;
    let size = u64::from(header.e_phnum) * each as u64;
    let table = part(file, header.e_phoff, size)?;
    let programs = SegmentTable::new(header.endianness, header.class, table);
    Some((header, programs))
}

fn part(file: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let rest = file.get(usize::try_from(offset).ok()?..)?;
    rest.get(..usize::try_from(size).ok()?)
}

/// text_offset and image_size of an arm64 Image (Linux, Documentation/arch/arm64/booting.rst).
fn arm64(file: &[u8]) -> (u64, u64) {
    let word = |at: usize| {
        let bytes = file.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    match (word(8), word(16)) {
        // Images older than Linux 3.17 do not say how large they are.
        (_, 0) => (FLAT_OFFSET, 0),
        (0, size) => (IMAGE_OFFSET, size),
        (offset, size) => (offset, size),
    }
}

const FLAT_OFFSET: u64 = 0x8_0000;
const IMAGE_OFFSET: u64 = 0x20_0000;
const DEVICE_TREE_ALIGNMENT: u64 = 0x20_0000;

#[cfg(test)]
mod tests {
    use super::*;

    fn ram() -> Range {
        Range::new(0x4000_0000, 0x100_0000).unwrap()
    }

    fn header(offset: u64, size: u64) -> std::vec::Vec<u8> {
        let mut file = vec![0; 64];
        file[8..16].copy_from_slice(&offset.to_le_bytes());
        file[16..24].copy_from_slice(&size.to_le_bytes());
        file[56..60].copy_from_slice(b"ARM\x64");
        file
    }

    #[test]
    fn a_flat_binary_is_512_kib_above_the_start_of_ram() {
        let image = Image::parse(&[0; 100], ram()).unwrap();
        assert_eq!(image.entry, 0x4008_0000);
        assert_eq!(image.device_tree, 0x4000_0000);
    }

    #[test]
    fn an_image_is_where_its_header_says() {
        for (offset, entry) in [(0, 0x4020_0000), (0x8_0000, 0x4008_0000)] {
            let file = header(offset, 0x1000);
            let image = Image::parse(&file, ram()).unwrap();
            assert_eq!(image.entry, entry);
            assert_eq!(image.segments[0].place.size(), 0x1000);
        }
    }

    #[test]
    fn what_does_not_fit_into_ram_is_refused() {
        let file = header(0x20_0000, 0x100_0000);
        let refused = Image::parse(&file, ram()).unwrap_err();
        assert_eq!(refused, ImageError::OutsideRam(0x4020_0000));
        assert_eq!(Image::parse(&[], ram()).unwrap_err(), ImageError::Empty);
        let full = header(0x800, 0xff_f800);
        assert_eq!(Image::parse(&full, ram()).unwrap_err(), ImageError::NoRoom);
    }

    /// An executable of one segment: the last eight bytes of the file, and as many zeroes.
    fn elf() -> std::vec::Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend([2, 0, 183, 0, 1, 0, 0, 0]);
        // e_entry, e_phoff, and an e_shoff where nothing is.
        file.extend(
            [0x4000_1004, 64, u64::MAX]
                .map(u64::to_le_bytes)
                .as_flattened(),
        );
        // e_flags, e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx.
        let sizes: [u16; 8] = [0, 0, 64, 56, 1, 64, 1, 0];
        file.extend(sizes.map(u16::to_le_bytes).as_flattened());
        // PT_LOAD; p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align.
        file.extend([1, 0, 0, 0, 5, 0, 0, 0]);
        let segment: [u64; 6] = [120, 0, 0x4000_1000, 8, 16, 8];
        file.extend(segment.map(u64::to_le_bytes).as_flattened());
        file.extend([7; 8]);
        file
    }

    #[test]
    fn an_elf_file_goes_where_its_segments_say() {
        let file = elf();
        let image = Image::parse(&file, ram()).unwrap();
        assert_eq!(image.entry, 0x4000_1004);
        assert_eq!(image.execution_state, ExecutionState::Aarch64);
        let place = Range::new(0x4000_1000, 16).unwrap();
        let bytes = &[7; 8];
        assert_eq!(image.segments[..], [Segment { place, bytes }]);
    }

    #[test]
    fn an_elf_file_that_is_cut_is_refused() {
        let file = elf();
        for length in 4..file.len() {
            let cut = Image::parse(&file[..length], ram());
            assert_eq!(cut.unwrap_err(), ImageError::Elf);
        }
    }

    #[test]
    fn an_elf_file_with_headers_of_another_size_is_refused() {
        let mut file = elf();
        file[54] = 32;
        assert_eq!(Image::parse(&file, ram()).unwrap_err(), ImageError::Elf);
    }

    #[test]
    fn a_damaged_elf_file_is_refused() {
        for file in [&b"\x7fELF"[..], &[0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0]] {
            assert_eq!(Image::parse(file, ram()).unwrap_err(), ImageError::Elf);
        }
    }
}
