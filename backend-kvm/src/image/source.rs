//! The bytes of an image: held in memory, or a file that is read into RAM when a life begins.
//!
//! A kernel is needed once in each life, and is as large as all else that a machine keeps is small. So a
//! file whose bytes go into RAM as they are stays open and is not kept: each life reads it from there,
//! without a copy between. What is open is not changed by another that is renamed over it, as package
//! managers do. One that is written to is another file: the next life ends before it begins, because half of
//! a new kernel in place of an old one is nothing that anybody has asked for.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use vambrace_core::memory::Ipa;

use super::compressed::is_compressed;
use crate::memory::{GuestMemory, MemoryError};

/// A file that a machine boots from.
#[derive(Debug)]
pub enum Source {
    /// Its bytes.
    Held(Vec<u8>),
    /// Itself.
    Stored(Stored),
}

/// An open file of which nothing is in memory but its first bytes.
#[derive(Debug)]
pub struct Stored {
    path: PathBuf,
    file: File,
    version: Version,
    head: Vec<u8>,
}

/// What a write to a file changes: its length, and when it was written to last. (The time of its inode
/// changes with its names too, and so when another file takes its place.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    length: u64,
    modified: SystemTime,
}

/// Some bytes of an image's, wherever they are.
#[derive(Debug, Clone, Copy)]
pub enum Bytes<'a> {
    /// In memory.
    Held(&'a [u8]),
    /// All of a file.
    Stored(&'a Stored),
}

/// Why an image is not in RAM.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// RAM cannot be written.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The file cannot be read.
    #[error("cannot read `{}` again to load it: {source}", path.display())]
    Read {
        /// Its path when it was opened.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// The file is not what it was.
    #[error(
        "cannot load `{}`: it was written to after this machine had started from it; start a new \
         machine (a new version that is renamed over the file does not disturb one that runs)",
        path.display()
    )]
    Changed {
        /// Its path when it was opened.
        path: PathBuf,
    },
}

impl Source {
    /// A kernel's file. One that is ELF or compressed is held, as its bytes go into RAM in another form.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn kernel(path: &Path) -> io::Result<Self> {
        Self::open(path, |head| {
            head.starts_with(b"\x7fELF") || is_compressed(head)
        })
    }

    /// A file that goes into RAM as it is, such as an initramfs.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn whole(path: &Path) -> io::Result<Self> {
        Self::open(path, |_| false)
    }

    fn open(path: &Path, is_held: impl FnOnce(&[u8]) -> bool) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        // What comes through a pipe comes once.
        if !metadata.is_file() {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            return Ok(Self::Held(bytes));
        }
        let mut head = Vec::new();
        (&file).take(HEAD).read_to_end(&mut head)?;
        let stored = Stored {
            path: path.to_owned(),
            version: Version::of(&file)?,
            file,
            head,
        };
        match is_held(&stored.head) {
            true => stored.read().map(Self::Held),
            false => Ok(Self::Stored(stored)),
        }
    }

    /// Where its bytes are.
    #[must_use]
    pub fn bytes(&self) -> Bytes<'_> {
        match self {
            Self::Held(bytes) => Bytes::Held(bytes),
            Self::Stored(stored) => Bytes::Stored(stored),
        }
    }

    /// A copy of all its bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Held(bytes) => Ok(bytes.clone()),
            Self::Stored(stored) => stored.read(),
        }
    }
}

impl Stored {
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.version.length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn write(&self, memory: &GuestMemory, base: Ipa) -> Result<(), LoadError> {
        let failed = |source| LoadError::Read {
            path: self.path.clone(),
            source,
        };
        (&self.file).rewind().map_err(failed)?;
        let read = memory.read_from(base, &self.file, self.version.length);
        // Looked at afterwards: whoever wrote while it was read is found too.
        if Version::of(&self.file).map_err(failed)? != self.version {
            let path = self.path.clone();
            return Err(LoadError::Changed { path });
        }
        Ok(read?)
    }
}

impl Version {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            length: metadata.len(),
            modified: metadata.modified()?,
        })
    }
}

impl<'a> Bytes<'a> {
    /// The first of them: all that are held, 4 KiB of a file's.
    pub(super) fn head(self) -> &'a [u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Stored(stored) => &stored.head,
        }
    }

    /// How many they are.
    pub(crate) fn length(self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.version.length,
        }
    }

    pub(super) fn write(self, memory: &GuestMemory, base: Ipa) -> Result<(), LoadError> {
        match self {
            Self::Held(bytes) => Ok(memory.write(base, bytes)?),
            Self::Stored(stored) => stored.write(memory, base),
        }
    }
}

impl PartialEq for Bytes<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Held(one), Self::Held(other)) => one == other,
            (Self::Stored(one), Self::Stored(other)) => std::ptr::eq(*one, *other),
            _ => false,
        }
    }
}

impl Eq for Bytes<'_> {}

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Held(bytes)
    }
}

/// As much as any header has that is looked at: an Image's, and of a PE file those of its sections.
const HEAD: u64 = 4 << 10;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    const BASE: Ipa = Ipa::new(0x4020_0000);

    struct Fixture {
        folder: tempfile::TempDir,
        memory: GuestMemory,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                memory: GuestMemory::new(0x40_0000).unwrap(),
            }
        }

        /// A file that was written long ago.
        fn file(&self, bytes: &[u8]) -> PathBuf {
            let path = self.folder.path().join("file");
            let mut file = File::create(&path).unwrap();
            file.write_all(bytes).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            path
        }

        fn load(&self, source: &Source) -> Result<[u8; 4], LoadError> {
            source.bytes().write(&self.memory, BASE)?;
            let mut found = [0; 4];
            self.memory
                .read(Ipa::new(BASE.value() + 0x2000), &mut found)?;
            Ok(found)
        }
    }

    fn image() -> Vec<u8> {
        let mut image = vec![0; 0x2004];
        image[0x2000..].copy_from_slice(&[1, 2, 3, 4]);
        image
    }

    #[test]
    fn a_file_is_read_into_ram_in_every_life_and_held_in_none() {
        let fixture = Fixture::new();
        let source = Source::kernel(&fixture.file(&image())).unwrap();
        assert!(matches!(source, Source::Stored(_)));
        assert_eq!(source.bytes().head().len(), 0x1000);
        assert_eq!(source.bytes().length(), 0x2004);
        for _ in 0..2 {
            assert_eq!(fixture.load(&source).unwrap(), [1, 2, 3, 4]);
            fixture.memory.write(BASE, &[0xff; 0x2004]).unwrap();
        }
    }

    #[test]
    fn a_file_that_another_was_renamed_over_is_still_the_same() {
        let fixture = Fixture::new();
        let path = fixture.file(&image());
        let source = Source::whole(&path).unwrap();
        let other = fixture.folder.path().join("other");
        fs::write(&other, [9; 0x2004]).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(fixture.load(&source).unwrap(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_file_that_was_written_to_is_loaded_no_more() {
        let fixture = Fixture::new();
        let path = fixture.file(&image());
        for write in [
            (|path: &Path| fs::write(path, [1; 0x2004]).unwrap()) as fn(&Path),
            |path| fs::write(path, [1; 3]).unwrap(),
            |path| {
                let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
                file.write_all(&[0]).unwrap();
            },
        ] {
            let source = Source::whole(&path).unwrap();
            write(&path);
            let error = fixture.load(&source).unwrap_err();
            assert!(matches!(error, LoadError::Changed { .. }), "{error}");
            fixture.file(&image());
        }
    }

    #[test]
    fn what_goes_into_ram_in_another_form_is_held() {
        let fixture = Fixture::new();
        for head in [&b"\x7fELF"[..], &[0x1f, 0x8b, 8], b"MZ\0\0zimg"] {
            let path = fixture.file(head);
            assert!(matches!(Source::kernel(&path), Ok(Source::Held(_))));
            assert!(matches!(Source::whole(&path), Ok(Source::Stored(_))));
        }
    }
}
