//! Getting a vCPU out of KVM_RUN from another thread, without ever losing a kick.
//!
//! KVM_RUN looks at `kvm_run.immediate_exit` when it begins and returns EINTR if it is not zero;
//! while the guest executes, any signal to the thread makes it return EINTR too. A kick therefore
//! stores 1 there first and sends a signal second. Whatever the vCPU's thread is doing:
//!
//! - it has not begun KVM_RUN: the flag ends that run at once;
//! - it is in KVM_RUN, past the look at the flag: the signal ends the run;
//! - it has no thread yet: the flag ends its first run. A thread makes itself known under the
//!   lock a kicker takes *after* storing the flag, so one of the two sees the other.
//!
//! The flag stays until the vCPU clears it, so kicks add up to one and none vanishes.
//!
//! The flag is written through a mapping of its own, so that no reference the vCPU's owner holds
//! to its `kvm_run` covers memory that other threads write. The mapping belongs to the vCPU: a
//! kicker that outlives it finds nothing, and keeps neither the mapping nor the VM alive. The
//! signal goes to a thread only while the vCPU lives and that thread was the last to run it, so a
//! later thread with the same number gets none.

#![expect(
    unsafe_code,
    reason = "maps a byte of kvm_run and signals a thread by its id"
)]

use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use libc::{c_int, c_long, c_void, pid_t, siginfo_t};
use vmm_sys_util::signal::{SIGRTMIN, register_signal_handler, unblock_signal};

use super::{Errno, Kick};

/// Ends the runs of one vCPU. See [`Kick`].
#[derive(Debug, Clone)]
pub struct Kicker {
    line: Arc<Mutex<Line>>,
}

impl Kick for Kicker {
    fn kick(&self) {
        let line = lock(&self.line);
        let Some(flag) = &line.flag else { return };
        flag.raise();
        if let Some(thread) = line.thread {
            signal(thread);
        }
    }
}

/// The vCPU's end of it.
#[derive(Debug)]
pub(super) struct Kicked {
    flag: Arc<ImmediateExit>,
    /// The thread in `line`, known here without the lock.
    thread: Option<pid_t>,
    line: Arc<Mutex<Line>>,
}

impl Kicked {
    /// For the vCPU whose `kvm_run` is at the start of `vcpu`.
    pub(super) fn new(vcpu: &impl AsRawFd) -> Result<Self, Errno> {
        install_handler()?;
        let flag = Arc::new(ImmediateExit::map(vcpu)?);
        let line = Line {
            flag: Some(Arc::clone(&flag)),
            thread: None,
        };
        Ok(Self {
            flag,
            thread: None,
            line: Arc::new(Mutex::new(line)),
        })
    }

    pub(super) fn kicker(&self) -> Kicker {
        Kicker {
            line: Arc::clone(&self.line),
        }
    }

    /// Makes the calling thread the one that kicks reach. To be called before every run; takes
    /// the lock only when the thread is another than before.
    #[inline]
    pub(super) fn attach(&mut self) -> Result<(), Errno> {
        let thread = current_thread();
        match self.thread == Some(thread) {
            true => Ok(()),
            false => self.move_to(thread),
        }
    }

    #[cold]
    fn move_to(&mut self, thread: pid_t) -> Result<(), Errno> {
        unblock_signal(SIGRTMIN()).map_err(|_| Errno::EINVAL)?;
        lock(&self.line).thread = Some(thread);
        self.thread = Some(thread);
        Ok(())
    }

    /// Kicks the vCPU from its own thread: its next run ends before it enters the guest.
    pub(super) fn raise(&self) {
        self.flag.raise();
    }

    /// Takes back every kick so far. Sequentially consistent: what the caller looks at next was
    /// not read before this.
    pub(super) fn clear(&self) {
        self.flag.clear();
    }
}

impl Drop for Kicked {
    fn drop(&mut self) {
        *lock(&self.line) = Line {
            flag: None,
            thread: None,
        };
    }
}

/// What a kicker needs; both None once the vCPU is gone.
#[derive(Debug)]
struct Line {
    flag: Option<Arc<ImmediateExit>>,
    thread: Option<pid_t>,
}

/// `kvm_run.immediate_exit`, in a shared mapping of the vCPU's first page.
#[derive(Debug)]
struct ImmediateExit {
    page: NonNull<c_void>,
}

// SAFETY: the page is only used as one atomic byte, and is not unmapped before drop.
unsafe impl Send for ImmediateExit {}
// SAFETY: as above.
unsafe impl Sync for ImmediateExit {}

impl ImmediateExit {
    fn map(vcpu: &impl AsRawFd) -> Result<Self, Errno> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let fd = vcpu.as_raw_fd();
        // SAFETY: a new mapping at an address of the kernel's choice disturbs no other.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                MAPPED,
                access,
                libc::MAP_SHARED,
                fd,
                0,
            )
        };
        match NonNull::new(page) {
            Some(page) if page.as_ptr() != libc::MAP_FAILED => Ok(Self { page }),
            _ => Err(last_errno()),
        }
    }

    fn raise(&self) {
        self.byte().store(1, Ordering::SeqCst);
    }

    fn clear(&self) {
        self.byte().store(0, Ordering::SeqCst);
    }

    fn byte(&self) -> &AtomicU8 {
        // SAFETY: the offset is within the mapping.
        let byte = unsafe { self.page.cast::<u8>().add(IMMEDIATE_EXIT) };
        // SAFETY: the mapping lives as long as `self`, and nothing else uses its address. The
        // kernel reads the byte as atomically as a byte can be.
        unsafe { AtomicU8::from_ptr(byte.as_ptr()) }
    }
}

impl Drop for ImmediateExit {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` and no reference to it outlives `self`.
        unsafe { libc::munmap(self.page.as_ptr(), MAPPED) };
    }
}

/// A kicker does not panic while it holds the lock, and what it guards is always whole.
fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the signal a handler that does nothing: by default it would end the process, ignored it
/// would end no run. Calls it interrupts are not restarted.
fn install_handler() -> Result<(), Errno> {
    extern "C" fn nothing(_: c_int, _: *mut siginfo_t, _: *mut c_void) {}
    static INSTALLED: OnceLock<Result<(), Errno>> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        register_signal_handler(SIGRTMIN(), nothing).map_err(|error| Errno::new(error.errno()))
    })
}

/// The calling thread's number, asked of the kernel once.
#[inline]
fn current_thread() -> pid_t {
    thread_local! {
        // SAFETY: the call has no precondition.
        static THREAD: pid_t = unsafe { libc::gettid() };
    }
    THREAD.with(|thread| *thread)
}

/// A thread that just ended gets no signal; that is no failure, it runs nothing.
fn signal(thread: pid_t) {
    let process = c_long::from(std::process::id().cast_signed());
    // SAFETY: a signal with a harmless handler, to a thread of this process or to none.
    unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            process,
            c_long::from(thread),
            c_long::from(SIGRTMIN()),
        )
    };
}

fn last_errno() -> Errno {
    Errno::new(vmm_sys_util::errno::Error::last().errno())
}

/// Where `immediate_exit` is in `struct kvm_run`.
const IMMEDIATE_EXIT: usize = 1;

/// How much is mapped: less than a page, which the kernel rounds up.
const MAPPED: usize = 0x100;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{ErrorKind, Read, Seek, SeekFrom};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use vmm_sys_util::tempfile::TempFile;

    use super::*;

    const BETWEEN_KICKS: Duration = Duration::from_millis(1);

    /// A file in place of a vCPU: its second byte is the flag.
    fn vcpu() -> (File, Kicked) {
        let file = TempFile::new().unwrap().into_file();
        file.set_len(0x1000).unwrap();
        let kicked = Kicked::new(&file).unwrap();
        (file, kicked)
    }

    fn flag(mut file: &File) -> u8 {
        let mut bytes = [0; 3];
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_exact(&mut bytes).unwrap();
        assert_eq!((bytes[0], bytes[2]), (0, 0));
        bytes[1]
    }

    #[test]
    fn immediate_exit_is_the_second_byte_of_kvm_run() {
        assert_eq!(
            std::mem::offset_of!(kvm_bindings::kvm_run, immediate_exit),
            IMMEDIATE_EXIT
        );
    }

    #[test]
    fn a_kick_sets_the_flag_until_it_is_cleared() {
        let (file, kicked) = vcpu();
        assert_eq!(flag(&file), 0);
        kicked.kicker().kick();
        kicked.kicker().kick();
        assert_eq!(flag(&file), 1);
        kicked.clear();
        assert_eq!(flag(&file), 0);
    }

    #[test]
    fn a_vcpu_can_kick_itself() {
        let (file, kicked) = vcpu();
        kicked.raise();
        assert_eq!(flag(&file), 1);
    }

    #[test]
    fn a_kick_before_the_first_run_stays() {
        let (file, mut kicked) = vcpu();
        kicked.kicker().kick();
        kicked.attach().unwrap();
        assert_eq!(flag(&file), 1);
    }

    #[test]
    fn a_kick_interrupts_the_thread_that_runs() {
        let (_file, mut kicked) = vcpu();
        let kicker = kicked.kicker();
        let (mut blocked, _other_end) = UnixStream::pair().unwrap();
        let (attached, is_attached) = mpsc::channel();
        let (interrupted, was_interrupted) = mpsc::channel();
        let thread = thread::spawn(move || {
            kicked.attach().unwrap();
            attached.send(()).unwrap();
            let error = blocked.read(&mut [0]).unwrap_err();
            interrupted.send(()).unwrap();
            error.kind()
        });
        is_attached.recv().unwrap();
        // The flag is not looked at by a read, so kick until one finds the thread inside it. With
        // time between: real-time signals queue, and a storm would keep the thread in the handler.
        while was_interrupted.recv_timeout(BETWEEN_KICKS).is_err() {
            kicker.kick();
        }
        assert_eq!(thread.join().unwrap(), ErrorKind::Interrupted);
    }

    #[test]
    fn a_kick_follows_the_vcpu_to_another_thread() {
        let (_file, mut kicked) = vcpu();
        kicked.attach().unwrap();
        let here = kicked.thread;
        let kicked = thread::spawn(move || {
            kicked.attach().unwrap();
            kicked
        })
        .join()
        .unwrap();
        assert_ne!(lock(&kicked.line).thread, here);
        assert_eq!(lock(&kicked.line).thread, kicked.thread);
        // Its thread has ended: nobody gets the signal, the flag is set all the same.
        kicked.kicker().kick();
        assert_eq!(kicked.flag.byte().load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_kick_at_a_vcpu_that_is_gone_does_nothing() {
        let (file, kicked) = vcpu();
        let kicker = kicked.kicker();
        drop(kicked);
        kicker.kick();
        assert_eq!(flag(&file), 0);
        assert!(lock(&kicker.line).flag.is_none());
    }
}
