//! A64 loads and stores of general-purpose registers, as far as they are emulated.
//!
//! DDI 0487, C4.1.94 "Loads and Stores". Decoded are single registers with every way of addressing
//! but the literal, pairs, load-acquire and store-release, and prefetches. Not decoded, on purpose:
//! FP and SIMD, exclusives, atomics, memory tags, unprivileged accesses, pointer authentication,
//! and encodings whose result the architecture leaves open (a base that is also transferred and
//! written back, a pair loaded into one register).

use crate::address::Width;

/// An instruction this module knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// It moves one or two registers.
    Access(Access),
    /// It prefetches, which may do nothing.
    Prefetch,
}

/// A load or store. Register 31 is the zero register where it is transferred, SP where it is the
/// base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Load or store.
    pub operation: Operation,
    /// How many bytes each register moves.
    pub width: Width,
    /// The register that is moved (`Rt`).
    pub register: u8,
    /// The second one of a pair (`Rt2`), `width` bytes above.
    pub second: Option<u8>,
    /// The base register (`Rn`).
    pub base: u8,
    /// What is added to the base.
    pub offset: Offset,
    /// When it is added, and whether the base changes.
    pub addressing: Addressing,
}

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// From memory to registers, extended like this.
    Load(Extension),
    /// From registers to memory.
    Store,
}

/// How a loaded value fills its register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Zeroes above.
    Zero,
    /// The sign up to bit 31, zeroes above.
    Sign32,
    /// The sign up to bit 63.
    Sign64,
}

/// What is added to the base register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    /// A number of bytes.
    Immediate(i64),
    /// A register (`Rm`), extended, then shifted left.
    Register {
        /// Its number; 31 is the zero register.
        index: u8,
        /// How it is extended.
        extend: Extend,
        /// By how many bits it is shifted.
        shift: u32,
    },
}

/// How an index register is extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extend {
    /// The low word, zeroes above.
    Uxtw,
    /// The low word, its sign above.
    Sxtw,
    /// All of it (LSL and SXTX).
    Whole,
}

/// When the offset is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// For the access only.
    Offset,
    /// For the access, and the base keeps the sum.
    PreIndex,
    /// After the access, to the base.
    PostIndex,
}

/// Decodes an instruction, if it is one of those emulated.
#[must_use]
pub fn decode(word: u32) -> Option<Instruction> {
    if word & VECTOR != 0 {
        return None;
    }
    match word & 0x3b00_0000 {
        // x01 1100 size 111 0 00: immediates of 9 bits, or a register.
        0x3800_0000 => unscaled_or_register(word),
        // size 111 0 01: an immediate of 12 bits.
        0x3900_0000 => unsigned_offset(word),
        // opc 101 0 0xx and 1xx: pairs.
        0x2800_0000 | 0x2900_0000 => pair(word),
        // size 001000: ordered, among the exclusives.
        0x0800_0000 => ordered(word),
        _ => None,
    }
}

/// `size 111 0 00 opc …`, told apart by bits 21 and 11:10.
fn unscaled_or_register(word: u32) -> Option<Instruction> {
    let immediate = Offset::Immediate(signed(word >> 12, 9));
    match (word >> 21 & 1, word >> 10 & 3) {
        (0, 0b00) => single(word, immediate, Addressing::Offset),
        (0, 0b01) => single(word, immediate, Addressing::PostIndex),
        (0, 0b11) => single(word, immediate, Addressing::PreIndex),
        (1, 0b10) => single(word, register_offset(word)?, Addressing::Offset),
        // Unprivileged, atomic, or with pointer authentication.
        _ => None,
    }
}

fn register_offset(word: u32) -> Option<Offset> {
    let extend = match word >> 13 & 7 {
        0b010 => Extend::Uxtw,
        0b011 | 0b111 => Extend::Whole,
        0b110 => Extend::Sxtw,
        _ => return None,
    };
    let shift = if word & 1 << 12 == 0 { 0 } else { word >> 30 };
    Some(Offset::Register {
        index: field(word, 16),
        extend,
        shift,
    })
}

fn unsigned_offset(word: u32) -> Option<Instruction> {
    let scaled = i64::from(word >> 10 & 0xfff) << (word >> 30);
    single(word, Offset::Immediate(scaled), Addressing::Offset)
}

/// The parts that all forms of one register share: size, opc, Rn, Rt.
fn single(word: u32, offset: Offset, addressing: Addressing) -> Option<Instruction> {
    let size = word >> 30;
    let operation = match (size, word >> 22 & 3) {
        (_, 0b00) => Operation::Store,
        (_, 0b01) => Operation::Load(Extension::Zero),
        (0b11, 0b10) if addressing == Addressing::Offset => return Some(Instruction::Prefetch),
        (0b00..=0b10, 0b10) => Operation::Load(Extension::Sign64),
        (0b00..=0b01, 0b11) => Operation::Load(Extension::Sign32),
        _ => return None,
    };
    let access = Access {
        operation,
        width: width(size),
        register: field(word, 0),
        second: None,
        base: field(word, 5),
        offset,
        addressing,
    };
    access.predictable()
}

/// `opc 101 0 index L imm7 Rt2 Rn Rt`.
fn pair(word: u32) -> Option<Instruction> {
    let load = word & 1 << 22 != 0;
    // No-allocate is a hint about caches; to a device it is an offset like any other.
    let (addressing, no_allocate) = match word >> 23 & 3 {
        0b00 => (Addressing::Offset, true),
        0b01 => (Addressing::PostIndex, false),
        0b10 => (Addressing::Offset, false),
        _ => (Addressing::PreIndex, false),
    };
    let (width, operation) = match (word >> 30, load) {
        (0b00, true) => (Width::Word, Operation::Load(Extension::Zero)),
        (0b00, false) => (Width::Word, Operation::Store),
        (0b01, true) if !no_allocate => (Width::Word, Operation::Load(Extension::Sign64)),
        (0b10, true) => (Width::Doubleword, Operation::Load(Extension::Zero)),
        (0b10, false) => (Width::Doubleword, Operation::Store),
        _ => return None,
    };
    let scale = width.bytes().cast_signed();
    let access = Access {
        operation,
        width,
        register: field(word, 0),
        second: Some(field(word, 10)),
        base: field(word, 5),
        offset: Offset::Immediate(signed(word >> 15, 7) * scale),
        addressing,
    };
    access.predictable()
}

/// `size 001000 1 L 0 11111 1 11111 Rn Rt`: LDAR and STLR. Accesses here are in order anyway.
fn ordered(word: u32) -> Option<Instruction> {
    let operation = match word & 0x3fff_fc00 {
        0x08df_fc00 => Operation::Load(Extension::Zero),
        0x089f_fc00 => Operation::Store,
        _ => return None,
    };
    Some(Instruction::Access(Access {
        operation,
        width: width(word >> 30),
        register: field(word, 0),
        second: None,
        base: field(word, 5),
        offset: Offset::Immediate(0),
        addressing: Addressing::Offset,
    }))
}

impl Access {
    /// Leaves out what is CONSTRAINED UNPREDICTABLE.
    fn predictable(self) -> Option<Instruction> {
        let writes_back = self.addressing != Addressing::Offset && self.base != 31;
        let moves_base = self.register == self.base || self.second == Some(self.base);
        let one_target = self.second == Some(self.register) && self.operation != Operation::Store;
        let open = writes_back && moves_base || one_target;
        (!open).then_some(Instruction::Access(self))
    }
}

fn width(size: u32) -> Width {
    match size & 3 {
        0 => Width::Byte,
        1 => Width::Halfword,
        2 => Width::Word,
        _ => Width::Doubleword,
    }
}

/// A register number of five bits.
fn field(word: u32, shift: u32) -> u8 {
    (word >> shift & 0x1f) as u8
}

/// The low `bits` bits as a signed number.
fn signed(value: u32, bits: u32) -> i64 {
    let unused = 32 - bits;
    i64::from((value << unused).cast_signed() >> unused)
}

/// The bit that tells FP and SIMD from general-purpose registers.
const VECTOR: u32 = 1 << 26;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Addressing::{Offset as Plain, PostIndex, PreIndex};
    use Extension::{Sign32, Sign64, Zero};
    use Operation::{Load, Store};
    use Width::{Byte, Doubleword, Halfword, Word};

    /// `(operation, width, Rt, Rn, offset, addressing)` of one register.
    type Single = (Operation, Width, u8, u8, i64, Addressing);

    fn assert_single(cases: &[(u32, Single)]) {
        for &(word, (operation, width, register, base, offset, addressing)) in cases {
            let offset = Offset::Immediate(offset);
            let expected = Access {
                operation,
                width,
                register,
                second: None,
                base,
                offset,
                addressing,
            };
            assert_eq!(
                decode(word),
                Some(Instruction::Access(expected)),
                "{word:#010x}"
            );
        }
    }

    fn assert_none(cases: &[u32]) {
        for &word in cases {
            assert_eq!(decode(word), None, "{word:#010x}");
        }
    }

    #[test]
    fn post_and_pre_index() {
        assert_single(&[
            (0xb800_4441, (Store, Word, 1, 2, 4, PostIndex)), // str w1, [x2], #4
            (0xf81f_8441, (Store, Doubleword, 1, 2, -8, PostIndex)), // str x1, [x2], #-8
            (0xb840_4441, (Load(Zero), Word, 1, 2, 4, PostIndex)), // ldr w1, [x2], #4
            (0xf840_8c41, (Load(Zero), Doubleword, 1, 2, 8, PreIndex)), // ldr x1, [x2, #8]!
            (0xf81f_0fe1, (Store, Doubleword, 1, 31, -16, PreIndex)), // str x1, [sp, #-16]!
            (0x3840_1483, (Load(Zero), Byte, 3, 4, 1, PostIndex)), // ldrb w3, [x4], #1
            (0x381f_fc83, (Store, Byte, 3, 4, -1, PreIndex)), // strb w3, [x4, #-1]!
            (0x7800_2483, (Store, Halfword, 3, 4, 2, PostIndex)), // strh w3, [x4], #2
            (0x784f_ec83, (Load(Zero), Halfword, 3, 4, 254, PreIndex)), // ldrh w3, [x4, #254]!
            (0xf800_849f, (Store, Doubleword, 31, 4, 8, PostIndex)), // str xzr, [x4], #8
        ]);
    }

    #[test]
    fn signed_loads_extend_to_the_width_of_their_register() {
        assert_single(&[
            (0x3880_1483, (Load(Sign64), Byte, 3, 4, 1, PostIndex)), // ldrsb x3, [x4], #1
            (0x38c0_1483, (Load(Sign32), Byte, 3, 4, 1, PostIndex)), // ldrsb w3, [x4], #1
            (0x789f_e483, (Load(Sign64), Halfword, 3, 4, -2, PostIndex)), // ldrsh x3, [x4], #-2
            (0x78c0_2c83, (Load(Sign32), Halfword, 3, 4, 2, PreIndex)), // ldrsh w3, [x4, #2]!
            (0xb880_4483, (Load(Sign64), Word, 3, 4, 4, PostIndex)), // ldrsw x3, [x4], #4
        ]);
    }

    #[test]
    fn unsigned_and_unscaled_offsets() {
        assert_single(&[
            (0xf97f_fc41, (Load(Zero), Doubleword, 1, 2, 32760, Plain)), // ldr x1, [x2, #32760]
            (0xb97f_fc41, (Load(Zero), Word, 1, 2, 16380, Plain)),       // ldr w1, [x2, #16380]
            (0x397f_fc41, (Load(Zero), Byte, 1, 2, 4095, Plain)),        // ldrb w1, [x2, #4095]
            (0xb980_0441, (Load(Sign64), Word, 1, 2, 4, Plain)),         // ldrsw x1, [x2, #4]
            (0x39c0_0441, (Load(Sign32), Byte, 1, 2, 1, Plain)),         // ldrsb w1, [x2, #1]
            (0xf850_0041, (Load(Zero), Doubleword, 1, 2, -256, Plain)),  // ldur x1, [x2, #-256]
            (0xb80f_f041, (Store, Word, 1, 2, 255, Plain)),              // stur w1, [x2, #255]
            (0xb89f_c041, (Load(Sign64), Word, 1, 2, -4, Plain)),        // ldursw x1, [x2, #-4]
        ]);
    }

    #[test]
    fn load_acquire_and_store_release() {
        assert_single(&[
            (0xc8df_fc41, (Load(Zero), Doubleword, 1, 2, 0, Plain)), // ldar x1, [x2]
            (0x08df_fc41, (Load(Zero), Byte, 1, 2, 0, Plain)),       // ldarb w1, [x2]
            (0x889f_fc41, (Store, Word, 1, 2, 0, Plain)),            // stlr w1, [x2]
            (0x489f_ffe1, (Store, Halfword, 1, 31, 0, Plain)),       // stlrh w1, [sp]
        ]);
    }

    #[test]
    fn register_offsets() {
        for (word, operation, width, base, extend, shift) in [
            (0xf863_6841, Load(Zero), Doubleword, 2, Extend::Whole, 0), // ldr x1, [x2, x3]
            (0xf863_7841, Load(Zero), Doubleword, 2, Extend::Whole, 3), // ldr x1, [x2, x3, lsl #3]
            (0xb863_4841, Load(Zero), Word, 2, Extend::Uxtw, 0),        // ldr w1, [x2, w3, uxtw]
            (0xb863_d841, Load(Zero), Word, 2, Extend::Sxtw, 2),        // ldr w1, [x2, w3, sxtw #2]
            (0x7823_f841, Store, Halfword, 2, Extend::Whole, 1), // strh w1, [x2, x3, sxtx #1]
            (0x3863_7841, Load(Zero), Byte, 2, Extend::Whole, 0), // ldrb w1, [x2, x3, lsl #0]
            (0x78a3_5be1, Load(Sign64), Halfword, 31, Extend::Uxtw, 1), // ldrsh
        ] {
            let offset = Offset::Register {
                index: 3,
                extend,
                shift,
            };
            let (register, second, addressing) = (1, None, Plain);
            let expected = Access {
                operation,
                width,
                register,
                second,
                base,
                offset,
                addressing,
            };
            assert_eq!(
                decode(word),
                Some(Instruction::Access(expected)),
                "{word:#010x}"
            );
        }
    }

    #[test]
    fn pairs() {
        for (word, operation, width, (register, second), base, offset, addressing) in [
            (0xa940_0861, Load(Zero), Doubleword, (1, 2), 3, 0, Plain), // ldp x1, x2, [x3]
            (0x2960_0861, Load(Zero), Word, (1, 2), 3, -256, Plain),    // ldp w1, w2, [x3, #-256]
            (0xa89f_8861, Store, Doubleword, (1, 2), 3, 504, PostIndex), // stp x1, x2, [x3], #504
            (0x299f_8861, Store, Word, (1, 2), 3, 252, PreIndex),       // stp w1, w2, [x3, #252]!
            (
                0xa8c1_0be1,
                Load(Zero),
                Doubleword,
                (1, 2),
                31,
                16,
                PostIndex,
            ), // ldp x1, x2, [sp], #16
            (0xa9bf_7bfd, Store, Doubleword, (29, 30), 31, -16, PreIndex), // stp
            (0x6940_8861, Load(Sign64), Word, (1, 2), 3, 4, Plain),     // ldpsw x1, x2, [x3, #4]
            (0x68c1_0861, Load(Sign64), Word, (1, 2), 3, 8, PostIndex), // ldpsw x1, x2, [x3], #8
            (0xa841_0861, Load(Zero), Doubleword, (1, 2), 3, 16, Plain), // ldnp x1, x2, [x3, #16]
            (0x283f_0861, Store, Word, (1, 2), 3, -8, Plain),           // stnp w1, w2, [x3, #-8]
            (0xa900_7c7f, Store, Doubleword, (31, 31), 3, 0, Plain),    // stp xzr, xzr, [x3]
        ] {
            let (second, offset) = (Some(second), Offset::Immediate(offset));
            let expected = Access {
                operation,
                width,
                register,
                second,
                base,
                offset,
                addressing,
            };
            assert_eq!(
                decode(word),
                Some(Instruction::Access(expected)),
                "{word:#010x}"
            );
        }
    }

    #[test]
    fn prefetches_do_nothing() {
        for word in [
            0xf980_0440, // prfm pldl1keep, [x2, #8]
            0xf8a3_6840, // prfm pldl1keep, [x2, x3]
            0xf89f_8040, // prfum pldl1keep, [x2, #-8]
        ] {
            assert_eq!(decode(word), Some(Instruction::Prefetch), "{word:#010x}");
        }
    }

    #[test]
    fn exclusives_and_atomics_are_not_decoded() {
        assert_none(&[
            0xc85f_7c41, // ldxr x1, [x2]
            0xc800_7c41, // stxr w0, x1, [x2]
            0xc87f_8861, // ldaxp x1, x2, [x3]
            0xc8a1_7c62, // cas x1, x2, [x3]
            0x4820_7c82, // casp x0, x1, x2, x3, [x4]
            0xf821_0062, // ldadd x1, x2, [x3]
            0xf821_8062, // swp x1, x2, [x3]
            0xf83f_d040, // ld64b x0, [x2]
        ]);
    }

    #[test]
    fn fp_and_simd_are_not_decoded() {
        assert_none(&[
            0x3cc1_0420, // ldr q0, [x1], #16
            0xfd00_0420, // str d0, [x1, #8]
            0xad40_0440, // ldp q0, q1, [x2]
            0x4c00_7020, // st1 { v0.16b }, [x1]
        ]);
    }

    #[test]
    fn literals_tags_and_other_special_loads_are_not_decoded() {
        assert_none(&[
            0x5800_0041, // ldr x1, #8
            0xf840_0841, // ldtr x1, [x2]
            0xf800_0841, // sttr x1, [x2]
            0xd920_0841, // stg x1, [x2]
            0x6900_0861, // stgp x1, x2, [x3]
            0xd960_0041, // ldg x1, [x2]
            0xf820_0441, // ldraa x1, [x2]
            0xf8bf_c041, // ldapr x1, [x2]
            0xd940_0041, // ldapur x1, [x2]
        ]);
    }

    #[test]
    fn what_is_no_load_or_store_is_not_decoded() {
        assert_none(&[
            0x0000_0000, // udf #0
            0xd503_201f, // nop
            0x8b03_0041, // add x1, x2, x3
            0xd50b_7421, // dc zva, x1
            0xffff_ffff,
        ]);
    }

    #[test]
    fn what_the_architecture_leaves_open_is_not_decoded() {
        assert_none(&[
            0xb840_4442, // ldr w2, [x2], #4
            0xf800_8c42, // str x2, [x2, #8]!
            0xa940_0461, // ldp x1, x1, [x3]
            0xa8c1_0863, // ldp x3, x2, [x3], #16
            0xa981_0c61, // stp x1, x3, [x3, #16]!
            0xf880_8441, // post-index with the opc of a prefetch
            0xb8c0_0041, // size 2, opc 3
            0xf863_0841, // option 0
        ]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn every_word_has_an_answer(word: u32) {
            if let Some(Instruction::Access(access)) = decode(word) {
                prop_assert!(access.register < 32 && access.base < 32);
                prop_assert!(access.second.is_none_or(|second| second < 32));
                // Bits 28:25 of loads and stores are x1x0, bit 26 is clear here.
                prop_assert_eq!(word >> 25 & 0b0111, 0b0100);
            }
        }
    }
}
