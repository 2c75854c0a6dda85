//! KVM answers: its own PSCI and SMCCC code, as every hypervisor on KVM has it.
//!
//! Secondaries are initialised POWER_OFF and their threads wait inside KVM_RUN, where CPU_ON of
//! another vCPU releases them. After a system event KVM has stopped them all; the machine kicks
//! their threads out.
//!
//! Of SYSTEM_SUSPEND, where it is promised, KVM only tells: whether the caller is alone, how it
//! waits and where it goes on is decided here, as core decides it in KVM's dialect: DENIED while
//! another vCPU is on, the entry point not looked at. (`Documentation/virt/kvm/api.rst`,
//! KVM_SYSTEM_EVENT_SUSPEND)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vambrace_core::SystemEvent;
use vambrace_core::memory::Ipa;
use vambrace_core::psci::Reset;
use vambrace_core::vcpu::ResetState;
use vambrace_core::vendor_hyp::Implementations;

use super::census::{Attended, Census, Others, UnderWay};
use super::{Answered, Firmware, PowerCalls, Ready};
use crate::sys::{self, Exit, MpState, RegisterId, SystemEventKind, VcpuFeatures, VcpuOps};
use crate::vcpu::registers;

/// The firmware inside the kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    features: VcpuFeatures,
    boot: ResetState,
    started: AtomicBool,
    census: Census,
    /// Where the vCPU goes on that suspended the system.
    suspended: Mutex<Option<ResetState>>,
    /// The CPUs that the guest is told it may land on: KVM advertises that it can be asked, and
    /// forwards the question.
    implementations: Implementations,
    forwarded: AtomicU64,
}

impl Kernel {
    /// A machine of `vcpus` vCPUs with these features, whose first begins at `boot`.
    pub(crate) const fn new(vcpus: usize, features: VcpuFeatures, boot: ResetState) -> Self {
        Self {
            features,
            boot,
            started: AtomicBool::new(false),
            census: Census::new(vcpus),
            suspended: Mutex::new(None),
            implementations: Implementations::new(),
            forwarded: AtomicU64::new(0),
        }
    }

    /// The same, which tells of these implementations.
    pub(crate) fn telling_of(self, implementations: Implementations) -> Self {
        Self {
            implementations,
            ..self
        }
    }

    /// The answer to DISCOVER_IMPL_VER or DISCOVER_IMPL_CPUS; None for another function.
    fn discovery<V: VcpuOps>(&self, vcpu: &V, function: u32) -> sys::Result<Option<[u64; 4]>> {
        Ok(match function {
            DISCOVER_IMPL_VER => Some(self.implementations.registers()),
            DISCOVER_IMPL_CPUS => {
                let index = vcpu.register(RegisterId::X[1])?;
                Some(match self.implementations.get(index) {
                    Some(cpu) => cpu.registers(),
                    None => [INVALID_PARAMETER.cast_unsigned(), 0, 0, 0],
                })
            }
            _ => None,
        })
    }

    /// What vCPU `index` is initialised with: every one but the first is off.
    pub(crate) fn features(all: VcpuFeatures, index: usize) -> VcpuFeatures {
        match index {
            0 => all,
            _ => all | VcpuFeatures::POWER_OFF,
        }
    }

    /// SYSTEM_SUSPEND of a vCPU that is alone: it waits inside KVM for an interrupt. KVM has left
    /// the entry point in x1 and the context id in x2, those of an SMC32 call truncated.
    fn suspend<V: VcpuOps>(&self, vcpu: &mut V) -> sys::Result<()> {
        let entry = vcpu.register(RegisterId::X[1])?;
        let context = vcpu.register(RegisterId::X[2])?;
        let execution_state = self.boot.execution_state();
        let endianness = registers::endianness(vcpu, execution_state)?;
        let state = ResetState::new(Ipa::new(entry), context, execution_state, endianness);
        *self.suspended() = Some(state);
        vcpu.set_mp_state(MpState::Suspended)
    }

    /// The interrupt is there: the vCPU starts as after CPU_ON, but its timers run on. A vCPU that was made with POWER_OFF
    /// is initialised with it again, as kernels before Linux 6.5 demand, and then turned on.
    fn resume<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        state: &ResetState,
    ) -> sys::Result<()> {
        registers::restart(vcpu, Self::features(self.features, index), state)?;
        vcpu.set_mp_state(MpState::Runnable)
    }

    fn suspended(&self) -> MutexGuard<'_, Option<ResetState>> {
        self.suspended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
        match self.census.attend(index, ended, || vcpu.mp_state())? {
            Attended::ForOthers => {}
            Attended::AsCaller(Others::AllOff) => self.suspend(vcpu)?,
            Attended::AsCaller(Others::SomeOn) => deny(vcpu)?,
            Attended::Ended => return Ok(Ready::Leave),
        }
        if index == 0 && !self.started.swap(true, Ordering::Relaxed) {
            registers::set_reset_state(vcpu, &self.boot)?;
        }
        Ok(Ready::Run)
    }

    fn call<V: VcpuOps>(
        &self,
        _: usize,
        vcpu: &mut V,
        function: u32,
        conduit: sys::Conduit,
    ) -> sys::Result<Answered> {
        match self.discovery(vcpu, function)? {
            Some(results) => {
                self.forwarded.fetch_add(1, Ordering::Relaxed);
                answer(vcpu, results)?;
                Ok(Answered::Resume)
            }
            // Nothing else is filtered; kernels with calls of their own may forward them.
            None => Ok(Answered::Unexpected(Exit::Hypercall { function, conduit })),
        }
    }

    fn event<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        event: sys::SystemEvent,
    ) -> sys::Result<Answered> {
        Ok(match event.kind {
            SystemEventKind::Shutdown => Answered::Machine(SystemEvent::Off),
            SystemEventKind::Reset => Answered::Machine(SystemEvent::Reset(reset(vcpu, event)?)),
            SystemEventKind::Suspend => match self.census.call(index) {
                Ok(()) => Answered::PrepareAll,
                Err(UnderWay) => {
                    deny(vcpu)?;
                    Answered::Resume
                }
            },
            SystemEventKind::Wakeup => {
                let Some(state) = self.suspended().take() else {
                    return Ok(Answered::Unexpected(Exit::SystemEvent(event)));
                };
                self.resume(index, vcpu, &state)?;
                Answered::Resume
            }
            SystemEventKind::Crash | SystemEventKind::Other(_) => {
                Answered::Unexpected(Exit::SystemEvent(event))
            }
        })
    }

    fn wake_all(&self) {
        self.census.wake_all();
    }

    fn stopped(&self, _: usize) {}

    fn reset(&mut self) {
        *self.started.get_mut() = false;
        *self.suspended() = None;
        self.census.reset();
    }

    fn protects_memory(&self) -> bool {
        // KVM does not have the call.
        false
    }

    fn forwarded_calls(&self) -> u64 {
        self.forwarded.load(Ordering::Relaxed)
    }

    fn power_calls(&self) -> Option<PowerCalls> {
        None
    }
}

/// SYSTEM_SUSPEND while another vCPU is on: DENIED, in the shape of KVM's results.
fn deny<V: VcpuOps>(vcpu: &mut V) -> sys::Result<()> {
    answer(vcpu, [DENIED.cast_unsigned(), 0, 0, 0])
}

/// The results of a call, in KVM's four registers.
fn answer<V: VcpuOps>(vcpu: &mut V, results: [u64; 4]) -> sys::Result<()> {
    RegisterId::X
        .into_iter()
        .zip(results)
        .try_for_each(|(register, value)| vcpu.set_register(register, value))
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

/// PSCI's return code (DEN0022 §5.2.2).
const DENIED: i64 = -3;

/// SMCCC's return code (DEN0028 §7.1).
const INVALID_PARAMETER: i64 = -3;

const DISCOVER_IMPL_VER: u32 = 0xc600_0040;
const DISCOVER_IMPL_CPUS: u32 = 0xc600_0041;
