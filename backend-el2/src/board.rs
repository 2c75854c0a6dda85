//! What the board's device tree says: RAM, CPUs, the guest in the initrd, bootargs, UARTs.
//!
//! Everything is copied out of the tree at once. The tree is the board's word and is believed, but
//! what it lacks is an error with a name.

use core::fmt;

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::NodeStandard as _;
use dtoolkit::{Node as _, Property as _};
use heapless::{String, Vec};

use crate::layout::{MAX_CPUS, OWN_MEMORY, Range};

/// A board as far as it matters here.
#[derive(Debug, Clone)]
pub struct Board {
    /// Its RAM.
    pub ram: Range,
    /// Its CPUs, as its firmware names them; more than are used are left out.
    pub cpus: Vec<u64, MAX_CPUS>,
    /// The file behind `-initrd`.
    pub initrd: Option<Range>,
    /// What stands behind `-append`.
    pub bootargs: String<BOOTARGS_BYTES>,
    /// Its PL011s, in rising order of their addresses.
    pub uarts: Vec<u64, 2>,
}

/// Longest bootargs.
pub const BOOTARGS_BYTES: usize = 1024;

/// What a board lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardError {
    /// No tree is where it was said to be, or it is damaged.
    NoTree,
    /// No node `memory`, or no range in it.
    NoMemory,
    /// No CPU.
    NoCpus,
    /// No /chosen.
    NoChosen,
    /// The bootargs are not text, or longer than [`BOOTARGS_BYTES`].
    Bootargs,
}

impl Board {
    /// Reads the board's tree.
    ///
    /// # Errors
    ///
    /// [`BoardError`] says what it lacks.
    pub fn read(tree: &[u8]) -> Result<Self, BoardError> {
        let fdt = Fdt::new(tree).map_err(|_| BoardError::NoTree)?;
        let chosen = fdt.find_node("/chosen").ok_or(BoardError::NoChosen)?;
        Ok(Self {
            ram: memory(fdt).ok_or(BoardError::NoMemory)?,
            cpus: cpus(fdt).ok_or(BoardError::NoCpus)?,
            initrd: initrd(&chosen),
            bootargs: bootargs(&chosen).ok_or(BoardError::Bootargs)?,
            uarts: uarts(fdt),
        })
    }

    /// The highest `size` bytes of RAM, aligned to 2 MiB, that are neither this program's nor the
    /// initrd's nor the tree's.
    #[must_use]
    pub fn room_for(&self, size: u64, tree: Range) -> Option<Range> {
        let taken = [OWN_MEMORY, tree].into_iter().chain(self.initrd);
        let mut end = self.ram.end();
        loop {
            let start = end.checked_sub(size)? & !(BLOCK - 1);
            let room = Range::new(start, size).filter(|room| self.ram.holds(*room))?;
            let in_the_way = taken.clone().filter(|taken| taken.overlaps(room));
            match in_the_way.map(Range::start).min() {
                None => return Some(room),
                Some(start) => end = start,
            }
        }
    }
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTree => "the board gave no device tree: boot the arm64 Image with -kernel",
            Self::NoMemory => "the board's device tree names no RAM",
            Self::NoCpus => "the board's device tree names no CPU",
            Self::NoChosen => "the board's device tree has no /chosen",
            Self::Bootargs => "the bootargs are not text, or longer than 1024 bytes",
        })
    }
}

fn memory(fdt: Fdt<'_>) -> Option<Range> {
    let node = children(fdt, "").find(|node| node.name_without_address() == "memory")?;
    let reg = node.reg().ok()??.next()?;
    Range::new(reg.address().ok()?, reg.size().ok()?)
}

fn cpus(fdt: Fdt<'_>) -> Option<Vec<u64, MAX_CPUS>> {
    let nodes = children(fdt, "/cpus").filter(|node| node.name_without_address() == "cpu");
    let mut cpus = Vec::new();
    for node in nodes {
        let id = big_endian(node.property("reg")?.value())?;
        if cpus.push(id).is_err() {
            break;
        }
    }
    (!cpus.is_empty()).then_some(cpus)
}

fn uarts(fdt: Fdt<'_>) -> Vec<u64, 2> {
    let mut uarts = Vec::new();
    for node in children(fdt, "").filter(|node| node.is_compatible("arm,pl011")) {
        let reg = node.reg().ok().flatten().and_then(|mut reg| reg.next());
        if let Some(address) = reg.and_then(|reg| reg.address().ok()) {
            // A board with more has two that are known.
            let _ = uarts.push(address);
        }
    }
    uarts.sort_unstable();
    uarts
}

/// One cell or two.
fn initrd(chosen: &FdtNode<'_>) -> Option<Range> {
    let cell = |name| big_endian(chosen.property(name)?.value());
    let (start, end) = (cell("linux,initrd-start")?, cell("linux,initrd-end")?);
    Range::new(start, end.checked_sub(start)?)
}

fn bootargs(chosen: &FdtNode<'_>) -> Option<String<BOOTARGS_BYTES>> {
    let Some(property) = chosen.property("bootargs") else {
        return Some(String::new());
    };
    let text = property.value().split(|byte| *byte == 0).next()?;
    String::try_from(core::str::from_utf8(text).ok()?).ok()
}

fn children<'a>(fdt: Fdt<'a>, path: &str) -> impl Iterator<Item = FdtNode<'a>> {
    let node = if path.is_empty() {
        Some(fdt.root())
    } else {
        fdt.find_node(path)
    };
    node.into_iter().flat_map(|node| node.children())
}

/// A number of four or eight bytes, the highest first.
fn big_endian(bytes: &[u8]) -> Option<u64> {
    match bytes.len() {
        4 | 8 => Some(
            bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u64::from(*byte)),
        ),
        _ => None,
    }
}

/// What a block descriptor of stage 2 maps.
const BLOCK: u64 = 0x20_0000;
