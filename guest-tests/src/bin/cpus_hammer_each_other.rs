//! Eight CPUs turn each other on and off through a reset: each SUCCESS is one start.
#![no_std]
#![no_main]

use core::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::{AFFINITY_INFO_64, CPU_OFF, CPU_ON_64, Call, SYSTEM_RESET, hvc},
    line, noinit,
};

claim! {
    "Eight CPUs turn each other on and off through a reset: each SUCCESS is one start.";
    vcpus: 8, resets: 1;
    prove, live
}

const CPUS: u64 = 8;

/// Calls before the first look at the tickets, up to the reset in the middle, and after it.
const BEFORE: u64 = 600;
const UP_TO_RESET: u64 = BEFORE + 300;
const AFTER: u64 = 600;

/// Calls that have begun, and how many may.
static CALLS: AtomicU64 = AtomicU64::new(0);
static LIMIT: AtomicU64 = AtomicU64::new(0);

/// One for each CPU_ON. Its number goes along as the context id, so that a start tells its call.
static TICKETS: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];
static ISSUED: AtomicU64 = AtomicU64::new(0);

/// A ticket holds its target's number (bits 7:0) and what has become of it.
const STARTED: u64 = 1 << 8;
const SUCCEEDED: u64 = 1 << 9;
const REFUSED: u64 = 1 << 10;
const TARGET: u64 = 0xFF;

/// The upper half of every context id.
const CONTEXT: u64 = 0xC0DE_2BAD << 32;

/// CPUs between their entry and their CPU_OFF.
static ALIVE: [AtomicBool; CPUS as usize] = [const { AtomicBool::new(false) }; CPUS as usize];

/// SYSTEM_RESET is about to be called, or has been.
static RESETTING: AtomicBool = AtomicBool::new(false);

fn prove() -> Proof {
    for index in 1..CPUS {
        // DEN0022 §5.1.5: 1 is OFF. After a reset too (§5.1.10).
        let power = hvc(AFFINITY_INFO_64, &[cpus::mpidr(index), 0]);
        expect::code("AFFINITY_INFO after boot", power, 1)?;
    }
    // All of this was cleared at boot: a CPU that lived on would be counting.
    expect::equal("calls of others", CALLS.load(Ordering::Relaxed), 0)?;
    if noinit::boots() == 1 {
        return hammer_until(AFTER);
    }
    expect::equal("boots before this one", noinit::boots(), 0)?;
    hammer_until(BEFORE)?;
    line!("then one CPU calls SYSTEM_RESET while the others hammer on");
    LIMIT.store(u64::MAX, Ordering::Release);
    hammer(0);
    wait_until("the reset", || false)
}

/// Hammers from all CPUs for so many calls, waits until the others are off, and judges.
fn hammer_until(limit: u64) -> Proof {
    LIMIT.store(limit, Ordering::Release);
    hammer(0);
    // A CPU that is off once no call is left will never turn another on. So after the first round
    // there is no more CPU_ON, and after the second nobody is on.
    for index in (1..CPUS).chain(1..CPUS) {
        cpus::wait_until_off_silently(index)?;
    }
    let issued = ISSUED.load(Ordering::Acquire);
    for ticket in &TICKETS[..issued as usize] {
        let fate = ticket.load(Ordering::Acquire);
        let fair = [STARTED | SUCCEEDED, REFUSED].contains(&(fate & !TARGET));
        let expected = "started once (bit 8) if SUCCESS (bit 9), never if refused (bit 10)";
        expect::holds("what became of a CPU_ON", fate, expected, fair)?;
    }
    line!("{limit} calls: each CPU_ON with SUCCESS started its CPU once, all others nobody");
    Ok(())
}

/// A started CPU: shows its ticket, hammers, goes off.
fn live(cpu: &'static Cpu) {
    let me = cpus::index();
    let context = cpu.entry_state().x[0];
    let number = context ^ CONTEXT;
    let issued = ISSUED.load(Ordering::Acquire);
    demand(
        number < issued,
        format_args!("x0 is {context:#x}, of {issued} tickets"),
    );
    let fate = TICKETS[number as usize].fetch_or(STARTED, Ordering::AcqRel);
    let first = fate & (STARTED | REFUSED | TARGET) == u64::from(me);
    demand(
        first,
        format_args!("started by ticket {number}, which is {fate:#x}"),
    );
    let alive = &ALIVE[me as usize];
    let was_off = !alive.swap(true, Ordering::AcqRel);
    demand(was_off, format_args!("it is on already"));

    hammer(cpu.starts());
    alive.store(false, Ordering::Release);
    Call::hvc(CPU_OFF, &[]).make_silently();
    panic!("CPU_OFF returned");
}

/// Makes calls until none is left or, unless it is the boot CPU, it is time to go off.
fn hammer(incarnation: u64) {
    let me = u64::from(cpus::index());
    let mut random = Random(1 + me + CPUS * incarnation);
    loop {
        let call = CALLS.fetch_add(1, Ordering::AcqRel);
        let limit = LIMIT.load(Ordering::Acquire);
        if call >= limit {
            return;
        }
        if limit == u64::MAX && call == UP_TO_RESET {
            reset();
        }
        let target = random.below(CPUS);
        match random.below(8) {
            0 | 1 if me != 0 => return,
            0..=5 => turn_on(me, target),
            _ => ask(me, target, random.below(4)),
        }
    }
}

fn turn_on(me: u64, target: u64) {
    let number = ISSUED.fetch_add(1, Ordering::AcqRel);
    let Some(ticket) = TICKETS.get(number as usize) else {
        return; // as long as the reset takes
    };
    ticket.store(target, Ordering::Release);
    let arguments = [cpus::mpidr(target), cpus::entry_point(), CONTEXT | number];
    let answer = Call::hvc(CPU_ON_64, &arguments).make_silently().code();
    // DEN0022 §5.1.4: SUCCESS is 0, ALREADY_ON -4, ON_PENDING -5.
    let always_on = target == me || target == 0;
    let fair = answer == -4 || !always_on && [0, -5].contains(&answer);
    demand(
        fair,
        format_args!("CPU_ON of CPU {target} by CPU {me}: {answer}"),
    );
    let fate = if answer == 0 { SUCCEEDED } else { REFUSED };
    let before = ticket.fetch_or(fate, Ordering::AcqRel);
    demand(
        fate != REFUSED || before & STARTED == 0,
        format_args!("CPU {target} started on {answer}"),
    );
}

fn ask(me: u64, target: u64, level: u64) {
    let question = Call::hvc(AFFINITY_INFO_64, &[cpus::mpidr(target), level]);
    let answer = question.make_silently().code();
    // DEN0022 §5.1.5: ON is 0, OFF 1, ON_PENDING 2. Above level 0 the boot CPU is in every answer.
    let known_on = target == me || target == 0 || level > 0;
    let fair = answer == 0 || !known_on && (1..=2).contains(&answer);
    demand(
        fair,
        format_args!("AFFINITY_INFO of CPU {target} at level {level}: {answer}"),
    );
}

/// Ends the claim unless what a CPU saw is fair, or seen on the way into the reset: KVM's own
/// firmware marks every CPU as off before it stops the first, and CPU_ON starts a running one then.
#[track_caller]
fn demand(fair: bool, what: fmt::Arguments<'_>) {
    if fair {
        return;
    }
    assert!(RESETTING.load(Ordering::Acquire), "{what}");
    loop {
        core::hint::spin_loop();
    }
}

fn reset() -> ! {
    // Each of the others may be at a call that it has counted and will not make.
    noinit::allow_lost_calls(CPUS - 1);
    RESETTING.store(true, Ordering::Release);
    let answer = Call::hvc(SYSTEM_RESET, &[]).make_silently();
    panic!("SYSTEM_RESET returned {}", answer.code());
}

/// Marsaglia's xorshift, of a seed that is not 0.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) % end
    }
}
