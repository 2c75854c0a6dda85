//! A raw image as a disk's storage: a file or a block device of the host's.
//!
//! A disk is locked while a machine has it: any number of readers or one writer, so that two
//! machines do not destroy one file system. [`lock`] says whom that keeps out.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, ioctl_blksszget};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::super::vectored;
use super::lock::lock;
use super::{Access, Buffers, Room, Storage};

/// A disk's bytes as they are, in a file.
#[derive(Debug)]
pub struct RawFile {
    file: File,
    length: u64,
    access: Access,
    block_size: u32,
    granularity: u32,
    serial: [u8; 20],
}

/// Why a file cannot be a disk.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It cannot be opened.
    #[error(
        "cannot open the disk {path}: {source}; check its path, or its permissions (a disk that \
         is only read is given with `,readonly`)"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// It is a directory, a pipe or the like.
    #[error("cannot use {path} as a disk: it is neither a file nor a block device")]
    Kind {
        /// What is no disk.
        path: PathBuf,
    },
    /// Not whole sectors, or none.
    #[error(
        "cannot use {path} as a disk: its {length} bytes are not one or more sectors of 512 \
         bytes; `truncate --size=%512 {path}` makes them whole"
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
    },
    /// It cannot be locked.
    #[error(
        "cannot lock the disk {path}: {source}; without a lock another machine may write to it at \
         the same time, so check the file system that it lies on"
    )]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// Another machine has it.
    #[error(
        "cannot use the disk {path}: another program has locked it; a disk has one machine that \
         writes, or several that only read (`,readonly`)"
    )]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

impl RawFile {
    /// Opens a raw image and locks it.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn open(path: &Path, access: Access) -> Result<Self, DiskError> {
        let opened = |source| DiskError::Open {
            path: path.into(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(access == Access::ReadWrite);
        let mut file = options.open(path).map_err(opened)?;
        let metadata = file.metadata().map_err(opened)?;
        let (length, block_size) = match metadata.file_type() {
            kind if kind.is_file() => (metadata.len(), 512),
            kind if kind.is_block_device() => {
                let block_size = ioctl_blksszget(&file).map_err(|errno| opened(errno.into()))?;
                (file.seek(SeekFrom::End(0)).map_err(opened)?, block_size)
            }
            _ => return Err(DiskError::Kind { path: path.into() }),
        };
        if length == 0 || !length.is_multiple_of(512) {
            let path = path.into();
            return Err(DiskError::Length { path, length });
        }
        lock(&file, access).map_err(|errno| match errno {
            Errno::AGAIN => DiskError::Busy { path: path.into() },
            errno => DiskError::Lock {
                path: path.into(),
                source: errno.into(),
            },
        })?;
        let block = u32::try_from(metadata.blksize()).unwrap_or(4096);
        let granularity = block.clamp(512, 4096).next_power_of_two();
        Ok(Self {
            file,
            length,
            access,
            block_size,
            granularity: granularity.max(block_size),
            serial: serial(path.canonicalize().as_deref().unwrap_or(path)),
        })
    }

    fn fill_with_zeroes(&self, mut offset: u64, length: u64) -> io::Result<()> {
        let end = offset + length;
        while offset < end {
            let step = ZEROES
                .len()
                .min(usize::try_from(end - offset).unwrap_or(usize::MAX));
            self.file.write_all_at(&ZEROES[..step], offset)?;
            offset += step as u64;
        }
        Ok(())
    }
}

/// The open file, whose lock its copies share.
impl AsFd for RawFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Storage for RawFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn access(&self) -> Access {
        self.access
    }

    fn block_size(&self) -> u32 {
        self.block_size
    }

    fn granularity(&self) -> u32 {
        self.granularity
    }

    fn serial(&self) -> [u8; 20] {
        self.serial
    }

    fn read(&mut self, mut offset: u64, mut into: Buffers<'_>) -> io::Result<()> {
        while into.length() != 0 {
            match vectored::read_at(self.file.as_fd(), &into, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => offset += advance(&mut into, read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write(&mut self, mut offset: u64, mut from: Buffers<'_>) -> io::Result<()> {
        while from.length() != 0 {
            match vectored::write_at(self.file.as_fd(), &from, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => offset += advance(&mut from, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.sync_data()
    }

    fn discard(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match allocate(&self.file, hole, offset, length) {
            Err(errno) if is_unable(errno) => Ok(()),
            result => Ok(result?),
        }
    }

    fn write_zeroes(&mut self, offset: u64, length: u64, room: Room) -> io::Result<()> {
        let how = match room {
            Room::Kept => FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE,
            Room::Freed => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
        };
        match allocate(&self.file, how, offset, length) {
            Err(errno) if is_unable(errno) => self.fill_with_zeroes(offset, length),
            result => Ok(result?),
        }
    }
}

/// fallocate of nothing is an error of its caller's; here it is nothing.
fn allocate(file: &File, how: FallocateFlags, offset: u64, length: u64) -> Result<(), Errno> {
    if length == 0 {
        return Ok(());
    }
    loop {
        match fallocate(file, how, offset, length) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Consumes what the kernel has moved.
fn advance(buffers: &mut Buffers<'_>, moved: usize) -> u64 {
    buffers
        .take_front(moved as u64)
        .map_or(0, |moved| moved.length())
}

/// Does this say that a range cannot be freed or made zero at once, here? EINVAL comes of a block
/// device for a range that is not whole blocks of its own.
fn is_unable(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL)
}

/// A name that a disk keeps for as long as it lies at the same path; the guest does not learn
/// which. Device and inode numbers would change when the host boots, or the file is copied back.
fn serial(path: &Path) -> [u8; 20] {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    let mut serial = [0; 20];
    for (digits, byte) in serial.chunks_exact_mut(2).zip(digest) {
        digits.copy_from_slice(&[byte >> 4, byte & 0xf].map(digit));
    }
    serial
}

fn digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' + value - 10,
    }
}

static ZEROES: [u8; 64 << 10] = [0; 64 << 10];

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;
    use vm_memory::VolatileSlice;

    use super::*;

    /// A file of 64 KiB, the bytes of each KiB its number.
    fn image() -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        let bytes: Vec<_> = (0..0x1_0000).map(|at| (at >> 10) as u8).collect();
        fs::write(file.path(), bytes).unwrap();
        file
    }

    fn disk(file: &NamedTempFile) -> RawFile {
        RawFile::open(file.path(), Access::ReadWrite).unwrap()
    }

    fn buffers(bytes: &mut [u8]) -> Buffers<'_> {
        let (front, back) = VolatileSlice::from(bytes).split_at(3).unwrap();
        let mut buffers = Buffers::default();
        buffers.push(front);
        buffers.push(back);
        buffers
    }

    #[test]
    fn bytes_are_read_and_written_in_pieces() {
        let file = image();
        let mut disk = disk(&file);
        let mut bytes = [0; 1024];
        disk.read(0x200, buffers(&mut bytes)).unwrap();
        assert_eq!((bytes[0], bytes[511], bytes[512]), (0, 0, 1));
        bytes.fill(0xee);
        disk.write(0xfc00, buffers(&mut bytes)).unwrap();
        disk.flush().unwrap();
        let content = fs::read(file.path()).unwrap();
        assert_eq!(content.len(), 0x1_0000);
        assert_eq!(
            (content[0xfbff], content[0xfc00], content[0xffff]),
            (62, 0xee, 0xee)
        );
    }

    #[test]
    fn a_file_that_has_shrunk_is_an_error() {
        let file = image();
        let mut disk = disk(&file);
        file.as_file().set_len(0x200).unwrap();
        let mut bytes = [0; 1024];
        let error = disk.read(0, buffers(&mut bytes)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(disk.length(), 0x1_0000);
    }

    #[test]
    fn a_full_host_is_an_error() {
        // A device that is always full, in a disk's place.
        let file = File::options().read(true).write(true).open("/dev/full");
        let mut disk = RawFile {
            file: file.unwrap(),
            ..disk(&image())
        };
        let error = disk.write(0, buffers(&mut [0; 512])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn ranges_become_zero_and_nothing_beside_them() {
        for room in [Room::Kept, Room::Freed] {
            let file = image();
            disk(&file).write_zeroes(0x2000, 0x1800, room).unwrap();
            let content = fs::read(file.path()).unwrap();
            assert_eq!(content.len(), 0x1_0000);
            assert!(content[0x2000..0x3800].iter().all(|byte| *byte == 0));
            assert_eq!((content[0x1fff], content[0x3800]), (7, 14));
        }
    }

    #[test]
    fn zeroes_are_written_where_they_cannot_be_allocated() {
        let file = image();
        let disk = disk(&file);
        disk.fill_with_zeroes(0x400, 0x8001).unwrap();
        let content = fs::read(file.path()).unwrap();
        assert!(content[0x400..0x8401].iter().all(|byte| *byte == 0));
        assert_eq!(content[0x8401], 33);
    }

    #[test]
    fn a_discard_keeps_the_size() {
        let file = image();
        disk(&file).discard(0, 0x1_0000).unwrap();
        disk(&file).discard(0, 0).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().len(), 0x1_0000);
    }

    #[test]
    fn a_disk_has_one_writer_or_some_readers() {
        let file = image();
        let open = |access| RawFile::open(file.path(), access);
        let readers = [open(Access::ReadOnly), open(Access::ReadOnly)].map(Result::unwrap);
        assert!(matches!(
            open(Access::ReadWrite),
            Err(DiskError::Busy { .. })
        ));
        drop(readers);
        let writer = open(Access::ReadWrite).unwrap();
        assert!(matches!(
            open(Access::ReadOnly),
            Err(DiskError::Busy { .. })
        ));
        drop(writer);
        assert!(open(Access::ReadOnly).is_ok());
    }

    #[test]
    fn what_is_no_disk_is_refused_with_advice() {
        let file = NamedTempFile::new().unwrap();
        let open = |path: &Path| RawFile::open(path, Access::ReadWrite).unwrap_err();
        assert!(matches!(
            open(file.path()),
            DiskError::Length { length: 0, .. }
        ));
        file.as_file().set_len(513).unwrap();
        let said = open(file.path()).to_string();
        assert!(said.contains("truncate --size=%512"), "{said}");
        assert!(matches!(
            open(Path::new("/dev/null")),
            DiskError::Kind { .. }
        ));
        assert!(matches!(
            open(Path::new("/no/such")),
            DiskError::Open { .. }
        ));
    }

    #[test]
    fn a_serial_number_is_the_paths() {
        let (one, other) = (image(), image());
        let serial = |file: &NamedTempFile| disk(file).serial();
        let first = serial(&one);
        assert_ne!(first, serial(&other));
        // Another file at the same place, as after an editor or a copy.
        fs::rename(other.path(), one.path()).unwrap();
        assert_eq!(serial(&one), first);
        let folder = one.path().parent().unwrap();
        let detour = folder.join(".").join(one.path().file_name().unwrap());
        let disk = RawFile::open(&detour, Access::ReadOnly).unwrap();
        assert_eq!(disk.serial(), first);
        assert_eq!(super::serial(Path::new("/disk")), *b"bf3c5f7c77aefd60f92a");
    }

    #[test]
    fn what_a_block_device_says_of_ranges_that_are_not_its_blocks_is_no_failure() {
        let unable = [Errno::INVAL, Errno::OPNOTSUPP, Errno::NOSYS];
        assert!(unable.into_iter().all(is_unable));
        assert!(
            ![Errno::IO, Errno::NOSPC, Errno::PERM]
                .into_iter()
                .any(is_unable)
        );
    }

    #[test]
    fn a_file_has_blocks_of_512_bytes() {
        assert_eq!(disk(&image()).block_size(), 512);
    }
}
