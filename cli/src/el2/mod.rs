//! Machines at EL2: QEMU straight into our own program, with no kernel between it and the guest.
//!
//! The program is built for the bare machine and given to QEMU as an arm64 Image; the guest is its
//! initrd, and what the machine is to be stands in the bootargs. How the machine ended it says in its
//! last line, on a UART that the guest never sees.

mod log;
mod program;
mod words;

use std::io::Write;
use std::time::Instant;

use vambrace_kvm::machine::{Aarch32, Config, Report};
use vambrace_lab::board::{Board, Boot, Ended};
use vambrace_lab::{Qemu, Stdin};

use crate::failure::Failure;
use crate::host_choice::El2Host;
use crate::interrupt::Interrupt;
use log::Log;
pub(crate) use words::{MAX_VCPUS, Promise};

/// QEMU, a CPU, and the program that is booted on it.
#[derive(Debug)]
pub(crate) struct El2 {
    board: Board,
    program: Vec<u8>,
}

/// What a CPU has that some guests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpu {
    /// AArch32 at EL1.
    pub(crate) aarch32: Aarch32,
    /// Random numbers (FEAT_RNG).
    pub(crate) entropy: Entropy,
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
        let words = log.cpu.ok_or_else(|| log.silence())?;
        let has = |word| words.split_whitespace().any(|it| it == word);
        Ok(Cpu {
            aarch32: if has("aarch32") {
                Aarch32::Offered
            } else {
                Aarch32::Missing
            },
            entropy: if has("entropy") {
                Entropy::Offered
            } else {
                Entropy::Missing
            },
        })
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
        board.memory_mib = (config.memory >> 20).saturating_add(AROUND_THE_GUEST);
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

/// Why `--firmware kernel` cannot be had here.
pub(crate) fn no_kernel() -> Failure {
    Failure::new("there is no kernel at EL2 whose firmware could answer")
        .with_hint("leave --firmware kernel out, or choose another --host")
}

/// Why nothing about KVM can be asked here.
pub(crate) fn no_kvm() -> Failure {
    Failure::new("there is no KVM at EL2 that could be asked")
        .with_hint("name a host with KVM: --host local or --host lab")
}

/// Booting takes a tenth of a second.
const PROBE_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);
/// In MiB: the program's, the board's own, and the image, which may lie in the middle of it all.
const AROUND_THE_GUEST: u64 = 192;
