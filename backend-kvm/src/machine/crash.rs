//! How a guest can crash the machine, and what is told of it.

use std::fmt;

use crate::abort::Undecodable;
use crate::sys::{Exit, RegisterId, VcpuOps};

/// What a guest did that no machine can carry out.
#[derive(Debug)]
pub enum Crash {
    /// An access that neither KVM nor we can decode.
    Undecodable {
        /// The vCPU that made it.
        vcpu: usize,
        /// The access.
        access: Undecodable,
    },
    /// KVM stopped the vCPU for a reason that has no remedy.
    Exit {
        /// The vCPU.
        vcpu: usize,
        /// Why KVM stopped it.
        exit: Exit,
        /// Where it was, if KVM still tells.
        pc: Option<u64>,
    },
    /// What another kind of machine than KVM's says of it, in its own words.
    Reported(String),
}

impl Crash {
    pub(crate) fn exit<V: VcpuOps>(index: usize, vcpu: &V, exit: Exit) -> Self {
        Self::Exit {
            vcpu: index,
            exit,
            pc: vcpu.register(RegisterId::PC).ok(),
        }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable { vcpu, access } => write!(f, "vCPU {vcpu}: {access}"),
            Self::Exit { vcpu, exit, pc } => {
                write!(f, "vCPU {vcpu} cannot go on")?;
                pc.map_or(Ok(()), |pc| write!(f, " at PC {pc:#x}"))?;
                write!(f, ": KVM reports {exit}")
            }
            Self::Reported(words) => f.write_str(words),
        }
    }
}
