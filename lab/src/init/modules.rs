//! The kernel modules that the channel needs, where they are not built in.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::system::finit_module;

/// Loads the modules that came with the kernel, in the order of their names.
pub(super) fn load_all() -> Result<(), String> {
    let mut modules = match list(Path::new(super::MODULES)) {
        Ok(modules) => modules,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot list the modules: {error}")),
    };
    modules.sort();
    for path in modules {
        load(&path).map_err(|error| format!("cannot load {}: {error}", path.display()))?;
    }
    Ok(())
}

fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

fn load(path: &Path) -> io::Result<()> {
    const NO_PARAMETERS: &CStr = c"";
    match finit_module(File::open(path)?, NO_PARAMETERS, 0) {
        // A kernel may have it built in after all.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
