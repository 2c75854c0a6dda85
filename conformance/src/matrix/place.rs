//! The hosts that are held against each other.
//!
//! A host is a lab host: a kernel, a CPU, and perhaps options. Its name is what follows `lab:` in
//! `vambrace --host`, and with hyphens the name of its profile's file.

use std::fmt;
use std::str::FromStr;

/// A lab host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(String);

impl Place {
    /// Every kernel on every CPU: those that the rules were found on.
    #[must_use]
    pub fn every() -> Vec<Self> {
        let on = |kernel| CPUS.map(|cpu| Self(format!("{kernel}:{cpu}")));
        KERNELS.into_iter().flat_map(on).collect()
    }

    /// Hosts with CPUs, options and controllers that no rule was made on.
    #[must_use]
    pub fn others() -> Vec<Self> {
        OTHERS.map(|name| Self(name.to_owned())).to_vec()
    }

    /// Few hosts that together give every kind of reason.
    #[must_use]
    pub fn few() -> Vec<Self> {
        FEW.map(|name| Self(name.to_owned())).to_vec()
    }

    /// As `vambrace --host` takes it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("lab:{}", self.0)
    }

    /// The name of the file of its profile.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.json", self.0.replace([':', ',', '='], "-"))
    }

    /// Its kernel.
    #[must_use]
    pub fn kernel(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(kernel, _)| kernel)
    }

    /// Its CPU, with its properties and options.
    #[must_use]
    pub fn cpu(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, cpu)| cpu)
    }

    /// Whether it is one of those that the rules were found on.
    #[must_use]
    pub fn is_of_the_matrix(&self) -> bool {
        KERNELS.contains(&self.kernel()) && CPUS.contains(&self.cpu())
    }

    /// Whether vCPUs with optional features are tried on it too.
    #[must_use]
    pub fn has_options(&self) -> bool {
        OPTIONAL.contains(&self.cpu()) || self.cpu().contains('=')
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let name = name.strip_prefix("lab:").unwrap_or(name);
        match name.split_once(':') {
            Some((kernel, cpu)) if !kernel.is_empty() && !cpu.is_empty() => {
                Ok(Self(name.to_owned()))
            }
            _ => Err("a host is written KERNEL:CPU, as behind `lab:`".into()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

const KERNELS: [&str; 4] = ["5.10", "6.1", "6.12", "7.3"];
const CPUS: [&str; 9] = [
    "cortex-a57",
    "cortex-a72",
    "cortex-a76",
    "cortex-a710",
    "neoverse-n1",
    "neoverse-v1",
    "neoverse-n2",
    "a64fx",
    "max",
];
const OPTIONAL: [&str; 4] = ["a64fx", "max", "neoverse-v1", "neoverse-n2"];
const OTHERS: [&str; 6] = [
    "6.12:cortex-a53",
    "6.12:max,sve=off",
    "7.3:cortex-a55",
    "7.3:max:mte",
    "7.3:max,pauth=off",
    "7.3:neoverse-n1:gic2",
];
/// All four kernels; CPUs with and without AArch32 at EL0, SVE and SSBS; two frequencies, two
/// sizes of DC ZVA's block, two CPUs that a newer kernel can show as one another; GICv2.
const FEW: [&str; 11] = [
    "5.10:cortex-a57",
    "5.10:neoverse-n1",
    "6.1:cortex-a57",
    "6.1:neoverse-v1",
    "6.12:a64fx",
    "6.12:cortex-a76",
    "6.12:neoverse-n1",
    "7.3:cortex-a72",
    "7.3:neoverse-n1",
    "7.3:neoverse-n1:gic2",
    "7.3:max",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_six_hosts_and_each_has_a_file_of_its_own() {
        let all = Place::every();
        assert_eq!(all.len(), 36);
        assert_eq!(all[0].to_string(), "5.10:cortex-a57");
        assert!(all.iter().all(Place::is_of_the_matrix));
        assert!(!Place::others().iter().any(Place::is_of_the_matrix));
        let all = [all, Place::others()].concat();
        let mut files: Vec<_> = all.iter().map(Place::file_name).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), 42);
    }

    #[test]
    fn a_host_is_known_by_what_vambrace_calls_it() {
        let host: Place = "lab:6.12:max,sve=off".parse().unwrap();
        assert_eq!(host.host(), "lab:6.12:max,sve=off");
        assert_eq!(host.file_name(), "6.12-max-sve-off.json");
        assert_eq!((host.kernel(), host.cpu()), ("6.12", "max,sve=off"));
        assert!(host.has_options());
        for wrong in ["", "lab", "6.12", "6.12:", ":max"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_few_make_more_than_a_hundred_pairs() {
        assert_eq!(Place::few().len() * Place::few().len(), 121);
    }
}
