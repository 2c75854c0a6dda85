//! What a contract shall have as far as hosts do not decide it, and the contract that comes of it.

use std::str::FromStr;

use vambrace_core::contract::{
    Baseline, Conflict, Contract, HostProfile, ServedBy, VcpuFeatures, Wishes, feature_sets,
};

use super::words::parse_served_by;

/// What no host decides.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Wish {
    /// What the vCPUs are made with: none, most (as many as all hosts allow), or names: sve, pauth,
    /// pmu, aarch32 [default: none, or the fewest that make a contract possible]
    #[arg(long, value_name = "FEATURES")]
    vcpu: Option<Vcpu>,

    /// Who answers firmware calls: kernel, or `core[:DIALECT]` [default: the hosts' kernels if they
    /// agree, else core]
    #[arg(long, value_name = "WHO", value_parser = parse_served_by)]
    served_by: Option<ServedBy>,
}

/// `--vcpu`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vcpu {
    These(VcpuFeatures),
    Most,
}

impl FromStr for Vcpu {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => return Ok(Self::These(VcpuFeatures::empty())),
            "most" => return Ok(Self::Most),
            _ => {}
        }
        let named = text.split(',').map(|name| {
            VcpuFeatures::named(name)
                .ok_or_else(|| format!("`{name}` is none of none, most, sve, pauth, pmu, aarch32"))
        });
        named.collect::<Result<_, _>>().map(Self::These)
    }
}

impl Wish {
    /// For vCPUs with exactly these features.
    pub(super) const fn for_features(self, features: VcpuFeatures) -> Self {
        Self {
            vcpu: Some(Vcpu::These(features)),
            ..self
        }
    }

    /// For who serves this contract, and its features.
    pub(super) const fn like(contract: &Contract) -> Self {
        Self {
            vcpu: Some(Vcpu::These(contract.vcpu_features)),
            served_by: Some(contract.served_by),
        }
    }

    /// The features that are named; None for as many as hosts allow.
    pub(super) fn features(self) -> Option<VcpuFeatures> {
        match self.vcpu {
            None => Some(VcpuFeatures::empty()),
            Some(Vcpu::These(features)) => Some(features),
            Some(Vcpu::Most) => None,
        }
    }

    /// The most capable contract that these hosts accept.
    ///
    /// # Errors
    ///
    /// Over what the hosts disagree with the least that the wish asks for, served by whom it names,
    /// or else by the kernels.
    pub(super) fn contract(self, hosts: &[&HostProfile]) -> Result<Contract, Vec<Conflict>> {
        let mut sets: Vec<_> = match self.vcpu {
            Some(Vcpu::These(features)) => vec![features],
            None | Some(Vcpu::Most) => feature_sets(hosts.iter().copied()).into_iter().collect(),
        };
        if self.vcpu == Some(Vcpu::Most) {
            sets.reverse();
        }
        let found = sets.iter().find_map(|set| self.served(*set, hosts).ok());
        // What is impossible with the least that is wished is impossible.
        found.map_or_else(
            || self.served(self.features().unwrap_or_default(), hosts),
            Ok,
        )
    }

    fn served(
        self,
        features: VcpuFeatures,
        hosts: &[&HostProfile],
    ) -> Result<Contract, Vec<Conflict>> {
        let of = |wishes: Wishes| {
            let found = Baseline::of(&wishes, hosts.iter().copied());
            found.map_err(|impossible| impossible.conflicts().to_vec())
        };
        let wishes = Wishes {
            vcpu_features: features,
            ..Wishes::PLAIN
        };
        match self.served_by {
            Some(served_by) => of(Wishes {
                served_by,
                ..wishes
            }),
            None => of(wishes).or_else(|kernels| {
                let by_core = wishes.served_by_core_instead(hosts.iter().copied());
                of(by_core).map_err(|_| kernels)
            }),
        }
    }

    /// The options that say the same.
    pub(super) fn arguments(self) -> Vec<String> {
        let vcpu = self.vcpu.map(|vcpu| match vcpu {
            Vcpu::These(features) => features.to_string(),
            Vcpu::Most => "most".into(),
        });
        let served_by = self.served_by.map(super::words::served_by);
        let option = |name: &str, value: Option<String>| {
            value.map(|value| [format!("--{name}"), value]).into_iter()
        };
        option("vcpu", vcpu.filter(|vcpu| vcpu != "none"))
            .chain(option("served-by", served_by))
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    fn vcpu(text: &str) -> Wish {
        Wish {
            vcpu: Some(text.parse().unwrap()),
            served_by: None,
        }
    }

    #[test]
    fn nothing_is_wished_unless_it_is_named() {
        assert_eq!(Wish::default().features(), Some(VcpuFeatures::empty()));
        assert_eq!(vcpu("none").features(), Some(VcpuFeatures::empty()));
        assert_eq!(
            vcpu("sve,pmu").features(),
            Some(VcpuFeatures::SVE | VcpuFeatures::PMU)
        );
        assert!("sve,mte".parse::<Vcpu>().unwrap_err().contains("`mte`"));
    }

    #[test]
    fn most_is_what_all_hosts_allow() {
        let (with, without) = (samples::host_with_sve(), samples::host());
        let features = |hosts: &[&HostProfile]| vcpu("most").contract(hosts).unwrap().vcpu_features;
        assert_eq!(features(&[&with]), VcpuFeatures::SVE);
        assert_eq!(features(&[&with, &without]), VcpuFeatures::empty());
        assert!(vcpu("sve").contract(&[&with, &without]).is_err());
    }

    #[test]
    fn a_wish_is_told_as_it_is_written() {
        let wish = Wish {
            vcpu: Some("sve,pauth".parse().unwrap()),
            served_by: Some(parse_served_by("core:spec").unwrap()),
        };
        assert_eq!(
            wish.arguments(),
            ["--vcpu", "sve,pauth", "--served-by", "core:spec"]
        );
        assert!(Wish::default().arguments().is_empty());
    }
}
