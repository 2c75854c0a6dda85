//! Whether a file is an arm64 kernel that QEMU can start.
//!
//! QEMU loads whatever it is given and lets the machine run into it, which ends in silence. So the
//! header is looked at first: an arm64 `Image` (Linux, Documentation/arch/arm64/booting.rst), the
//! same compressed with gzip, or a PE file around a compressed one (EFI zboot). The PE header of
//! the first and the last also tells a truncated file.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::error::Error;

/// Refuses a file that is no arm64 kernel, and says what it is instead.
pub(crate) fn check(path: &Path) -> Result<(), Error> {
    let refuse = |reason: String| Error::KernelFile {
        path: path.to_owned(),
        reason,
    };
    let mut file = File::open(path).map_err(|error| refuse(error.to_string()))?;
    let mut head = Vec::new();
    (&mut file)
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| refuse(error.to_string()))?;
    let length = file
        .seek(SeekFrom::End(0))
        .map_err(|error| refuse(error.to_string()))?;
    look(&head, length).map_err(refuse)
}

/// Judges a file by its first 64 KiB and its length.
fn look(head: &[u8], length: u64) -> Result<(), String> {
    let image = head.get(56..60) == Some(b"ARM\x64");
    let zboot = head.starts_with(b"MZ") && head.get(4..8) == Some(b"zimg");
    if !image && !zboot {
        return gzip(head).ok_or_else(|| stranger(head));
    }
    if head.starts_with(b"MZ") {
        let end = end_of_sections(head).ok_or("its PE header cannot be understood")?;
        if length < end {
            return Err(format!("it is truncated: {length} bytes of {end}"));
        }
    }
    Ok(())
}

fn gzip(head: &[u8]) -> Option<()> {
    head.starts_with(b"\x1f\x8b\x08").then_some(())
}

fn stranger(head: &[u8]) -> String {
    let kind = match head {
        [] => "it is empty",
        [0x7f, b'E', b'L', b'F', ..] => "it is an ELF file (the lab wants arch/arm64/boot/Image)",
        _ if head.get(0x202..0x206) == Some(b"HdrS") => "it is a kernel for x86",
        [b'M', b'Z', ..] => "it is a PE file, but no arm64 kernel",
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => {
            "it is a package; unpack it (dpkg-deb -x) and give the vmlinuz in it"
        }
        _ => "it has no arm64 kernel's header",
    };
    kind.to_owned()
}

/// Where the last section's content ends in the file. (PE/COFF: "COFF File Header", "Section Table")
fn end_of_sections(head: &[u8]) -> Option<u64> {
    let word = |at: usize| -> Option<u32> {
        head.get(at..at.checked_add(4)?)?
            .first_chunk()
            .map(|bytes| u32::from_le_bytes(*bytes))
    };
    let half = |at: usize| -> Option<usize> {
        head.get(at..at.checked_add(2)?)?
            .first_chunk()
            .map(|b| usize::from(u16::from_le_bytes(*b)))
    };
    let pe = usize::try_from(word(0x3c)?).ok()?;
    if head.get(pe..pe.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let sections = half(pe + 6)?;
    let table = pe + 24 + half(pe + 20)?;
    (0..sections)
        .map(|index| {
            let entry = table + index * 40;
            Some(u64::from(word(entry + 16)?) + u64::from(word(entry + 20)?))
        })
        .try_fold(0, |end, section| Some(section?.max(end)))
}

const HEAD: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// An Image with a PE header of one section, at 0x1000, 0x2000 bytes long.
    fn image() -> Vec<u8> {
        let mut head = vec![0; 0x400];
        head[..2].copy_from_slice(b"MZ");
        head[56..60].copy_from_slice(b"ARM\x64");
        head[0x3c] = 0x40;
        head[0x40..0x44].copy_from_slice(b"PE\0\0");
        head[0x46] = 1;
        head[0x54] = 0x10;
        let entry = 0x40 + 24 + 0x10;
        head[entry + 16..entry + 20].copy_from_slice(&0x2000u32.to_le_bytes());
        head[entry + 20..entry + 24].copy_from_slice(&0x1000u32.to_le_bytes());
        head
    }

    #[test]
    fn an_image_of_full_length_is_taken() {
        assert_eq!(look(&image(), 0x3000), Ok(()));
    }

    #[test]
    fn a_truncated_image_is_told_with_both_lengths() {
        assert_eq!(
            look(&image(), 0x2fff),
            Err("it is truncated: 12287 bytes of 12288".into())
        );
        assert!(
            look(&image()[..0x50], 0x50)
                .unwrap_err()
                .contains("PE header")
        );
    }

    #[test]
    fn an_image_without_a_pe_header_is_taken() {
        let mut head = image();
        head[..2].copy_from_slice(&[0; 2]);
        assert_eq!(look(&head, 64), Ok(()));
    }

    #[test]
    fn compressed_kernels_are_taken() {
        let mut zboot = image();
        zboot[56..60].fill(0);
        zboot[4..8].copy_from_slice(b"zimg");
        assert_eq!(look(&zboot, 0x3000), Ok(()));
        assert_eq!(look(b"\x1f\x8b\x08\0", 4), Ok(()));
    }

    #[test]
    fn other_files_are_told_apart() {
        let mut x86 = vec![0; 0x400];
        x86[0x202..0x206].copy_from_slice(b"HdrS");
        for (head, reason) in [
            (&b""[..], "it is empty"),
            (b"\x7fELF\x02\x01", "it is an ELF file"),
            (b"MZ\0\0", "it is a PE file"),
            (b"!<arch>\ndebian-binary", "it is a package"),
            (b"garbage", "it has no arm64 kernel's header"),
            (&x86, "it is a kernel for x86"),
        ] {
            assert!(
                look(head, 0x400).unwrap_err().starts_with(reason),
                "{reason}"
            );
        }
    }

    #[test]
    fn any_pe_header_is_understood_or_refused() {
        for at in 0x3c..0x80 {
            let mut head = image();
            head[at] = 0xff;
            let _ = look(&head, 0x3000);
        }
    }
}
