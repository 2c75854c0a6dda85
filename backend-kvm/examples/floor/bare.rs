//! A machine with one vCPU, and the loop that serves it with ioctls and nothing else.

#![expect(
    unsafe_code,
    reason = "the loop is what is measured: each ioctl is made directly"
)]

use std::os::fd::{AsRawFd as _, RawFd};
use std::process::Command;
use std::thread;
use std::time::Duration;

use kvm_bindings::{
    KVM_EXIT_HYPERCALL, KVM_EXIT_MMIO, KVM_EXIT_SYSTEM_EVENT, kvm_create_device, kvm_device_attr,
    kvm_one_reg, kvm_smccc_filter, kvm_userspace_memory_region, kvm_vcpu_init,
};
use kvm_ioctls::{DeviceFd, Kvm, VcpuFd, VmFd};
use libc::Ioctl;
use vambrace_core::memory::Ipa;
use vambrace_kvm::layout::{GIC_DISTRIBUTOR, PL011, RAM_BASE};
use vambrace_kvm::memory::GuestMemory;
use vambrace_kvm::sys::RegisterId;
use vm_memory::{GuestMemoryBackend as _, GuestMemoryRegion as _};

use super::whole;

/// Lets the host settle, prints the floors, runs each command, and prints the floors again.
pub(crate) fn measure_around<'a>(
    commands: impl Iterator<Item = &'a [String]>,
) -> Result<(), Error> {
    thread::sleep(SETTLING);
    let kvm = Kvm::new()?;
    // A host's first VM pays for what the later ones find done.
    ticks(&kvm, &FLOORS[0])?;
    print_floors(&kvm)?;
    for command in commands {
        let line = command.join(" ");
        println!("run: {line}");
        if let Some((question, kind, command)) = whole::asked(command) {
            whole::answer(question, kind, command)?;
            continue;
        }
        let status = Command::new(&command[0]).args(&command[1..]).status()?;
        if !status.success() {
            return Err(format!("`{line}` ended with {status}").into());
        }
    }
    println!("run: floors");
    print_floors(&kvm)
}

fn print_floors(kvm: &Kvm) -> Result<(), Error> {
    for floor in &FLOORS {
        println!("bench: {} {ROUNDS} {}", floor.kind, ticks(kvm, floor)?);
    }
    Ok(())
}

/// A monitor that does nothing: a VM with a GIC and a page of program, whose first instruction is
/// SYSTEM_OFF.
pub(crate) fn power_off() -> Result<(), Error> {
    let kvm = Kvm::new()?;
    let memory = GuestMemory::new(WHOLE_RAM)?;
    let vm = kvm.create_vm_with_ipa_size(40)?;
    map(&vm, &memory)?;
    write(&memory, &POWERS_OFF_PROGRAM)?;
    let mut vcpu = vm.create_vcpu(0)?;
    let mut features = kvm_vcpu_init::default();
    vm.get_preferred_target(&mut features)?;
    features.features[0] = 1 << KVM_ARM_VCPU_PSCI_0_2;
    vcpu.vcpu_init(&features)?;
    let _gic = gic(&vm)?;
    vcpu.set_one_reg(RegisterId::PC.raw(), &RAM_BASE.value().to_le_bytes())?;
    // SAFETY: KVM_RUN takes no argument, and no reference into `kvm_run` is held across it.
    succeeded(unsafe { libc::ioctl(vcpu.as_raw_fd(), KVM_RUN, 0) })?;
    match vcpu.get_kvm_run().exit_reason {
        KVM_EXIT_SYSTEM_EVENT => Ok(()),
        reason => Err(format!("the guest ended with exit reason {reason}").into()),
    }
}

fn write(memory: &GuestMemory, program: &[u32]) -> Result<(), Error> {
    for (offset, instruction) in (0..).step_by(4).zip(program) {
        let address = Ipa::new(RAM_BASE.value() + offset);
        memory.write(address, &instruction.to_le_bytes())?;
    }
    Ok(())
}

/// The ticks of the guest's counter that [`ROUNDS`] exits take.
fn ticks(kvm: &Kvm, floor: &Floor) -> Result<u64, Error> {
    let memory = GuestMemory::new(RAM)?;
    let vm = kvm.create_vm_with_ipa_size(40)?;
    map(&vm, &memory)?;
    write(&memory, floor.program)?;
    let mut vcpu = vm.create_vcpu(0)?;
    let mut features = kvm_vcpu_init::default();
    vm.get_preferred_target(&mut features)?;
    vcpu.vcpu_init(&features)?;
    forward_calls(&vm)?;
    let _gic = gic(&vm)?;
    for (register, value) in [
        (RegisterId::PC, RAM_BASE.value()),
        (RegisterId::X[19], ROUNDS),
        (RegisterId::X[20], PL011.base().value()),
    ] {
        vcpu.set_one_reg(register.raw(), &value.to_le_bytes())?;
    }
    serve(&mut vcpu, floor.answer)
}

/// Runs the guest until it writes to the device, and gives what it wrote.
fn serve(vcpu: &mut VcpuFd, answer: Answer) -> Result<u64, Error> {
    let fd = vcpu.as_raw_fd();
    loop {
        // SAFETY: KVM_RUN takes no argument, and no reference into `kvm_run` is held across it.
        succeeded(unsafe { libc::ioctl(fd, KVM_RUN, 0) })?;
        let run = vcpu.get_kvm_run();
        match run.exit_reason {
            KVM_EXIT_HYPERCALL => answer.give(fd)?,
            KVM_EXIT_MMIO => {
                // SAFETY: the reason says that this is the exit's payload; all of it is integers.
                let access = unsafe { &run.__bindgen_anon_1.mmio };
                if access.is_write != 0 {
                    return Ok(u64::from_le_bytes(access.data));
                }
            }
            reason => return Err(format!("the guest ended with exit reason {reason}").into()),
        }
    }
}

/// What user space does between two runs.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Nothing,
    SetX0,
    GetX1SetX0,
}

impl Answer {
    fn give(self, vcpu: RawFd) -> Result<(), Error> {
        let mut value = 0;
        match self {
            Self::Nothing => return Ok(()),
            Self::SetX0 => {}
            Self::GetX1SetX0 => one_reg(vcpu, KVM_GET_ONE_REG, RegisterId::X[1], &mut value)?,
        }
        one_reg(vcpu, KVM_SET_ONE_REG, RegisterId::X[0], &mut value)
    }
}

fn one_reg(vcpu: RawFd, request: Ioctl, id: RegisterId, value: &mut u64) -> Result<(), Error> {
    let mut argument = kvm_one_reg {
        id: id.raw(),
        addr: std::ptr::from_mut(value) as u64,
    };
    // SAFETY: both requests take this structure; it names a register of 64 bits and a u64 of ours.
    succeeded(unsafe { libc::ioctl(vcpu, request, &raw mut argument) })
}

fn succeeded(returned: libc::c_int) -> Result<(), Error> {
    if returned == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error().into())
    }
}

fn map(vm: &VmFd, memory: &GuestMemory) -> Result<(), Error> {
    for region in memory.mapping().iter() {
        let slot = kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: RAM_BASE.value(),
            memory_size: region.len(),
            userspace_addr: region.get_mmap().as_ptr() as u64,
        };
        // SAFETY: the mapping is as long as it says, and outlives the last run of the only vCPU.
        unsafe { vm.set_user_memory_region(slot) }?;
    }
    Ok(())
}

/// PSCI_VERSION ends KVM_RUN, as every call does under core.
fn forward_calls(vm: &VmFd) -> Result<(), Error> {
    let filter = kvm_smccc_filter {
        base: PSCI_VERSION,
        nr_functions: 1,
        action: KVM_SMCCC_FILTER_FWD_TO_USER,
        ..Default::default()
    };
    vm.set_device_attr(&kvm_device_attr {
        group: KVM_ARM_VM_SMCCC_CTRL,
        attr: KVM_ARM_VM_SMCCC_FILTER,
        addr: &raw const filter as u64,
        flags: 0,
    })?;
    Ok(())
}

/// A GICv3, as the machine has one: its state is saved at every exit.
fn gic(vm: &VmFd) -> Result<DeviceFd, Error> {
    let device = vm.create_device(&mut kvm_create_device {
        type_: KVM_DEV_TYPE_ARM_VGIC_V3,
        ..Default::default()
    })?;
    let distributor = GIC_DISTRIBUTOR.base().value();
    let redistributors = REDISTRIBUTORS;
    for (group, attr, addr) in [
        (
            GROUP_ADDRESS,
            TYPE_DISTRIBUTOR,
            &raw const distributor as u64,
        ),
        (
            GROUP_ADDRESS,
            TYPE_REDISTRIBUTORS,
            &raw const redistributors as u64,
        ),
        (GROUP_CONTROL, CONTROL_INITIALISE, 0),
    ] {
        device.set_device_attr(&kvm_device_attr {
            group,
            attr,
            addr,
            flags: 0,
        })?;
    }
    Ok(device)
}

/// An exit and what is done about it.
struct Floor {
    kind: &'static str,
    program: &'static [u32],
    answer: Answer,
}

pub(crate) type Error = Box<dyn std::error::Error>;

const FLOORS: [Floor; 4] = [
    Floor {
        kind: "mmio-read",
        program: &READS,
        answer: Answer::Nothing,
    },
    Floor {
        kind: "exit",
        program: &CALLS,
        answer: Answer::Nothing,
    },
    Floor {
        kind: "exit-set",
        program: &CALLS,
        answer: Answer::SetX0,
    },
    Floor {
        kind: "exit-get-set",
        program: &CALLS,
        answer: Answer::GetX1SetX0,
    },
];

// x19 is the number of rounds, x20 an address without memory.
const READS: [u32; 7] = [
    0xd53b_e055, //    mrs  x21, cntvct_el0
    0xb940_0280, // 1: ldr  w0, [x20]
    0xf100_0673, //    subs x19, x19, #1
    0x54ff_ffc1, //    b.ne 1b
    0xd53b_e056, //    mrs  x22, cntvct_el0
    0xcb15_02d6, //    sub  x22, x22, x21
    0xf900_0296, //    str  x22, [x20]
];
const CALLS: [u32; 8] = [
    0xd53b_e055, //    mrs  x21, cntvct_el0
    0x52b0_8000, // 1: mov  w0, #0x84000000
    0xd400_0002, //    hvc  #0
    0xf100_0673, //    subs x19, x19, #1
    0x54ff_ffa1, //    b.ne 1b
    0xd53b_e056, //    mrs  x22, cntvct_el0
    0xcb15_02d6, //    sub  x22, x22, x21
    0xf900_0296, //    str  x22, [x20]
];
const POWERS_OFF_PROGRAM: [u32; 3] = [
    0x52b0_8000, //    mov  w0, #0x84000000
    0x1100_2000, //    add  w0, w0, #8
    0xd400_0002, //    hvc  #0
];

/// The word by which this program is the monitor that does nothing.
pub(crate) const POWERS_OFF: &str = "--powers-off";
const ROUNDS: u64 = 1000;
const RAM: u64 = 4 << 20;
const WHOLE_RAM: u64 = 256 << 20;
/// Until the host's own start-up is over.
const SETTLING: Duration = Duration::from_secs(20);
const PSCI_VERSION: u32 = 0x8400_0000;
const REDISTRIBUTORS: u64 = 0x080A_0000;

// `uapi/linux/kvm.h` and `uapi/asm/kvm.h` of arm64, in the widths their fields have.
const KVM_RUN: Ioctl = 0xae80;
const KVM_GET_ONE_REG: Ioctl = 0x4010_aeab;
const KVM_SET_ONE_REG: Ioctl = 0x4010_aeac;
const KVM_ARM_VM_SMCCC_CTRL: u32 = 0;
const KVM_ARM_VM_SMCCC_FILTER: u64 = 0;
const KVM_SMCCC_FILTER_FWD_TO_USER: u8 = 2;
const KVM_DEV_TYPE_ARM_VGIC_V3: u32 = 7;
const KVM_ARM_VCPU_PSCI_0_2: u32 = 2;
const GROUP_ADDRESS: u32 = 0;
const TYPE_DISTRIBUTOR: u64 = 2;
const TYPE_REDISTRIBUTORS: u64 = 3;
const GROUP_CONTROL: u32 = 4;
const CONTROL_INITIALISE: u64 = 0;
