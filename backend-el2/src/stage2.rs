//! The guest's view of memory: translation tables of stage 2, from a fixed pool.
//!
//! 4 KiB granule, 36 bits of guest address, walks from level 1 (DDI 0487, D8.2). RAM in blocks of
//! 2 MiB, somewhere else than the guest sees it; devices in pages, where they are; nothing else.
//! Tables are written before any vCPU runs and never changed while one does, so that no entry is
//! ever broken before it is made.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::layout::Range;

/// One table; in memory it is what the hardware walks.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Table([AtomicU64; ENTRIES]);

/// All tables that a guest can have.
#[derive(Debug)]
pub struct Tables {
    root: Table,
    pool: [Table; POOL],
}

/// What the guest may do with what is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Memory, cached, executable.
    Ram,
    /// Memory, cached, that the guest only reads.
    ReadOnlyRam,
    /// A device.
    Device,
}

/// Why something cannot be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapError {
    /// Not whole pages, or beyond the guest's addresses.
    Alignment,
    /// Something is there already.
    Taken(u64),
    /// The pool is used up.
    PoolEmpty,
}

/// A pool's next table.
#[derive(Debug)]
pub struct Mapper<'a> {
    tables: &'a Tables,
    used: usize,
}

impl Tables {
    /// Nothing is mapped.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            root: Table::new(),
            pool: [const { Table::new() }; POOL],
        }
    }

    /// The table that walks begin with.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.root.address()
    }

    /// Maps into empty tables. Only one mapper is made of them.
    #[must_use]
    pub const fn mapper(&self) -> Mapper<'_> {
        Mapper {
            tables: self,
            used: 0,
        }
    }
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

impl Mapper<'_> {
    /// Maps all of `guest` to where `physical` begins.
    ///
    /// # Errors
    ///
    /// [`MapError`]; what was mapped before it stays mapped.
    pub fn map(&mut self, guest: Range, physical: u64, kind: Kind) -> Result<(), MapError> {
        let aligned = (guest.start() | guest.size() | physical) & (PAGE - 1) == 0;
        if !aligned || guest.end() > 1 << ADDRESS_BITS {
            return Err(MapError::Alignment);
        }
        let mut done = 0;
        while done < guest.size() {
            let (from, to) = (guest.start() + done, physical + done);
            let block = (from | to) & (BLOCK - 1) == 0 && guest.size() - done >= BLOCK;
            let level2 = self.next_table(&self.tables.root, index(from, 30))?;
            let (place, size, last) = if block {
                (&level2.0[index(from, 21)], BLOCK, BLOCK_DESCRIPTOR)
            } else {
                let level3 = self.next_table(level2, index(from, 21))?;
                (&level3.0[index(from, 12)], PAGE, PAGE_DESCRIPTOR)
            };
            if place.load(Ordering::Relaxed) != 0 {
                return Err(MapError::Taken(from));
            }
            place.store(to | kind.attributes() | last, Ordering::Relaxed);
            done += size;
        }
        Ok(())
    }
}

impl<'a> Mapper<'a> {
    /// The table behind an entry, which is made if it is not there.
    fn next_table(&mut self, table: &'a Table, index: usize) -> Result<&'a Table, MapError> {
        let pool = &self.tables.pool;
        match table.0[index].load(Ordering::Relaxed) {
            0 => {
                let next = pool.get(self.used).ok_or(MapError::PoolEmpty)?;
                self.used += 1;
                let descriptor = next.address() | TABLE_DESCRIPTOR;
                table.0[index].store(descriptor, Ordering::Relaxed);
                Ok(next)
            }
            descriptor => {
                let mut used = pool.iter().take(self.used);
                used.find(|table| table.address() | TABLE_DESCRIPTOR == descriptor)
                    .ok_or(MapError::Taken(descriptor))
            }
        }
    }
}

impl Table {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; ENTRIES])
    }

    /// This program sees every address where it is.
    fn address(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }
}

impl Kind {
    /// MemAttr, S2AP, SH, AF and XN (DDI 0487, D8.3.2.2).
    const fn attributes(self) -> u64 {
        const NORMAL: u64 = 0b1111 << 2;
        const DEVICE_NGNRE: u64 = 0b0001 << 2;
        const READ: u64 = 0b01 << 6;
        const READ_WRITE: u64 = 0b11 << 6;
        const INNER_SHAREABLE: u64 = 0b11 << 8;
        const ACCESSED: u64 = 1 << 10;
        const NEVER_EXECUTED: u64 = 0b10 << 53;
        match self {
            Self::Ram => NORMAL | READ_WRITE | INNER_SHAREABLE | ACCESSED,
            Self::ReadOnlyRam => NORMAL | READ | INNER_SHAREABLE | ACCESSED | NEVER_EXECUTED,
            Self::Device => DEVICE_NGNRE | READ_WRITE | ACCESSED | NEVER_EXECUTED,
        }
    }
}

fn index(address: u64, shift: u32) -> usize {
    ((address >> shift) & (ENTRIES as u64 - 1)) as usize
}

/// What VTCR_EL2.T0SZ is computed from.
pub const ADDRESS_BITS: u32 = 36;

const ENTRIES: usize = 512;
/// A level 2 table for every GiB of RAM and one for devices, and a level 3 table for those.
const POOL: usize = 10;
const PAGE: u64 = 0x1000;
const BLOCK: u64 = 0x20_0000;
const BLOCK_DESCRIPTOR: u64 = 0b01;
const TABLE_DESCRIPTOR: u64 = 0b11;
const PAGE_DESCRIPTOR: u64 = 0b11;

#[cfg(test)]
mod tests {
    use super::*;

    /// What the hardware would find: the physical address and the descriptor's other bits.
    fn walk(tables: &Tables, address: u64) -> Option<(u64, u64)> {
        let mut table = &tables.root;
        for shift in [30, 21, 12] {
            let descriptor = table.0[index(address, shift)].load(Ordering::Relaxed);
            let is_last = shift == 12 || descriptor & 0b10 == 0;
            if descriptor & 1 == 0 {
                return None;
            }
            if is_last {
                let mask = (1 << shift) - 1;
                let base = descriptor & 0xffff_ffff_f000;
                return Some((base | address & mask, descriptor & !0xffff_ffff_f000));
            }
            let next = descriptor & !0xfff;
            table = tables.pool.iter().find(|table| table.address() == next)?;
        }
        None
    }

    fn range(start: u64, size: u64) -> Range {
        Range::new(start, size).unwrap()
    }

    #[test]
    fn ram_is_elsewhere_and_nothing_is_beside_it() {
        let tables = Tables::new();
        let mut mapper = tables.mapper();
        let ram = range(0x4000_0000, 0x800_0000);
        mapper.map(ram, 0x4c00_0000, Kind::Ram).unwrap();
        assert_eq!(walk(&tables, 0x4000_0000).unwrap().0, 0x4c00_0000);
        assert_eq!(walk(&tables, 0x47ff_fff8).unwrap().0, 0x53ff_fff8);
        for outside in [0, 0x3fff_ffff, 0x4800_0000, 0x8000_0000, 0xf_ffff_ffff] {
            assert_eq!(walk(&tables, outside), None, "{outside:#x}");
        }
    }

    #[test]
    fn a_device_is_one_page_that_nobody_executes() {
        let tables = Tables::new();
        let uart = range(0x900_0000, 0x1000);
        tables.mapper().map(uart, 0x900_0000, Kind::Device).unwrap();
        let (physical, attributes) = walk(&tables, 0x900_0018).unwrap();
        assert_eq!(physical, 0x900_0018);
        // XN = 0b10, AF, S2AP = read and write, Device-nGnRE, page.
        assert_eq!(attributes, 0x0040_0000_0000_04c7);
        assert_eq!(walk(&tables, 0x900_1000), None);
        assert_eq!(walk(&tables, 0x8ff_ffff), None);
    }

    #[test]
    fn memory_that_is_read_only_is_so() {
        let tables = Tables::new();
        let page = range(0x90a_0000, 0x1000);
        tables
            .mapper()
            .map(page, 0x5000, Kind::ReadOnlyRam)
            .unwrap();
        let (_, attributes) = walk(&tables, 0x90a_0000).unwrap();
        assert_eq!(attributes >> 6 & 0b11, 0b01);
    }

    #[test]
    fn nothing_is_mapped_twice_or_unaligned_or_beyond_the_guests_addresses() {
        let tables = Tables::new();
        let mut mapper = tables.mapper();
        let mut map = |start, size, to| mapper.map(range(start, size), to, Kind::Ram);
        assert_eq!(map(0x1000, 0x1000, 0x800), Err(MapError::Alignment));
        assert_eq!(map(0x1000, 0x10, 0), Err(MapError::Alignment));
        assert_eq!(map(0xf_ffff_f000, 0x2000, 0), Err(MapError::Alignment));
        assert_eq!(map(0x20_0000, 0x20_0000, 0), Ok(()));
        assert_eq!(
            map(0x20_0000, 0x20_0000, 0),
            Err(MapError::Taken(0x20_0000))
        );
        assert_eq!(
            map(0x20_1000, 0x1000, 0x1000),
            Err(MapError::Taken(1 | 0x7fc))
        );
    }

    #[test]
    fn a_pool_that_is_used_up_is_an_error() {
        let tables = Tables::new();
        let all = range(0, 11 << 30);
        let refused = tables.mapper().map(all, 0, Kind::Ram);
        assert_eq!(refused, Err(MapError::PoolEmpty));
    }
}
