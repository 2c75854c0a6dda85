//! Which interrupt controller a machine gets: what is asked for, of what the host has.
//!
//! It is chosen once, with the rest of the promise, and the same in every life. A contract names
//! the kind of GIC, of which KVM's saved state depends; an ITS is part of the board, as devices are.

use bitflags::bitflags;
use vambrace_core::contract::{Contract, GicKind};

use super::{Config, Error};
use crate::layout::{GIC_V2_VCPUS, InterruptController};
use crate::sys::{self, InterruptDevice, VmOps};

/// Whether a GICv3 has an ITS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Its {
    /// It has.
    Present,
    /// It has not.
    Absent,
}

bitflags! {
    /// The interrupt controllers that a host has for its guests.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Controllers: u8 {
        /// GICv2: only where the host's own interrupt controller can play one.
        const GIC_V2 = 1 << 0;
        /// GICv3.
        const GIC_V3 = 1 << 1;
        /// An ITS beside a GICv3.
        const ITS = 1 << 2;
    }
}

impl Controllers {
    /// Asks a VM, which stays as it is.
    pub(super) fn probe<V: VmOps>(vm: &V) -> sys::Result<Self> {
        let mut offered = Self::empty();
        for (device, controller) in [
            (InterruptDevice::GicV2, Self::GIC_V2),
            (InterruptDevice::GicV3, Self::GIC_V3),
            (InterruptDevice::Its, Self::ITS),
        ] {
            offered.set(controller, vm.supports_device(device)?);
        }
        Ok(offered)
    }
}

/// Checks what no host could give: before there is one.
pub(super) fn check(config: &Config) -> Result<(), Error> {
    if config.gic != Some(GicKind::V2) {
        return Ok(());
    }
    match config.vcpus {
        asked if asked > GIC_V2_VCPUS => Err(Error::TooManyVcpusForGicV2 { asked }),
        _ if config.its == Some(Its::Present) => Err(Error::ItsWithoutGicV3),
        _ => Ok(()),
    }
}

/// The controller that `config` asks for, of those `offered`: without a word a GICv3 with an ITS, or
/// a GICv2 where the host has no GICv3.
pub(super) fn choose(config: &Config, offered: Controllers) -> Result<InterruptController, Error> {
    let usual = match offered.contains(Controllers::GIC_V3) {
        true => GicKind::V3,
        false => GicKind::V2,
    };
    let kind = config.gic.unwrap_or(usual);
    let needed = match kind {
        GicKind::V2 => Controllers::GIC_V2,
        GicKind::V3 => Controllers::GIC_V3,
    };
    if !offered.contains(needed) {
        return Err(Error::NoGic { kind });
    }
    match (kind, config.its) {
        (GicKind::V2, Some(Its::Present)) => Err(Error::ItsWithoutGicV3),
        (GicKind::V2, _) if config.vcpus > GIC_V2_VCPUS => {
            let asked = config.vcpus;
            Err(Error::TooManyVcpusForGicV2 { asked })
        }
        (GicKind::V2, _) => Ok(InterruptController::GicV2),
        (GicKind::V3, Some(Its::Absent)) => Ok(InterruptController::GicV3),
        (GicKind::V3, _) if offered.contains(Controllers::ITS) => {
            Ok(InterruptController::GicV3WithIts)
        }
        (GicKind::V3, _) => Err(Error::NoIts),
    }
}

/// The controller that `contract` promises, and `config` says whether with an ITS. What the host has
/// it says when it is made.
pub(super) fn promised(contract: &Contract, config: &Config) -> InterruptController {
    match (contract.gic.kind, config.its) {
        (GicKind::V2, _) => InterruptController::GicV2,
        (GicKind::V3, Some(Its::Absent)) => InterruptController::GicV3,
        (GicKind::V3, _) => InterruptController::GicV3WithIts,
    }
}

/// The controller whose description is the longest that the machine can have, before a host is
/// asked.
pub(super) fn largest(config: &Config) -> InterruptController {
    match (config.gic, config.its) {
        (Some(GicKind::V2), _) => InterruptController::GicV2,
        (Some(GicKind::V3) | None, Some(Its::Absent)) => InterruptController::GicV3,
        (Some(GicKind::V3) | None, _) => InterruptController::GicV3WithIts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::kernel;
    use crate::sys::Host as _;
    use crate::sys::fake::FakeHost;

    const V2: Controllers = Controllers::GIC_V2;
    const V3: Controllers = Controllers::GIC_V3.union(Controllers::ITS);

    fn asked(gic: Option<GicKind>, its: Option<Its>) -> Config {
        Config {
            gic,
            its,
            ..kernel(1)
        }
    }

    fn refused(gic: Option<GicKind>, its: Option<Its>, offered: Controllers) -> String {
        choose(&asked(gic, its), offered).unwrap_err().to_string()
    }

    #[test]
    fn a_host_is_asked_for_each_and_nothing_is_made() {
        let probe = |host: FakeHost| Controllers::probe(&host.create_vm(40).unwrap()).unwrap();
        assert_eq!(probe(FakeHost::new()), Controllers::all());
        let old = FakeHost::new().without_device(InterruptDevice::GicV3);
        let old = old.without_device(InterruptDevice::Its);
        assert_eq!(probe(old), V2);
    }

    #[test]
    fn without_a_word_a_machine_has_the_newest_that_the_host_has() {
        let usual = |offered| choose(&asked(None, None), offered).unwrap();
        assert_eq!(usual(Controllers::all()), InterruptController::GicV3WithIts);
        assert_eq!(usual(V3), InterruptController::GicV3WithIts);
        assert_eq!(usual(V2), InterruptController::GicV2);
    }

    #[test]
    fn what_is_asked_for_is_given() {
        for (gic, its, expected) in [
            (Some(GicKind::V2), None, InterruptController::GicV2),
            (
                Some(GicKind::V2),
                Some(Its::Absent),
                InterruptController::GicV2,
            ),
            (Some(GicKind::V3), None, InterruptController::GicV3WithIts),
            (None, Some(Its::Present), InterruptController::GicV3WithIts),
            (None, Some(Its::Absent), InterruptController::GicV3),
        ] {
            let chosen = choose(&asked(gic, its), Controllers::all()).unwrap();
            assert_eq!(chosen, expected, "{gic:?} {its:?}");
        }
    }

    #[test]
    fn what_the_host_does_not_have_is_refused_with_what_to_do() {
        assert_eq!(
            refused(Some(GicKind::V2), None, V3),
            "cannot give the guest a GICv2: this host's KVM has none to give; leave out --gic, or \
             use a host that has one, such as --host lab:6.12:max:gic2"
        );
        assert_eq!(
            refused(Some(GicKind::V3), None, V2),
            "cannot give the guest a GICv3: this host's KVM has none to give; leave out --gic, or \
             use a host that has one, such as --host lab"
        );
        assert_eq!(
            refused(None, None, Controllers::GIC_V3),
            "cannot give the guest an ITS: this host's KVM has none to give (Linux 4.8 and newer \
             have); make a machine without (--its off)"
        );
        let none = refused(None, None, Controllers::empty());
        assert!(none.starts_with("cannot give the guest a GICv2"), "{none}");
    }

    #[test]
    fn an_its_is_a_gicv3s() {
        let expected = "cannot give the guest an ITS: it is part of a GICv3, and the machine has a \
                        GICv2; leave out --its, or ask for a GICv3 (--gic 3)";
        assert_eq!(refused(None, Some(Its::Present), V2), expected);
        let early = check(&asked(Some(GicKind::V2), Some(Its::Present))).unwrap_err();
        assert_eq!(early.to_string(), expected);
        assert!(check(&asked(None, Some(Its::Present))).is_ok());
    }

    #[test]
    fn a_gicv2_serves_eight_vcpus() {
        let with = |vcpus| Config {
            vcpus,
            ..asked(Some(GicKind::V2), None)
        };
        assert!(check(&with(8)).is_ok());
        let expected = "cannot make a machine with 9 vCPUs and a GICv2: that serves at most 8; ask \
                        for fewer (--cpus), or for a GICv3 (--gic 3)";
        assert_eq!(check(&with(9)).unwrap_err().to_string(), expected);
        let config = Config {
            gic: None,
            ..with(9)
        };
        assert_eq!(choose(&config, V2).unwrap_err().to_string(), expected);
    }

    #[test]
    fn the_largest_is_none_that_could_not_be_chosen() {
        for (gic, its) in [
            (None, None),
            (None, Some(Its::Absent)),
            (Some(GicKind::V3), Some(Its::Present)),
            (Some(GicKind::V2), None),
        ] {
            let config = asked(gic, its);
            let chosen = choose(&config, Controllers::all()).unwrap();
            assert_eq!(largest(&config), chosen, "{gic:?} {its:?}");
        }
    }
}
