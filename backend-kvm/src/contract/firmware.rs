//! The steps for the firmware: its registers, and who answers which calls.

use vambrace_core::contract::{ServedBy, ServiceLimit, Subject};
use vambrace_core::firmware::Services;
use vambrace_core::psci::PsciOptions;

use super::order::{Order, compare, tell};
use super::witness::Witness;
use crate::sys::{Capability, FilterAction, RegisterId, VcpuOps, VmOps};

impl Order<'_> {
    /// Step 7: the VM's firmware, by its first vCPU.
    pub(crate) fn firmware<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &mut V,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        let version = u64::from(self.contract.psci_version.value());
        let version = match self.contract.served_by {
            ServedBy::Kernel => version,
            // KVM answers no call: its register holds what it can.
            ServedBy::Core(_) => version.min(vcpu.register(RegisterId::PSCI_VERSION)?),
        };
        let register = RegisterId::PSCI_VERSION;
        tell(vcpu, Subject::PsciVersion, register, version, witness)?;
        for (workaround, register) in RegisterId::WORKAROUNDS {
            let level = self.contract.workarounds.level(workaround);
            let value = workaround.register_value(level);
            // A kernel without the register answers as one with level 0.
            if value != 0 || vcpu.optional_register(register)?.is_some() {
                tell(
                    vcpu,
                    Subject::Workaround(workaround),
                    register,
                    value,
                    witness,
                )?;
            }
        }
        match self.contract.served_by {
            ServedBy::Kernel => self.services_of_kernel(vcpu, witness),
            ServedBy::Core(_) => self.services_under_core(vcpu, witness),
        }
    }

    /// Step 8: who answers which calls.
    pub(crate) fn calls<V: VmOps, W: Witness>(
        &self,
        vm: &V,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        for (base, count) in self.forwarded() {
            if let Err(error) = vm.filter_smccc(*base, *count, FilterAction::Forward) {
                witness.refused(Subject::Forwarding, error)?;
                break;
            }
        }
        let options = self.contract.psci_options;
        if options.contains(PsciOptions::SYSTEM_SUSPEND)
            && let Err(error) = vm.enable(Capability::SystemSuspend)
        {
            witness.refused(Subject::SystemSuspend, error)?;
        }
        Ok(())
    }

    /// The ranges of calls that are not the kernel's to answer.
    pub(crate) fn forwarded(&self) -> &'static [(u32, u32)] {
        let services = self.contract.services;
        match self.contract.served_by {
            ServedBy::Kernel => forwarded_by_kernel(services),
            ServedBy::Core(_) => forwarded_to_core(services),
        }
    }

    /// Exactly the promised bits of each bitmap. A kernel without a register always gives the same
    /// answers, which may be the promised ones.
    fn services_of_kernel<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &mut V,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        for (bitmap, register) in RegisterId::BITMAPS {
            let promised = self.contract.services.register(bitmap);
            let unasked = self.kernel.services(bitmap);
            if vcpu.optional_register(register)?.is_some()
                || unasked != ServiceLimit::Fixed(promised)
            {
                tell(vcpu, Subject::Services(bitmap), register, promised, witness)?;
            }
        }
        Ok(())
    }

    /// Of the promised bits those that KVM has: it answers SMCCC_ARCH_FEATURES, and the wall clock
    /// alone; the rest is core's.
    fn services_under_core<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &mut V,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        for (bitmap, register) in RegisterId::BITMAPS {
            let promised = self.contract.services.register(bitmap);
            let mut offered = match self.kernel.services(bitmap) {
                ServiceLimit::Chosen(bits) | ServiceLimit::Fixed(bits) => bits,
            };
            if let Some(on) = vcpu.optional_register(register)? {
                offered |= on;
                let subject = Subject::Services(bitmap);
                tell(vcpu, subject, register, promised & offered, witness)?;
            }
            let clock = Services::PTP.register(bitmap) & promised;
            if clock & !offered != 0 {
                compare(Subject::Ptp, 1, 0, witness)?;
            }
        }
        Ok(())
    }
}

/// What is answered here though KVM's own firmware is the guest's: what that only advertises.
pub(crate) fn forwarded_by_kernel(services: Services) -> &'static [(u32, u32)] {
    match services.intersects(Services::DISCOVERY) {
        true => DISCOVERY,
        false => &[],
    }
}

/// What core answers instead of KVM: everything but 0x8000_0000–0x8000_FFFF and
/// 0xC000_0000–0xC000_FFFF, which KVM keeps, and PTP if it is served.
pub(crate) fn forwarded_to_core(services: Services) -> &'static [(u32, u32)] {
    match services.contains(Services::PTP) {
        true => FORWARDED_BUT_PTP,
        false => FORWARDED,
    }
}

/// DISCOVER_IMPL_VER and DISCOVER_IMPL_CPUS, which KVM only advertises.
const DISCOVERY: &[(u32, u32)] = &[(0xc600_0040, 2)];

/// Everything but 0x8000_0000–0x8000_FFFF and 0xC000_0000–0xC000_FFFF, which KVM keeps.
const FORWARDED: &[(u32, u32)] = &[
    (0, 0x8000_0000),
    (0x8001_0000, 0x3fff_0000),
    (0xc001_0000, 0x3fff_0000),
];

/// The same without PTP, 0x8600_0001.
const FORWARDED_BUT_PTP: &[(u32, u32)] = &[
    (0, 0x8000_0000),
    (0x8001_0000, 0x05ff_0001),
    (0x8600_0002, 0x39ff_fffe),
    (0xc001_0000, 0x3fff_0000),
];
