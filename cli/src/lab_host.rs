//! Runs one job in one lab host, fetching its kernel first if it has to.

use vambrace_lab::{Cache, Cancel, ExitStatus, Host, HostSpec, Job, Qemu, Streams};

use crate::failure::Failure;

