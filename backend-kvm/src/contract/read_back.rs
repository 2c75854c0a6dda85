//! What the guest would read of everything that was told, last of all.

use vambrace_core::contract::{ServedBy, Subject};
use vambrace_core::cpu::IdRegister;
use vambrace_core::vendor_hyp::Implementation;

use super::order::{Order, PMCR_N, compare, identity};
use super::witness::{Difference, Unkept, Witness};
use crate::sys::{Hardware, RegisterId, VcpuFeatures, VcpuOps};

impl Order<'_> {
    /// Step 15 for what the whole VM has, asked of its first vCPU.
    pub(crate) fn read_back<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &V,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        for (which, register, value) in identity(self.contract.implementation) {
            self.look(
                vcpu,
                Subject::Implementation(which),
                register,
                value,
                witness,
            )?;
        }
        let listed = vcpu.register_list()?;
        for (register, id, value) in self.id_registers() {
            let told = value != 0 || listed.contains(&id);
            if told && !witness.has_refused(Subject::IdRegister(register)) {
                compare_fields(register, value, vcpu.register(id)?, witness)?;
            }
        }
        self.levels(vcpu, witness)?;
        if self.contract.served_by == ServedBy::Kernel {
            let version = u64::from(self.contract.psci_version.value());
            let register = RegisterId::PSCI_VERSION;
            self.look(vcpu, Subject::PsciVersion, register, version, witness)?;
            for (bitmap, register) in RegisterId::BITMAPS {
                if vcpu.optional_register(register)?.is_some() {
                    let promised = self.contract.services.register(bitmap);
                    self.look(vcpu, Subject::Services(bitmap), register, promised, witness)?;
                }
            }
        }
        Ok(())
    }

    /// KVM checks the level that is written and stores nothing: it reads as the host's own, and so a
    /// guest is told.
    fn levels<V: VcpuOps, W: Witness>(&self, vcpu: &V, witness: &mut W) -> Result<(), W::Error> {
        for (workaround, register) in RegisterId::WORKAROUNDS {
            let subject = Subject::Workaround(workaround);
            if !witness.has_refused(subject)
                && let Some(read) = vcpu.optional_register(register)?
            {
                let level = self.contract.workarounds.level(workaround);
                compare(subject, workaround.register_value(level), read, witness)?;
            }
        }
        Ok(())
    }

    /// Step 15 for what each vCPU has of its own.
    pub(crate) fn read_back_each<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &V,
        features: VcpuFeatures,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        for (subject, register, value) in self.cache_registers() {
            self.look(vcpu, subject, register, value, witness)?;
        }
        if let Some(promised) = self.promised_counters(features) {
            let read = vcpu.register(RegisterId::PMCR_EL0)? & PMCR_N;
            let read = read >> PMCR_N.trailing_zeros();
            let subject = Subject::PmuCounters;
            if !witness.has_refused(subject) {
                compare(subject, promised, read, witness)?;
            }
        }
        let subject = Subject::VectorLengths;
        if !features.contains(VcpuFeatures::SVE) || witness.has_refused(subject) {
            return Ok(());
        }
        let bytes = vcpu.register_bytes(RegisterId::SVE_VLS)?;
        let first = bytes.first_chunk().copied().unwrap_or_default();
        let promised = u64::from(self.contract.vector_lengths.bits());
        compare(subject, promised, u64::from_le_bytes(first), witness)
    }

    /// What no kernel can be told: a guest sees the machine below.
    pub(crate) fn hardware<W: Witness>(
        &self,
        hardware: &Hardware,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        let registers = hardware.registers;
        let promised = u64::from(self.contract.zero_block);
        compare(
            Subject::ZeroBlock,
            promised,
            registers.dczid_el0 & 0x1f,
            witness,
        )?;
        let promised = u64::from(self.contract.counter.frequency);
        compare(
            Subject::CounterFrequency,
            promised,
            registers.cntfrq_el0,
            witness,
        )
    }

    /// Whether the guest was told of every CPU on which its vCPUs may find themselves. Kernels do
    /// not judge that.
    pub(crate) fn cpus(&self, hardware: &Hardware) -> Result<(), Unkept> {
        let told = |midr, revidr| {
            let is = |one: Implementation| (one.midr, one.revidr) == (midr, revidr);
            let mut all = self.contract.implementations.iter();
            match self.contract.implementations.is_empty() {
                true => is(self.contract.implementation),
                false => all.any(is),
            }
        };
        for cpu in &hardware.cpus {
            if let (Some(midr), Some(revidr)) = (cpu.midr, cpu.revidr)
                && !told(midr, revidr)
            {
                let cpu = cpu.number;
                return Err(Unkept::UnlistedCpu { cpu, midr, revidr });
            }
        }
        Ok(())
    }

    fn look<V: VcpuOps, W: Witness>(
        &self,
        vcpu: &V,
        subject: Subject,
        register: RegisterId,
        value: u64,
        witness: &mut W,
    ) -> Result<(), W::Error> {
        if witness.has_refused(subject) {
            return Ok(());
        }
        compare(subject, value, vcpu.register(register)?, witness)
    }
}

/// Each field that differs, and the bits of none.
fn compare_fields<W: Witness>(
    register: IdRegister,
    written: u64,
    read: u64,
    witness: &mut W,
) -> Result<(), W::Error> {
    if written == read {
        return Ok(());
    }
    let subject = Subject::IdRegister(register);
    for field in register.fields() {
        let (written, read) = (field.extract(written), field.extract(read));
        if written != read {
            witness.differs(Difference {
                subject,
                field: Some(field),
                written,
                read,
            })?;
        }
    }
    let unnamed = !register.named_bits();
    compare(subject, written & unnamed, read & unnamed, witness)
}
