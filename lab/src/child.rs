//! Child processes that end with their parent.
//!
//! A child asks Linux for SIGKILL at its parent's death, so that not even a killed `vambrace`
//! leaves a QEMU behind. The signal belongs to the *thread* that started the child: that thread has
//! to live as long as the child is wanted.
#![expect(
    unsafe_code,
    reason = "only code between fork and exec can tie a child to its parent"
)]

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// Makes the child of `command` die with the calling thread and keep `inherited` open under the
/// numbers they have here. `command` owns them from now on.
pub(crate) fn tie_to_parent(command: &mut Command, inherited: Vec<OwnedFd>) {
    let parent = getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // A parent that died before the line above sends no signal any more.
        if getppid() != Some(parent) {
            return Err(io::Error::from(rustix::io::Errno::SRCH));
        }
        // Here rather than at creation, so that no other child started meanwhile inherits them.
        inherited
            .iter()
            .try_for_each(|fd| fcntl_setfd(fd, FdFlags::empty()))?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. `prepare` makes plain
    // system calls; it allocates nothing, takes no lock and cannot panic.
    unsafe { command.pre_exec(prepare) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::fd::AsRawFd as _;
    use std::process::Stdio;

    #[test]
    fn an_inherited_descriptor_is_open_in_the_child_under_its_number() {
        let (mut ours, theirs) = io::pipe().unwrap();
        let theirs = OwnedFd::from(theirs);
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("echo seen >&{}", theirs.as_raw_fd()));
        tie_to_parent(&mut command, vec![theirs]);
        assert!(command.status().unwrap().success());
        drop(command);
        let mut text = String::new();
        ours.read_to_string(&mut text).unwrap();
        assert_eq!(text, "seen\n");
    }

    #[test]
    fn a_child_dies_with_the_thread_that_started_it() {
        let mut child = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("600").stdin(Stdio::null());
            tie_to_parent(&mut command, Vec::new());
            command.spawn().unwrap()
        })
        .join()
        .unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9)
        );
    }
}
