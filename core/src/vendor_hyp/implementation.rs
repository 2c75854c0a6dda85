//! The CPU implementations that a machine may land on, promised when it is made.
//!
//! A guest enables the workarounds of all of them once, and may then be moved among their hosts.

use heapless::Vec;

use crate::smccc::SUCCESS;

/// One CPU implementation, as its identification registers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Implementation {
    /// MIDR_EL1.
    pub midr: u64,
    /// REVIDR_EL1.
    pub revidr: u64,
    /// AIDR_EL1.
    pub aidr: u64,
}

/// A list of implementations, which a guest reads by index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Implementations(Vec<Implementation, MAX_IMPLEMENTATIONS>);

impl Implementation {
    /// x0 to x3 of DISCOVER_IMPL_CPUS (Linux, `Documentation/virt/kvm/arm/hypercalls.rst`).
    #[must_use]
    pub const fn registers(self) -> [u64; 4] {
        [SUCCESS, self.midr, self.revidr, self.aidr]
    }
}

impl Implementations {
    /// None: a guest stays on the kind of CPU it finds.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one; gives it back if there are [`MAX_IMPLEMENTATIONS`] already.
    ///
    /// # Errors
    ///
    /// The list is full.
    pub fn add(&mut self, implementation: Implementation) -> Result<(), Implementation> {
        self.0.push(implementation)
    }

    /// x0 to x3 of DISCOVER_IMPL_VER: the version of the discovery functions, 1.0, and how many
    /// implementations there are.
    #[must_use]
    pub fn registers(&self) -> [u64; 4] {
        [SUCCESS, 0x1_0000, self.count(), 0]
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is on the list.
    #[must_use]
    pub fn contains(&self, implementation: Implementation) -> bool {
        self.0.contains(&implementation)
    }

    /// All, in the order in which a guest reads them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Implementation> + Clone {
        self.0.iter().copied()
    }

    /// The same in rising order, so that a list does not tell in which order it was made.
    pub(crate) fn sorted(&self) -> Self {
        let mut sorted = self.clone();
        sorted.0.sort_unstable();
        sorted
    }

    fn count(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(0)
    }

    /// The one of this index; None beyond the last.
    #[must_use]
    pub fn get(&self, index: u64) -> Option<Implementation> {
        self.0.get(usize::try_from(index).ok()?).copied()
    }
}

/// As many as Linux takes.
pub const MAX_IMPLEMENTATIONS: usize = 64;
