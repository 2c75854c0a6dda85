//! Generated from core/id-registers.csv by `cargo xtask generate`: ID registers and their fields.
//!
//! Change that file and run the command. A row is a line, whatever its length, as it is there.

use super::Rule::{Exact, Hidden, HigherOrZeroSafe, HigherSafe, LowerSafe};
use super::Sign::{Signed, Unsigned};
use super::Writable::{self, Never};
use super::field::FieldRow;
use super::register::RegisterRow;
use super::{Field, IdRegister, KernelRelease};

/// This release and all later ones.
const fn since(major: u16, minor: u16) -> Writable {
    Writable::Since(KernelRelease::new(major, minor))
}

impl IdRegister {
    /// ID_PFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 1, op2 = 0.
    pub const ID_PFR0_EL1: Self = Self::at(0);
    /// ID_PFR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 1, op2 = 1.
    pub const ID_PFR1_EL1: Self = Self::at(1);
    /// ID_DFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 1, op2 = 2.
    pub const ID_DFR0_EL1: Self = Self::at(2);
    /// ID_AFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 1, op2 = 3.
    pub const ID_AFR0_EL1: Self = Self::at(3);
    /// ID_MMFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 1, op2 = 4.
    pub const ID_MMFR0_EL1: Self = Self::at(4);
    /// ID_MMFR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 1, op2 = 5.
    pub const ID_MMFR1_EL1: Self = Self::at(5);
    /// ID_MMFR2_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 1, op2 = 6.
    pub const ID_MMFR2_EL1: Self = Self::at(6);
    /// ID_MMFR3_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 1, op2 = 7.
    pub const ID_MMFR3_EL1: Self = Self::at(7);
    /// ID_ISAR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 2, op2 = 0.
    pub const ID_ISAR0_EL1: Self = Self::at(8);
    /// ID_ISAR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 2, op2 = 1.
    pub const ID_ISAR1_EL1: Self = Self::at(9);
    /// ID_ISAR2_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 2, op2 = 2.
    pub const ID_ISAR2_EL1: Self = Self::at(10);
    /// ID_ISAR3_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 2, op2 = 3.
    pub const ID_ISAR3_EL1: Self = Self::at(11);
    /// ID_ISAR4_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 2, op2 = 4.
    pub const ID_ISAR4_EL1: Self = Self::at(12);
    /// ID_ISAR5_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 2, op2 = 5.
    pub const ID_ISAR5_EL1: Self = Self::at(13);
    /// ID_MMFR4_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 2, op2 = 6.
    pub const ID_MMFR4_EL1: Self = Self::at(14);
    /// ID_ISAR6_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 2, op2 = 7.
    pub const ID_ISAR6_EL1: Self = Self::at(15);
    /// MVFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 3, op2 = 0.
    pub const MVFR0_EL1: Self = Self::at(16);
    /// MVFR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 3, op2 = 1.
    pub const MVFR1_EL1: Self = Self::at(17);
    /// MVFR2_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 3, op2 = 2.
    pub const MVFR2_EL1: Self = Self::at(18);
    /// ID_PFR2_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 3, op2 = 4.
    pub const ID_PFR2_EL1: Self = Self::at(19);
    /// ID_DFR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 3, op2 = 5.
    pub const ID_DFR1_EL1: Self = Self::at(20);
    /// ID_MMFR5_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 3, op2 = 6.
    pub const ID_MMFR5_EL1: Self = Self::at(21);
    /// ID_AA64PFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 4, op2 = 0.
    pub const ID_AA64PFR0_EL1: Self = Self::at(22);
    /// ID_AA64PFR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 4, op2 = 1.
    pub const ID_AA64PFR1_EL1: Self = Self::at(23);
    /// ID_AA64PFR2_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 4, op2 = 2.
    pub const ID_AA64PFR2_EL1: Self = Self::at(24);
    /// ID_AA64ZFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 4, op2 = 4.
    pub const ID_AA64ZFR0_EL1: Self = Self::at(25);
    /// ID_AA64SMFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 4, op2 = 5.
    pub const ID_AA64SMFR0_EL1: Self = Self::at(26);
    /// ID_AA64FPFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 4, op2 = 7.
    pub const ID_AA64FPFR0_EL1: Self = Self::at(27);
    /// ID_AA64DFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 5, op2 = 0.
    pub const ID_AA64DFR0_EL1: Self = Self::at(28);
    /// ID_AA64DFR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 5, op2 = 1.
    pub const ID_AA64DFR1_EL1: Self = Self::at(29);
    /// ID_AA64DFR2_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 5, op2 = 2.
    pub const ID_AA64DFR2_EL1: Self = Self::at(30);
    /// ID_AA64AFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 5, op2 = 4.
    pub const ID_AA64AFR0_EL1: Self = Self::at(31);
    /// ID_AA64ISAR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 6, op2 = 0.
    pub const ID_AA64ISAR0_EL1: Self = Self::at(32);
    /// ID_AA64ISAR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 6, op2 = 1.
    pub const ID_AA64ISAR1_EL1: Self = Self::at(33);
    /// ID_AA64ISAR2_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 6, op2 = 2.
    pub const ID_AA64ISAR2_EL1: Self = Self::at(34);
    /// ID_AA64ISAR3_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 6, op2 = 3.
    pub const ID_AA64ISAR3_EL1: Self = Self::at(35);
    /// ID_AA64MMFR0_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 7, op2 = 0.
    pub const ID_AA64MMFR0_EL1: Self = Self::at(36);
    /// ID_AA64MMFR1_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 7, op2 = 1.
    pub const ID_AA64MMFR1_EL1: Self = Self::at(37);
    /// ID_AA64MMFR2_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 7, op2 = 2.
    pub const ID_AA64MMFR2_EL1: Self = Self::at(38);
    /// ID_AA64MMFR3_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 7, op2 = 3.
    pub const ID_AA64MMFR3_EL1: Self = Self::at(39);
    /// ID_AA64MMFR4_EL1: op0 = 3, op1 = 0, CRn = 0, CRm = 7, op2 = 4.
    pub const ID_AA64MMFR4_EL1: Self = Self::at(40);
    /// CTR_EL0: op0 = 3, op1 = 3, CRn = 0, CRm = 0, op2 = 1.
    pub const CTR_EL0: Self = Self::at(41);
}

impl Field {
    /// ID_PFR1_EL1.GIC, bits 31:28.
    pub const ID_PFR1_EL1_GIC: Self = Self::at(8);
    /// ID_DFR0_EL1.PerfMon, bits 27:24.
    pub const ID_DFR0_EL1_PERFMON: Self = Self::at(17);
    /// ID_DFR0_EL1.CopDbg, bits 3:0.
    pub const ID_DFR0_EL1_COPDBG: Self = Self::at(23);
    /// ID_AA64PFR0_EL1.CSV3, bits 63:60.
    pub const ID_AA64PFR0_EL1_CSV3: Self = Self::at(146);
    /// ID_AA64PFR0_EL1.CSV2, bits 59:56.
    pub const ID_AA64PFR0_EL1_CSV2: Self = Self::at(147);
    /// ID_AA64PFR0_EL1.AMU, bits 47:44.
    pub const ID_AA64PFR0_EL1_AMU: Self = Self::at(150);
    /// ID_AA64PFR0_EL1.MPAM, bits 43:40.
    pub const ID_AA64PFR0_EL1_MPAM: Self = Self::at(151);
    /// ID_AA64PFR0_EL1.SVE, bits 35:32.
    pub const ID_AA64PFR0_EL1_SVE: Self = Self::at(153);
    /// ID_AA64PFR0_EL1.GIC, bits 27:24.
    pub const ID_AA64PFR0_EL1_GIC: Self = Self::at(155);
    /// ID_AA64PFR0_EL1.EL1, bits 7:4.
    pub const ID_AA64PFR0_EL1_EL1: Self = Self::at(160);
    /// ID_AA64PFR0_EL1.EL0, bits 3:0.
    pub const ID_AA64PFR0_EL1_EL0: Self = Self::at(161);
    /// ID_AA64PFR1_EL1.MTE_frac, bits 43:40.
    pub const ID_AA64PFR1_EL1_MTE_FRAC: Self = Self::at(167);
    /// ID_AA64PFR1_EL1.MPAM_frac, bits 19:16.
    pub const ID_AA64PFR1_EL1_MPAM_FRAC: Self = Self::at(172);
    /// ID_AA64PFR1_EL1.MTE, bits 11:8.
    pub const ID_AA64PFR1_EL1_MTE: Self = Self::at(174);
    /// ID_AA64PFR1_EL1.SSBS, bits 7:4.
    pub const ID_AA64PFR1_EL1_SSBS: Self = Self::at(175);
    /// ID_AA64DFR0_EL1.PMUVer, bits 11:8.
    pub const ID_AA64DFR0_EL1_PMUVER: Self = Self::at(241);
    /// ID_AA64DFR0_EL1.DebugVer, bits 3:0.
    pub const ID_AA64DFR0_EL1_DEBUGVER: Self = Self::at(243);
    /// ID_AA64ISAR1_EL1.GPI, bits 31:28.
    pub const ID_AA64ISAR1_EL1_GPI: Self = Self::at(290);
    /// ID_AA64ISAR1_EL1.GPA, bits 27:24.
    pub const ID_AA64ISAR1_EL1_GPA: Self = Self::at(291);
    /// ID_AA64ISAR1_EL1.API, bits 11:8.
    pub const ID_AA64ISAR1_EL1_API: Self = Self::at(295);
    /// ID_AA64ISAR1_EL1.APA, bits 7:4.
    pub const ID_AA64ISAR1_EL1_APA: Self = Self::at(296);
    /// ID_AA64ISAR2_EL1.ATS1A, bits 63:60.
    pub const ID_AA64ISAR2_EL1_ATS1A: Self = Self::at(298);
    /// ID_AA64ISAR2_EL1.APA3, bits 15:12.
    pub const ID_AA64ISAR2_EL1_APA3: Self = Self::at(310);
    /// ID_AA64ISAR2_EL1.GPA3, bits 11:8.
    pub const ID_AA64ISAR2_EL1_GPA3: Self = Self::at(311);
    /// ID_AA64MMFR0_EL1.PARange, bits 3:0.
    pub const ID_AA64MMFR0_EL1_PARANGE: Self = Self::at(335);
    /// ID_AA64MMFR1_EL1.HPDS, bits 15:12.
    pub const ID_AA64MMFR1_EL1_HPDS: Self = Self::at(348);
    /// ID_AA64MMFR2_EL1.NV, bits 27:24.
    pub const ID_AA64MMFR2_EL1_NV: Self = Self::at(360);
    /// ID_AA64MMFR3_EL1.S1POE, bits 19:16.
    pub const ID_AA64MMFR3_EL1_S1POE: Self = Self::at(377);
    /// ID_AA64MMFR3_EL1.S1PIE, bits 11:8.
    pub const ID_AA64MMFR3_EL1_S1PIE: Self = Self::at(379);
    /// ID_AA64MMFR3_EL1.TCRX, bits 3:0.
    pub const ID_AA64MMFR3_EL1_TCRX: Self = Self::at(381);
    /// CTR_EL0.DIC, bits 29:29.
    pub const CTR_EL0_DIC: Self = Self::at(399);
    /// CTR_EL0.IDC, bits 28:28.
    pub const CTR_EL0_IDC: Self = Self::at(400);
    /// CTR_EL0.DminLine, bits 19:16.
    pub const CTR_EL0_DMINLINE: Self = Self::at(403);
    /// CTR_EL0.L1Ip, bits 15:14.
    pub const CTR_EL0_L1IP: Self = Self::at(404);
    /// CTR_EL0.IminLine, bits 3:0.
    pub const CTR_EL0_IMINLINE: Self = Self::at(405);
}

pub(super) const REGISTER_COUNT: u8 = 42;

#[rustfmt::skip]
pub(super) static REGISTERS: [RegisterRow; 42] = [
    RegisterRow { name: "ID_PFR0_EL1", encoding: 0xc008, fields: (0, 8), named: 0xffffffff },
    RegisterRow { name: "ID_PFR1_EL1", encoding: 0xc009, fields: (8, 16), named: 0xffffffff },
    RegisterRow { name: "ID_DFR0_EL1", encoding: 0xc00a, fields: (16, 24), named: 0xffffffff },
    RegisterRow { name: "ID_AFR0_EL1", encoding: 0xc00b, fields: (24, 28), named: 0xffff },
    RegisterRow { name: "ID_MMFR0_EL1", encoding: 0xc00c, fields: (28, 36), named: 0xffffffff },
    RegisterRow { name: "ID_MMFR1_EL1", encoding: 0xc00d, fields: (36, 44), named: 0xffffffff },
    RegisterRow { name: "ID_MMFR2_EL1", encoding: 0xc00e, fields: (44, 52), named: 0xffffffff },
    RegisterRow { name: "ID_MMFR3_EL1", encoding: 0xc00f, fields: (52, 60), named: 0xffffffff },
    RegisterRow { name: "ID_ISAR0_EL1", encoding: 0xc010, fields: (60, 67), named: 0xfffffff },
    RegisterRow { name: "ID_ISAR1_EL1", encoding: 0xc011, fields: (67, 75), named: 0xffffffff },
    RegisterRow { name: "ID_ISAR2_EL1", encoding: 0xc012, fields: (75, 83), named: 0xffffffff },
    RegisterRow { name: "ID_ISAR3_EL1", encoding: 0xc013, fields: (83, 91), named: 0xffffffff },
    RegisterRow { name: "ID_ISAR4_EL1", encoding: 0xc014, fields: (91, 99), named: 0xffffffff },
    RegisterRow { name: "ID_ISAR5_EL1", encoding: 0xc015, fields: (99, 106), named: 0xff0fffff },
    RegisterRow { name: "ID_MMFR4_EL1", encoding: 0xc016, fields: (106, 114), named: 0xffffffff },
    RegisterRow { name: "ID_ISAR6_EL1", encoding: 0xc017, fields: (114, 121), named: 0xfffffff },
    RegisterRow { name: "MVFR0_EL1", encoding: 0xc018, fields: (121, 129), named: 0xffffffff },
    RegisterRow { name: "MVFR1_EL1", encoding: 0xc019, fields: (129, 137), named: 0xffffffff },
    RegisterRow { name: "MVFR2_EL1", encoding: 0xc01a, fields: (137, 139), named: 0xff },
    RegisterRow { name: "ID_PFR2_EL1", encoding: 0xc01c, fields: (139, 142), named: 0xfff },
    RegisterRow { name: "ID_DFR1_EL1", encoding: 0xc01d, fields: (142, 144), named: 0xff },
    RegisterRow { name: "ID_MMFR5_EL1", encoding: 0xc01e, fields: (144, 146), named: 0xff },
    RegisterRow { name: "ID_AA64PFR0_EL1", encoding: 0xc020, fields: (146, 162), named: 0xffffffffffffffff },
    RegisterRow { name: "ID_AA64PFR1_EL1", encoding: 0xc021, fields: (162, 177), named: 0xffffffffff0fffff },
    RegisterRow { name: "ID_AA64PFR2_EL1", encoding: 0xc022, fields: (177, 183), named: 0xf000fffff },
    RegisterRow { name: "ID_AA64ZFR0_EL1", encoding: 0xc024, fields: (183, 195), named: 0xfffff0f0ffff0ff },
    RegisterRow { name: "ID_AA64SMFR0_EL1", encoding: 0xc025, fields: (195, 219), named: 0xbff1ffff73810001 },
    RegisterRow { name: "ID_AA64FPFR0_EL1", encoding: 0xc027, fields: (219, 228), named: 0xfc008003 },
    RegisterRow { name: "ID_AA64DFR0_EL1", encoding: 0xc028, fields: (228, 244), named: 0xffffffffffffffff },
    RegisterRow { name: "ID_AA64DFR1_EL1", encoding: 0xc029, fields: (244, 255), named: 0xffffffffffffffff },
    RegisterRow { name: "ID_AA64DFR2_EL1", encoding: 0xc02a, fields: (255, 260), named: 0xfff00ff },
    RegisterRow { name: "ID_AA64AFR0_EL1", encoding: 0xc02c, fields: (260, 268), named: 0xffffffff },
    RegisterRow { name: "ID_AA64ISAR0_EL1", encoding: 0xc030, fields: (268, 282), named: 0xfffffffff0fffff0 },
    RegisterRow { name: "ID_AA64ISAR1_EL1", encoding: 0xc031, fields: (282, 298), named: 0xffffffffffffffff },
    RegisterRow { name: "ID_AA64ISAR2_EL1", encoding: 0xc032, fields: (298, 314), named: 0xffffffffffffffff },
    RegisterRow { name: "ID_AA64ISAR3_EL1", encoding: 0xc033, fields: (314, 322), named: 0xffffffff },
    RegisterRow { name: "ID_AA64MMFR0_EL1", encoding: 0xc038, fields: (322, 336), named: 0xff00ffffffffffff },
    RegisterRow { name: "ID_AA64MMFR1_EL1", encoding: 0xc039, fields: (336, 352), named: 0xffffffffffffffff },
    RegisterRow { name: "ID_AA64MMFR2_EL1", encoding: 0xc03a, fields: (352, 367), named: 0xffff0fffffffffff },
    RegisterRow { name: "ID_AA64MMFR3_EL1", encoding: 0xc03b, fields: (367, 382), named: 0xfff0ffffffffffff },
    RegisterRow { name: "ID_AA64MMFR4_EL1", encoding: 0xc03c, fields: (382, 398), named: 0xffffffffffffffff },
    RegisterRow { name: "CTR_EL0", encoding: 0xd801, fields: (398, 406), named: 0x3f3fffc00f },
];

pub(super) const FIELD_COUNT: u16 = 406;

#[rustfmt::skip]
pub(super) static FIELDS: [FieldRow; 406] = [
    FieldRow { register: IdRegister::at(0), name: "RAS", lsb: 28, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_RAS"), values: &[(0, "NI"), (1, "RAS"), (2, "RASv1p1")] },
    FieldRow { register: IdRegister::at(0), name: "DIT", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_DIT"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(0), name: "AMU", lsb: 20, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_AMUv1"), values: &[(0, "NI"), (1, "AMUv1"), (2, "AMUv1p1")] },
    FieldRow { register: IdRegister::at(0), name: "CSV2", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_CSV2"), values: &[(0, "UNDISCLOSED"), (1, "IMP"), (2, "CSV2p1")] },
    FieldRow { register: IdRegister::at(0), name: "State3", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(0), name: "State2", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "NO_CV"), (2, "CV")] },
    FieldRow { register: IdRegister::at(0), name: "State1", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "THUMB"), (2, "THUMB2")] },
    FieldRow { register: IdRegister::at(0), name: "State0", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(1), name: "GIC", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "GICv3"), (3, "GICv4p1")] },
    FieldRow { register: IdRegister::at(1), name: "Virt_frac", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(1), name: "Sec_frac", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "WALK_DISABLE"), (2, "SECURE_MEMORY")] },
    FieldRow { register: IdRegister::at(1), name: "GenTimer", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP"), (2, "ECV")] },
    FieldRow { register: IdRegister::at(1), name: "Virtualization", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(1), name: "MProgMod", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(1), name: "Security", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "EL3"), (2, "NSACR_RFR")] },
    FieldRow { register: IdRegister::at(1), name: "ProgMod", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(2), name: "TraceFilt", lsb: 28, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TRF"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(2), name: "PerfMon", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 2), feature: None, values: &[(0, "NI"), (1, "PMUv1"), (2, "PMUv2"), (3, "PMUv3"), (4, "PMUv3p1"), (5, "PMUv3p4"), (6, "PMUv3p5"), (7, "PMUv3p7"), (8, "PMUv3p8"), (9, "PMUv3p9"), (15, "IMPDEF")] },
    FieldRow { register: IdRegister::at(2), name: "MProfDbg", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(2), name: "MMapTrc", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(2), name: "CopTrc", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TRC_SR"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(2), name: "MMapDbg", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (4, "Armv7"), (5, "Armv7p1")] },
    FieldRow { register: IdRegister::at(2), name: "CopSDbg", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[] },
    FieldRow { register: IdRegister::at(2), name: "CopDbg", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (2, "Armv6"), (3, "Armv6p1"), (4, "Armv7"), (5, "Armv7p1"), (6, "Armv8"), (7, "VHE"), (8, "Debugv8p2"), (9, "Debugv8p4"), (10, "Debugv8p8"), (11, "Debugv8p9")] },
    FieldRow { register: IdRegister::at(3), name: "IMPDEF3", lsb: 12, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(3), name: "IMPDEF2", lsb: 8, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(3), name: "IMPDEF1", lsb: 4, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(3), name: "IMPDEF0", lsb: 0, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(4), name: "InnerShr", lsb: 28, width: 4, sign: Signed, rule: LowerSafe, safe: 15, writable: since(6, 12), feature: None, values: &[(0, "NC"), (1, "HW"), (15, "IGNORED")] },
    FieldRow { register: IdRegister::at(4), name: "FCSE", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(4), name: "AuxReg", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "ACTLR"), (2, "AIFSR")] },
    FieldRow { register: IdRegister::at(4), name: "TCM", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMPDEF"), (2, "TCM"), (3, "TCM_DMA")] },
    FieldRow { register: IdRegister::at(4), name: "ShareLvl", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "ONE"), (1, "TWO")] },
    FieldRow { register: IdRegister::at(4), name: "OuterShr", lsb: 8, width: 4, sign: Signed, rule: LowerSafe, safe: 15, writable: since(6, 12), feature: None, values: &[(0, "NC"), (1, "HW"), (15, "IGNORED")] },
    FieldRow { register: IdRegister::at(4), name: "PMSA", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMPDEF"), (2, "PMSAv6"), (3, "PMSAv7")] },
    FieldRow { register: IdRegister::at(4), name: "VMSA", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMPDEF"), (2, "VMSAv6"), (3, "VMSAv7"), (4, "VMSAv7_PXN"), (5, "VMSAv7_LONG")] },
    FieldRow { register: IdRegister::at(5), name: "BPred", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "BP_SW_MANGED"), (2, "BP_ASID_AWARE"), (3, "BP_NOSNOOP"), (4, "BP_INVISIBLE")] },
    FieldRow { register: IdRegister::at(5), name: "L1TstCln", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "NOINVALIDATE"), (2, "INVALIDATE")] },
    FieldRow { register: IdRegister::at(5), name: "L1Uni", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "INVALIDATE"), (2, "CLEAN_AND_INVALIDATE")] },
    FieldRow { register: IdRegister::at(5), name: "L1Hvd", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "INVALIDATE_ISIDE_ONLY"), (2, "INVALIDATE"), (3, "CLEAN_AND_INVALIDATE")] },
    FieldRow { register: IdRegister::at(5), name: "L1UniSW", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "CLEAN"), (2, "CLEAN_AND_INVALIDATE"), (3, "INVALIDATE")] },
    FieldRow { register: IdRegister::at(5), name: "L1HvdSW", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "CLEAN_AND_INVALIDATE"), (2, "INVALIDATE_DSIDE_ONLY"), (3, "INVALIDATE")] },
    FieldRow { register: IdRegister::at(5), name: "L1UniVA", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "CLEAN_AND_INVALIDATE"), (2, "INVALIDATE_BP")] },
    FieldRow { register: IdRegister::at(5), name: "L1HvdVA", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "CLEAN_AND_INVALIDATE"), (2, "INVALIDATE_BP")] },
    FieldRow { register: IdRegister::at(6), name: "HWAccFlg", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(6), name: "WFIStall", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(6), name: "MemBarr", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "DSB_ONLY"), (2, "IMP")] },
    FieldRow { register: IdRegister::at(6), name: "UniTLB", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "BY_VA"), (2, "BY_MATCH_ASID"), (3, "BY_ALL_ASID"), (4, "OTHER_TLBS"), (5, "BROADCAST"), (6, "BY_IPA")] },
    FieldRow { register: IdRegister::at(6), name: "HvdTLB", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI")] },
    FieldRow { register: IdRegister::at(6), name: "L1HvdRng", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(6), name: "L1HvdBG", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(6), name: "L1HvdFG", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(7), name: "Supersec", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "IMP"), (15, "NI")] },
    FieldRow { register: IdRegister::at(7), name: "CMemSz", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "4GB"), (1, "64GB"), (2, "1TB")] },
    FieldRow { register: IdRegister::at(7), name: "CohWalk", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(7), name: "PAN", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_PAN"), values: &[(0, "NI"), (1, "PAN"), (2, "PAN2")] },
    FieldRow { register: IdRegister::at(7), name: "MaintBcst", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "NO_TLB"), (2, "ALL")] },
    FieldRow { register: IdRegister::at(7), name: "BPMaint", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "ALL"), (2, "BY_VA")] },
    FieldRow { register: IdRegister::at(7), name: "CMaintSW", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(7), name: "CMaintVA", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(8), name: "Divide", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "xDIV_T32"), (2, "xDIV_A32")] },
    FieldRow { register: IdRegister::at(8), name: "Debug", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(8), name: "Coproc", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "MRC"), (2, "MRC2"), (3, "MRRC"), (4, "MRRC2")] },
    FieldRow { register: IdRegister::at(8), name: "CmpBranch", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(8), name: "BitField", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(8), name: "BitCount", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(8), name: "Swap", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(9), name: "Jazelle", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(9), name: "Interwork", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "BX"), (2, "BLX"), (3, "A32_BX")] },
    FieldRow { register: IdRegister::at(9), name: "Immediate", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(9), name: "IfThen", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(9), name: "Extend", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "SXTB"), (2, "SXTB16")] },
    FieldRow { register: IdRegister::at(9), name: "Except_AR", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(9), name: "Except", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(9), name: "Endian", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(10), name: "Reversal", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "REV"), (2, "RBIT")] },
    FieldRow { register: IdRegister::at(10), name: "PSR_AR", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(10), name: "MultU", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "UMULL"), (2, "UMAAL")] },
    FieldRow { register: IdRegister::at(10), name: "MultS", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "SMULL"), (2, "SMLABB"), (3, "SMLAD")] },
    FieldRow { register: IdRegister::at(10), name: "Mult", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "MLA"), (2, "MLS")] },
    FieldRow { register: IdRegister::at(10), name: "MultiAccessInt", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "RESTARTABLE"), (2, "CONTINUABLE")] },
    FieldRow { register: IdRegister::at(10), name: "MemHint", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "PLD"), (2, "PLD2"), (3, "PLI"), (4, "PLDW")] },
    FieldRow { register: IdRegister::at(10), name: "LoadStore", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "DOUBLE"), (2, "ACQUIRE")] },
    FieldRow { register: IdRegister::at(11), name: "T32EE", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(11), name: "TrueNOP", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(11), name: "T32Copy", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(11), name: "TabBranch", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(11), name: "SynchPrim", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "EXCLUSIVE"), (2, "DOUBLE")] },
    FieldRow { register: IdRegister::at(11), name: "SVC", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(11), name: "SIMD", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "SSAT"), (3, "PKHBT")] },
    FieldRow { register: IdRegister::at(11), name: "Saturate", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(12), name: "SWP_frac", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(12), name: "PSR_M", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(12), name: "SynchPrim_frac", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (3, "IMP")] },
    FieldRow { register: IdRegister::at(12), name: "Barrier", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(12), name: "SMC", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(12), name: "Writeback", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(12), name: "WithShifts", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "LSL3"), (3, "LS"), (4, "REG")] },
    FieldRow { register: IdRegister::at(12), name: "Unpriv", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "REG_BYTE"), (2, "SIGNED_HALFWORD")] },
    FieldRow { register: IdRegister::at(13), name: "VCMA", lsb: 28, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_FCMA"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(13), name: "RDM", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_RDM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(13), name: "CRC32", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_CRC32"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(13), name: "SHA2", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SHA256"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(13), name: "SHA1", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SHA1"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(13), name: "AES", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_AES"), values: &[(0, "NI"), (1, "IMP"), (2, "VMULL")] },
    FieldRow { register: IdRegister::at(13), name: "SEVL", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(14), name: "EVT", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_EVT"), values: &[(0, "NI"), (1, "NO_TLBIS"), (2, "TLBIS")] },
    FieldRow { register: IdRegister::at(14), name: "CCIDX", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_CCIDX"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(14), name: "LSM", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_LSMAOC"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(14), name: "HPDS", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_AA32HPD"), values: &[(0, "NI"), (1, "AA32HPD"), (2, "HPDS2")] },
    FieldRow { register: IdRegister::at(14), name: "CnP", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TTCNP"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(14), name: "XNX", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_XNX"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(14), name: "AC2", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(14), name: "SpecSEI", lsb: 0, width: 4, sign: Unsigned, rule: HigherSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(15), name: "I8MM", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_AA32I8MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(15), name: "BF16", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_AA32BF16"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(15), name: "SPECRES", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SPECRES"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(15), name: "SB", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SB"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(15), name: "FHM", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_FHM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(15), name: "DP", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_DotProd"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(15), name: "JSCVT", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_JSCVT"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(16), name: "FPRound", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(16), name: "FPShVec", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(16), name: "FPSqrt", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(16), name: "FPDivide", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(16), name: "FPTrap", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(16), name: "FPDP", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "VFPv2"), (2, "VFPv3")] },
    FieldRow { register: IdRegister::at(16), name: "FPSP", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "VFPv2"), (2, "VFPv3")] },
    FieldRow { register: IdRegister::at(16), name: "SIMDReg", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP_16x64"), (2, "IMP_32x64")] },
    FieldRow { register: IdRegister::at(17), name: "SIMDFMAC", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(17), name: "FPHP", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "FPHP"), (2, "FPHP_CONV"), (3, "FP16")] },
    FieldRow { register: IdRegister::at(17), name: "SIMDHP", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "SIMDHP"), (2, "SIMDHP_FLOAT")] },
    FieldRow { register: IdRegister::at(17), name: "SIMDSP", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(17), name: "SIMDInt", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(17), name: "SIMDLS", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(17), name: "FPDNaN", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(17), name: "FPFtZ", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(18), name: "FPMisc", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "FP"), (2, "FP_DIRECTED_ROUNDING"), (3, "FP_ROUNDING"), (4, "FP_MAX_MIN")] },
    FieldRow { register: IdRegister::at(18), name: "SIMDMisc", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "SIMD_DIRECTED_ROUNDING"), (2, "SIMD_ROUNDING"), (3, "SIMD_MAX_MIN")] },
    FieldRow { register: IdRegister::at(19), name: "RAS_frac", lsb: 8, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_RASv1p1"), values: &[(0, "NI"), (1, "RASv1p1")] },
    FieldRow { register: IdRegister::at(19), name: "SSBS", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SSBS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(19), name: "CSV3", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_CSV3"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(20), name: "HPMN0", lsb: 4, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_HPMN0"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(20), name: "MTPMU", lsb: 0, width: 4, sign: Signed, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_MTPMU"), values: &[(0, "IMPDEF"), (1, "IMP"), (15, "NI")] },
    FieldRow { register: IdRegister::at(21), name: "nTLBPA", lsb: 4, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_nTLBPA"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(21), name: "ETS", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_ETS2"), values: &[(0, "NI"), (1, "IMP"), (2, "ETS2"), (3, "ETS3")] },
    FieldRow { register: IdRegister::at(22), name: "CSV3", lsb: 60, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(5, 11), feature: Some("FEAT_CSV3"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(22), name: "CSV2", lsb: 56, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(5, 10), feature: Some("FEAT_CSV2"), values: &[(0, "NI"), (1, "IMP"), (2, "CSV2_2"), (3, "CSV2_3")] },
    FieldRow { register: IdRegister::at(22), name: "RME", lsb: 52, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_RME"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(22), name: "DIT", lsb: 48, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_DIT"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(22), name: "AMU", lsb: 44, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_AMUv1"), values: &[(0, "NI"), (1, "IMP"), (2, "V1P1")] },
    FieldRow { register: IdRegister::at(22), name: "MPAM", lsb: 40, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_MPAM"), values: &[(0, "0"), (1, "1")] },
    FieldRow { register: IdRegister::at(22), name: "SEL2", lsb: 36, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SEL2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(22), name: "SVE", lsb: 32, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_SVE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(22), name: "RAS", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_RAS"), values: &[(0, "NI"), (1, "IMP"), (2, "V1P1"), (3, "V2")] },
    FieldRow { register: IdRegister::at(22), name: "GIC", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP"), (3, "V4P1")] },
    FieldRow { register: IdRegister::at(22), name: "AdvSIMD", lsb: 20, width: 4, sign: Signed, rule: LowerSafe, safe: 15, writable: Never, feature: Some("FEAT_AdvSIMD"), values: &[(0, "IMP"), (1, "FP16"), (15, "NI")] },
    FieldRow { register: IdRegister::at(22), name: "FP", lsb: 16, width: 4, sign: Signed, rule: LowerSafe, safe: 15, writable: Never, feature: Some("FEAT_FP"), values: &[(0, "IMP"), (1, "FP16"), (15, "NI")] },
    FieldRow { register: IdRegister::at(22), name: "EL3", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_AA64EL3"), values: &[(0, "NI"), (1, "IMP"), (2, "AARCH32")] },
    FieldRow { register: IdRegister::at(22), name: "EL2", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_AA64EL2"), values: &[(0, "NI"), (1, "IMP"), (2, "AARCH32")] },
    FieldRow { register: IdRegister::at(22), name: "EL1", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 1, writable: since(6, 12), feature: Some("FEAT_AA64EL1"), values: &[(1, "IMP"), (2, "AARCH32")] },
    FieldRow { register: IdRegister::at(22), name: "EL0", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 1, writable: since(6, 12), feature: Some("FEAT_AA64EL0"), values: &[(1, "IMP"), (2, "AARCH32")] },
    FieldRow { register: IdRegister::at(23), name: "PFAR", lsb: 60, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_PFAR"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(23), name: "DF2", lsb: 56, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_DoubleFault2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(23), name: "MTEX", lsb: 52, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "MTE"), (1, "MTE4")] },
    FieldRow { register: IdRegister::at(23), name: "THE", lsb: 48, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_THE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(23), name: "GCS", lsb: 44, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_GCS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(23), name: "MTE_frac", lsb: 40, width: 4, sign: Signed, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_MTE_ASYNC"), values: &[(0, "ASYNC"), (15, "NI")] },
    FieldRow { register: IdRegister::at(23), name: "NMI", lsb: 36, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_NMI"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(23), name: "CSV2_frac", lsb: 32, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_CSV2_1p1"), values: &[(0, "NI"), (1, "CSV2_1p1"), (2, "CSV2_1p2")] },
    FieldRow { register: IdRegister::at(23), name: "RNDR_trap", lsb: 28, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_RNG_TRAP"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(23), name: "SME", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_SME"), values: &[(0, "NI"), (1, "IMP"), (2, "SME2")] },
    FieldRow { register: IdRegister::at(23), name: "MPAM_frac", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: None, values: &[(0, "MINOR_0"), (1, "MINOR_1")] },
    FieldRow { register: IdRegister::at(23), name: "RAS_frac", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_RASv1p1"), values: &[(0, "NI"), (1, "RASv1p1")] },
    FieldRow { register: IdRegister::at(23), name: "MTE", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_MTE"), values: &[(0, "NI"), (1, "IMP"), (2, "MTE2"), (3, "MTE3")] },
    FieldRow { register: IdRegister::at(23), name: "SSBS", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SSBS"), values: &[(0, "NI"), (1, "IMP"), (2, "SSBS2")] },
    FieldRow { register: IdRegister::at(23), name: "BT", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_BTI"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(24), name: "FPMR", lsb: 32, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_FPMR"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(24), name: "UINJ", lsb: 16, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_UINJ"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(24), name: "GCIE", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_GCIE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(24), name: "MTEFAR", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_MTE_TAGGED_FAR"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(24), name: "MTESTOREONLY", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_MTE_STORE_ONLY"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(24), name: "MTEPERM", lsb: 0, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_MTE_PERM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "F64MM", lsb: 56, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_F64MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "F32MM", lsb: 52, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_F32MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "F16MM", lsb: 48, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_SVE_F16F32MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "I8MM", lsb: 44, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_I8MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "SM4", lsb: 40, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SVE_SM4"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "SHA3", lsb: 32, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SVE_SHA3"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "B16B16", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SVE_B16B16"), values: &[(0, "NI"), (1, "IMP"), (2, "BFSCALE"), (3, "B16MM")] },
    FieldRow { register: IdRegister::at(25), name: "BF16", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_BF16"), values: &[(0, "NI"), (1, "IMP"), (2, "EBF16")] },
    FieldRow { register: IdRegister::at(25), name: "BitPerm", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SVE_BitPerm"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "EltPerm", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(25), name: "AES", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SVE_AES"), values: &[(0, "NI"), (1, "IMP"), (2, "PMULL128"), (3, "AES2")] },
    FieldRow { register: IdRegister::at(25), name: "SVEver", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SVE2"), values: &[(0, "IMP"), (1, "SVE2"), (2, "SVE2p1"), (3, "SVE2p2"), (4, "SVE2p3")] },
    FieldRow { register: IdRegister::at(26), name: "FA64", lsb: 63, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_FA64"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "LUT6", lsb: 61, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "LUTv2", lsb: 60, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_LUTv2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "SMEver", lsb: 56, width: 4, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME2"), values: &[(0, "SME"), (1, "SME2"), (2, "SME2p1"), (3, "SME2p2"), (4, "SME2p3")] },
    FieldRow { register: IdRegister::at(26), name: "I16I64", lsb: 52, width: 4, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_I16I64"), values: &[(0, "NI"), (15, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "F64F64", lsb: 48, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_F64F64"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "I16I32", lsb: 44, width: 4, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (5, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "B16B16", lsb: 43, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_B16B16"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "F16F16", lsb: 42, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_F16F16"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "F8F16", lsb: 41, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_F8F16"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "F8F32", lsb: 40, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_F8F32"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "I8I32", lsb: 36, width: 4, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (15, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "F16F32", lsb: 35, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "B16F32", lsb: 34, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "BI32I32", lsb: 33, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "F32F32", lsb: 32, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "SF8FMA", lsb: 30, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SSVE_FP8FMA"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "SF8DP4", lsb: 29, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SSVE_FP8DOT4"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "SF8DP2", lsb: 28, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SSVE_FP8DOT2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "SBitPerm", lsb: 25, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SSVE_BitPerm"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "AES", lsb: 24, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SSVE_AES"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "SFEXPA", lsb: 23, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SSVE_FEXPA"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "STMOP", lsb: 16, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_TMOP"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(26), name: "SMOP4", lsb: 0, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_SME_MOP4"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F8CVT", lsb: 31, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(6, 12), feature: Some("FEAT_FP8"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F8FMA", lsb: 30, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(6, 12), feature: Some("FEAT_FP8FMA"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F8DP4", lsb: 29, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(6, 12), feature: Some("FEAT_FP8DOT4"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F8DP2", lsb: 28, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(6, 12), feature: Some("FEAT_FP8DOT2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F8MM8", lsb: 27, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(7, 3), feature: Some("FEAT_F8F32MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F8MM4", lsb: 26, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(7, 3), feature: Some("FEAT_F8F16MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F16MM2", lsb: 15, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(7, 3), feature: Some("FEAT_F16MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F8E4M3", lsb: 1, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(27), name: "F8E5M2", lsb: 0, width: 1, sign: Unsigned, rule: Exact, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(28), name: "HPMN0", lsb: 60, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_HPMN0"), values: &[(0, "UNPREDICTABLE"), (1, "DEF")] },
    FieldRow { register: IdRegister::at(28), name: "ExtTrcBuff", lsb: 56, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TRBE_EXT"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(28), name: "BRBE", lsb: 52, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_BRBE"), values: &[(0, "NI"), (1, "IMP"), (2, "BRBE_V1P1")] },
    FieldRow { register: IdRegister::at(28), name: "MTPMU", lsb: 48, width: 4, sign: Signed, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_MTPMU"), values: &[(0, "NI_IMPDEF"), (1, "IMP"), (15, "NI")] },
    FieldRow { register: IdRegister::at(28), name: "TraceBuffer", lsb: 44, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TRBE"), values: &[(0, "NI"), (1, "IMP"), (2, "TRBE_V1P1")] },
    FieldRow { register: IdRegister::at(28), name: "TraceFilt", lsb: 40, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TRF"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(28), name: "DoubleLock", lsb: 36, width: 4, sign: Signed, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_DoubleLock"), values: &[(0, "IMP"), (15, "NI")] },
    FieldRow { register: IdRegister::at(28), name: "PMSVer", lsb: 32, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_SPE"), values: &[(0, "NI"), (1, "IMP"), (2, "V1P1"), (3, "V1P2"), (4, "V1P3"), (5, "V1P4"), (6, "V1P5")] },
    FieldRow { register: IdRegister::at(28), name: "CTX_CMPs", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(28), name: "SEBEP", lsb: 24, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_SEBEP"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(28), name: "WRPs", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[] },
    FieldRow { register: IdRegister::at(28), name: "PMSS", lsb: 16, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_PMUv3_SS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(28), name: "BRPs", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(28), name: "PMUVer", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 2), feature: Some("FEAT_PMUv3"), values: &[(0, "NI"), (1, "IMP"), (4, "V3P1"), (5, "V3P4"), (6, "V3P5"), (7, "V3P7"), (8, "V3P8"), (9, "V3P9"), (15, "IMP_DEF")] },
    FieldRow { register: IdRegister::at(28), name: "TraceVer", lsb: 4, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TRC_SR"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(28), name: "DebugVer", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 6, writable: since(6, 12), feature: None, values: &[(6, "IMP"), (7, "VHE"), (8, "V8P2"), (9, "V8P4"), (10, "V8P8"), (11, "V8P9")] },
    FieldRow { register: IdRegister::at(29), name: "ABL_CMPs", lsb: 56, width: 8, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(29), name: "DPFZS", lsb: 52, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_SPE_DPFZS"), values: &[(0, "IGNR"), (1, "FRZN")] },
    FieldRow { register: IdRegister::at(29), name: "EBEP", lsb: 48, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_EBEP"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(29), name: "ITE", lsb: 44, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_ITE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(29), name: "ABLE", lsb: 40, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_ABLE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(29), name: "PMICNTR", lsb: 36, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_PMUv3_ICNTR"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(29), name: "SPMU", lsb: 32, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_SPMU"), values: &[(0, "NI"), (1, "IMP"), (2, "IMP_SPMZR")] },
    FieldRow { register: IdRegister::at(29), name: "CTX_CMPs", lsb: 24, width: 8, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(29), name: "WRPs", lsb: 16, width: 8, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(29), name: "BRPs", lsb: 8, width: 8, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(29), name: "SYSPMUID", lsb: 0, width: 8, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(30), name: "TRBE_EXC", lsb: 24, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TRBE_EXC"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(30), name: "SPE_nVM", lsb: 20, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_SPE_nVM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(30), name: "SPE_EXC", lsb: 16, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_SPE_EXC"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(30), name: "BWE", lsb: 4, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_BWE"), values: &[(0, "NI"), (1, "FEAT_BWE"), (2, "FEAT_BWE2")] },
    FieldRow { register: IdRegister::at(30), name: "STEP", lsb: 0, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_STEP2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(31), name: "IMPDEF7", lsb: 28, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(31), name: "IMPDEF6", lsb: 24, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(31), name: "IMPDEF5", lsb: 20, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(31), name: "IMPDEF4", lsb: 16, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(31), name: "IMPDEF3", lsb: 12, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(31), name: "IMPDEF2", lsb: 8, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(31), name: "IMPDEF1", lsb: 4, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(31), name: "IMPDEF0", lsb: 0, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(32), name: "RNDR", lsb: 60, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_RNG"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(32), name: "TLB", lsb: 56, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TLBIOS"), values: &[(0, "NI"), (1, "OS"), (2, "RANGE")] },
    FieldRow { register: IdRegister::at(32), name: "TS", lsb: 52, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_FlagM"), values: &[(0, "NI"), (1, "FLAGM"), (2, "FLAGM2")] },
    FieldRow { register: IdRegister::at(32), name: "FHM", lsb: 48, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_FHM"), values: &[(0, "NI"), (1, "IMP"), (2, "F16F32DOT"), (3, "F16F32MM")] },
    FieldRow { register: IdRegister::at(32), name: "DP", lsb: 44, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_DotProd"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(32), name: "SM4", lsb: 40, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SM4"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(32), name: "SM3", lsb: 36, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SM3"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(32), name: "SHA3", lsb: 32, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SHA3"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(32), name: "RDM", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_RDM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(32), name: "Atomic", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_LSE"), values: &[(0, "NI"), (2, "IMP"), (3, "FEAT_LSE128")] },
    FieldRow { register: IdRegister::at(32), name: "CRC32", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_CRC32"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(32), name: "SHA2", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SHA256"), values: &[(0, "NI"), (1, "SHA256"), (2, "SHA512")] },
    FieldRow { register: IdRegister::at(32), name: "SHA1", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SHA1"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(32), name: "AES", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_AES"), values: &[(0, "NI"), (1, "AES"), (2, "PMULL")] },
    FieldRow { register: IdRegister::at(33), name: "LS64", lsb: 60, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_LS64"), values: &[(0, "NI"), (1, "LS64"), (2, "LS64_V"), (3, "LS64_ACCDATA"), (4, "LS64WB")] },
    FieldRow { register: IdRegister::at(33), name: "XS", lsb: 56, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_XS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "I8MM", lsb: 52, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_I8MM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "DGH", lsb: 48, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_DGH"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "BF16", lsb: 44, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_BF16"), values: &[(0, "NI"), (1, "IMP"), (2, "EBF16")] },
    FieldRow { register: IdRegister::at(33), name: "SPECRES", lsb: 40, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SPECRES"), values: &[(0, "NI"), (1, "IMP"), (2, "COSP_RCTX")] },
    FieldRow { register: IdRegister::at(33), name: "SB", lsb: 36, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_SB"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "FRINTTS", lsb: 32, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_FRINTTS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "GPI", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_PACIMP"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "GPA", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_PACQARMA5"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "LRCPC", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_LRCPC"), values: &[(0, "NI"), (1, "IMP"), (2, "LRCPC2"), (3, "LRCPC3")] },
    FieldRow { register: IdRegister::at(33), name: "FCMA", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_FCMA"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "JSCVT", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_JSCVT"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(33), name: "API", lsb: 8, width: 4, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_PACIMP"), values: &[(0, "NI"), (1, "PAuth"), (2, "EPAC"), (3, "PAuth2"), (4, "FPAC"), (5, "FPACCOMBINE"), (6, "PAuth_LR")] },
    FieldRow { register: IdRegister::at(33), name: "APA", lsb: 4, width: 4, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_PACQARMA5"), values: &[(0, "NI"), (1, "PAuth"), (2, "EPAC"), (3, "PAuth2"), (4, "FPAC"), (5, "FPACCOMBINE"), (6, "PAuth_LR")] },
    FieldRow { register: IdRegister::at(33), name: "DPB", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_DPB"), values: &[(0, "NI"), (1, "IMP"), (2, "DPB2")] },
    FieldRow { register: IdRegister::at(34), name: "ATS1A", lsb: 60, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_ATS1A"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "LUT", lsb: 56, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_LUT"), values: &[(0, "NI"), (1, "IMP"), (2, "LUT6")] },
    FieldRow { register: IdRegister::at(34), name: "CSSC", lsb: 52, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_CSSC"), values: &[(0, "NI"), (1, "IMP"), (2, "CMPBR")] },
    FieldRow { register: IdRegister::at(34), name: "RPRFM", lsb: 48, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_RPRFM"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "PCDPHINT", lsb: 44, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_PCDPHINT"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "PRFMSLC", lsb: 40, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_PRFMSLC"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "SYSINSTR_128", lsb: 36, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_SYSINSTR128"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "SYSREG_128", lsb: 32, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_SYSREG128"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "CLRBHB", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_CLRBHB"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "PAC_frac", lsb: 24, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_CONSTPACFIELD"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "BC", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_HBC"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "MOPS", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_MOPS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "APA3", lsb: 12, width: 4, sign: Unsigned, rule: Exact, safe: 0, writable: Never, feature: Some("FEAT_PACQARMA3"), values: &[(0, "NI"), (1, "PAuth"), (2, "EPAC"), (3, "PAuth2"), (4, "FPAC"), (5, "FPACCOMBINE"), (6, "PAuth_LR")] },
    FieldRow { register: IdRegister::at(34), name: "GPA3", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_PACQARMA3"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "RPRES", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_RPRES"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(34), name: "WFxT", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_WFxT"), values: &[(0, "NI"), (2, "IMP")] },
    FieldRow { register: IdRegister::at(35), name: "FPRCVT", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_FPRCVT"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(35), name: "LSUI", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_LSUI"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(35), name: "OCCMO", lsb: 20, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_OCCMO"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(35), name: "LSFE", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_LSFE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(35), name: "PACM", lsb: 12, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "TRIVIAL_IMP"), (2, "FULL_IMP")] },
    FieldRow { register: IdRegister::at(35), name: "TLBIW", lsb: 8, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TLBIW"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(35), name: "FAMINMAX", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_FAMINMAX"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(35), name: "CPA", lsb: 0, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_CPA"), values: &[(0, "NI"), (1, "IMP"), (2, "CPA2")] },
    FieldRow { register: IdRegister::at(36), name: "ECV", lsb: 60, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_ECV"), values: &[(0, "NI"), (1, "IMP"), (2, "CNTPOFF")] },
    FieldRow { register: IdRegister::at(36), name: "FGT", lsb: 56, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_FGT"), values: &[(0, "NI"), (1, "IMP"), (2, "FGT2")] },
    FieldRow { register: IdRegister::at(36), name: "ExS", lsb: 44, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_ExS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(36), name: "TGran4_2", lsb: 40, width: 4, sign: Unsigned, rule: Exact, safe: 1, writable: since(7, 3), feature: Some("FEAT_S2TGran4K"), values: &[(0, "TGran4"), (1, "NI"), (2, "IMP"), (3, "52_BIT")] },
    FieldRow { register: IdRegister::at(36), name: "TGran64_2", lsb: 36, width: 4, sign: Unsigned, rule: Exact, safe: 1, writable: since(7, 3), feature: Some("FEAT_S2TGran64K"), values: &[(0, "TGran64"), (1, "NI"), (2, "IMP")] },
    FieldRow { register: IdRegister::at(36), name: "TGran16_2", lsb: 32, width: 4, sign: Unsigned, rule: Exact, safe: 1, writable: since(7, 3), feature: Some("FEAT_S2TGran16K"), values: &[(0, "TGran16"), (1, "NI"), (2, "IMP"), (3, "52_BIT")] },
    FieldRow { register: IdRegister::at(36), name: "TGran4", lsb: 28, width: 4, sign: Signed, rule: LowerSafe, safe: 15, writable: since(6, 12), feature: Some("FEAT_TGran4K"), values: &[(0, "IMP"), (1, "52_BIT"), (15, "NI")] },
    FieldRow { register: IdRegister::at(36), name: "TGran64", lsb: 24, width: 4, sign: Signed, rule: LowerSafe, safe: 15, writable: since(6, 12), feature: Some("FEAT_TGran64K"), values: &[(0, "IMP"), (15, "NI")] },
    FieldRow { register: IdRegister::at(36), name: "TGran16", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TGran16K"), values: &[(0, "NI"), (1, "IMP"), (2, "52_BIT")] },
    FieldRow { register: IdRegister::at(36), name: "BigEndEL0", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_MixedEndEL0"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(36), name: "SNSMem", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(36), name: "BigEnd", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_MixedEnd"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(36), name: "ASIDBits", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_ASID16"), values: &[(0, "8"), (2, "16")] },
    FieldRow { register: IdRegister::at(36), name: "PARange", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "32"), (1, "36"), (2, "40"), (3, "42"), (4, "44"), (5, "48"), (6, "52"), (7, "56")] },
    FieldRow { register: IdRegister::at(37), name: "ECBHB", lsb: 60, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_ECBHB"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "CMOW", lsb: 56, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_CMOW"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "TIDCP1", lsb: 52, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TIDCP1"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "nTLBPA", lsb: 48, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_nTLBPA"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "AFP", lsb: 44, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_AFP"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "HCX", lsb: 40, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_HCX"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "ETS", lsb: 36, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_ETS2"), values: &[(0, "NI"), (1, "IMP"), (2, "ETS2"), (3, "ETS3")] },
    FieldRow { register: IdRegister::at(37), name: "TWED", lsb: 32, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_TWED"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "XNX", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_XNX"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "SpecSEI", lsb: 24, width: 4, sign: Unsigned, rule: HigherSafe, safe: 0, writable: since(6, 12), feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "PAN", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_PAN"), values: &[(0, "NI"), (1, "IMP"), (2, "PAN2"), (3, "PAN3")] },
    FieldRow { register: IdRegister::at(37), name: "LO", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_LOR"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "HPDS", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_HPDS"), values: &[(0, "NI"), (1, "IMP"), (2, "HPDS2")] },
    FieldRow { register: IdRegister::at(37), name: "VH", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_VHE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(37), name: "VMIDBits", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_VMID16"), values: &[(0, "8"), (2, "16")] },
    FieldRow { register: IdRegister::at(37), name: "HAFDBS", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_HAFDBS"), values: &[(0, "NI"), (1, "AF"), (2, "DBM"), (3, "HAFT"), (4, "HDBSS")] },
    FieldRow { register: IdRegister::at(38), name: "E0PD", lsb: 60, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_E0PD"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(38), name: "EVT", lsb: 56, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_EVT"), values: &[(0, "NI"), (1, "IMP"), (2, "TTLBxS")] },
    FieldRow { register: IdRegister::at(38), name: "BBM", lsb: 52, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_BBML1"), values: &[(0, "0"), (1, "1"), (2, "2"), (3, "3")] },
    FieldRow { register: IdRegister::at(38), name: "TTL", lsb: 48, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TTL"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(38), name: "FWB", lsb: 40, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_S2FWB"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(38), name: "IDS", lsb: 36, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_IDST"), values: &[(0, "NI"), (1, "IMP"), (2, "EL3")] },
    FieldRow { register: IdRegister::at(38), name: "AT", lsb: 32, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_LSE2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(38), name: "ST", lsb: 28, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TTST"), values: &[(0, "39"), (1, "48_47")] },
    FieldRow { register: IdRegister::at(38), name: "NV", lsb: 24, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_NV"), values: &[(0, "NI"), (1, "IMP"), (2, "NV2")] },
    FieldRow { register: IdRegister::at(38), name: "CCIDX", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_CCIDX"), values: &[(0, "32"), (1, "64")] },
    FieldRow { register: IdRegister::at(38), name: "VARange", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_LVA"), values: &[(0, "48"), (1, "52")] },
    FieldRow { register: IdRegister::at(38), name: "IESB", lsb: 12, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_IESB"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(38), name: "LSM", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_LSMAOC"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(38), name: "UAO", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_UAO"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(38), name: "CnP", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TTCNP"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "Spec_FPACC", lsb: 60, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_FPACC_SPEC"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "ADERR", lsb: 56, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "DEV_ASYNC"), (2, "FEAT_ADERR"), (3, "FEAT_ADERR_IND")] },
    FieldRow { register: IdRegister::at(39), name: "SDERR", lsb: 52, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "DEV_SYNC"), (2, "FEAT_ADERR"), (3, "FEAT_ADERR_IND")] },
    FieldRow { register: IdRegister::at(39), name: "ANERR", lsb: 44, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "ASYNC"), (2, "FEAT_ANERR"), (3, "FEAT_ANERR_IND")] },
    FieldRow { register: IdRegister::at(39), name: "SNERR", lsb: 40, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "SYNC"), (2, "FEAT_ANERR"), (3, "FEAT_ANERR_IND")] },
    FieldRow { register: IdRegister::at(39), name: "D128_2", lsb: 36, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "D128", lsb: 32, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_D128"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "MEC", lsb: 28, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_MEC"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "AIE", lsb: 24, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_AIE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "S2POE", lsb: 20, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_S2POE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "S1POE", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_S1POE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "S2PIE", lsb: 12, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_S2PIE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "S1PIE", lsb: 8, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_S1PIE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "SCTLRX", lsb: 4, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: Some("FEAT_SCTLR2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(39), name: "TCRX", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: Some("FEAT_TCR2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "MTEFGT", lsb: 60, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "SCRX", lsb: 56, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "TEV", lsb: 52, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TEV"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "TPS", lsb: 48, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "VAL_0000"), (1, "VAL_0001"), (2, "VAL_0010")] },
    FieldRow { register: IdRegister::at(40), name: "SRMASK", lsb: 44, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_SRMASK"), values: &[(0, "NI"), (1, "IMP"), (2, "SRMASK2")] },
    FieldRow { register: IdRegister::at(40), name: "TLBID", lsb: 40, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_TLBID"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "E3DSE", lsb: 36, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_E3DSE"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "EAESR", lsb: 32, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "RMEGDI", lsb: 28, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_RME_GDI"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "E2H0", lsb: 24, width: 4, sign: Signed, rule: LowerSafe, safe: 0, writable: Never, feature: Some("FEAT_E2H0"), values: &[(0, "IMP"), (14, "NI_NV1"), (15, "NI")] },
    FieldRow { register: IdRegister::at(40), name: "NV_frac", lsb: 20, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(7, 3), feature: None, values: &[(0, "NV_NV2"), (1, "NV2_ONLY"), (2, "NV2P1"), (3, "NV3")] },
    FieldRow { register: IdRegister::at(40), name: "FGWTE3", lsb: 16, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_FGWTE3"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "HACDBS", lsb: 12, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_HACDBS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "ASID2", lsb: 8, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_ASID2"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(40), name: "EIESB", lsb: 4, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[(0, "NI"), (1, "ToEL3"), (2, "ToELx"), (15, "ANY")] },
    FieldRow { register: IdRegister::at(40), name: "PoPS", lsb: 0, width: 4, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: Some("FEAT_PoPS"), values: &[(0, "NI"), (1, "IMP")] },
    FieldRow { register: IdRegister::at(41), name: "TminLine", lsb: 32, width: 6, sign: Unsigned, rule: Hidden, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(41), name: "DIC", lsb: 29, width: 1, sign: Unsigned, rule: LowerSafe, safe: 1, writable: since(6, 12), feature: None, values: &[] },
    FieldRow { register: IdRegister::at(41), name: "IDC", lsb: 28, width: 1, sign: Unsigned, rule: LowerSafe, safe: 1, writable: since(6, 12), feature: None, values: &[] },
    FieldRow { register: IdRegister::at(41), name: "CWG", lsb: 24, width: 4, sign: Unsigned, rule: HigherOrZeroSafe, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(41), name: "ERG", lsb: 20, width: 4, sign: Unsigned, rule: HigherOrZeroSafe, safe: 0, writable: Never, feature: None, values: &[] },
    FieldRow { register: IdRegister::at(41), name: "DminLine", lsb: 16, width: 4, sign: Unsigned, rule: LowerSafe, safe: 1, writable: since(6, 12), feature: None, values: &[] },
    FieldRow { register: IdRegister::at(41), name: "L1Ip", lsb: 14, width: 2, sign: Unsigned, rule: Exact, safe: 2, writable: since(7, 3), feature: None, values: &[(0, "RESERVED_VPIPT"), (1, "RESERVED_AIVIVT"), (2, "VIPT"), (3, "PIPT")] },
    FieldRow { register: IdRegister::at(41), name: "IminLine", lsb: 0, width: 4, sign: Unsigned, rule: LowerSafe, safe: 0, writable: since(6, 12), feature: None, values: &[] },
];
