//! A guest's call, from its registers to core and back.
//!
//! Every register is at hand here, so core is given all of them at once; what else a call needs it
//! says, and is called again with it.

use vambrace_core::firmware::Workaround;
use vambrace_core::smccc::{Args, Caller, Conduit, ExecutionState, Needs, Results};
use vambrace_core::time::Time;
use vambrace_core::vm::{Clocks, Entropy};
use vambrace_core::{Entry, Lent, Outcome};

use crate::arch::vectors::Frame;
use crate::arch::{board as real_firmware, cpu, guest, speculation};
use crate::layout::RAM_BASE;
use crate::machine::{Machine, machine};
use crate::vcpu;

/// Answers the call in `frame`, of a guest in AArch64. In either state the guest goes on behind its
/// instruction.
#[inline]
pub(crate) fn call(frame: &mut Frame, conduit: Conduit) {
    answer(frame, conduit, ExecutionState::Aarch64);
}

/// The same of a guest in AArch32.
#[cold]
pub(crate) fn call_of_aarch32(frame: &mut Frame, conduit: Conduit) {
    // The upper halves of its registers are unknown.
    for register in frame.x.iter_mut().take(ARGUMENTS + 1) {
        *register &= 0xffff_ffff;
    }
    answer(frame, conduit, ExecutionState::Aarch32);
}

fn answer(frame: &mut Frame, conduit: Conduit, execution_state: ExecutionState) {
    let machine = machine();
    let cpu = cpu::index();
    // What cannot be a call, an SMC with an immediate, is answered and not counted.
    if !matches!(conduit, Conduit::Smc(1..)) {
        machine.count_call(cpu);
    }
    let caller = Caller {
        vcpu: machine.vcpus[cpu],
        conduit,
        execution_state,
        // Hardly any call looks at it.
        endianness: None,
    };
    let [x0, arguments @ ..] = &frame.x;
    let args = Args::new(*x0, &arguments[..ARGUMENTS]);
    // What core answers is long: it is looked at where it lies.
    let outcome = machine.vm.lock().call(&caller, &args, Lent::NOTHING);
    match &outcome {
        // Nearly all calls end here.
        Outcome::Resume(results) => write_results(frame, results),
        Outcome::Fetch(needs) => {
            let outcome = answer_with(machine, caller, &args, *needs);
            carry_out(machine, cpu, frame, &outcome);
        }
        outcome => carry_out(machine, cpu, frame, outcome),
    }
}

/// The same call with what it needs.
#[inline(never)]
fn answer_with(machine: &Machine, mut caller: Caller, args: &Args<'_>, needs: Needs) -> Outcome {
    if needs.endianness() {
        caller.endianness = Some(guest::endianness());
    }
    let mut bits = [0; 24];
    let drawn = needs.entropy() && cpu::draw(&mut bits);
    let lent = Lent {
        time: needs.time().then(now),
        clocks: needs.clocks().then(|| clocks(machine)),
        entropy: match (needs.entropy(), drawn) {
            (false, _) => Entropy::NotLent,
            (true, true) => Entropy::Bits(&mut bits),
            (true, false) => Entropy::Exhausted,
        },
    };
    machine.vm.lock().call(&caller, args, lent)
}

/// Does what core has answered.
#[inline(never)]
fn carry_out(machine: &Machine, cpu: usize, frame: &mut Frame, outcome: &Outcome) {
    match outcome {
        Outcome::Fetch(_) => unreachable!("core was given what it needs"),
        Outcome::Resume(results) => write_results(frame, results),
        Outcome::ResumeAndWake(results, target) => {
            machine.kick(target.index());
            write_results(frame, results);
        }
        Outcome::CleanInvalidate(results, range) => {
            let first = range.first().value();
            let size = range.last().value() - first + 1;
            machine.memory.clean(first.wrapping_sub(RAM_BASE), size);
            write_results(frame, results);
        }
        Outcome::Mitigate(results, workaround) => {
            mitigate(machine, *workaround);
            write_results(frame, results);
        }
        Outcome::Park => vcpu::settle(machine, cpu, frame, Entry::Park),
        Outcome::Wait(_) | Outcome::SystemSuspend(_) => {
            vcpu::settle(machine, cpu, frame, Entry::Wait);
        }
        Outcome::System(event) => {
            machine.kick_others();
            vcpu::settle(machine, cpu, frame, Entry::Stop(*event));
        }
    }
}

/// Does what the guest is promised of a call of this workaround: nothing at the vectors has.
fn mitigate(machine: &Machine, workaround: Workaround) {
    match workaround {
        Workaround::One if machine.board_mitigates => real_firmware::mitigate(),
        Workaround::Three => speculation::overwrite_branch_history(),
        // Whoever promised the first was warned; the others are never called to mitigate.
        Workaround::One | Workaround::Two | Workaround::Four => {}
    }
}

/// Writes the registers that a call changes: nearly always one or four.
#[inline]
pub(crate) fn write_results(frame: &mut Frame, results: &Results) {
    let x = &mut frame.x;
    match *results.registers() {
        [x0] => x[0] = x0,
        [x0, x1, x2, x3] => [x[0], x[1], x[2], x[3]] = [x0, x1, x2, x3],
        ref all => write_all(frame, all),
    }
}

#[inline(never)]
fn write_all(frame: &mut Frame, values: &[u64]) {
    for (register, value) in frame.x.iter_mut().zip(values) {
        *register = *value;
    }
}

/// The time now, for core.
pub(crate) fn now() -> Time {
    Time::from_nanoseconds(cpu::nanoseconds())
}

fn clocks(machine: &Machine) -> Clocks {
    let physical_counter = cpu::counter();
    Clocks {
        wall_clock: machine.wall_clock(),
        virtual_counter: physical_counter.wrapping_sub(machine.counter_offset()),
        physical_counter,
    }
}

/// x1 to x17.
const ARGUMENTS: usize = 17;
