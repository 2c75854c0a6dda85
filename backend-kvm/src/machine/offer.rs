//! What a host's KVM offers, asked of a machine that never runs.

use vambrace_core::firmware::{Services, Workarounds};
use vambrace_core::psci::{PsciOptions, PsciVersion};

use super::promise::Promise;
use super::{Config, Controllers, Error, Features, FirmwareKind, core_config, promise, setup};
use crate::sys::{Capability, Host, RegisterId, VcpuOps, VmOps};

/// What matters of a host before a machine is made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The newest PSCI version that both the host's KVM and core have.
    pub psci_version: PsciVersion,
    /// Can KVM forward firmware calls to core?
    pub core: Forwarding,
    /// What KVM's own firmware has. DISCOVER_IMPL is only advertised by it, and served beside it.
    pub features: Features,
    /// Whether guests may run AArch32 at EL1.
    pub aarch32: Aarch32,
    /// The interrupt controllers that guests may have.
    pub interrupt_controllers: Controllers,
    /// The host's firmware registers, where it has them.
    pub(super) registers: Registers,
}

/// Whether KVM has an SMCCC filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// It has (Linux 6.4 and newer).
    Offered,
    /// It has not: only its own firmware can answer.
    Missing,
}

/// Whether a host's CPUs execute AArch32 at EL1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aarch32 {
    /// They do (KVM_CAP_ARM_EL1_32BIT).
    Offered,
    /// They do not.
    Missing,
}

/// Firmware registers as a host has them; None for those that its kernel does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Registers {
    /// In the order of [`RegisterId::WORKAROUNDS`].
    pub(super) workarounds: [Option<u64>; 3],
    /// The bits that can be set, in the order of [`RegisterId::BITMAPS`].
    pub(super) bitmaps: [Option<u64>; 4],
}

impl Offer {
    /// Asks `host`.
    ///
    /// # Errors
    ///
    /// The host cannot make even a small machine.
    pub fn of<H: Host>(host: &H) -> Result<Self, Error> {
        setup::offer_of(host)
    }

    /// Can this host run machines with that firmware?
    ///
    /// # Errors
    ///
    /// [`Error::NoFilter`].
    pub fn check(&self, firmware: FirmwareKind) -> Result<(), Error> {
        match (firmware, self.core) {
            (FirmwareKind::Core, Forwarding::Missing) => Err(Error::NoFilter),
            (FirmwareKind::Kernel, _) | (FirmwareKind::Core, Forwarding::Offered) => Ok(()),
        }
    }

    /// The PSCI version that a machine with this configuration has here, if it can have all that the
    /// configuration names of firmware and interrupts.
    ///
    /// # Errors
    ///
    /// [`Error::NoFilter`], [`Error::PsciTooNew`], [`Error::KernelLacks`], [`Error::DialectLacks`],
    /// [`Error::NoGic`], [`Error::NoIts`] or [`Error::ItsWithoutGicV3`].
    pub fn psci_version_of(&self, config: &Config) -> Result<PsciVersion, Error> {
        Promise::new(config, self).map(|promise| promise.psci_version)
    }

    /// What a machine here is promised of the architecture workarounds unless it is told otherwise.
    #[must_use]
    pub fn workarounds(&self) -> Workarounds {
        promise::workarounds(&self.registers)
    }

    /// What a VM offers, asked of its first vCPU, which is initialised and has not run.
    pub(super) fn probe<V: VmOps>(vm: &V, vcpu: &V::Vcpu) -> Result<Self, Error> {
        let psci_version = psci_version(vcpu)?;
        let registers = Registers::probe(vcpu)?;
        let core = if vm.supports_smccc_filter() {
            Forwarding::Offered
        } else {
            Forwarding::Missing
        };
        let mut features = registers.features();
        features.set(Features::PV_TIME, vcpu.supports_stolen_time());
        let suspends = vm.capability(Capability::SystemSuspend)? != 0;
        features.set(Features::SYSTEM_SUSPEND, suspends);
        let aarch32 = match vm.capability(Capability::El1_32Bit)? {
            0 => Aarch32::Missing,
            _ => Aarch32::Offered,
        };
        Ok(Self {
            psci_version,
            core,
            features,
            aarch32,
            interrupt_controllers: Controllers::probe(vm)?,
            registers,
        })
    }
}

impl Registers {
    fn probe<V: VcpuOps>(vcpu: &V) -> Result<Self, Error> {
        let mut registers = Self {
            workarounds: [None; 3],
            bitmaps: [None; 4],
        };
        let levels = registers.workarounds.iter_mut();
        for (value, (_, register)) in levels.zip(RegisterId::WORKAROUNDS) {
            *value = vcpu.optional_register(register)?;
        }
        let bitmaps = registers.bitmaps.iter_mut();
        for (value, (bitmap, register)) in bitmaps.zip(RegisterId::BITMAPS) {
            // All that KVM has is on at first, but for the youngest services.
            *value = vcpu
                .optional_register(register)?
                .map(|on| on | Services::DISCOVERY.register(bitmap));
        }
        Ok(registers)
    }

    /// What the bitmaps can switch on.
    fn features(&self) -> Features {
        let bitmaps = self.bitmaps.iter().zip(RegisterId::BITMAPS);
        let services = bitmaps.fold(Services::empty(), |services, (value, (bitmap, _))| {
            let known = value.unwrap_or(0) & Services::all().register(bitmap);
            services.with_register(bitmap, known).unwrap_or(services)
        });
        core_config::features(PsciOptions::empty(), services)
    }
}

fn psci_version<V: VcpuOps>(vcpu: &V) -> Result<PsciVersion, Error> {
    let offered = vcpu.register(RegisterId::PSCI_VERSION)?;
    u32::try_from(offered)
        .ok()
        .map(|offered| offered.min(PsciVersion::V1_3.value()))
        .and_then(PsciVersion::from_value)
        .ok_or(Error::PsciVersion { offered })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Errno;
    use crate::sys::Operation;
    use crate::sys::fake::FakeHost;

    /// As Linux 6.12: the second bitmap of vendor services is younger.
    fn linux_6_12() -> FakeHost {
        let host = FakeHost::new();
        host.fail(
            Operation::Register(RegisterId::VENDOR_HYP_BITMAP_2),
            Errno::ENOENT,
        );
        host
    }

    /// As Linux 5.10: no bitmap, no filter, no suspension.
    fn linux_5_10() -> FakeHost {
        let host = linux_6_12()
            .without(Capability::SystemSuspend)
            .without_smccc_filter()
            .with_register(RegisterId::PSCI_VERSION, 0x1_0000);
        for (_, bitmap) in RegisterId::BITMAPS {
            host.fail(Operation::Register(bitmap), Errno::ENOENT);
        }
        host
    }

    #[test]
    fn an_offer_tells_of_the_filter() {
        assert_eq!(
            Offer::of(&FakeHost::new()).unwrap().core,
            Forwarding::Offered
        );
        let old = Offer::of(&FakeHost::new().without_smccc_filter()).unwrap();
        assert_eq!(old.core, Forwarding::Missing);
    }

    #[test]
    fn an_offer_names_the_newest_psci_that_both_have() {
        for (offered, newest) in [
            (0x1_0000, 0x1_0000),
            (0x1_0001, 0x1_0001),
            (0x1_0003, 0x1_0003),
            (0x1_0007, 0x1_0003),
        ] {
            let host = FakeHost::new().with_register(RegisterId::PSCI_VERSION, offered);
            assert_eq!(Offer::of(&host).unwrap().psci_version.value(), newest);
        }
    }

    #[test]
    fn a_psci_that_we_do_not_know_is_an_error() {
        for offered in [0, 0x3, 1 << 32] {
            let host = FakeHost::new().with_register(RegisterId::PSCI_VERSION, offered);
            assert!(matches!(
                Offer::of(&host),
                Err(Error::PsciVersion { offered: found }) if found == offered
            ));
        }
    }

    #[test]
    fn the_features_of_a_kernel_are_those_of_its_registers_attributes_and_capabilities() {
        let features = |host| Offer::of(&host).unwrap().features.to_string();
        assert_eq!(
            features(FakeHost::new()),
            "trng,pv-time,vendor-hyp,ptp,discover-impl,system-suspend"
        );
        assert_eq!(
            features(linux_6_12()),
            "trng,pv-time,vendor-hyp,ptp,system-suspend"
        );
        assert_eq!(features(linux_5_10()), "pv-time");
        assert_eq!(features(linux_5_10().without_stolen_time()), "");
        let without_ptp = linux_6_12().with_register(RegisterId::VENDOR_HYP_BITMAP, 1);
        assert_eq!(
            features(without_ptp),
            "trng,pv-time,vendor-hyp,system-suspend"
        );
    }

    #[test]
    fn an_offer_tells_of_aarch32() {
        assert_eq!(
            Offer::of(&FakeHost::new()).unwrap().aarch32,
            Aarch32::Offered
        );
        let without = FakeHost::new().without(Capability::El1_32Bit);
        assert_eq!(Offer::of(&without).unwrap().aarch32, Aarch32::Missing);
    }

    #[test]
    fn an_offer_can_be_had_of_a_host_with_few_bits_of_address() {
        let host = FakeHost::new().with_capability(Capability::VmIpaSize, 36);
        Offer::of(&host).unwrap();
        assert_eq!(host.log()[1], (None, Operation::CreateVm { ipa_bits: 36 }));
        assert_eq!(host.log().last(), Some(&(None, Operation::CloseVm)));
    }

    #[test]
    fn core_is_refused_without_a_filter_and_the_kernel_is_not() {
        let offer = Offer::of(&FakeHost::new().without_smccc_filter()).unwrap();
        assert!(offer.check(FirmwareKind::Kernel).is_ok());
        let refused = offer.check(FirmwareKind::Core).unwrap_err();
        let expected = "cannot run with --firmware core: this host's kernel has no SMCCC filter to \
                        forward firmware calls with (Linux 6.4 and newer have it); use --firmware \
                        kernel, or a newer host such as --host lab:6.12";
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn a_register_that_cannot_be_read_for_another_reason_is_an_error() {
        let host = FakeHost::new();
        host.fail(Operation::Register(RegisterId::STD_BITMAP), Errno::EPERM);
        assert!(matches!(
            Offer::of(&host),
            Err(Error::Kvm(error)) if error.errno == Errno::EPERM
        ));
    }
}
