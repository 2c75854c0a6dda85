//! What a lab host finds in its root file system: our program as `/init`, and the job's files.
//!
//! It is held in memory (a memfd that QEMU opens through `/proc`), so a run leaves no file behind,
//! however it ends.

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::cpio::Archive;
use crate::error::Error;
use crate::job::{DIRECTORY, Job, archive_error};
use crate::program::Program;

/// An initramfs in memory.
#[derive(Debug)]
pub(crate) struct Initramfs(OwnedFd);

impl Initramfs {
    /// The one for `job`, with `program` as init, which loads `modules` first; the job's files may
    /// have `limit` bytes together.
    pub(crate) fn build(
        program: &Program,
        modules: &[PathBuf],
        job: &Job,
        limit: u64,
    ) -> Result<Self, Error> {
        let memory = memfd_create("vambrace-initramfs", MemfdFlags::CLOEXEC)
            .map_err(|error| archive_error(error.into()))?;
        let mut archive = Archive::new(BufWriter::with_capacity(1 << 20, File::from(memory)));
        write_base(&mut archive, program).map_err(archive_error)?;
        write_modules(&mut archive, modules)?;
        job.write_files(&mut archive, limit)?;
        let writer = archive.finish().map_err(archive_error)?;
        let file = writer
            .into_inner()
            .map_err(|error| archive_error(error.into_error()))?;
        Ok(Self(OwnedFd::from(file)))
    }

    /// The path under which a child that inherits the descriptor opens it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.0
    }
}

fn write_base(archive: &mut Archive<impl io::Write>, program: &Program) -> io::Result<()> {
    for directory in ["dev", "proc", "sys", "tmp", "root", DIRECTORY] {
        archive.directory(directory)?;
    }
    let image = program.image();
    archive.file("init", 0o755, image.len() as u64, &mut &image[..])?;
    archive.symlink("bin/vambrace", "/init")
}

/// Their names make them sort as they must be loaded.
fn write_modules(archive: &mut Archive<impl io::Write>, modules: &[PathBuf]) -> Result<(), Error> {
    for (index, path) in modules.iter().enumerate() {
        let error = |source| Error::File {
            action: "read",
            path: path.clone(),
            source,
        };
        let image = std::fs::read(path).map_err(error)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let place = format!("{}/{index:02}-{name}", crate::init::MODULES);
        archive
            .file(&place, 0o644, image.len() as u64, &mut &image[..])
            .map_err(archive_error)?;
    }
    Ok(())
}
