//! What core weighs in an image that has nothing else: code, constants, stack.

use anyhow::{Context, Result};
use elf::ElfBytes;
use elf::abi::{SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE};
use elf::endian::LittleEndian;

use super::figure::{Figure, Group, Worth};
use super::stack;
use crate::workspace::{GUEST_TARGET, Workspace};

pub(super) fn measure(workspace: &Workspace) -> Result<Vec<Group>> {
    let path = workspace.guest_programs().join("embeds_core");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = ElfBytes::<LittleEndian>::minimal_parse(&bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let weight = Weight::of(&image)?;
    let stack = stack::bound(&image, EVERY_INPUT)
        .with_context(|| format!("cannot bound the stack that {} takes", path.display()))?;
    let both = weight.code + weight.constants;
    Ok(vec![Group {
        key: "image",
        title: format!("core in an image of its own, {GUEST_TARGET}, bytes"),
        worth: Worth::Lasting,
        figures: vec![
            Figure::new("code", weight.code),
            Figure::new("constants", weight.constants),
            Figure::new("code and constants", both).with_goal(Some(24 << 10)),
            Figure::new("stack of any input, at most", stack),
        ],
    }])
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Weight {
    code: u64,
    constants: u64,
}

impl Weight {
    fn of(image: &ElfBytes<'_, LittleEndian>) -> Result<Self> {
        let (headers, names) = image.section_headers_with_strtab()?;
        let (headers, names) = headers.zip(names).context("it has no sections")?;
        let mut weight = Self::default();
        for header in headers {
            let name = names.get(usize::try_from(header.sh_name)?)?;
            weight.add(name, header.sh_flags, header.sh_size);
        }
        Ok(weight)
    }

    /// Unwind tables are for debuggers; an embedder drops them.
    fn add(&mut self, name: &str, flags: u64, size: u64) {
        let has = |flag: u32| flags & u64::from(flag) != 0;
        if !has(SHF_ALLOC) || has(SHF_WRITE) || name.starts_with(".eh_frame") {
            return;
        }
        if has(SHF_EXECINSTR) {
            self.code += size;
        } else {
            self.constants += size;
        }
    }
}

/// The image's function that makes every input of a machine it does not own.
const EVERY_INPUT: &str = "11embeds_core5drive";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_constants_are_weighed_and_nothing_else() {
        let mut weight = Weight::default();
        for (name, flags, size) in [
            (".text", SHF_ALLOC | SHF_EXECINSTR, 100),
            (".rodata", SHF_ALLOC, 10),
            (".rodata.cst16", SHF_ALLOC, 1),
            (".eh_frame", SHF_ALLOC, 1000),
            (".eh_frame_hdr", SHF_ALLOC, 1000),
            (".bss", SHF_ALLOC | SHF_WRITE, 1000),
            (".comment", 0, 1000),
        ] {
            weight.add(name, flags.into(), size);
        }
        let expected = Weight {
            code: 100,
            constants: 11,
        };
        assert_eq!(weight, expected);
    }
}
