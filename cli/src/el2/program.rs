//! Where the program at EL2 is, and its form as an arm64 Image.
//!
//! A release package carries it as `vambrace-el2` beside `vambrace`; in a source checkout it lies in
//! the target directory and is built when it is missing or stale. Never does a stale one run.

use std::path::Path;

use vambrace_lab::build_id::BuildId;

use crate::build_id::EL2_BUILD_ID;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::program::{Checkout, Part};

/// The arm64 Image that belongs to this program.
pub(super) fn locate(interrupt: &Interrupt) -> Result<Vec<u8>, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot tell where this program lies: {error}")))?;
    let beside = own.with_file_name(NAME);
    if beside.is_file() {
        return open(&beside)?.ok_or_else(|| stale(&beside));
    }
    let Some(checkout) = Checkout::of_this_program(&own) else {
        return Err(Failure::new(format!("`{}` is missing", beside.display())).with_hint(
            "install it from the package that this program came from; or, in the sources, build \
             it: cargo xtask build",
        ));
    };
    let path = checkout.part(&PART);
    if path.is_file()
        && let Some(image) = open(&path)?
    {
        return Ok(image);
    }
    checkout.build(&PART, interrupt)?;
    open(&path)?.ok_or_else(|| stale(&path))
}

/// The Image at `path`; None if it was built from other sources than this program expects.
fn open(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let unusable =
        |reason: String| Failure::new(format!("cannot use `{}`: {reason}", path.display()));
    let file = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    if BuildId::find(&file) != Some(EL2_BUILD_ID) {
        return Ok(None);
    }
    let image = flatten(&file).ok_or_else(|| unusable("it is damaged".into()))?;
    Ok(Some(image))
}

fn stale(path: &Path) -> Failure {
    Failure::new(format!(
        "`{}` was built from other sources than this program",
        path.display()
    ))
    .with_hint("build both: cargo xtask build")
}

/// What an ELF file's segments look like in memory, from the first byte on: an Image, because that is
/// what its first segment begins with.
fn flatten(file: &[u8]) -> Option<Vec<u8>> {
    let word = |at: usize| Some(u64::from_le_bytes(*file.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(u16::from_le_bytes(*file.get(at..)?.first_chunk()?));
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    // e_phoff, e_phentsize, e_phnum; p_type, p_offset, p_paddr, p_filesz.
    let headers = usize::try_from(word(0x20)?).ok()?;
    let mut image = Vec::new();
    let mut start = None;
    for index in 0..usize::from(half(0x38)?) {
        let header = headers.checked_add(index * usize::from(half(0x36)?))?;
        let is_loaded = word(header)? & 0xffff_ffff == 1;
        let size = usize::try_from(word(header + 0x20)?).ok()?;
        if !is_loaded || size == 0 {
            continue;
        }
        let address = word(header + 0x18)?;
        let place = address.checked_sub(*start.get_or_insert(address))?;
        let place = usize::try_from(place).ok().filter(|place| *place < MOST)?;
        let from = usize::try_from(word(header + 8)?).ok()?;
        let bytes = file.get(from..from.checked_add(size)?)?;
        image.resize(image.len().max(place + size), 0);
        image[place..place + size].copy_from_slice(bytes);
    }
    image
        .get(0x38..0x3c)
        .is_some_and(|magic| magic == b"ARM\x64")
        .then_some(image)
}

const NAME: &str = "vambrace-el2";
const PART: Part = Part {
    target: "aarch64-unknown-none-softfloat",
    package: NAME,
    file: NAME,
    what: "the program at EL2",
};
/// More than it can be (`linker/el2.ld`).
const MOST: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file of two segments, at `second` bytes from each other.
    fn elf(second: u64) -> Vec<u8> {
        let mut file = vec![0; 0x40 + 2 * 0x38];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[0x20] = 0x40;
        file[0x36] = 0x38;
        file[0x38] = 2;
        let mut head = vec![0; 0x40];
        head[0x38..0x3c].copy_from_slice(b"ARM\x64");
        for (index, (address, bytes)) in [(0x1000, &head), (0x1000 + second, &vec![7; 8])]
            .into_iter()
            .enumerate()
        {
            let at = 0x40 + index * 0x38;
            let offset = file.len() as u64;
            file[at] = 1;
            file[at + 8..at + 16].copy_from_slice(&offset.to_le_bytes());
            file[at + 0x18..at + 0x20].copy_from_slice(&u64::to_le_bytes(address));
            file[at + 0x20..at + 0x28].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
            file.extend_from_slice(bytes);
        }
        file
    }

    #[test]
    fn an_image_has_its_segments_where_memory_has_them() {
        let image = flatten(&elf(0x80)).unwrap();
        assert_eq!(image.len(), 0x88);
        assert_eq!(image[0x40..0x80], [0; 0x40]);
        assert_eq!(image[0x80..], [7; 8]);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let whole = elf(0x80);
        assert_eq!(flatten(b""), None);
        assert_eq!(flatten(&whole[..whole.len() - 1]), None);
        assert_eq!(flatten(&elf(1 << 40)), None);
        assert_eq!(flatten(&elf(u64::MAX - 0x2000)), None);
    }
}
