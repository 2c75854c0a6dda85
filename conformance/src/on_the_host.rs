//! Core by itself: a machine on the host, whose guest is a list of calls.
//!
//! Some claims can be shown neither on KVM nor by a guest above it: the kernel answers the
//! architecture range and the immediates itself, and says SMCCC 1.1 whatever is asked of it. There
//! core is asked directly, as a backend asks it.

use vambrace_core::firmware::{Dialect, Level, Services, Workaround, Workarounds};
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::{PsciOptions, PsciVersion};
use vambrace_core::smccc::{Args, Caller, Conduit, SmcccVersion, SocId};
use vambrace_core::time::Time;
use vambrace_core::vcpu::{Mpidr, VcpuId};
use vambrace_core::vendor_hyp::{Clocks, Implementation, Implementations};
use vambrace_core::vm::Entropy;
use vambrace_core::{Entry, Lent, Outcome, Vm, VmConfig};

/// Two CPUs with the affinities 0 and 1, of which the first runs; RAM at 0x4000_0000, 128 MiB.
#[derive(Debug)]
pub struct Machine {
    /// The machine itself, for what is not a call.
    pub vm: Vm<2>,
    /// Its CPUs.
    pub cpus: [VcpuId; 2],
    entropy: Source,
}

/// Whether the backend has random bits to lend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// All ones.
    Flows,
    /// None at the moment.
    Dry,
}

impl Machine {
    /// A machine in the specification's dialect with the newest versions and everything on.
    #[must_use]
    pub fn with_everything() -> Self {
        Self::new(everything)
    }

    /// A machine in a dialect, with nothing that is not named.
    #[must_use]
    pub fn in_dialect(dialect: Dialect) -> Self {
        Self::new(|config| config.with_dialect(dialect))
    }

    /// A machine as `configure` makes it from one with nothing on.
    ///
    /// # Panics
    ///
    /// There is no such machine.
    #[must_use]
    pub fn new(configure: impl FnOnce(VmConfig<2>) -> VmConfig<2>) -> Self {
        let mut config = configure(VmConfig::new());
        let ram = RamRange::new(Ipa::new(0x4000_0000), 128 << 20).expect("it ends before 2^64");
        config.add_ram(ram).expect("it is the first");
        let cpus = [0, 1].map(|n| {
            let affinity = Mpidr::from_affinity(0, 0, 0, n);
            config.add_vcpu(affinity).expect("there is room for two")
        });
        let vm = config.freeze(cpus[0], Ipa::new(0x4020_0000), 0);
        let vm = vm.unwrap_or_else(|error| panic!("no such machine: {error}"));
        let entropy = Source::Flows;
        let mut machine = Self { vm, cpus, entropy };
        assert!(matches!(machine.vm.begin(cpus[0]), Entry::Start(_)));
        machine
    }

    /// The same with this source of random bits.
    #[must_use]
    pub fn with_entropy(self, entropy: Source) -> Self {
        Self { entropy, ..self }
    }

    /// The registers that a call by `HVC #0` writes, from x0 on, as signed numbers.
    pub fn x(&mut self, id: u32, from_x1: &[u64]) -> Vec<i64> {
        self.x_by(Conduit::Hvc(0), id, from_x1)
    }

    /// The same, by this conduit.
    ///
    /// # Panics
    ///
    /// The call does not return.
    pub fn x_by(&mut self, conduit: Conduit, id: u32, from_x1: &[u64]) -> Vec<i64> {
        match self.call_by(conduit, id, from_x1) {
            Outcome::Resume(results)
            | Outcome::ResumeAndWake(results, _)
            | Outcome::Mitigate(results, _) => {
                let registers = results.registers().iter();
                registers.map(|register| register.cast_signed()).collect()
            }
            outcome => panic!("{id:#x} did not return: {outcome:?}"),
        }
    }

    /// x0 after a call by `HVC #0`.
    pub fn x0(&mut self, id: u32, from_x1: &[u64]) -> i64 {
        self.x(id, from_x1)[0]
    }

    /// What comes of a call by the first CPU.
    pub fn call_by(&mut self, conduit: Conduit, id: u32, from_x1: &[u64]) -> Outcome {
        let mut registers = [0; 17];
        registers[..from_x1.len()].copy_from_slice(from_x1);
        let mut bits = [0xff; 24];
        let lent = Lent {
            time: Some(Time::ZERO),
            clocks: Some(CLOCKS),
            entropy: match self.entropy {
                Source::Flows => Entropy::Bits(&mut bits),
                Source::Dry => Entropy::Exhausted,
            },
        };
        let caller = Caller::little_endian_aarch64(self.cpus[0], conduit);
        self.vm
            .call(&caller, &Args::new(id.into(), &registers), lent)
    }
}

/// Everything that the specifications know, but for a Trusted OS.
#[must_use]
pub fn everything(config: VmConfig<2>) -> VmConfig<2> {
    let workarounds = Workarounds::NONE
        .with(Workaround::One, Level::Available)
        .with(Workaround::Two, Level::NotRequired)
        .with(Workaround::Three, Level::Available)
        .with(Workaround::Four, Level::Available);
    let soc = SocId::new(0x0123_4567, 5).and_then(|soc| soc.with_name("Vambrace"));
    every_service(config)
        .with_psci_version(PsciVersion::V1_3)
        .with_psci_options(PsciOptions::all())
        .with_smccc_version(SmcccVersion::V1_6)
        .with_soc_id(soc.expect("bit 31 is clear and the name is short"))
        .with_workarounds(workarounds)
}

/// Every service outside PSCI, with what it has to tell.
#[must_use]
pub fn every_service(config: VmConfig<2>) -> VmConfig<2> {
    let mut implementations = Implementations::new();
    let cpu = Implementation {
        midr: 0x410f_d0c1,
        revidr: 0,
        aidr: 0,
    };
    implementations.add(cpu).expect("it is the first");
    config
        .with_services(Services::all())
        .with_pv_time(Ipa::new(0x090a_0000))
        .with_implementations(implementations)
}

/// One instant on the host.
const CLOCKS: Clocks = Clocks {
    wall_clock: 0x1111_1111_2222_2222,
    virtual_counter: 0x3333_3333_4444_4444,
    physical_counter: 0x5555_5555_6666_6666,
};
