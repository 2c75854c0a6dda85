//! The nodes of devices.
//!
//! The PL011 is in every machine. The others are described where the machine hands them over:
//! nothing here knows how a device works, only how its binding wants it told.

use vm_fdt::{Error, FdtWriter};

use super::{CLOCK_PHANDLE, GPIO_PHANDLE, reg, strings};
use crate::address::Region;
use crate::layout::{PL011, PL011_SPI};

/// A device beside the PL011.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// What it is.
    pub kind: DeviceKind,
    /// Where its registers lie.
    pub region: Region,
    /// Its shared peripheral interrupt.
    pub spi: u32,
}

/// A kind of device that a tree can tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A PL031 real-time clock.
    Pl031,
    /// A PL061 GPIO controller with the power button at line 3.
    Pl061,
    /// A virtio-mmio transport, whatever is behind it. Its interrupt is edge-triggered.
    VirtioMmio,
}

impl Device {
    pub(super) fn describe(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        match self.kind {
            DeviceKind::Pl031 => self.pl031(fdt),
            DeviceKind::Pl061 => self.pl061(fdt),
            DeviceKind::VirtioMmio => self.virtio_mmio(fdt),
        }
    }

    /// Binding: rtc/arm,pl031.yaml.
    fn pl031(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node(&self.name("pl031"))?;
        strings(fdt, "compatible", &["arm,pl031", "arm,primecell"])?;
        self.place(fdt, LEVEL_HIGH)?;
        primecell_clock(fdt)?;
        fdt.end_node(node)
    }

    /// Bindings: gpio/pl061-gpio.yaml and input/gpio-keys.yaml.
    fn pl061(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node(&self.name("pl061"))?;
        strings(fdt, "compatible", &["arm,pl061", "arm,primecell"])?;
        self.place(fdt, LEVEL_HIGH)?;
        primecell_clock(fdt)?;
        fdt.property_null("gpio-controller")?;
        fdt.property_u32("#gpio-cells", 2)?;
        fdt.property_phandle(GPIO_PHANDLE)?;
        fdt.end_node(node)?;
        let keys = fdt.begin_node("gpio-keys")?;
        fdt.property_string("compatible", "gpio-keys")?;
        let button = fdt.begin_node("poweroff")?;
        fdt.property_string("label", "GPIO Key Poweroff")?;
        fdt.property_u32("linux,code", KEY_POWER)?;
        fdt.property_array_u32("gpios", &[GPIO_PHANDLE, BUTTON_LINE, GPIO_ACTIVE_HIGH])?;
        fdt.property_null("wakeup-source")?;
        fdt.end_node(button)?;
        fdt.end_node(keys)
    }

    /// Binding: virtio/mmio.yaml.
    fn virtio_mmio(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node(&self.name("virtio_mmio"))?;
        fdt.property_string("compatible", "virtio,mmio")?;
        self.place(fdt, EDGE_RISING)?;
        fdt.property_null("dma-coherent")?;
        fdt.end_node(node)
    }

    fn name(&self, kind: &str) -> String {
        format!("{kind}@{:x}", self.region.base().value())
    }

    fn place(&self, fdt: &mut FdtWriter, trigger: u32) -> Result<(), Error> {
        fdt.property_array_u64("reg", &reg(self.region))?;
        fdt.property_array_u32("interrupts", &[SPI, self.spi, trigger])
    }
}

/// Binding: clock/fixed-clock.yaml. A PL011 driver computes its divisors from it.
pub(super) fn clock(fdt: &mut FdtWriter) -> Result<(), Error> {
    let node = fdt.begin_node("apb-pclk")?;
    fdt.property_string("compatible", "fixed-clock")?;
    fdt.property_u32("#clock-cells", 0)?;
    fdt.property_u32("clock-frequency", 24_000_000)?;
    fdt.property_string("clock-output-names", "clk24mhz")?;
    fdt.property_phandle(CLOCK_PHANDLE)?;
    fdt.end_node(node)
}

/// Binding: serial/pl011.yaml.
pub(super) fn pl011(fdt: &mut FdtWriter) -> Result<(), Error> {
    let node = fdt.begin_node(&pl011_path()[1..])?;
    strings(fdt, "compatible", &["arm,pl011", "arm,primecell"])?;
    fdt.property_array_u64("reg", &reg(PL011))?;
    fdt.property_array_u32("interrupts", &[SPI, PL011_SPI, LEVEL_HIGH])?;
    fdt.property_array_u32("clocks", &[CLOCK_PHANDLE, CLOCK_PHANDLE])?;
    strings(fdt, "clock-names", &["uartclk", "apb_pclk"])?;
    fdt.end_node(node)
}

/// Where the tree has the PL011.
pub(super) fn pl011_path() -> String {
    format!("/pl011@{:x}", PL011.base().value())
}

/// The bus clock that Linux's drivers of PrimeCell devices insist on.
fn primecell_clock(fdt: &mut FdtWriter) -> Result<(), Error> {
    fdt.property_u32("clocks", CLOCK_PHANDLE)?;
    fdt.property_string("clock-names", "apb_pclk")
}

/// The first cell of a GIC interrupt specifier.
const SPI: u32 = 0;
/// Its third.
const EDGE_RISING: u32 = 1;
pub(super) const LEVEL_HIGH: u32 = 4;

/// Linux's code of the key (`uapi/linux/input-event-codes.h`).
const KEY_POWER: u32 = 116;
const BUTTON_LINE: u32 = 3;
const GPIO_ACTIVE_HIGH: u32 = 0;
