//! The seam where there is no arm64 KVM: nothing can be opened, so nothing has to be carried out.
//!
//! It keeps every program above the seam one program on every machine, which says at run time
//! what it cannot do here.

use std::convert::Infallible;
use std::os::fd::BorrowedFd;

use vm_memory::{GuestAddress, GuestRegionMmap, VolatileSlice};

use super::{
    Capability, Exit, FilterAction, GicOps, Hardware, Host, InterruptDevice, ItsOps, Kick, Level,
    MpState, RegisterId, Result, VcpuFeatures, VcpuOps, VmOps, WritableMasks,
};

/// A kernel without arm64 virtual machines: there is no value of this type.
#[derive(Debug, Clone)]
pub(super) struct Absent(Infallible);

impl Host for Absent {
    type Vm = Self;

    fn capability(&self, _: Capability) -> Result<u32> {
        match self.0 {}
    }

    fn hardware(&self) -> Hardware {
        match self.0 {}
    }

    fn create_vm(&self, _: u32) -> Result<Self> {
        match self.0 {}
    }
}

impl VmOps for Absent {
    type Vcpu = Self;
    type Gic = Self;
    type Its = Self;

    fn capability(&self, _: Capability) -> Result<u32> {
        match self.0 {}
    }

    fn enable(&self, _: Capability) -> Result<()> {
        match self.0 {}
    }

    fn map_ram(&self, _: u32, _: &GuestRegionMmap) -> Result<()> {
        match self.0 {}
    }

    fn map_rom(&self, _: u32, _: &GuestRegionMmap) -> Result<()> {
        match self.0 {}
    }

    fn create_vcpu(&self, _: u32) -> Result<Self> {
        match self.0 {}
    }

    fn supports_smccc_filter(&self) -> bool {
        match self.0 {}
    }

    fn filter_smccc(&self, _: u32, _: u32, _: FilterAction) -> Result<()> {
        match self.0 {}
    }

    fn writable_masks(&self) -> Result<WritableMasks> {
        match self.0 {}
    }

    fn supports_device(&self, _: InterruptDevice) -> Result<bool> {
        match self.0 {}
    }

    fn create_gic_v2(&self) -> Result<Self> {
        match self.0 {}
    }

    fn create_gic_v3(&self) -> Result<Self> {
        match self.0 {}
    }

    fn create_its(&self) -> Result<Self> {
        match self.0 {}
    }

    fn set_counter_offset(&self, _: u64) -> Result<()> {
        match self.0 {}
    }

    fn set_irq_line(&self, _: u32, _: Level) -> Result<()> {
        match self.0 {}
    }

    fn signal_on_write(&self, _: GuestAddress, _: BorrowedFd<'_>) -> Result<()> {
        match self.0 {}
    }
}

impl ItsOps for Absent {
    fn place(&self, _: GuestAddress) -> Result<()> {
        match self.0 {}
    }

    fn initialise(&self) -> Result<()> {
        match self.0 {}
    }
}

impl GicOps for Absent {
    fn set_distributor(&self, _: GuestAddress) -> Result<()> {
        match self.0 {}
    }

    fn set_cpu_interface(&self, _: GuestAddress) -> Result<()> {
        match self.0 {}
    }

    fn set_redistributors(&self, _: GuestAddress) -> Result<()> {
        match self.0 {}
    }

    fn add_redistributor_region(&self, _: u16, _: GuestAddress, _: u16) -> Result<()> {
        match self.0 {}
    }

    fn set_interrupt_count(&self, _: u32) -> Result<()> {
        match self.0 {}
    }

    fn initialise(&self) -> Result<()> {
        match self.0 {}
    }

    fn distributor_register(&self, _: u32) -> Result<u32> {
        match self.0 {}
    }

    fn set_distributor_register(&self, _: u32, _: u32) -> Result<()> {
        match self.0 {}
    }
}

impl VcpuOps for Absent {
    type Kicker = Self;

    fn init(&mut self, _: VcpuFeatures) -> Result<()> {
        match self.0 {}
    }

    fn register(&self, _: RegisterId) -> Result<u64> {
        match self.0 {}
    }

    fn set_register(&mut self, _: RegisterId, _: u64) -> Result<()> {
        match self.0 {}
    }

    fn register_list(&self) -> Result<Vec<RegisterId>> {
        match self.0 {}
    }

    fn register_bytes(&self, _: RegisterId) -> Result<Vec<u8>> {
        match self.0 {}
    }

    fn set_register_bytes(&mut self, _: RegisterId, _: &[u8]) -> Result<()> {
        match self.0 {}
    }

    fn finalize_sve(&mut self) -> Result<()> {
        match self.0 {}
    }

    fn mp_state(&self) -> Result<MpState> {
        match self.0 {}
    }

    fn set_mp_state(&mut self, _: MpState) -> Result<()> {
        match self.0 {}
    }

    fn supports_stolen_time(&self) -> bool {
        match self.0 {}
    }

    fn set_stolen_time(&mut self, _: GuestAddress) -> Result<()> {
        match self.0 {}
    }

    fn set_pmu_interrupt(&mut self, _: u32) -> Result<()> {
        match self.0 {}
    }

    fn initialise_pmu(&mut self) -> Result<()> {
        match self.0 {}
    }

    fn clean_and_invalidate(&self, _: &VolatileSlice<'_>) {
        match self.0 {}
    }

    fn run(&mut self) -> Result<Exit> {
        match self.0 {}
    }

    fn complete_read(&mut self, _: u64) {
        match self.0 {}
    }

    fn kicker(&self) -> Self {
        match self.0 {}
    }

    fn clear_kick(&mut self) {
        match self.0 {}
    }

    fn inject_external_abort(&mut self) -> Result<()> {
        match self.0 {}
    }
}

impl Kick for Absent {
    fn kick(&self) {
        match self.0 {}
    }
}
