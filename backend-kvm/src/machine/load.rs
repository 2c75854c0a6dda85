//! What memory holds when a life begins: image, device tree and what was asked for.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use vambrace_core::contract::VcpuFeatures;
use vambrace_core::memory::Ipa;
use vambrace_core::psci::PsciVersion;
use vambrace_core::smccc::Endianness;
use vambrace_core::vcpu::ResetState;

use super::promise::Promise;
use super::{Devices, Error, Machine, SeedChoice, interrupts};
use crate::fdt::{self, PerformanceMonitor, Seeds};

impl Machine<'_> {
    /// Is there room for the longest device tree that this machine may have?
    pub(super) fn check_room(&self) -> Result<(), Error> {
        let description = fdt::Description {
            seeds: Some(&PLACES),
            ..self.undecided()
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
            seeds: seeds.as_ref().map(|_| &PLACES),
            ..self.description(promise, devices)
        };
        let tree = description.to_blob()?;
        let place = self.plan.device_tree(tree.len() as u64)?;
        self.plan.write(&self.memory)?;
        if let Some(page) = &self.stolen_time {
            page.clear(page.region())?;
        }
        self.memory.write(place.base(), &tree)?;
        if let Some(seeds) = seeds {
            self.sow(&seeds, &tree, place.base())?;
        }
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

    /// Writes the seeds where they go in a tree that lies at `base`: they are nowhere else, so that what is
    /// left of the tree in this process's memory does not tell them.
    fn sow(&self, seeds: &Seeds, tree: &[u8], base: Ipa) -> Result<(), Error> {
        let places = [&PLACES.kaslr[..], &PLACES.rng];
        for (place, seed) in places.into_iter().zip([&seeds.kaslr[..], &seeds.rng]) {
            let found = tree.windows(place.len()).position(|bytes| bytes == place);
            let offset = found.expect("the tree has what was put into it");
            let address = Ipa::new(base.value() + offset as u64);
            self.memory.write(address, seed)?;
        }
        Ok(())
    }

    /// The machine to its guest, without seeds.
    pub(super) fn description<'d>(
        &'d self,
        promise: &Promise,
        devices: &'d Devices,
    ) -> fdt::Description<'d> {
        fdt::Description {
            psci_version: promise.psci_version.value(),
            interrupt_controller: promise.interrupt_controller,
            devices: devices.described(),
            ..self.undecided()
        }
    }

    /// The same as far as it is known without a host, with the longest of what is not.
    fn undecided(&self) -> fdt::Description<'_> {
        fdt::Description {
            layout: &self.layout,
            psci_version: PsciVersion::V0_1.value(),
            interrupt_controller: interrupts::largest(&self.config),
            performance_monitor: self.performance_monitor(),
            arguments: self.config.boot_arguments.as_deref(),
            initramfs: self.plan.initramfs(),
            seeds: None,
            devices: &[],
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
fn draw_seeds() -> Option<Box<Seeds>> {
    // In one place until they are dropped: what is moved leaves itself behind.
    let mut seeds = Box::new(Seeds {
        kaslr: [0; 8],
        rng: [0; 32],
    });
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

/// What stands in a tree where seeds go until they are there. No text that a tree holds has such bytes.
static PLACES: Seeds = Seeds {
    kaslr: [0xf8; 8],
    rng: [0xf9; 32],
};
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
