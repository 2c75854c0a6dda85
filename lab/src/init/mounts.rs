//! The file systems a program expects to find.

use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;
use rustix::mount::{MountFlags, mount};

/// Mounts what every command needs, and what is useful where the kernel has it.
pub(super) fn mount_all() -> Result<(), String> {
    for (kind, target) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        mount_one(kind, target).map_err(|error| format!("cannot mount {kind}: {error}"))?;
    }
    for (kind, target) in [
        ("devpts", "/dev/pts"),
        ("tmpfs", "/dev/shm"),
        ("debugfs", "/sys/kernel/debug"),
        ("tracefs", "/sys/kernel/tracing"),
    ] {
        // A kernel may lack any of these; what needs one says so itself.
        let _ = std::fs::create_dir(target);
        let _ = mount_one(kind, target);
    }
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, link).map_err(|error| format!("cannot link {link}: {error}"))?;
    }
    Ok(())
}

/// A host without KVM is of no use to any command.
pub(super) fn check_kvm() -> Result<(), String> {
    if Path::new("/dev/kvm").exists() {
        return Ok(());
    }
    let mut reason = "this kernel offers no KVM (there is no /dev/kvm): it was built without \
                      CONFIG_KVM, or found no EL2 on this CPU"
        .to_owned();
    // A record is `priority,number,time,flags;message`.
    let messages = kernel_messages();
    let messages = messages.lines().filter_map(|record| record.split_once(';'));
    for (_, message) in messages.filter(|(_, message)| message.starts_with("kvm [")) {
        reason.push_str("\n  | ");
        reason.push_str(message);
    }
    Err(reason)
}

/// What the kernel has said, as far as it can be read: it is for an explanation only.
fn kernel_messages() -> String {
    let options = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(messages) = open("/dev/kmsg", options, Mode::empty()) else {
        return String::new();
    };
    let mut text = Vec::new();
    let mut record = [0; 8192];
    // Each read is one record, until there is none.
    while let Ok(count @ 1..) = read(&messages, &mut record[..]) {
        text.extend_from_slice(&record[..count]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn mount_one(kind: &str, target: &str) -> rustix::io::Result<()> {
    mount(kind, target, kind, MountFlags::empty(), None)
}
