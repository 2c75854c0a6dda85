//! seccomp: the system calls that pass.
//!
//! The kernel asks every filter of a thread at each call, so at every exit of a vCPU: its own and the
//! process's. Both begin with that call, and let it pass before they look for any other.

use std::collections::BTreeMap;

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter, apply_filter_all_threads, sock_filter,
};

use super::calls::{self, KVM_RUN, Request};

/// Whose calls are filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Every thread of the process.
    Machine,
    /// A vCPU's, beside that.
    Vcpu,
}

/// Why a filter is not in force.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct FilterError(#[from] seccompiler::Error);

/// Puts the role's filter in force, for ever: of the machine for all threads there are, of a vCPU for the
/// calling one.
pub(super) fn install(role: Role) -> Result<(), FilterError> {
    let program = program(role).map_err(seccompiler::Error::Backend)?;
    match role {
        Role::Machine => apply_filter_all_threads(&program)?,
        Role::Vcpu => apply_filter(&program)?,
    }
    Ok(())
}

fn program(role: Role) -> Result<BpfProgram, BackendError> {
    let (calls, requests) = match role {
        Role::Machine => (calls::MACHINE, calls::REQUESTS_OF_MACHINE),
        Role::Vcpu => (calls::VCPU, calls::REQUESTS_OF_VCPU),
    };
    let mut rules: BTreeMap<_, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let requests = requests.iter().map(|request| rule(*request));
    rules.insert(libc::SYS_ioctl, requests.collect::<Result<_, _>>()?);
    rules.insert(libc::SYS_openat, vec![condition(2, TO_READ, 0)?]);
    if role == Role::Machine {
        let unix = libc::AF_UNIX.unsigned_abs();
        rules.insert(
            libc::SYS_socket,
            vec![condition(0, SeccompCmpOp::Eq, unix)?],
        );
    }
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Trap,
        SeccompAction::Allow,
        architecture,
    )?;
    let mut program = passing_kvm_run(architecture).to_vec();
    program.extend(BpfProgram::try_from(filter)?);
    Ok(program)
}

/// What comes first in both programs: KVM_RUN passes, and anything else goes on to what follows, which
/// loads anew what it compares. (struct seccomp_data: `nr`, `arch`, `instruction_pointer`, `args`)
fn passing_kvm_run(architecture: TargetArch) -> [sock_filter; 7] {
    let ioctl = libc::SYS_ioctl.unsigned_abs();
    [
        load(OFFSET_OF_NUMBER),
        unless_equal(
            u32::try_from(ioctl).expect("the kernel's field has 32 bits"),
            5,
        ),
        load(OFFSET_OF_REQUEST),
        unless_equal(KVM_RUN, 3),
        load(OFFSET_OF_ARCHITECTURE),
        unless_equal(audit_number(architecture), 1),
        statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW),
    ]
}

const fn load(offset: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, offset)
}

/// Goes over so many instructions if what was loaded is another value.
const fn unless_equal(value: u32, over: u8) -> sock_filter {
    let jump = statement(BPF_JMP | BPF_JEQ | BPF_K, value);
    sock_filter { jf: over, ..jump }
}

const fn statement(code: u32, k: u32) -> sock_filter {
    // Every code has fewer than 16 bits.
    let code = code as u16;
    sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

/// AUDIT_ARCH_* of `uapi/linux/audit.h`: the ELF machine, 64 bits, little-endian.
const fn audit_number(architecture: TargetArch) -> u32 {
    match architecture {
        TargetArch::x86_64 => 0xc000_003e,
        TargetArch::aarch64 => 0xc000_00b7,
        TargetArch::riscv64 => 0xc000_00f3,
    }
}

const OFFSET_OF_NUMBER: u32 = 0;
const OFFSET_OF_ARCHITECTURE: u32 = 4;
/// The low word of the second argument: the kernel takes an ioctl's request in 32 bits.
const OFFSET_OF_REQUEST: u32 = 24;

fn rule(request: Request) -> Result<SeccompRule, BackendError> {
    match request {
        Request::Exactly(number) => condition(1, SeccompCmpOp::Eq, number),
        Request::OfType(class) => {
            let value = u32::from(class) << 8;
            condition(1, SeccompCmpOp::MaskedEq(0xff00), value)
        }
    }
}

/// Flags of openat(2) that make or change no file.
const TO_READ: SeccompCmpOp = SeccompCmpOp::MaskedEq(
    (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_TMPFILE & !libc::O_DIRECTORY) as u64,
);

/// The arguments of which anything is asked are 32 bits wide for the kernel too.
fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u32,
) -> Result<SeccompRule, BackendError> {
    let width = SeccompCmpArgLen::Dword;
    let condition = SeccompCondition::new(argument, width, operator, value.into())?;
    SeccompRule::new(vec![condition])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: u32 = 0x7fff_0000;
    const TRAP: u32 = 0x0003_0000;
    const KILL: u32 = 0x8000_0000;
    const KVM_RUN: u64 = 0xae80;

    /// What the filter says of a call, and how many instructions it takes to say so.
    fn ask(role: Role, call: libc::c_long, arguments: [u64; 3]) -> (u32, usize) {
        // struct seccomp_data: nr, arch, instruction_pointer, args.
        let architecture = match std::env::consts::ARCH {
            "x86_64" => 0xc000_003e,
            _ => 0xc000_00b7_u32,
        };
        let number = u32::try_from(call).unwrap();
        let mut words = vec![number, architecture, 0, 0];
        for argument in arguments {
            words.extend([argument as u32, (argument >> 32) as u32]);
        }
        interpreted(&program(role).unwrap(), &words)
    }

    fn interpreted(program: &[sock_filter], words: &[u32]) -> (u32, usize) {
        let (mut at, mut accumulator) = (0, 0);
        for executed in 1.. {
            let instruction = &program[at];
            at += 1;
            match instruction.code {
                0x20 => accumulator = words[instruction.k as usize / 4],
                0x54 => accumulator &= instruction.k,
                0x05 => at += instruction.k as usize,
                0x15 if accumulator == instruction.k => at += usize::from(instruction.jt),
                0x15 => at += usize::from(instruction.jf),
                0x06 => return (instruction.k, executed),
                code => panic!("opcode {code:#x}"),
            }
        }
        unreachable!("a program returns")
    }

    fn answer(role: Role, call: libc::c_long, arguments: [u64; 3]) -> u32 {
        ask(role, call, arguments).0
    }

    #[test]
    fn an_exit_costs_few_instructions_of_both_filters() {
        let run = [9, KVM_RUN, 0];
        let (of_vcpu, vcpu) = ask(Role::Vcpu, libc::SYS_ioctl, run);
        let (of_machine, machine) = ask(Role::Machine, libc::SYS_ioctl, run);
        assert_eq!((of_vcpu, of_machine), (ALLOW, ALLOW));
        assert_eq!((vcpu, machine), (7, 7));
    }

    #[test]
    fn only_kvm_run_of_this_architecture_passes_first() {
        // The request's upper half does not count: the kernel takes 32 bits.
        let wide = ask(Role::Vcpu, libc::SYS_ioctl, [9, 0xffff_ffff_0000_ae80, 0]);
        assert_eq!(wide, (ALLOW, 7));
        let sendmsg_like = ask(Role::Vcpu, libc::SYS_ptrace, [9, KVM_RUN, 0]);
        assert_eq!(sendmsg_like.0, TRAP);
        let program = program(Role::Vcpu).unwrap();
        let foreign = [
            libc::SYS_ioctl as u32,
            0x4000_0003,
            0,
            0,
            9,
            0,
            0xae80,
            0,
            0,
            0,
        ];
        assert_eq!(interpreted(&program, &foreign).0, KILL);
    }

    #[test]
    fn no_program_is_started_and_no_file_is_made() {
        let write = u64::from(libc::O_WRONLY.unsigned_abs());
        let create = u64::from(libc::O_CREAT.unsigned_abs());
        for role in [Role::Machine, Role::Vcpu] {
            assert_eq!(answer(role, libc::SYS_execve, [0; 3]), TRAP);
            assert_eq!(answer(role, libc::SYS_openat, [0, 0, write]), TRAP);
            assert_eq!(answer(role, libc::SYS_openat, [0, 0, create]), TRAP);
            assert_eq!(answer(role, libc::SYS_ptrace, [0; 3]), TRAP);
            assert_eq!(answer(role, libc::SYS_mount, [0; 3]), TRAP);
        }
    }

    #[test]
    fn how_long_a_thread_waited_can_be_read() {
        let read = u64::from((libc::O_RDONLY | libc::O_CLOEXEC).unsigned_abs());
        for role in [Role::Machine, Role::Vcpu] {
            assert_eq!(answer(role, libc::SYS_openat, [0, 0, read]), ALLOW);
        }
    }

    #[test]
    fn sockets_are_of_this_machine() {
        let socket = |domain: i32| {
            let domain = u64::from(domain.unsigned_abs());
            answer(Role::Machine, libc::SYS_socket, [domain, 0, 0])
        };
        assert_eq!(socket(libc::AF_UNIX), ALLOW);
        assert_eq!(socket(libc::AF_INET), TRAP);
        assert_eq!(socket(libc::AF_VSOCK), TRAP);
        assert_eq!(answer(Role::Vcpu, libc::SYS_socket, [1, 0, 0]), TRAP);
    }

    #[test]
    fn a_vcpu_makes_no_machine() {
        const KVM_CREATE_VM: u64 = 0xae01;
        let create = [9, KVM_CREATE_VM, 0];
        assert_eq!(answer(Role::Machine, libc::SYS_ioctl, create), ALLOW);
        assert_eq!(answer(Role::Vcpu, libc::SYS_ioctl, create), TRAP);
        // TIOCSTI types into a terminal.
        assert_eq!(answer(Role::Machine, libc::SYS_ioctl, [0, 0x5412, 0]), TRAP);
    }
}
