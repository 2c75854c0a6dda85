//! What the board's device tree says: RAM, CPUs, the guest in the initrd, bootargs, UARTs.
//!
//! Everything is copied out of the tree at once. The tree is the board's word and is believed, but
//! what it lacks is an error with a name.

use core::fmt;

use heapless::{String, Vec};

use crate::fdt::{self, Node, big_endian};
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
    /// The highest of its PL011s.
    pub uart: Option<u64>,
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
        let root = fdt::root(tree).ok_or(BoardError::NoTree)?;
        let child = |name| root.children().find(|node| node.is_named(name));
        let chosen = child("chosen").ok_or(BoardError::NoChosen)?;
        let memory = child("memory").and_then(|memory| region(root, memory));
        Ok(Self {
            ram: memory.ok_or(BoardError::NoMemory)?,
            cpus: child("cpus").and_then(cpus).ok_or(BoardError::NoCpus)?,
            initrd: initrd(chosen),
            bootargs: bootargs(chosen).ok_or(BoardError::Bootargs)?,
            uart: uart(root),
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

/// The first range that a node below the root is at.
fn region(root: Node<'_>, node: Node<'_>) -> Option<Range> {
    let bytes = |name| {
        let cells = root.property(name).and_then(big_endian)?;
        usize::try_from(cells).ok()?.checked_mul(4)
    };
    let reg = node.property("reg")?;
    let (address, rest) = reg.split_at_checked(bytes("#address-cells")?)?;
    let size = rest.get(..bytes("#size-cells")?)?;
    Range::new(big_endian(address)?, big_endian(size)?)
}

fn cpus(node: Node<'_>) -> Option<Vec<u64, MAX_CPUS>> {
    let mut cpus = Vec::new();
    for cpu in node.children().filter(|node| node.is_named("cpu")) {
        let id = big_endian(cpu.property("reg")?)?;
        if cpus.push(id).is_err() {
            break;
        }
    }
    (!cpus.is_empty()).then_some(cpus)
}

fn uart(root: Node<'_>) -> Option<u64> {
    let uarts = root.children().filter(is_pl011);
    let places = uarts.filter_map(|node| region(root, node));
    places.map(Range::start).max()
}

fn is_pl011(node: &Node<'_>) -> bool {
    let names = node.property("compatible").unwrap_or_default();
    names
        .split(|byte| *byte == 0)
        .any(|name| name == b"arm,pl011")
}

/// One cell or two.
fn initrd(chosen: Node<'_>) -> Option<Range> {
    let address = |name| big_endian(chosen.property(name)?);
    let (start, end) = (address("linux,initrd-start")?, address("linux,initrd-end")?);
    Range::new(start, end.checked_sub(start)?)
}

fn bootargs(chosen: Node<'_>) -> Option<String<BOOTARGS_BYTES>> {
    let Some(bootargs) = chosen.property("bootargs") else {
        return Some(String::new());
    };
    let text = bootargs.split(|byte| *byte == 0).next()?;
    String::try_from(core::str::from_utf8(text).ok()?).ok()
}

/// What a block descriptor of stage 2 maps.
const BLOCK: u64 = 0x20_0000;
