//! The registers of a vCPU, by KVM's ids.
//!
//! An id is 64 bits: architecture in 63:60 (6 is arm64), size in 55:52 (3 is 64 bits), class in
//! 27:16, the rest by class.
//!
//! Linux `Documentation/virt/kvm/api.rst`, KVM_SET_ONE_REG.

use std::fmt;

use vambrace_core::cpu::IdRegister;
use vambrace_core::firmware::{Bitmap, Workaround};

/// The id of a register (KVM_REG_ARM64 | KVM_REG_SIZE_… | …).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterId(u64);

impl RegisterId {
    /// X0 to X30.
    pub const X: [Self; 31] = general();
    /// SP_EL0.
    pub const SP_EL0: Self = core(31);
    /// PC.
    pub const PC: Self = core(32);
    /// PSTATE.
    pub const PSTATE: Self = core(33);
    /// SP_EL1.
    pub const SP_EL1: Self = core(34);
    /// ELR_EL1.
    pub const ELR_EL1: Self = core(35);
    /// SPSR_EL1.
    pub const SPSR_EL1: Self = core(36);

    /// MIDR_EL1.
    pub const MIDR_EL1: Self = Self::system(3, 0, 0, 0, 0);
    /// REVIDR_EL1.
    pub const REVIDR_EL1: Self = Self::system(3, 0, 0, 0, 6);
    /// AIDR_EL1.
    pub const AIDR_EL1: Self = Self::system(3, 1, 0, 0, 7);
    /// MPIDR_EL1.
    pub const MPIDR_EL1: Self = Self::system(3, 0, 0, 0, 5);
    /// CLIDR_EL1.
    pub const CLIDR_EL1: Self = Self::system(3, 1, 0, 0, 1);
    /// CTR_EL0.
    pub const CTR_EL0: Self = Self::system(3, 3, 0, 0, 1);
    /// PMCR_EL0.
    pub const PMCR_EL0: Self = Self::system(3, 3, 9, 12, 0);
    /// ID_AA64PFR1_EL1.
    pub const ID_AA64PFR1_EL1: Self = Self::system(3, 0, 0, 4, 1);
    /// ID_AA64MMFR0_EL1.
    pub const ID_AA64MMFR0_EL1: Self = Self::system(3, 0, 0, 7, 0);
    /// SCTLR_EL1.
    pub const SCTLR_EL1: Self = Self::system(3, 0, 1, 0, 0);
    /// CNTV_CTL_EL0.
    pub const CNTV_CTL_EL0: Self = Self::system(3, 3, 14, 3, 1);
    /// CNTV_CVAL_EL0, which KVM has by the encoding of CNTVCT_EL0.
    pub const CNTV_CVAL_EL0: Self = Self::system(3, 3, 14, 0, 2);
    /// CNTP_CTL_EL0 (Linux 6.4).
    pub const CNTP_CTL_EL0: Self = Self::system(3, 3, 14, 2, 1);
    /// CNTP_CVAL_EL0 (Linux 6.4).
    pub const CNTP_CVAL_EL0: Self = Self::system(3, 3, 14, 2, 2);
    /// TTBR0_EL1.
    pub const TTBR0_EL1: Self = Self::system(3, 0, 2, 0, 0);
    /// TTBR1_EL1.
    pub const TTBR1_EL1: Self = Self::system(3, 0, 2, 0, 1);
    /// TCR_EL1.
    pub const TCR_EL1: Self = Self::system(3, 0, 2, 0, 2);
    /// ESR_EL1.
    pub const ESR_EL1: Self = Self::system(3, 0, 5, 2, 0);
    /// FAR_EL1.
    pub const FAR_EL1: Self = Self::system(3, 0, 6, 0, 0);
    /// MAIR_EL1.
    pub const MAIR_EL1: Self = Self::system(3, 0, 10, 2, 0);
    /// VBAR_EL1.
    pub const VBAR_EL1: Self = Self::system(3, 0, 12, 0, 0);

    /// KVM_REG_ARM_PSCI_VERSION: the PSCI version KVM answers with.
    pub const PSCI_VERSION: Self = Self(CLASS_FIRMWARE);
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1: its level on this host.
    pub const WORKAROUND_1: Self = Self(CLASS_FIRMWARE | 1);
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2: its level on this host.
    pub const WORKAROUND_2: Self = Self(CLASS_FIRMWARE | 2);
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3: its level on this host.
    pub const WORKAROUND_3: Self = Self(CLASS_FIRMWARE | 3);
    /// KVM_REG_ARM_STD_BMAP: standard services KVM answers. Linux 5.19.
    pub const STD_BITMAP: Self = Self(CLASS_BITMAP);
    /// KVM_REG_ARM_STD_HYP_BMAP: standard hypervisor services KVM answers. Linux 5.19.
    pub const STD_HYP_BITMAP: Self = Self(CLASS_BITMAP | 1);
    /// KVM_REG_ARM_VENDOR_HYP_BMAP: vendor hypervisor services KVM answers. Linux 5.19.
    pub const VENDOR_HYP_BITMAP: Self = Self(CLASS_BITMAP | 2);
    /// KVM_REG_ARM_VENDOR_HYP_BMAP_2: more of them. Linux 6.15.
    pub const VENDOR_HYP_BITMAP_2: Self = Self(CLASS_BITMAP | 3);

    /// The register of each workaround's level.
    pub const WORKAROUNDS: [(Workaround, Self); 3] = [
        (Workaround::One, Self::WORKAROUND_1),
        (Workaround::Two, Self::WORKAROUND_2),
        (Workaround::Three, Self::WORKAROUND_3),
    ];
    /// The register of each bitmap of services, in [`Bitmap::ALL`]'s order.
    pub const BITMAPS: [(Bitmap, Self); 4] = [
        (Bitmap::Standard, Self::STD_BITMAP),
        (Bitmap::StandardHypervisor, Self::STD_HYP_BITMAP),
        (Bitmap::VendorHypervisor, Self::VENDOR_HYP_BITMAP),
        (Bitmap::VendorHypervisor2, Self::VENDOR_HYP_BITMAP_2),
    ];

    /// KVM_REG_ARM64_SVE_VLS: a bit for each vector length a vCPU has, 512 in all; bit n is
    /// n + 1 times 128 bits.
    pub const SVE_VLS: Self = Self(0x6060_0000_0015_ffff);

    /// CCSIDR_EL1 as it reads with `selector` in CSSELR_EL1: 32 bits.
    pub const fn ccsidr(selector: u8) -> Self {
        Self(CLASS_DEMUX | selector as u64)
    }

    /// The selector, if this is a CCSIDR_EL1.
    pub const fn ccsidr_selector(self) -> Option<u8> {
        match self.0 & !0xff {
            CLASS_DEMUX => Some(self.0 as u8),
            _ => None,
        }
    }

    /// The register of this number, as the kernel lists it.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// How many bytes it has: 1 to 32 768, and KVM's have 4 to 256.
    pub const fn size(self) -> usize {
        1 << (self.0 >> 52 & 0xf)
    }

    /// A system register by its encoding, as MRS and MSR have it. Excess bits are dropped.
    pub const fn system(op0: u8, op1: u8, crn: u8, crm: u8, op2: u8) -> Self {
        Self(
            CLASS_SYSTEM
                | (op0 as u64 & 0b11) << 14
                | (op1 as u64 & 0b111) << 11
                | (crn as u64 & 0b1111) << 7
                | (crm as u64 & 0b1111) << 3
                | (op2 as u64 & 0b111),
        )
    }

    /// The system register with this encoding: op0 in bits 15:14, op1 in 13:11, CRn in 10:7, CRm
    /// in 6:3, op2 in 2:0.
    pub const fn encoded(encoding: u16) -> Self {
        Self(CLASS_SYSTEM | encoding as u64)
    }

    /// The number KVM knows it by.
    pub const fn raw(self) -> u64 {
        self.0
    }
}

impl RegisterId {
    /// The identification register that it is, if it is one.
    fn identification(self) -> Option<IdRegister> {
        match self.0 & !0xffff {
            CLASS_SYSTEM => IdRegister::encoded(self.0 as u16),
            _ => None,
        }
    }
}

/// The architecture's or the ABI's name; the number where there is none here.
impl fmt::Display for RegisterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = RegisterId::X.iter().position(|x| x == self) {
            return write!(f, "X{index}");
        }
        if let Some(selector) = self.ccsidr_selector() {
            return write!(f, "CCSIDR_EL1 of selector {selector}");
        }
        if let Some(register) = self.identification() {
            return write!(f, "{register}");
        }
        match NAMES.iter().find(|(register, _)| register == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "register {:#018x}", self.0),
        }
    }
}

impl fmt::Debug for RegisterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// X0 to X30 stand at the start of `struct kvm_regs`.
const fn general() -> [RegisterId; 31] {
    let mut registers = [RegisterId(0); 31];
    let mut index = 0;
    while index < 31 {
        registers[index] = core(index as u64);
        index += 1;
    }
    registers
}

/// The register at 64-bit word `index` of `struct kvm_regs`; KVM counts in 32-bit words.
const fn core(index: u64) -> RegisterId {
    RegisterId(CLASS_CORE | index << 1)
}

const CLASS_CORE: u64 = 0x6030_0000_0010_0000;
const CLASS_DEMUX: u64 = 0x6020_0000_0011_0000;
const CLASS_SYSTEM: u64 = 0x6030_0000_0013_0000;
const CLASS_FIRMWARE: u64 = 0x6030_0000_0014_0000;
const CLASS_BITMAP: u64 = 0x6030_0000_0016_0000;

const NAMES: &[(RegisterId, &str)] = &[
    (RegisterId::SP_EL0, "SP_EL0"),
    (RegisterId::PC, "PC"),
    (RegisterId::PSTATE, "PSTATE"),
    (RegisterId::SP_EL1, "SP_EL1"),
    (RegisterId::ELR_EL1, "ELR_EL1"),
    (RegisterId::SPSR_EL1, "SPSR_EL1"),
    (RegisterId::MIDR_EL1, "MIDR_EL1"),
    (RegisterId::REVIDR_EL1, "REVIDR_EL1"),
    (RegisterId::AIDR_EL1, "AIDR_EL1"),
    (RegisterId::MPIDR_EL1, "MPIDR_EL1"),
    (RegisterId::CLIDR_EL1, "CLIDR_EL1"),
    (RegisterId::PMCR_EL0, "PMCR_EL0"),
    (RegisterId::SVE_VLS, "KVM_REG_ARM64_SVE_VLS"),
    (RegisterId::SCTLR_EL1, "SCTLR_EL1"),
    (RegisterId::CNTV_CTL_EL0, "CNTV_CTL_EL0"),
    (RegisterId::CNTV_CVAL_EL0, "CNTV_CVAL_EL0"),
    (RegisterId::CNTP_CTL_EL0, "CNTP_CTL_EL0"),
    (RegisterId::CNTP_CVAL_EL0, "CNTP_CVAL_EL0"),
    (RegisterId::TTBR0_EL1, "TTBR0_EL1"),
    (RegisterId::TTBR1_EL1, "TTBR1_EL1"),
    (RegisterId::TCR_EL1, "TCR_EL1"),
    (RegisterId::ESR_EL1, "ESR_EL1"),
    (RegisterId::FAR_EL1, "FAR_EL1"),
    (RegisterId::MAIR_EL1, "MAIR_EL1"),
    (RegisterId::VBAR_EL1, "VBAR_EL1"),
    (RegisterId::PSCI_VERSION, "KVM_REG_ARM_PSCI_VERSION"),
    (
        RegisterId::WORKAROUND_1,
        "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1",
    ),
    (
        RegisterId::WORKAROUND_2,
        "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2",
    ),
    (
        RegisterId::WORKAROUND_3,
        "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3",
    ),
    (RegisterId::STD_BITMAP, "KVM_REG_ARM_STD_BMAP"),
    (RegisterId::STD_HYP_BITMAP, "KVM_REG_ARM_STD_HYP_BMAP"),
    (RegisterId::VENDOR_HYP_BITMAP, "KVM_REG_ARM_VENDOR_HYP_BMAP"),
    (
        RegisterId::VENDOR_HYP_BITMAP_2,
        "KVM_REG_ARM_VENDOR_HYP_BMAP_2",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_registers_count_in_words_of_kvm_regs() {
        assert_eq!(RegisterId::X[0].raw(), 0x6030_0000_0010_0000);
        assert_eq!(RegisterId::X[1].raw(), 0x6030_0000_0010_0002);
        assert_eq!(RegisterId::X[30].raw(), 0x6030_0000_0010_003c);
        assert_eq!(RegisterId::SP_EL0.raw(), 0x6030_0000_0010_003e);
        assert_eq!(RegisterId::PC.raw(), 0x6030_0000_0010_0040);
        assert_eq!(RegisterId::PSTATE.raw(), 0x6030_0000_0010_0042);
        assert_eq!(RegisterId::SP_EL1.raw(), 0x6030_0000_0010_0044);
        assert_eq!(RegisterId::ELR_EL1.raw(), 0x6030_0000_0010_0046);
        assert_eq!(RegisterId::SPSR_EL1.raw(), 0x6030_0000_0010_0048);
    }

    #[test]
    fn system_registers_follow_their_encoding() {
        assert_eq!(RegisterId::MIDR_EL1.raw(), 0x6030_0000_0013_c000);
        assert_eq!(RegisterId::MPIDR_EL1.raw(), 0x6030_0000_0013_c005);
        assert_eq!(RegisterId::REVIDR_EL1.raw(), 0x6030_0000_0013_c006);
        assert_eq!(RegisterId::AIDR_EL1.raw(), 0x6030_0000_0013_c807);
        assert_eq!(RegisterId::ID_AA64MMFR0_EL1.raw(), 0x6030_0000_0013_c038);
        assert_eq!(RegisterId::SCTLR_EL1.raw(), 0x6030_0000_0013_c080);
        // Linux's KVM_REG_ARM_TIMER_CTL, TIMER_CVAL, PTIMER_CTL and PTIMER_CVAL.
        assert_eq!(RegisterId::CNTV_CTL_EL0.raw(), 0x6030_0000_0013_df19);
        assert_eq!(RegisterId::CNTV_CVAL_EL0.raw(), 0x6030_0000_0013_df02);
        assert_eq!(RegisterId::CNTP_CTL_EL0.raw(), 0x6030_0000_0013_df11);
        assert_eq!(RegisterId::CNTP_CVAL_EL0.raw(), 0x6030_0000_0013_df12);
        assert_eq!(RegisterId::TTBR0_EL1.raw(), 0x6030_0000_0013_c100);
        assert_eq!(RegisterId::TTBR1_EL1.raw(), 0x6030_0000_0013_c101);
        assert_eq!(RegisterId::TCR_EL1.raw(), 0x6030_0000_0013_c102);
        assert_eq!(RegisterId::ESR_EL1.raw(), 0x6030_0000_0013_c290);
        assert_eq!(RegisterId::FAR_EL1.raw(), 0x6030_0000_0013_c300);
        assert_eq!(RegisterId::MAIR_EL1.raw(), 0x6030_0000_0013_c510);
        assert_eq!(RegisterId::VBAR_EL1.raw(), 0x6030_0000_0013_c600);
        assert_eq!(RegisterId::CLIDR_EL1.raw(), 0x6030_0000_0013_c801);
        assert_eq!(RegisterId::CTR_EL0.raw(), 0x6030_0000_0013_d801);
        assert_eq!(RegisterId::PMCR_EL0.raw(), 0x6030_0000_0013_dce0);
        assert_eq!(RegisterId::ID_AA64PFR1_EL1.raw(), 0x6030_0000_0013_c021);
    }

    #[test]
    fn firmware_registers_have_classes_of_their_own() {
        assert_eq!(RegisterId::PSCI_VERSION.raw(), 0x6030_0000_0014_0000);
        assert_eq!(RegisterId::WORKAROUND_3.raw(), 0x6030_0000_0014_0003);
        assert_eq!(RegisterId::STD_BITMAP.raw(), 0x6030_0000_0016_0000);
        assert_eq!(RegisterId::VENDOR_HYP_BITMAP_2.raw(), 0x6030_0000_0016_0003);
    }

    #[test]
    fn a_register_s_size_is_in_its_id() {
        assert_eq!(RegisterId::PC.size(), 8);
        assert_eq!(RegisterId::ccsidr(0).size(), 4);
        assert_eq!(RegisterId::SVE_VLS.size(), 64);
        assert_eq!(RegisterId::from_raw(0x6080_0000_0015_0000).size(), 256);
    }

    #[test]
    fn a_cache_s_size_register_is_known_by_its_selector() {
        assert_eq!(RegisterId::ccsidr(3).raw(), 0x6020_0000_0011_0003);
        assert_eq!(RegisterId::ccsidr(3).ccsidr_selector(), Some(3));
        assert_eq!(RegisterId::PC.ccsidr_selector(), None);
    }

    #[test]
    fn registers_print_their_names() {
        assert_eq!(RegisterId::X[17].to_string(), "X17");
        assert_eq!(RegisterId::PC.to_string(), "PC");
        assert_eq!(
            RegisterId::PSCI_VERSION.to_string(),
            "KVM_REG_ARM_PSCI_VERSION"
        );
        assert_eq!(RegisterId::encoded(0xc020).to_string(), "ID_AA64PFR0_EL1");
        let unnamed = RegisterId::system(3, 3, 14, 0, 1);
        assert_eq!(unnamed.to_string(), "register 0x603000000013df01");
    }

    #[test]
    fn no_register_is_named_twice() {
        for (at, (register, _)) in NAMES.iter().enumerate() {
            assert!(!NAMES[..at].iter().any(|(earlier, _)| earlier == register));
        }
    }
}
