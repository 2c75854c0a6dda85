//! A whole backend in fifty lines, without a hypervisor: CPUs that do nothing but call firmware.
//!
//! Two CPUs take turns: the first asks for the version of PSCI, starts the second, sleeps until a
//! timer wakes it, and switches the machine off. In a real backend each CPU is a thread, and the
//! machine stands behind one lock.
//!
//! Run it: `cargo run --package vambrace-core --example embed`

use vambrace_core::memory::Ipa;
use vambrace_core::smccc::{Args, Caller, Conduit, Results};
use vambrace_core::time::Time;
use vambrace_core::vcpu::{Mpidr, VcpuId};
use vambrace_core::vm::Stopped;
use vambrace_core::{ConfigError, Entry, Lent, Outcome, Vm, VmConfig};

fn main() -> Result<(), ConfigError> {
    run(|cpu, what| println!("CPU {cpu} {what}"))
}

/// The life of the machine, told turn by turn.
fn run(mut tell: impl FnMut(VcpuId, String)) -> Result<(), ConfigError> {
    let mut config = VmConfig::<2>::new();
    let first = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0))?;
    let second = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 1))?;
    let mut vm = config.freeze(first, Ipa::new(0x1000), 0)?;
    let mut pc = [0; 2];
    for cpu in [first, second].into_iter().cycle() {
        let pc = &mut pc[cpu.index()];
        let mut entry = vm.begin(cpu);
        if entry == Entry::Wait {
            entry = vm.woke(cpu, Time::ZERO); // its timer has fired
        }
        let what = match entry {
            Entry::Start(state) => {
                *pc = state.pc();
                format!("starts at {pc:#x} with {}", state.x0())
            }
            Entry::Restart(state) => {
                *pc = state.pc();
                format!("begins again at {pc:#x} with {}", state.x0())
            }
            Entry::Continue => hvc(&mut vm, cpu, next_call(pc)),
            Entry::Resume(values) => format!("wakes and hears {:x?}", values.registers()),
            Entry::Park | Entry::Wait => "stays outside".into(),
            Entry::Stop(_) if vm.stopped(cpu) == Stopped::All => break,
            Entry::Stop(event) => format!("stops: {event:?}"),
        };
        tell(cpu, what);
    }
    Ok(())
}

/// The guest left by `HVC #0`: hand over what is at hand, fetch what is asked for, carry out.
fn hvc(vm: &mut Vm<2>, cpu: VcpuId, x: [u64; 4]) -> String {
    let caller = Caller::little_endian_aarch64(cpu, Conduit::Hvc(0));
    // A real backend writes these registers, from x0 on, before it enters the guest again.
    let hear = |values: Results| format!("hears {:x?}", values.registers());
    let mut fetched = 0;
    loop {
        match vm.call(&caller, &Args::new(x[0], &x[1..=fetched]), Lent::NOTHING) {
            // This machine counts nothing and has no TRNG, so only arguments are asked for.
            Outcome::Fetch(needs) => fetched = needs.arguments(),
            // There are no caches here to clean, and no branch predictor to be misled.
            Outcome::Resume(values)
            | Outcome::CleanInvalidate(values, _)
            | Outcome::Mitigate(values, _) => return hear(values),
            // The thread of the other CPU is woken here.
            Outcome::ResumeAndWake(values, _) => return hear(values) + " and wakes the other",
            Outcome::Park => return "is off".into(),
            Outcome::Wait(_) | Outcome::SystemSuspend(_) => return "sleeps".into(),
            // The threads of all CPUs are kicked here.
            Outcome::System(event) => return format!("ends the machine: {event:?}"),
        }
    }
}

/// What the guest executes next: `HVC #0`, with the registers x0 to x3 that it sets before.
fn next_call(pc: &mut u64) -> [u64; 4] {
    *pc += 4;
    match *pc {
        0x1004 => [0x8400_0000, 0, 0, 0],      // PSCI_VERSION
        0x1008 => [0xc400_0003, 1, 0x2000, 7], // CPU_ON of CPU 1 at 0x2000 with context 7
        0x100c => [0xc400_0001, 0, 0, 0],      // CPU_SUSPEND, standby
        0x1010 => [0x8400_0008, 0, 0, 0],      // SYSTEM_OFF
        _ => [0x8400_0002, 0, 0, 0],           // CPU_OFF
    }
}

#[test]
fn the_machine_boots_starts_a_cpu_sleeps_and_ends() {
    let mut story = Vec::new();
    run(|cpu, what| story.push(format!("{cpu} {what}"))).unwrap();
    let expected = [
        "0 starts at 0x1000 with 0",
        "1 stays outside",
        "0 hears [10001]",
        "1 stays outside",
        "0 hears [0] and wakes the other",
        "1 starts at 0x2000 with 7",
        "0 sleeps",
        "1 is off",
        "0 wakes and hears [0]",
        "1 stays outside",
        "0 ends the machine: Off",
        "1 stops: Off",
    ];
    assert_eq!(story, expected);
}
