//! What machines are booted from: packages of Debian, and our first process.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vambrace_lab::cpio::Archive;
use vambrace_lab::kernels::Series;
use vambrace_lab::{Bundle, Cache, Cancel, Error, Fetched, Packages, Progress, fetch_bundle};

use super::trial::Initramfs;
use crate::built;

/// A kernel that the lab has fetched.
#[derive(Debug)]
pub struct Kernel {
    /// Its file.
    pub path: PathBuf,
    /// What it says it is.
    pub release: String,
}

impl Kernel {
    /// The one of this series.
    ///
    /// # Errors
    /// In words, why it is not there.
    pub fn of(series: &str) -> Result<Self, String> {
        let missing = || format!("the kernel {series} is not here: vambrace lab fetch {series}");
        let cache = Cache::of_user().map_err(in_words)?;
        let series = Series::named(series).ok_or_else(missing)?;
        let record = cache.record(series).map_err(in_words)?;
        let record = record.ok_or_else(missing)?;
        Ok(Self {
            path: cache
                .kernels()
                .join(record.directory)
                .join(record.kernel.name),
            release: record.release,
        })
    }
}

/// What the trials of one run share: made when it is first needed, gone with this.
#[derive(Debug)]
pub struct Materials {
    folder: TempDir,
    plain: OnceCell<PathBuf>,
    tools: OnceCell<PathBuf>,
    wires: OnceCell<PathBuf>,
    button: OnceCell<PathBuf>,
}

impl Materials {
    /// With a folder of their own for what is made.
    ///
    /// # Errors
    /// In words, why there is none.
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            folder: tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?,
            plain: OnceCell::new(),
            tools: OnceCell::new(),
            wires: OnceCell::new(),
            button: OnceCell::new(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The initramfs that has nothing but our first process.
    ///
    /// # Errors
    /// In words, why it cannot be made.
    pub fn plain_initramfs(&self) -> Result<&Path, String> {
        self.initramfs(Initramfs::Init)
    }

    /// The initramfs that has the drivers of all devices too.
    ///
    /// # Errors
    /// In words, why it cannot be made.
    pub fn wires_initramfs(&self) -> Result<&Path, String> {
        self.initramfs(Initramfs::Wires)
    }

    pub(super) fn initramfs(&self, which: Initramfs) -> Result<&Path, String> {
        let (cell, name) = match which {
            Initramfs::Init => (&self.plain, "initramfs"),
            Initramfs::Tools => (&self.tools, "initramfs-with-tools"),
            Initramfs::Wires => (&self.wires, "initramfs-for-wires"),
            Initramfs::Button => (&self.button, "initramfs-for-a-button"),
        };
        if let Some(path) = cell.get() {
            return Ok(path);
        }
        let path = self.folder().join(name);
        let mut archive = Archive::new(File::create(&path).map_err(of_file(&path))?);
        add(&mut archive, "init", &built::find_arm64("linux_init")?)?;
        let drivers = match which {
            Initramfs::Init => Vec::new(),
            Initramfs::Tools => fetched(&DRIVERS)?.files,
            Initramfs::Wires => fetched(&WIRES)?.files,
            Initramfs::Button => fetched(&FULL_FLAVOUR)?.files.split_off(1),
        };
        for (number, driver) in drivers.iter().enumerate() {
            let name = name_of(driver);
            add(&mut archive, &format!("modules/{number:02}-{name}"), driver)?;
        }
        if which == Initramfs::Tools {
            archive.symlink("lib", "usr/lib").map_err(of_file(&path))?;
            for (place, file) in PLACES.iter().zip(fetched(&PROGRAMS)?.files) {
                add(&mut archive, place, &file)?;
            }
        }
        archive.finish().map_err(of_file(&path))?;
        Ok(cell.get_or_init(|| path))
    }

    /// The driver of tap interfaces for a lab host with Debian's 6.12.
    ///
    /// # Errors
    /// In words, why it cannot be had.
    pub fn tun() -> Result<PathBuf, String> {
        let [module] = files(&TUN)?;
        Ok(module)
    }

    /// The program at the other ends of a guest's devices, inside its host.
    ///
    /// # Errors
    /// In words, why there is none.
    pub fn other_end() -> Result<PathBuf, String> {
        built::find_arm64("linux_other_end")
    }

    /// The kernel of Debian's full flavour.
    pub(super) fn full_flavour(&self) -> Result<PathBuf, String> {
        let [kernel, ..] = files::<3>(&FULL_FLAVOUR)?;
        Ok(kernel)
    }

    pub(super) fn u_boot(&self) -> Result<PathBuf, String> {
        let [image] = files(&U_BOOT)?;
        Ok(image)
    }

    pub(super) fn installer(&self) -> Result<(PathBuf, PathBuf), String> {
        let [kernel, initramfs] = files(&INSTALLER)?;
        Ok((kernel, initramfs))
    }

    /// A disk with a kernel from its first sector on, and an initramfs from [`INITRAMFS_AT`] on.
    pub(super) fn write_bootable(&self, path: &Path) -> Result<(), String> {
        let initramfs = self.initramfs(Initramfs::Init)?;
        let write = || -> io::Result<()> {
            let mut disk = File::create(path)?;
            disk.set_len(INITRAMFS_AT + INITRAMFS_ROOM)?;
            let kernel = Kernel::of("6.12").map_err(io::Error::other)?.path;
            let length = io::copy(&mut File::open(kernel)?, &mut disk)?;
            if length > INITRAMFS_AT {
                return Err(io::Error::other("the kernel has no room"));
            }
            disk.seek(SeekFrom::Start(INITRAMFS_AT))?;
            let length = io::copy(&mut File::open(initramfs)?, &mut disk)?;
            if length > INITRAMFS_ROOM {
                return Err(io::Error::other("the initramfs has no room"));
            }
            disk.flush()
        };
        write().map_err(of_file(path))
    }
}

/// Another monitor, to be run in a lab host: QEMU with KVM, as Debian has it for arm64.
#[derive(Debug)]
pub struct Peer {
    files: Vec<PathBuf>,
}

impl Peer {
    /// The one in the cache, fetched if it is not there.
    ///
    /// # Errors
    /// In words, why it cannot be had.
    pub fn fetched() -> Result<Self, String> {
        let files = fetched(&QEMU)?.files;
        Ok(Self { files })
    }

    /// Its files, and where each lies in the host: as in Debian, but that `/usr` is the root.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &'static str)> {
        let places = QEMU_PLACES.iter();
        let places = places.filter_map(|place| place.strip_prefix("usr"));
        self.files.iter().map(PathBuf::as_path).zip(places)
    }
}

fn add(archive: &mut Archive<File>, place: &str, path: &Path) -> Result<(), String> {
    let content = fs::read(path).map_err(of_file(path))?;
    let length = content.len() as u64;
    let added = archive.file(place, 0o755, length, &mut &content[..]);
    added.map_err(of_file(path))
}

fn files<const N: usize>(bundle: &Bundle) -> Result<[PathBuf; N], String> {
    let files = fetched(bundle)?.files;
    let count = files.len();
    let other = move |_| format!("{} has {count} files, not {N}", bundle.name);
    files.try_into().map_err(other)
}

fn fetched(bundle: &Bundle) -> Result<Fetched, String> {
    let cache = Cache::of_user().map_err(in_words)?;
    let cancel = Cancel::new().map_err(|error| format!("cannot wait: {error}"))?;
    let mut tell = |progress: Progress<'_>| {
        if let Progress::Step(step) = progress {
            eprintln!("linux: {step}");
        }
    };
    fetch_bundle(&cache, bundle, &cancel, &mut tell).map_err(in_words)
}

fn in_words(error: Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}: {hint}"),
        None => error.to_string(),
    }
}

fn of_file(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Where the initramfs lies on a bootable disk, in bytes, and how much room it has.
pub(super) const INITRAMFS_AT: u64 = 48 << 20;
pub(super) const INITRAMFS_ROOM: u64 = 16 << 20;

/// Drivers that Debian's 6.12 has as modules, in an order in which they can be loaded.
const DRIVERS: Bundle = Bundle {
    name: "linux-6.12-drivers",
    packages: Packages::OfKernel("6.12"),
    files: &[
        "usr/lib/modules/RELEASE/kernel/drivers/virtio/virtio_mmio.ko.xz",
        "usr/lib/modules/RELEASE/kernel/drivers/block/virtio_blk.ko.xz",
        "usr/lib/modules/RELEASE/kernel/drivers/char/hw_random/arm_smccc_trng.ko.xz",
    ],
};

/// The same for a machine with a device of each kind.
const WIRES: Bundle = Bundle {
    name: "linux-6.12-drivers-of-wires",
    packages: Packages::OfKernel("6.12"),
    files: &[
        "usr/lib/modules/RELEASE/kernel/drivers/virtio/virtio_mmio.ko.xz",
        "usr/lib/modules/RELEASE/kernel/drivers/block/virtio_blk.ko.xz",
        "usr/lib/modules/RELEASE/kernel/net/core/failover.ko.xz",
        "usr/lib/modules/RELEASE/kernel/drivers/net/net_failover.ko.xz",
        "usr/lib/modules/RELEASE/kernel/drivers/net/virtio_net.ko.xz",
        "usr/lib/modules/RELEASE/kernel/net/vmw_vsock/vsock.ko.xz",
        "usr/lib/modules/RELEASE/kernel/net/vmw_vsock/vmw_vsock_virtio_transport_common.ko.xz",
        "usr/lib/modules/RELEASE/kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko.xz",
        "usr/lib/modules/RELEASE/kernel/drivers/virtio/virtio_balloon.ko.xz",
    ],
};

/// What a host needs for tap interfaces.
const TUN: Bundle = Bundle {
    name: "linux-6.12-tun",
    packages: Packages::OfKernel("6.12"),
    files: &["usr/lib/modules/RELEASE/kernel/drivers/net/tun.ko.xz"],
};

/// A kernel with a driver for buttons at GPIO pins, which the cloud flavour is built without.
const FULL_FLAVOUR: Bundle = Bundle {
    name: "linux-6.12-full-flavour",
    packages: Packages::FullFlavourOf("6.12"),
    files: &[
        "boot/vmlinuz-RELEASE",
        "usr/lib/modules/RELEASE/kernel/drivers/input/evdev.ko.xz",
        "usr/lib/modules/RELEASE/kernel/drivers/input/keyboard/gpio_keys.ko.xz",
    ],
};

/// What makes and checks ext4, with the libraries that it is linked with.
const PROGRAMS: Bundle = Bundle {
    name: "e2fsprogs",
    packages: Packages::Named {
        suite: "trixie",
        names: &[
            "e2fsprogs",
            "libblkid1",
            "libc6",
            "libcom-err2",
            "libext2fs2t64",
            "libuuid1",
        ],
    },
    files: &PLACES,
};

/// Where they lie in their packages, and in the guest.
const PLACES: [&str; 9] = [
    "usr/sbin/mke2fs",
    "usr/sbin/e2fsck",
    "usr/lib/ld-linux-aarch64.so.1",
    "usr/lib/aarch64-linux-gnu/libc.so.6",
    "usr/lib/aarch64-linux-gnu/libblkid.so.1",
    "usr/lib/aarch64-linux-gnu/libcom_err.so.2",
    "usr/lib/aarch64-linux-gnu/libe2p.so.2",
    "usr/lib/aarch64-linux-gnu/libext2fs.so.2",
    "usr/lib/aarch64-linux-gnu/libuuid.so.1",
];

const U_BOOT: Bundle = Bundle {
    name: "u-boot",
    packages: Packages::Named {
        suite: "trixie",
        names: &["u-boot-qemu"],
    },
    files: &["usr/lib/u-boot/qemu_arm64/u-boot.bin"],
};

const INSTALLER: Bundle = Bundle {
    name: "debian-installer",
    packages: Packages::Named {
        suite: "trixie",
        names: &["debian-installer-13-netboot-arm64"],
    },
    files: &[
        "usr/lib/debian-installer/images/13/arm64/text/debian-installer/arm64/linux",
        "usr/lib/debian-installer/images/13/arm64/text/debian-installer/arm64/initrd.gz",
    ],
};

/// With all that it is linked with; it needs no files of its own to boot a kernel.
const QEMU: Bundle = Bundle {
    name: "qemu-system-arm",
    packages: Packages::Named {
        suite: "trixie",
        names: &[
            "libaio1t64",
            "libatomic1",
            "libblkid1",
            "libbpf1",
            "libc6",
            "libcap2",
            "libcapstone5",
            "libdaxctl1",
            "libelf1t64",
            "libfdt1",
            "libffi8",
            "libfuse3-4",
            "libglib2.0-0t64",
            "libgmp10",
            "libgnutls30t64",
            "libhogweed6t64",
            "libibverbs1",
            "libidn2-0",
            "libjpeg62-turbo",
            "libkmod2",
            "libmount1",
            "libndctl6",
            "libnettle8t64",
            "libnl-3-200",
            "libnl-route-3-200",
            "libnuma1",
            "libp11-kit0",
            "libpcre2-8-0",
            "libpixman-1-0",
            "libpmem1",
            "libpng16-16t64",
            "librdmacm1t64",
            "libsasl2-2",
            "libseccomp2",
            "libselinux1",
            "libslirp0",
            "libssl3t64",
            "libtasn1-6",
            "libudev1",
            "libunistring5",
            "liburing2",
            "libuuid1",
            "libvdeplug2t64",
            "libzstd1",
            "qemu-system-arm",
            "zlib1g",
        ],
    },
    files: &QEMU_PLACES,
};

/// Where they lie in their packages.
const QEMU_PLACES: [&str; 51] = [
    "usr/bin/qemu-system-aarch64",
    "usr/lib/ld-linux-aarch64.so.1",
    "usr/lib/aarch64-linux-gnu/libaio.so.1t64",
    "usr/lib/aarch64-linux-gnu/libatomic.so.1",
    "usr/lib/aarch64-linux-gnu/libblkid.so.1",
    "usr/lib/aarch64-linux-gnu/libbpf.so.1",
    "usr/lib/aarch64-linux-gnu/libc.so.6",
    "usr/lib/aarch64-linux-gnu/libcap.so.2",
    "usr/lib/aarch64-linux-gnu/libcapstone.so.5",
    "usr/lib/aarch64-linux-gnu/libcrypto.so.3",
    "usr/lib/aarch64-linux-gnu/libdaxctl.so.1",
    "usr/lib/aarch64-linux-gnu/libelf.so.1",
    "usr/lib/aarch64-linux-gnu/libfdt.so.1",
    "usr/lib/aarch64-linux-gnu/libffi.so.8",
    "usr/lib/aarch64-linux-gnu/libfuse3.so.4",
    "usr/lib/aarch64-linux-gnu/libgio-2.0.so.0",
    "usr/lib/aarch64-linux-gnu/libglib-2.0.so.0",
    "usr/lib/aarch64-linux-gnu/libgmodule-2.0.so.0",
    "usr/lib/aarch64-linux-gnu/libgmp.so.10",
    "usr/lib/aarch64-linux-gnu/libgnutls.so.30",
    "usr/lib/aarch64-linux-gnu/libgobject-2.0.so.0",
    "usr/lib/aarch64-linux-gnu/libhogweed.so.6",
    "usr/lib/aarch64-linux-gnu/libibverbs.so.1",
    "usr/lib/aarch64-linux-gnu/libidn2.so.0",
    "usr/lib/aarch64-linux-gnu/libjpeg.so.62",
    "usr/lib/aarch64-linux-gnu/libkmod.so.2",
    "usr/lib/aarch64-linux-gnu/libm.so.6",
    "usr/lib/aarch64-linux-gnu/libmount.so.1",
    "usr/lib/aarch64-linux-gnu/libndctl.so.6",
    "usr/lib/aarch64-linux-gnu/libnettle.so.8",
    "usr/lib/aarch64-linux-gnu/libnl-3.so.200",
    "usr/lib/aarch64-linux-gnu/libnl-route-3.so.200",
    "usr/lib/aarch64-linux-gnu/libnuma.so.1",
    "usr/lib/aarch64-linux-gnu/libp11-kit.so.0",
    "usr/lib/aarch64-linux-gnu/libpcre2-8.so.0",
    "usr/lib/aarch64-linux-gnu/libpixman-1.so.0",
    "usr/lib/aarch64-linux-gnu/libpmem.so.1",
    "usr/lib/aarch64-linux-gnu/libpng16.so.16",
    "usr/lib/aarch64-linux-gnu/librdmacm.so.1",
    "usr/lib/aarch64-linux-gnu/libsasl2.so.2",
    "usr/lib/aarch64-linux-gnu/libseccomp.so.2",
    "usr/lib/aarch64-linux-gnu/libselinux.so.1",
    "usr/lib/aarch64-linux-gnu/libslirp.so.0",
    "usr/lib/aarch64-linux-gnu/libtasn1.so.6",
    "usr/lib/aarch64-linux-gnu/libudev.so.1",
    "usr/lib/aarch64-linux-gnu/libunistring.so.5",
    "usr/lib/aarch64-linux-gnu/liburing.so.2",
    "usr/lib/aarch64-linux-gnu/libuuid.so.1",
    "usr/lib/aarch64-linux-gnu/libvdeplug.so.2",
    "usr/lib/aarch64-linux-gnu/libz.so.1",
    "usr/lib/aarch64-linux-gnu/libzstd.so.1",
];
