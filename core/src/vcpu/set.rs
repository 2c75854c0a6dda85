//! All vCPUs of a machine, found by id or by affinity.
//!
//! The board's layout numbers sixteen CPUs a cluster, so the position of an affinity can be
//! guessed and one comparison confirms it; any other layout is found by bisection.

use core::mem;

use heapless::Vec;

use super::sleep::{Sleep, Stays};
use super::{Cause, Mpidr, OnWake, Power, Refusal, VcpuId};
use crate::psci::PowerStateType;
use crate::time::Time;

/// One vCPU: its identity, fixed, its power state, and what is counted of its sleep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vcpu {
    mpidr: Mpidr,
    power: Power,
    sleep: Sleep,
}

/// Up to `N` vCPUs with distinct affinities.
#[derive(Debug, Clone)]
pub(crate) struct Vcpus<const N: usize> {
    all: Vec<Vcpu, N>,
    by_affinity: Vec<(Mpidr, VcpuId), N>,
}

/// Why a vCPU cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddError {
    /// There are `N` already.
    Full,
    /// Another vCPU has that affinity.
    Duplicate,
}

impl<const N: usize> Vcpus<N> {
    pub(crate) const fn new() -> Self {
        Self {
            all: Vec::new(),
            by_affinity: Vec::new(),
        }
    }

    /// Adds a vCPU that is off.
    pub(crate) fn add(&mut self, mpidr: Mpidr) -> Result<VcpuId, AddError> {
        let Err(place) = self.place_of(mpidr) else {
            return Err(AddError::Duplicate);
        };
        let id = VcpuId(u16::try_from(self.all.len()).map_err(|_| AddError::Full)?);
        self.all
            .push(Vcpu {
                mpidr,
                power: Power::Off,
                sleep: Sleep::NONE,
            })
            .map_err(|_| AddError::Full)?;
        // Each entry behind the place moves on by one, and the last one goes to the end.
        let mut carried = (mpidr, id);
        for entry in self.by_affinity.iter_mut().skip(place) {
            mem::swap(entry, &mut carried);
        }
        self.by_affinity.push(carried).map_err(|_| AddError::Full)?;
        Ok(id)
    }

    /// The vCPU with this affinity.
    pub(crate) fn find(&self, mpidr: Mpidr) -> Option<VcpuId> {
        let guess = board_position(mpidr);
        if self.all.get(guess).is_some_and(|vcpu| vcpu.mpidr == mpidr) {
            return u16::try_from(guess).ok().map(VcpuId);
        }
        let place = self.place_of(mpidr).ok()?;
        self.by_affinity.get(place).map(|&(_, id)| id)
    }

    /// The power state of `id`; `None` if it is another machine's.
    pub(crate) fn power(&self, id: VcpuId) -> Option<Power> {
        self.all.get(id.index()).map(|vcpu| vcpu.power)
    }

    /// Does `id` execute the guest?
    pub(crate) fn is_on(&self, id: VcpuId) -> bool {
        self.all
            .get(id.index())
            .is_some_and(|vcpu| matches!(vcpu.power, Power::On))
    }

    /// The affinity of `id`; `None` if it is another machine's.
    pub(crate) fn mpidr(&self, id: VcpuId) -> Option<Mpidr> {
        self.all.get(id.index()).map(|vcpu| vcpu.mpidr)
    }

    /// The power states of all but `id`.
    pub(crate) fn others(&self, id: VcpuId) -> impl Iterator<Item = Power> {
        self.all
            .iter()
            .enumerate()
            .filter(move |(index, _)| *index != id.index())
            .map(|(_, vcpu)| vcpu.power)
    }

    /// How often and how long `id` has been in a power state.
    pub(crate) fn stays(&self, id: VcpuId, kind: PowerStateType) -> Stays {
        self.all
            .get(id.index())
            .map_or(Stays::NONE, |vcpu| vcpu.sleep.stays(kind))
    }

    /// Suspends `id`, which runs; counted if the time is known.
    pub(crate) fn suspend(&mut self, id: VcpuId, on_wake: OnWake, time: Option<Time>) {
        if let Some(vcpu) = self.all.get_mut(id.index()) {
            // It runs, so that nothing refuses this.
            let _ = vcpu.apply(Cause::Suspend(on_wake));
            if let Some(time) = time {
                vcpu.sleep.begin(on_wake.kind(), time);
            }
        }
    }

    /// Wakes `id` and gives the state it had before.
    pub(crate) fn wake(&mut self, id: VcpuId, time: Time) -> Power {
        match self.all.get_mut(id.index()) {
            Some(vcpu) => {
                vcpu.sleep.end(time);
                vcpu.apply(Cause::Wake).unwrap_or(Power::Off)
            }
            None => Power::Off,
        }
    }

    /// Applies `cause` to `id` and gives the state it had before. Another machine's vCPU is off for
    /// ever.
    pub(crate) fn apply(&mut self, id: VcpuId, cause: Cause) -> Result<Power, Refusal> {
        match self.all.get_mut(id.index()) {
            Some(vcpu) => vcpu.apply(cause),
            None => Ok(Power::Off),
        }
    }

    /// Affinity and power state of every vCPU.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Mpidr, Power)> {
        self.all.iter().map(|vcpu| (vcpu.mpidr, vcpu.power))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Every vCPU is off, and nothing is counted yet.
    pub(crate) fn reset(&mut self) {
        for vcpu in &mut self.all {
            // A reset is never refused.
            let _ = vcpu.apply(Cause::Reset);
            vcpu.sleep = Sleep::NONE;
        }
    }

    /// Where `mpidr` stands in the order of affinities, or would stand.
    fn place_of(&self, mpidr: Mpidr) -> Result<usize, usize> {
        self.by_affinity
            .binary_search_by_key(&mpidr, |&(known, _)| known)
    }
}

impl Vcpu {
    fn apply(&mut self, cause: Cause) -> Result<Power, Refusal> {
        let before = self.power;
        self.power = before.after(cause)?;
        Ok(before)
    }
}

/// The index that the `virt` board's layout gives: sixteen CPUs a cluster.
fn board_position(mpidr: Mpidr) -> usize {
    let [aff0, aff1, ..] = mpidr.value().to_le_bytes();
    usize::from(aff1)
        .saturating_mul(16)
        .saturating_add(aff0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vcpu_is_found_by_its_affinity_in_any_layout() {
        let layouts: [fn(u8) -> Mpidr; 3] = [
            |n| Mpidr::from_affinity(0, 0, n / 16, n % 16),
            |n| Mpidr::from_affinity(0, 0, n, 0),
            |n| Mpidr::from_affinity(255 - n, 1, 0, n % 3),
        ];
        for layout in layouts {
            let mut vcpus = Vcpus::<64>::new();
            for n in 0..64 {
                assert_eq!(vcpus.add(layout(n)).unwrap().index(), usize::from(n));
            }
            for n in 0..64 {
                assert_eq!(vcpus.find(layout(n)), Some(VcpuId(n.into())));
            }
            assert_eq!(vcpus.find(Mpidr::from_affinity(7, 7, 7, 7)), None);
        }
    }

    #[test]
    fn an_affinity_is_given_once() {
        let mut vcpus = Vcpus::<4>::new();
        vcpus.add(Mpidr::from_affinity(0, 0, 0, 1)).unwrap();
        assert_eq!(
            vcpus.add(Mpidr::from_affinity(0, 0, 0, 1)),
            Err(AddError::Duplicate)
        );
        assert_eq!(vcpus.len(), 1);
    }

    #[test]
    fn there_is_room_for_n() {
        let mut vcpus = Vcpus::<1>::new();
        vcpus.add(Mpidr::from_affinity(0, 0, 0, 0)).unwrap();
        assert_eq!(
            vcpus.add(Mpidr::from_affinity(0, 0, 0, 1)),
            Err(AddError::Full)
        );
    }
}
