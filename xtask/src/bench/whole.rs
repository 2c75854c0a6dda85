//! What whole machines cost their host: their ends, a boot of Linux, memory, the sandbox.
//!
//! The same work is done by machines of ours, by QEMU's arm64 package of Debian, and, where there is nothing
//! to boot, by a bare loop around KVM_RUN, one after the other in one lab host whose clock counts the
//! instructions of everybody: monitor, kernel and guest. What is counted from exec on is the whole host's, its
//! page faults included. `whole` in conformance has the guests and the peer, and `floor` starts them.

use anyhow::{Result, ensure};

use super::figure::{Figure, Group, Worth};
use super::{counts, under_kvm};
use crate::process;
use crate::workspace::Workspace;

pub(super) fn count(workspace: &Workspace) -> Result<Vec<Group>> {
    let mut program = workspace.cargo("run --quiet --package vambrace-conformance --bin whole --");
    program.arg("--vambrace").arg(workspace.host_program());
    program.arg("--floor").arg(under_kvm::floor(workspace));
    let calls = workspace.guest_programs().join("examples/bench_calls");
    program.arg("--calls").arg(calls);
    program.args(["--host", under_kvm::HOST]);
    let run = process::separate(program)?;
    ensure!(
        run.status.success(),
        "counting whole machines in {} ended with {}: {}",
        under_kvm::HOST,
        run.status,
        run.errors.trim_end()
    );
    let found = Found(counts(&run.output));
    Ok(vec![
        found.instructions()?,
        found.memory()?,
        found.sandbox()?,
        found.exits()?,
        found.rates()?,
    ])
}

/// What was counted, by kind.
struct Found(Vec<(String, u64)>);

impl Found {
    /// The last count of a kind: what came before was to warm the host up.
    fn of(&self, kind: &str) -> Result<u64> {
        let found = self.0.iter().rfind(|(name, _)| name == kind);
        match found {
            Some((_, count)) => Ok(*count),
            None => anyhow::bail!("no `{kind}` was counted"),
        }
    }

    fn instructions(&self) -> Result<Group> {
        let bare = self.of("power-off:bare")?;
        let off = |name: &str| self.of(&format!("power-off:{name}"));
        let [boot, qemu] = ["linux:boot", "linux:qemu"].map(|kind| self.of(kind));
        // What it takes to have 30 MiB of kernel in RAM.
        let loading = |name: &str| -> Result<u64> {
            let load = self.of(&format!("load:{name}"))?;
            Ok(load.saturating_sub(off(name)?))
        };
        let qemu = qemu?;
        let figures = vec![
            Figure::new("SYSTEM_OFF: run", off("run")?)
                .with_goal(Some(2_000_000))
                .with_floor(Some(bare)),
            Figure::new("SYSTEM_OFF: boot, confined", off("boot")?).with_floor(Some(bare)),
            Figure::new("SYSTEM_OFF: qemu", off("qemu")?).with_floor(Some(bare)),
            Figure::new("loading Linux: boot", loading("boot")?).with_goal(Some(20_000_000)),
            Figure::new("loading Linux: qemu", loading("qemu")?),
            Figure::new("Linux to its init: boot", boot?).with_goal(Some(qemu + qemu / 50)),
            Figure::new("Linux to its init: qemu", qemu),
        ];
        Ok(Group {
            key: "whole-machine",
            title: format!(
                "from exec on, instructions of the whole host, {}",
                under_kvm::HOST
            ),
            worth: Worth::Lasting,
            figures,
        })
    }

    fn memory(&self) -> Result<Group> {
        let resident = |name: &str| self.of(&format!("resident:{name}"));
        let all = |name: &str, kind: &str| Ok(Figure::new(name, resident(kind)?));
        let own = |name: &str, kind: &str| all(name, &format!("{kind}:anonymous"));
        let figures = [
            all("boot, confined", "boot"),
            own("boot, confined: no file's", "boot"),
            all("boot, every device", "devices").map(|figure| figure.with_goal(Some(3 << 19))),
            own("boot, every device: no file's", "devices"),
            all("qemu", "qemu"),
            own("qemu: no file's", "qemu"),
        ];
        let figures = figures.into_iter().collect::<Result<_>>()?;
        Ok(Group {
            key: "resident",
            title: "in memory beside the guest's RAM while Linux waits, bytes".to_owned(),
            worth: Worth::Lasting,
            figures,
        })
    }

    /// What is left for user space while Linux boots and then waits.
    fn exits(&self) -> Result<Group> {
        let count = |name: &str, kind: &str| -> Result<Figure> {
            Ok(Figure::new(
                name,
                self.of(&format!("resident:{kind}:exits"))?,
            ))
        };
        Ok(Group {
            key: "exits",
            title: "accesses to devices that leave KVM until Linux waits for its console"
                .to_owned(),
            worth: Worth::Lasting,
            figures: vec![
                count("boot, confined", "boot")?,
                count("boot, every device", "devices")?,
                count("qemu", "qemu")?,
            ],
        })
    }

    /// The guest's work is the host's and its own; the host does the same beside it.
    fn rates(&self) -> Result<Group> {
        let rate = |kind: &str| self.of(&format!("rates:{kind}"));
        let beside = |name: &str, guest: &str, host: &str| -> Result<Figure> {
            Ok(Figure::new(name, rate(guest)?).with_floor(Some(rate(host)?)))
        };
        Ok(Group {
            key: "throughput",
            title: format!(
                "a KiB by a guest, and by its host alone, instructions of the whole host, {}",
                under_kvm::HOST
            ),
            // Who waits for whom differs from run to run, by a third.
            worth: Worth::Passing,
            figures: vec![
                beside("to a disk", "guest:disk-write", "host:disk-write")?,
                beside("from a disk", "guest:disk-read", "host:disk-read")?,
                beside("TCP to the host", "guest:tcp-to-host", "host:tcp")?,
                beside("TCP to the guest", "host:tcp-to-guest", "host:tcp")?,
            ],
        })
    }

    /// What an exit is longer by with the sandbox; below it, with filters that ask nothing.
    fn sandbox(&self) -> Result<Group> {
        let exit = |kind: &str| self.of(&format!("{kind}:mmio-read"));
        let open = exit("sandbox-off")?;
        let kernels = exit("filters-allow")?.saturating_sub(open);
        let figure = Figure::new("an exit", exit("sandbox-on")?.saturating_sub(open));
        Ok(Group {
            key: "sandbox",
            title: format!("more with the sandbox, instructions, {}", under_kvm::HOST),
            worth: Worth::Lasting,
            figures: vec![figure.with_goal(Some(300)).with_floor(Some(kernels))],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Found {
        Found(counts(text))
    }

    #[test]
    fn the_last_count_of_a_kind_holds() {
        let found = found("bench: a 1 9\nrun: b\nbench: a 1 7\n");
        assert_eq!(found.of("a").unwrap(), 7);
        assert!(found.of("b").is_err());
    }

    #[test]
    fn a_rate_stands_beside_the_hosts_own() {
        let counted = "bench: rates:host:disk-write 8 800\nbench: rates:host:disk-read 8 400\n\
                       bench: rates:host:tcp 8 1600\nbench: rates:guest:disk-write 8 880\n\
                       bench: rates:guest:disk-read 8 440\nbench: rates:guest:tcp-to-host 8 2400\n\
                       bench: rates:host:tcp-to-guest 8 3200\n";
        let group = found(counted).rates().unwrap();
        let figures: Vec<_> = group
            .figures
            .iter()
            .map(|figure| (figure.value, figure.floor))
            .collect();
        let floors = [(110, 100), (55, 50), (300, 200), (400, 200)];
        assert_eq!(figures, floors.map(|(value, floor)| (value, Some(floor))));
    }

    #[test]
    fn the_sandbox_is_what_an_exit_is_longer_by() {
        let counted = "bench: sandbox-off:mmio-read 10 65000\nbench: sandbox-on:mmio-read 10 68000\n\
                       bench: filters-allow:mmio-read 10 67000\n";
        let group = found(counted).sandbox().unwrap();
        let expected = Figure::new("an exit", 300)
            .with_goal(Some(300))
            .with_floor(Some(200));
        assert_eq!(group.figures, [expected]);
    }
}
