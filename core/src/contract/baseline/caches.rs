//! The shapes of caches that hosts have left.
//!
//! A host that takes no shape but its own decides; several such hosts have to be the same. So do
//! those that take the sizes and keep their levels, in their levels. The others are asked what they
//! ask of any shape: to be one of caches that are cleaned, if theirs have to be, and of lines no
//! shorter than theirs. The strictest of them speaks for all.

use super::super::Caches;
use super::super::profile::{CacheLimits, Cleaning, Writable};

/// What is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct CachesLeft {
    /// The shape of the hosts that take no other.
    own: Option<Caches>,
    /// The least shape by number of the hosts that keep their levels.
    kept_levels: Option<Caches>,
    /// The least shape by number that a host has, and the least of caches that are cleaned.
    least: Option<Caches>,
    least_cleaned: Option<Caches>,
    /// What the hosts that take others ask of a shape, all together.
    strictest: Option<CacheLimits>,
}

impl CachesLeft {
    /// Everything.
    pub(super) const ALL: Self = Self {
        own: None,
        kept_levels: None,
        least: None,
        least_cleaned: None,
        strictest: None,
    };

    /// Leaves what this host takes too; false if that is nothing.
    pub(super) fn add(&mut self, limits: &CacheLimits) -> bool {
        let host = limits.host;
        self.least = lesser(self.least, host);
        if are_cleaned(host) {
            self.least_cleaned = lesser(self.least_cleaned, host);
        }
        let agreed = match limits.writable {
            Writable::No => *self.own.get_or_insert(host) == host,
            Writable::Yes => true,
            Writable::SizesOnly => {
                let agreed = self.keeps_levels(&host);
                self.kept_levels = lesser(self.kept_levels, host);
                agreed
            }
        };
        if limits.writable != Writable::No {
            let asked = CacheLimits {
                writable: Writable::Yes,
                ..*limits
            };
            self.strictest = Some(match self.strictest {
                None => asked,
                Some(other) => stricter(&other, &asked),
            });
        }
        agreed && self.chosen().is_some()
    }

    /// A shape that all hosts take; None if there is none.
    pub(super) fn chosen(&self) -> Option<Caches> {
        let chosen = match (self.own, self.strictest) {
            (None, Some(strictest)) => match strictest.cleaning {
                _ if self.kept_levels.is_some() => self.kept_levels,
                Cleaning::Needed => self.least_cleaned,
                Cleaning::Needless => self.least,
            }
            .map(|shape| fitted(shape, &strictest)),
            (own, _) => own,
        };
        let asked = |shape: &Caches| {
            self.strictest
                .is_none_or(|strictest| strictest.accepts(shape))
        };
        chosen.filter(|shape| asked(shape) && self.keeps_levels(shape))
    }

    /// Whether the shape has the levels of the hosts that keep theirs.
    fn keeps_levels(&self, shape: &Caches) -> bool {
        self.kept_levels
            .is_none_or(|kept| kept.levels == shape.levels)
    }
}

fn lesser(least: Option<Caches>, host: Caches) -> Option<Caches> {
    Some(least.map_or(host, |least| least.min(host)))
}

/// Whether a host whose caches have to be cleaned takes it.
fn are_cleaned(shape: Caches) -> bool {
    let needed = CacheLimits {
        host: shape,
        writable: Writable::Yes,
        cleaning: Cleaning::Needed,
    };
    needed.accepts_levels(shape.levels)
}

/// What both ask of a shape.
fn stricter(one: &CacheLimits, other: &CacheLimits) -> CacheLimits {
    let mut both = *one;
    if other.cleaning == Cleaning::Needed {
        both.cleaning = Cleaning::Needed;
    }
    for (size, other) in both.host.sizes.iter_mut().zip(other.host.sizes) {
        *size = match (*size, other) {
            (Some(one), Some(other)) => Some(CacheLimits::longer_lines(one, other)),
            _ => None,
        };
    }
    both
}

/// The shape with lines as long as they have to be, and no cache that some host does not know.
fn fitted(mut shape: Caches, strictest: &CacheLimits) -> Caches {
    for (size, least) in shape.sizes.iter_mut().zip(strictest.host.sizes) {
        *size = size
            .zip(least)
            .map(|(size, least)| CacheLimits::longer_lines(size, least));
    }
    shape
}
