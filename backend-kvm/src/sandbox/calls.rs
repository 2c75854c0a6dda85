//! Which system calls machines make, and what for.
//!
//! C libraries differ: where glibc and musl make different calls for the same, both are here.

use std::ffi::c_long;

/// An ioctl's second argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// This one.
    Exactly(u32),
    /// All of a type: bits 15 to 8.
    OfType(u8),
}

/// Of every thread: those of the vCPUs, and what makes, serves and ends machines.
pub(super) const MACHINE: &[c_long] = &[
    // Memory and threads, of which each life has its own.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_prctl,
    libc::SYS_seccomp,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_futex,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals: a kick, the end from outside.
    libc::SYS_tgkill,
    libc::SYS_tkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time and randomness.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_getrandom,
    // What is open: consoles, disks, network cards, sockets, memory files.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fallocate,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_close,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_ppoll,
    // Sockets between guest and host: `socket` of AF_UNIX alone, which Landlock confines further.
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_unlinkat,
    // What a panic wants to know of the program.
    libc::SYS_getcwd,
    libc::SYS_readlinkat,
];

/// Of a vCPU's thread: it runs, waits, kicks others, answers calls and writes to devices.
pub(super) const VCPU: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_sched_yield,
    libc::SYS_futex,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_tgkill,
    libc::SYS_tkill,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_timerfd_settime,
    libc::SYS_getrandom,
    // The console, and the bells of the devices' threads.
    libc::SYS_write,
    libc::SYS_writev,
    // How long this thread has waited for a CPU: a file that is opened, read and closed. A machine
    // that has ended closes its vCPUs.
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_lseek,
    libc::SYS_read,
    libc::SYS_close,
];

/// All of KVM's, and what consoles and network cards need.
pub(super) const REQUESTS_OF_MACHINE: &[Request] = &[
    Request::OfType(KVMIO),
    // A terminal, as it was.
    Request::Exactly(libc::TCGETS as u32),
    Request::Exactly(libc::TCSETS as u32),
    // A tap's offloads.
    Request::Exactly(TUNSETOFFLOAD),
];

/// KVM_RUN passes before anything is compared with these.
pub(super) const REQUESTS_OF_VCPU: &[Request] = &[
    Request::Exactly(KVM_RUN),
    Request::Exactly(KVM_IRQ_LINE),
    Request::Exactly(KVM_GET_ONE_REG),
    Request::Exactly(KVM_SET_ONE_REG),
    Request::Exactly(KVM_GET_MP_STATE),
    Request::Exactly(KVM_SET_MP_STATE),
    Request::Exactly(KVM_GET_VCPU_EVENTS),
    Request::Exactly(KVM_SET_VCPU_EVENTS),
    Request::Exactly(KVM_ARM_VCPU_INIT),
];

const KVMIO: u8 = 0xae;
pub(super) const KVM_RUN: u32 = 0x0000_ae80;
const KVM_IRQ_LINE: u32 = 0x4008_ae61;
const KVM_GET_MP_STATE: u32 = 0x8004_ae98;
const KVM_SET_MP_STATE: u32 = 0x4004_ae99;
const KVM_GET_VCPU_EVENTS: u32 = 0x8040_ae9f;
const KVM_SET_VCPU_EVENTS: u32 = 0x4040_aea0;
const KVM_GET_ONE_REG: u32 = 0x4010_aeab;
const KVM_SET_ONE_REG: u32 = 0x4010_aeac;
const KVM_ARM_VCPU_INIT: u32 = 0x4020_aeae;
const TUNSETOFFLOAD: u32 = 0x4004_54d0;
