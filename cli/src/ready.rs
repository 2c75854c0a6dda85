//! A lab host with everything it needs: a kernel, fetched if need be, and the arm64 program.

use vambrace_lab::host::Kernel;
use vambrace_lab::kernels::Series;
use vambrace_lab::{Cache, FetchOptions, Host, HostSpec, Program, Qemu, Record, Refetch, fetch};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::program;
use crate::progress::{Teller, say};

/// Makes `spec` ready to run: looks for QEMU, fetches the kernel if it is not there yet, finds or
/// builds the arm64 program. What takes long is told on standard error.
pub(crate) fn host(spec: HostSpec, interrupt: &Interrupt) -> Result<(Host, Program), Failure> {
    let ours = |error| interrupt.failure(error);
    let cache = Cache::of_user()?;
    let qemu = Qemu::locate().map_err(ours)?;
    if let Some(host) = Host::prepare(spec.clone(), qemu.clone(), &cache).map_err(ours)? {
        return Ok((host, program::locate(interrupt)?));
    }
    if let Kernel::Series(series) = spec.kernel {
        say(&format!(
            "the kernel {} is not here yet; it is fetched once",
            series.name
        ));
        let options = FetchOptions {
            refetch: Refetch::IfDamaged,
            mirror: None,
        };
        fetch_one(&cache, series, &options, interrupt)?;
    }
    let host = Host::prepare(spec, qemu, &cache)
        .map_err(ours)?
        .ok_or_else(|| Failure::new("the kernel that was just fetched is gone from the cache"))?;
    Ok((host, program::locate(interrupt)?))
}

/// Fetches the kernel of one series, telling how far it has come.
pub(crate) fn fetch_one(
    cache: &Cache,
    series: &'static Series,
    options: &FetchOptions,
    interrupt: &Interrupt,
) -> Result<Record, Failure> {
    let mut teller = Teller::new(format!("kernel {}", series.name));
    fetch(
        cache,
        series,
        options,
        interrupt.cancel(),
        &mut |progress| teller.tell(progress),
    )
    .map_err(|error| interrupt.failure(error))
}
