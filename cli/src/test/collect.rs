//! Finds the test programs and checks each before anything runs.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use vambrace_core::smccc::ExecutionState;
use vambrace_kvm::image::Claim;
use vambrace_kvm::machine::{Error, Machine};

use super::Arguments;
use crate::failure::Failure;
use crate::machine_options::config;

/// One test program.
#[derive(Debug, Clone)]
pub(crate) struct TestImage {
    /// Its file name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
    /// What its header says.
    pub(crate) claim: Option<Claim>,
    /// What its code is made for.
    pub(crate) execution_state: ExecutionState,
}

/// All programs at `paths`, a directory's in the order of their names.
pub(super) fn collect(paths: &[PathBuf], args: &Arguments) -> Result<Vec<TestImage>, Failure> {
    let mut images = Vec::new();
    for path in paths {
        if path.is_dir() {
            for file in programs_in(path)? {
                images.push(TestImage::open(&file, args)?);
            }
        } else {
            images.push(TestImage::open(path, args)?);
        }
    }
    Ok(images)
}

impl TestImage {
    fn open(path: &Path, args: &Arguments) -> Result<Self, Failure> {
        let bytes = read(path)?;
        let claim = Claim::parse(&bytes).map_err(|error| Failure::image(path, &error))?;
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        let mut image = Self {
            name,
            path: path.to_owned(),
            bytes,
            claim,
            execution_state: ExecutionState::Aarch64,
        };
        image.execution_state = image.check(args)?;
        Ok(image)
    }

    /// How many vCPUs its machine gets.
    pub(super) fn vcpus(&self, args: &Arguments) -> u16 {
        args.cpus
            .unwrap_or_else(|| self.claim.as_ref().map_or(1, |claim| claim.vcpus))
    }

    /// How much RAM its machine gets, in bytes.
    pub(super) fn memory(&self, args: &Arguments) -> u64 {
        let needed = self
            .claim
            .as_ref()
            .and_then(|claim| claim.memory)
            .unwrap_or(0);
        args.memory.bytes().max(needed)
    }

    /// Whether only the program at EL2 can show what it claims.
    pub(super) fn is_for_el2(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.el2.is_some())
    }

    /// Whether it can be loaded; and what its code is made for.
    fn check(&self, args: &Arguments) -> Result<ExecutionState, Failure> {
        let config = config(self.vcpus(args), self.memory(args));
        match Machine::new(config, &self.bytes) {
            Ok(machine) => Ok(machine.execution_state()),
            // What the command line asks for is no fault of the image.
            Err(error @ Error::Memory(_)) if self.memory(args) == args.memory.bytes() => {
                Err(error.into())
            }
            Err(error) => Err(Failure::image(&self.path, &error)),
        }
    }
}

/// The content of an image file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    open(path, |path| fs::read(path))
}

/// An image file as `open` has it.
pub(crate) fn open<T>(
    path: &Path,
    open: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<T, Failure> {
    let refuse = |reason: &str| Err(Failure::image(path, &reason));
    match fs::metadata(path).map(|metadata| metadata.file_type()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse("there is no such file: check the path, or build it first")
        }
        Ok(file) if file.is_dir() => {
            refuse("it is a directory: name a file in it (vambrace test takes whole directories)")
        }
        // Some devices never come to an end.
        Ok(file) if file.is_char_device() || file.is_block_device() => {
            refuse("it is a device: copy what is to be run into a file")
        }
        _ => open(path).or_else(|error| refuse(&format!("cannot read it: {error}"))),
    }
}

/// The files of a directory that are programs: whatever has no name of another kind.
fn programs_in(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: io::Error| {
        Failure::image(directory, &format!("cannot read the directory: {error}"))
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_program = path
            .extension()
            .is_none_or(|extension| PROGRAMS.iter().any(|&program| extension == program));
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        if path.is_file() && is_program && !is_hidden {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::image(
            directory,
            &"no test program is in this directory: those are files without an extension, and \
              .elf, .bin, .flat and .img",
        ));
    }
    Ok(files)
}

const PROGRAMS: [&str; 4] = ["elf", "bin", "flat", "img"];
