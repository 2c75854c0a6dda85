//! Why the guest stopped: ESR_EL2, taken apart (DDI 0487, D24.2.40).

use core::fmt;

/// The value of ESR_EL2.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Syndrome(u64);

/// What the guest did, as far as it is told apart here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// HVC, with its immediate.
    Hvc(u16),
    /// SMC from AArch64, with its immediate.
    Smc(u16),
    /// SMC from AArch32, which traps even where its condition does not hold.
    SmcAarch32(Condition),
    /// An access to a system register that is not the guest's.
    SystemRegister(RegisterAccess),
    /// The same from AArch32, MRC or MCR of coprocessor 15, which may trap even where its condition
    /// does not hold.
    RegisterAarch32(RegisterAccess, Condition),
    /// The same from AArch32 of a register of 64 bits, MRRC or MCRR.
    PairAarch32(PairAccess, Condition),
    /// A fetch from where nothing is.
    InstructionAbort,
    /// A load or store where nothing is.
    DataAbort(DataAbort),
    /// Anything else: nothing that was asked to trap.
    Other,
}

/// Whether a conditional instruction of AArch32 was to be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Yes.
    Holds,
    /// If its condition, 0 to 15, holds.
    If(u8),
}

/// MRS or MSR of AArch64, MRC or MCR of AArch32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterAccess {
    /// The register, as `op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2`; of AArch32, opc1 and
    /// opc2, and no op0.
    pub register: u16,
    /// The general-purpose register, 31 being none.
    pub transfer: u8,
    /// Which way.
    pub direction: Direction,
}

/// MRRC or MCRR of AArch32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairAccess {
    /// The register, as `opc1 << 4 | CRm`.
    pub register: u8,
    /// The general-purpose registers of the lower and the upper half, as AArch64 numbers them.
    pub transfers: [u8; 2],
    /// Which way.
    pub direction: Direction,
}

/// A load or store that stage 2 refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataAbort {
    /// Which way.
    pub direction: Direction,
    /// What the hardware says of the instruction, if stage 2 has nothing at its address; nothing of
    /// those with write-back, of pairs, of vectors, of atomics and of the walks of stage 1, and of
    /// what stage 2 has but forbids, for then the address is not told (DDI 0487, HPFAR_EL2).
    pub decoded: Option<Decoded>,
}

/// A load or store of one general-purpose register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// 1, 2, 4 or 8 bytes.
    pub bytes: u8,
    /// The register, 31 being none.
    pub transfer: u8,
    /// What a load does with the bits above the value.
    pub extension: Extension,
    /// How wide the register is then, in bytes: 4 or 8.
    pub width: u8,
}

/// What becomes of the bits above a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Zero.
    Zero,
    /// The value's sign.
    Sign,
}

/// Which way an access goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Load or MRS.
    Read,
    /// Store or MSR.
    Write,
}

impl Syndrome {
    /// The register's value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The register's value.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The exception class.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.field(26, 6)
    }

    /// Was the instruction one of 32 bits?
    #[must_use]
    pub const fn is_32_bits_long(self) -> bool {
        self.0 >> 25 & 1 == 1
    }

    /// What the guest did.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self.class() {
            0x03 => Cause::RegisterAarch32(self.register_access(), self.condition_if_valid()),
            0x04 => Cause::PairAarch32(self.pair_access(), self.condition_if_valid()),
            0x12 | 0x16 => Cause::Hvc(self.immediate()),
            0x13 => Cause::SmcAarch32(self.condition()),
            0x17 => Cause::Smc(self.immediate()),
            0x18 => Cause::SystemRegister(self.register_access()),
            0x20 => Cause::InstructionAbort,
            0x24 => Cause::DataAbort(self.data_abort()),
            _ => Cause::Other,
        }
    }

    /// The immediate of an HVC from AArch64, if that is what it was: the shortest way to know.
    #[must_use]
    #[inline]
    pub const fn hvc(self) -> Option<u16> {
        match self.class() {
            0x16 => Some(self.immediate()),
            _ => None,
        }
    }

    #[inline]
    const fn immediate(self) -> u16 {
        let [low, high, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// CCKNOWNPASS (19).
    const fn condition(self) -> Condition {
        match self.0 >> 19 & 1 {
            0 => Condition::Holds,
            _ => self.condition_if_valid(),
        }
    }

    /// CV (24), COND (23:20).
    const fn condition_if_valid(self) -> Condition {
        match self.0 >> 24 & 1 {
            1 => Condition::If(self.field(20, 4)),
            _ => Condition::Holds,
        }
    }

    /// Opc1 (19:16), Rt2 (14:10), Rt (9:5), CRm (4:1).
    const fn pair_access(self) -> PairAccess {
        PairAccess {
            register: self.field(16, 4) << 4 | self.field(1, 4),
            transfers: [self.field(5, 5), self.field(10, 5)],
            direction: self.register_direction(),
        }
    }

    /// Bit 0 of what accesses a system register.
    const fn register_direction(self) -> Direction {
        match self.0 & 1 {
            1 => Direction::Read,
            _ => Direction::Write,
        }
    }

    const fn register_access(self) -> RegisterAccess {
        // AArch32 has its condition there.
        let op0 = match self.class() {
            0x18 => self.field(20, 2),
            _ => 0,
        };
        let (op2, op1) = (self.field(17, 3), self.field(14, 3));
        let (crn, crm) = (self.field(10, 4), self.field(1, 4));
        RegisterAccess {
            register: encoding(op0, op1, crn, crm, op2),
            transfer: self.field(5, 5),
            direction: self.register_direction(),
        }
    }

    /// ISV (24), SAS (23:22), SSE (21), SRT (20:16), SF (15), WnR (6).
    const fn data_abort(self) -> DataAbort {
        let decoded = Decoded {
            bytes: 1 << self.field(22, 2),
            transfer: self.field(16, 5),
            extension: if self.0 >> 21 & 1 == 1 {
                Extension::Sign
            } else {
                Extension::Zero
            },
            width: 4 << self.field(15, 1),
        };
        DataAbort {
            direction: if self.0 >> 6 & 1 == 1 {
                Direction::Write
            } else {
                Direction::Read
            },
            decoded: if self.0 >> 24 & 1 == 1 && self.field(2, 4) == TRANSLATION_FAULT {
                Some(decoded)
            } else {
                None
            },
        }
    }

    const fn field(self, shift: u32, width: u32) -> u8 {
        let [low, ..] = (self.0 >> shift & ((1 << width) - 1)).to_le_bytes();
        low
    }
}

impl Condition {
    /// Does it hold with these flags, N to V in bits 31:28 of PSTATE? (DDI 0487, C1.2.4)
    #[must_use]
    pub const fn holds(self, pstate: u64) -> bool {
        let Self::If(condition) = self else {
            return true;
        };
        let [n, z] = [pstate >> 31 & 1 == 1, pstate >> 30 & 1 == 1];
        let [c, v] = [pstate >> 29 & 1 == 1, pstate >> 28 & 1 == 1];
        let holds = match condition >> 1 {
            0 => z,
            1 => c,
            2 => n,
            3 => v,
            4 => c && !z,
            5 => n == v,
            6 => n == v && !z,
            _ => return true,
        };
        holds == (condition & 1 == 0)
    }
}

/// PSTATE behind an instruction that EL2 has done: a step is over, and so is what a branch has left
/// (BTYPE, bits 11:10), or in AArch32 one instruction of an IT block (ITSTATE, bits 15:10 and 26:25;
/// DDI 0487, G1.7.3).
#[must_use]
pub const fn behind_instruction(pstate: u64) -> u64 {
    let pstate = pstate & !SINGLE_STEP;
    if pstate & PSTATE_AARCH32 == 0 {
        return pstate & !BRANCH_TYPE;
    }
    let it = pstate >> 8 & 0xfc | pstate >> 25 & 0b11;
    let next = match it & 0b111 {
        0 => 0,
        _ => it & 0xe0 | it << 1 & 0x1f,
    };
    pstate & !IT_BLOCK | (next & 0xfc) << 8 | (next & 0b11) << 25
}

/// DFSC without the level.
const TRANSLATION_FAULT: u8 = 0b0001;

/// PSTATE: the execution state is AArch32.
pub const PSTATE_AARCH32: u64 = 1 << 4;
const BRANCH_TYPE: u64 = 0b11 << 10;
const SINGLE_STEP: u64 = 1 << 21;
const IT_BLOCK: u64 = 0b11 << 25 | 0x3f << 10;

impl Decoded {
    /// As many bytes of `value` as are moved, the other way round.
    #[must_use]
    pub const fn swapped(self, value: u64) -> u64 {
        value.swap_bytes() >> (64 - 8 * self.bytes as u32)
    }

    /// What a register holds after a load of `value`.
    #[must_use]
    pub const fn loaded(self, value: u64) -> u64 {
        let unused = 64 - 8 * self.bytes as u32;
        let value = match self.extension {
            Extension::Zero => value << unused >> unused,
            Extension::Sign => ((value << unused).cast_signed() >> unused).cast_unsigned(),
        };
        if self.width == 4 {
            value & 0xffff_ffff
        } else {
            value
        }
    }
}

/// A system register by the numbers of its instruction.
#[must_use]
pub const fn encoding(op0: u8, op1: u8, crn: u8, crm: u8, op2: u8) -> u16 {
    (op0 as u16) << 14 | (op1 as u16) << 11 | (crn as u16) << 7 | (crm as u16) << 3 | op2 as u16
}

impl fmt::Debug for Syndrome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Syndrome({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_known_by_class_and_immediate() {
        assert_eq!(Syndrome::new(0x5a00_0000).cause(), Cause::Hvc(0));
        assert_eq!(Syndrome::new(0x5a00_ffff).cause(), Cause::Hvc(0xffff));
        assert_eq!(Syndrome::new(0x5e00_0001).cause(), Cause::Smc(1));
        assert_eq!(Syndrome::new(0x4a00_0000).cause(), Cause::Hvc(0));
        assert_eq!(Syndrome::new(0x5a00_0007).hvc(), Some(7));
        assert_eq!(Syndrome::new(0x5e00_0000).hvc(), None);
    }

    #[test]
    fn a_store_names_its_register_and_size() {
        // STR W2: ISV, SAS = 2, SRT = 2, WnR, translation fault at level 3.
        let Cause::DataAbort(abort) = Syndrome::new(0x9382_0047).cause() else {
            panic!("a data abort");
        };
        assert_eq!(abort.direction, Direction::Write);
        let decoded = abort.decoded.unwrap();
        assert_eq!((decoded.bytes, decoded.transfer), (4, 2));
    }

    #[test]
    fn a_pair_is_not_decoded() {
        let Cause::DataAbort(abort) = Syndrome::new(0x9200_0007).cause() else {
            panic!("a data abort");
        };
        assert_eq!((abort.direction, abort.decoded), (Direction::Read, None));
    }

    #[test]
    fn what_is_forbidden_is_not_decoded() {
        // The store above, with a permission fault at level 3.
        let Cause::DataAbort(abort) = Syndrome::new(0x9382_004f).cause() else {
            panic!("a data abort");
        };
        assert_eq!((abort.direction, abort.decoded), (Direction::Write, None));
    }

    #[test]
    fn loads_extend_as_their_instruction_says() {
        let decoded = |bytes, extension, width| Decoded {
            bytes,
            transfer: 0,
            extension,
            width,
        };
        for (decoded, expected) in [
            (decoded(1, Extension::Zero, 4), 0x80),
            (decoded(1, Extension::Sign, 4), 0xffff_ff80),
            (decoded(1, Extension::Sign, 8), 0xffff_ffff_ffff_ff80),
            (decoded(8, Extension::Zero, 8), 0x1234_5678_9abc_de80),
        ] {
            assert_eq!(decoded.loaded(0x1234_5678_9abc_de80), expected);
        }
    }

    #[test]
    fn bytes_that_are_moved_are_swapped_and_no_others() {
        let moved = |bytes| Decoded {
            bytes,
            transfer: 0,
            extension: Extension::Zero,
            width: 4,
        };
        assert_eq!(moved(1).swapped(0x1122_3344_5566_7788), 0x88);
        assert_eq!(moved(2).swapped(0x1122_3344_5566_7788), 0x8877);
        assert_eq!(moved(4).swapped(0x1122_3344_5566_7788), 0x8877_6655);
        assert_eq!(
            moved(8).swapped(0x1122_3344_5566_7788),
            0x8877_6655_4433_2211
        );
    }

    #[test]
    fn system_registers_are_known_by_their_numbers() {
        // MSR ICC_SGI1R_EL1, X5: op0 = 3, op1 = 0, CRn = 12, CRm = 11, op2 = 5.
        let iss = 3 << 20 | 5 << 17 | 12 << 10 | 5 << 5 | 11 << 1;
        let Cause::SystemRegister(access) = Syndrome::new(0x18 << 26 | 1 << 25 | iss).cause()
        else {
            panic!("a system register");
        };
        assert_eq!(access.register, encoding(3, 0, 12, 11, 5));
        assert_eq!((access.transfer, access.direction), (5, Direction::Write));
    }

    #[test]
    fn an_smc_of_aarch32_may_not_have_been_meant() {
        let smc = |iss: u64| Syndrome::new(0x13 << 26 | 1 << 25 | iss).cause();
        assert_eq!(smc(0), Cause::SmcAarch32(Condition::Holds));
        let if_not_equal = smc(1 << 19 | 1 << 24 | 1 << 20);
        assert_eq!(if_not_equal, Cause::SmcAarch32(Condition::If(1)));
    }

    #[test]
    fn a_register_of_aarch32_is_known_by_its_numbers() {
        // MRC p15, 0, r4, c1, c0, 1 (ACTLR), with the condition "not equal".
        let mrc = 0x03 << 26 | 1 << 25 | 1 << 24 | 1 << 20 | 1 << 17 | 1 << 10 | 4 << 5 | 1;
        let access = RegisterAccess {
            register: encoding(0, 0, 1, 0, 1),
            transfer: 4,
            direction: Direction::Read,
        };
        let cause = Syndrome::new(mrc).cause();
        assert_eq!(cause, Cause::RegisterAarch32(access, Condition::If(1)));
    }

    #[test]
    fn a_pair_of_aarch32_is_known_by_its_numbers() {
        // MCRR p15, 0, r2, r3, c12, with the condition "equal".
        let mcrr = 0x04 << 26 | 1 << 25 | 1 << 24 | 3 << 10 | 2 << 5 | 12 << 1;
        let access = PairAccess {
            register: 0x0c,
            transfers: [2, 3],
            direction: Direction::Write,
        };
        let cause = Syndrome::new(mcrr).cause();
        assert_eq!(cause, Cause::PairAarch32(access, Condition::If(0)));
    }

    #[test]
    fn an_it_block_advances_by_one_instruction() {
        // ITTE EQ (0x06) has three instructions: 0b0000_0110, 0b0000_1100, 0b0001_1000, none.
        let of = |it: u64| (it & 0xfc) << 8 | (it & 0b11) << 25;
        for (before, behind) in [(0x06, 0x0c), (0x0c, 0x18), (0x18, 0), (0xe8, 0), (0, 0)] {
            assert_eq!(behind_instruction(of(before) | 0x33), of(behind) | 0x33);
        }
    }

    #[test]
    fn a_step_and_a_branch_end_with_the_instruction_behind_them() {
        assert_eq!(
            behind_instruction(0x6000_03c5 | 1 << 21 | 0b11 << 10),
            0x6000_03c5
        );
        assert_eq!(behind_instruction(0x0000_01d3 | 1 << 21), 0x0000_01d3);
    }

    #[test]
    fn conditions_hold_as_their_flags_say() {
        const ZERO: u64 = 1 << 30;
        assert!(Condition::If(0).holds(ZERO) && !Condition::If(1).holds(ZERO));
        assert!(Condition::If(1).holds(0) && Condition::Holds.holds(0));
        assert!(Condition::If(12).holds(0) && !Condition::If(12).holds(ZERO));
        assert!(Condition::If(14).holds(0) && Condition::If(15).holds(ZERO));
    }
}
