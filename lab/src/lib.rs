//! Emulated arm64 hosts: which kernels, which CPUs, how to run a command in one.
//!
//! QEMU emulates an Arm machine with EL2, a stock Debian kernel boots in it in seconds, and that
//! kernel's own KVM is what a command inside finds at `/dev/kvm`. So KVM/arm64 is at hand on any
//! Linux machine, without privileges and without Arm hardware.
//!
//! The outside: [`fetch`](fetch()) puts a kernel into a [`Cache`]; [`Host::prepare`] checks a
//! [`HostSpec`] against what is there; [`Host::run`] runs a [`Job`]. The inside is [`init`]: the
//! same program as process 1 of the host. The two speak over a virtio-serial port ([`frame`]).
//!
//! No host outlives the thread that runs it, and a run leaves no file behind but the outputs it was
//! asked for and, after a failure, the host's console.

pub mod board;
pub mod build_id;
mod cache;
mod child;
pub mod cpio;
mod emulator;
mod error;
mod executable;
mod fetch;
pub mod frame;
pub mod host;
pub mod init;
mod initramfs;
mod job;
mod kernel_image;
pub mod kernels;
mod latch;
mod machine;
mod program;
mod qemu;
mod run;
mod session;
mod signals;
mod start;
mod tail;

pub use cache::{Cache, Record, StoredFile};
pub use error::{Details, Error};
pub use fetch::{Bundle, FetchOptions, Fetched, Packages, Progress, Refetch, fetch, fetch_bundle};
pub use frame::ExitStatus;
pub use host::HostSpec;
pub use job::{DIRECTORY, Executable, HostDisk, Input, Job, Output, Source};
pub use latch::Cancel;
pub use program::Program;
pub use qemu::{OLDEST, Qemu, Version};
pub use run::Host;
pub use session::{Missing, Outcome, Stdin, Streams};
pub use signals::{Signals, SignalsEnd};
pub use start::Start;
