//! How deep the stack of a function can get, read off the machine code of an image.
//!
//! Every instruction of a function that lowers SP counts as if all of them were executed, and every
//! branch that leaves a function as a call. The deepest path of calls is then an upper bound:
//! no run can go deeper. What cannot be bounded so (recursion, a call through a pointer, a
//! frame of variable size) is an error and not a guess. Encodings: DDI 0487, C4.1.

use anyhow::{Context, Result, bail, ensure};
use elf::ElfBytes;
use elf::endian::LittleEndian;
use std::collections::BTreeMap;

/// The most bytes of stack that the only function with `name` in its symbol takes, with all that it
/// calls.
pub(super) fn bound(image: &ElfBytes<'_, LittleEndian>, name: &str) -> Result<u64> {
    let functions = functions(image)?;
    let mut roots = functions.iter().filter(|(_, f)| f.name.contains(name));
    let root = roots
        .next()
        .with_context(|| format!("no function has `{name}` in its name"))?;
    ensure!(
        roots.next().is_none(),
        "several functions have `{name}` in their names"
    );
    let mut walk = Walk {
        functions: &functions,
        path: Vec::new(),
        known: BTreeMap::new(),
    };
    walk.depth(*root.0)
}

#[derive(Debug)]
struct Function {
    name: String,
    code: Vec<u32>,
}

fn functions(image: &ElfBytes<'_, LittleEndian>) -> Result<BTreeMap<u64, Function>> {
    let (symbols, names) = image.symbol_table()?.context("it has no symbols")?;
    let mut functions = BTreeMap::new();
    for symbol in symbols {
        if symbol.st_symtype() != elf::abi::STT_FUNC || symbol.st_size == 0 {
            continue;
        }
        let name = names.get(usize::try_from(symbol.st_name)?)?.to_owned();
        let headers = image.section_headers().context("it has no sections")?;
        let section = headers.get(symbol.st_shndx.into())?;
        let (data, _) = image.section_data(&section)?;
        let code = symbol
            .st_value
            .checked_sub(section.sh_addr)
            .and_then(|start| usize::try_from(start).ok())
            .and_then(|start| {
                data.get(start..)?
                    .get(..usize::try_from(symbol.st_size).ok()?)
            })
            .with_context(|| format!("{name} lies outside its section"))?;
        let (words, _) = code.as_chunks::<4>();
        let code = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        functions.insert(symbol.st_value, Function { name, code });
    }
    Ok(functions)
}

struct Walk<'a> {
    functions: &'a BTreeMap<u64, Function>,
    /// Who is being called, outermost first.
    path: Vec<u64>,
    known: BTreeMap<u64, u64>,
}

impl Walk<'_> {
    fn depth(&mut self, start: u64) -> Result<u64> {
        if let Some(depth) = self.known.get(&start) {
            return Ok(*depth);
        }
        let function = self
            .functions
            .get(&start)
            .with_context(|| format!("no function begins at {start:#x}"))?;
        ensure!(
            !self.path.contains(&start),
            "{} calls itself",
            function.name
        );
        self.path.push(start);
        let end = start + 4 * function.code.len() as u64;
        let (mut frame, mut deepest) = (0, 0);
        for (index, address) in (start..end).step_by(4).enumerate() {
            let before = &function.code[index.saturating_sub(TABLE_JUMP)..index];
            let effect = effect(function.code[index], before)
                .with_context(|| format!("{} at {address:#x}", function.name))?;
            match effect {
                Effect::None => {}
                Effect::Lowers(bytes) => frame += bytes,
                Effect::Branch(offset) => {
                    let target = address.wrapping_add_signed(offset);
                    if !(start..end).contains(&target) {
                        deepest = deepest.max(self.depth(self.function_at(target)?)?);
                    }
                }
            }
        }
        self.path.pop();
        self.known.insert(start, frame + deepest);
        Ok(frame + deepest)
    }

    /// The beginning of the function that `address` lies in.
    fn function_at(&self, address: u64) -> Result<u64> {
        let before = self.functions.range(..=address).next_back();
        before
            .filter(|(start, function)| address < **start + 4 * function.code.len() as u64)
            .map(|(start, _)| *start)
            .with_context(|| format!("no function lies at {address:#x}"))
    }
}

/// What an instruction means for the stack.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    None,
    Lowers(u64),
    /// May go on at this distance.
    Branch(i64),
}

impl Effect {
    /// SP moves by so many bytes.
    fn moving(distance: i64) -> Self {
        if distance < 0 {
            Self::Lowers(distance.unsigned_abs())
        } else {
            Self::None
        }
    }
}

fn effect(instruction: u32, before: &[u32]) -> Result<Effect> {
    let is = |mask: u32, bits: u32| instruction & mask == bits;
    if let Some(offset) = branch(instruction) {
        return Ok(Effect::Branch(offset));
    }
    // SUB SP, SP, #imm12{, LSL #12}
    if is(0xff80_03ff, 0xd100_03ff) {
        let imm12 = u64::from(instruction >> 10 & 0xfff);
        let shift = if is(1 << 22, 1 << 22) { 12 } else { 0 };
        return Ok(Effect::Lowers(imm12 << shift));
    }
    // Loads and stores of pairs, then of single registers, that write SP back before or after.
    if is(0x3a80_03e0, 0x2880_03e0) {
        let size = match (instruction >> 30, is(1 << 26, 1 << 26)) {
            (0b10, false) => 8,
            (_, false) => 4,
            (opc, true) => 4 << opc,
        };
        return Ok(Effect::moving(signed(instruction >> 15, 7) * size));
    }
    if is(0x3b20_07e0, 0x3800_07e0) {
        return Ok(Effect::moving(signed(instruction >> 12, 9)));
    }
    if is(0xffff_fc1f, 0xd63f_0000) {
        bail!("a call through a pointer (BLR)");
    }
    if is(0xffff_fc1f, 0xd61f_0000) && !ends_a_table_jump(instruction, before) {
        bail!("a branch through a pointer (BR)");
    }
    // SUB SP, Xn, #imm; SUB SP, Xn, Xm; AND SP, Xn, #imm.
    if is(0xff80_001f, 0xd100_001f) || is(0xffe0_001f, 0xcb20_001f) || is(0xff80_001f, 0x9200_001f)
    {
        bail!("a frame of variable size ({instruction:#010x})");
    }
    Ok(Effect::None)
}

/// The distance of a direct branch: B, BL, B.cond, CBZ, CBNZ, TBZ, TBNZ.
fn branch(instruction: u32) -> Option<i64> {
    let is = |mask: u32, bits: u32| instruction & mask == bits;
    let words = if is(0x7c00_0000, 0x1400_0000) {
        signed(instruction, 26)
    } else if is(0xff00_0010, 0x5400_0000) || is(0x7e00_0000, 0x3400_0000) {
        signed(instruction >> 5, 19)
    } else if is(0x7e00_0000, 0x3600_0000) {
        signed(instruction >> 5, 14)
    } else {
        return None;
    };
    Some(words * 4)
}

/// A jump inside a function goes to a label plus an offset out of a table: ADR Xn, label;
/// ADD Xn, Xn, Xm or ADD Xn, Xn, Xm, LSL #2; BR Xn, with other instructions in between.
fn ends_a_table_jump(branch: u32, before: &[u32]) -> bool {
    let target = branch >> 5 & 31;
    let adr = |word: &u32| word & 0x9f00_001f == 0x1000_0000 | target;
    let add = |word: &u32| word & 0xffe0_f7ff == 0x8b00_0000 | target << 5 | target;
    before.iter().any(adr) && before.iter().any(add)
}

/// The low `bits` bits as a signed number.
fn signed(field: u32, bits: u32) -> i64 {
    let unused = u32::BITS - bits;
    i64::from((field << unused).cast_signed() >> unused)
}

/// How many instructions before its BR a jump by table begins.
const TABLE_JUMP: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(functions: &[(u64, &str, &[u32])]) -> Result<u64> {
        let functions: BTreeMap<u64, Function> = functions
            .iter()
            .map(|(start, name, code)| {
                let (name, code) = ((*name).to_owned(), code.to_vec());
                (*start, Function { name, code })
            })
            .collect();
        let first = *functions.keys().next().unwrap();
        let mut walk = Walk {
            functions: &functions,
            path: Vec::new(),
            known: BTreeMap::new(),
        };
        walk.depth(first)
    }

    const RET: u32 = 0xd65f_03c0;
    const SUB_SP_48: u32 = 0xd100_c3ff;
    const STP_PRE_32: u32 = 0xa9be_7bfd;
    const BL_TO_16: u32 = 0x9400_0004;
    const B_TO_16: u32 = 0x1400_0004;

    #[test]
    fn every_way_to_lower_sp_is_known() {
        for (instruction, bytes) in [
            (SUB_SP_48, 48),
            (0xd140_07ff, 4096), // sub sp, sp, #1, lsl #12
            (STP_PRE_32, 32),    // stp x29, x30, [sp, #-32]!
            (0x6dbd_23e9, 48),   // stp d9, d8, [sp, #-48]!
            (0xadbf_07e0, 32),   // stp q0, q1, [sp, #-32]!
            (0xf81f_0ffe, 16),   // str x30, [sp, #-16]!
            (0xfc1e_0fe8, 32),   // str d8, [sp, #-32]!
            (0x3c9f_0fe0, 16),   // str q0, [sp, #-16]!
            (0xb81f_0fe0, 16),   // str w0, [sp, #-16]!
            (0xf81f_07e0, 16),   // str x0, [sp], #-16
        ] {
            let effect = effect(instruction, &[]).unwrap();
            assert_eq!(effect, Effect::Lowers(bytes), "{instruction:#010x}");
        }
    }

    #[test]
    fn what_leaves_sp_alone_or_raises_it_counts_nothing() {
        for instruction in [
            RET,
            0xd503_201f, // nop
            0x9100_c3ff, // add sp, sp, #48
            0x9100_03fd, // mov x29, sp
            0xa8c2_7bfd, // ldp x29, x30, [sp], #32
            0xa900_07e0, // stp x0, x1, [sp]
            0xd100_c3e0, // sub x0, sp, #48
            0xeb01_001f, // cmp x0, x1
            0xf100_0c1f, // cmp x0, #3
            0xf240_041f, // tst x0, #3
        ] {
            assert_eq!(
                effect(instruction, &[]).unwrap(),
                Effect::None,
                "{instruction:#010x}"
            );
        }
    }

    #[test]
    fn frames_of_a_path_add_up_and_the_deepest_path_counts() {
        let image: &[(u64, &str, &[u32])] = &[
            (0, "root", &[STP_PRE_32, BL_TO_16, B_TO_16 + 3, RET]),
            (20, "near", &[SUB_SP_48, RET]),
            (36, "far", &[SUB_SP_48, SUB_SP_48, RET]),
        ];
        assert_eq!(depth(image).unwrap(), 32 + 96);
    }

    #[test]
    fn recursion_is_refused() {
        let image: &[(u64, &str, &[u32])] =
            &[(0, "a", &[BL_TO_16, RET]), (16, "b", &[0x97ff_fffc, RET])];
        let error = depth(image).unwrap_err().to_string();
        assert_eq!(error, "a calls itself");
    }

    #[test]
    fn what_cannot_be_bounded_is_refused() {
        for instruction in [
            0xd63f_0100, // blr x8
            0xd61f_0100, // br x8
            0xcb21_63ff, // sub sp, sp, x1
            0xd100_43bf, // sub sp, x29, #16
            0x927c_ed3f, // and sp, x9, #0xfffffffffffffff0
        ] {
            assert!(effect(instruction, &[]).is_err(), "{instruction:#010x}");
        }
    }

    #[test]
    fn a_jump_by_table_stays_inside() {
        const ADR_X12: u32 = 0x1000_00ac;
        const ADD_X12: u32 = 0x8b0d_098c; // add x12, x12, x13, lsl #2
        const MOV_X8: u32 = 0x9280_0048;
        const BR_X12: u32 = 0xd61f_0180;
        let jump = [ADR_X12, ADD_X12, MOV_X8];
        assert_eq!(effect(BR_X12, &jump).unwrap(), Effect::None);
        assert!(effect(BR_X12, &jump[1..]).is_err());
        assert!(effect(0xd61f_0100, &jump).is_err());
    }

    #[test]
    fn a_branch_to_nowhere_is_refused() {
        assert!(depth(&[(0, "a", &[BL_TO_16, RET])]).is_err());
    }
}
