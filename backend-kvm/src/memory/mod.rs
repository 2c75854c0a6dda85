//! The guest's RAM: one anonymous mapping that outlives the VM it is given to.
//!
//! A reboot closes the VM and builds a new one over the same mapping, so RAM is a value of its own
//! and not part of a VM. The guest writes to it at any moment; every access here copies, and no
//! reference into it is ever made.

mod release;

use std::fmt;
use std::fs::File;

use vambrace_core::memory::Ipa;
use vm_memory::{
    Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryError, GuestMemoryMmap, VolatileSlice,
};

use crate::address::{ByteSize, Region};
use crate::layout::{FLASH, FLASH_BANKS, MAXIMUM_RAM, RAM_BASE, STOLEN_TIME};

/// A piece of the guest's memory: all RAM from [`RAM_BASE`] on, the page of stolen time, or flash.
/// Clones share the mapping.
#[derive(Clone)]
pub struct GuestMemory {
    mapping: GuestMemoryMmap,
    region: Region,
}

/// Why RAM could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Less than any image needs.
    #[error(
        "cannot give a machine {} of RAM: it needs at least {}; pass --memory 128M or more",
        ByteSize(*asked), ByteSize(MINIMUM_RAM)
    )]
    TooLittle {
        /// Bytes asked for.
        asked: u64,
    },
    /// More than a machine's address space holds.
    #[error(
        "cannot give a machine {} of RAM: its address space holds at most {}; pass a smaller \
         --memory",
        ByteSize(*asked), ByteSize(MAXIMUM_RAM)
    )]
    TooMuch {
        /// Bytes asked for.
        asked: u64,
    },
    /// Not a multiple of the largest page a host may have.
    #[error(
        "cannot give a machine {asked} bytes of RAM: it comes in steps of {}; pass --memory {}K",
        ByteSize(GRANULE), asked.next_multiple_of(GRANULE) >> 10
    )]
    Unaligned {
        /// Bytes asked for.
        asked: u64,
    },
    /// The host has no room for the mapping.
    #[error(
        "cannot map {} of RAM for the guest: {source}; pass a smaller --memory or free some of \
         the host's",
        ByteSize(*asked)
    )]
    Map {
        /// Bytes asked for.
        asked: u64,
        /// What the host said.
        source: vm_memory::mmap::FromRangesError,
    },
    /// The range is not RAM, or not all of it.
    #[error("cannot access guest memory at {address}, {size} bytes: RAM is {ram}")]
    OutsideRam {
        /// The first address of the access.
        address: Ipa,
        /// Its length in bytes.
        size: u64,
        /// Where RAM is.
        ram: Region,
    },
    /// The host keeps memory that is not needed.
    #[error("cannot give memory back to the host: {0}")]
    Release(rustix::io::Errno),
    /// The mapping refused an access inside RAM.
    #[error("cannot access guest memory at {address}: {source}")]
    Access {
        /// The first address of the access.
        address: Ipa,
        /// What the mapping said.
        source: GuestMemoryError,
    },
}

impl GuestMemory {
    /// Maps `size` bytes of zeroes. The host's pages are taken when they are first touched.
    ///
    /// # Errors
    /// If `size` is less than [`MINIMUM_RAM`], more than [`MAXIMUM_RAM`], not a multiple of
    /// [`GRANULE`], or more than the host can map.
    pub fn new(size: u64) -> Result<Self, MemoryError> {
        if size < MINIMUM_RAM {
            return Err(MemoryError::TooLittle { asked: size });
        }
        if size > MAXIMUM_RAM {
            return Err(MemoryError::TooMuch { asked: size });
        }
        if !size.is_multiple_of(GRANULE) {
            return Err(MemoryError::Unaligned { asked: size });
        }
        Self::map(Region::fixed(RAM_BASE.value(), size))
    }

    /// Maps the page with every vCPU's structure of stolen time, zeroed.
    ///
    /// # Errors
    /// If the host cannot map so much.
    pub fn stolen_time() -> Result<Self, MemoryError> {
        Self::map(STOLEN_TIME)
    }

    /// Maps both banks of flash, with these bytes in the first and zeroes behind them.
    ///
    /// The second is memory too, although nothing is ever in it: U-Boot sums up a quarter of a MiB
    /// of it a byte at a time before it says anything, and a place where nobody is costs an exit a
    /// byte. What nobody writes takes no memory of the host's.
    ///
    /// # Errors
    /// If there are more than fit into the board's, or than the host can map.
    pub fn flash(bytes: &[u8]) -> Result<Self, MemoryError> {
        let asked = bytes.len() as u64;
        if asked > FLASH.size() {
            return Err(MemoryError::TooMuch { asked });
        }
        let flash = Self::map(FLASH_BANKS)?;
        flash.write(FLASH.base(), bytes)?;
        Ok(flash)
    }

    fn map(region: Region) -> Result<Self, MemoryError> {
        let asked = region.size();
        let length = usize::try_from(asked).map_err(|_| MemoryError::TooMuch { asked })?;
        let mapping =
            GuestMemoryMmap::from_ranges(&[(GuestAddress(region.base().value()), length)])
                .map_err(|source| MemoryError::Map { asked, source })?;
        Ok(Self { mapping, region })
    }

    /// Where RAM lies in the guest.
    #[must_use]
    pub fn region(&self) -> Region {
        self.region
    }

    /// The mapping itself, of which KVM's memory slots share ownership.
    #[must_use]
    pub fn mapping(&self) -> &GuestMemoryMmap {
        &self.mapping
    }

    /// Copies the bytes at `address` into `buffer`.
    ///
    /// # Errors
    /// [`MemoryError::OutsideRam`] if a byte of it is not RAM; nothing is read then.
    pub fn read(&self, address: Ipa, buffer: &mut [u8]) -> Result<(), MemoryError> {
        self.check(address, buffer.len() as u64)?;
        self.mapping
            .read_slice(buffer, GuestAddress(address.value()))
            .map_err(|source| MemoryError::Access { address, source })
    }

    /// Copies `bytes` to `address`.
    ///
    /// # Errors
    /// [`MemoryError::OutsideRam`] if a byte of it is not RAM; nothing is written then.
    pub fn write(&self, address: Ipa, bytes: &[u8]) -> Result<(), MemoryError> {
        self.check(address, bytes.len() as u64)?;
        self.mapping
            .write_slice(bytes, GuestAddress(address.value()))
            .map_err(|source| MemoryError::Access { address, source })
    }

    /// Copies the next `length` bytes of a file to `address`, without a copy between.
    ///
    /// # Errors
    /// [`MemoryError::OutsideRam`] if a byte of it is not RAM; nothing is written then.
    /// [`MemoryError::Access`] if the file cannot be read or has not as many.
    pub fn read_from(&self, address: Ipa, file: &File, length: u64) -> Result<(), MemoryError> {
        self.check(address, length)?;
        let count = usize::try_from(length).map_err(|_| MemoryError::TooMuch { asked: length })?;
        self.mapping
            .read_exact_volatile_from(GuestAddress(address.value()), &mut &*file, count)
            .map_err(|source| MemoryError::Access { address, source })
    }

    /// Makes a range zero. Pages that already are stay untouched, so that clearing a large range
    /// nobody has used takes none of the host's memory.
    ///
    /// # Errors
    /// [`MemoryError::OutsideRam`] if a byte of it is not RAM; nothing is written then.
    pub fn clear(&self, region: Region) -> Result<(), MemoryError> {
        self.check(region.base(), region.size())?;
        let mut seen = vec![0; CLEAR_STEP];
        let zeroes = vec![0; CLEAR_STEP];
        let mut address = region.base().value();
        while address < region.end().value() {
            let left = usize::try_from(region.end().value() - address).unwrap_or(CLEAR_STEP);
            let step = left.min(CLEAR_STEP);
            self.read(Ipa::new(address), &mut seen[..step])?;
            if seen[..step] != zeroes[..step] {
                self.write(Ipa::new(address), &zeroes[..step])?;
            }
            address += step as u64;
        }
        Ok(())
    }

    /// The host's view of a range, for the maintenance of its caches.
    ///
    /// # Errors
    /// [`MemoryError::OutsideRam`] if a byte of it is not RAM.
    pub fn slice(&self, region: Region) -> Result<VolatileSlice<'_>, MemoryError> {
        let (address, size) = (region.base(), region.size());
        self.check(address, size)?;
        let size = usize::try_from(size).map_err(|_| MemoryError::TooMuch { asked: size })?;
        self.mapping
            .get_slice(GuestAddress(address.value()), size)
            .map_err(|source| MemoryError::Access { address, source })
    }

    /// Gives the host's memory behind a range of it back: what was there reads as zero when it is
    /// touched again. Of the host's pages those count that lie in the range as a whole.
    ///
    /// # Errors
    /// [`MemoryError::Release`] if the host refuses.
    pub(crate) fn release(&self, range: &VolatileSlice<'_>) -> Result<(), MemoryError> {
        release::release(range).map_err(MemoryError::Release)
    }

    /// Is all of it RAM?
    pub(crate) fn check(&self, address: Ipa, size: u64) -> Result<(), MemoryError> {
        match Region::new(address, size) {
            Some(range) if self.region.contains(range) => Ok(()),
            _ => Err(MemoryError::OutsideRam {
                address,
                size,
                ram: self.region,
            }),
        }
    }
}

impl fmt::Debug for GuestMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestMemory")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// The least RAM: an Image or a guest test is placed 2 MiB above RAM's base.
pub const MINIMUM_RAM: u64 = 4 << 20;
/// RAM's granularity: the largest page an arm64 host may have.
pub const GRANULE: u64 = 64 << 10;

const CLEAR_STEP: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> GuestMemory {
        GuestMemory::new(0x40_0000).unwrap()
    }

    fn read(memory: &GuestMemory, address: u64) -> [u8; 4] {
        let mut bytes = [0; 4];
        memory.read(Ipa::new(address), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let memory = memory();
        memory.write(Ipa::new(0x4000_0ffe), &[1, 2, 3, 4]).unwrap();
        assert_eq!(read(&memory, 0x4000_0ffe), [1, 2, 3, 4]);
    }

    #[test]
    fn clones_share_the_mapping() {
        let memory = memory();
        memory
            .clone()
            .write(Ipa::new(0x4000_0000), &[7; 4])
            .unwrap();
        assert_eq!(read(&memory, 0x4000_0000), [7; 4]);
    }

    #[test]
    fn accesses_that_leave_ram_are_refused_and_change_nothing() {
        let memory = memory();
        for address in [0, 0x3fff_ffff, 0x403f_fffd, 0x4040_0000, u64::MAX] {
            let error = memory.write(Ipa::new(address), &[0xff; 4]).unwrap_err();
            assert!(
                matches!(error, MemoryError::OutsideRam { .. }),
                "{address:#x}: {error}"
            );
        }
        assert_eq!(read(&memory, 0x4000_0000), [0; 4]);
        assert_eq!(read(&memory, 0x403f_fffc), [0; 4]);
    }

    #[test]
    fn clearing_reaches_exactly_its_range() {
        let memory = memory();
        memory
            .write(Ipa::new(0x4000_0000), &vec![0xaa; 0x3_0000])
            .unwrap();
        memory.clear(Region::fixed(0x4000_0004, 0x2_0000)).unwrap();
        assert_eq!(read(&memory, 0x4000_0002), [0xaa, 0xaa, 0, 0]);
        assert_eq!(read(&memory, 0x4002_0002), [0, 0, 0xaa, 0xaa]);
    }

    #[test]
    fn clearing_outside_ram_is_refused() {
        assert!(
            memory()
                .clear(Region::fixed(0x4030_0000, 0x20_0000))
                .is_err()
        );
    }

    #[test]
    fn stolen_time_is_a_page_of_its_own() {
        let page = GuestMemory::stolen_time().unwrap();
        assert_eq!(page.region().to_string(), "0x90a0000..0x90b0000");
        page.write(Ipa::new(0x090a_fffc), &[1; 4]).unwrap();
        assert!(page.write(Ipa::new(0x090a_fffd), &[1; 4]).is_err());
    }

    #[test]
    fn flash_holds_its_bytes_and_zeroes_behind() {
        let flash = GuestMemory::flash(&[1, 2, 3]).unwrap();
        assert_eq!(read(&flash, 0), [1, 2, 3, 0]);
        assert_eq!(read(&flash, 0x0400_0000), [0; 4]);
        assert_eq!(flash.region().to_string(), "0x0..0x8000000");
        assert!(GuestMemory::flash(&vec![0; (64 << 20) + 1]).is_err());
    }

    #[test]
    fn a_slice_is_as_long_as_its_range_and_within_ram() {
        let memory = memory();
        let slice = memory.slice(Region::fixed(0x4000_1000, 0x30)).unwrap();
        assert_eq!(slice.len(), 0x30);
        assert!(memory.slice(Region::fixed(0x403f_fff0, 0x11)).is_err());
    }

    #[test]
    fn too_little_ram_names_what_to_pass() {
        let error = GuestMemory::new(0x10_0000).unwrap_err().to_string();
        assert_eq!(
            error,
            "cannot give a machine 1 MiB of RAM: it needs at least 4 MiB; pass --memory 128M or \
             more"
        );
    }

    #[test]
    fn a_crooked_size_names_the_next_straight_one() {
        let error = GuestMemory::new(0x40_0001).unwrap_err().to_string();
        assert!(error.ends_with("pass --memory 4160K"), "{error}");
    }

    #[test]
    fn more_than_the_address_space_is_refused() {
        assert!(matches!(
            GuestMemory::new(u64::MAX),
            Err(MemoryError::TooMuch { .. })
        ));
    }

    #[test]
    fn more_than_the_host_can_map_is_an_error() {
        let result = GuestMemory::new(MAXIMUM_RAM);
        assert!(matches!(result, Err(MemoryError::Map { .. })), "{result:?}");
    }
}
