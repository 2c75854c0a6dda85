//! Where fetched kernels are kept, and how one is trusted again.
//!
//! `kernels/NAME.json` records which directory belongs to a series, which package it came from and
//! the digests of its files. A directory is filled beside its place and moved there, the record
//! last: at any moment the record names whole files. The digests are checked at every use; a
//! damaged kernel never runs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::kernels::Series;

/// A directory of fetched kernels.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// What is known about a fetched kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The series it belongs to.
    pub series: String,
    /// Its own name, such as `6.12.107+deb13-cloud-arm64`.
    pub release: String,
    /// The package it came from.
    pub package: String,
    /// The version of that package.
    pub version: String,
    /// The suite of Debian it came from.
    pub suite: String,
    /// The directory of its files, in the kernels' directory.
    pub directory: String,
    /// The kernel.
    pub kernel: StoredFile,
    /// The modules that its channel needs, in the order in which they are loaded.
    pub modules: Vec<StoredFile>,
    /// When it was fetched, in seconds since 1970.
    pub fetched: u64,
}

/// A file in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredFile {
    /// Its name in its directory.
    pub name: String,
    /// The SHA-256 digest of its content, in hexadecimal digits.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A kernel whose files are there and whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CachedKernel {
    pub(crate) kernel: PathBuf,
    pub(crate) modules: Vec<PathBuf>,
}

impl StoredFile {
    /// What there is to say about the file `path`, to be called `name`.
    pub(crate) fn describe(path: &Path, name: &str) -> io::Result<Self> {
        let bytes = path.metadata()?.len();
        Ok(Self {
            name: name.to_owned(),
            sha256: digest_of(path)?,
            bytes,
        })
    }
}

impl Cache {
    /// The user's: `VAMBRACE_CACHE`, else `vambrace` in `XDG_CACHE_HOME`, else in `~/.cache`.
    ///
    /// # Errors
    /// None of the three variables is set.
    pub fn of_user() -> Result<Self, Error> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let root = variable("VAMBRACE_CACHE")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("XDG_CACHE_HOME")?).join("vambrace")))
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache/vambrace")))
            .ok_or(Error::NoCacheDirectory)?;
        let root = std::path::absolute(&root).map_err(|source| Error::File {
            action: "use the cache directory",
            path: root,
            source,
        })?;
        Ok(Self { root })
    }

    /// The one in `root`.
    #[must_use]
    pub fn in_directory(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The kernels' directory.
    #[must_use]
    pub fn kernels(&self) -> PathBuf {
        self.root.join("kernels")
    }

    /// The directory of what guests are made of beside their kernels.
    #[must_use]
    pub fn bundles(&self) -> PathBuf {
        self.root.join("bundles")
    }

    /// The directory of the consoles of hosts that failed.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The record of the kernel of `series`, if it has been fetched.
    ///
    /// # Errors
    /// The record exists but cannot be read or understood.
    pub fn record(&self, series: &'static Series) -> Result<Option<Record>, Error> {
        let path = self.record_path(series);
        let damaged = |reason: String| Error::RecordDamaged {
            series: series.name,
            path: path.clone(),
            reason,
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let record: Record =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let names = record
            .files()
            .map(|file| &file.name)
            .chain([&record.directory]);
        if record.series != series.name || !names.into_iter().all(|name| is_plain_name(name)) {
            return Err(damaged("it belongs to something else".into()));
        }
        Ok(Some(record))
    }

    /// The kernel of `series`, if it has been fetched and is still what was fetched.
    ///
    /// # Errors
    /// The record or one of the files is damaged, or a file is missing.
    pub(crate) fn kernel(&self, series: &'static Series) -> Result<Option<CachedKernel>, Error> {
        let Some(record) = self.record(series)? else {
            return Ok(None);
        };
        let directory = self.kernels().join(&record.directory);
        for file in record.files() {
            check(series, &directory.join(&file.name), file)?;
        }
        Ok(Some(CachedKernel {
            kernel: directory.join(&record.kernel.name),
            modules: record
                .modules
                .iter()
                .map(|module| directory.join(&module.name))
                .collect(),
        }))
    }

    /// Whether the kernel of `series` was fetched and is whole.
    ///
    /// # Errors
    /// The record or one of the files is damaged, or a file is missing.
    pub fn verify(&self, series: &'static Series) -> Result<bool, Error> {
        self.kernel(series).map(|kernel| kernel.is_some())
    }

    /// Takes the finished directory `store`, which lies in the same file system, for `record`.
    pub(crate) fn store(
        &self,
        series: &'static Series,
        store: &Path,
        record: &Record,
    ) -> Result<(), Error> {
        let previous = self.record(series).ok().flatten();
        let place = self.kernels().join(&record.directory);
        let error = |action, path: &Path| {
            let path = path.to_owned();
            move |source| Error::File {
                action,
                path,
                source,
            }
        };
        std::fs::rename(store, &place).map_err(error("store", &place))?;
        let path = self.record_path(series);
        let draft = path.with_extension("json.draft");
        let mut text = serde_json::to_vec_pretty(record)
            .map_err(|source| error("write", &draft)(source.into()))?;
        text.push(b'\n');
        std::fs::write(&draft, text).map_err(error("write", &draft))?;
        std::fs::rename(&draft, &path).map_err(error("store", &path))?;
        if let Some(previous) = previous.filter(|previous| previous.directory != record.directory) {
            // A host that runs it has read it already; what cannot be removed does no harm.
            let _ = std::fs::remove_dir_all(self.kernels().join(previous.directory));
        }
        Ok(())
    }

    fn record_path(&self, series: &Series) -> PathBuf {
        self.kernels().join(format!("{}.json", series.name))
    }
}

impl Record {
    fn files(&self) -> impl Iterator<Item = &StoredFile> {
        std::iter::once(&self.kernel).chain(&self.modules)
    }
}

fn check(series: &'static Series, path: &Path, file: &StoredFile) -> Result<(), Error> {
    let found = digest_of(path).unwrap_or_else(|error| format!("none ({error})"));
    if found == file.sha256 {
        return Ok(());
    }
    Err(Error::KernelDamaged {
        series: series.name,
        path: path.to_owned(),
        expected: file.sha256.clone(),
        found,
    })
}

/// The SHA-256 digest of a file, in hexadecimal digits.
fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// A record must not lead out of the cache.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    struct Fixture {
        directory: tempfile::TempDir,
        cache: Cache,
        series: &'static Series,
    }

    fn file(name: &str) -> StoredFile {
        StoredFile {
            name: name.into(),
            sha256: HELLO.into(),
            bytes: 5,
        }
    }

    fn record(directory: &str) -> Record {
        Record {
            series: "6.12".into(),
            release: "6.12.1-cloud-arm64".into(),
            package: "linux-image-6.12.1-cloud-arm64".into(),
            version: "6.12.1-1".into(),
            suite: "trixie".into(),
            directory: directory.into(),
            kernel: file("vmlinuz"),
            modules: vec![file("virtio.ko")],
            fetched: 1_800_000_000,
        }
    }

    impl Fixture {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let cache = Cache::in_directory(directory.path());
            std::fs::create_dir(cache.kernels()).unwrap();
            let fixture = Self {
                directory,
                cache,
                series: Series::named("6.12").unwrap(),
            };
            fixture.store("first");
            fixture
        }

        fn store(&self, name: &str) {
            let draft = self.directory.path().join("draft");
            std::fs::create_dir(&draft).unwrap();
            for file in ["vmlinuz", "virtio.ko"] {
                std::fs::write(draft.join(file), "hello").unwrap();
            }
            self.cache
                .store(self.series, &draft, &record(name))
                .unwrap();
        }

        fn path(&self, name: &str) -> PathBuf {
            self.cache.kernels().join(name)
        }

        fn kernel(&self) -> Result<Option<CachedKernel>, Error> {
            self.cache.kernel(self.series)
        }
    }

    #[test]
    fn a_stored_kernel_is_found_again_with_its_record() {
        let f = Fixture::new();
        assert_eq!(f.cache.record(f.series).unwrap(), Some(record("first")));
        let kernel = f.kernel().unwrap().unwrap();
        assert_eq!(kernel.kernel, f.path("first/vmlinuz"));
        assert_eq!(kernel.modules, [f.path("first/virtio.ko")]);
    }

    #[test]
    fn a_kernel_that_was_not_fetched_is_none() {
        let f = Fixture::new();
        assert_eq!(f.cache.kernel(Series::named("6.1").unwrap()).unwrap(), None);
    }

    #[test]
    fn a_damaged_kernel_is_refused_with_both_digests_and_the_command_that_mends_it() {
        let f = Fixture::new();
        let path = f.path("first/vmlinuz");
        std::fs::write(&path, "hellp").unwrap();
        let error = f.kernel().unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(path.to_str().unwrap()) && text.contains(HELLO),
            "{text}"
        );
        assert!(!text.ends_with(HELLO), "{text}");
        assert!(
            error
                .hint()
                .unwrap()
                .ends_with("vambrace lab fetch --force 6.12")
        );
    }

    #[test]
    fn a_damaged_or_missing_module_is_refused_as_well() {
        let f = Fixture::new();
        let path = f.path("first/virtio.ko");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(f.kernel(), Err(Error::KernelDamaged { path: p, .. }) if p == path));
        std::fs::remove_file(&path).unwrap();
        assert!(
            f.kernel()
                .unwrap_err()
                .to_string()
                .contains("found sha256 none (No such file")
        );
    }

    #[test]
    fn damaged_records_are_refused() {
        let f = Fixture::new();
        let path = f.path("6.12.json");
        let good = std::fs::read_to_string(&path).unwrap();
        for text in [
            String::new(),
            good[..good.len() / 2].to_owned(),
            good.replace("\"6.12\"", "\"6.1\""),
            good.replace("\"vmlinuz\"", "\"../vmlinuz\""),
            good.replace("\"first\"", "\"..\""),
            good.replace("\"bytes\": 5", "\"bytes\": -5"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = f.kernel().unwrap_err();
            assert!(
                matches!(error, Error::RecordDamaged { series: "6.12", .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn a_newer_kernel_replaces_the_older_one() {
        let f = Fixture::new();
        f.store("second");
        assert!(!f.path("first").exists());
        assert_eq!(
            f.kernel().unwrap().unwrap().kernel,
            f.path("second/vmlinuz")
        );
    }

    #[test]
    fn a_damaged_record_does_not_stand_in_the_way_of_a_new_one() {
        let f = Fixture::new();
        std::fs::write(f.path("6.12.json"), "{").unwrap();
        f.store("second");
        assert!(f.cache.verify(f.series).unwrap());
    }
}
