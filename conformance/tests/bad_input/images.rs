//! Images that are not usable: 127 in `run`, 125 in `test`; the file, the reason, what to do.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use tempfile::NamedTempFile;
use vambrace_conformance::{guest, see, vambrace};

use crate::elf::Elf;

/// Both commands refuse `image`, name it and say all of this.
#[track_caller]
fn both_refuse(image: impl AsRef<OsStr>, texts: &[&str]) {
    let image = image.as_ref();
    let name = format!("cannot use `{}`: ", image.display());
    for (command, code) in [("run", 127), ("test", 125)] {
        see(vambrace().arg(command).arg(image))
            .refuses(code, &[&name])
            .says(texts);
    }
}

#[track_caller]
fn both_refuse_bytes(bytes: &[u8], texts: &[&str]) {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    both_refuse(file.path(), texts);
    assert_eq!(
        fs::read(file.path()).unwrap(),
        bytes,
        "the user's file is as it was"
    );
}

#[test]
fn a_missing_file() {
    both_refuse(
        "no/such/guest.elf",
        &["there is no such file", "check the path"],
    );
}

#[test]
fn an_empty_file() {
    both_refuse_bytes(b"", &["the file is empty"]);
}

#[test]
fn a_device_that_never_ends() {
    both_refuse("/dev/zero", &["it is a device", "into a file"]);
}

#[test]
fn a_directory_where_one_image_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    see(vambrace().arg("run").arg(directory.path()))
        .refuses(127, &["it is a directory", "vambrace test"]);
}

#[test]
fn a_directory_without_programs() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("notes.txt"), "no program").unwrap();
    fs::write(directory.path().join(".hidden"), "no program").unwrap();
    see(vambrace().arg("test").arg(directory.path()))
        .refuses(125, &["no test program is in this directory", ".elf"]);
}

#[test]
fn an_elf_file_for_x86() {
    let elf = Elf {
        machine: 62,
        ..Elf::with_segments(&[(RAM + (2 << 20), 4096)])
    };
    both_refuse_bytes(&elf.bytes(), &["x86-64", "aarch64-unknown-none"]);
}

#[test]
fn a_32_bit_elf_file_of_aarch64() {
    let elf = Elf {
        class: 1,
        machine: 183,
        segments: Vec::new(),
    };
    both_refuse_bytes(&elf.bytes(), &["32-bit", "aarch64-unknown-none"]);
}

#[test]
fn an_elf_file_that_is_cut_off() {
    let whole = Elf::with_segments(&[(RAM + (2 << 20), 4096)]).bytes();
    both_refuse_bytes(&whole[..40], &["truncated"]);
    both_refuse_bytes(&whole[..100], &["truncated"]);
}

#[test]
fn an_elf_segment_below_ram() {
    let elf = Elf::with_segments(&[(0x8_0000, 4096)]);
    both_refuse_bytes(&elf.bytes(), &["segment 0", "0x80000", "below RAM", "link"]);
}

#[test]
fn an_elf_segment_that_leaves_ram() {
    // RAM is 128 MiB unless told otherwise.
    let elf = Elf::with_segments(&[(RAM + (127 << 20), 2 << 20)]);
    both_refuse_bytes(&elf.bytes(), &["segment 0", "leaves RAM", "--memory 129M"]);
}

#[test]
fn elf_segments_that_overlap() {
    let elf = Elf::with_segments(&[(RAM + (2 << 20), 8192), (RAM + (2 << 20) + 4096, 8192)]);
    both_refuse_bytes(&elf.bytes(), &["segments 0 (", "and 1 (", "overlap"]);
}

#[test]
fn an_arm64_image_that_is_cut_off() {
    // Linux, Documentation/arch/arm64/booting.rst: text_offset, image_size, flags, magic.
    let mut image = [0; 64];
    image[16..24].copy_from_slice(&0x10_0000_u64.to_le_bytes());
    image[56..60].copy_from_slice(b"ARM\x64");
    both_refuse_bytes(&image[..60], &["Image", "truncated"]);
}

#[test]
fn one_bad_image_among_good_ones_stops_the_run_before_it_starts() {
    let missing = Path::new("no/such/guest.elf");
    see(vambrace()
        .arg("test")
        .arg(guest("smccc_version_is_1_1"))
        .arg(missing))
    .refuses(125, &["`no/such/guest.elf`"]);
}

#[test]
fn a_header_that_is_not_understood() {
    let known = fs::read(guest("smccc_version_is_1_1")).unwrap();
    // It stands in the header's section, and once more where the program reads it.
    let mut unknown = known.clone();
    for (at, bytes) in known.windows(8).enumerate() {
        if bytes == b"vcpus: 1" {
            unknown[at..at + 5].copy_from_slice(b"vcats");
        }
    }
    assert_ne!(unknown, known);
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), unknown).unwrap();
    see(vambrace().arg("test").arg(file.path())).refuses(125, &["vcats"]);
}

const RAM: u64 = 0x4000_0000;
