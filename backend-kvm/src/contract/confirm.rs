//! A whole contract on a scratch VM, every no noted.

use std::collections::BTreeMap;
use std::iter;

use vambrace_core::contract::{
    Contract, GicKind, KernelRelease, Subject, VcpuFeatures as Promised,
};
use vambrace_core::memory::Ipa;
use vambrace_core::vendor_hyp::Implementation;

use vm_memory::{GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

use super::Error;
use super::order::{Order, shown, usual_bits, vcpu_features};
use super::witness::{Confirmation, Witness};
use crate::layout::{GIC_DISTRIBUTOR, PMU_INTERRUPT, REDISTRIBUTORS};
use crate::probe;
use crate::sys::{self, Capability, GicOps, Hardware, Host, VcpuFeatures, VcpuOps, VmOps};

/// Tells this host everything that `contract` promises, as [`Confirmer::confirm`] does.
///
/// # Errors
///
/// An operation failed in a way that says nothing about the contract.
pub fn confirm<H: Host>(host: &H, contract: &Contract) -> Result<Confirmation, Error> {
    Confirmer::new(host)?.confirm(contract)
}

/// Tells one host many contracts.
#[derive(Debug)]
pub struct Confirmer<'h, H> {
    host: &'h H,
    hardware: Hardware,
    kernel: KernelRelease,
    /// The CPU that a guest sees, where it can be shown another.
    shown: Option<Implementation>,
    usual_bits: u32,
    /// What the host said to sizes of guest address space.
    address_bits: BTreeMap<u8, sys::Result<()>>,
}

/// A machine that the contract is told to.
struct Scratch<V: VmOps> {
    // The vCPU first: it is closed before its VM.
    vcpu: V::Vcpu,
    vm: V,
    features: VcpuFeatures,
}

impl<'h, H: Host> Confirmer<'h, H> {
    /// Asks what is the same for every contract.
    ///
    /// # Errors
    ///
    /// The host cannot make even a small machine, or its kernel's release cannot be told.
    pub fn new(host: &'h H) -> Result<Self, Error> {
        let hardware = host.hardware();
        Ok(Self {
            host,
            kernel: probe::release(&hardware.kernel)?,
            hardware,
            shown: shown(host)?,
            usual_bits: usual_bits(host)?,
            address_bits: BTreeMap::new(),
        })
    }

    /// Tells the host everything that `contract` promises, on a scratch VM of one vCPU.
    ///
    /// A no does not end it. Where what was refused is needed for the rest, the nearest that the
    /// host has takes its place, as preflight chooses it: the usual address bits, the most of the
    /// features that can be had together, the host's own vector lengths. Without its GIC there is
    /// none, and what kernels settle at the first run is only seen with a GICv3.
    ///
    /// # Errors
    ///
    /// An operation failed in a way that says nothing about the contract.
    pub fn confirm(&mut self, contract: &Contract) -> Result<Confirmation, Error> {
        let order = Order::new(contract, self.kernel);
        let mut heard = Confirmation::default();
        let bits = self.address_bits(contract.address_bits, &mut heard)?;
        let Scratch {
            mut vcpu,
            vm,
            features,
        } = self.initialised(&order, bits, &mut heard)?;
        order.vectors(&mut vcpu, features, &mut heard)?;
        order.identification(&mut vcpu, &mut heard)?;
        order.caches(&mut vcpu, &mut heard)?;
        order.firmware(&mut vcpu, &mut heard)?;
        order.calls(&vm, &mut heard)?;
        if let Some(place) = contract.stolen_time {
            map(&vm, place, &mut heard)?;
            order.stolen_time(0, &mut vcpu, &mut heard)?;
        }
        let gic = gic(&vm, contract.gic.kind, &mut heard)?;
        if let Some(gic) = &gic {
            order.gic_revision(gic, &mut heard)?;
        }
        order.counters(&mut vcpu, features, &mut heard)?;
        order.clock(&vm, &vcpu, &mut heard)?;
        if gic.is_some() && contract.gic.kind == GicKind::V3 {
            if features.contains(VcpuFeatures::PMU_V3) {
                vcpu.set_pmu_interrupt(PMU_INTERRUPT)?;
                vcpu.initialise_pmu()?;
            }
            order.settle(&mut vcpu)?;
        }
        order.start_over(&mut vcpu, features)?;
        order.read_back(&vcpu, &mut heard)?;
        order.read_back_each(&vcpu, features, &mut heard)?;
        order.hardware(&self.hardware, &mut heard)?;
        Ok(heard)
    }

    /// The address bits that the VM is made with: the promised, but no more than usual. Freeing a
    /// VM can take a kernel as long as its address space is large, so a larger one is only tried
    /// once, empty.
    fn address_bits(&mut self, promised: u8, heard: &mut Confirmation) -> Result<u32, Error> {
        let wanted = u32::from(promised);
        let said = match self.address_bits.get(&promised) {
            Some(said) => *said,
            None => self.host.create_vm(wanted).map(drop),
        };
        self.address_bits.insert(promised, said);
        match said {
            Ok(()) => Ok(wanted.min(self.usual_bits)),
            Err(error) => {
                heard.refused(Subject::AddressBits, error)?;
                Ok(self.usual_bits)
            }
        }
    }

    /// A VM with one vCPU that has the contract's features, or the nearest that can be had.
    fn initialised(
        &self,
        order: &Order<'_>,
        bits: u32,
        heard: &mut Confirmation,
    ) -> Result<Scratch<H::Vm>, Error> {
        let wanted = order.contract.vcpu_features;
        let had = match self.host.capability(Capability::El1_32Bit)? {
            0 => wanted - Promised::AARCH32_EL1,
            _ => wanted,
        };
        let mut least = wanted;
        for candidate in iter::once(wanted).chain(nearest(had)) {
            match self.made_with(order, bits, candidate)? {
                Ok(scratch) => return Ok(scratch),
                Err(error) => heard.refused(Subject::VcpuFeatures, error)?,
            }
            least = candidate;
        }
        Ok(self.made_with(order, bits, least)??)
    }

    /// A new VM each time: a vCPU that could not be made with some features is not to be tried with
    /// others.
    fn made_with(
        &self,
        order: &Order<'_>,
        bits: u32,
        candidate: Promised,
    ) -> sys::Result<sys::Result<Scratch<H::Vm>>> {
        let features = vcpu_features(candidate, order.contract.psci_version);
        let vm = self.host.create_vm(bits)?;
        order.show_another(&vm, self.shown)?;
        let mut vcpu = vm.create_vcpu(0)?;
        let made = vcpu.init(features);
        Ok(made.map(|()| Scratch { vcpu, vm, features }))
    }
}

/// Every part of these features, the one that preflight takes for nearest first: the most
/// features, and of as many the last in the order of a profile's views.
fn nearest(had: Promised) -> impl Iterator<Item = Promised> {
    let mut parts: Vec<_> = (0..=Promised::SEEN_IN_REGISTERS.bits())
        .map(Promised::from_bits_truncate)
        .filter(|part| had.contains(*part))
        .collect();
    parts.sort_by_key(|part| (part.bits().count_ones(), part.bits()));
    let kept = had & Promised::AARCH32_EL1;
    parts.into_iter().rev().map(move |part| part | kept)
}

/// Gives the VM the memory around `place`, in which the structure of stolen time lies.
fn map<V: VmOps>(vm: &V, place: Ipa, heard: &mut Confirmation) -> Result<(), Error> {
    let base = GuestAddress(place.value() & !(GRANULE - 1));
    let memory = GuestMemoryMmap::from_ranges(&[(base, GRANULE_BYTES)])?;
    for region in memory.iter() {
        if let Err(error) = vm.map_ram(0, region) {
            heard.refused(Subject::StolenTime, error)?;
        }
    }
    Ok(())
}

/// The VM's GIC, initialised.
fn gic<V: VmOps>(vm: &V, kind: GicKind, heard: &mut Confirmation) -> Result<Option<V::Gic>, Error> {
    let made = match kind {
        GicKind::V2 => vm.create_gic_v2(),
        GicKind::V3 => vm.create_gic_v3(),
    };
    match made {
        Ok(gic) => {
            if kind == GicKind::V3 {
                gic.set_distributor(GuestAddress(GIC_DISTRIBUTOR.base().value()))?;
                gic.set_redistributors(GuestAddress(REDISTRIBUTORS))?;
            }
            gic.initialise()?;
            Ok(Some(gic))
        }
        Err(error) => {
            heard.refused(Subject::Gic, error)?;
            Ok(None)
        }
    }
}

/// The largest page that an arm64 host may have.
const GRANULE_BYTES: usize = 64 << 10;
const GRANULE: u64 = GRANULE_BYTES as u64;
