//! The same firmware with no operating system below it.
//!
//! A program that boots at EL2 on QEMU's `virt` board, finds a guest in the initrd that /chosen
//! names, gives it RAM behind stage 2 and lets it run at EL1; HVC and SMC trap here and are answered
//! by `vambrace-core`. Each vCPU is pinned to one CPU, which has no other: nothing is ever saved or
//! restored between a call and its answer but general-purpose registers.
//!
//! What is computed is apart from what touches the machine: [`config`], [`board`], [`image`],
//! [`device_tree`], [`stage2`], [`syndrome`] and [`gic`] know no register and run anywhere; the rest
//! exists on the bare machine alone. The FP and SIMD registers are the guest's: this is built for a
//! target without them.
#![cfg_attr(not(test), no_std)]

pub mod board;
pub mod config;
pub mod device_tree;
pub mod fdt;
pub mod gic;
pub mod image;
pub mod layout;
pub mod stage2;
pub mod syndrome;

// These are instructions, registers and device accesses that exist on the bare machine alone; all
// that can run elsewhere is above.
#[cfg(target_os = "none")]
mod arch;
#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod crash;
#[cfg(target_os = "none")]
mod exits;
#[cfg(target_os = "none")]
mod firmware;
#[cfg(target_os = "none")]
mod interrupts;
#[cfg(target_os = "none")]
mod machine;
#[cfg(target_os = "none")]
mod vcpu;

/// What a program that starts this one looks for, to compare the sources of both.
#[used]
static MARKER: &str = concat!("vambrace-build-id=", env!("VAMBRACE_EL2_BUILD_ID"), ";");
