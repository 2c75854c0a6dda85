//! KVM answers: its own PSCI and SMCCC code, as every hypervisor on KVM has it.
//!
//! Secondaries are initialised POWER_OFF and their threads wait inside KVM_RUN, where CPU_ON of
//! another vCPU releases them. After a system event KVM has stopped them all; the machine kicks
//! their threads out.

use std::sync::atomic::{AtomicBool, Ordering};

use vambrace_core::SystemEvent;
use vambrace_core::psci::Reset;
use vambrace_core::vcpu::ResetState;

use super::{Answered, Firmware, Ready};
use crate::sys::{self, Exit, RegisterId, SystemEventKind, VcpuFeatures, VcpuOps};
use crate::vcpu::registers;

/// The firmware inside the kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    boot: ResetState,
    started: AtomicBool,
}

impl Kernel {
    /// A machine whose vCPU 0 begins at `boot`.
    pub(crate) const fn new(boot: ResetState) -> Self {
        Self {
            boot,
            started: AtomicBool::new(false),
        }
    }

    /// What vCPU `index` is initialised with: every one but the first is off.
    pub(crate) fn features(index: u16) -> VcpuFeatures {
        match index {
            0 => VcpuFeatures::PSCI_0_2,
            _ => VcpuFeatures::PSCI_0_2 | VcpuFeatures::POWER_OFF,
        }
    }
}

impl Firmware for Kernel {
    fn prepare<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        ended: impl Fn() -> bool,
    ) -> sys::Result<Ready> {
        if ended() {
            return Ok(Ready::Leave);
        }
        if index == 0 && !self.started.swap(true, Ordering::Relaxed) {
            registers::set_reset_state(vcpu, &self.boot)?;
        }
        Ok(Ready::Run)
    }

    fn call<V: VcpuOps>(
        &self,
        _: usize,
        _: &mut V,
        function: u32,
        conduit: sys::Conduit,
    ) -> sys::Result<Answered> {
        // Without a filter KVM forwards no call; kernels with calls of their own may.
        Ok(Answered::Unexpected(Exit::Hypercall { function, conduit }))
    }

    fn event<V: VcpuOps>(
        &self,
        _: usize,
        vcpu: &mut V,
        event: sys::SystemEvent,
    ) -> sys::Result<Answered> {
        Ok(match event.kind {
            SystemEventKind::Shutdown => Answered::Machine(SystemEvent::Off),
            SystemEventKind::Reset => Answered::Machine(SystemEvent::Reset(reset(vcpu, event)?)),
            SystemEventKind::Crash
            | SystemEventKind::Wakeup
            | SystemEventKind::Suspend
            | SystemEventKind::Other(_) => Answered::Unexpected(Exit::SystemEvent(event)),
        })
    }

    fn wake_all(&self) {}

    fn stopped(&self, _: usize) {}

    fn reset(&mut self) {
        *self.started.get_mut() = false;
    }

    fn forwarded_calls(&self) -> u64 {
        0
    }
}

/// SYSTEM_RESET2 leaves its type and cookie in x1 and x2 (Linux 5.18 and newer flags it).
fn reset<V: VcpuOps>(vcpu: &V, event: sys::SystemEvent) -> sys::Result<Reset> {
    if event.flags & sys::SystemEvent::RESET_FLAG_PSCI_RESET2 == 0 {
        return Ok(Reset::Cold);
    }
    let [a, b, c, d, ..] = vcpu.register(RegisterId::X[1])?.to_le_bytes();
    let reset_type = u32::from_le_bytes([a, b, c, d]);
    let cookie = vcpu.register(RegisterId::X[2])?;
    Ok(match reset_type {
        0 => Reset::Warm { cookie },
        _ => Reset::Vendor { reset_type, cookie },
    })
}
