//! Guest images: what a file is, and where its bytes go.
//!
//! Loading has two steps. [`Plan::new`] decides everything; only then [`Plan::write`] touches RAM. A file
//! that is wrong anywhere writes nothing, and the same plan is written again at each reboot. What is
//! written may be [`Stored`]: a file that is read when it is written.
//!
//! | file | lies at | entry | device tree |
//! |---|---|---|---|
//! | ELF | its segments' physical addresses | its entry | RAM's base where free, else above |
//! | arm64 Image | RAM's base + text_offset, 2 MiB more below 4 KiB | its start | above |
//! | flat binary | 0x4008_0000 | its start | above |
//! | flat firmware | address 0, in flash | its start | RAM's base |
//!
//! *Above* is the next multiple of 2 MiB after all that image and initramfs use, or if that leaves
//! RAM the next one after the image. A compressed kernel is [`unpacked`] beforehand.

mod arm64;
mod claim;
mod compressed;
mod elf;
mod firmware;
mod flat;
mod foreign;
mod initramfs;
#[cfg(test)]
mod sample;
mod source;

use std::fmt;

use vambrace_core::memory::Ipa;
use vambrace_core::smccc::ExecutionState;

use crate::address::{ByteSize, Region};
use crate::memory::GuestMemory;

pub use arm64::{Endianness, Header, PageSize, Placement};
pub use claim::{Claim, ClaimError, End, NeededDialect, NeededPsci, Needs, Version};
pub use compressed::unpacked;
pub use elf::ElfError;
pub use foreign::Foreign;
pub use source::{Bytes, LoadError, Source, Stored};

/// Where the bytes of one image go: checked whole, not yet written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    format: Format<'a>,
    execution_state: ExecutionState,
    entry: Ipa,
    pieces: Vec<Piece<'a>>,
    occupied: Region,
    initramfs: Option<Region>,
    ram: Region,
}

/// What kind of file an image is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format<'a> {
    /// An ELF executable.
    Elf,
    /// An arm64 `Image`: Linux and what follows its boot protocol.
    Arm64Image,
    /// Anything else: the bytes as they are.
    Flat,
    /// Firmware: these bytes, in flash.
    Firmware(&'a [u8]),
}

/// Some bytes for one place, and how many zeroes follow them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Piece<'a> {
    base: Ipa,
    bytes: Bytes<'a>,
    zeroes: u64,
}

/// Why a file cannot be used as an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// There is nothing in it.
    #[error("the file is empty: build it again")]
    Empty,
    /// It is something known that cannot be loaded here.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// It is an ELF file, but not one for this machine.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// It is firmware in ELF form, and goes where it says, not into flash.
    #[error(
        "the firmware is an ELF file: pass its flat form (objcopy -O binary), or the file as \
         --kernel if it runs from RAM"
    )]
    ElfFirmware,
    /// It is firmware longer than the flash.
    #[error(
        "the firmware has {}, and the flash at address 0 holds {}: pass the flat file that the \
         board's flash would have",
        ByteSize(*size), ByteSize(crate::layout::FLASH.size())
    )]
    FirmwareTooLong {
        /// Its length.
        size: u64,
    },
    /// There is nothing in the initramfs.
    #[error("the initramfs is empty: build it again, or leave it out")]
    EmptyInitramfs,
    /// Only kernels take an initramfs.
    #[error("firmware takes no initramfs: leave out --initrd")]
    InitramfsForFirmware,
    /// It carries a kernel in a form that cannot be unpacked.
    #[error(
        "the EFI zboot kernel is compressed by `{name}`, and only gzip can be unpacked here: pass \
         the kernel's uncompressed arch/arm64/boot/Image"
    )]
    Compression {
        /// What the file calls it.
        name: String,
    },
    /// The compressed data ends before its end.
    #[error("the compressed kernel is truncated: copy or build it again")]
    CompressedShort,
    /// The compressed data is not what was compressed.
    #[error("the compressed kernel is damaged ({0}): copy or build it again")]
    CompressedDamaged(String),
    /// More comes out of it than there is RAM, or than a kernel has.
    #[error("the compressed kernel unpacks to more than {}, which is all of RAM or more than a kernel \
             has: pass a greater --memory, if it is one", ByteSize(*most))]
    Unpacked {
        /// The most that is taken.
        most: u64,
    },
    /// It is an arm64 Image for big-endian CPUs.
    #[error("the Image is a big-endian kernel: build it with CONFIG_CPU_LITTLE_ENDIAN")]
    BigEndianImage,
    /// It ends before it should.
    #[error(
        "the {what} is truncated: its header tells of {needed} bytes, the file has {actual}; build or \
         copy it again"
    )]
    Truncated {
        /// What the file is.
        what: &'static str,
        /// How long it should be at least.
        needed: u64,
        /// How long it is.
        actual: u64,
    },
    /// A part of it lies where there is no RAM.
    #[error(
        "{part} lies at {base:#x}, below RAM, which starts at {ram}: link the image for \
         0x40200000 or above",
        ram = ram.base()
    )]
    BelowRam {
        /// Which part.
        part: Part,
        /// Where it starts.
        base: u64,
        /// Where RAM is.
        ram: Region,
    },
    /// A part of it ends after RAM's end, though more RAM could hold it.
    #[error(
        "{part} ({size} at {base:#x}) leaves RAM, which ends at {ram}: pass --memory {}M or more",
        needed.div_ceil(1 << 20),
        size = ByteSize(*size),
        ram = ram.end()
    )]
    BeyondRam {
        /// Which part.
        part: Part,
        /// Where it starts.
        base: u64,
        /// Its length in bytes.
        size: u64,
        /// Where RAM is.
        ram: Region,
        /// How many bytes of RAM would hold it.
        needed: u64,
    },
    /// A part of it ends after the last address there is.
    #[error(
        "{part} ({size:#x} bytes at {base:#x}) ends beyond the address space: the file is damaged"
    )]
    Wraps {
        /// Which part.
        part: Part,
        /// Where it starts.
        base: u64,
        /// Its length in bytes.
        size: u64,
    },
    /// A part of it ends where AArch32 code cannot reach.
    #[error(
        "{part} ({size} at {base:#x}) ends beyond 4 GiB, which 32-bit code cannot reach: link the \
         image lower",
        size = ByteSize(*size)
    )]
    BeyondReach {
        /// Which part.
        part: Part,
        /// Where it starts.
        base: u64,
        /// Its length in bytes.
        size: u64,
    },
    /// The device tree is longer than its boot protocol allows.
    #[error(
        "the device tree has {size} bytes, more than the 2 MiB a kernel maps: shorten the arguments"
    )]
    DeviceTreeTooLong {
        /// Its length.
        size: u64,
    },
}

/// A part of a machine's initial memory, as errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// An ELF segment, by its index among the program headers.
    Segment(usize),
    /// An arm64 Image.
    Image,
    /// A flat binary.
    Flat,
    /// The initramfs.
    Initramfs,
    /// The device tree.
    DeviceTree,
}

impl ImageError {
    /// Whether it is the initramfs that is wrong, not the image.
    #[must_use]
    pub fn is_about_the_initramfs(&self) -> bool {
        match self {
            Self::EmptyInitramfs => true,
            Self::BeyondRam { part, .. }
            | Self::BeyondReach { part, .. }
            | Self::BelowRam { part, .. }
            | Self::Wraps { part, .. } => *part == Part::Initramfs,
            _ => false,
        }
    }
}

impl<'a> Plan<'a> {
    /// Recognises the file and plans where it goes in a machine with this RAM. An ELF file has to be held.
    ///
    /// # Errors
    /// [`ImageError`] says what is wrong with it.
    pub fn new(file: impl Into<Bytes<'a>>, ram: Region) -> Result<Self, ImageError> {
        let file = file.into();
        let head = file.head();
        if head.is_empty() {
            return Err(ImageError::Empty);
        }
        if head.starts_with(b"\x7fELF") {
            return elf::plan(head, ram);
        }
        if let Some(header) = Header::parse(head) {
            return arm64::plan(file, &header, ram);
        }
        foreign::check(head)?;
        flat::plan(file, ram)
    }

    /// Plans firmware, which goes into flash, for a machine with this RAM.
    ///
    /// # Errors
    /// [`ImageError`] says what is wrong with the file.
    pub fn firmware(file: &'a [u8], ram: Region) -> Result<Self, ImageError> {
        firmware::plan(file, ram)
    }

    /// The same with an initramfs beside the image.
    ///
    /// # Errors
    /// [`ImageError`] if there is none in it, or no room for it.
    pub fn with_initramfs(mut self, bytes: impl Into<Bytes<'a>>) -> Result<Self, ImageError> {
        if let Format::Firmware(_) = self.format {
            return Err(ImageError::InitramfsForFirmware);
        }
        let (region, piece) = initramfs::piece(&self, bytes.into())?;
        check_reach(Part::Initramfs, region, self.execution_state)?;
        self.initramfs = Some(region);
        self.pieces.push(piece);
        Ok(self)
    }

    /// What goes into flash, if it is firmware.
    #[must_use]
    pub fn flash(&self) -> Option<&'a [u8]> {
        match self.format {
            Format::Firmware(bytes) => Some(bytes),
            Format::Elf | Format::Arm64Image | Format::Flat => None,
        }
    }

    /// Where the initramfs lies, if there is one.
    #[must_use]
    pub fn initramfs(&self) -> Option<Region> {
        self.initramfs
    }

    /// Which registers and instructions its code uses.
    #[must_use]
    pub fn execution_state(&self) -> ExecutionState {
        self.execution_state
    }

    /// The address of the first instruction. For AArch32, bit 0 set means that it is Thumb code, as
    /// in the entry point of CPU_ON (DEN0022 §5.1.4).
    #[must_use]
    pub fn entry(&self) -> Ipa {
        self.entry
    }

    /// From the lowest to the highest address the image uses, what it clears itself included.
    #[must_use]
    pub fn occupied(&self) -> Region {
        self.occupied
    }

    /// Where a device tree of `size` bytes goes.
    ///
    /// # Errors
    /// [`ImageError::DeviceTreeTooLong`], or [`ImageError::BeyondRam`] if RAM is full.
    pub fn device_tree(&self, size: u64) -> Result<Region, ImageError> {
        if size > DEVICE_TREE_ALIGNMENT {
            return Err(ImageError::DeviceTreeTooLong { size });
        }
        let at_base = Region::new(self.ram.base(), size).filter(|tree| match self.format {
            Format::Firmware(_) => true,
            Format::Elf => tree.end().value() <= self.occupied.base().value(),
            Format::Arm64Image | Format::Flat => false,
        });
        if let Some(tree) = at_base {
            return Ok(tree);
        }
        let image = self.occupied.end();
        let tree = match self.initramfs {
            None => self.tree_above(image, size)?,
            Some(initramfs) => {
                self.tree_above(initramfs.end().max(image), size)
                    .or_else(|refused| {
                        let between = self.tree_above(image, size)?;
                        let fits = between.end() <= initramfs.base();
                        fits.then_some(between).ok_or(refused)
                    })?
            }
        };
        check_reach(Part::DeviceTree, tree, self.execution_state)?;
        Ok(tree)
    }

    fn tree_above(&self, end: Ipa, size: u64) -> Result<Region, ImageError> {
        // RAM ends below 1 << 48, so rounding up cannot wrap.
        let above = end.value().next_multiple_of(DEVICE_TREE_ALIGNMENT);
        place(Part::DeviceTree, above, size, self.ram)
    }

    /// Writes the image to the RAM it was planned for.
    ///
    /// # Errors
    /// [`LoadError`] if `memory` is not the RAM it was planned for, or a file is not what it was.
    pub fn write(&self, memory: &GuestMemory) -> Result<(), LoadError> {
        for piece in &self.pieces {
            piece.bytes.write(memory, piece.base)?;
            let end = Ipa::new(piece.base.value() + piece.bytes.length());
            if let Some(rest) = Region::new(end, piece.zeroes).filter(|_| piece.zeroes != 0) {
                memory.clear(rest)?;
            }
        }
        Ok(())
    }
}

/// The region of a part, if it lies in RAM.
fn place(part: Part, base: u64, size: u64, ram: Region) -> Result<Region, ImageError> {
    let Some(region) = Region::new(Ipa::new(base), size) else {
        return Err(ImageError::Wraps { part, base, size });
    };
    if base < ram.base().value() {
        return Err(ImageError::BelowRam { part, base, ram });
    }
    if !ram.contains(region) {
        let needed = region.end().value() - ram.base().value();
        return Err(ImageError::BeyondRam {
            part,
            base,
            size,
            ram,
            needed,
        });
    }
    Ok(region)
}

/// Whether code can reach a part with its MMU off: AArch32 has 32 bits of address then.
fn check_reach(part: Part, region: Region, state: ExecutionState) -> Result<(), ImageError> {
    match state {
        ExecutionState::Aarch32 if region.end().value() > 1 << 32 => Err(ImageError::BeyondReach {
            part,
            base: region.base().value(),
            size: region.size(),
        }),
        ExecutionState::Aarch32 | ExecutionState::Aarch64 => Ok(()),
    }
}

/// The little-endian number of four bytes at `offset`, if the file reaches so far.
fn u32_at(file: &[u8], offset: usize) -> Option<u32> {
    let bytes = file.get(offset..offset.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

/// The same of eight bytes.
fn u64_at(file: &[u8], offset: usize) -> Option<u64> {
    let bytes = file.get(offset..offset.checked_add(8)?)?;
    bytes.try_into().ok().map(u64::from_le_bytes)
}

impl fmt::Debug for Format<'_> {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "Elf",
            Self::Arm64Image => "Arm64Image",
            Self::Flat => "Flat",
            Self::Firmware(_) => "Firmware",
        })
    }
}

impl fmt::Debug for Piece<'_> {
    /// Without the bytes: there may be hundreds of megabytes of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, bytes, zeroes) = (self.base, self.bytes.length(), self.zeroes);
        write!(f, "{base}: {bytes:#x} bytes, {zeroes:#x} zeroes")
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(index) => write!(f, "ELF segment {index}"),
            Self::Image => f.write_str("the Image"),
            Self::Flat => f.write_str("the flat binary"),
            Self::Initramfs => f.write_str("the initramfs"),
            Self::DeviceTree => f.write_str("the device tree"),
        }
    }
}

/// A device tree crosses no boundary of this size, and is no longer (the arm64 boot protocol).
const DEVICE_TREE_ALIGNMENT: u64 = 2 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ram() -> Region {
        Region::fixed(0x4000_0000, 0x800_0000)
    }

    #[test]
    fn an_empty_file_is_refused() {
        assert_eq!(Plan::new(&[][..], ram()), Err(ImageError::Empty));
    }

    #[test]
    fn a_part_below_ram_is_told_where_to_link() {
        let error = place(Part::Segment(1), 0x40_0000, 0x1000, ram())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "ELF segment 1 lies at 0x400000, below RAM, which starts at 0x40000000: link the image \
             for 0x40200000 or above"
        );
    }

    #[test]
    fn a_part_beyond_ram_is_told_how_much_ram_holds_it() {
        let error = place(Part::Image, 0x4700_0000, 0x100_0001, ram())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "the Image (16777217 bytes at 0x47000000) leaves RAM, which ends at 0x48000000: pass \
             --memory 129M or more"
        );
    }

    #[test]
    fn a_part_may_end_where_ram_ends() {
        assert!(place(Part::Flat, 0x47ff_f000, 0x1000, ram()).is_ok());
        assert!(place(Part::Flat, 0x4800_0000, 1, ram()).is_err());
    }

    #[test]
    fn a_part_that_wraps_is_damage() {
        let error = place(Part::Segment(0), u64::MAX, 2, ram()).unwrap_err();
        assert!(matches!(error, ImageError::Wraps { .. }), "{error}");
    }

    #[test]
    fn writing_again_restores_the_image_and_nothing_else() {
        let memory = GuestMemory::new(0x800_0000).unwrap();
        let plan = Plan::new(&[1, 2, 3, 4][..], ram()).unwrap();
        plan.write(&memory).unwrap();
        memory.write(Ipa::new(0x4008_0000), &[9; 8]).unwrap();
        plan.write(&memory).unwrap();
        let mut seen = [0; 8];
        memory.read(Ipa::new(0x4008_0000), &mut seen).unwrap();
        assert_eq!(seen, [1, 2, 3, 4, 9, 9, 9, 9]);
    }

    #[test]
    fn a_device_tree_longer_than_the_protocol_allows_is_refused() {
        let plan = Plan::new(&[1, 2, 3, 4][..], ram()).unwrap();
        assert!(plan.device_tree(0x20_0000).is_ok());
        let error = plan.device_tree(0x20_0001).unwrap_err();
        assert_eq!(error, ImageError::DeviceTreeTooLong { size: 0x20_0001 });
    }

    #[test]
    fn a_full_ram_leaves_no_room_for_the_device_tree() {
        let file = vec![1; 0x7c0_0000];
        let plan = Plan::new(&file[..], ram()).unwrap();
        assert!(plan.device_tree(0x1000).is_ok());
        let file = vec![1; 0x7f0_0000];
        let error = Plan::new(&file[..], ram())
            .unwrap()
            .device_tree(0x1000)
            .unwrap_err();
        assert!(
            matches!(
                error,
                ImageError::BeyondRam {
                    part: Part::DeviceTree,
                    ..
                }
            ),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn a_plan_never_leaves_ram(
            magic in prop::sample::select(
                vec![&b""[..], b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x01\x01", b"MZ"]
            ),
            tail in prop::collection::vec(any::<u8>(), 0..256),
        ) {
            let file = [magic, &tail[..]].concat();
            if let Ok(plan) = Plan::new(&file[..], ram()) {
                prop_assert!(ram().contains(plan.occupied()));
                prop_assert!(plan.occupied().offset_of(plan.entry()).is_some());
                let tree = plan.device_tree(0x1000).unwrap();
                prop_assert!(!tree.overlaps(plan.occupied()));
            }
        }
    }

    #[test]
    fn whatever_is_wrong_with_the_initramfs_is_its_own() {
        let (base, size, ram) = (0, 1, Region::fixed(0x4000_0000, 0x400_0000));
        let part = Part::Initramfs;
        for error in [
            ImageError::EmptyInitramfs,
            ImageError::Wraps { part, base, size },
            ImageError::BelowRam { part, base, ram },
            ImageError::BeyondReach { part, base, size },
        ] {
            assert!(error.is_about_the_initramfs(), "{error}");
        }
        let part = Part::Image;
        assert!(!ImageError::Wraps { part, base, size }.is_about_the_initramfs());
    }
}
