//! Who hears what a host says to a contract.
//!
//! A machine needs all of it and stops at the first refusal; somebody who asks wants to hear all.

use std::fmt;

use vambrace_core::contract::{Normalisation, Subject};
use vambrace_core::cpu::Field;

use super::Error;
use crate::sys::{self, Errno};

/// Everything that a host did not take or keep of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confirmation {
    /// What its kernel refused, in the order in which it was told: each subject once.
    pub refusals: Vec<Refusal>,
    /// What it took and reads back as something else.
    pub differences: Vec<Difference>,
}

/// What a kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What of the contract.
    pub subject: Subject,
    /// Why, in the kernel's words.
    pub errno: Errno,
}

/// What a host took, and has otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// What of the contract.
    pub subject: Subject,
    /// Which field of it; None for bits that no field names, and for what is no ID register.
    pub field: Option<Field>,
    /// What was promised.
    pub written: u64,
    /// What the guest would read.
    pub read: u64,
}

/// What a machine cannot keep of its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unkept {
    /// The kernel refused it.
    #[error("this host refuses {subject}: {source}")]
    Refused {
        /// What.
        subject: Subject,
        /// The operation, and the kernel's words.
        source: sys::Error,
    },
    /// The kernel took it, and the guest would see something else.
    #[error("{0}")]
    Changed(Difference),
    /// The guest could find itself on a CPU that it was not told of.
    #[error(
        "the guest could run on CPU {cpu}, which says MIDR_EL1 {midr:#x} and REVIDR_EL1 {revidr:#x} and \
         is none that it was told of: keep it on others (--host-cpus)"
    )]
    UnlistedCpu {
        /// The CPU's number.
        cpu: u32,
        /// Its MIDR_EL1.
        midr: u64,
        /// Its REVIDR_EL1.
        revidr: u64,
    },
}

/// Hears what a host says to a contract, and decides whether to go on.
pub(crate) trait Witness {
    /// Ends the telling.
    type Error: From<sys::Error>;

    /// The host refused `subject`.
    fn refused(&mut self, subject: Subject, error: sys::Error) -> Result<(), Self::Error>;

    /// The host has something else than it was told.
    fn differs(&mut self, difference: Difference) -> Result<(), Self::Error>;

    /// Whether `subject` was refused before: then it reads back as the host's.
    fn has_refused(&self, subject: Subject) -> bool;
}

/// Ends at the first thing that is not kept, but for changes that were predicted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strict<'a> {
    /// What the host is known to change, though no guest relies on it.
    pub(crate) normalisations: &'a [Normalisation],
}

impl Difference {
    /// Whether `prediction` says just this.
    #[must_use]
    pub fn is(&self, prediction: &Normalisation) -> bool {
        self.field == Some(prediction.field)
            && (self.written, self.read) == (prediction.promised, prediction.becomes)
    }
}

impl Witness for Strict<'_> {
    type Error = Failure;

    fn refused(&mut self, subject: Subject, source: sys::Error) -> Result<(), Failure> {
        match is_refusal(source.errno) {
            true => Err(Failure::Unkept(Unkept::Refused { subject, source })),
            false => Err(source.into()),
        }
    }

    fn differs(&mut self, difference: Difference) -> Result<(), Failure> {
        let mut predictions = self.normalisations.iter();
        match predictions.any(|prediction| difference.is(prediction)) {
            true => Ok(()),
            false => Err(Failure::Unkept(Unkept::Changed(difference))),
        }
    }

    fn has_refused(&self, _: Subject) -> bool {
        false
    }
}

/// What ends a [`Strict`] telling.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure {
    /// The contract.
    Unkept(Unkept),
    /// Something else.
    Kvm(sys::Error),
}

impl From<sys::Error> for Failure {
    fn from(error: sys::Error) -> Self {
        Self::Kvm(error)
    }
}

impl Witness for Confirmation {
    type Error = Error;

    fn refused(&mut self, subject: Subject, error: sys::Error) -> Result<(), Error> {
        if !is_refusal(error.errno) {
            return Err(error.into());
        }
        if !self.has_refused(subject) {
            let errno = error.errno;
            self.refusals.push(Refusal { subject, errno });
        }
        Ok(())
    }

    fn differs(&mut self, difference: Difference) -> Result<(), Error> {
        if !self.differences.contains(&difference) {
            self.differences.push(difference);
        }
        Ok(())
    }

    fn has_refused(&self, subject: Subject) -> bool {
        let mut refusals = self.refusals.iter();
        refusals.any(|refusal| refusal.subject == subject)
    }
}

/// Whether a kernel says with this that it does not have something, or not so. The others tell of
/// the process, its memory and its files, or of steps out of order.
pub(super) fn is_refusal(errno: Errno) -> bool {
    REFUSALS.contains(&errno)
}

/// The field, or the subject, and both values.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "{field}")?,
            None => write!(f, "{}", self.subject)?,
        }
        let Self { written, read, .. } = self;
        write!(f, " was set to {written:#x} and reads as {read:#x}")?;
        match self.subject {
            Subject::Workaround(_) => f.write_str(
                ", the host's own level: a guest launched here is told more than it was promised",
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.errno)
    }
}

const REFUSALS: &[Errno] = &[
    Errno::EINVAL,
    Errno::ENOENT,
    Errno::ENXIO,
    Errno::ENODEV,
    Errno::ENOTTY,
    Errno::E2BIG,
    Errno::EPERM,
];
