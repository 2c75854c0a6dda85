//! Options of a machine that several commands take.

use std::io;
use std::str::FromStr;

use vambrace_core::firmware::{self, KvmGeneration};
use vambrace_core::psci::PsciVersion;
use vambrace_kvm::devices::Unclaimed;
use vambrace_kvm::image::Version;
use vambrace_kvm::layout::MAXIMUM_VCPUS;
use vambrace_kvm::machine::{
    AttachError, Config, Devices, Features, FirmwareKind, OnReset, SeedChoice,
};
use vambrace_kvm::sys::CpuList;

use crate::failure::Failure;
use crate::host_choice::version_of;
use crate::test::Firmware;

/// A size in bytes, written with K, M or G.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(u64);

impl Size {
    /// How many bytes.
    pub(crate) const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, shift) = match text.char_indices().last() {
            Some((at, 'K' | 'k')) => (&text[..at], 10),
            Some((at, 'M' | 'm')) => (&text[..at], 20),
            Some((at, 'G' | 'g')) => (&text[..at], 30),
            Some(_) | None => (text, 0),
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(1 << shift))
            .map(Self)
            .ok_or_else(|| "write a number of bytes with K, M or G, such as 128M".into())
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            bytes if bytes.is_multiple_of(1 << 30) => write!(f, "{}G", bytes >> 30),
            bytes if bytes.is_multiple_of(1 << 20) => write!(f, "{}M", bytes >> 20),
            bytes if bytes.is_multiple_of(1 << 10) => write!(f, "{}K", bytes >> 10),
            bytes => write!(f, "{bytes}"),
        }
    }
}

/// Whose answers core gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// Those of the host kernel's KVM.
    Kvm,
    /// The specification's.
    Spec,
}

impl Dialect {
    /// As on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Spec => "spec",
        }
    }

    /// Refuses a dialect that nobody would speak: KVM's own firmware has only its own.
    pub(crate) fn check(self, core_answers: bool) -> Result<(), Failure> {
        if self == Self::Spec && !core_answers {
            return Err(
                Failure::new("--dialect spec is core's, and core does not answer")
                    .with_hint("add --firmware core"),
            );
        }
        Ok(())
    }

    /// Core's dialect on a host with this kernel release.
    pub(crate) fn of(self, release: &str) -> firmware::Dialect {
        let (major, minor) = version_of(release);
        match self {
            Self::Kvm => firmware::Dialect::Kvm(KvmGeneration::of_release(major, minor)),
            Self::Spec => firmware::Dialect::Specification,
        }
    }
}

/// `--host-cpus`
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct HostCpus {
    /// The host's CPUs that vCPUs may run on, such as 0-3; on a machine with several kinds of CPU a
    /// guest finds itself on any of them otherwise [default: those that this process may run on]
    #[arg(long = "host-cpus", value_name = "LIST")]
    list: Option<CpuList>,
}

impl HostCpus {
    /// Keeps this thread, and those that it starts, on them.
    pub(crate) fn keep(&self) -> Result<(), Failure> {
        self.list.as_ref().map_or(Ok(()), keep_on)
    }

    /// The option as it is given inside a lab host.
    pub(crate) fn inside(&self) -> Option<String> {
        let list = self.list.as_ref();
        list.map(|list| format!("--host-cpus={list}"))
    }
}

/// Keeps this thread, and those that it starts, on these CPUs.
pub(crate) fn keep_on(cpus: &CpuList) -> Result<(), Failure> {
    let kept = cpus.keep_this_thread();
    kept.map_err(|error| Failure::new(error.to_string()))
}

impl From<Firmware> for FirmwareKind {
    fn from(firmware: Firmware) -> Self {
        match firmware {
            Firmware::Kernel => Self::Kernel,
            Firmware::Core | Firmware::El2 => Self::Core,
        }
    }
}

/// A machine as it is unless told otherwise.
pub(crate) fn config(vcpus: u16, memory: u64) -> Config {
    Config {
        vcpus,
        memory,
        boot_arguments: None,
        firmware: FirmwareKind::Kernel,
        dialect: firmware::Dialect::Specification,
        psci_version: None,
        features: Features::empty(),
        gic: None,
        its: None,
        contents: Vec::new(),
        seeds: SeedChoice::Absent,
        reset: OnReset::Reboot {
            most: DEFAULT_RESETS,
        },
        time_limit: None,
        flip: None,
        contract: None,
        normalisations: Vec::new(),
    }
}

/// A number of vCPUs, as far as no host can have more.
pub(crate) fn parse_vcpus(text: &str) -> Result<u16, String> {
    let vcpus = text
        .parse()
        .ok()
        .filter(|vcpus| (1..=MAXIMUM_VCPUS).contains(vcpus));
    vcpus.ok_or_else(|| format!("write a number from 1 to {MAXIMUM_VCPUS}"))
}

/// A PSCI version, as people write it.
pub(crate) fn parse_psci(text: &str) -> Result<PsciVersion, String> {
    let parse = || {
        let (major, minor) = text.split_once('.')?;
        let (major, minor): (u16, u16) = (major.parse().ok()?, minor.parse().ok()?);
        PsciVersion::from_value(u32::from(major) << 16 | u32::from(minor))
    };
    parse().ok_or_else(|| "write 0.1, 0.2, 1.0, 1.1, 1.2 or 1.3".into())
}

/// What a machine's usual PSCI version is to a guest that needs a certain one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeastPsci {
    /// Enough.
    Met,
    /// Too old; nobody asked for it, so that this one can be given instead.
    Raised(PsciVersion),
    /// Too old, and asked for, or there is none as new.
    Unmet,
}

impl LeastPsci {
    /// `asked` is what the command line names.
    pub(crate) fn of(least: Version, usual: PsciVersion, asked: Option<PsciVersion>) -> Self {
        if usual.value() >= least.value() {
            return Self::Met;
        }
        match (PsciVersion::from_value(least.value()), asked) {
            (Some(version), None) => Self::Raised(version),
            (None, _) | (_, Some(_)) => Self::Unmet,
        }
    }
}

/// What every machine has: a console, of which so many bytes are kept, and a clock.
pub(crate) fn board(
    output: Box<dyn io::Write + Send>,
    console_limit: u64,
    unclaimed: Unclaimed,
) -> Result<Devices, AttachError> {
    let mut devices = Devices::new(output, console_limit, unclaimed);
    devices.add_real_time_clock()?;
    Ok(devices)
}

/// What an access where no device is comes to.
pub(crate) fn unclaimed(strict_mmio: bool) -> Unclaimed {
    match strict_mmio {
        true => Unclaimed::ExternalAbort,
        false => Unclaimed::ZeroAndIgnored,
    }
}

/// All of them together.
pub(crate) fn union(features: &[Features]) -> Features {
    features.iter().copied().collect()
}

/// A time limit in seconds.
pub(crate) fn parse_seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds != 0);
    seconds.ok_or_else(|| "write a whole number of seconds, 1 or more".into())
}

/// A reset that was one too many, after so many reboots.
pub(crate) fn reset_too_many(reboots: u32) -> String {
    match reboots {
        0 => "the guest reset the machine".into(),
        1 => "the guest reset the machine again after a reboot".into(),
        _ => format!("the guest reset the machine again after {reboots} reboots"),
    }
}

/// How often a machine reboots before its guest counts as crashed.
pub(crate) const DEFAULT_RESETS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("128M", 128 << 20),
            ("4g", 4 << 30),
            ("64k", 64 << 10),
            ("7", 7),
        ] {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes, "{text}");
        }
        for wrong in ["", "M", "12T", "-1", "1.5G", "99999999999G", "1 M"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_reads_back_as_it_is_written() {
        for text in ["128M", "1G", "64K", "7"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn vcpus_are_as_many_as_a_gic_serves() {
        assert_eq!(parse_vcpus("1"), Ok(1));
        assert_eq!(parse_vcpus("512"), Ok(512));
        for wrong in ["", "0", "513", "65536", "-1", "many"] {
            assert!(parse_vcpus(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn psci_versions_are_those_there_are() {
        for (text, value) in [("0.1", 1), ("0.2", 2), ("1.0", 0x1_0000), ("1.3", 0x1_0003)] {
            assert_eq!(parse_psci(text).map(PsciVersion::value), Ok(value));
        }
        for wrong in ["", "1", "1.4", "2.0", "0.0", "1.1.1", "=1.1", "-1.1"] {
            assert_eq!(
                parse_psci(wrong),
                Err("write 0.1, 0.2, 1.0, 1.1, 1.2 or 1.3".into()),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_least_version_raises_what_nobody_asked_for() {
        let (v1_0, v1_1) = (PsciVersion::V1_0, PsciVersion::V1_1);
        let least = |major, minor| Version { major, minor };
        for (needed, asked, expected) in [
            (least(1, 0), None, LeastPsci::Met),
            (least(1, 0), Some(v1_0), LeastPsci::Met),
            (least(1, 1), None, LeastPsci::Raised(v1_1)),
            (least(1, 1), Some(v1_0), LeastPsci::Unmet),
            (least(2, 0), None, LeastPsci::Unmet),
        ] {
            assert_eq!(LeastPsci::of(needed, v1_0, asked), expected, "{needed:?}");
        }
    }

    #[test]
    fn features_of_several_options_are_joined() {
        let all = union(&[Features::TRNG, Features::PTP, Features::TRNG]);
        assert_eq!(all, Features::TRNG | Features::PTP);
        assert_eq!(union(&[]), Features::empty());
    }

    #[test]
    fn a_reset_too_many_is_told_with_the_reboots_before_it() {
        assert_eq!(reset_too_many(0), "the guest reset the machine");
        assert_eq!(
            reset_too_many(3),
            "the guest reset the machine again after 3 reboots"
        );
    }

    #[test]
    fn a_time_limit_is_not_0() {
        assert_eq!(parse_seconds("1"), Ok(1));
        for wrong in ["", "0", "-1", "1.5", "5s"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_hosts_kernel_chooses_the_dialect() {
        let of = |release| Dialect::Kvm.of(release);
        assert_eq!(
            of("6.12.107+deb13-cloud-arm64"),
            firmware::Dialect::Kvm(KvmGeneration::V6_12)
        );
        assert_eq!(
            of("5.10.0-32-cloud-arm64"),
            firmware::Dialect::Kvm(KvmGeneration::V5_10)
        );
        assert_eq!(Dialect::Spec.of("6.12.1"), firmware::Dialect::Specification);
    }
}
