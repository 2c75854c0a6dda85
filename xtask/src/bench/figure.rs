//! One number, what it is held against, and the group it is shown in.

/// Figures of one kind and unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The table's name in the baseline file.
    pub(super) key: &'static str,
    /// What is measured, where, in which unit.
    pub(super) title: String,
    pub(super) worth: Worth,
    pub(super) figures: Vec<Figure>,
}

/// What the figures of a group are worth on another machine, or in another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// They are the same everywhere: counted, or read off what was built.
    Lasting,
    /// They are this machine's, and those of how busy it was: nothing to hold a later run against.
    Passing,
}

/// A measured number. Less is better, whatever it counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Figure {
    /// What is measured; the key in the baseline file.
    pub(super) name: String,
    pub(super) value: u64,
    /// What it shall not exceed.
    pub(super) goal: Option<u64>,
    /// What it cannot fall below, as measured in the same run.
    pub(super) floor: Option<u64>,
}

impl Figure {
    pub(super) fn new(name: impl Into<String>, value: u64) -> Self {
        Self {
            name: name.into(),
            value,
            goal: None,
            floor: None,
        }
    }

    pub(super) fn with_goal(self, goal: Option<u64>) -> Self {
        Self { goal, ..self }
    }

    pub(super) fn with_floor(self, floor: Option<u64>) -> Self {
        Self { floor, ..self }
    }
}
