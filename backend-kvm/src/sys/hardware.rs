//! The machine below the kernel, as any program sees it.

/// What a machine is, without KVM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// The kernel's release, as `uname -r` has it.
    pub kernel: String,
    /// Each CPU on which the thread may run that asked, by its number.
    pub cpus: Vec<CpuIdentification>,
    /// What a program reads of the CPU by itself.
    pub registers: SystemRegisters,
}

/// What the kernel says which CPU one is. A kernel without these files says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuIdentification {
    /// The CPU's number.
    pub number: u32,
    /// MIDR_EL1.
    pub midr: Option<u64>,
    /// REVIDR_EL1.
    pub revidr: Option<u64>,
}

/// Registers that a program may read by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemRegisters {
    /// CTR_EL0: cache lines, and what keeps instructions and data coherent.
    pub ctr_el0: u64,
    /// DCZID_EL0: what DC ZVA does.
    pub dczid_el0: u64,
    /// CNTFRQ_EL0, in Hz.
    pub cntfrq_el0: u64,
}
