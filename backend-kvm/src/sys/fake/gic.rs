//! The scripted kernel's GICs: each operation noted, a distributor with one register.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vm_memory::GuestAddress;

use super::super::{Errno, Error, GicOps, ItsOps, Operation, Result};
use super::machine::Open;

/// The GIC of a [`FakeVm`](super::machine::FakeVm)'s.
#[derive(Debug)]
pub(crate) struct FakeGic {
    vm: Arc<Open>,
    /// Its registers by offset, once it lives.
    distributor: Mutex<BTreeMap<u32, u32>>,
}

impl FakeGic {
    pub(super) fn new(vm: Arc<Open>) -> Self {
        Self {
            vm,
            distributor: Mutex::new(BTreeMap::new()),
        }
    }

    fn ask(&self, operation: Operation) -> Result<MutexGuard<'_, BTreeMap<u32, u32>>> {
        drop(self.vm.host().ask(None, operation)?);
        let registers = self.distributor.lock();
        Ok(registers.unwrap_or_else(PoisonError::into_inner))
    }
}

impl GicOps for FakeGic {
    fn set_distributor(&self, base: GuestAddress) -> Result<()> {
        self.ask(Operation::SetDistributor(base)).map(drop)
    }

    fn set_cpu_interface(&self, base: GuestAddress) -> Result<()> {
        self.ask(Operation::SetCpuInterface(base)).map(drop)
    }

    fn set_redistributors(&self, base: GuestAddress) -> Result<()> {
        self.ask(Operation::SetRedistributors(base)).map(drop)
    }

    fn add_redistributor_region(&self, index: u16, base: GuestAddress, count: u16) -> Result<()> {
        self.ask(Operation::AddRedistributorRegion { index, base, count })
            .map(drop)
    }

    fn set_interrupt_count(&self, count: u32) -> Result<()> {
        self.ask(Operation::SetInterruptCount(count)).map(drop)
    }

    fn initialise(&self) -> Result<()> {
        self.ask(Operation::InitialiseGic)?.insert(GICD_IIDR, IIDR);
        Ok(())
    }

    fn distributor_register(&self, offset: u32) -> Result<u32> {
        let operation = Operation::DistributorRegister { offset };
        let value = self.ask(operation)?.get(&offset).copied();
        value.ok_or(Error {
            vcpu: None,
            operation,
            errno: Errno::EBUSY,
        })
    }

    fn set_distributor_register(&self, offset: u32, value: u32) -> Result<()> {
        let operation = Operation::SetDistributorRegister { offset, value };
        let mut registers = self.ask(operation)?;
        let errno = match registers.get_mut(&offset) {
            None => Errno::EBUSY,
            Some(register) if IIDRS.contains(&value) => {
                *register = value;
                return Ok(());
            }
            Some(_) => Errno::EINVAL,
        };
        Err(Error {
            vcpu: None,
            operation,
            errno,
        })
    }
}

/// The ITS of a [`FakeVm`](super::machine::FakeVm)'s.
#[derive(Debug)]
pub(crate) struct FakeIts(Arc<Open>);

impl FakeIts {
    pub(super) fn new(vm: Arc<Open>) -> Self {
        Self(vm)
    }
}

impl ItsOps for FakeIts {
    fn place(&self, base: GuestAddress) -> Result<()> {
        let operation = Operation::PlaceIts(base);
        self.0.host().ask(None, operation).map(drop)
    }

    fn initialise(&self) -> Result<()> {
        let operation = Operation::InitialiseIts;
        self.0.host().ask(None, operation).map(drop)
    }
}

/// The offset of GICD_IIDR, and the values that it takes: the first by itself.
const GICD_IIDR: u32 = 8;
const IIDR: u32 = 0x4b00_343b;
const IIDRS: [u32; 2] = [IIDR, 0x4b00_243b];
