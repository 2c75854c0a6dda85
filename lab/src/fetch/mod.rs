//! Fetching kernels: Debian's own packages, through apt, vouched for by the archive's signatures.
//!
//! Everything happens in a directory beside its place in the cache and is moved there when it is
//! whole; a lock keeps two fetches apart, and what an interrupted one left behind is removed by the
//! next. Nothing of the system's own apt state is touched, and no privileges are needed.

mod apt;
mod bundle;
mod modules;
mod sources;
mod tool;
mod version;

use std::fs::{File, TryLockError};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cache::{Cache, Record, StoredFile};
use crate::error::Error;
use crate::kernels::{Location, Series};
use crate::latch::{Cancel, wait_readable};
use apt::{Apt, Package, System};

pub use bundle::{Bundle, Fetched, Packages, fetch_bundle};

/// What a fetch is about to do, or how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A step begins.
    Step(&'a str),
    /// How much of the step is done, in percent.
    Percent(u8),
}

/// What to do about a kernel that is in the cache already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refetch {
    /// Keep it, if it is whole.
    IfDamaged,
    /// Look for a newer one and fetch it in any case.
    Always,
}

/// How a kernel is fetched.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// What to do about one that is there.
    pub refetch: Refetch,
    /// A mirror of Debian's archive instead of the one the system's sources name.
    pub mirror: Option<String>,
}

/// Puts the newest kernel of `series` into `cache` and says what it is.
///
/// # Errors
/// apt, its sources or Debian's keys are missing; the mirror cannot be reached or its signatures do
/// not hold; the cache cannot be written; `cancel` was used. The cache is as it was then.
pub fn fetch(
    cache: &Cache,
    series: &'static Series,
    options: &FetchOptions,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Record, Error> {
    let kernels = cache.kernels();
    std::fs::create_dir_all(&kernels).map_err(file_error("create", &kernels))?;
    let _lock = lock(&kernels, cancel, progress)?;
    if options.refetch == Refetch::IfDamaged
        && let Ok(Some(_)) = cache.kernel(series)
        && let Some(record) = cache.record(series)?
    {
        return Ok(record);
    }
    require_tools()?;
    let scratch = Scratch::make(&kernels)?;
    let system = System::read(cancel)?;
    let mirror = mirror_of(options.mirror.as_ref(), &system)?;
    let suite = series.suite;
    let apt = Apt::prepare(&scratch.0, &system, &mirror, suite, cancel)?;
    progress(Progress::Step(&format!(
        "reading Debian {suite}'s list of arm64 packages"
    )));
    let package = apt.newest(series, progress)?;
    progress(Progress::Step(&format!(
        "downloading {} {}",
        package.name, package.version
    )));
    let wanted = format!("{}={}", package.name, package.version);
    let archives = apt.download(&[wanted], progress)?;
    progress(Progress::Step(&format!("unpacking {}", package.name)));
    let tree = scratch.0.join("tree");
    for archive in &archives {
        apt.unpack(archive, &tree)?;
    }
    let record = assemble(series, &package, &tree, &scratch.0.join("store"))?;
    cache.store(series, &scratch.0.join("store"), &record)?;
    Ok(record)
}

/// The mirror that was named, or the first that the system's sources name.
fn mirror_of(named: Option<&String>, system: &System) -> Result<String, Error> {
    let mirror = named.or(system.mirrors.first()).ok_or(Error::NoMirror)?;
    Ok(mirror.trim_end_matches('/').to_owned())
}

/// Gathers the files that a host needs from the unpacked package `tree` in the directory `store`.
fn assemble(
    series: &'static Series,
    package: &Package,
    tree: &Path,
    store: &Path,
) -> Result<Record, Error> {
    let unexpected = |output: String| Error::FetchFailed {
        step: format!("looking for the kernel in {}", package.name),
        output: vec![output],
    };
    let release = series
        .release(&package.name)
        .ok_or_else(|| unexpected("the package is named unlike any of the series".into()))?;
    // A merged /usr is a matter of the release: the older packages still have /lib.
    let modules = ["usr/lib/modules", "lib/modules"]
        .map(|place| tree.join(place).join(release))
        .into_iter()
        .find(|place| place.is_dir());
    let kernel = match (series.location, &modules) {
        (Location::Boot, _) => tree.join("boot").join(format!("vmlinuz-{release}")),
        (Location::Modules, Some(modules)) => modules.join("vmlinuz"),
        (Location::Modules, None) => return Err(unexpected("it has no modules".into())),
    };
    crate::kernel_image::check(&kernel)?;
    let modules = match &modules {
        Some(modules) => {
            modules::for_channel(modules).map_err(file_error("look through", modules))?
        }
        None => Vec::new(),
    };
    std::fs::create_dir(store).map_err(file_error("create", store))?;
    let fetched = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let fetched = fetched.map_or(0, |since| since.as_secs());
    Ok(Record {
        series: series.name.to_owned(),
        release: release.to_owned(),
        package: package.name.clone(),
        version: package.version.clone(),
        suite: series.suite.to_owned(),
        directory: format!("{release}-{fetched}-{}", std::process::id()),
        kernel: take(&kernel, store, "vmlinuz")?,
        modules: modules
            .iter()
            .map(|module| {
                let name = module.file_name().unwrap_or_default().to_string_lossy();
                take(module, store, &name)
            })
            .collect::<Result<_, _>>()?,
        fetched,
    })
}

fn take(file: &Path, store: &Path, name: &str) -> Result<StoredFile, Error> {
    let place = store.join(name);
    std::fs::rename(file, &place).map_err(file_error("move", file))?;
    StoredFile::describe(&place, name).map_err(file_error("read", &place))
}

/// Waits for its turn; the lock falls with the file, however we end.
fn lock(
    kernels: &Path,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<File, Error> {
    let path = kernels.join("lock");
    let file = File::create(&path).map_err(file_error("create", &path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(file_error("lock", &path)(error)),
        }
        if !std::mem::replace(&mut told, true) {
            progress(Progress::Step("waiting for another fetch to end"));
        }
        // Looked at again now and then: a lock that is waited for cannot be cancelled.
        let next_look = Instant::now() + Duration::from_millis(200);
        if let Ok(Some(_)) = wait_readable(&[cancel.latch().as_fd()], Some(next_look)) {
            return Err(Error::Cancelled);
        }
    }
}

/// A directory to work in, gone afterwards. Those of interrupted fetches go as well: whoever holds
/// the lock is the only one.
struct Scratch(PathBuf);

impl Scratch {
    fn make(kernels: &Path) -> Result<Self, Error> {
        let path = kernels.join("scratch");
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(file_error("remove", &path))?;
        }
        std::fs::create_dir(&path).map_err(file_error("create", &path))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Should something remain, the next fetch removes it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn require_tools() -> Result<(), Error> {
    let tools = ["apt-get", "apt-cache", "apt-config", "dpkg-deb"];
    tools.into_iter().try_for_each(require)
}

fn require(tool: &'static str) -> Result<(), Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(tool).is_file());
    if found {
        Ok(())
    } else {
        Err(Error::ToolMissing { tool })
    }
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unpacked package of the series 6.1 with a kernel that passes for one.
    fn tree(directory: &Path) -> Package {
        let release = "6.1.0-50-cloud-arm64";
        let mut kernel = vec![0; 128];
        kernel[56..60].copy_from_slice(b"ARM\x64");
        let drivers = directory
            .join("lib/modules")
            .join(release)
            .join("kernel/drivers");
        std::fs::create_dir_all(&drivers).unwrap();
        std::fs::create_dir(directory.join("boot")).unwrap();
        std::fs::write(
            directory.join("boot").join(format!("vmlinuz-{release}")),
            kernel,
        )
        .unwrap();
        std::fs::write(drivers.join("virtio_console.ko"), "\0depends=virtio\0").unwrap();
        std::fs::write(drivers.join("virtio.ko"), "\0depends=\0").unwrap();
        Package {
            name: format!("linux-image-{release}"),
            version: "6.1.176-1".into(),
        }
    }

    #[test]
    fn a_package_is_taken_with_the_modules_its_channel_needs() {
        let directory = tempfile::tempdir().unwrap();
        let series = Series::named("6.1").unwrap();
        let package = tree(directory.path());
        let store = directory.path().join("store");
        let record = assemble(series, &package, directory.path(), &store).unwrap();
        assert_eq!(record.release, "6.1.0-50-cloud-arm64");
        assert_eq!(record.kernel.name, "vmlinuz");
        assert_eq!(record.kernel.bytes, 128);
        let modules: Vec<&str> = record
            .modules
            .iter()
            .map(|module| module.name.as_str())
            .collect();
        assert_eq!(modules, ["virtio.ko", "virtio_console.ko"]);
        assert!(store.join("vmlinuz").is_file() && store.join("virtio.ko").is_file());
    }

    #[test]
    fn a_package_with_something_else_for_a_kernel_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let package = tree(directory.path());
        let kernel = directory.path().join("boot/vmlinuz-6.1.0-50-cloud-arm64");
        std::fs::write(&kernel, "not a kernel").unwrap();
        let series = Series::named("6.1").unwrap();
        let error = assemble(
            series,
            &package,
            directory.path(),
            &directory.path().join("store"),
        );
        assert!(matches!(error, Err(Error::KernelFile { .. })));
    }

    #[test]
    fn what_an_interrupted_fetch_left_behind_is_removed() {
        let kernels = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(kernels.path().join("scratch/lists")).unwrap();
        let scratch = Scratch::make(kernels.path()).unwrap();
        assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 0);
        drop(scratch);
        assert!(!kernels.path().join("scratch").exists());
    }

    #[test]
    fn two_fetches_take_turns() {
        let kernels = tempfile::tempdir().unwrap();
        let cancel = Cancel::new().unwrap();
        let first = lock(kernels.path(), &cancel, &mut |_| {}).unwrap();
        let mut steps = Vec::new();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let mut tell = |step: Progress<'_>| steps.push(format!("{step:?}"));
                lock(kernels.path(), &cancel, &mut tell).is_ok()
            });
            std::thread::sleep(Duration::from_millis(50));
            assert!(!second.is_finished());
            drop(first);
            assert!(second.join().unwrap());
        });
        assert_eq!(steps, ["Step(\"waiting for another fetch to end\")"]);
    }

    #[test]
    fn waiting_for_another_fetch_can_be_cancelled() {
        let kernels = tempfile::tempdir().unwrap();
        let cancel = Cancel::new().unwrap();
        let _first = lock(kernels.path(), &cancel, &mut |_| {}).unwrap();
        cancel.cancel();
        let second = lock(kernels.path(), &cancel, &mut |_| {});
        assert!(matches!(second, Err(Error::Cancelled)));
    }
}
