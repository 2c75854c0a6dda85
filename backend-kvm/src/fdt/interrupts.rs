//! The interrupt controller, and what has private interrupts.
//!
//! An interrupt is three cells: shared or private, its number within that kind, and how it is
//! signalled; a GICv2's private ones also say at which CPUs they arrive (bindings
//! interrupt-controller/arm,gic-v3.yaml and arm,gic.yaml).

use vm_fdt::FdtWriter;

use super::device::LEVEL_HIGH;
use super::{Description, GIC_PHANDLE, ITS_PHANDLE, reg, strings};
use crate::layout::{
    GIC_CPU_INTERFACE, GIC_DISTRIBUTOR, GIC_ITS, HYPERVISOR_TIMER_PPI, InterruptController,
    PHYSICAL_TIMER_PPI, PMU_PPI, SECURE_TIMER_PPI, VIRTUAL_TIMER_PPI,
};

impl Description<'_> {
    pub(super) fn gic(&self, fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
        let compatible = match self.interrupt_controller {
            InterruptController::GicV2 => "arm,cortex-a15-gic",
            InterruptController::GicV3 | InterruptController::GicV3WithIts => "arm,gic-v3",
        };
        let node = fdt.begin_node(&format!("intc@{:x}", GIC_DISTRIBUTOR.base().value()))?;
        fdt.property_string("compatible", compatible)?;
        fdt.property_null("interrupt-controller")?;
        fdt.property_u32("#interrupt-cells", 3)?;
        fdt.property_u32("#address-cells", 2)?;
        fdt.property_u32("#size-cells", 2)?;
        fdt.property_null("ranges")?;
        fdt.property_phandle(GIC_PHANDLE)?;
        match self.interrupt_controller {
            InterruptController::GicV2 => gic_v2(fdt)?,
            InterruptController::GicV3 => self.gic_v3(fdt)?,
            InterruptController::GicV3WithIts => {
                self.gic_v3(fdt)?;
                its(fdt)?;
            }
        }
        fdt.end_node(node)
    }

    /// Binding: interrupt-controller/arm,gic-v3.yaml.
    fn gic_v3(&self, fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
        let redistributors: Vec<_> = self.layout.redistributors().collect();
        let mut cells = reg(GIC_DISTRIBUTOR).to_vec();
        cells.extend(
            redistributors
                .iter()
                .flat_map(|redistributor| reg(redistributor.region)),
        );
        fdt.property_u32(
            "#redistributor-regions",
            if redistributors.len() == 1 { 1 } else { 2 },
        )?;
        fdt.property_array_u64("reg", &cells)
    }

    /// Binding: timer/arm,arch_timer.yaml; the order is secure, physical, virtual, hypervisor.
    pub(super) fn timer(&self, fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
        let timers = [
            SECURE_TIMER_PPI,
            PHYSICAL_TIMER_PPI,
            VIRTUAL_TIMER_PPI,
            HYPERVISOR_TIMER_PPI,
        ];
        let interrupts = timers.map(|timer| self.private(timer));
        let node = fdt.begin_node("timer")?;
        strings(fdt, "compatible", &["arm,armv8-timer", "arm,armv7-timer"])?;
        fdt.property_null("always-on")?;
        fdt.property_array_u32("interrupts", interrupts.as_flattened())?;
        fdt.end_node(node)
    }

    /// Binding: arm/pmu.yaml.
    pub(super) fn pmu(&self, fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node("pmu")?;
        fdt.property_string("compatible", "arm,armv8-pmuv3")?;
        fdt.property_array_u32("interrupts", &self.private(PMU_PPI))?;
        fdt.end_node(node)
    }

    /// A private interrupt of every CPU, high as long as there is a reason for it.
    fn private(&self, number: u32) -> [u32; 3] {
        let arrives_at = match self.interrupt_controller {
            InterruptController::GicV2 => (1 << self.layout.vcpus()) - 1,
            InterruptController::GicV3 | InterruptController::GicV3WithIts => 0,
        };
        [PPI, number, arrives_at << CPUS | LEVEL_HIGH]
    }
}

/// Binding: interrupt-controller/arm,gic.yaml.
fn gic_v2(fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
    let frames = [reg(GIC_DISTRIBUTOR), reg(GIC_CPU_INTERFACE)];
    fdt.property_array_u64("reg", frames.as_flattened())
}

/// Binding: interrupt-controller/arm,gic-v3.yaml.
fn its(fdt: &mut FdtWriter) -> Result<(), vm_fdt::Error> {
    let node = fdt.begin_node(&format!("its@{:x}", GIC_ITS.base().value()))?;
    fdt.property_string("compatible", "arm,gic-v3-its")?;
    fdt.property_null("msi-controller")?;
    fdt.property_u32("#msi-cells", 1)?;
    fdt.property_array_u64("reg", &reg(GIC_ITS))?;
    fdt.property_phandle(ITS_PHANDLE)?;
    fdt.end_node(node)
}

/// The first cell of a private interrupt.
const PPI: u32 = 1;
/// The lowest bit of the CPUs in the third cell.
const CPUS: u32 = 8;
