//! Which emulated arm64 host: a kernel, a CPU, and what the machine offers.
//!
//! Written `lab[:KERNEL[:CPU[:OPTION…]]]`, and shown in the same form in reports, so that a result
//! names where it was seen. The parser knows the form and the catalogue of kernels; whether QEMU
//! knows the CPU is asked of QEMU when the host is started.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;
use crate::kernels::Series;

/// An emulated arm64 host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSpec {
    /// The kernel it runs.
    pub kernel: Kernel,
    /// QEMU's name of its CPU, with QEMU's own properties behind commas (`max,sve=off`).
    pub cpu: String,
    /// Its interrupt controller. Only a host with a GICv2 can give its guests one.
    pub gic: Gic,
    /// Whether it has memory tagging.
    pub memory_tagging: MemoryTagging,
    /// Whether its KVM offers EL2 to guests (Linux 7.3 on a CPU with FEAT_NV2).
    pub nesting: Nesting,
    /// What its clock counts.
    pub clock: Clock,
    /// Its number of CPUs.
    pub cpus: u32,
    /// Its memory in MiB.
    pub memory_mib: u32,
    /// How long it may take to come up.
    pub boot_limit: Duration,
}

/// The kernel of a lab host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kernel {
    /// The newest of one of Debian's series.
    Series(&'static Series),
    /// The user's own file.
    File(PathBuf),
}

/// The interrupt controller of a lab host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gic {
    /// GICv2: at most eight CPUs.
    V2,
    /// GICv3.
    V3,
}

/// Whether a lab host has memory tagging (FEAT_MTE2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryTagging {
    /// It has, as far as its CPU model goes.
    On,
    /// It has not.
    Off,
}

/// Whether a lab host's KVM offers EL2 to its guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// It is asked to (`kvm-arm.mode=nested`).
    On,
    /// It is not.
    Off,
}

/// What the clock of a lab host counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time of the machine that emulates it.
    Time,
    /// Instructions, of all its CPUs together, as nanoseconds; idling takes no time. The same work
    /// takes the same time on any machine, however loaded, and about ten times longer than else.
    Instructions,
}

impl HostSpec {
    /// The host with `kernel` and everything else as a bare `lab` has it.
    #[must_use]
    pub fn with_kernel(kernel: Kernel) -> Self {
        Self {
            kernel,
            cpu: DEFAULT_CPU.to_owned(),
            gic: Gic::V3,
            memory_tagging: MemoryTagging::Off,
            nesting: Nesting::Off,
            clock: Clock::Time,
            cpus: 2,
            memory_mib: 2048,
            boot_limit: Duration::from_secs(120),
        }
    }

    /// The name of the CPU model, without properties.
    #[must_use]
    pub fn cpu_model(&self) -> &str {
        self.cpu
            .split_once(',')
            .map_or(self.cpu.as_str(), |(model, _)| model)
    }

    /// How many bytes of files a run may put inside, and as many it may leave there to be brought
    /// back: they are in the host's memory, what goes in for a moment twice, as archive and as files.
    #[must_use]
    pub fn file_limit(&self) -> u64 {
        u64::from(self.memory_mib / 3) << 20
    }

    fn set_option(&mut self, option: &str) -> Result<(), Error> {
        match option {
            "gic2" => self.gic = Gic::V2,
            "mte" => self.memory_tagging = MemoryTagging::On,
            "nested" => self.nesting = Nesting::On,
            "icount" => self.clock = Clock::Instructions,
            _ => return Err(Error::UnknownHostOption(option.to_owned())),
        }
        Ok(())
    }
}

impl Default for HostSpec {
    /// What a bare `lab` means.
    fn default() -> Self {
        Self::with_kernel(Kernel::Series(Series::default_series()))
    }
}

impl FromStr for HostSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut fields = text.split(':');
        if fields.next() != Some("lab") {
            return Err(Error::NotALabHost(text.to_owned()));
        }
        let mut host = Self::default();
        if let Some(kernel) = fields.next().filter(|kernel| !kernel.is_empty()) {
            host.kernel = kernel.parse()?;
        }
        if let Some(cpu) = fields.next().filter(|cpu| !cpu.is_empty()) {
            cpu.clone_into(&mut host.cpu);
        }
        fields.try_for_each(|option| host.set_option(option))?;
        Ok(host)
    }
}

impl FromStr for Kernel {
    type Err = Error;

    /// A name from the catalogue, or a path: whatever has a slash in it.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.contains('/') {
            return Ok(Self::File(PathBuf::from(text)));
        }
        Series::named(text)
            .map(Self::Series)
            .ok_or_else(|| Error::UnknownKernel(text.to_owned()))
    }
}

impl fmt::Display for HostSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lab:{}:{}", self.kernel, self.cpu)?;
        if self.gic == Gic::V2 {
            f.write_str(":gic2")?;
        }
        if self.memory_tagging == MemoryTagging::On {
            f.write_str(":mte")?;
        }
        if self.nesting == Nesting::On {
            f.write_str(":nested")?;
        }
        if self.clock == Clock::Instructions {
            f.write_str(":icount")?;
        }
        Ok(())
    }
}

impl fmt::Display for Gic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "GICv2",
            Self::V3 => "GICv3",
        })
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Series(series) => f.write_str(series.name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

const DEFAULT_CPU: &str = "max";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> HostSpec {
        text.parse().unwrap()
    }

    #[test]
    fn a_bare_lab_is_6_12_on_max() {
        assert_eq!(parsed("lab"), HostSpec::default());
        assert_eq!(parsed("lab").to_string(), "lab:6.12:max");
        assert_eq!(parsed("lab").cpus, 2);
        assert_eq!(parsed("lab").memory_mib, 2048);
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        assert_eq!(parsed("lab:6.1").to_string(), "lab:6.1:max");
        assert_eq!(parsed("lab::cortex-a72").to_string(), "lab:6.12:cortex-a72");
        assert_eq!(parsed("lab:::gic2").to_string(), "lab:6.12:max:gic2");
    }

    #[test]
    fn the_shown_form_is_read_back() {
        for text in [
            "lab:5.10:cortex-a57",
            "lab:7.3:max:nested",
            "lab:6.12:neoverse-v1,sve=off",
            "lab:6.12:max:gic2:mte:nested",
            "lab:6.12:max:icount",
            "lab:./Image:max",
        ] {
            assert_eq!(parsed(text).to_string(), text);
        }
    }

    #[test]
    fn the_model_is_the_cpu_without_its_properties() {
        assert_eq!(
            parsed("lab:6.12:neoverse-v1,sve=off").cpu_model(),
            "neoverse-v1"
        );
        assert_eq!(parsed("lab").cpu_model(), "max");
    }

    #[test]
    fn an_unknown_kernel_is_named_with_those_there_are() {
        let error = "lab:6.13".parse::<HostSpec>().unwrap_err();
        assert!(matches!(&error, Error::UnknownKernel(name) if name == "6.13"));
        let text = error.to_string();
        assert!(text.contains("there are 5.10, 6.1, 6.12, 7.3"), "{text}");
    }

    #[test]
    fn an_unknown_option_is_refused() {
        let error = "lab:6.12:max:gic4".parse::<HostSpec>().unwrap_err();
        assert!(matches!(error, Error::UnknownHostOption(option) if option == "gic4"));
    }

    #[test]
    fn another_kind_of_host_is_refused() {
        for text in ["", "local", "labs", "el2:max"] {
            assert!(
                matches!(text.parse::<HostSpec>(), Err(Error::NotALabHost(_))),
                "{text}"
            );
        }
    }
}
