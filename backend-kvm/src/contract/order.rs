//! The steps, in the order of the module above.
//!
//! Each goes to a [`Witness`], who ends the telling or lets it go on; where it goes on, what was
//! refused is left as the host has it.

use vambrace_core::contract::{
    ClockPolicy, Contract, ImplementationRegister as Identity, KernelRelease, Subject,
    VcpuFeatures as Promised,
};
use vambrace_core::cpu::{Field, IdRegister};
use vambrace_core::psci::PsciVersion;
use vambrace_core::vendor_hyp::Implementation;
use vm_memory::GuestAddress;

use super::witness::{Difference, Witness, is_refusal};
use crate::layout;
use crate::sys::{self, Capability, GicOps, Host, Kick, RegisterId, VcpuFeatures, VcpuOps, VmOps};

/// A contract that is being told to a kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(super) contract: &'a Contract,
    /// What it does without registers.
    pub(super) kernel: KernelRelease,
}

/// What became of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The kernel took it.
    Taken,
    /// It did not.
    Refused,
}

impl<'a> Order<'a> {
    /// `contract`, for a kernel of this release.
    pub(crate) const fn new(contract: &'a Contract, kernel: KernelRelease) -> Self {
        Self { contract, kernel }
    }

    /// Steps 1 and 2: an empty VM. Without the address bits of the contract it has the usual.
    pub(crate) fn create_vm<H: Host, W: Witness>(
        &self,
        host: &H,
        witness: &mut W,
    ) -> Result<H::Vm, W::Error> {
        let vm = match host.create_vm(self.contract.address_bits.into()) {
            Ok(vm) => vm,
            Err(error) => {
                witness.refused(Subject::AddressBits, error)?;
                usual_vm(host)?
            }
        };
        self.show_another(&vm, shown(host)?)?;
        Ok(vm)
    }

    /// Step 2. `shown` is the CPU that a guest sees otherwise, on hosts that can show another.
    pub(super) fn show_another<V: VmOps>(
        &self,
        vm: &V,
        shown: Option<Implementation>,
    ) -> sys::Result<()> {
        match shown.is_some_and(|own| own != self.contract.implementation) {
            true => vm.enable(Capability::WritableImpIdRegs),
            false => Ok(()),
        }
    }

    /// Step 4: a vCPU, made with these features, gets its vectors.
    pub(crate) fn vectors<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &mut V,
        features: VcpuFeatures,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        if !features.contains(VcpuFeatures::SVE) {
            return Ok(());
        }
        let mut bytes = vec![0; RegisterId::SVE_VLS.size()];
        let lengths = self.contract.vector_lengths.bits().to_le_bytes();
        for (byte, length) in bytes.iter_mut().zip(lengths) {
            *byte = length;
        }
        if let Err(error) = vcpu.set_register_bytes(RegisterId::SVE_VLS, &bytes) {
            witness.refused(Subject::VectorLengths, error)?;
        }
        Ok(vcpu.finalize_sve()?)
    }

    /// Step 5: the VM's identification, by its first vCPU.
    pub(crate) fn identification<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &mut V,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        for (identity, register, value) in identity(self.contract.implementation) {
            tell(
                vcpu,
                Subject::Implementation(identity),
                register,
                value,
                witness,
            )?;
        }
        let listed = vcpu.register_list()?;
        for (register, id, value) in self.id_registers() {
            // What is not listed reads as 0: nothing else can be promised of it.
            if value == 0 && !listed.contains(&id) {
                continue;
            }
            let told = tell(vcpu, Subject::IdRegister(register), id, value, witness)?;
            if told == Told::Refused && id == RegisterId::ID_AA64PFR1_EL1 {
                self.speculation(vcpu)?;
            }
        }
        Ok(())
    }

    /// Step 6: the caches of one vCPU.
    pub(crate) fn caches<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &mut V,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        for (subject, register, value) in self.cache_registers() {
            tell(vcpu, subject, register, value, witness)?;
        }
        Ok(())
    }

    /// Step 9: where vCPU `index` finds how long it had to wait. That page is mapped.
    pub(crate) fn stolen_time<V: VcpuOps, W: Witness>(
        &self,
        index: u16,
        vcpu: &mut V,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        let Some(first) = self.contract.stolen_time else {
            return Ok(());
        };
        let own = first.value() + u64::from(index) * layout::STOLEN_TIME_SIZE;
        match vcpu.set_stolen_time(GuestAddress(own)) {
            Ok(()) => Ok(()),
            Err(error) => witness.refused(Subject::StolenTime, error),
        }
    }

    /// Step 10, once the GIC is initialised: the revision of its behaviour.
    pub(crate) fn gic_revision<G: GicOps, W: Witness>(
        &self,
        gic: &G,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        let revision = u32::from(self.contract.gic.revision);
        let before = gic.distributor_register(GICD_IIDR)?;
        let value = before & !(0xf << REVISION) | revision << REVISION;
        if let Err(error) = gic.set_distributor_register(GICD_IIDR, value) {
            return witness.refused(Subject::GicRevision, error);
        }
        let read = gic.distributor_register(GICD_IIDR)? >> REVISION & 0xf;
        compare(Subject::GicRevision, revision.into(), read.into(), witness)
    }

    /// Step 11: the counters of one vCPU's performance monitor.
    pub(crate) fn counters<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &mut V,
        features: VcpuFeatures,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        let Some(promised) = self.promised_counters(features) else {
            return Ok(());
        };
        let before = vcpu.register(RegisterId::PMCR_EL0)?;
        let value = before & !PMCR_N | promised << PMCR_N.trailing_zeros();
        let subject = Subject::PmuCounters;
        tell(vcpu, subject, RegisterId::PMCR_EL0, value, witness).map(drop)
    }

    /// Step 12: both counters begin at 0, if both are to go on when the machine moves. By itself
    /// KVM does so with the virtual one alone.
    pub(crate) fn clock<V: VmOps, W: Witness>(
        &self,
        vm: &V,
        vcpu: &V::Vcpu,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        if self.contract.counter.policy == ClockPolicy::Virtual {
            return Ok(());
        }
        // Kernels without the offset do not have the register either.
        let now = vcpu.optional_register(CNTPCT_EL0)?.unwrap_or(0);
        match vm.set_counter_offset(now) {
            Ok(()) => Ok(()),
            Err(error) => witness.refused(Subject::PhysicalCounter, error),
        }
    }

    /// Step 13: what a kernel settles at the first run, such as the fields that tell of the GIC.
    /// The run is over before the guest is entered.
    pub(crate) fn settle<V: VcpuOps>(&self, vcpu: &mut V) -> sys::Result<()> {
        vcpu.kicker().kick();
        vcpu.run()?;
        vcpu.clear_kick();
        Ok(())
    }

    /// Step 14: what a kernel has anew in a vCPU that starts. CPU_ON resets as this does, and before
    /// Linux 6.10 some registers that were told something then have the host's value again.
    /// `features` are those that the vCPU was initialised with.
    pub(crate) fn start_over<V: VcpuOps>(
        &self,
        vcpu: &mut V,
        features: VcpuFeatures,
    ) -> sys::Result<()> {
        vcpu.init(features)
    }

    /// PMCR_EL0.N of a vCPU with these features, if it is to have one.
    pub(super) fn promised_counters(&self, features: VcpuFeatures) -> Option<u64> {
        let counters = self.contract.pmu_counters.map(u64::from);
        counters.filter(|_| features.contains(VcpuFeatures::PMU_V3))
    }

    /// CTR_EL0 first: what the caches may be depends on it.
    pub(super) fn id_registers(&self) -> impl Iterator<Item = (IdRegister, RegisterId, u64)> {
        let all = IdRegister::all().map(|register| {
            let id = RegisterId::encoded(register.encoding());
            (register, id, self.contract.id_registers.get(register))
        });
        let (first, others): (Vec<_>, Vec<_>) =
            all.partition(|(_, id, _)| *id == RegisterId::CTR_EL0);
        first.into_iter().chain(others)
    }

    /// CLIDR_EL1, and CCSIDR_EL1 of every cache of which something is promised.
    pub(super) fn cache_registers(&self) -> impl Iterator<Item = (Subject, RegisterId, u64)> {
        let caches = self.contract.caches;
        let levels = (Subject::CacheLevels, RegisterId::CLIDR_EL1, caches.levels);
        let sizes = (0..).zip(caches.sizes).filter_map(|(selector, size)| {
            let subject = Subject::CacheSize(selector);
            Some((subject, RegisterId::ccsidr(selector), size?.into()))
        });
        [levels].into_iter().chain(sizes)
    }

    /// Where the rest of ID_AA64PFR1_EL1 was refused, SSBS alone: workaround 2 is judged by it.
    fn speculation<V: VcpuOps>(&self, vcpu: &mut V) -> sys::Result<()> {
        let field = Field::ID_AA64PFR1_EL1_SSBS;
        let promised = self.contract.id_registers.field(field);
        let host = vcpu.register(RegisterId::ID_AA64PFR1_EL1)?;
        let nearest = field.insert(host, promised).unwrap_or(host);
        match vcpu.set_register(RegisterId::ID_AA64PFR1_EL1, nearest) {
            Err(error) if !is_refusal(error.errno) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// What a vCPU with these features is initialised with. Only vCPUs without PSCI 0.2 have 0.1.
pub(crate) fn vcpu_features(promised: Promised, psci_version: PsciVersion) -> VcpuFeatures {
    let psci = match psci_version {
        PsciVersion::V0_1 => VcpuFeatures::NONE,
        _ => VcpuFeatures::PSCI_0_2,
    };
    FEATURES
        .into_iter()
        .filter(|(feature, _)| promised.contains(*feature))
        .fold(psci, |all, (_, feature)| all | feature)
}

/// A VM such as guests usually have.
pub(crate) fn usual_vm<H: Host>(host: &H) -> sys::Result<H::Vm> {
    host.create_vm(usual_bits(host)?)
}

/// KVM's usual bits of address, or as many as there are.
pub(super) fn usual_bits<H: Host>(host: &H) -> sys::Result<u32> {
    Ok(host.capability(Capability::VmIpaSize)?.min(USUAL_BITS))
}

/// The CPU that a guest sees; None if the host cannot show it another, and will say so when the
/// registers are written.
pub(super) fn shown<H: Host>(host: &H) -> sys::Result<Option<Implementation>> {
    if host.capability(Capability::WritableImpIdRegs)? == 0 {
        return Ok(None);
    }
    let vm = usual_vm(host)?;
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.init(VcpuFeatures::PSCI_0_2)?;
    Ok(Some(Implementation {
        midr: vcpu.register(RegisterId::MIDR_EL1)?,
        revidr: vcpu.register(RegisterId::REVIDR_EL1)?,
        aidr: vcpu.register(RegisterId::AIDR_EL1)?,
    }))
}

/// The registers that say which CPU this is.
pub(super) fn identity(implementation: Implementation) -> [(Identity, RegisterId, u64); 3] {
    let Implementation { midr, revidr, aidr } = implementation;
    [
        (Identity::Midr, RegisterId::MIDR_EL1, midr),
        (Identity::Revidr, RegisterId::REVIDR_EL1, revidr),
        (Identity::Aidr, RegisterId::AIDR_EL1, aidr),
    ]
}

pub(super) fn tell<V: VcpuOps, W: Witness>(
    vcpu: &mut V,
    subject: Subject,
    register: RegisterId,
    value: u64,
    witness: &mut W,
) -> Result<Told, W::Error> {
    match vcpu.set_register(register, value) {
        Ok(()) => Ok(Told::Taken),
        Err(error) => witness.refused(subject, error).map(|()| Told::Refused),
    }
}

pub(super) fn compare<W: Witness>(
    subject: Subject,
    written: u64,
    read: u64,
    witness: &mut W,
) -> Result<(), W::Error> {
    if written == read {
        return Ok(());
    }
    witness.differs(Difference {
        subject,
        field: None,
        written,
        read,
    })
}

/// The bits of guest address that machines have which name none.
pub(crate) const USUAL_BITS: u32 = 40;

const FEATURES: [(Promised, VcpuFeatures); 4] = [
    (Promised::SVE, VcpuFeatures::SVE),
    (Promised::POINTER_AUTHENTICATION, VcpuFeatures::PTRAUTH),
    (Promised::PMU, VcpuFeatures::PMU_V3),
    (Promised::AARCH32_EL1, VcpuFeatures::EL1_32BIT),
];

/// The offset of GICD_IIDR in the distributor, and the lowest bit of its Revision.
const GICD_IIDR: u32 = 8;
const REVISION: u32 = 12;

/// PMCR_EL0.N.
pub(super) const PMCR_N: u64 = 0x1f << 11;

/// KVM_REG_ARM_PTIMER_CNT: CNTPCT_EL0 as the guest reads it (Linux 6.4).
const CNTPCT_EL0: RegisterId = RegisterId::system(3, 3, 14, 0, 1);
