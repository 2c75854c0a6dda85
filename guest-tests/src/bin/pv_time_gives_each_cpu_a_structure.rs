//! PV_TIME_ST gives each CPU a structure of its own, of revision 0.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::memory,
    claim,
    cpus::{self, Cpu, wait_until},
    expect::{self, Proof},
    firmware::Call,
    line,
};

claim! {
    "PV_TIME_ST gives each CPU a structure of its own, of revision 0.";
    vcpus: 4, kvm: "5.19", with: "pv-time";
    prove, ask
}

fn prove() -> Proof {
    ask(cpus::current());
    for index in 1..4 {
        expect::code("CPU_ON", cpus::power_on(index, 0), 0)?;
        let answered = &cpus::cpu(index).words[ANSWERED];
        wait_until("a CPU's structure", || {
            answered.load(Ordering::Acquire) == 1
        })?;
    }
    let structures =
        [0, 1, 2, 3].map(|index| cpus::cpu(index).words[ADDRESS].load(Ordering::Relaxed));
    for (index, address) in structures.into_iter().enumerate() {
        // DEN0057 §3.3: its address, 64 bytes aligned, or -1.
        expect::holds(
            "structure",
            address,
            "64 bytes aligned",
            address.is_multiple_of(64),
        )?;
        let shared = structures[..index].contains(&address);
        expect::holds("structure", address, "no other CPU's", !shared)?;
        // DEN0057 §3.2: revision and attributes are words at 0 and 4.
        let revision = memory::word(address).load(Ordering::Relaxed);
        expect::equal("revision", revision.into(), 0)?;
        let attributes = memory::word(address + 4).load(Ordering::Relaxed);
        expect::equal("attributes", attributes.into(), 0)?;
    }
    line!("four CPUs: four structures of revision 0 with attributes 0");
    // Asking once more changes nothing.
    let again = structure();
    expect::equal("structure asked for again", again, structures[0])
}

fn ask(cpu: &'static Cpu) {
    cpu.words[ADDRESS].store(structure(), Ordering::Relaxed);
    cpu.words[ANSWERED].store(1, Ordering::Release);
}

fn structure() -> u64 {
    Call::hvc(0xC500_0021, &[]).make_told(|_| "an address").x[0]
}

const ADDRESS: usize = 0;
const ANSWERED: usize = 1;
