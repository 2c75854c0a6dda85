//! The file systems a program expects to find.

use std::os::unix::fs::symlink;
use std::path::Path;

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

/// A host without KVM is of no use to any command; the kernel's console says why there is none.
pub(super) fn check_kvm() -> Result<(), String> {
    if Path::new("/dev/kvm").exists() {
        return Ok(());
    }
    Err(
        "this kernel offers no KVM (there is no /dev/kvm): it was built without CONFIG_KVM, or \
         found no EL2 on this CPU"
            .into(),
    )
}

fn mount_one(kind: &str, target: &str) -> rustix::io::Result<()> {
    mount(kind, target, kind, MountFlags::empty(), None)
}
