//! Files that go into a guest's RAM before it runs, and ranges of RAM that are kept after it ended.
//!
//! What is wrong with either is found before anything runs. A saved file is written beside its place
//! and moved there whole, so that a failure leaves what was there before.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use vambrace_core::memory::Ipa;
use vambrace_kvm::address::{ByteSize, Region};
use vambrace_kvm::machine::Contents;
use vambrace_kvm::memory::GuestMemory;

use crate::failure::Failure;
use crate::machine_options::Size;

/// `--load ADDRESS=FILE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    /// Where its first byte goes.
    pub(crate) address: Ipa,
    file: PathBuf,
}

/// `--save ADDRESS,SIZE=FILE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Save {
    /// What is kept.
    pub(crate) range: Region,
    /// Where it is kept.
    pub(crate) file: PathBuf,
}

impl Load {
    /// Reads the option's value from a command line.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|text| Self::parse(&text))
    }

    fn parse(text: &OsStr) -> Result<Self, String> {
        let form = "write ADDRESS=FILE, such as 0x44000000=calls.bin";
        let (address, file) = split(text, form)?;
        Ok(Self {
            address: parse_address(&address)?,
            file,
        })
    }

    /// Reads the file, if it fits into RAM at its place.
    pub(crate) fn read(&self, ram: Region) -> Result<Contents, Failure> {
        let refuse = |reason: String| {
            let file = self.file.display();
            Failure::new(format!("cannot load `{file}`: {reason}"))
        };
        let data = fs::metadata(&self.file).map_err(|error| refuse(error.to_string()))?;
        if data.is_dir() {
            return Err(refuse("it is a directory".into()));
        }
        // Some devices never come to an end.
        if data.file_type().is_char_device() || data.file_type().is_block_device() {
            return Err(refuse(
                "it is a device: copy what is to be loaded into a file".into(),
            ));
        }
        let room = ram
            .offset_of(self.address)
            .map_or(0, |offset| ram.size() - offset);
        let mut bytes = Vec::new();
        File::open(&self.file)
            .and_then(|file| file.take(room + 1).read_to_end(&mut bytes))
            .map_err(|error| refuse(error.to_string()))?;
        if bytes.len() as u64 > room {
            let size = ByteSize(data.len().max(bytes.len() as u64));
            let reason = format!("{size} at {} leave RAM, which is {ram}", self.address);
            return Err(refuse(reason).with_hint(IN_RAM));
        }
        Ok(Contents {
            address: self.address,
            bytes: bytes.into(),
        })
    }
}

impl Save {
    /// Reads the option's value from a command line.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|text| Self::parse(&text))
    }

    fn parse(text: &OsStr) -> Result<Self, String> {
        let form = "write ADDRESS,SIZE=FILE, such as 0x45000000,2M=log.bin";
        let (range, file) = split(text, form)?;
        let (address, size) = range.split_once(',').ok_or(form)?;
        let (address, size) = (parse_address(address)?, parse_size(size)?);
        let range = Region::new(address, size)
            .ok_or_else(|| format!("{size} bytes at {address} end beyond the last address"))?;
        Ok(Self { range, file })
    }

    /// Looks for what would keep the range from being saved later.
    pub(crate) fn check(&self, ram: Region) -> Result<(), Failure> {
        let refuse = |reason: String, hint: &str| Err(self.failure(&reason).with_hint(hint));
        if !ram.contains(self.range) {
            return refuse(format!("it leaves RAM, which is {ram}"), IN_RAM);
        }
        if fs::metadata(&self.file).is_ok_and(|data| !data.is_file()) {
            return refuse("there is something that is no file".into(), "name a file");
        }
        if self.file.file_name().is_none() || !directory_of(&self.file).is_dir() {
            let reason = "there is no such directory to put it in".into();
            return refuse(reason, "make it, or name another");
        }
        Ok(())
    }

    /// Writes the range as it is now.
    pub(crate) fn write(&self, memory: &GuestMemory) -> Result<(), Failure> {
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let draft = self.file.with_file_name(name);
        let written = self
            .write_to(&draft, memory)
            .and_then(|()| fs::rename(&draft, &self.file));
        written.map_err(|error| {
            // What is left of it, if it came to be.
            let _ = fs::remove_file(&draft);
            self.failure(&error.to_string())
        })
    }

    fn write_to(&self, path: &Path, memory: &GuestMemory) -> io::Result<()> {
        let mut file = File::create(path)?;
        let mut bytes = vec![0; STEP];
        let mut address = self.range.base().value();
        while address < self.range.end().value() {
            let left = self.range.end().value() - address;
            let step = usize::try_from(left).unwrap_or(STEP).min(STEP);
            memory
                .read(Ipa::new(address), &mut bytes[..step])
                .map_err(io::Error::other)?;
            file.write_all(&bytes[..step])?;
            address += step as u64;
        }
        // What was there is given up only for a file that is on the disk.
        file.sync_all()
    }

    fn failure(&self, reason: &str) -> Failure {
        let (range, file) = (self.range, self.file.display());
        Failure::new(format!("cannot save {range} to `{file}`: {reason}"))
    }
}

/// Looks for what would keep any of the ranges from being saved later.
pub(crate) fn check_all(saves: &[Save], ram: Region) -> Result<(), Failure> {
    for (number, save) in saves.iter().enumerate() {
        save.check(ram)?;
        if saves[..number].iter().any(|other| other.file == save.file) {
            let reason = "another range is saved to the same file";
            return Err(save.failure(reason).with_hint("name another file"));
        }
    }
    Ok(())
}

/// Refuses ranges that together are more than `limit`, which is what a lab host can keep for us.
pub(crate) fn check_sum(saves: &[Save], limit: u64) -> Result<(), Failure> {
    let sizes = saves.iter().map(|save| save.range.size());
    let sum = sizes.fold(0, u64::saturating_add);
    if sum <= limit {
        return Ok(());
    }
    let (sum, limit) = (ByteSize(sum), ByteSize(limit));
    let message =
        format!("--save: {sum} in all, and this lab host can keep {limit} (a third of its memory)");
    Err(Failure::new(message).with_hint("save less of RAM, or run on a machine with KVM"))
}

/// Writes every range; each that could not be written is told, and keeps no other from it.
pub(crate) fn write_all(saves: &[Save], memory: &GuestMemory) -> Vec<Failure> {
    let written = saves.iter().map(|save| save.write(memory));
    written.filter_map(Result::err).collect()
}

/// Splits at the first equals sign; what follows may be any name of a file.
fn split(text: &OsStr, form: &str) -> Result<(String, PathBuf), String> {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let bytes = text.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=').ok_or(form)?;
    let before = str::from_utf8(&bytes[..equals]).map_err(|_| form)?;
    let file = OsString::from_vec(bytes[equals + 1..].to_vec());
    if file.is_empty() {
        return Err(form.into());
    }
    Ok((before.to_owned(), file.into()))
}

fn parse_address(text: &str) -> Result<Ipa, String> {
    number(text)
        .map(Ipa::new)
        .ok_or_else(|| format!("`{text}` is no address: write it as 0x44000000 or 1140850688"))
}

/// A size with K, M or G, or in hexadecimal.
fn parse_size(text: &str) -> Result<u64, String> {
    let size = match text.strip_prefix("0x") {
        Some(_) => number(text),
        None => text.parse().ok().map(Size::bytes),
    };
    size.filter(|size| *size != 0)
        .ok_or_else(|| format!("`{text}` is no size: write it as 4096, 4K, 2M or 0x1000"))
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// The directory that a file lies in.
fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

/// How much is read at once.
const STEP: usize = 1 << 20;
const IN_RAM: &str = "choose an address in RAM, or pass a larger --memory";

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn ram() -> Region {
        Region::new(Ipa::new(0x4000_0000), 16 << 20).unwrap()
    }

    fn load(text: &str) -> Result<Load, String> {
        Load::parse(text.as_ref())
    }

    fn save(text: &str) -> Result<Save, String> {
        Save::parse(text.as_ref())
    }

    /// The failure's words.
    fn told<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> (String, Option<String>) {
        match outcome.unwrap_err() {
            Failure::Other { message, hint } => (message, hint),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_are_hexadecimal_or_decimal_and_files_have_any_name() {
        let expected = Load {
            address: Ipa::new(0x4400_0000),
            file: "a=b,c".into(),
        };
        assert_eq!(load("0x44000000=a=b,c"), Ok(expected.clone()));
        assert_eq!(load("1140850688=a=b,c"), Ok(expected));
        let odd = OsStr::from_bytes(b"0x0=\xff");
        assert_eq!(Load::parse(odd).unwrap().file.as_os_str().len(), 1);
    }

    #[test]
    fn sizes_have_units_or_are_hexadecimal() {
        for (size, bytes) in [("0x1000", 4096), ("4K", 4096), ("2m", 2 << 20), ("7", 7)] {
            let save = save(&format!("0x45000000,{size}=log")).unwrap();
            assert_eq!(save.range.size(), bytes, "{size}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_answered_with_how_to_write_it() {
        for wrong in ["", "0x44000000", "0x44000000=", "=file"] {
            assert!(load(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            load("44G=x").unwrap_err(),
            "`44G` is no address: write it as 0x44000000 or 1140850688"
        );
        assert_eq!(
            save("0x45000000=log").unwrap_err(),
            "write ADDRESS,SIZE=FILE, such as 0x45000000,2M=log.bin"
        );
        for wrong in ["0", "0x0", "-1", "1T", "", "0x", "0x+7"] {
            let text = format!("0x45000000,{wrong}=log");
            assert!(save(&text).is_err(), "{text}");
        }
        assert_eq!(
            save("0xffffffffffffffff,2=log").unwrap_err(),
            "2 bytes at 0xffffffffffffffff end beyond the last address"
        );
    }

    #[test]
    fn a_file_is_read_if_it_fits_into_ram() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("calls");
        fs::write(&file, [1, 2, 3]).unwrap();
        let at = |address| Load {
            address: Ipa::new(address),
            file: file.clone(),
        };
        let contents = at(0x40ff_fffd).read(ram()).unwrap();
        assert_eq!(contents.bytes[..], [1, 2, 3]);
        let expected = format!(
            "cannot load `{}`: 3 bytes at 0x40fffffe leave RAM, which is 0x40000000..0x41000000",
            file.display()
        );
        let hint = "choose an address in RAM, or pass a larger --memory";
        assert_eq!(
            told(at(0x40ff_fffe).read(ram())),
            (expected, Some(hint.to_owned()))
        );
        assert!(at(0x3fff_ffff).read(ram()).is_err());
        assert!(at(u64::MAX).read(ram()).is_err());
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let of = |file: &str| Load {
            address: Ipa::new(0x4000_0000),
            file: file.into(),
        };
        assert_eq!(
            told(of("/nowhere/calls").read(ram())).0,
            "cannot load `/nowhere/calls`: No such file or directory (os error 2)"
        );
        assert_eq!(
            told(of("/").read(ram())).0,
            "cannot load `/`: it is a directory"
        );
        assert_eq!(
            told(of("/dev/zero").read(ram())).0,
            "cannot load `/dev/zero`: it is a device: copy what is to be loaded into a file"
        );
    }

    #[test]
    fn a_saved_range_replaces_the_file_and_leaves_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        fs::write(&file, "old and longer").unwrap();
        let memory = GuestMemory::new(16 << 20).unwrap();
        memory.write(Ipa::new(0x4010_0000), &[7; 3]).unwrap();
        let save = Save {
            range: Region::new(Ipa::new(0x400f_ffff), 5).unwrap(),
            file: file.clone(),
        };
        save.check(ram()).unwrap();
        save.write(&memory).unwrap();
        assert_eq!(fs::read(&file).unwrap(), [0, 7, 7, 7, 0]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_range_of_more_than_one_step_is_saved_whole() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        let memory = GuestMemory::new(16 << 20).unwrap();
        memory.write(Ipa::new(0x4020_0004), &[9]).unwrap();
        let range = Region::new(Ipa::new(0x4000_0000), (2 << 20) + 5).unwrap();
        let save = Save {
            range,
            file: file.clone(),
        };
        save.write(&memory).unwrap();
        let saved = fs::read(&file).unwrap();
        assert_eq!(
            (saved.len(), saved[2 << 20], saved[(2 << 20) + 4]),
            ((2 << 20) + 5, 0, 9)
        );
    }

    #[test]
    fn what_cannot_be_saved_is_found_before_anything_runs() {
        let directory = tempfile::tempdir().unwrap();
        let inside = |name: &str| directory.path().join(name).display().to_string();
        let check = |text: String| told(save(&text).unwrap().check(ram())).0;
        let range = "cannot save 0x40ffffff..0x41000001 to `log`: it leaves RAM, which is \
                     0x40000000..0x41000000";
        assert_eq!(check("0x40ffffff,2=log".into()), range);
        assert!(
            check(format!("0x40000000,2={}", inside("none/log"))).contains("no such directory")
        );
        assert!(check("0x40000000,2=/dev/null".into()).contains("no file"));
        assert!(check(format!("0x40000000,2={}", inside(""))).contains("no file"));
        let twice = format!("0x40000000,2={}", inside("log"));
        let twice = [save(&twice).unwrap(), save(&twice).unwrap()];
        assert!(told(check_all(&twice, ram())).0.contains("the same file"));
        assert!(check_all(&twice[..1], ram()).is_ok());
    }

    #[test]
    fn what_a_lab_host_cannot_keep_is_refused_with_the_sum() {
        let saves = [save("0x40000000,3M=a"), save("0x40000000,2M=b")].map(Result::unwrap);
        assert!(check_sum(&saves, 5 << 20).is_ok());
        let (message, hint) = told(check_sum(&saves, (5 << 20) - 1));
        assert!(message.starts_with("--save: 5 MiB in all, "), "{message}");
        assert!(hint.is_some());
    }

    #[test]
    fn a_range_that_cannot_be_saved_keeps_no_other_from_it() {
        let directory = tempfile::tempdir().unwrap();
        let memory = GuestMemory::new(16 << 20).unwrap();
        let to = |name: &str| {
            let file = directory.path().join(name);
            save(&format!("0x40000000,2={}", file.display())).unwrap()
        };
        let saves = [to("none/a"), to("b"), to("none/c"), to("d")];
        assert_eq!(write_all(&saves, &memory).len(), 2);
        assert!(saves[1].file.is_file() && saves[3].file.is_file());
    }

    #[test]
    fn a_failure_to_save_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        fs::write(&file, "old").unwrap();
        let memory = GuestMemory::new(16 << 20).unwrap();
        let save = Save {
            range: Region::new(Ipa::new(0x4100_0000), 5).unwrap(),
            file: file.clone(),
        };
        assert!(
            told(save.write(&memory))
                .0
                .contains("RAM is 0x40000000..0x41000000")
        );
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
