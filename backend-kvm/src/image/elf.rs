//! ELF executables: each loadable segment goes to its physical address.
//!
//! Only what can run here is accepted: little-endian, linked (`ET_EXEC`, or `ET_DYN` that relocates
//! itself and asks for no interpreter), and 64-bit for AArch64 or 32-bit for Arm, which makes the
//! machine's vCPUs AArch32 ones. Every segment lies in RAM, none overlaps another, and the entry is
//! in bytes that the file brings along. As bit 0 of a 32-bit Arm file's entry means Thumb (ELF for
//! the Arm Architecture, §5.4.1), so it does in the plan's, and to CPU_ON.

use elf::ElfBytes;
use elf::abi;
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;
use vambrace_core::memory::Ipa;
use vambrace_core::smccc::ExecutionState;

use super::{Bytes, Format, ImageError, Part, Piece, Plan, check_reach, place};
use crate::address::Region;

/// What is wrong with an ELF file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// The header or a table does not parse.
    #[error("the ELF file is damaged or truncated: {0}")]
    Damaged(String),
    /// `ELFDATA2MSB`.
    #[error("the ELF file is big-endian: build it for a little-endian target")]
    BigEndian,
    /// `e_machine` is another architecture's.
    #[error(
        "the ELF file is for {}: build it for AArch64, such as aarch64-unknown-none", Machine(*.0)
    )]
    OtherMachine(u16),
    /// `ELFCLASS32` for AArch64: the ILP32 form, which nothing loads.
    #[error(
        "the ELF file is 32-bit (ILP32) for AArch64: build it for a 64-bit target, such as \
         aarch64-unknown-none"
    )]
    Ilp32,
    /// `ELFCLASS64` for 32-bit Arm.
    #[error("the ELF file is damaged: it is 64-bit, and for 32-bit Arm")]
    WideArm,
    /// `e_type` is not that of a linked program.
    #[error("the ELF file is {}: link it first", FileType(*.0))]
    NotExecutable(u16),
    /// There is a `PT_INTERP` segment.
    #[error(
        "the ELF file is a dynamically linked program of an operating system: a guest here is \
         bare-metal, without one"
    )]
    NeedsInterpreter,
    /// There is no `PT_LOAD` segment with a size.
    #[error("the ELF file has no loadable segment: check its linker script")]
    NothingToLoad,
    /// `p_offset` and `p_filesz` leave the file.
    #[error(
        "the ELF file is truncated: segment {segment} is {size:#x} bytes at offset {offset:#x}, \
         the file has {actual:#x}"
    )]
    Truncated {
        /// The index among the program headers.
        segment: usize,
        /// Where the segment starts in the file.
        offset: u64,
        /// How many bytes it has there.
        size: u64,
        /// How many bytes the file has.
        actual: u64,
    },
    /// `p_filesz` is greater than `p_memsz`.
    #[error(
        "the ELF file is damaged: segment {segment} has {file_size:#x} bytes in the file but only \
         {memory_size:#x} in memory"
    )]
    LargerInFile {
        /// The index among the program headers.
        segment: usize,
        /// `p_filesz`.
        file_size: u64,
        /// `p_memsz`.
        memory_size: u64,
    },
    /// Two segments share an address.
    #[error(
        "the ELF file's segments {first} ({first_region}) and {second} ({second_region}) overlap: \
         check its linker script"
    )]
    Overlap {
        /// The index of the lower one.
        first: usize,
        /// Where it lies.
        first_region: Region,
        /// The index of the other.
        second: usize,
        /// Where that lies.
        second_region: Region,
    },
    /// `e_entry` is in no segment's bytes, or not aligned.
    #[error("the ELF file's entry {0:#x} is not an instruction of it: set it, with ENTRY(symbol)")]
    Entry(u64),
}

/// One `PT_LOAD` segment, checked by itself.
struct Segment<'a> {
    index: usize,
    header: ProgramHeader,
    region: Region,
    bytes: &'a [u8],
}

/// Plans an ELF file.
pub(super) fn plan(file: &[u8], ram: Region) -> Result<Plan<'_>, ImageError> {
    let parsed = parse(file)?;
    let mut segments = segments(file, &parsed, ram)?;
    segments.sort_by_key(|segment| segment.region.base());
    check_overlaps(&segments)?;
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Err(ElfError::NothingToLoad.into());
    };
    let base = first.region.base();
    let size = last.region.end().value() - base.value();
    let occupied = Region::fixed(base.value(), size);
    let execution_state = execution_state(&parsed);
    let entry = entry(parsed.ehdr.e_entry, execution_state, &segments)?;
    let pieces = segments.iter().map(Segment::piece).collect();
    Ok(Plan {
        format: Format::Elf,
        execution_state,
        entry,
        pieces,
        occupied,
        initramfs: None,
        ram,
    })
}

/// Parses the header and finds the tables; the file is little-endian and for an Arm machine then.
///
/// The byte order is judged first: a parser told to expect little-endian would only say "damaged".
pub(super) fn parse(file: &[u8]) -> Result<ElfBytes<'_, LittleEndian>, ElfError> {
    if file.get(abi::EI_DATA) == Some(&abi::ELFDATA2MSB) {
        return Err(ElfError::BigEndian);
    }
    let parsed = ElfBytes::<LittleEndian>::minimal_parse(file)
        .map_err(|error| ElfError::Damaged(error.to_string()))?;
    match (parsed.ehdr.e_machine, parsed.ehdr.class) {
        (abi::EM_AARCH64, Class::ELF64) | (abi::EM_ARM, Class::ELF32) => Ok(parsed),
        (abi::EM_AARCH64, Class::ELF32) => Err(ElfError::Ilp32),
        (abi::EM_ARM, Class::ELF64) => Err(ElfError::WideArm),
        (other, _) => Err(ElfError::OtherMachine(other)),
    }
}

/// What the code of a parsed file is made for.
fn execution_state(parsed: &ElfBytes<'_, LittleEndian>) -> ExecutionState {
    match parsed.ehdr.class {
        Class::ELF32 => ExecutionState::Aarch32,
        Class::ELF64 => ExecutionState::Aarch64,
    }
}

fn segments<'a>(
    file: &'a [u8],
    parsed: &ElfBytes<'a, LittleEndian>,
    ram: Region,
) -> Result<Vec<Segment<'a>>, ImageError> {
    if !matches!(parsed.ehdr.e_type, abi::ET_EXEC | abi::ET_DYN) {
        return Err(ElfError::NotExecutable(parsed.ehdr.e_type).into());
    }
    let state = execution_state(parsed);
    let mut segments = Vec::new();
    for (index, header) in parsed.segments().into_iter().flatten().enumerate() {
        match header.p_type {
            abi::PT_INTERP => return Err(ElfError::NeedsInterpreter.into()),
            abi::PT_LOAD if header.p_memsz != 0 || header.p_filesz != 0 => {
                segments.push(Segment::new(file, index, header, (state, ram))?);
            }
            _ => {}
        }
    }
    Ok(segments)
}

/// Checks neighbours only, so the segments are sorted.
fn check_overlaps(segments: &[Segment<'_>]) -> Result<(), ElfError> {
    let overlap = segments
        .windows(2)
        .find(|pair| pair[0].region.overlaps(pair[1].region));
    match overlap {
        None => Ok(()),
        Some(pair) => Err(ElfError::Overlap {
            first: pair[0].index,
            first_region: pair[0].region,
            second: pair[1].index,
            second_region: pair[1].region,
        }),
    }
}

/// The physical address of the entry: `e_entry` is virtual, and the guest starts with its MMU off.
///
/// Where no segment has that virtual address, it may be a physical one already: an image linked
/// high with an entry that is meant for low addresses.
fn entry(
    entry: u64,
    execution_state: ExecutionState,
    segments: &[Segment<'_>],
) -> Result<Ipa, ElfError> {
    let instructions = Instructions::at(entry, execution_state);
    let first = entry & !instructions.thumb_bit();
    let inside = |start: u64, segment: &Segment<'_>| {
        let offset = first
            .checked_sub(start)
            .filter(|&offset| offset < segment.header.p_filesz)?;
        let address = segment.region.base().value() + offset;
        address
            .is_multiple_of(instructions.alignment())
            .then_some(address | instructions.thumb_bit())
    };
    let by_virtual = segments
        .iter()
        .find_map(|segment| inside(segment.header.p_vaddr, segment));
    let by_physical = segments
        .iter()
        .find_map(|segment| inside(segment.header.p_paddr, segment));
    by_virtual
        .or(by_physical)
        .map(Ipa::new)
        .ok_or(ElfError::Entry(entry))
}

/// The instruction sets, as far as they place instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    /// A64 and A32.
    Words,
    /// T32.
    Thumb,
}

impl Instructions {
    fn at(entry: u64, execution_state: ExecutionState) -> Self {
        match execution_state {
            ExecutionState::Aarch32 if entry & 1 == 1 => Self::Thumb,
            ExecutionState::Aarch32 | ExecutionState::Aarch64 => Self::Words,
        }
    }

    const fn thumb_bit(self) -> u64 {
        match self {
            Self::Words => 0,
            Self::Thumb => 1,
        }
    }

    const fn alignment(self) -> u64 {
        match self {
            Self::Words => 4,
            Self::Thumb => 2,
        }
    }
}

impl<'a> Segment<'a> {
    fn new(
        file: &'a [u8],
        index: usize,
        header: ProgramHeader,
        (execution_state, ram): (ExecutionState, Region),
    ) -> Result<Self, ImageError> {
        let (offset, size) = (header.p_offset, header.p_filesz);
        let range = usize::try_from(offset).ok().zip(
            offset
                .checked_add(size)
                .and_then(|end| usize::try_from(end).ok()),
        );
        let Some(bytes) = range.and_then(|(start, end)| file.get(start..end)) else {
            let actual = file.len() as u64;
            return Err(ElfError::Truncated {
                segment: index,
                offset,
                size,
                actual,
            }
            .into());
        };
        if size > header.p_memsz {
            let memory_size = header.p_memsz;
            let error = ElfError::LargerInFile {
                segment: index,
                file_size: size,
                memory_size,
            };
            return Err(error.into());
        }
        let part = Part::Segment(index);
        let region = place(part, header.p_paddr, header.p_memsz, ram)?;
        check_reach(part, region, execution_state)?;
        Ok(Self {
            index,
            header,
            region,
            bytes,
        })
    }

    fn piece(&self) -> Piece<'a> {
        Piece {
            base: self.region.base(),
            bytes: Bytes::Held(self.bytes),
            zeroes: self.header.p_memsz - self.header.p_filesz,
        }
    }
}

struct Machine(u16);

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            abi::EM_X86_64 => f.write_str("x86-64"),
            abi::EM_386 => f.write_str("32-bit x86"),
            abi::EM_RISCV => f.write_str("RISC-V"),
            other => write!(f, "another machine (e_machine {other})"),
        }
    }
}

struct FileType(u16);

impl std::fmt::Display for FileType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            abi::ET_REL => f.write_str("a relocatable object"),
            abi::ET_CORE => f.write_str("a core dump"),
            other => write!(f, "no executable (e_type {other})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::sample::{Elf, load};
    use crate::memory::GuestMemory;

    fn ram() -> Region {
        Region::fixed(0x4000_0000, 0x800_0000)
    }

    fn refusal(elf: &Elf) -> ImageError {
        plan(&elf.bytes(), ram()).unwrap_err()
    }

    #[test]
    fn segments_go_to_their_physical_addresses_and_the_bss_is_cleared() {
        let file = Elf::new(0x4020_0000)
            .segment(load(0x4020_0000, &[1, 2, 3, 4], 4))
            .segment(load(0x4030_0000, &[5, 6], 6))
            .bytes();
        let memory = GuestMemory::new(0x800_0000).unwrap();
        memory.write(Ipa::new(0x4030_0000), &[0xff; 8]).unwrap();
        let plan = plan(&file, ram()).unwrap();
        plan.write(&memory).unwrap();
        let mut text = [0; 4];
        memory.read(Ipa::new(0x4020_0000), &mut text).unwrap();
        let mut data = [0; 8];
        memory.read(Ipa::new(0x4030_0000), &mut data).unwrap();
        assert_eq!(text, [1, 2, 3, 4]);
        assert_eq!(data, [5, 6, 0, 0, 0, 0, 0xff, 0xff]);
        assert_eq!(plan.entry.value(), 0x4020_0000);
        assert_eq!(plan.occupied, Region::fixed(0x4020_0000, 0x10_0006));
    }

    #[test]
    fn the_device_tree_lies_at_the_base_of_ram_where_that_is_free() {
        let file = Elf::new(0x4020_0000)
            .segment(load(0x4020_0000, &[0; 4], 4))
            .bytes();
        assert_eq!(
            plan(&file, ram())
                .unwrap()
                .device_tree(0x1000)
                .unwrap()
                .base()
                .value(),
            0x4000_0000
        );
    }

    #[test]
    fn the_device_tree_lies_above_an_image_at_the_base_of_ram() {
        let file = Elf::new(0x4000_0800)
            .segment(load(0x4000_0800, &[0; 4], 4))
            .bytes();
        let plan = plan(&file, ram()).unwrap();
        assert_eq!(plan.device_tree(0x800).unwrap().base().value(), 0x4000_0000);
        assert_eq!(plan.device_tree(0x801).unwrap().base().value(), 0x4020_0000);
    }

    #[test]
    fn a_virtual_entry_becomes_physical() {
        let mut high = load(0x4020_0000, &[0; 0x100], 0x100);
        high.p_vaddr = 0xffff_0000_0020_0000;
        let file = Elf::new(0xffff_0000_0020_0040).segment(high).bytes();
        assert_eq!(plan(&file, ram()).unwrap().entry.value(), 0x4020_0040);
    }

    #[test]
    fn an_entry_that_is_already_physical_is_taken() {
        let mut high = load(0x4020_0000, &[0; 0x100], 0x100);
        high.p_vaddr = 0xffff_0000_0020_0000;
        let file = Elf::new(0x4020_0040).segment(high).bytes();
        assert_eq!(plan(&file, ram()).unwrap().entry.value(), 0x4020_0040);
    }

    #[test]
    fn an_entry_that_is_no_instruction_of_the_file_is_refused() {
        for entry in [
            0,
            0x401f_fffc,
            0x4020_0002,
            0x4020_0008,
            0x4020_0100,
            u64::MAX,
        ] {
            let elf = Elf::new(entry).segment(load(0x4020_0000, &[0; 8], 0x1000));
            assert_eq!(refusal(&elf), ElfError::Entry(entry).into());
        }
    }

    #[test]
    fn overlapping_segments_are_refused_in_any_order() {
        let low = load(0x4020_0000, &[0; 4], 0x1001);
        let high = load(0x4020_1000, &[0; 4], 4);
        for elf in [
            Elf::new(0x4020_0000)
                .segment(low.clone())
                .segment(high.clone()),
            Elf::new(0x4020_0000).segment(high).segment(low),
        ] {
            let error = refusal(&elf);
            assert!(
                matches!(error, ImageError::Elf(ElfError::Overlap { .. })),
                "{error}"
            );
        }
    }

    #[test]
    fn segments_that_leave_ram_are_refused() {
        for (address, size) in [
            (0x3fff_f000, 0x1000),
            (0x47ff_f000, 0x1001),
            (0x4020_0000, 1 << 40),
        ] {
            let elf = Elf::new(address).segment(load(address, &[0; 4], size));
            let error = refusal(&elf);
            assert!(
                matches!(
                    error,
                    ImageError::BelowRam { .. } | ImageError::BeyondRam { .. }
                ),
                "{error}"
            );
        }
        let wraps = refusal(&Elf::new(0).segment(load(u64::MAX, &[0; 4], 4)));
        assert!(matches!(wraps, ImageError::Wraps { .. }), "{wraps}");
    }

    #[test]
    fn a_segment_larger_in_the_file_than_in_memory_is_refused() {
        let elf = Elf::new(0x4020_0000).segment(load(0x4020_0000, &[0; 8], 4));
        assert_eq!(
            refusal(&elf),
            ElfError::LargerInFile {
                segment: 0,
                file_size: 8,
                memory_size: 4
            }
            .into()
        );
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused() {
        let file = Elf::new(0x4020_0000)
            .segment(load(0x4020_0000, &[0; 0x100], 0x100))
            .bytes();
        for length in 4..file.len() {
            let error = plan(&file[..length], ram()).unwrap_err();
            assert!(error.to_string().contains("truncated"), "{length}: {error}");
        }
        assert!(plan(&file, ram()).is_ok());
    }

    #[test]
    fn an_offset_that_wraps_is_refused() {
        let mut segment = load(0x4020_0000, &[], 4);
        segment.p_offset = Some(u64::MAX);
        segment.p_filesz = Some(2);
        let error = refusal(&Elf::new(0x4020_0000).segment(segment));
        assert!(
            matches!(error, ImageError::Elf(ElfError::Truncated { .. })),
            "{error}"
        );
    }

    #[test]
    fn an_x86_file_is_refused_by_name() {
        let mut elf = Elf::new(0x4020_0000);
        elf.machine = 62;
        assert_eq!(
            refusal(&elf).to_string(),
            "the ELF file is for x86-64: build it for AArch64, such as aarch64-unknown-none"
        );
    }

    #[test]
    fn a_32_bit_file_for_aarch64_is_refused_by_name() {
        let mut elf = Elf::arm(0x4020_0000);
        elf.machine = 183;
        assert_eq!(
            refusal(&elf).to_string(),
            "the ELF file is 32-bit (ILP32) for AArch64: build it for a 64-bit target, such as \
             aarch64-unknown-none"
        );
    }

    #[test]
    fn a_64_bit_file_for_32_bit_arm_is_refused_by_name() {
        let mut elf = Elf::new(0x4020_0000);
        elf.machine = 40;
        assert_eq!(
            refusal(&elf).to_string(),
            "the ELF file is damaged: it is 64-bit, and for 32-bit Arm"
        );
    }

    #[test]
    fn a_32_bit_file_for_another_machine_is_refused_by_name() {
        let mut elf = Elf::arm(0x4020_0000);
        elf.machine = 3;
        assert_eq!(
            refusal(&elf).to_string(),
            "the ELF file is for 32-bit x86: build it for AArch64, such as aarch64-unknown-none"
        );
    }

    #[test]
    fn a_big_endian_arm_file_is_refused_by_name() {
        let mut elf = Elf::arm(0x4020_0000);
        elf.data = 2;
        assert_eq!(refusal(&elf), ElfError::BigEndian.into());
    }

    #[test]
    fn a_32_bit_arm_file_is_loaded_by_its_segments_and_is_aarch32() {
        let file = Elf::arm(0x4020_0004)
            .segment(load(0x4020_0000, &[1, 2, 3, 4, 5, 6, 7, 8], 12))
            .bytes();
        let memory = GuestMemory::new(0x800_0000).unwrap();
        memory.write(Ipa::new(0x4020_0000), &[0xff; 16]).unwrap();
        let plan = plan(&file, ram()).unwrap();
        plan.write(&memory).unwrap();
        let mut seen = [0; 16];
        memory.read(Ipa::new(0x4020_0000), &mut seen).unwrap();
        assert_eq!(seen[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(seen[8..], [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(plan.entry.value(), 0x4020_0004);
        assert_eq!(plan.execution_state(), ExecutionState::Aarch32);
        let wide = Elf::new(0x4020_0000).segment(load(0x4020_0000, &[0; 4], 4));
        let wide = wide.bytes();
        let state = super::plan(&wide, ram()).unwrap().execution_state();
        assert_eq!(state, ExecutionState::Aarch64);
    }

    #[test]
    fn bit_0_of_an_arm_entry_means_thumb_and_is_kept() {
        let at = |entry| {
            let file = Elf::arm(entry)
                .segment(load(0x4020_0000, &[0; 8], 8))
                .bytes();
            plan(&file, ram()).map(|plan| plan.entry.value())
        };
        assert_eq!(at(0x4020_0001), Ok(0x4020_0001));
        assert_eq!(at(0x4020_0003), Ok(0x4020_0003));
        assert_eq!(at(0x4020_0002), Err(ElfError::Entry(0x4020_0002).into()));
        assert_eq!(at(0x4020_0009), Err(ElfError::Entry(0x4020_0009).into()));
        assert_eq!(at(1), Err(ElfError::Entry(1).into()));
    }

    #[test]
    fn an_arm_file_cut_off_anywhere_is_refused() {
        let file = Elf::arm(0x4020_0000)
            .segment(load(0x4020_0000, &[0; 0x100], 0x100))
            .bytes();
        for length in 4..file.len() {
            let error = plan(&file[..length], ram()).unwrap_err();
            assert!(error.to_string().contains("truncated"), "{length}: {error}");
        }
        assert!(plan(&file, ram()).is_ok());
    }

    #[test]
    fn hostile_arm_segments_are_refused() {
        let refuse = |segment| refusal(&Elf::arm(0x4020_0000).segment(segment));
        let mut beyond_file = load(0x4020_0000, &[0; 4], 8);
        beyond_file.p_offset = Some(0xffff_ffff);
        let error = refuse(beyond_file);
        assert!(
            matches!(error, ImageError::Elf(ElfError::Truncated { .. })),
            "{error}"
        );
        let error = refuse(load(0x4020_0000, &[0; 8], 4));
        assert!(
            matches!(error, ImageError::Elf(ElfError::LargerInFile { .. })),
            "{error}"
        );
        let error = refuse(load(0x3fff_0000, &[0; 8], 8));
        assert!(matches!(error, ImageError::BelowRam { .. }), "{error}");
        let error = refuse(load(0x47ff_fffc, &[0; 8], 8));
        assert!(matches!(error, ImageError::BeyondRam { .. }), "{error}");
    }

    #[test]
    fn an_arm_segment_that_leaves_the_first_4_gib_is_refused() {
        let ram = Region::fixed(0x4000_0000, 0x2_0000_0000);
        let file = Elf::arm(0xffff_f000)
            .segment(load(0xffff_f000, &[0; 4], 0x1001))
            .bytes();
        assert_eq!(
            plan(&file, ram).unwrap_err().to_string(),
            "ELF segment 0 (4097 bytes at 0xfffff000) ends beyond 4 GiB, which 32-bit code cannot \
             reach: link the image lower"
        );
        let file = Elf::arm(0xffff_f000)
            .segment(load(0xffff_f000, &[0; 4], 0x1000))
            .bytes();
        assert!(plan(&file, ram).is_ok());
    }

    #[test]
    fn a_big_endian_file_is_refused_by_name() {
        let mut elf = Elf::new(0x4020_0000);
        elf.data = 2;
        assert_eq!(refusal(&elf), ElfError::BigEndian.into());
    }

    #[test]
    fn a_relocatable_object_is_refused_by_name() {
        let mut elf = Elf::new(0x4020_0000).segment(load(0x4020_0000, &[0; 4], 4));
        elf.file_type = 1;
        assert_eq!(
            refusal(&elf).to_string(),
            "the ELF file is a relocatable object: link it first"
        );
    }

    #[test]
    fn a_position_independent_executable_without_interpreter_is_taken() {
        let mut elf = Elf::new(0x4020_0000).segment(load(0x4020_0000, &[0; 4], 4));
        elf.file_type = 3;
        assert!(plan(&elf.bytes(), ram()).is_ok());
    }

    #[test]
    fn a_program_of_an_operating_system_is_refused() {
        let mut interpreter = load(0, b"/lib/ld-linux-aarch64.so.1\0", 27);
        interpreter.p_type = 3;
        let elf = Elf::new(0x4020_0000)
            .segment(interpreter)
            .segment(load(0x4020_0000, &[0; 4], 4));
        assert_eq!(refusal(&elf), ElfError::NeedsInterpreter.into());
    }

    #[test]
    fn a_file_without_a_loadable_segment_is_refused() {
        assert_eq!(
            refusal(&Elf::new(0x4020_0000)),
            ElfError::NothingToLoad.into()
        );
        let empty = Elf::new(0x4020_0000).segment(load(0x4020_0000, &[], 0));
        assert_eq!(refusal(&empty), ElfError::NothingToLoad.into());
    }

    #[test]
    fn sixty_thousand_segments_are_planned_at_once() {
        let mut elf = Elf::new(0x4020_0000).segment(load(0x4020_0000, &[0; 4], 4));
        for index in 1..60_000 {
            elf = elf.segment(load(0x4020_0000 + index * 16, &[], 16));
        }
        assert_eq!(
            plan(&elf.bytes(), ram()).unwrap().occupied.size(),
            60_000 * 16
        );
    }
}
