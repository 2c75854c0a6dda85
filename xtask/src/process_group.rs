//! Processes that end with all that they have started.
//!
//! Each leads a process group of its own, and whatever it starts is in that group unless it leaves:
//! killing the group leaves nothing behind. A terminal's Ctrl-C reaches only the group that the
//! terminal knows, so the signals that end xtask are passed on to every group first.

use anyhow::{Context, Result};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The first process of a group. One that is dropped takes its group with it.
#[derive(Debug)]
pub(crate) struct Leader {
    pub(crate) child: Child,
    group: Pid,
    among: &'static Groups,
}

/// The groups whose leaders have not been waited for: nobody else can have their numbers.
#[derive(Debug)]
struct Groups(Mutex<Vec<Pid>>);

impl Leader {
    /// Starts `command`.
    pub(crate) fn start(command: Command) -> Result<Self> {
        pass_signals_on()?;
        Ok(Self::start_among(command, &ALL)?)
    }

    fn start_among(mut command: Command, among: &'static Groups) -> io::Result<Self> {
        // Under the lock, so that a signal finds every group that has begun.
        let mut groups = among.lock();
        let child = command.process_group(0).spawn()?;
        // The command holds the writing ends of pipes; with them open a reader would wait for ever.
        drop(command);
        let group = Pid::from_child(&child);
        groups.push(group);
        Ok(Self {
            child,
            group,
            among,
        })
    }

    /// Kills the process and everything in its group, if anything of it is left.
    pub(crate) fn kill(&self) {
        let groups = self.among.lock();
        if groups.contains(&self.group) {
            // It may have ended by itself just now.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        // Its number is its own until it is waited for in truth: nobody may use it from then on.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = waitid(WaitId::Pid(self.group), ended) {
            match error {
                rustix::io::Errno::INTR => {}
                // It has been waited for before.
                _ => break,
            }
        }
        let mut groups = self.among.lock();
        groups.retain(|group| *group != self.group);
        self.child.wait()
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.among.lock().contains(&self.group) {
            self.kill();
            // A process that is killed ends.
            let _ = self.wait();
        }
    }
}

impl Groups {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a signal to all of them, and lets none begin while `then` runs.
    fn signal(&self, signal: i32, then: impl FnOnce()) {
        let groups = self.lock();
        for group in groups.iter() {
            if let Some(signal) = Signal::from_named_raw(signal) {
                let _ = kill_process_group(*group, signal);
            }
        }
        then();
    }
}

/// From now on a signal that ends xtask ends the groups, too.
fn pass_signals_on() -> Result<()> {
    static WATCHED: Once = Once::new();
    if WATCHED.is_completed() {
        return Ok(());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ending = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
    let watched = ending
        .iter()
        .filter(|signal| !is_ignored(&status, **signal));
    let mut signals = Signals::new(watched).context("cannot watch for signals")?;
    WATCHED.call_once(|| {
        std::thread::spawn(move || {
            for signal in &mut signals {
                ALL.signal(signal, || {
                    // The process ends here, as if the signal had never been watched.
                    let _ = emulate_default_handler(signal);
                });
            }
        });
    });
    Ok(())
}

/// Whether whoever started us wants us to outlive a signal, as `nohup` does; `status` is proc(5)'s.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 << (signal - 1) != 0)
}

static ALL: Groups = Groups::new();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    /// A shell that waits for a process of its own, and that one's number.
    fn family(among: &'static Groups) -> (Leader, String) {
        let mut shell = process::command("sh");
        shell.args(["-c", "sleep 600 & echo $!; wait"]);
        shell.stdout(Stdio::piped());
        let mut leader = Leader::start_among(shell, among).unwrap();
        let mut number = String::new();
        let output = leader.child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut number).unwrap();
        (leader, number.trim().to_owned())
    }

    /// A process that nobody has waited for yet does not run any more.
    fn runs(number: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    fn ends(number: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        while runs(number) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        !runs(number)
    }

    #[test]
    fn what_a_killed_process_has_started_ends_with_it() {
        let (mut leader, number) = family(&ALL);
        assert!(runs(&number));
        leader.kill();
        assert!(!leader.wait().unwrap().success());
        assert!(ends(&number));
    }

    #[test]
    fn a_process_that_is_forgotten_ends_with_all_it_has_started() {
        let (leader, number) = family(&ALL);
        drop(leader);
        assert!(ends(&number));
    }

    #[test]
    fn a_signal_reaches_every_group_and_all_in_it() {
        static SOME: Groups = Groups::new();
        let [(mut one, first), (mut other, second)] = [family(&SOME), family(&SOME)];
        let mut told = false;
        SOME.signal(SIGTERM, || told = true);
        assert!(told && ends(&first) && ends(&second));
        assert!(!one.wait().unwrap().success() && !other.wait().unwrap().success());
        assert!(SOME.lock().is_empty());
    }

    #[test]
    fn a_signal_that_is_ignored_stays_so() {
        let status = "SigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, SIGHUP));
        assert!(!is_ignored(status, SIGINT) && !is_ignored("", SIGHUP));
    }

    #[test]
    fn a_process_that_was_waited_for_is_not_killed_again() {
        let mut shell = process::command("sh");
        shell.args(["-c", "exit 3"]);
        let mut leader = Leader::start(shell).unwrap();
        assert_eq!(leader.wait().unwrap().code(), Some(3));
        leader.kill();
        assert_eq!(leader.wait().unwrap().code(), Some(3));
    }
}
