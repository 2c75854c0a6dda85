//! Whether a program of this machine can run in a lab host.
//!
//! There is no dynamic loader inside: a program has to be a static ELF file for arm64. Looking
//! first turns an obscure "no such file" from inside into a sentence. (System V ABI, chapter 4;
//! ELF for the Arm 64-bit architecture)

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::Error;

/// Refuses a file that a lab host cannot run, and says why.
pub(crate) fn check(path: &Path) -> Result<(), Error> {
    let refuse = |reason: String| Error::NotExecutable {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(|error| refuse(error.to_string()))?;
    let data = file.metadata().map_err(|error| refuse(error.to_string()))?;
    if !data.is_file() {
        return Err(refuse("it is not a file".into()));
    }
    if data.permissions().mode() & 0o111 == 0 {
        return Err(refuse("it is not marked executable (chmod +x)".into()));
    }
    let mut head = Vec::new();
    (&file)
        .take(HEADER)
        .read_to_end(&mut head)
        .map_err(|error| refuse(error.to_string()))?;
    let headers = program_headers(&head).map_err(|reason| refuse(reason.into()))?;
    let mut table = vec![0; headers.bytes()];
    file.read_exact_at(&mut table, headers.offset)
        .map_err(|_| refuse("its program headers lie beyond its end; it is truncated".into()))?;
    if needs_loader(&table, headers.entry_size) {
        return Err(refuse("it is dynamically linked".into()));
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct ProgramHeaders {
    offset: u64,
    entry_size: u16,
    count: u16,
}

impl ProgramHeaders {
    fn bytes(&self) -> usize {
        usize::from(self.entry_size) * usize::from(self.count)
    }
}

/// Where the program headers of an arm64 executable lie, from its first 64 bytes.
fn program_headers(head: &[u8]) -> Result<ProgramHeaders, &'static str> {
    if head.is_empty() {
        return Err("it is empty");
    }
    if !head.starts_with(b"\x7fELF") {
        return Err("it is not an ELF program");
    }
    let Some(head) = head.first_chunk::<{ HEADER as usize }>() else {
        return Err("it ends inside the ELF header");
    };
    let half = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    if head[4] != 2 || head[5] != 1 || half(18) != AARCH64 {
        return Err("it is an ELF program for another machine than arm64");
    }
    if !matches!(half(16), EXECUTABLE | SHARED) {
        return Err("it is an ELF file, but not a program");
    }
    let Some(offset) = head[32..]
        .first_chunk()
        .map(|bytes| u64::from_le_bytes(*bytes))
    else {
        unreachable!("the header has 64 bytes");
    };
    let headers = ProgramHeaders {
        offset,
        entry_size: half(54),
        count: half(56),
    };
    if headers.count == 0 || headers.entry_size < 56 {
        return Err("it has no program headers");
    }
    Ok(headers)
}

fn needs_loader(table: &[u8], entry_size: u16) -> bool {
    table
        .chunks_exact(usize::from(entry_size))
        .any(|entry| entry.first_chunk() == Some(&INTERPRETER.to_le_bytes()))
}

const HEADER: u64 = 64;
const AARCH64: u16 = 183;
const EXECUTABLE: u16 = 2;
const SHARED: u16 = 3;
const INTERPRETER: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u16, segment: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[16] = 2;
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&segment.to_le_bytes());
        bytes
    }

    fn checked(bytes: &[u8], mode: u32) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        check(file.path()).map_err(|error| match error {
            Error::NotExecutable { reason, .. } => reason,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn a_static_arm64_program_is_taken() {
        assert_eq!(checked(&elf(183, 1), 0o755), Ok(()));
    }

    #[test]
    fn what_cannot_run_inside_is_told_apart() {
        for (bytes, reason) in [
            (
                elf(62, 1),
                "it is an ELF program for another machine than arm64",
            ),
            (elf(183, 3), "it is dynamically linked"),
            (b"#!/bin/sh\n".to_vec(), "it is not an ELF program"),
            (b"\x7fELF".to_vec(), "it ends inside the ELF header"),
            (
                elf(183, 1)[..80].to_vec(),
                "its program headers lie beyond its end; it is truncated",
            ),
            (Vec::new(), "it is empty"),
        ] {
            assert_eq!(checked(&bytes, 0o755), Err(reason.to_owned()));
        }
    }

    #[test]
    fn a_file_without_the_permission_is_refused() {
        assert!(
            checked(&elf(183, 1), 0o644)
                .unwrap_err()
                .contains("not marked executable")
        );
    }

    #[test]
    fn a_missing_file_and_a_directory_are_refused() {
        assert!(check(Path::new("/nowhere/at/all")).is_err());
        assert!(check(Path::new("/")).is_err());
    }
}
