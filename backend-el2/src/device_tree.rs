//! The device tree that the guest is given.
//!
//! Names and the order of cells are the board's own, with only what the guest has: RAM, CPUs, PSCI
//! by HVC, timers, a GICv3, a PL011. Written from front to back into a fixed buffer (Devicetree
//! Specification v0.4, chapter 5).

use core::fmt::{self, Write as _};

use heapless::{String, Vec};

use crate::fdt::{BEGIN_NODE, END, END_NODE, MAGIC, PROPERTY, VERSION};
use crate::image::DEVICE_TREE_ROOM;
use crate::layout::{DISTRIBUTOR, REDISTRIBUTOR_SIZE, REDISTRIBUTORS, Range, UART, mpidr};

/// What a device tree has to tell.
#[derive(Debug, Clone, Copy)]
pub struct Description<'a> {
    /// The guest's RAM.
    pub ram: Range,
    /// How many vCPUs.
    pub vcpus: usize,
    /// The PSCI version: major in bits 31:16, minor in bits 15:0.
    pub psci_version: u32,
    /// The guest's arguments, `/chosen/bootargs`.
    pub arguments: Option<&'a str>,
}

/// A finished tree.
pub type Blob = Vec<u8, { DEVICE_TREE_ROOM as usize }>;

/// The tree does not fit: only its arguments can be that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the guest's arguments do not fit into its device tree")
    }
}

impl Description<'_> {
    /// The tree as a blob, version 17.
    ///
    /// # Errors
    ///
    /// [`TooLong`].
    pub fn to_blob(&self) -> Result<Blob, TooLong> {
        let mut tree = Tree::new();
        tree.begin("");
        tree.text("compatible", "linux,dummy-virt");
        tree.text("model", "linux,dummy-virt");
        tree.cells("#address-cells", &[2]);
        tree.cells("#size-cells", &[2]);
        tree.cells("interrupt-parent", &[GIC]);
        self.chosen(&mut tree);
        self.memory(&mut tree);
        self.cpus(&mut tree);
        self.psci(&mut tree);
        timer(&mut tree);
        self.gic(&mut tree);
        uart(&mut tree);
        tree.end();
        tree.finish()
    }

    fn chosen(&self, tree: &mut Tree) {
        tree.begin("chosen");
        tree.text("stdout-path", "/pl011@9000000");
        if let Some(arguments) = self.arguments {
            tree.text("bootargs", arguments);
        }
        tree.end();
    }

    fn memory(&self, tree: &mut Tree) {
        tree.begin_at("memory", self.ram.start());
        tree.text("device_type", "memory");
        tree.ranges("reg", &[self.ram]);
        tree.end();
    }

    /// Binding: arm/cpus.yaml.
    fn cpus(&self, tree: &mut Tree) {
        tree.begin("cpus");
        tree.cells("#address-cells", &[1]);
        tree.cells("#size-cells", &[0]);
        for vcpu in 0..self.vcpus {
            let affinity = mpidr(vcpu).value();
            tree.begin_at("cpu", affinity);
            tree.text("device_type", "cpu");
            tree.text("compatible", "arm,armv8");
            tree.text("enable-method", "psci");
            tree.cells("reg", &[low(affinity)]);
            tree.end();
        }
        tree.end();
    }

    /// Binding: arm/psci.yaml. 0.1 has no function ids of its own: the tree names those that core
    /// and KVM give it.
    fn psci(&self, tree: &mut Tree) {
        tree.begin("psci");
        let compatible = match self.psci_version {
            0x1_0000.. => "arm,psci-1.0\0arm,psci-0.2",
            2.. => "arm,psci-0.2",
            _ => "arm,psci",
        };
        tree.text("compatible", compatible);
        tree.text("method", "hvc");
        if self.psci_version < 2 {
            tree.cells("cpu_suspend", &[0x95c1_ba5e]);
            tree.cells("cpu_off", &[0x95c1_ba5f]);
            tree.cells("cpu_on", &[0x95c1_ba60]);
            tree.cells("migrate", &[0x95c1_ba61]);
        }
        tree.end();
    }

    /// Binding: interrupt-controller/arm,gic-v3.yaml.
    fn gic(&self, tree: &mut Tree) {
        let size = REDISTRIBUTOR_SIZE.saturating_mul(self.vcpus as u64);
        let frames = Range::new(REDISTRIBUTORS.start(), size).unwrap_or(REDISTRIBUTORS);
        tree.begin_at("intc", DISTRIBUTOR.start());
        tree.text("compatible", "arm,gic-v3");
        tree.mark("interrupt-controller");
        tree.cells("#interrupt-cells", &[3]);
        tree.cells("#redistributor-regions", &[1]);
        tree.ranges("reg", &[DISTRIBUTOR, frames]);
        tree.cells("phandle", &[GIC]);
        tree.end();
    }
}

/// Binding: timer/arm,arch_timer.yaml: secure, physical, virtual, hypervisor.
fn timer(tree: &mut Tree) {
    tree.begin("timer");
    tree.text("compatible", "arm,armv8-timer\0arm,armv7-timer");
    tree.mark("always-on");
    let interrupts = [13, 14, 11, 10].map(|number| [PPI, number, LEVEL_HIGH]);
    tree.cells("interrupts", interrupts.as_flattened());
    tree.end();
}

/// Bindings: serial/pl011.yaml, clock/fixed-clock.yaml.
fn uart(tree: &mut Tree) {
    tree.begin("apb-pclk");
    tree.text("compatible", "fixed-clock");
    tree.cells("#clock-cells", &[0]);
    tree.cells("clock-frequency", &[24_000_000]);
    tree.text("clock-output-names", "clk24mhz");
    tree.cells("phandle", &[UART_CLOCK]);
    tree.end();
    tree.begin_at("pl011", UART.start());
    tree.text("compatible", "arm,pl011\0arm,primecell");
    tree.ranges("reg", &[UART]);
    tree.cells("interrupts", &[SPI, 1, LEVEL_HIGH]);
    tree.cells("clocks", &[UART_CLOCK, UART_CLOCK]);
    tree.text("clock-names", "uartclk\0apb_pclk");
    tree.end();
}

/// A tree in the making: its structure, and the names of its properties. What does not fit is
/// remembered, and told at the end.
#[derive(Debug)]
struct Tree {
    structure: Vec<u8, STRUCTURE_ROOM>,
    names: Vec<u8, NAMES_ROOM>,
    fits: Result<(), TooLong>,
}

impl Tree {
    const fn new() -> Self {
        Self {
            structure: Vec::new(),
            names: Vec::new(),
            fits: Ok(()),
        }
    }

    fn begin(&mut self, name: &str) {
        self.cell(BEGIN_NODE);
        self.string(name);
    }

    fn begin_at(&mut self, name: &str, address: u64) {
        let mut full: String<32> = String::new();
        let written = write!(full, "{name}@{address:x}");
        self.note(written);
        self.begin(&full);
    }

    fn end(&mut self) {
        self.cell(END_NODE);
    }

    /// A property without a value.
    fn mark(&mut self, name: &str) {
        self.header(name, 0);
    }

    /// A string, or several with a zero byte between them.
    fn text(&mut self, name: &str, value: &str) {
        self.header(name, value.len() + 1);
        self.string(value);
    }

    fn cells(&mut self, name: &str, cells: &[u32]) {
        self.header(name, size_of_val(cells));
        for cell in cells {
            self.cell(*cell);
        }
    }

    /// Addresses and sizes, two cells each.
    fn ranges(&mut self, name: &str, ranges: &[Range]) {
        self.header(name, ranges.len() * 16);
        for range in ranges {
            self.bytes(&range.start().to_be_bytes());
            self.bytes(&range.size().to_be_bytes());
        }
    }

    fn header(&mut self, name: &str, length: usize) {
        let name = self.name(name);
        self.cell(PROPERTY);
        self.cell(low(length as u64));
        self.cell(low(name as u64));
    }

    /// Where a property's name is; each is there once.
    fn name(&mut self, name: &str) -> usize {
        let mut offset = 0;
        for known in self.names.split_inclusive(|byte| *byte == 0) {
            if known.strip_suffix(&[0]) == Some(name.as_bytes()) {
                return offset;
            }
            offset += known.len();
        }
        let put = self.names.extend_from_slice(name.as_bytes());
        let ended = self.names.push(0);
        self.note(put);
        self.note(ended);
        offset
    }

    /// With a zero byte, and those behind it up to the next cell.
    fn string(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        let padding = 4 - self.structure.len() % 4;
        self.bytes(&[0; 4][..padding]);
    }

    fn cell(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    // Once, not in each of those above: the image has a limit.
    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        let put = self.structure.extend_from_slice(bytes);
        self.note(put);
    }

    fn note<E>(&mut self, put: Result<(), E>) {
        if put.is_err() {
            self.fits = Err(TooLong);
        }
    }

    /// Header, empty table of reservations, structure, names.
    fn finish(mut self) -> Result<Blob, TooLong> {
        self.cell(END);
        self.fits?;
        let structure = HEADER_BYTES + RESERVATIONS_BYTES;
        let names = structure + self.structure.len();
        let header = [
            MAGIC,
            low((names + self.names.len()) as u64),
            low(structure as u64),
            low(names as u64),
            low(HEADER_BYTES as u64),
            VERSION,
            LAST_COMPATIBLE_VERSION,
            0,
            low(self.names.len() as u64),
            low(self.structure.len() as u64),
        ]
        .map(u32::to_be_bytes);
        let parts = [
            header.as_flattened(),
            &[0; RESERVATIONS_BYTES],
            &self.structure,
            &self.names,
        ];
        let mut blob = Blob::new();
        for part in parts {
            blob.extend_from_slice(part).map_err(|_| TooLong)?;
        }
        Ok(blob)
    }
}

/// The low word.
const fn low(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

const HEADER_BYTES: usize = 40;
/// One entry, which ends the table.
const RESERVATIONS_BYTES: usize = 16;
const STRUCTURE_ROOM: usize = 0xe00;
const NAMES_ROOM: usize = 0x180;

const LAST_COMPATIBLE_VERSION: u32 = 16;

/// Phandles.
const GIC: u32 = 1;
const UART_CLOCK: u32 = 2;

/// The first cell of a GIC interrupt specifier, and its third: active high, level-sensitive.
const SPI: u32 = 0;
const PPI: u32 = 1;
const LEVEL_HIGH: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use dtoolkit::fdt::Fdt;
    use dtoolkit::{Node as _, Property as _};

    fn description(arguments: Option<&str>) -> Description<'_> {
        Description {
            ram: Range::new(0x4000_0000, 0x800_0000).unwrap(),
            vcpus: 8,
            psci_version: 0x1_0001,
            arguments,
        }
    }

    #[test]
    fn another_reader_understands_the_tree() {
        let blob = description(Some("quiet")).to_blob().unwrap();
        let fdt = Fdt::new(&blob).unwrap();
        let text = |path, name: &str| {
            let node = fdt.find_node(path).unwrap();
            node.property(name).unwrap().value().to_vec()
        };
        assert_eq!(text("/chosen", "bootargs"), b"quiet\0");
        assert_eq!(text("/psci", "compatible"), b"arm,psci-1.0\0arm,psci-0.2\0");
        assert_eq!(text("/cpus/cpu@7", "reg"), [0, 0, 0, 7]);
        assert_eq!(
            text("/intc@8000000", "reg")[16..],
            [0, 0, 0, 0, 8, 0xa, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0]
        );
    }

    #[test]
    fn a_board_is_read_from_it() {
        let blob = description(Some("vcpus=2")).to_blob().unwrap();
        let board = Board::read(&blob).unwrap();
        assert_eq!(board.ram, Range::new(0x4000_0000, 0x800_0000).unwrap());
        assert_eq!(board.cpus, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(board.bootargs, "vcpus=2");
        assert_eq!((board.initrd, board.uart), (None, Some(0x900_0000)));
    }

    #[test]
    fn the_guests_ram_is_the_highest_that_nobody_has() {
        let blob = description(None).to_blob().unwrap();
        let mut board = Board::read(&blob).unwrap();
        board.initrd = Range::new(0x4780_0000, 0x1000);
        let tree = Range::new(0x47a0_0000, 0x1000).unwrap();
        let room = |size| board.room_for(size, tree).map(Range::start);
        assert_eq!(room(0x40_0000), Some(0x47c0_0000));
        assert_eq!(room(0x100_0000), Some(0x4680_0000));
        assert_eq!(room(0x740_0000), Some(0x4040_0000));
        assert_eq!(room(0x760_0000), None);
    }

    #[test]
    fn arguments_that_do_not_fit_are_refused() {
        let long = "x".repeat(0x1000);
        assert_eq!(description(Some(&long)).to_blob(), Err(TooLong));
    }
}
