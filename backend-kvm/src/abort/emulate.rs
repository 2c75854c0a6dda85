//! From an undecoded data abort to the bus accesses it stands for.
//!
//! Rules of the emulation:
//!
//! - Each register is one bus access of the instruction's width, in the order of the instruction;
//!   a pair is two, the lower address first. An address need not be aligned: where alignment
//!   matters the CPU has faulted before. An access that crosses a 4 KiB page is refused, for its
//!   halves may lie anywhere.
//! - Loads, base and PC change only when all accesses are done ([`Emulation::complete`]).
//! - Big-endian data (SCTLR_EL1.EE, .E0E) is swapped to the bus's little-endian.
//! - The instruction is fetched again, from memory that other vCPUs may have changed since. If it
//!   no longer explains the fault, that is said and nothing is done.

use vambrace_core::memory::Ipa;

use super::decode::{
    Access, Addressing, Extend, Extension, Instruction, Offset, Operation, decode,
};
use super::error::{EmulationError, Reason, Undecodable};
use super::walk::{Regime, WalkError};
use crate::address::{Region, Width};
use crate::memory::GuestMemory;

/// What KVM_EXIT_ARM_NISV tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The ISS bits of ESR_EL2 that KVM passes on: FSC, WnR and CM.
    pub esr_iss: u64,
    /// Where the guest accessed.
    pub ipa: Ipa,
}

/// The registers an emulation reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// A general-purpose register, 0 to 30.
    X(u8),
    /// SP_EL0.
    SpEl0,
    /// SP_EL1.
    SpEl1,
    /// The program counter.
    Pc,
    /// PSTATE in the layout of SPSR_EL2.
    Pstate,
    /// SCTLR_EL1.
    Sctlr,
    /// TCR_EL1.
    Tcr,
    /// TTBR0_EL1.
    Ttbr0,
    /// TTBR1_EL1.
    Ttbr1,
}

/// Access to one vCPU's registers. Each read may cost an ioctl, so only what is needed is read.
pub trait Registers {
    /// Why a register could not be read or written.
    type Error;

    /// The value of a register.
    ///
    /// # Errors
    /// When the vCPU cannot be asked.
    fn read(&self, register: Register) -> Result<u64, Self::Error>;

    /// Sets a register.
    ///
    /// # Errors
    /// When the vCPU cannot be told.
    fn write(&mut self, register: Register, value: u64) -> Result<(), Self::Error>;
}

/// One access for the bus to carry out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusAccess {
    /// Where.
    pub ipa: Ipa,
    /// How many bytes.
    pub width: Width,
    /// Which way, and what.
    pub direction: Direction,
}

/// Which way a bus access goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The bus gives a value, which goes to [`Emulation::complete`].
    Read,
    /// The bus takes this value, no wider than the access.
    Write(u64),
}

/// An instruction understood, with nothing done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Emulation {
    accesses: Vec<BusAccess>,
    /// The register of each read, in the order of the accesses.
    loads: Vec<u8>,
    extension: Extension,
    endianness: Endianness,
    write_back: Option<(Register, u64)>,
    next_pc: u64,
    /// PSTATE after the instruction, if it differs.
    pstate: Option<u64>,
}

/// The byte order of the guest's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endianness {
    Little,
    Big,
}

/// What does not change while one instruction is looked at.
struct Context<'a, R> {
    registers: &'a R,
    memory: &'a GuestMemory,
    regime: Regime,
    pstate: u64,
}

/// Finds out what the guest's instruction does. Nothing is changed.
///
/// # Errors
/// [`EmulationError`].
pub fn plan<R: Registers>(
    fault: Fault,
    registers: &R,
    memory: &GuestMemory,
) -> Result<Emulation, EmulationError<R::Error>> {
    let read = |register| registers.read(register).map_err(EmulationError::Registers);
    let pc = read(Register::Pc)?;
    let undecodable = |instruction, reason| {
        let Fault { esr_iss, ipa } = fault;
        EmulationError::Undecodable(Undecodable {
            pc,
            instruction,
            esr_iss,
            ipa,
            reason,
        })
    };
    let pstate = read(Register::Pstate)?;
    check_state(pstate, fault).map_err(|reason| undecodable(None, reason))?;
    let regime = regime(registers).map_err(EmulationError::Registers)?;
    let context = Context {
        registers,
        memory,
        regime,
        pstate,
    };
    let word = context
        .fetch(pc)
        .map_err(|reason| undecodable(None, reason))?;
    let refuse = |reason| undecodable(Some(word), reason);
    let mut emulation = Emulation::nothing(pc, &context);
    match decode(word) {
        None => return Err(refuse(Reason::NotDecoded)),
        Some(Instruction::Prefetch) => {}
        Some(Instruction::Access(access)) => {
            let addresses = context
                .addresses(&access)
                .map_err(EmulationError::Registers)?;
            let ipas = context.locate(&access, &addresses, fault).map_err(refuse)?;
            context
                .fill(&mut emulation, &access, &addresses, &ipas)
                .map_err(EmulationError::Registers)?;
        }
    }
    Ok(emulation)
}

/// Reads the tables' addresses only where there are tables.
fn regime<R: Registers>(registers: &R) -> Result<Regime, R::Error> {
    let (sctlr, tcr) = (
        registers.read(Register::Sctlr)?,
        registers.read(Register::Tcr)?,
    );
    let mut regime = Regime {
        sctlr,
        tcr,
        ttbr0: 0,
        ttbr1: 0,
    };
    if regime.has_tables() {
        regime.ttbr0 = registers.read(Register::Ttbr0)?;
        regime.ttbr1 = registers.read(Register::Ttbr1)?;
    }
    Ok(regime)
}

/// The virtual addresses of one instruction.
struct Addresses {
    /// Of the lowest byte accessed.
    first: u64,
    /// What the base register keeps, if it changes.
    base: Option<u64>,
}

fn check_state(pstate: u64, fault: Fault) -> Result<(), Reason> {
    if pstate & PSTATE_AARCH32 != 0 {
        return Err(Reason::Aarch32);
    }
    if pstate & PSTATE_EL > PSTATE_EL1 {
        return Err(Reason::El2);
    }
    if fault.esr_iss & ISS_CACHE_MAINTENANCE != 0 {
        return Err(Reason::CacheMaintenance);
    }
    Ok(())
}

impl<R: Registers> Context<'_, R> {
    fn fetch(&self, pc: u64) -> Result<u32, Reason> {
        let ipa = self.translate(pc).map_err(Reason::Fetch)?;
        let mut bytes = [0; 4];
        self.memory
            .read(ipa, &mut bytes)
            .map_err(|_| Reason::FetchOutsideRam(ipa))?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn translate(&self, address: u64) -> Result<Ipa, WalkError> {
        self.regime.translate(address, |ipa| {
            let mut bytes = [0; 8];
            self.memory.read(ipa, &mut bytes).ok()?;
            Some(u64::from_le_bytes(bytes))
        })
    }

    fn addresses(&self, access: &Access) -> Result<Addresses, R::Error> {
        let base = self.registers.read(self.base_register(access.base))?;
        let sum = base.wrapping_add(self.offset(access.offset)?);
        Ok(match access.addressing {
            Addressing::Offset => Addresses {
                first: sum,
                base: None,
            },
            Addressing::PreIndex => Addresses {
                first: sum,
                base: Some(sum),
            },
            Addressing::PostIndex => Addresses {
                first: base,
                base: Some(sum),
            },
        })
    }

    fn offset(&self, offset: Offset) -> Result<u64, R::Error> {
        Ok(match offset {
            Offset::Immediate(bytes) => bytes.cast_unsigned(),
            Offset::Register {
                index,
                extend,
                shift,
            } => {
                let value = self.general(index)?;
                let extended = match extend {
                    Extend::Uxtw => Width::Word.truncate(value),
                    Extend::Sxtw => sign_extend(value, Width::Word),
                    Extend::Whole => value,
                };
                extended << shift
            }
        })
    }

    /// Where each of the instruction's accesses goes, if that explains the fault.
    fn locate(
        &self,
        access: &Access,
        addresses: &Addresses,
        fault: Fault,
    ) -> Result<Vec<Ipa>, Reason> {
        let stored = fault.esr_iss & ISS_WRITE != 0;
        if stored != (access.operation == Operation::Store) {
            return Err(Reason::OtherDirection);
        }
        let ipas = (0..access.count())
            .map(|index| {
                let distance = index * access.width.bytes();
                self.locate_one(addresses.first.wrapping_add(distance), access.width)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let page = |ipa: Ipa| ipa.value() & !PAGE_MASK;
        match ipas.iter().any(|ipa| page(*ipa) == page(fault.ipa)) {
            true => Ok(ipas),
            false => Err(Reason::Elsewhere(ipas[0])),
        }
    }

    fn locate_one(&self, address: u64, width: Width) -> Result<Ipa, Reason> {
        if (address & PAGE_MASK) + width.bytes() > PAGE_MASK + 1 {
            return Err(Reason::CrossesPage(address));
        }
        let ipa = self.translate(address).map_err(Reason::Walk)?;
        let region = Region::new(ipa, width.bytes());
        match region.is_some_and(|region| self.memory.region().overlaps(region)) {
            true => Err(Reason::InRam(ipa)),
            false => Ok(ipa),
        }
    }

    fn fill(
        &self,
        emulation: &mut Emulation,
        access: &Access,
        addresses: &Addresses,
        ipas: &[Ipa],
    ) -> Result<(), R::Error> {
        let moved = [Some(access.register), access.second].into_iter().flatten();
        for (&ipa, register) in ipas.iter().zip(moved) {
            let width = access.width;
            let direction = match access.operation {
                Operation::Load(extension) => {
                    emulation.extension = extension;
                    emulation.loads.push(register);
                    Direction::Read
                }
                Operation::Store => {
                    let value = width.truncate(self.general(register)?);
                    Direction::Write(emulation.endianness.swap(value, width))
                }
            };
            emulation.accesses.push(BusAccess {
                ipa,
                width,
                direction,
            });
        }
        emulation.write_back = addresses
            .base
            .map(|value| (self.base_register(access.base), value));
        Ok(())
    }

    /// A transferred register: 31 is zero.
    fn general(&self, number: u8) -> Result<u64, R::Error> {
        if number == 31 {
            Ok(0)
        } else {
            self.registers.read(Register::X(number))
        }
    }

    /// A base register: 31 is the stack pointer in use.
    fn base_register(&self, number: u8) -> Register {
        let own_stack = self.pstate & PSTATE_EL == PSTATE_EL1 && self.pstate & PSTATE_SP != 0;
        match number {
            31 if own_stack => Register::SpEl1,
            31 => Register::SpEl0,
            number => Register::X(number),
        }
    }

    fn endianness(&self) -> Endianness {
        let bit = if self.pstate & PSTATE_EL == 0 {
            SCTLR_E0E
        } else {
            SCTLR_EE
        };
        if self.regime.sctlr & bit == 0 {
            Endianness::Little
        } else {
            Endianness::Big
        }
    }
}

impl Emulation {
    fn nothing<R: Registers>(pc: u64, context: &Context<'_, R>) -> Self {
        let pstate = context.pstate & !(PSTATE_BTYPE | PSTATE_SINGLE_STEP);
        Self {
            accesses: Vec::new(),
            loads: Vec::new(),
            extension: Extension::Zero,
            endianness: context.endianness(),
            write_back: None,
            next_pc: pc.wrapping_add(4),
            pstate: (pstate != context.pstate).then_some(pstate),
        }
    }

    /// What the bus has to do, in this order: none, one or two accesses.
    #[must_use]
    pub fn accesses(&self) -> &[BusAccess] {
        &self.accesses
    }

    /// Ends the instruction: loads, base register, PSTATE, PC. `values` are what the bus gave for
    /// the reads, in the order of the accesses.
    ///
    /// # Errors
    /// When a register cannot be written.
    ///
    /// # Panics
    /// If there are not as many values as reads: a mistake of the caller, not of the guest.
    pub fn complete<R: Registers>(self, registers: &mut R, values: &[u64]) -> Result<(), R::Error> {
        assert_eq!(
            values.len(),
            self.loads.len(),
            "each read of the bus has one value"
        );
        for (index, &register) in self
            .loads
            .iter()
            .enumerate()
            .filter(|(_, load)| **load != 31)
        {
            let width = self.accesses[index].width;
            let value = self.endianness.swap(width.truncate(values[index]), width);
            registers.write(Register::X(register), self.extension.apply(value, width))?;
        }
        if let Some((register, value)) = self.write_back {
            registers.write(register, value)?;
        }
        if let Some(pstate) = self.pstate {
            registers.write(Register::Pstate, pstate)?;
        }
        registers.write(Register::Pc, self.next_pc)
    }
}

impl Access {
    /// How many registers it moves.
    fn count(&self) -> u64 {
        if self.second.is_some() { 2 } else { 1 }
    }
}

impl Extension {
    fn apply(self, value: u64, width: Width) -> u64 {
        match self {
            Self::Zero => value,
            Self::Sign32 => Width::Word.truncate(sign_extend(value, width)),
            Self::Sign64 => sign_extend(value, width),
        }
    }
}

impl Endianness {
    /// From the guest's order to the bus's, or back.
    fn swap(self, value: u64, width: Width) -> u64 {
        match self {
            Self::Little => value,
            Self::Big => value.swap_bytes() >> (64 - width.bits()),
        }
    }
}

fn sign_extend(value: u64, width: Width) -> u64 {
    let unused = 64 - width.bits();
    ((value << unused).cast_signed() >> unused).cast_unsigned()
}

/// No smaller page exists, and none is assumed to be larger.
const PAGE_MASK: u64 = 0xfff;

/// ESR_EL2.ISS.WnR and .CM.
const ISS_WRITE: u64 = 1 << 6;
const ISS_CACHE_MAINTENANCE: u64 = 1 << 8;

/// SPSR_EL2.M: stack pointer, exception level, execution state.
const PSTATE_SP: u64 = 1;
const PSTATE_EL: u64 = 3 << 2;
const PSTATE_EL1: u64 = 1 << 2;
const PSTATE_AARCH32: u64 = 1 << 4;
/// Each instruction ends with these clear.
const PSTATE_BTYPE: u64 = 3 << 10;
const PSTATE_SINGLE_STEP: u64 = 1 << 21;

/// SCTLR_EL1.EE and .E0E.
const SCTLR_EE: u64 = 1 << 25;
const SCTLR_E0E: u64 = 1 << 24;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const UART: u64 = 0x0900_0000;
    const CODE: u64 = 0x4000_0000;
    const LOAD: u64 = 0x7;
    const STORE: u64 = 0x47;

    /// A vCPU at EL1h with the MMU off: X0 to X30, then SP_EL0, SP_EL1, PC, PSTATE, system.
    #[derive(Debug, Clone, PartialEq)]
    struct Vcpu(BTreeMap<usize, u64>);

    impl Vcpu {
        fn new() -> Self {
            let mut vcpu = Self(BTreeMap::new());
            vcpu.set(Register::Pc, CODE);
            vcpu.set(Register::Pstate, 0x3c5);
            vcpu
        }

        fn set(&mut self, register: Register, value: u64) {
            self.0.insert(index(register), value);
        }

        fn get(&self, register: Register) -> u64 {
            self.0.get(&index(register)).copied().unwrap_or(0)
        }

        fn with(mut self, register: Register, value: u64) -> Self {
            self.set(register, value);
            self
        }
    }

    fn index(register: Register) -> usize {
        match register {
            Register::X(number) => usize::from(number),
            Register::SpEl0 => 31,
            Register::SpEl1 => 32,
            Register::Pc => 33,
            Register::Pstate => 34,
            Register::Sctlr => 35,
            Register::Tcr => 36,
            Register::Ttbr0 => 37,
            Register::Ttbr1 => 38,
        }
    }

    impl Registers for Vcpu {
        type Error = Infallible;

        fn read(&self, register: Register) -> Result<u64, Infallible> {
            assert!(!matches!(register, Register::X(31..)), "there is no x31");
            Ok(self.get(register))
        }

        fn write(&mut self, register: Register, value: u64) -> Result<(), Infallible> {
            assert!(!matches!(register, Register::X(31..)), "there is no x31");
            self.set(register, value);
            Ok(())
        }
    }

    fn memory(word: u32) -> GuestMemory {
        let memory = GuestMemory::new(0x40_0000).unwrap();
        memory.write(Ipa::new(CODE), &word.to_le_bytes()).unwrap();
        memory
    }

    fn planned(word: u32, esr_iss: u64, ipa: u64, vcpu: &Vcpu) -> Result<Emulation, Undecodable> {
        let fault = Fault {
            esr_iss,
            ipa: Ipa::new(ipa),
        };
        plan(fault, vcpu, &memory(word)).map_err(|error| match error {
            EmulationError::Undecodable(undecodable) => undecodable,
            EmulationError::Registers(impossible) => match impossible {},
        })
    }

    /// Plans and completes, the bus giving these values; returns the accesses and the registers.
    fn run(
        word: u32,
        esr_iss: u64,
        ipa: u64,
        mut vcpu: Vcpu,
        values: &[u64],
    ) -> (Vec<BusAccess>, Vcpu) {
        let emulation = planned(word, esr_iss, ipa, &vcpu).unwrap();
        let accesses = emulation.accesses().to_vec();
        let Ok(()) = emulation.complete(&mut vcpu, values);
        (accesses, vcpu)
    }

    fn reason(word: u32, esr_iss: u64, ipa: u64, vcpu: &Vcpu) -> Reason {
        planned(word, esr_iss, ipa, vcpu).unwrap_err().reason
    }

    fn read(ipa: u64, width: Width) -> BusAccess {
        BusAccess {
            ipa: Ipa::new(ipa),
            width,
            direction: Direction::Read,
        }
    }

    fn write(ipa: u64, width: Width, value: u64) -> BusAccess {
        BusAccess {
            ipa: Ipa::new(ipa),
            width,
            direction: Direction::Write(value),
        }
    }

    #[test]
    fn a_post_indexed_store_writes_the_base_and_moves_it() {
        let vcpu = Vcpu::new()
            .with(Register::X(1), 0xdead_beef_0000_0041)
            .with(Register::X(2), UART);
        // str w1, [x2], #4
        let (accesses, vcpu) = run(0xb800_4441, STORE, UART, vcpu, &[]);
        assert_eq!(accesses, [write(UART, Width::Word, 0x41)]);
        assert_eq!(vcpu.get(Register::X(2)), UART + 4);
        assert_eq!(vcpu.get(Register::Pc), CODE + 4);
    }

    #[test]
    fn a_pre_indexed_load_reads_behind_the_base_and_moves_it() {
        let vcpu = Vcpu::new().with(Register::X(2), UART + 0x10);
        // ldr x1, [x2, #8]!
        let (accesses, vcpu) = run(0xf840_8c41, LOAD, UART + 0x18, vcpu, &[0x90]);
        assert_eq!(accesses, [read(UART + 0x18, Width::Doubleword)]);
        assert_eq!(
            (vcpu.get(Register::X(1)), vcpu.get(Register::X(2))),
            (0x90, UART + 0x18)
        );
    }

    #[test]
    fn a_pair_is_two_accesses() {
        let vcpu = Vcpu::new().with(Register::X(3), UART);
        // ldp x1, x2, [x3]
        let (accesses, vcpu) = run(0xa940_0861, LOAD, UART, vcpu, &[1, 2]);
        assert_eq!(
            accesses,
            [
                read(UART, Width::Doubleword),
                read(UART + 8, Width::Doubleword)
            ]
        );
        assert_eq!((vcpu.get(Register::X(1)), vcpu.get(Register::X(2))), (1, 2));
    }

    #[test]
    fn a_stored_pair_may_fault_at_its_second_half() {
        let vcpu = Vcpu::new().with(Register::X(3), 0x0900_0ff8);
        // stp xzr, xzr, [x3]
        let (accesses, _) = run(0xa900_7c7f, STORE, 0x0900_1000, vcpu, &[]);
        assert_eq!(
            accesses,
            [
                write(0x0900_0ff8, Width::Doubleword, 0),
                write(0x0900_1000, Width::Doubleword, 0)
            ]
        );
    }

    #[test]
    fn the_zero_register_takes_no_load() {
        let vcpu = Vcpu::new().with(Register::X(4), UART);
        // ldr xzr, [x4], #8
        let (_, after) = run(0xf840_849f, LOAD, UART, vcpu.clone(), &[u64::MAX]);
        let expected = vcpu
            .with(Register::X(4), UART + 8)
            .with(Register::Pc, CODE + 4);
        assert_eq!(after, expected);
    }

    #[test]
    fn loads_are_extended_to_their_register() {
        let vcpu = Vcpu::new().with(Register::X(4), UART);
        for (word, value, expected) in [
            (0x3880_1483, 0x80, 0xffff_ffff_ffff_ff80), // ldrsb x3, [x4], #1
            (0x38c0_1483, 0x80, 0xffff_ff80),           // ldrsb w3, [x4], #1
            (0x789f_e483, 0x7fff, 0x7fff),              // ldrsh x3, [x4], #-2
            (0xb880_4483, 0x8000_0000, 0xffff_ffff_8000_0000), // ldrsw x3, [x4], #4
            (0x3840_1483, 0xffff_ff80, 0x80),           // ldrb w3, [x4], #1
        ] {
            let (_, vcpu) = run(word, LOAD, UART, vcpu.clone(), &[value]);
            assert_eq!(vcpu.get(Register::X(3)), expected, "{word:#x}");
        }
    }

    #[test]
    fn the_stack_pointer_is_the_one_in_use() {
        // str x1, [sp, #-16]!
        for (pstate, used) in [
            (0x3c5, Register::SpEl1),
            (0x3c4, Register::SpEl0),
            (0x3c0, Register::SpEl0),
        ] {
            let vcpu = Vcpu::new()
                .with(Register::Pstate, pstate)
                .with(used, UART + 16);
            let (_, vcpu) = run(0xf81f_0fe1, STORE, UART, vcpu, &[]);
            assert_eq!(vcpu.get(used), UART, "{pstate:#x}");
        }
    }

    #[test]
    fn index_registers_are_extended_and_shifted() {
        let vcpu = Vcpu::new().with(Register::X(2), UART + 0x10);
        for (word, index, address) in [
            (0xb863_d841, 0xffff_ffff, UART + 0xc), // ldr w1, [x2, w3, sxtw #2]
            (0xb863_4841, 0xffff_ffff_0000_0008, UART + 0x18), // ldr w1, [x2, w3, uxtw]
            (0xf863_7841, 2, UART + 0x20),          // ldr x1, [x2, x3, lsl #3]
        ] {
            let vcpu = vcpu.clone().with(Register::X(3), index);
            let (accesses, _) = run(word, LOAD, address, vcpu, &[0]);
            assert_eq!(accesses[0].ipa.value(), address, "{word:#x}");
        }
    }

    #[test]
    fn a_prefetch_is_skipped() {
        let (accesses, vcpu) = run(0xf980_0440, LOAD, UART, Vcpu::new(), &[]);
        assert_eq!((accesses, vcpu.get(Register::Pc)), (vec![], CODE + 4));
    }

    #[test]
    fn big_endian_data_is_swapped() {
        let vcpu = Vcpu::new()
            .with(Register::Sctlr, 1 << 25)
            .with(Register::X(2), UART);
        let stored = vcpu.clone().with(Register::X(1), 0x1122_3344);
        let (accesses, _) = run(0xb800_4441, STORE, UART, stored, &[]);
        assert_eq!(accesses, [write(UART, Width::Word, 0x4433_2211)]);
        let (_, vcpu) = run(0xb840_4441, LOAD, UART, vcpu, &[0x4433_2211]);
        assert_eq!(vcpu.get(Register::X(1)), 0x1122_3344);
    }

    #[test]
    fn the_branch_type_ends_with_the_instruction() {
        let vcpu = Vcpu::new()
            .with(Register::Pstate, 0x0020_0bc5)
            .with(Register::X(2), UART);
        let (_, vcpu) = run(0xb800_4441, STORE, UART, vcpu, &[]);
        assert_eq!(vcpu.get(Register::Pstate), 0x3c5);
    }

    /// Level 1 blocks (T0SZ = 25): virtual 0 is physical 0, virtual 1 GiB is RAM.
    fn with_mmu(vcpu: Vcpu, memory: &GuestMemory) -> Vcpu {
        memory
            .write(Ipa::new(0x4000_1000), &0x401_u64.to_le_bytes())
            .unwrap();
        memory
            .write(Ipa::new(0x4000_1008), &0x4000_0401_u64.to_le_bytes())
            .unwrap();
        vcpu.with(Register::Sctlr, 1)
            .with(Register::Tcr, 0x8010_0019)
            .with(Register::Ttbr0, 0x4000_1000)
    }

    #[test]
    fn addresses_go_through_the_guests_tables() {
        let memory = memory(0xb800_4441);
        memory
            .write(Ipa::new(0x4000_1018), &0x401_u64.to_le_bytes())
            .unwrap();
        let vcpu = with_mmu(Vcpu::new().with(Register::X(2), 0xc900_0000), &memory);
        let fault = Fault {
            esr_iss: STORE,
            ipa: Ipa::new(UART),
        };
        let emulation = plan(fault, &vcpu, &memory).unwrap();
        assert_eq!(emulation.accesses(), [write(UART, Width::Word, 0)]);
    }

    #[test]
    fn an_address_the_tables_do_not_map_is_named() {
        let memory = memory(0xb800_4441);
        let vcpu = with_mmu(Vcpu::new().with(Register::X(2), 0x8000_0000), &memory);
        let fault = Fault {
            esr_iss: STORE,
            ipa: Ipa::new(UART),
        };
        let error = plan(fault, &vcpu, &memory).unwrap_err();
        let walk = WalkError::Invalid {
            address: 0x8000_0000,
            level: 1,
            descriptor: 0,
        };
        let EmulationError::Undecodable(undecodable) = error;
        assert_eq!(undecodable.reason, Reason::Walk(walk));
    }

    #[test]
    fn what_is_not_decoded_names_pc_and_instruction() {
        let error = planned(0x3cc1_0420, LOAD, UART, &Vcpu::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot emulate the guest's access to 0x9000000 at PC 0x40000000, instruction \
             0x3cc10420: only loads and stores of general-purpose registers reach a device; use a \
             volatile access of at most 8 bytes, not SIMD, exclusives or atomics (ESR_EL2.ISS 0x7)"
        );
    }

    #[test]
    fn an_instruction_outside_ram_is_named_without_it() {
        let vcpu = Vcpu::new().with(Register::Pc, UART);
        let error = planned(0, LOAD, UART, &vcpu).unwrap_err();
        assert_eq!(
            (error.instruction, error.reason),
            (None, Reason::FetchOutsideRam(Ipa::new(UART)))
        );
    }

    #[test]
    fn an_instruction_that_does_not_explain_the_fault_changes_nothing() {
        let at = |address| Vcpu::new().with(Register::X(2), address);
        let elsewhere = Reason::Elsewhere(Ipa::new(0x0a00_0000));
        assert_eq!(
            reason(0xb800_4441, STORE, UART, &at(0x0a00_0000)),
            elsewhere
        );
        let in_ram = Reason::InRam(Ipa::new(0x4010_0000));
        assert_eq!(reason(0xb800_4441, STORE, UART, &at(0x4010_0000)), in_ram);
        assert_eq!(
            reason(0xb800_4441, LOAD, UART, &at(UART)),
            Reason::OtherDirection
        );
        assert_eq!(
            reason(0xb840_4441, STORE, UART, &at(UART)),
            Reason::OtherDirection
        );
    }

    #[test]
    fn an_access_across_pages_is_refused() {
        let vcpu = Vcpu::new().with(Register::X(2), 0x0900_0ffd);
        let crosses = Reason::CrossesPage(0x0900_0ffd);
        assert_eq!(reason(0xb800_4441, STORE, UART, &vcpu), crosses);
        let vcpu = Vcpu::new().with(Register::X(2), 0x0900_0ffc);
        assert!(planned(0xb800_4441, STORE, UART, &vcpu).is_ok());
    }

    #[test]
    fn states_without_emulation_are_named() {
        let in_state = |pstate| Vcpu::new().with(Register::Pstate, pstate);
        assert_eq!(reason(0, LOAD, UART, &in_state(0x1d3)), Reason::Aarch32);
        assert_eq!(reason(0, LOAD, UART, &in_state(0x3c9)), Reason::El2);
        assert_eq!(
            reason(0, LOAD | 1 << 8, UART, &in_state(0x3c5)),
            Reason::CacheMaintenance
        );
    }

    #[test]
    fn a_register_that_cannot_be_read_is_the_callers_error() {
        struct Broken;
        impl Registers for Broken {
            type Error = &'static str;
            fn read(&self, _: Register) -> Result<u64, &'static str> {
                Err("EIO")
            }
            fn write(&mut self, _: Register, _: u64) -> Result<(), &'static str> {
                Err("EIO")
            }
        }
        let fault = Fault {
            esr_iss: LOAD,
            ipa: Ipa::new(UART),
        };
        assert_eq!(
            plan(fault, &Broken, &memory(0)),
            Err(EmulationError::Registers("EIO"))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn any_instruction_and_any_registers_are_survived(
            word in prop_oneof![
                any::<u32>(),
                any::<u32>().prop_map(|word| word & !0x0600_0000 | 0x3800_0000),
            ],
            registers in prop::collection::vec(
                prop_oneof![any::<u64>(), 0..0x5000_0000_u64, Just(UART)], 39,
            ),
            esr_iss: u64, ipa: u64,
        ) {
            let mut vcpu = Vcpu(registers.into_iter().enumerate().collect());
            vcpu.set(Register::Pc, CODE);
            if ipa & 1 == 0 {
                vcpu.set(Register::Sctlr, 0);
                vcpu.set(Register::Pstate, 0x3c5);
            }
            if let Ok(emulation) = planned(word, esr_iss, ipa, &vcpu) {
                for access in emulation.accesses() {
                    prop_assert!(!(CODE..CODE + 0x40_0000).contains(&access.ipa.value()));
                }
                let reads = emulation.accesses().iter();
                let count = reads.filter(|access| access.direction == Direction::Read).count();
                let Ok(()) = emulation.complete(&mut vcpu, &vec![u64::MAX; count]);
                prop_assert_eq!(vcpu.get(Register::Pc), CODE + 4);
            }
        }
    }
}
