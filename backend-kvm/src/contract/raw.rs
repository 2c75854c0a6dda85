//! What a host says to single registers: those of another host's vCPU as they are, or one alone.
//!
//! Writing back every register that another host lists is what a monitor does that knows no
//! contract. Here it is done in the best order there is, so that what is refused then is refused in
//! any.

use vambrace_core::contract::VcpuFeatures as Promised;
use vambrace_core::cpu::IdRegister;
use vambrace_core::psci::PsciVersion;

use super::Error;
use super::order::{usual_vm, vcpu_features};
use super::witness::is_refusal;
use crate::sys::{self, Errno, Host, RegisterId, VcpuFeatures, VcpuOps, VmOps};

/// What a host refused of another's registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawConfirmation {
    /// No vCPU can be made with those features, so that no register could be tried.
    Features(Errno),
    /// Every register that was refused, in the order in which they were written.
    Registers(Vec<(RegisterId, Errno)>),
}

/// What a host made of one value of an ID register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldAnswer {
    /// It took it, and it reads back as it was written.
    Stored,
    /// It took it, and the register reads as this.
    Rewritten(u64),
    /// It did not take it.
    Refused(Errno),
}

/// Writes every register of a host's new vCPU, as [`VcpuOps::register_list`] names them, to a new
/// vCPU of this host: vector lengths first, then ID registers, firmware registers, everything else.
///
/// # Errors
///
/// An operation failed in a way that says nothing about the registers.
pub fn confirm_raw<H: Host>(
    host: &H,
    registers: &[(RegisterId, Vec<u8>)],
    features: Promised,
) -> Result<RawConfirmation, Error> {
    let features = vcpu_features(features, PsciVersion::V1_0);
    let vm = usual_vm(host)?;
    let mut vcpu = vm.create_vcpu(0)?;
    if let Some(errno) = refusal(vcpu.init(features))? {
        return Ok(RawConfirmation::Features(errno));
    }
    let mut ordered: Vec<_> = registers.iter().collect();
    ordered.sort_by_key(|(register, _)| turn(*register));
    let (lengths, others) =
        ordered.split_at(ordered.partition_point(|(register, _)| *register == RegisterId::SVE_VLS));
    let mut refused = Vec::new();
    write_all(&mut vcpu, lengths, &mut refused)?;
    if features.contains(VcpuFeatures::SVE) {
        vcpu.finalize_sve()?;
    }
    write_all(&mut vcpu, others, &mut refused)?;
    Ok(RawConfirmation::Registers(refused))
}

/// Writes ID registers of a vCPU with these features one by one, each with all else being the
/// host's.
///
/// # Errors
///
/// The vCPU cannot be made, or an operation failed in a way that says nothing about the value.
pub fn confirm_fields<H: Host>(
    host: &H,
    features: Promised,
    values: impl IntoIterator<Item = (IdRegister, u64)>,
) -> Result<Vec<FieldAnswer>, Error> {
    let features = vcpu_features(features, PsciVersion::V1_0);
    let mut answers = Vec::new();
    let mut untouched = None;
    for (register, value) in values {
        let (vm, mut vcpu) = match untouched.take() {
            Some(made) => made,
            None => made(host, features)?,
        };
        let register = RegisterId::encoded(register.encoding());
        if let Some(errno) = refusal(vcpu.set_register(register, value))? {
            answers.push(FieldAnswer::Refused(errno));
            untouched = Some((vm, vcpu));
            continue;
        }
        answers.push(match vcpu.register(register)? {
            read if read == value => FieldAnswer::Stored,
            read => FieldAnswer::Rewritten(read),
        });
    }
    Ok(answers)
}

/// A VM with one vCPU, which is the host's in everything.
fn made<H: Host>(host: &H, features: VcpuFeatures) -> sys::Result<(H::Vm, <H::Vm as VmOps>::Vcpu)> {
    let vm = usual_vm(host)?;
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.init(features)?;
    if features.contains(VcpuFeatures::SVE) {
        vcpu.finalize_sve()?;
    }
    Ok((vm, vcpu))
}

fn write_all<V: VcpuOps>(
    vcpu: &mut V,
    registers: &[&(RegisterId, Vec<u8>)],
    refused: &mut Vec<(RegisterId, Errno)>,
) -> Result<(), Error> {
    for (register, bytes) in registers {
        let written = vcpu.set_register_bytes(*register, bytes);
        refused.extend(refusal(written)?.map(|errno| (*register, errno)));
    }
    Ok(())
}

/// The errno of an answer that means no.
fn refusal(answer: sys::Result<()>) -> Result<Option<Errno>, Error> {
    match answer {
        Ok(()) => Ok(None),
        Err(error) if is_refusal(error.errno) => Ok(Some(error.errno)),
        Err(error) => Err(error.into()),
    }
}

/// When it is a register's turn.
fn turn(register: RegisterId) -> Turn {
    match register {
        RegisterId::SVE_VLS => Turn::VectorLengths,
        _ if is_identification(register) => Turn::Identification,
        _ if FIRMWARE.contains(&(register.raw() & CLASS)) => Turn::Firmware,
        _ => Turn::Other,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    VectorLengths,
    Identification,
    Firmware,
    Other,
}

/// Those at op0 = 3, CRn = 0, but for CLIDR_EL1, which CTR_EL0 comes before.
fn is_identification(register: RegisterId) -> bool {
    let spaces = [0, 1, 3]
        .map(|op1| RegisterId::system(3, op1, 0, 0, 0)..=RegisterId::system(3, op1, 0, 7, 7));
    register != RegisterId::CLIDR_EL1 && spaces.iter().any(|space| space.contains(&register))
}

/// The class of a register, and those of firmware registers and of bitmaps of services.
const CLASS: u64 = 0x0fff_0000;
const FIRMWARE: [u64; 2] = [0x0014_0000, 0x0016_0000];
