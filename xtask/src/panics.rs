//! No panic in core: none can be reached in an image that makes every call of it.
//!
//! xtask/image has two programs. The linker drops what nothing can reach, so a panic that core can
//! reach shows in the first one's symbols. The second one panics on purpose: a check that finds
//! nothing there would find nothing anywhere, and fails.

use anyhow::{Context, Result};
use elf::ElfBytes;
use elf::endian::LittleEndian;
use std::path::Path;

use crate::process;
use crate::report::Tally;
use crate::workspace::{SOFTFLOAT_TARGET, Workspace};

pub(crate) fn check(workspace: &Workspace) -> Result<Tally> {
    let build = format!("build --release --package vambrace-image --target {SOFTFLOAT_TARGET}");
    let built = process::capture(workspace.cargo(&build))?;
    if !built.status.success() {
        return Ok(Tally::check(built));
    }
    let images = workspace.target.join(SOFTFLOAT_TARGET).join("release");
    let core = Traces::read(&images.join("embeds_core"))?;
    let panics = Traces::read(&images.join("panics"))?;
    Ok(judge(&core, &panics))
}

fn judge(core: &Traces, panics: &Traces) -> Tally {
    if panics.symbols.is_empty() {
        return Tally::fail(
            "the image that panics shows no trace of it: the check is blind\n".to_owned(),
        );
    }
    if core.symbols.is_empty() {
        return Tally::pass();
    }
    let mut output = "core can panic; its image has\n".to_owned();
    for symbol in &core.symbols {
        output += &format!("  the symbol {symbol}\n");
    }
    for source in &core.sources {
        output += &format!("  a place in {source}\n");
    }
    Tally::fail(output)
}

/// What panics leave behind in an image.
#[derive(Debug, Default)]
struct Traces {
    symbols: Vec<String>,
    /// Source files whose names an image carries to report panics in them.
    sources: Vec<String>,
}

impl Traces {
    fn read(image: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
        Self::of(&bytes).with_context(|| format!("cannot look for panics in {}", image.display()))
    }

    fn of(image: &[u8]) -> Result<Self> {
        let elf = ElfBytes::<LittleEndian>::minimal_parse(image)?;
        let (symbols, names) = elf.symbol_table()?.context("it has no symbols")?;
        let mut traces = Self::default();
        for symbol in symbols {
            let name = names.get(usize::try_from(symbol.st_name)?)?;
            // A file's symbol carries the file's name, which says nothing about its content.
            if symbol.st_symtype() != elf::abi::STT_FILE && name.contains("panic") {
                traces.symbols.push(name.to_owned());
            }
        }
        let constants = elf.section_header_by_name(".rodata")?;
        if let Some(constants) = constants {
            traces.sources = sources(elf.section_data(&constants)?.0);
        }
        Ok(traces)
    }
}

/// The names of Rust files among an image's constants.
fn sources(constants: &[u8]) -> Vec<String> {
    let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let texts = constants
        .split(|byte| !printable(byte))
        .map(String::from_utf8_lossy);
    texts
        .filter(|text| text.contains(".rs"))
        .map(|text| text.into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(symbols: &[&str]) -> Traces {
        let symbols = symbols.iter().map(|&symbol| symbol.to_owned()).collect();
        Traces {
            symbols,
            sources: Vec::new(),
        }
    }

    #[test]
    fn a_panic_symbol_in_cores_image_is_a_failure_that_names_it() {
        let tally = judge(
            &traces(&["core::panicking::panic_fmt"]),
            &traces(&["panic_was_reachable"]),
        );
        assert_eq!(tally.failed, 1);
        assert!(
            tally
                .output
                .contains("the symbol core::panicking::panic_fmt")
        );
    }

    #[test]
    fn a_check_that_misses_the_deliberate_panic_is_a_failure() {
        let tally = judge(&traces(&[]), &traces(&[]));
        assert_eq!((tally.passed, tally.failed), (0, 1));
        assert!(tally.output.contains("the check is blind"));
    }

    #[test]
    fn no_trace_beside_a_deliberate_panic_is_a_pass() {
        assert_eq!(
            judge(&traces(&[]), &traces(&["panic_was_reachable"])),
            Tally::pass()
        );
    }

    #[test]
    fn the_places_of_panics_are_found_among_constants() {
        assert_eq!(
            sources(b"\x01\x02core/src/a.rs\0\xffnothing\0heapless/src/vec/mod.rs\0"),
            ["core/src/a.rs", "heapless/src/vec/mod.rs"]
        );
    }

    #[test]
    fn what_is_no_elf_is_an_error() {
        assert!(Traces::of(b"MZ").is_err());
    }
}
