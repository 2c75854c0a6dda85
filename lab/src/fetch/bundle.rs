//! Fetching files of Debian's packages that guests are made of, beside their kernels.
//!
//! A bundle names packages and files in them. Its directory in the cache has the files, its record
//! the packages they came from and their digests; where any of that is not what is wanted now, or a
//! file is not what it was, the bundle is fetched again. A bundle of a kernel is of the very
//! package that the cache's kernel came from, because modules fit no other.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Progress, Scratch, apt::Apt, apt::System, file_error, lock, mirror_of, require_tools};
use crate::cache::{Cache, StoredFile, is_plain_name};
use crate::error::Error;
use crate::kernels::{FLAVOUR, Series};
use crate::latch::Cancel;

/// Files of packages of one suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundle {
    /// What it is called in the cache.
    pub name: &'static str,
    /// Where its files are from.
    pub packages: Packages,
    /// Their paths in the packages, no two with the same last part; `RELEASE` is that of the
    /// kernel.
    pub files: &'static [&'static str],
}

/// Which packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// The newest of these names in this suite.
    Named {
        /// Debian's name of the suite.
        suite: &'static str,
        /// Their names.
        names: &'static [&'static str],
    },
    /// The one that the cache's kernel of this series came from.
    OfKernel(&'static str),
    /// The one of the same version in Debian's full flavour, which has drivers that the cloud's
    /// lacks.
    FullFlavourOf(&'static str),
}

/// What has been fetched of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The files of the packages, such as `u-boot-qemu_2025.01-3_all.deb`.
    pub archives: Vec<String>,
    /// Where the files lie, in the bundle's order.
    pub files: Vec<PathBuf>,
}

/// Puts a bundle into `cache`, unless it is there and whole, and says where its files are.
///
/// # Errors
/// As [`fetch`](super::fetch()); and where a kernel's bundle is asked for, that kernel is not
/// there.
pub fn fetch_bundle(
    cache: &Cache,
    bundle: &Bundle,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Fetched, Error> {
    let place = cache.bundles();
    std::fs::create_dir_all(&place).map_err(file_error("create", &place))?;
    let _lock = lock(&place, cancel, progress)?;
    let wanted = Wanted::of(bundle, cache)?;
    let path = place.join(format!("{}.json", bundle.name));
    if let Some(record) = Record::read(&path)
        && record.holds(&wanted, &place)
    {
        return Ok(record.fetched(&place));
    }
    require_tools()?;
    let scratch = Scratch::make(&place)?;
    let archives = download(&scratch.0, &wanted, cancel, progress)?;
    let record = wanted.assemble(bundle.name, archives, &scratch.0)?;
    record.keep(&scratch.0.join(STORE), &place, &path)?;
    Ok(record.fetched(&place))
}

fn download(
    scratch: &Path,
    wanted: &Wanted,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<String>, Error> {
    let system = System::read(cancel)?;
    let mirror = mirror_of(None, &system)?;
    let apt = Apt::prepare(scratch, &system, &mirror, &wanted.suite, cancel)?;
    progress(Progress::Step(&format!(
        "reading Debian {}'s list of arm64 packages",
        wanted.suite
    )));
    apt.update(&wanted.suite, progress)?;
    let names = wanted.packages.join(", ");
    progress(Progress::Step(&format!("downloading {names}")));
    let archives = apt.download(&wanted.packages, progress)?;
    progress(Progress::Step(&format!("unpacking {names}")));
    let tree = scratch.join(TREE);
    for archive in &archives {
        apt.unpack(archive, &tree)?;
    }
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into());
    Ok(archives.iter().filter_map(name).collect())
}

/// What a bundle means today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    suite: String,
    /// As apt is asked for them: names, or `name=version`.
    packages: Vec<String>,
    /// Paths in them.
    files: Vec<String>,
}

impl Wanted {
    fn of(bundle: &Bundle, cache: &Cache) -> Result<Self, Error> {
        let (suite, packages, release) = match bundle.packages {
            Packages::Named { suite, names } => {
                let names = names.iter().map(|name| (*name).to_owned()).collect();
                (suite.to_owned(), names, String::new())
            }
            Packages::OfKernel(name) => of_kernel(name, FLAVOUR, cache)?,
            Packages::FullFlavourOf(name) => of_kernel(name, FULL_FLAVOUR, cache)?,
        };
        let files = bundle.files.iter();
        Ok(Self {
            suite,
            packages,
            files: files.map(|file| file.replace(RELEASE, &release)).collect(),
        })
    }

    /// Copies the files from the unpacked packages into a directory of their own.
    fn assemble(self, name: &str, archives: Vec<String>, scratch: &Path) -> Result<Record, Error> {
        let store = scratch.join(STORE);
        std::fs::create_dir(&store).map_err(file_error("create", &store))?;
        let tree = scratch.join(TREE);
        let tree = tree.canonicalize().map_err(file_error("read", &tree))?;
        let take = |file: &String| take(file, &tree, &store, &archives);
        let files = self.files.iter().map(take).collect::<Result<_, _>>()?;
        let fetched = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let fetched = fetched.map_or(0, |since| since.as_secs());
        Ok(Record {
            directory: format!("{name}-{fetched}-{}", std::process::id()),
            wanted: self,
            archives,
            files,
            fetched,
        })
    }
}

/// Suite, package and release of the cache's kernel, in this flavour.
fn of_kernel(
    name: &'static str,
    flavour: &str,
    cache: &Cache,
) -> Result<(String, Vec<String>, String), Error> {
    let missing = || Error::KernelNotFetched { series: name };
    let series = Series::named(name).ok_or_else(missing)?;
    let kernel = cache.record(series)?.ok_or_else(missing)?;
    let in_flavour = |cloud: &str| {
        let stem = cloud.strip_suffix(FLAVOUR).unwrap_or(cloud);
        format!("{stem}{flavour}")
    };
    let package = format!("{}={}", in_flavour(&kernel.package), kernel.version);
    Ok((kernel.suite, vec![package], in_flavour(&kernel.release)))
}

/// Copies one file, or what a link in the packages leads to, under its own name.
fn take(file: &str, tree: &Path, store: &Path, archives: &[String]) -> Result<StoredFile, Error> {
    let missing = || Error::FetchFailed {
        step: format!("looking for {file}"),
        output: vec![format!("it is not in {}", archives.join(", "))],
    };
    // A link must not lead out of what was unpacked.
    let path = tree.join(file).canonicalize().map_err(|_| missing())?;
    let name = file.rsplit('/').next().unwrap_or(file);
    if !path.starts_with(tree) || !path.is_file() || !is_plain_name(name) {
        return Err(missing());
    }
    let place = store.join(name);
    std::fs::copy(&path, &place).map_err(file_error("copy", &path))?;
    StoredFile::describe(&place, name).map_err(file_error("read", &place))
}

/// What is known about a bundle in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    wanted: Wanted,
    archives: Vec<String>,
    directory: String,
    files: Vec<StoredFile>,
    /// When it was fetched, in seconds since 1970.
    fetched: u64,
}

impl Record {
    /// What cannot be understood is as good as nothing: it is fetched again.
    fn read(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let mut names = record.files.iter().map(|file| &file.name);
        let plain = is_plain_name(&record.directory) && names.all(|name| is_plain_name(name));
        plain.then_some(record)
    }

    fn holds(&self, wanted: &Wanted, place: &Path) -> bool {
        let directory = place.join(&self.directory);
        let whole = |file: &StoredFile| {
            let found = StoredFile::describe(&directory.join(&file.name), &file.name);
            found.is_ok_and(|found| found == *file)
        };
        self.wanted == *wanted && self.files.iter().all(whole)
    }

    fn fetched(&self, place: &Path) -> Fetched {
        let directory = place.join(&self.directory);
        Fetched {
            archives: self.archives.clone(),
            files: self
                .files
                .iter()
                .map(|file| directory.join(&file.name))
                .collect(),
        }
    }

    /// Takes the finished directory `store` for this record: at any moment the record names whole
    /// files.
    fn keep(&self, store: &Path, place: &Path, path: &Path) -> Result<(), Error> {
        let previous = Self::read(path);
        let directory = place.join(&self.directory);
        std::fs::rename(store, &directory).map_err(file_error("store", &directory))?;
        let draft = path.with_extension("json.draft");
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| file_error("write", &draft)(source.into()))?;
        std::fs::write(&draft, text).map_err(file_error("write", &draft))?;
        std::fs::rename(&draft, path).map_err(file_error("store", path))?;
        if let Some(previous) = previous.filter(|previous| previous.directory != self.directory) {
            // What cannot be removed does no harm.
            let _ = std::fs::remove_dir_all(place.join(previous.directory));
        }
        Ok(())
    }
}

const RELEASE: &str = "RELEASE";
const FULL_FLAVOUR: &str = "-arm64";
const STORE: &str = "store";
const TREE: &str = "tree";

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTLOADER: Bundle = Bundle {
        name: "bootloader",
        packages: Packages::Named {
            suite: "trixie",
            names: &["loader"],
        },
        files: &["usr/lib/loader/image", "usr/lib/liba.so.2"],
    };

    /// A cache, and what was unpacked of a package that has the bundle's files, one by a link.
    struct Fixture {
        _directory: tempfile::TempDir,
        cache: Cache,
    }

    impl Fixture {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let cache = Cache::in_directory(directory.path());
            let fixture = Self {
                _directory: directory,
                cache,
            };
            let tree = fixture.scratch().join("tree/usr/lib");
            std::fs::create_dir_all(tree.join("loader")).unwrap();
            std::fs::write(tree.join("loader/image"), "image").unwrap();
            std::fs::write(tree.join("liba.so.2.4"), "library").unwrap();
            std::os::unix::fs::symlink("liba.so.2.4", tree.join("liba.so.2")).unwrap();
            fixture
        }

        fn scratch(&self) -> PathBuf {
            self.cache.bundles().join("scratch")
        }

        fn path(&self) -> PathBuf {
            self.cache.bundles().join("bootloader.json")
        }

        fn wanted(&self) -> Wanted {
            Wanted::of(&BOOTLOADER, &self.cache).unwrap()
        }

        fn assemble(&self) -> Result<Record, Error> {
            let archives = vec!["loader_1_all.deb".into()];
            self.wanted()
                .assemble("bootloader", archives, &self.scratch())
        }

        fn store(&self) -> Record {
            let record = self.assemble().unwrap();
            let store = self.scratch().join("store");
            record
                .keep(&store, &self.cache.bundles(), &self.path())
                .unwrap();
            record
        }

        fn holds(&self) -> bool {
            Record::read(&self.path())
                .is_some_and(|record| record.holds(&self.wanted(), &self.cache.bundles()))
        }
    }

    #[test]
    fn a_stored_bundle_is_found_again_in_its_order() {
        let fixture = Fixture::new();
        let fetched = fixture.store().fetched(&fixture.cache.bundles());
        assert!(fixture.holds());
        let [image, library] = &fetched.files[..] else {
            panic!("{fetched:?}");
        };
        assert_eq!(std::fs::read(image).unwrap(), b"image");
        assert_eq!(std::fs::read(library).unwrap(), b"library");
        assert!(library.ends_with("liba.so.2"), "{library:?}");
    }

    #[test]
    fn what_is_damaged_or_wanted_otherwise_is_fetched_again() {
        let fixture = Fixture::new();
        let record = fixture.store();
        let place = fixture.cache.bundles();
        let newer = Wanted {
            packages: vec!["loader=2".into()],
            ..fixture.wanted()
        };
        assert!(!record.holds(&newer, &place));
        std::fs::write(&record.fetched(&place).files[0], "imagf").unwrap();
        assert!(!fixture.holds());
        std::fs::write(fixture.path(), "{").unwrap();
        assert!(!fixture.holds());
    }

    #[test]
    fn a_file_that_is_not_there_or_leads_out_is_refused() {
        let fixture = Fixture::new();
        let image = fixture.scratch().join("tree/usr/lib/loader/image");
        std::fs::remove_file(&image).unwrap();
        let told = |error: &Error| matches!(error, Error::FetchFailed { .. });
        assert!(told(&fixture.assemble().unwrap_err()));
        std::fs::remove_dir(fixture.scratch().join("store")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &image).unwrap();
        assert!(told(&fixture.assemble().unwrap_err()));
    }

    #[test]
    fn a_bundle_of_a_kernel_is_of_its_version_in_either_flavour() {
        let fixture = Fixture::new();
        let record = r#"{"series": "6.12", "release": "6.12.1+deb13-cloud-arm64",
            "package": "linux-image-6.12.1+deb13-cloud-arm64", "version": "6.12.1-1",
            "suite": "trixie", "directory": "d", "modules": [], "fetched": 0,
            "kernel": {"name": "vmlinuz", "sha256": "", "bytes": 0}}"#;
        let kernels = fixture.cache.kernels();
        std::fs::create_dir_all(&kernels).unwrap();
        std::fs::write(kernels.join("6.12.json"), record).unwrap();
        for (packages, flavour) in [
            (Packages::OfKernel("6.12"), "cloud-arm64"),
            (Packages::FullFlavourOf("6.12"), "arm64"),
        ] {
            let files = &["boot/vmlinuz-RELEASE"];
            let bundle = Bundle {
                packages,
                files,
                ..BOOTLOADER
            };
            let wanted = Wanted::of(&bundle, &fixture.cache).unwrap();
            let package = format!("linux-image-6.12.1+deb13-{flavour}=6.12.1-1");
            assert_eq!(wanted.packages, [package]);
            assert_eq!(
                wanted.files,
                [format!("boot/vmlinuz-6.12.1+deb13-{flavour}")]
            );
            assert_eq!(wanted.suite, "trixie");
        }
    }

    #[test]
    fn a_bundle_of_a_kernel_that_is_not_there_says_so() {
        let fixture = Fixture::new();
        let bundle = Bundle {
            packages: Packages::OfKernel("6.12"),
            ..BOOTLOADER
        };
        let error = Wanted::of(&bundle, &fixture.cache).unwrap_err();
        assert!(matches!(error, Error::KernelNotFetched { series: "6.12" }));
    }
}
