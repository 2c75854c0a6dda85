//! Four CPUs race CPU_ON for one target: one wins, three hear that it is on, it starts once.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::{CPU_OFF, CPU_ON_64, Call},
    line,
};

claim! {
    "Four CPUs race CPU_ON for one target: one wins, three hear that it is on, it starts once.";
    vcpus: 5;
    prove, race
}

/// CPUs 0 to 3 race.
const RACERS: u64 = 4;
const TARGET: u64 = 4;
const ROUNDS: u64 = 20;

/// The round that may begin. Everybody waits for it, so that all calls fall together.
static ROUND: AtomicU64 = AtomicU64::new(0);
/// The round whose target may go off again.
static OVER: AtomicU64 = AtomicU64::new(0);

/// Words of a racer: its answer in a round, and the last round it has finished.
const ANSWER: usize = 0;
const FINISHED: usize = 1;

fn prove() -> Proof {
    for racer in 1..RACERS {
        expect::code("CPU_ON of a racer", cpus::power_on(racer, 0), 0)?;
        cpus::cpu(racer).wait_for_start(1)?;
    }
    for round in 1..=ROUNDS {
        ROUND.store(round, Ordering::Release);
        cpus::wake_all();
        call(cpus::current());
        judge(round)?;
        OVER.store(round, Ordering::Release);
        // Silently: one line a round would say nothing more.
        cpus::wait_until_off_silently(TARGET)?;
    }
    line!(
        "{ROUNDS} rounds, each: one CPU SUCCESS, three CPUs told that it is on, target started once"
    );
    Ok(())
}

fn judge(round: u64) -> Proof {
    for racer in 1..RACERS {
        let finished = &cpus::cpu(racer).words[FINISHED];
        wait_until("a racer's answer", || {
            finished.load(Ordering::Acquire) == round
        })?;
    }
    let answers = (0..RACERS).map(|racer| cpus::cpu(racer).words[ANSWER].load(Ordering::Relaxed));
    let count = |code: u64| {
        answers
            .clone()
            .filter(|answer| answer & 0xFFFF_FFFF == code)
            .count()
    };
    // DEN0022 §5.1.4: SUCCESS is 0, ALREADY_ON -4, ON_PENDING -5, which KVM never says.
    let refused = count(0xFFFF_FFFC) + count(0xFFFF_FFFB);
    expect::equal("CPUs with SUCCESS", count(0) as u64, 1)?;
    expect::equal("CPUs with ALREADY_ON or ON_PENDING", refused as u64, 3)?;

    cpus::cpu(TARGET).wait_for_start(round)?;
    let winner = answers.clone().position(|answer| answer == 0);
    let context = cpus::cpu(TARGET).entry_state().x[0];
    expect::equal("context of the target", context, winner.unwrap_or(0) as u64)
}

fn race(cpu: &'static Cpu) {
    if u64::from(cpus::index()) == TARGET {
        // On until everybody has called, or a late racer would rightly win once more.
        let round = cpu.starts();
        while OVER.load(Ordering::Acquire) != round {
            cpus::pause();
        }
        Call::hvc(CPU_OFF, &[]).make_silently();
        return;
    }
    for round in 1..=ROUNDS {
        while ROUND.load(Ordering::Acquire) != round {
            cpus::pause();
        }
        call(cpu);
        cpu.words[FINISHED].store(round, Ordering::Release);
    }
}

/// Each racer passes its own index as the context: the target shows who has won.
fn call(cpu: &Cpu) {
    let arguments = [
        cpus::mpidr(TARGET),
        cpus::entry_point(),
        cpus::index().into(),
    ];
    let answer = Call::hvc(CPU_ON_64, &arguments).make_silently();
    cpu.words[ANSWER].store(answer.x[0], Ordering::Relaxed);
}
