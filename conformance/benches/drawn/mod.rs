//! Made-up hosts of a fleet, drawn from those that were probed.
//!
//! The draws are the same on every machine and in every run: a small generator with a fixed seed
//! makes them, not the system's randomness.

use vambrace_core::contract::{FieldLimit, FieldLimits, HostProfile};
use vambrace_core::cpu::Field;

/// Draws hosts from the recorded ones.
#[derive(Debug, Clone)]
pub(crate) struct Draw<'a> {
    recorded: &'a [HostProfile],
    state: u64,
}

impl<'a> Draw<'a> {
    /// Always the same draws of the same profiles.
    pub(crate) const fn new(recorded: &'a [HostProfile]) -> Self {
        Self { recorded, state: 1 }
    }

    /// A host like no other: one of the recorded ones that accepts a little less, of four fields
    /// and of the sizes of address space.
    pub(crate) fn unlike_others(&mut self) -> HostProfile {
        let mut host = self.any().clone();
        for _ in 0..4 {
            self.accept_less(&mut host);
        }
        let greatest = host.address_bits.greatest().unwrap_or(32) - self.next() % 4;
        host.address_bits = (32..=greatest).collect();
        host
    }

    /// Takes one value of one field from what a plain vCPU accepts.
    fn accept_less(&mut self, host: &mut HostProfile) {
        let chosen = Field::all().nth(self.place(Field::COUNT));
        let value = self.next() % 16;
        let plain = &mut host.views[0];
        let (own, known) = (plain.registers, plain.fields);
        plain.fields = FieldLimits::new(|field| {
            let limit = known.of(field);
            let is_it = chosen == Some(field) && own.field(field) != value;
            FieldLimit {
                accepts: limit.accepts & !(u16::from(is_it) << value),
                ..limit
            }
        });
    }

    /// One of the recorded ones; one in a thousand is like no other.
    pub(crate) fn of_a_fleet(&mut self) -> HostProfile {
        match self.next() % 1000 {
            0 => self.unlike_others(),
            _ => self.any().clone(),
        }
    }

    fn any(&mut self) -> &'a HostProfile {
        let place = self.place(self.recorded.len());
        &self.recorded[place]
    }

    /// One of the first so many numbers.
    fn place(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap();
        usize::try_from(self.next() % count).unwrap()
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
