//! Machines at EL2: QEMU straight into our own program, with no kernel between it and the guest.
//!
//! The program is built for the bare machine and given to QEMU as an arm64 Image; the guest is its
//! initrd, and what the machine is to be stands in the bootargs. How the machine ended it says in its
//! last line, on a UART that the guest never sees.

mod contract;
mod log;
mod program;
mod words;

use std::io::Write;
use std::time::Instant;

use vambrace_core::contract::Contract;
use vambrace_core::vendor_hyp::Implementation;
use vambrace_kvm::machine::{Aarch32, Config, Report};
use vambrace_lab::board::{Board, Boot, Ended};
use vambrace_lab::{Qemu, Stdin};

use crate::failure::Failure;
use crate::host_choice::El2Host;
use crate::interrupt::Interrupt;
use crate::progress::say;
use log::Log;
pub(crate) use words::{MAX_VCPUS, Promise};

/// Refuses what no board at EL2 has, before one is made.
pub(crate) fn check(contract: Option<&Contract>, vcpus: Option<u16>) -> Result<(), Failure> {
    vcpus.map_or(Ok(()), words::check_vcpus)?;
    contract.map(contract::check).transpose()?;
    Ok(())
}

/// QEMU, a CPU, and the program that is booted on it.
#[derive(Debug)]
pub(crate) struct El2 {
    board: Board,
    program: Vec<u8>,
}

/// What a CPU is, and has that some guests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpu {
    /// AArch32 at EL1.
    pub(crate) aarch32: Aarch32,
    /// Random numbers (FEAT_RNG).
    pub(crate) entropy: Entropy,
    /// What it says it is.
    pub(crate) implementation: Implementation,
    /// CNTFRQ_EL0 in Hz.
    pub(crate) frequency: u32,
}

/// Whether a CPU makes random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entropy {
    /// It does.
    Offered,
    /// It does not.
    Missing,
}

impl El2 {
    /// Finds QEMU and the program, which is built first if that is needed and possible.
    pub(crate) fn prepare(host: &El2Host, interrupt: &Interrupt) -> Result<Self, Failure> {
        let qemu = Qemu::locate().map_err(|error| interrupt.failure(error))?;
        let board = Board::new(qemu, &host.cpu).map_err(|error| interrupt.failure(error));
        let mut board = board?;
        board.clock = host.clock;
        let program = program::locate(interrupt)?;
        Ok(Self { board, program })
    }

    /// Boots the program without a guest, to hear what the CPU has.
    pub(crate) fn probe(&self, interrupt: &Interrupt) -> Result<Cpu, Failure> {
        let boot = Boot {
            program: &self.program,
            initrd: None,
            arguments: "probe",
            time_limit: Some(PROBE_LIMIT),
        };
        let ended = self.board.run(
            &boot,
            Stdin::Empty,
            &mut std::io::sink(),
            interrupt.cancel(),
        );
        let said = match ended {
            Ok(Ended::Off(said) | Ended::TimeLimit(said)) => said,
            Err(error) => return Err(self.failure(error, interrupt)),
        };
        let log = Log::parse(&said);
        log.cpu.and_then(Cpu::parse).ok_or_else(|| log.silence())
    }

    /// Looks whether a guest on this CPU can have what is promised, and says what it sees besides.
    pub(crate) fn check(contract: &Contract, cpu: &Cpu) -> Result<(), Failure> {
        contract::check_cpu(contract, cpu)?;
        say(contract::SEEN);
        Ok(())
    }

    /// Runs a guest; what it writes goes to `console` as it comes.
    pub(crate) fn run(
        &self,
        config: &Config,
        promise: &Promise,
        image: &[u8],
        (stdin, console): (Stdin, &mut (dyn Write + Send)),
        interrupt: &Interrupt,
    ) -> Result<Report, Failure> {
        let mut board = self.board.clone();
        board.cpus = config.vcpus;
        board.memory_mib = memory_mib(config.memory, image);
        let arguments = words::bootargs(config, promise)?;
        let boot = Boot {
            program: &self.program,
            initrd: Some(image),
            arguments: &arguments,
            time_limit: config.time_limit,
        };
        let began = Instant::now();
        let ended = board
            .run(&boot, stdin, console, interrupt.cancel())
            .map_err(|error| self.failure(error, interrupt))?;
        match ended {
            Ended::TimeLimit(_) => Ok(log::time_limit(began.elapsed())),
            Ended::Off(said) => Log::parse(&said).report(began.elapsed()),
        }
    }
}

impl El2 {
    /// Of a QEMU that does not run an unknown CPU is the likeliest cause, and its list the best answer.
    fn failure(&self, error: vambrace_lab::Error, interrupt: &Interrupt) -> Failure {
        let cause = match error {
            vambrace_lab::Error::QemuUnusable { .. } => self.board.check_cpu().err(),
            _ => None,
        };
        interrupt.failure(cause.unwrap_or(error))
    }
}

impl Cpu {
    /// ` aarch32 entropy midr=410fd034 revidr=0 aidr=0 frequency=62500000`
    fn parse(words: &str) -> Option<Self> {
        let has = |word| words.split_whitespace().any(|it| it == word);
        let value = |key: &str, radix| {
            let mut words = words.split_whitespace();
            let value = words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            u64::from_str_radix(value?, radix).ok()
        };
        Some(Self {
            aarch32: match has("aarch32") {
                true => Aarch32::Offered,
                false => Aarch32::Missing,
            },
            entropy: match has("entropy") {
                true => Entropy::Offered,
                false => Entropy::Missing,
            },
            implementation: Implementation {
                midr: value("midr", 16)?,
                revidr: value("revidr", 16)?,
                aidr: value("aidr", 16)?,
            },
            frequency: value("frequency", 10)?.try_into().ok()?,
        })
    }
}

/// Why `--firmware kernel` cannot be had here.
pub(crate) fn no_kernel() -> Failure {
    Failure::new("there is no kernel at EL2 whose firmware could answer")
        .with_hint("leave --firmware kernel out, or choose another --host")
}

/// Why `--host-cpus` changes nothing here.
pub(crate) fn no_host_cpus() -> Failure {
    Failure::new("--host-cpus is about the CPUs of a host with KVM; at EL2 each vCPU has its own")
        .with_hint("leave --host-cpus out, or choose another --host")
}

/// Why files are not loaded into memory, or saved from it.
pub(crate) fn no_memory_files() -> Failure {
    Failure::new("--load and --save reach into a machine's memory, which at EL2 is QEMU's")
}

/// Why a machine at EL2 has no devices besides its console.
pub(crate) fn no_devices() -> Failure {
    let what =
        "--disk, --net and --rng need KVM: a machine at EL2 has its console and no other device";
    Failure::new(what).with_hint("use another --host")
}

/// Why a machine at EL2 has no choice of interrupt controllers.
pub(crate) fn own_gic() -> Failure {
    let what = "--gic and --its need KVM: a machine at EL2 has a GICv3 without an ITS";
    Failure::new(what).with_hint("use another --host")
}

/// Why accesses to nothing need not be made strict.
pub(crate) fn strict_in_any_case() -> Failure {
    Failure::new(
        "--strict-mmio changes nothing at EL2: an access where no device is ends in an external \
         abort there in any case",
    )
}

/// Why nothing about KVM can be asked here.
pub(crate) fn no_kvm() -> Failure {
    Failure::new("there is no KVM at EL2 that could be asked")
        .with_hint("name a host with KVM: --host local or --host lab")
}

/// What a board has for a guest with so much RAM, in MiB. QEMU puts the image 128 MiB above the start
/// of RAM at most; behind it there is room for the guest.
fn memory_mib(guest: u64, image: &[u8]) -> u64 {
    let image = (image.len() as u64).div_ceil(1 << 20);
    (guest >> 20).saturating_add(AROUND_THE_GUEST + image)
}

/// Booting takes a tenth of a second.
const PROBE_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);
/// In MiB: what is below the image, and the board's device tree behind it.
const AROUND_THE_GUEST: u64 = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_is_known_by_the_words_of_its_program() {
        let cpu = Cpu::parse(" entropy midr=f0510 revidr=0 aidr=2 frequency=1000000000").unwrap();
        assert_eq!(
            (cpu.aarch32, cpu.entropy),
            (Aarch32::Missing, Entropy::Offered)
        );
        let Implementation { midr, revidr, aidr } = cpu.implementation;
        assert_eq!((midr, revidr, aidr), (0xf_0510, 0, 2));
        assert_eq!(cpu.frequency, 1_000_000_000);
        for torn in ["", " aarch32", " midr=1 revidr=0 aidr=0 frequency=x"] {
            assert_eq!(Cpu::parse(torn), None, "{torn}");
        }
    }
}
