//! From the board's reset to the guest's first instruction.

use core::fmt;
use core::sync::atomic::AtomicU64;

use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::smccc::ExecutionState;
use vambrace_core::vendor_hyp::Implementation;

use crate::arch::memory::{self, Memory};
use crate::arch::{board as real_firmware, cpu, devices, guest, translation};
use crate::board::Board;
use crate::config::{Config, Surroundings, Task};
use crate::crash::{End, end, fail};
use crate::device_tree::Description;
use crate::gic::UART_INTERRUPT;
use crate::image::Image;
use crate::layout::{RAM_BASE, Range, STOLEN_TIME, UART, mpidr};
use crate::machine::{self, Machine, Parts};
use crate::stage2::{Kind, MapError, Tables};
use crate::{console, interrupts, vcpu};

/// The first CPU: finds the guest and makes its machine, starts the other CPUs, and becomes vCPU 0.
pub(crate) fn boot_cpu(device_tree: u64) -> ! {
    console::begin(None);
    let found = memory::device_tree(device_tree);
    let (tree, place) = or_fail(found.ok_or("the board gave no device tree"));
    let board = or_fail(Board::read(tree));
    console::begin(board.uart);
    translation::fit(board.ram);
    let config = or_fail(Config::parse(&board.bootargs));
    if config.task == Task::Probe {
        probe();
    }
    let machine = make(&board, &config, place);
    log::info!(
        "begin: {} vCPUs, {} MiB",
        machine.affinities.len(),
        config.memory >> 20
    );
    devices::switch_distributor_on(UART_INTERRUPT);
    for (index, affinity) in machine.affinities.iter().enumerate().skip(1) {
        if let Err(code) = real_firmware::cpu_on(*affinity, index) {
            fail(format_args!(
                "the board's firmware refuses to start CPU {affinity:#x}: {code}"
            ));
        }
    }
    begin(machine, 0)
}

/// Every other CPU.
pub(crate) fn secondary_cpu(index: usize) -> ! {
    begin(machine::machine(), index)
}

/// What every CPU does before it is a vCPU.
fn begin(machine: &Machine, index: usize) -> ! {
    guest::confine(mpidr(index), machine.stage2_root, machine.execution_state);
    interrupts::switch_on();
    vcpu::run(machine, index)
}

/// The machine that the bootargs ask for, with the guest in its RAM.
fn make(board: &Board, config: &Config<'_>, tree: Range) -> &'static Machine {
    let vcpus = config.vcpus.unwrap_or(board.cpus.len());
    if vcpus > board.cpus.len() {
        let cpus = board.cpus.len();
        fail(format_args!(
            "{vcpus} vCPUs on {cpus} CPUs: give QEMU -smp {vcpus}"
        ));
    }
    let memory = take_memory(board, config, tree);
    let guest_ram = or_fail(Range::new(RAM_BASE, config.memory).ok_or("the guest has no RAM"));
    let image = or_fail(Image::parse(memory.initrd(), guest_ram));
    if image.execution_state == ExecutionState::Aarch32 && !guest::executes_aarch32() {
        fail(format_args!(
            "the guest is AArch32, which this CPU does not execute at EL1"
        ));
    }
    let surroundings = Surroundings {
        vcpus,
        ram: or_fail(
            RamRange::new(Ipa::new(RAM_BASE), config.memory).ok_or("the guest has no RAM"),
        ),
        entry: Ipa::new(image.entry),
        device_tree: Ipa::new(image.device_tree),
        execution_state: image.execution_state,
        implementation: cpu::implementation(),
    };
    let (vm, ids) = or_fail(config.machine(&surroundings));
    let description = Description {
        ram: guest_ram,
        vcpus,
        psci_version: config.psci_version().value(),
        arguments: config.guest_arguments,
    };
    or_fail(map(&memory, guest_ram, config).map_err(|_| "stage 2 has no room for the guest's RAM"));
    machine::make(Parts {
        vm,
        vcpus: ids,
        affinities: board.cpus.iter().copied().take(vcpus).collect(),
        stage2_root: STAGE2.root(),
        memory,
        image,
        device_tree: or_fail(description.to_blob()),
        max_resets: config.max_resets,
        board_mitigates: check_mitigation(config),
    })
}

/// Tells what this CPU is, and has that a guest may need, in one line, and ends.
fn probe() -> ! {
    let aarch32 = if guest::executes_aarch32() {
        " aarch32"
    } else {
        ""
    };
    let entropy = if cpu::has_entropy() { " entropy" } else { "" };
    let Implementation { midr, revidr, aidr } = cpu::implementation();
    let frequency = cpu::counter_frequency();
    log::info!(
        "cpu:{aarch32}{entropy} midr={midr:x} revidr={revidr:x} aidr={aidr:x} frequency={frequency}"
    );
    end(End::Off, 0, 0)
}

/// Whether the board does what the guest is promised of SMCCC_ARCH_WORKAROUND_1. An emulated CPU
/// has no predictor, and a board without the call, so the guest runs either way.
fn check_mitigation(config: &Config<'_>) -> bool {
    let mitigates = real_firmware::mitigates();
    if !mitigates && config.promises_mitigation() {
        log::warn!(
            "SMCCC_ARCH_WORKAROUND_1 is promised, and the board's firmware does not have it: \
             branch predictors keep what they have learnt"
        );
    }
    mitigates
}

fn take_memory(board: &Board, config: &Config<'_>, tree: Range) -> Memory {
    let Some(guest) = board.room_for(config.memory, tree) else {
        fail(format_args!(
            "no {} MiB of RAM are free for the guest: give QEMU more with -m",
            config.memory >> 20
        ));
    };
    let initrd = or_fail(
        board
            .initrd
            .ok_or("there is no guest: name it with -initrd"),
    );
    let memory = Memory::new(board.ram, tree, initrd, guest);
    or_fail(memory.ok_or("the initrd or the device tree lies in this program's memory"))
}

/// RAM, the PL011, and a page of stolen time: all that the guest sees without asking.
fn map(memory: &Memory, guest_ram: Range, config: &Config<'_>) -> Result<(), MapError> {
    let mut stage2 = STAGE2.mapper();
    stage2.map(guest_ram, memory.guest().start(), Kind::Ram)?;
    stage2.map(UART, UART.start(), Kind::Device)?;
    if config.has_stolen_time() {
        let page = core::ptr::from_ref(&NO_TIME_STOLEN).addr() as u64;
        stage2.map(STOLEN_TIME, page, Kind::ReadOnlyRam)?;
    }
    Ok(())
}

fn or_fail<T, E: fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => fail(format_args!("{error}")),
    }
}

/// Structures of stolen time (DEN0057 §3.2), all zero: revision 0, no attributes, and no time is ever
/// stolen from a vCPU that has a CPU for itself. (Atomic, or a page of zeroes would be a constant and
/// in the image.)
#[repr(C, align(4096))]
struct StolenTimePage([AtomicU64; 512]);

static NO_TIME_STOLEN: StolenTimePage = StolenTimePage([const { AtomicU64::new(0) }; 512]);

static STAGE2: Tables = Tables::new();
