//! What there is, written down from the specifications and not from the code.

use vambrace_core::firmware::{
    Dialect, KvmGeneration, Level, PseudoRegister, Services, Workaround, Workarounds,
};
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::{Migration, PsciOptions, PsciVersion, TrustedOs};
use vambrace_core::smccc::{Caller, Conduit, SmcccVersion, SocId};
use vambrace_core::vcpu::Mpidr;
use vambrace_core::vendor_hyp::{Implementation, Implementations};
use vambrace_core::{Entry, Vm, VmConfig};

/// What makes a function be there.
#[derive(Clone, Copy)]
pub(crate) enum If {
    /// SMCCC 1.1.
    Smccc11,
    /// The machine has a SoC to tell of, and SMCCC 1.2.
    Soc,
    /// The same, and SMCCC 1.6.
    SocName,
    /// A level of the workaround is promised; KVM answers it always.
    Workaround,
    /// The same, and KVM does not have it.
    Workaround4,
    /// This PSCI version or a newer one.
    Psci(u32),
    /// The same, and the option.
    Option(u32, PsciOptions),
    /// PSCI 0.2 and a Trusted OS on one CPU.
    TrustedOs,
    /// PSCI 0.1.
    Psci01,
    /// PSCI 0.1, but not in KVM.
    Psci01Suspend,
    /// PSCI 0.1 and a Trusted OS on one CPU.
    Psci01Migrate,
    /// The service.
    Service(Services),
}

/// Who tells a guest that a function is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Nobody,
    ArchFeatures,
    /// SMCCC_VERSION, which PSCI tells of too (DEN0028 §7.2).
    ArchAndPsciFeatures,
    PsciFeatures,
    TrngFeatures,
    /// PV_TIME_FEATURES, and SMCCC_ARCH_FEATURES tells of that (DEN0057 §3.1).
    PvTimeFeatures,
    /// This bit of what FEATURES gives in x0 (0–63) and x2 (64–127).
    VendorBit(u32),
}

/// Every function id of DEN0022, DEN0028, DEN0057, DEN0098 and of KVM's vendor services.
#[rustfmt::skip]
pub(crate) const KNOWN: [(u32, If, By); 61] = [
    (0x8000_0000, If::Smccc11, By::ArchAndPsciFeatures),
    (0x8000_0001, If::Smccc11, By::ArchFeatures),
    (0x8000_0002, If::Soc, By::ArchFeatures),
    (0x8000_0004, If::Workaround4, By::ArchFeatures),
    (0x8000_3fff, If::Workaround, By::ArchFeatures),
    (0x8000_7fff, If::Workaround, By::ArchFeatures),
    (0x8000_8000, If::Workaround, By::ArchFeatures),
    (0x8400_0000, If::Psci(0x0_0002), By::PsciFeatures),
    (0x8400_0001, If::Psci(0x0_0002), By::PsciFeatures),
    (0x8400_0002, If::Psci(0x0_0002), By::PsciFeatures),
    (0x8400_0003, If::Psci(0x0_0002), By::PsciFeatures),
    (0x8400_0004, If::Psci(0x0_0002), By::PsciFeatures),
    (0x8400_0005, If::TrustedOs, By::PsciFeatures),
    (0x8400_0006, If::Psci(0x0_0002), By::PsciFeatures),
    (0x8400_0007, If::TrustedOs, By::PsciFeatures),
    (0x8400_0008, If::Psci(0x0_0002), By::PsciFeatures),
    (0x8400_0009, If::Psci(0x0_0002), By::PsciFeatures),
    (0x8400_000a, If::Psci(0x1_0000), By::PsciFeatures),
    (0x8400_000b, If::Option(0x1_0000, PsciOptions::CPU_FREEZE), By::PsciFeatures),
    (0x8400_000c, If::Option(0x1_0000, PsciOptions::CPU_DEFAULT_SUSPEND), By::PsciFeatures),
    (0x8400_000d, If::Option(0x1_0000, PsciOptions::NODE_HW_STATE), By::PsciFeatures),
    (0x8400_000e, If::Option(0x1_0000, PsciOptions::SYSTEM_SUSPEND), By::PsciFeatures),
    (0x8400_000f, If::Option(0x1_0000, PsciOptions::OS_INITIATED), By::PsciFeatures),
    (0x8400_0010, If::Option(0x1_0000, PsciOptions::STATISTICS), By::PsciFeatures),
    (0x8400_0011, If::Option(0x1_0000, PsciOptions::STATISTICS), By::PsciFeatures),
    (0x8400_0012, If::Option(0x1_0001, PsciOptions::SYSTEM_RESET2), By::PsciFeatures),
    (0x8400_0013, If::Option(0x1_0001, PsciOptions::MEM_PROTECT), By::PsciFeatures),
    (0x8400_0014, If::Option(0x1_0001, PsciOptions::MEM_PROTECT), By::PsciFeatures),
    (0x8400_0015, If::Option(0x1_0003, PsciOptions::SYSTEM_OFF2), By::PsciFeatures),
    (0x8400_0017, If::Option(0x1_0003, PsciOptions::CLEAN_INV_MEMREGION), By::PsciFeatures),
    (0x8400_0050, If::Service(Services::TRNG), By::TrngFeatures),
    (0x8400_0051, If::Service(Services::TRNG), By::TrngFeatures),
    (0x8400_0052, If::Service(Services::TRNG), By::TrngFeatures),
    (0x8400_0053, If::Service(Services::TRNG), By::TrngFeatures),
    (0x8600_0000, If::Service(Services::VENDOR_FEATURES), By::VendorBit(0)),
    (0x8600_0001, If::Service(Services::PTP), By::VendorBit(1)),
    (0x8600_ff01, If::Service(Services::VENDOR_FEATURES), By::VendorBit(0)),
    (0x95c1_ba5e, If::Psci01Suspend, By::Nobody),
    (0x95c1_ba5f, If::Psci01, By::Nobody),
    (0x95c1_ba60, If::Psci01, By::Nobody),
    (0x95c1_ba61, If::Psci01Migrate, By::Nobody),
    (0xc000_0002, If::SocName, By::ArchFeatures),
    (0xc400_0001, If::Psci(0x0_0002), By::PsciFeatures),
    (0xc400_0003, If::Psci(0x0_0002), By::PsciFeatures),
    (0xc400_0004, If::Psci(0x0_0002), By::PsciFeatures),
    (0xc400_0005, If::TrustedOs, By::PsciFeatures),
    (0xc400_0007, If::TrustedOs, By::PsciFeatures),
    (0xc400_000c, If::Option(0x1_0000, PsciOptions::CPU_DEFAULT_SUSPEND), By::PsciFeatures),
    (0xc400_000d, If::Option(0x1_0000, PsciOptions::NODE_HW_STATE), By::PsciFeatures),
    (0xc400_000e, If::Option(0x1_0000, PsciOptions::SYSTEM_SUSPEND), By::PsciFeatures),
    (0xc400_0010, If::Option(0x1_0000, PsciOptions::STATISTICS), By::PsciFeatures),
    (0xc400_0011, If::Option(0x1_0000, PsciOptions::STATISTICS), By::PsciFeatures),
    (0xc400_0012, If::Option(0x1_0001, PsciOptions::SYSTEM_RESET2), By::PsciFeatures),
    (0xc400_0014, If::Option(0x1_0001, PsciOptions::MEM_PROTECT), By::PsciFeatures),
    (0xc400_0015, If::Option(0x1_0003, PsciOptions::SYSTEM_OFF2), By::PsciFeatures),
    (0xc400_0016, If::Option(0x1_0003, PsciOptions::CLEAN_INV_MEMREGION), By::PsciFeatures),
    (0xc400_0053, If::Service(Services::TRNG), By::TrngFeatures),
    (0xc500_0020, If::Service(Services::PV_TIME), By::PvTimeFeatures),
    (0xc500_0021, If::Service(Services::PV_TIME), By::PvTimeFeatures),
    (0xc600_0040, If::Service(Services::DISCOVER_IMPL_VERSION), By::VendorBit(64)),
    (0xc600_0041, If::Service(Services::DISCOVER_IMPL_CPUS), By::VendorBit(65)),
];

/// What a machine is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) dialect: Dialect,
    pub(crate) psci: u32,
    pub(crate) smccc: u32,
    pub(crate) options: PsciOptions,
    pub(crate) services: Services,
    /// A SoC to tell of, a Trusted OS, all workarounds promised.
    pub(crate) rest: Rest,
}

/// Whether a machine has what is neither an option of PSCI nor a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    On,
    Off,
}

impl Made {
    pub(crate) fn is_kvm(&self) -> bool {
        self.dialect != Dialect::Specification
    }

    /// Is the function there?
    pub(crate) fn has(&self, what: If) -> bool {
        let rest = self.rest == Rest::On;
        // KVM knows neither SoC nor Trusted OS nor workaround 4.
        let foreign = rest && !self.is_kvm();
        match what {
            If::Smccc11 => self.smccc >= 0x1_0001,
            If::Soc => foreign && self.smccc >= 0x1_0002,
            If::SocName => foreign && self.smccc >= 0x1_0006,
            If::Workaround => rest || self.is_kvm(),
            If::Workaround4 => foreign,
            If::Psci(since) => self.psci >= since,
            If::Option(since, option) => self.psci >= since && self.options.contains(option),
            If::TrustedOs => foreign && self.psci >= 2,
            If::Psci01 => self.psci == 1,
            If::Psci01Suspend => self.psci == 1 && !self.is_kvm(),
            If::Psci01Migrate => foreign && self.psci == 1,
            If::Service(service) => self.services.contains(service),
        }
    }

    /// The ids that are there, without the hint that SMCCC 1.3 puts into bit 16.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        let there = KNOWN.iter().filter(|(_, what, _)| self.has(*what));
        there.map(|(id, ..)| *id)
    }

    /// The machine, its only vCPU running. Services are negotiated as KVM's bitmaps are: all that
    /// the dialect has are offered, and those not wanted are cleared. KVM 5.10 has no bitmaps.
    pub(crate) fn machine(&self) -> (Vm<1>, Caller) {
        let mut config = VmConfig::<1>::new()
            .with_dialect(self.dialect)
            .with_psci_version(PsciVersion::from_value(self.psci).unwrap())
            .with_psci_options(self.options)
            .with_smccc_version(SmcccVersion::from_value(self.smccc).unwrap())
            .with_services(match self.dialect {
                Dialect::Kvm(KvmGeneration::V5_10) => self.services,
                _ => offered(self.dialect),
            })
            .with_pv_time(Ipa::new(0x90a_0000))
            .with_implementations(implementations());
        config
            .add_ram(RamRange::new(Ipa::new(0), 1 << 40).unwrap())
            .unwrap();
        let boot = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0)).unwrap();
        for register in PseudoRegister::ALL {
            if let PseudoRegister::Bitmap(bitmap) = register
                && config.register(register.id()).is_ok()
            {
                let value = self.services.register(bitmap);
                config.set_register(register.id(), value).unwrap();
            }
        }
        if self.rest == Rest::On {
            let mut promised = Workarounds::NONE
                .with(Workaround::One, Level::Available)
                .with(Workaround::Two, Level::NotRequired)
                .with(Workaround::Three, Level::Available);
            if !self.is_kvm() {
                promised = promised.with(Workaround::Four, Level::Available);
                config = config
                    .with_soc_id(SocId::new(1, 2).unwrap().with_name("a SoC").unwrap())
                    .with_trusted_os(TrustedOs {
                        resident: boot,
                        migration: Migration::Capable,
                    });
            }
            config = config.with_workarounds(promised);
        }
        let mut vm = config.freeze(boot, Ipa::new(0), 0).unwrap();
        assert!(matches!(vm.begin(boot), Entry::Start(_)));
        (vm, Caller::little_endian_aarch64(boot, Conduit::Hvc(0)))
    }
}

/// Services that a dialect has.
pub(crate) fn offered(dialect: Dialect) -> Services {
    match dialect {
        Dialect::Kvm(KvmGeneration::V5_10) => Services::PV_TIME,
        Dialect::Kvm(KvmGeneration::V6_1 | KvmGeneration::V6_12) => {
            Services::TRNG | Services::PV_TIME | Services::VENDOR_FEATURES | Services::PTP
        }
        Dialect::Kvm(KvmGeneration::V7_3) | Dialect::Specification => Services::all(),
    }
}

fn implementations() -> Implementations {
    let mut list = Implementations::new();
    let (midr, revidr, aidr) = (0x410f_d0c1, 0, 0);
    list.add(Implementation { midr, revidr, aidr }).unwrap();
    list
}
