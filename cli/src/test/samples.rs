//! What the header of a test says, for tests to begin with.

use vambrace_kvm::image::{Claim, End, Needs};
use vambrace_kvm::machine::Features;

/// A claim that needs nothing and holds everywhere.
pub(crate) fn claim() -> Claim {
    Claim {
        sentence: "it holds".into(),
        vcpus: 1,
        memory: None,
        psci: None,
        kvm: None,
        features: Features::empty(),
        dialect: None,
        firmware: None,
        needs: Needs::empty(),
        el2: None,
        ends: End::Code,
        resets: 0,
    }
}
