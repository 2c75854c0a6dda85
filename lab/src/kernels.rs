//! The catalogue: which Debian kernels a lab host can run, and where Debian keeps them.
//!
//! A series is named by the first two numbers of its version, because exact patch levels leave the
//! mirrors as Debian updates: "the newest of the series" is looked up when it is fetched, and what
//! was found is recorded. All are Debian's *cloud* flavour: KVM, PL011, GICv3, PCI, virtio-pci and
//! virtio-console are built in, at half the size of the full one.

/// One series of Linux that Debian packages for arm64.
#[derive(Debug, PartialEq, Eq)]
pub struct Series {
    /// What it is called here, such as `6.12`.
    pub name: &'static str,
    /// Debian's name of the suite that has it.
    pub suite: &'static str,
    /// What the names of its packages begin with; they end in [`FLAVOUR`].
    pub package_prefix: &'static str,
    /// Where in the package the kernel lies.
    pub location: Location,
}

/// Where in a package the kernel lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// `boot/vmlinuz-RELEASE`.
    Boot,
    /// `usr/lib/modules/RELEASE/vmlinuz`.
    Modules,
}

impl Series {
    /// The series called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SERIES.iter().find(|series| series.name == name)
    }

    /// The series used where none is named.
    #[must_use]
    pub fn default_series() -> &'static Self {
        &SERIES[DEFAULT]
    }

    /// Whether `package` is one of this series' kernels.
    #[must_use]
    pub fn has_package(&self, package: &str) -> bool {
        self.release(package).is_some()
    }

    /// The kernel release, such as `6.12.107+deb13-cloud-arm64`, that `package` holds.
    #[must_use]
    pub fn release<'a>(&self, package: &'a str) -> Option<&'a str> {
        let stem = package.strip_suffix(FLAVOUR)?;
        let patch = stem.strip_prefix(self.package_prefix)?;
        patch
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(())?;
        let prefix = self.package_prefix;
        let kind = prefix.len()
            - prefix
                .trim_start_matches(|c: char| !c.is_ascii_digit())
                .len();
        Some(&package[kind..])
    }
}

/// Every series, oldest first.
pub static SERIES: [Series; 4] = [
    Series {
        name: "5.10",
        suite: "bullseye",
        package_prefix: "linux-image-5.10.",
        location: Location::Boot,
    },
    Series {
        name: "6.1",
        suite: "bookworm",
        package_prefix: "linux-image-6.1.",
        location: Location::Boot,
    },
    Series {
        name: "6.12",
        suite: "trixie",
        package_prefix: "linux-image-6.12.",
        location: Location::Boot,
    },
    // Its linux-image package is only a shell around this one.
    Series {
        name: "7.3",
        suite: "trixie-backports",
        package_prefix: "linux-binary-7.3.",
        location: Location::Modules,
    },
];

/// What the names of all kernel packages here end in.
pub const FLAVOUR: &str = "-cloud-arm64";

/// The first long-term series with KVM's filter for guest calls (Linux 6.4 brought it).
const DEFAULT: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_6_12() {
        assert_eq!(Series::default_series().name, "6.12");
    }

    #[test]
    fn debian_s_packages_belong_to_their_series_and_to_no_other() {
        for (series, package, release) in [
            (
                "5.10",
                "linux-image-5.10.0-32-cloud-arm64",
                "5.10.0-32-cloud-arm64",
            ),
            (
                "6.1",
                "linux-image-6.1.0-50-cloud-arm64",
                "6.1.0-50-cloud-arm64",
            ),
            (
                "6.12",
                "linux-image-6.12.107+deb13-cloud-arm64",
                "6.12.107+deb13-cloud-arm64",
            ),
            (
                "7.3",
                "linux-binary-7.3.4+deb13-cloud-arm64",
                "7.3.4+deb13-cloud-arm64",
            ),
        ] {
            assert_eq!(
                Series::named(series).unwrap().release(package),
                Some(release)
            );
            let owners = SERIES
                .iter()
                .filter(|other| other.has_package(package))
                .count();
            assert_eq!(owners, 1, "{package}");
        }
    }

    #[test]
    fn unsigned_debug_and_other_flavours_are_not_taken() {
        let series = Series::named("6.12").unwrap();
        for package in [
            "linux-image-6.12.107+deb13-cloud-arm64-unsigned",
            "linux-image-6.12.107+deb13-cloud-arm64-dbg",
            "linux-image-6.12.107+deb13-arm64",
            "linux-image-6.12.107+deb13-rt-arm64",
            "linux-image-6.12.-cloud-arm64",
            "linux-image-cloud-arm64",
            "linux-image-6.120.1-cloud-arm64",
        ] {
            assert!(!series.has_package(package), "{package}");
        }
    }

    #[test]
    fn a_name_outside_the_catalogue_is_no_series() {
        assert!(Series::named("6.13").is_none());
        assert!(Series::named("").is_none());
    }
}
