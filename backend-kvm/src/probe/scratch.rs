//! A machine to try values on.

use vambrace_core::contract::ValueSet;

use super::{Error, Result};
use crate::contract::usual_vm;
use crate::sys::{self, Errno, Host, RegisterId, VcpuFeatures, VcpuOps, VmOps};

/// What the kernel made of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It took the value, which reads back as it was written.
    Stored,
    /// It took the value, and the register reads as this.
    Rewritten(u64),
    /// It did not take the value.
    Refused,
}

/// A VM with one initialised vCPU, which never runs.
pub(super) struct Scratch<'h, H: Host> {
    host: &'h H,
    features: VcpuFeatures,
    vm: H::Vm,
    vcpu: <H::Vm as VmOps>::Vcpu,
}

impl<'h, H: Host> Scratch<'h, H> {
    /// A machine with these features; with SVE, its vectors have all of the host's lengths.
    pub(super) fn new(host: &'h H, features: VcpuFeatures) -> sys::Result<Self> {
        let (vm, vcpu) = build(host, features)?;
        Ok(Self {
            host,
            features,
            vm,
            vcpu,
        })
    }

    pub(super) fn vm(&self) -> &H::Vm {
        &self.vm
    }

    pub(super) fn vcpu(&self) -> &<H::Vm as VmOps>::Vcpu {
        &self.vcpu
    }

    /// What a register holds; None if this vCPU does not have it.
    pub(super) fn register(&self, register: RegisterId) -> sys::Result<Option<u64>> {
        match self.vcpu.register(register) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.errno == Errno::ENOENT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes `value`, looks at what became of it, and puts `before` back, which is what the
    /// register holds.
    pub(super) fn attempt(
        &mut self,
        register: RegisterId,
        before: u64,
        value: u64,
    ) -> Result<Answer> {
        self.attempt_and(register, before, value, |_| Ok(()))
            .map(|(answer, ())| answer)
    }

    /// The same, of a value that has to be there after a reset too. CPU_ON resets a vCPU as
    /// KVM_ARM_VCPU_INIT does, and a register that was told something then has its own value again
    /// in some kernels, though they took every write.
    pub(super) fn attempt_lasting(
        &mut self,
        register: RegisterId,
        before: u64,
        value: u64,
    ) -> Result<Answer> {
        let features = self.features;
        let (answer, after) = self.attempt_and(register, before, value, |scratch| {
            scratch.vcpu.init(features)?;
            Ok(scratch.holds(register, value)?)
        })?;
        Ok(match answer {
            Answer::Refused => Answer::Refused,
            Answer::Stored | Answer::Rewritten(_) => after,
        })
    }

    /// The same, doing something while the value is there, which may leave nothing changed and, as
    /// that may take a new machine, attempt nothing itself.
    pub(super) fn attempt_and<T>(
        &mut self,
        register: RegisterId,
        before: u64,
        value: u64,
        meanwhile: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(Answer, T)> {
        let answer = self.write(register, value)?;
        let found = meanwhile(self)?;
        if answer != Answer::Refused {
            self.restore(register, before, value)?;
        }
        Ok((answer, found))
    }

    /// Which of `values` a register takes that keeps none of them, so that none has to be taken
    /// back; None if there is no such register.
    pub(super) fn taken(
        &mut self,
        register: RegisterId,
        values: impl IntoIterator<Item = u64>,
    ) -> Result<Option<ValueSet>> {
        if self.register(register)?.is_none() {
            return Ok(None);
        }
        let mut taken = ValueSet::EMPTY;
        for value in values {
            if self.write(register, value)? != Answer::Refused {
                taken = taken.with(value);
            }
        }
        Ok(Some(taken))
    }

    fn write(&mut self, register: RegisterId, value: u64) -> sys::Result<Answer> {
        match self.vcpu.set_register(register, value) {
            Ok(()) => self.holds(register, value),
            Err(error) if REFUSALS.contains(&error.errno) => Ok(Answer::Refused),
            Err(error) => Err(error),
        }
    }

    /// What became of a value that the register took.
    fn holds(&self, register: RegisterId, value: u64) -> sys::Result<Answer> {
        match self.vcpu.register(register)? {
            read if read == value => Ok(Answer::Stored),
            read => Ok(Answer::Rewritten(read)),
        }
    }

    /// Puts back what a register held, if need be on a new machine.
    fn restore(&mut self, register: RegisterId, before: u64, written: u64) -> Result<()> {
        if self.write(register, before)? == Answer::Stored {
            return Ok(());
        }
        (self.vm, self.vcpu) = build(self.host, self.features)?;
        match self.vcpu.register(register)? == before {
            true => Ok(()),
            false => Err(Error::Unsteady {
                register,
                before,
                written,
            }),
        }
    }
}

fn build<H: Host>(
    host: &H,
    features: VcpuFeatures,
) -> sys::Result<(H::Vm, <H::Vm as VmOps>::Vcpu)> {
    let vm = usual_vm(host)?;
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.init(features)?;
    if features.contains(VcpuFeatures::SVE) {
        vcpu.finalize_sve()?;
    }
    Ok((vm, vcpu))
}

/// How KVM says that a value is not allowed: EINVAL, but for the registers of some kernels.
const REFUSALS: &[Errno] = &[Errno::EINVAL, Errno::E2BIG, Errno::EPERM];
