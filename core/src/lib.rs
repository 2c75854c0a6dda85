//! The firmware a virtual Arm machine sees, as pure state machines.
//!
//! *Input and state in, state and outcome out.* A hypervisor hands this crate what a guest asked
//! (the registers of an `HVC` or `SMC`) and carries out the answer. Nothing here reads a clock,
//! draws a random number, touches memory, starts a thread or takes a lock; nothing allocates, and
//! no path that a guest can reach panics. So the same code runs above KVM, at EL2 and in a unit
//! test, and every interleaving of vCPUs is some order of calls on one `&mut Vm`.
//!
//! ```text
//! guest registers ─▶ Args ─▶ gate ─▶ Call (parsed once) ─▶ service ─▶ Outcome ─▶ guest registers
//!                    smccc  firmware  psci, trng, …/call.rs                      the backend
//! ```
//!
//! # The life of a machine
//!
//! 1. A [`VmConfig`] collects what is fixed for the machine's life; [`VmConfig::freeze`] consumes
//!    it and gives a [`Vm`], in which nothing of that can change any more.
//! 2. The backend guards the `Vm` by one lock, held across one call and never while a guest runs.
//! 3. Each vCPU asks [`Vm::begin`] before it enters the guest for the first time and after every
//!    kick, and does what the [`Entry`] says. Starting is pulled, not pushed: `CPU_ON` only names
//!    whom to wake.
//! 4. On a firmware call the backend gives [`Vm::call`] the function id and the registers that it
//!    has at hand. If the answer needs more, [`Outcome::Fetch`] says what, and nothing has
//!    happened; else the backend carries out the [`Outcome`].
//! 5. After a [`SystemEvent`] every vCPU is kicked, hears [`Entry::Stop`] and reports
//!    [`Vm::stopped`]; when the last one has, [`Vm::reset`] makes the machine ready to boot again.
//!
//! # A backend in one screen
//!
//! `examples/embed.rs` is a whole one in fifty lines, without any hypervisor below it.
//!
//! ```
//! use vambrace_core::memory::Ipa;
//! use vambrace_core::smccc::{Args, Caller, Conduit};
//! use vambrace_core::vcpu::Mpidr;
//! use vambrace_core::{Entry, Lent, Outcome, VmConfig};
//!
//! let mut config = VmConfig::<2>::new();
//! let boot = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0))?;
//! let second = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 1))?;
//! let mut vm = config.freeze(boot, Ipa::new(0x4020_0000), 0)?;
//!
//! assert!(matches!(vm.begin(boot), Entry::Start(_)));
//! assert!(matches!(vm.begin(second), Entry::Park));
//!
//! // The guest executes HVC #0 with x0 = CPU_ON, x1 = 1, x2 = entry, x3 = context.
//! let caller = Caller::little_endian_aarch64(boot, Conduit::Hvc(0));
//! let x0 = 0xc400_0003;
//! let registers = [1, 0x4030_0000, 42];
//! let Outcome::Fetch(needs) = vm.call(&caller, &Args::new(x0, &[]), Lent::NOTHING) else {
//!     panic!("no CPU is named yet");
//! };
//! assert_eq!(needs.arguments(), 1);
//!
//! let Outcome::ResumeAndWake(results, woken) =
//!     vm.call(&caller, &Args::new(x0, &registers), Lent::NOTHING)
//! else {
//!     panic!("the second CPU was off");
//! };
//! assert_eq!(results.x0(), 0);
//! assert_eq!(woken, second);
//! assert!(matches!(vm.begin(second), Entry::Start(state) if state.x0() == 42));
//! # Ok::<(), vambrace_core::ConfigError>(())
//! ```
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used,
    )
)]

pub mod contract;
pub mod cpu;
pub mod firmware;
pub mod memory;
pub mod psci;
pub mod pvtime;
pub mod smccc;
pub mod time;
pub mod trng;
pub mod vcpu;
pub mod vendor_hyp;
pub mod vm;

pub use psci::SystemEvent;
pub use vm::{ConfigError, Entry, Lent, Outcome, Vm, VmConfig};
