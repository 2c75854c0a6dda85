//! What memory holds when a life begins: image, device tree and what was asked for.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use vambrace_core::contract::VcpuFeatures;
use vambrace_core::psci::PsciVersion;
use vambrace_core::smccc::Endianness;
use vambrace_core::vcpu::ResetState;

use super::promise::Promise;
use super::{Devices, Error, Machine, SeedChoice};
use crate::fdt::{self, PerformanceMonitor, Seeds};

impl Machine<'_> {
    /// Is there room for the longest device tree that this machine may have?
    pub(super) fn check_room(&self) -> Result<(), Error> {
        let seeds = Seeds {
            kaslr: [0; 8],
            rng: [0; 32],
        };
        let description = fdt::Description {
            seeds: Some(&seeds),
            ..self.description(PsciVersion::V0_1, &[])
        };
        let longest = description.to_blob()?.len() as u64 + DEVICES_ROOM;
        self.plan.device_tree(longest)?;
        Ok(())
    }

    /// Writes image and device tree to RAM, and makes stolen time zero; says how the first vCPU
    /// begins.
    pub(super) fn load(&self, promise: &Promise, devices: &Devices) -> Result<ResetState, Error> {
        let seeds = match self.config.seeds {
            SeedChoice::Absent => None,
            SeedChoice::Fresh => draw_seeds(),
        };
        let description = fdt::Description {
            seeds: seeds.as_ref(),
            ..self.description(promise.psci_version, devices.described())
        };
        let tree = description.to_blob()?;
        let place = self.plan.device_tree(tree.len() as u64)?;
        self.plan.write(&self.memory)?;
        if let Some(page) = &self.stolen_time {
            page.clear(page.region())?;
        }
        self.memory.write(place.base(), &tree)?;
        for contents in &self.config.contents {
            contents.write(&self.memory)?;
        }
        Ok(ResetState::new(
            self.plan.entry(),
            place.base().value(),
            self.plan.execution_state(),
            Endianness::Little,
        ))
    }

    pub(super) fn description<'d>(
        &'d self,
        psci_version: PsciVersion,
        devices: &'d [fdt::Device],
    ) -> fdt::Description<'d> {
        fdt::Description {
            layout: &self.layout,
            psci_version: psci_version.value(),
            performance_monitor: self.performance_monitor(),
            arguments: self.config.boot_arguments.as_deref(),
            initramfs: self.plan.initramfs(),
            seeds: None,
            devices,
        }
    }

    /// Only a contract gives vCPUs one.
    fn performance_monitor(&self) -> PerformanceMonitor {
        match &self.config.contract {
            Some(contract) if contract.vcpu_features.contains(VcpuFeatures::PMU) => {
                PerformanceMonitor::Present
            }
            Some(_) | None => PerformanceMonitor::Absent,
        }
    }
}

/// New seeds; `None` on a host that has no random numbers yet: a guest can do without, and a machine
/// that waits for them might wait for ever.
fn draw_seeds() -> Option<Seeds> {
    let mut seeds = Seeds {
        kaslr: [0; 8],
        rng: [0; 32],
    };
    let drawn = fill(&mut seeds.kaslr).and_then(|()| fill(&mut seeds.rng));
    match drawn {
        Ok(()) => Some(seeds),
        Err(error) => {
            log::warn!("the guest gets no seeds, as this host has no random numbers: {error}");
            None
        }
    }
}

/// So few bytes come all at once or not at all (getrandom(2)).
fn fill(bytes: &mut [u8]) -> Result<(), Errno> {
    let wanted = bytes.len();
    match getrandom(bytes, GetRandomFlags::NONBLOCK)? {
        drawn if drawn == wanted => Ok(()),
        _ => Err(Errno::AGAIN),
    }
}

/// More than the nodes take of all devices that a board can have.
const DEVICES_ROOM: u64 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_seeds_are_the_same() {
        let (one, other) = (draw_seeds().unwrap(), draw_seeds().unwrap());
        assert_ne!(one.kaslr, other.kaslr);
        assert_ne!(one.rng, other.rng);
        assert_ne!(one.rng[..8], one.kaslr);
    }
}
