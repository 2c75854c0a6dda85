//! The device tree that describes the machine to its guest.
//!
//! Node names and their order of cells are QEMU's, so that software which looks for paths finds
//! them. Nothing in it is taken from the host, and nothing is random but the seeds, if there are
//! any: equal machines have equal bytes. (Devicetree Specification v0.4; the bindings are named at
//! each node.)

mod device;
mod interrupts;

use std::fmt;

use vm_fdt::FdtWriter;

use self::device::{clock, pl011, pl011_path};
use crate::address::Region;
use crate::layout::{InterruptController, Layout, mpidr};

pub use self::device::{Device, DeviceKind};

/// What a device tree has to tell.
#[derive(Debug, Clone, Copy)]
pub struct Description<'a> {
    /// Where the machine's parts lie.
    pub layout: &'a Layout,
    /// The PSCI version that the guest is told: major in bits 31:16, minor in 15:0.
    pub psci_version: u32,
    /// What interrupts arrive at.
    pub interrupt_controller: InterruptController,
    /// Whether the vCPUs have a performance monitor.
    pub performance_monitor: PerformanceMonitor,
    /// The guest's arguments, `/chosen/bootargs`.
    pub arguments: Option<&'a str>,
    /// Where the initramfs lies, if there is one.
    pub initramfs: Option<Region>,
    /// What the guest's first random numbers come from.
    pub seeds: Option<&'a Seeds>,
    /// What there is beside the PL011.
    pub devices: &'a [Device],
}

/// Random bytes for one life of a guest, which overwrites them as it reads them. Nobody else may
/// know them: they are shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Seeds {
    /// From which a kernel chooses its addresses (`kaslr-seed`).
    pub kaslr: [u8; 8],
    /// With which its random number generator starts (`rng-seed`).
    pub rng: [u8; 32],
}

/// None is left behind in memory that others may get.
impl Drop for Seeds {
    fn drop(&mut self) {
        self.kaslr = [0; 8];
        self.rng = [0; 32];
        // Whatever looks here might be told of the zeroes, so that they are written.
        std::hint::black_box(self);
    }
}

/// Whether vCPUs have a performance monitor (PMUv3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerformanceMonitor {
    /// Each has one.
    Present,
    /// None has.
    Absent,
}

/// Why a machine cannot be described.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FdtError {
    /// A device tree's strings end at the first zero byte.
    #[error("cannot pass the guest its arguments: they contain a zero byte")]
    ZeroInArguments,
    /// The writer refused a node.
    #[error("cannot write the device tree: {0}")]
    Write(vm_fdt::Error),
}

impl Description<'_> {
    /// The device tree as a blob, version 17.
    ///
    /// # Errors
    /// [`FdtError`].
    pub fn to_blob(&self) -> Result<Vec<u8>, FdtError> {
        if self
            .arguments
            .is_some_and(|arguments| arguments.contains('\0'))
        {
            return Err(FdtError::ZeroInArguments);
        }
        self.root().map_err(FdtError::Write)
    }

    fn root(&self) -> Result<Vec<u8>, vm_fdt::Error> {
        let mut fdt = FdtWriter::new()?;
        let root = fdt.begin_node("")?;
        fdt.property_string("compatible", "linux,dummy-virt")?;
        fdt.property_string("model", "linux,dummy-virt")?;
        fdt.property_u32("#address-cells", 2)?;
        fdt.property_u32("#size-cells", 2)?;
        fdt.property_u32("interrupt-parent", GIC_PHANDLE)?;
        aliases(&mut fdt)?;
        self.chosen(&mut fdt)?;
        self.memory(&mut fdt)?;
        self.cpus(&mut fdt)?;
        self.psci(&mut fdt)?;
        self.timer(&mut fdt)?;
        if self.performance_monitor == PerformanceMonitor::Present {
            self.pmu(&mut fdt)?;
        }
        self.gic(&mut fdt)?;
        clock(&mut fdt)?;
        pl011(&mut fdt)?;
        for device in self.devices {
            device.describe(&mut fdt)?;
        }
        fdt.end_node(root)?;
        fdt.finish()
    }

    /// The devicetree schema's chosen.yaml.
    fn chosen(&self, fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node("chosen")?;
        fdt.property_string("stdout-path", &pl011_path())?;
        if let Some(arguments) = self.arguments {
            fdt.property_string("bootargs", arguments)?;
        }
        if let Some(initramfs) = self.initramfs {
            fdt.property_u64("linux,initrd-start", initramfs.base().value())?;
            fdt.property_u64("linux,initrd-end", initramfs.end().value())?;
        }
        if let Some(seeds) = self.seeds {
            fdt.property("kaslr-seed", &seeds.kaslr)?;
            fdt.property("rng-seed", &seeds.rng)?;
        }
        fdt.end_node(node)
    }

    fn memory(&self, fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
        let ram = self.layout.ram();
        let node = fdt.begin_node(&format!("memory@{:x}", ram.base().value()))?;
        fdt.property_string("device_type", "memory")?;
        fdt.property_array_u64("reg", &reg(ram))?;
        fdt.end_node(node)
    }

    /// Binding: arm/cpus.yaml. No affinity here has an Aff3, so that one cell names a CPU.
    fn cpus(&self, fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node("cpus")?;
        fdt.property_u32("#address-cells", 1)?;
        fdt.property_u32("#size-cells", 0)?;
        for vcpu in 0..self.layout.vcpus() {
            let affinity = mpidr(vcpu).value();
            let cpu = fdt.begin_node(&format!("cpu@{affinity:x}"))?;
            fdt.property_string("device_type", "cpu")?;
            fdt.property_string("compatible", "arm,armv8")?;
            fdt.property_string("enable-method", "psci")?;
            fdt.property("reg", &affinity.to_be_bytes()[4..])?;
            fdt.end_node(cpu)?;
        }
        fdt.end_node(node)
    }

    /// Binding: arm/psci.yaml. From 1.0 on the versions are compatible with one another. 0.1 has no
    /// function ids of its own: the tree names those that KVM gives it.
    fn psci(&self, fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
        let compatible: &[&str] = match self.psci_version {
            PSCI_1_0.. => &["arm,psci-1.0", "arm,psci-0.2"],
            PSCI_0_2.. => &["arm,psci-0.2"],
            _ => &["arm,psci"],
        };
        let node = fdt.begin_node("psci")?;
        strings(fdt, "compatible", compatible)?;
        fdt.property_string("method", "hvc")?;
        if self.psci_version < PSCI_0_2 {
            for (function, id) in PSCI_0_1_FUNCTIONS {
                fdt.property_u32(function, id)?;
            }
        }
        fdt.end_node(node)
    }
}

/// Gives the console its number, and so its name, in the guest.
fn aliases(fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
    let node = fdt.begin_node("aliases")?;
    fdt.property_string("serial0", &pl011_path())?;
    fdt.end_node(node)
}

fn strings(fdt: &mut FdtWriter, name: &str, values: &[&str]) -> Result<(), vm_fdt::Error> {
    fdt.property_string_list(
        name,
        values.iter().map(|value| (*value).to_owned()).collect(),
    )
}

/// Address and size, two cells each.
fn reg(region: Region) -> [u64; 2] {
    [region.base().value(), region.size()]
}

const GIC_PHANDLE: u32 = 1;
const CLOCK_PHANDLE: u32 = 2;
const GPIO_PHANDLE: u32 = 3;
const ITS_PHANDLE: u32 = 4;

/// KVM_PSCI_FN_* of `uapi/asm/kvm.h`.
const PSCI_0_1_FUNCTIONS: [(&str, u32); 4] = [
    ("cpu_suspend", 0x95c1_ba5e),
    ("cpu_off", 0x95c1_ba5f),
    ("cpu_on", 0x95c1_ba60),
    ("migrate", 0x95c1_ba61),
];

const PSCI_0_2: u32 = 2;
const PSCI_1_0: u32 = 0x1_0000;

impl fmt::Debug for Seeds {
    /// Without the bytes, which are the guest's secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeds").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use dtoolkit::fdt::Fdt;
    use dtoolkit::{Node, Property};

    use super::*;
    use crate::layout::RAM_BASE;

    fn blob(vcpus: u16, psci_version: u32, arguments: Option<&str>) -> Vec<u8> {
        let ram = Region::new(RAM_BASE, 0x2000_0000).unwrap();
        let layout = Layout::new(vcpus, ram).unwrap();
        let described = description(&layout, psci_version);
        let described = Description {
            arguments,
            ..described
        };
        described.to_blob().unwrap()
    }

    fn description(layout: &Layout, psci_version: u32) -> Description<'_> {
        Description {
            layout,
            psci_version,
            interrupt_controller: InterruptController::GicV3WithIts,
            performance_monitor: PerformanceMonitor::Absent,
            arguments: None,
            initramfs: None,
            seeds: None,
            devices: &[],
        }
    }

    /// A machine of one vCPU with something more.
    fn blob_with<'a>(
        more: impl FnOnce(Description<'a>) -> Description<'a>,
        layout: &'a Layout,
    ) -> Vec<u8> {
        more(description(layout, 0x1_0001)).to_blob().unwrap()
    }

    fn layout() -> Layout {
        Layout::new(1, Region::new(RAM_BASE, 0x2000_0000).unwrap()).unwrap()
    }

    fn value(blob: &[u8], path: &str, property: &str) -> Option<Vec<u8>> {
        let node = Fdt::new(blob).unwrap().find_node(path)?;
        node.property(property)
            .map(|property| property.value().to_vec())
    }

    fn cells(blob: &[u8], path: &str, property: &str) -> Vec<u32> {
        let value = value(blob, path, property).unwrap();
        value
            .chunks(4)
            .map(|cell| u32::from_be_bytes(cell.try_into().unwrap()))
            .collect()
    }

    fn text(blob: &[u8], path: &str, property: &str) -> String {
        String::from_utf8(value(blob, path, property).unwrap()).unwrap()
    }

    #[test]
    fn cells_are_two_and_interrupts_go_to_the_gic() {
        let blob = blob(1, 0x1_0001, None);
        assert_eq!(cells(&blob, "/", "#address-cells"), [2]);
        assert_eq!(cells(&blob, "/", "#size-cells"), [2]);
        assert_eq!(
            cells(&blob, "/", "interrupt-parent"),
            cells(&blob, "/intc@8000000", "phandle")
        );
    }

    #[test]
    fn memory_is_one_range() {
        let blob = blob(1, 0x1_0001, None);
        assert_eq!(text(&blob, "/memory@40000000", "device_type"), "memory\0");
        assert_eq!(
            cells(&blob, "/memory@40000000", "reg"),
            [0, 0x4000_0000, 0, 0x2000_0000]
        );
    }

    #[test]
    fn each_cpu_is_named_by_its_affinity_and_started_by_psci() {
        let blob = blob(18, 0x1_0001, None);
        for (node, affinity) in [
            ("cpu@0", 0),
            ("cpu@f", 0xf),
            ("cpu@100", 0x100),
            ("cpu@101", 0x101),
        ] {
            let path = format!("/cpus/{node}");
            assert_eq!(cells(&blob, &path, "reg"), [affinity]);
            assert_eq!(text(&blob, &path, "device_type"), "cpu\0");
            assert_eq!(text(&blob, &path, "enable-method"), "psci\0");
        }
        let cpus = Fdt::new(&blob).unwrap().find_node("/cpus").unwrap();
        assert_eq!(cpus.children().count(), 18);
        assert_eq!(cells(&blob, "/cpus", "#address-cells"), [1]);
        assert_eq!(cells(&blob, "/cpus", "#size-cells"), [0]);
    }

    #[test]
    fn psci_is_as_compatible_as_its_version() {
        let compatible = |version| text(&blob(1, version, None), "/psci", "compatible");
        assert_eq!(compatible(2), "arm,psci-0.2\0");
        assert_eq!(compatible(0x1_0000), "arm,psci-1.0\0arm,psci-0.2\0");
        assert_eq!(compatible(0x1_0003), "arm,psci-1.0\0arm,psci-0.2\0");
        assert_eq!(text(&blob(1, 0x1_0001, None), "/psci", "method"), "hvc\0");
    }

    #[test]
    fn psci_0_1_has_its_function_ids_from_the_tree() {
        let old = blob(1, 1, None);
        assert_eq!(text(&old, "/psci", "compatible"), "arm,psci\0");
        assert_eq!(text(&old, "/psci", "method"), "hvc\0");
        assert_eq!(cells(&old, "/psci", "cpu_suspend"), [0x95c1_ba5e]);
        assert_eq!(cells(&old, "/psci", "cpu_off"), [0x95c1_ba5f]);
        assert_eq!(cells(&old, "/psci", "cpu_on"), [0x95c1_ba60]);
        assert_eq!(cells(&old, "/psci", "migrate"), [0x95c1_ba61]);
        let newer = blob(1, 2, None);
        assert_eq!(value(&newer, "/psci", "cpu_on"), None);
    }

    #[test]
    fn the_gic_has_one_redistributor_region_up_to_123_vcpus() {
        let blob = blob(123, 0x1_0001, None);
        assert_eq!(cells(&blob, "/intc@8000000", "#redistributor-regions"), [1]);
        assert_eq!(
            cells(&blob, "/intc@8000000", "reg"),
            [0, 0x0800_0000, 0, 0x1_0000, 0, 0x080a_0000, 0, 0xf6_0000]
        );
        assert_eq!(text(&blob, "/intc@8000000", "compatible"), "arm,gic-v3\0");
        assert_eq!(cells(&blob, "/intc@8000000", "#interrupt-cells"), [3]);
        assert_eq!(
            value(&blob, "/intc@8000000", "interrupt-controller"),
            Some(vec![])
        );
    }

    #[test]
    fn the_gic_has_two_beyond() {
        let blob = blob(124, 0x1_0001, None);
        assert_eq!(cells(&blob, "/intc@8000000", "#redistributor-regions"), [2]);
        assert_eq!(
            cells(&blob, "/intc@8000000", "reg")[8..],
            [0, 0x8000_0000, 0, 0x2_0000]
        );
    }

    fn with_controller(vcpus: u16, interrupt_controller: InterruptController) -> Vec<u8> {
        let layout = Layout::new(vcpus, Region::new(RAM_BASE, 0x2000_0000).unwrap()).unwrap();
        let described = Description {
            interrupt_controller,
            performance_monitor: PerformanceMonitor::Present,
            ..description(&layout, 0x1_0001)
        };
        described.to_blob().unwrap()
    }

    #[test]
    fn an_its_is_a_part_of_the_gic_and_takes_one_cell_of_messages() {
        let blob = with_controller(1, InterruptController::GicV3WithIts);
        let its = "/intc@8000000/its@8080000";
        assert_eq!(text(&blob, its, "compatible"), "arm,gic-v3-its\0");
        assert_eq!(cells(&blob, its, "reg"), [0, 0x0808_0000, 0, 0x2_0000]);
        assert_eq!(value(&blob, its, "msi-controller"), Some(vec![]));
        assert_eq!(cells(&blob, its, "#msi-cells"), [1]);
        assert_eq!(value(&blob, "/intc@8000000", "ranges"), Some(vec![]));
        let without = with_controller(1, InterruptController::GicV3);
        assert_eq!(value(&without, its, "compatible"), None);
        assert_eq!(
            text(&without, "/intc@8000000", "compatible"),
            "arm,gic-v3\0"
        );
    }

    #[test]
    fn a_gicv2_has_a_distributor_and_a_cpu_interface() {
        let blob = with_controller(1, InterruptController::GicV2);
        let gic = "/intc@8000000";
        assert_eq!(text(&blob, gic, "compatible"), "arm,cortex-a15-gic\0");
        assert_eq!(
            cells(&blob, gic, "reg"),
            [0, 0x0800_0000, 0, 0x1_0000, 0, 0x0801_0000, 0, 0x1_0000]
        );
        assert_eq!(value(&blob, gic, "#redistributor-regions"), None);
        assert_eq!(
            cells(&blob, gic, "phandle"),
            cells(&blob, "/", "interrupt-parent")
        );
    }

    #[test]
    fn private_interrupts_of_a_gicv2_name_the_cpus_that_they_arrive_at() {
        for (vcpus, signalled) in [(1, 0x104), (8, 0xff04)] {
            let blob = with_controller(vcpus, InterruptController::GicV2);
            assert_eq!(cells(&blob, "/pmu", "interrupts"), [1, 7, signalled]);
            let timer = cells(&blob, "/timer", "interrupts");
            assert!(timer.chunks(3).all(|timer| timer[2] == signalled));
        }
    }

    #[test]
    fn timers_are_secure_physical_virtual_hypervisor() {
        let blob = blob(1, 0x1_0001, None);
        assert_eq!(
            cells(&blob, "/timer", "interrupts"),
            [1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4]
        );
        assert_eq!(
            text(&blob, "/timer", "compatible"),
            "arm,armv8-timer\0arm,armv7-timer\0"
        );
    }

    #[test]
    fn a_performance_monitor_is_described_where_there_is_one() {
        let layout = layout();
        let with = blob_with(
            |rest| Description {
                performance_monitor: PerformanceMonitor::Present,
                ..rest
            },
            &layout,
        );
        assert_eq!(text(&with, "/pmu", "compatible"), "arm,armv8-pmuv3\0");
        assert_eq!(cells(&with, "/pmu", "interrupts"), [1, 7, 4]);
        assert_eq!(value(&blob(2, 0x1_0001, None), "/pmu", "compatible"), None);
    }

    #[test]
    fn the_console_is_the_pl011_and_has_its_clocks() {
        let blob = blob(1, 0x1_0001, None);
        assert_eq!(text(&blob, "/chosen", "stdout-path"), "/pl011@9000000\0");
        assert_eq!(text(&blob, "/aliases", "serial0"), "/pl011@9000000\0");
        assert_eq!(
            cells(&blob, "/pl011@9000000", "reg"),
            [0, 0x0900_0000, 0, 0x1000]
        );
        assert_eq!(cells(&blob, "/pl011@9000000", "interrupts"), [0, 1, 4]);
        assert_eq!(
            text(&blob, "/pl011@9000000", "compatible"),
            "arm,pl011\0arm,primecell\0"
        );
        assert_eq!(
            text(&blob, "/pl011@9000000", "clock-names"),
            "uartclk\0apb_pclk\0"
        );
        let clock = cells(&blob, "/apb-pclk", "phandle")[0];
        assert_eq!(cells(&blob, "/pl011@9000000", "clocks"), [clock, clock]);
        assert_eq!(cells(&blob, "/apb-pclk", "clock-frequency"), [24_000_000]);
    }

    #[test]
    fn arguments_are_bootargs() {
        let with = blob(1, 0x1_0001, Some("console=ttyAMA0 x=\"ä\""));
        assert_eq!(
            text(&with, "/chosen", "bootargs"),
            "console=ttyAMA0 x=\"ä\"\0"
        );
        assert_eq!(value(&blob(1, 0x1_0001, None), "/chosen", "bootargs"), None);
    }

    #[test]
    fn arguments_with_a_zero_byte_are_refused() {
        let layout = layout();
        let description = Description {
            arguments: Some("a\0b"),
            ..description(&layout, 0x1_0000)
        };
        assert_eq!(description.to_blob(), Err(FdtError::ZeroInArguments));
    }

    #[test]
    fn an_initramfs_is_told_from_its_first_byte_to_behind_its_last() {
        let layout = layout();
        let blob = blob_with(
            |rest| Description {
                initramfs: Some(Region::fixed(0x1_4800_0000, 0x12345)),
                ..rest
            },
            &layout,
        );
        assert_eq!(
            cells(&blob, "/chosen", "linux,initrd-start"),
            [1, 0x4800_0000]
        );
        assert_eq!(
            cells(&blob, "/chosen", "linux,initrd-end"),
            [1, 0x4801_2345]
        );
    }

    #[test]
    fn seeds_are_in_the_tree_and_nowhere_else() {
        let layout = layout();
        let seeds = Seeds {
            kaslr: [0xa5; 8],
            rng: [0x5a; 32],
        };
        let blob = blob_with(
            |rest| Description {
                seeds: Some(&seeds),
                ..rest
            },
            &layout,
        );
        assert_eq!(value(&blob, "/chosen", "kaslr-seed").unwrap(), [0xa5; 8]);
        assert_eq!(value(&blob, "/chosen", "rng-seed").unwrap(), [0x5a; 32]);
        assert_eq!(format!("{seeds:?}"), "Seeds { .. }");
    }

    /// A machine with one of each.
    fn blob_with_devices() -> Vec<u8> {
        let layout = layout();
        let device = |kind, base, size, spi| Device {
            kind,
            region: Region::fixed(base, size),
            spi,
        };
        let devices = [
            device(DeviceKind::Pl031, 0x0901_0000, 0x1000, 2),
            device(DeviceKind::Pl061, 0x0903_0000, 0x1000, 7),
            device(DeviceKind::VirtioMmio, 0x0a00_0200, 0x200, 17),
        ];
        blob_with(
            |rest| Description {
                devices: &devices,
                ..rest
            },
            &layout,
        )
    }

    #[test]
    fn a_clock_and_a_gpio_controller_are_primecells_with_their_clock() {
        let blob = blob_with_devices();
        let clock = cells(&blob, "/apb-pclk", "phandle");
        for (path, kind, spi) in [
            ("/pl031@9010000", "arm,pl031", 2),
            ("/pl061@9030000", "arm,pl061", 7),
        ] {
            assert_eq!(
                text(&blob, path, "compatible"),
                format!("{kind}\0arm,primecell\0")
            );
            assert_eq!(cells(&blob, path, "interrupts"), [0, spi, 4]);
            assert_eq!(cells(&blob, path, "clocks"), clock);
            assert_eq!(text(&blob, path, "clock-names"), "apb_pclk\0");
        }
    }

    #[test]
    fn the_power_button_is_line_3_of_the_gpio_controller() {
        let blob = blob_with_devices();
        let controller = cells(&blob, "/pl061@9030000", "phandle")[0];
        assert_eq!(
            cells(&blob, "/gpio-keys/poweroff", "gpios"),
            [controller, 3, 0]
        );
        assert_eq!(cells(&blob, "/gpio-keys/poweroff", "linux,code"), [116]);
        assert!(value(&blob, "/gpio-keys/poweroff", "wakeup-source").is_some());
        assert_eq!(cells(&blob, "/pl061@9030000", "#gpio-cells"), [2]);
    }

    #[test]
    fn a_virtio_transport_has_an_edge_triggered_interrupt() {
        let blob = blob_with_devices();
        let path = "/virtio_mmio@a000200";
        assert_eq!(text(&blob, path, "compatible"), "virtio,mmio\0");
        assert_eq!(cells(&blob, path, "reg"), [0, 0x0a00_0200, 0, 0x200]);
        assert_eq!(cells(&blob, path, "interrupts"), [0, 17, 1]);
        assert_eq!(value(&blob, path, "dma-coherent"), Some(vec![]));
    }

    #[test]
    fn equal_machines_have_equal_bytes() {
        assert_eq!(blob(4, 0x1_0001, Some("x")), blob(4, 0x1_0001, Some("x")));
    }

    #[test]
    fn the_greatest_machine_stays_below_2_mib() {
        assert!(blob(512, 0x1_0001, None).len() < 0x20_0000);
    }
}
