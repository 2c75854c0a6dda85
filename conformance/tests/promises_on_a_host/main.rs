//! From probe to guest on one real kernel: what a host promises is what its guests read.
//!
//! All commands run one after the other in one lab host, as they would on a machine of a user's, and
//! each test looks at what some of them said.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use vambrace_conformance::{Ended, Ending, example, see, vambrace};
use vambrace_core::contract::Contract;
use vambrace_core::cpu::{IdRegister, IdRegisters};
use vambrace_formats::contract::from_bytes;
use vambrace_formats::profile::ProfileFile;

/// Nested virtualisation aside, this CPU has everything.
const HOST: &str = "lab:6.12:max";
const RECORDED: &str = "hosts/6.12-max.json";

/// What is run, in this order. `refused.toml` is brought along.
const COMMANDS: [(&str, &str); 13] = [
    (
        "probe",
        "host probe --host=local --cpus=0-1 --output=probed.json",
    ),
    ("show", "host show probed.json"),
    (
        "new",
        "contract new --vcpu=most --host=probed.json --output=own.toml",
    ),
    ("check", "contract check own.toml probed.json"),
    (
        "confirm",
        "contract confirm --host=local --profile=probed.json own.toml",
    ),
    (
        "lower",
        "contract new --from=own.toml --lower=ID_AA64ISAR0_EL1.RNDR=0 --output=lowered.toml",
    ),
    (
        "run",
        "run --host=local --contract=own.toml --cpus=2 --save=0x40000000,8M=ram what_a_guest_sees",
    ),
    (
        "run lowered",
        "run --host=local --contract=lowered.toml --host-cpus=1 what_a_guest_sees",
    ),
    ("check refused", "contract check refused.toml probed.json"),
    (
        "confirm refused",
        "contract confirm --host=local --profile=probed.json refused.toml",
    ),
    (
        "run refused",
        "run --host=local --contract=refused.toml what_a_guest_sees",
    ),
    ("probe elsewhere", "host probe --host=local --cpus=1-9"),
    (
        "run elsewhere",
        "run --host=local --host-cpus=9 --contract=own.toml what_a_guest_sees",
    ),
];

/// What is left of all of it.
struct Seen {
    ended: BTreeMap<&'static str, Ended>,
    probed: ProfileFile,
    own: Contract,
    /// What the guest of that contract left in RAM.
    ram: Vec<u8>,
}

impl Seen {
    fn of(&self, command: &str) -> &Ended {
        &self.ended[command]
    }
}

fn seen() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let lines = COMMANDS.map(|(_, line)| line.to_owned() + "\n");
        fs::write(file("commands"), lines.concat()).unwrap();
        fs::write(file("refused.toml"), refused()).unwrap();
        let mut command = vambrace();
        command.args(["lab", "run", "--no-input", "--host", HOST]);
        for input in [
            file("commands"),
            file("refused.toml"),
            example("what_a_guest_sees"),
        ] {
            command.arg("--file").arg(input);
        }
        for output in ["probed.json", "own.toml", "ram"] {
            command.arg(format!("--output={output}:{}", file(output).display()));
        }
        let whole = see(command.arg("--").arg(inside()).arg("commands"));
        whole.exits(0);
        Seen {
            ended: parts(&whole),
            probed: ProfileFile::read(&fs::read(file("probed.json")).unwrap()).unwrap(),
            own: from_bytes(&fs::read(file("own.toml")).unwrap()).unwrap(),
            ram: fs::read(file("ram")).unwrap(),
        }
    })
}

/// A contract that differs from the host's own by one field: AES = 3 is of no CPU.
fn refused() -> String {
    let mut new = vambrace();
    new.args(["contract", "new", "--vcpu=most", "--host", RECORDED]);
    let own = see(&mut new).exits(0).stdout.clone();
    let (before, after) = ("\"0x1221111110212120\"", "\"0x1221111110212130\"");
    assert_eq!(own.matches(before).count(), 1, "{own}");
    own.replace(before, after)
}

/// What each command said, of what they said together.
fn parts(whole: &Ended) -> BTreeMap<&'static str, Ended> {
    let mut left = whole.stdout.as_str();
    let mut part = |(name, line): (&'static str, &str)| {
        let (numbers, rest) = left.split_once('\n').expect("every command has ended");
        let numbers: Vec<i32> = numbers
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        let length = |index: usize| usize::try_from(numbers[index]).unwrap();
        let (stdout, rest) = rest.split_at(length(1));
        let (stderr, rest) = rest.split_at(length(2));
        left = rest;
        let ended = Ended {
            command: format!("vambrace {line}"),
            ending: Ending::Code(numbers[0]),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            time: Duration::ZERO,
        };
        (name, ended)
    };
    COMMANDS.into_iter().map(&mut part).collect()
}

/// The program that runs the commands, compiled for the inside of a lab host.
fn inside() -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("promises_on_a_host");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "--target=aarch64-unknown-linux-musl"]);
    rustc.args(["-C", "linker=rust-lld", "-o"]);
    rustc.arg(&program);
    rustc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises_on_a_host/inside.rs"));
    see(&mut rustc).exits(0);
    program
}

/// What the guest printed that it reads.
fn read_by_guest(ended: &Ended) -> BTreeMap<&str, u64> {
    let lines = ended.stdout.lines();
    let values = lines.filter_map(|line| {
        let (name, value) = line.strip_prefix("sees: ")?.split_once(" 0x")?;
        Some((name, u64::from_str_radix(value, 16).unwrap()))
    });
    values.collect()
}

/// The ID registers that the guest printed, by their instructions.
fn id_registers(ended: &Ended) -> IdRegisters {
    let read = read_by_guest(ended);
    IdRegisters::from_fn(|register| match register {
        IdRegister::CTR_EL0 => read["CTR_EL0"],
        _ => {
            let encoding = register.encoding();
            let (crm, op2) = (encoding >> 3 & 15, encoding & 7);
            read[format!("S3_0_C0_C{crm}_{op2}").as_str()]
        }
    })
}

#[test]
fn a_probe_finds_what_was_recorded_of_such_a_host() {
    let seen = seen();
    let probe = seen.of("probe");
    probe.exits(0).says(&["the profile is for CPUs 0-1"]);
    let recorded = ProfileFile::read(&fs::read(RECORDED).unwrap()).unwrap();
    assert_eq!(seen.probed.profile, recorded.profile);
    assert_eq!(seen.probed.provenance.host_cpus, 2);
    assert_eq!(seen.probed.registers.len(), 8);
}

#[test]
fn a_profile_is_shown_to_a_person() {
    seen().of("show").exits(0).prints(&[
        "kernel                 6.12.",
        "CPUs                   2 of MIDR 0xf0510 REVIDR 0x0 AIDR 0x0\n",
        "PSCI                   0.2, 1.0, 1.1\n",
        "GICv3                  revision 3, accepts 2-3\n",
        "\nvCPU features sve,pauth,pmu, beyond those above\n",
    ]);
}

#[test]
fn a_host_s_own_contract_is_accepted_by_prediction_and_by_its_kernel() {
    for command in ["new", "check", "confirm", "lower"] {
        seen().of(command).exits(0);
    }
}

#[test]
fn a_guest_reads_what_it_was_promised() {
    let Seen { own, .. } = seen();
    let run = seen().of("run");
    run.exits(0);
    assert_eq!(id_registers(run), own.id_registers);
    let read = read_by_guest(run);
    assert_eq!(read["MIDR_EL1"], 0xf0510);
    assert_eq!(read["CLIDR_EL1"], own.caches.levels);
    assert_eq!(read["DCZID_EL0"], 4);
    assert_eq!(read["CNTFRQ_EL0"], 1_000_000_000);
    assert_eq!(read["PMCR_EL0"] >> 11 & 0x1f, 6);
}

#[test]
fn a_guest_is_told_of_the_performance_monitor_that_it_was_promised() {
    let compatible = b"arm,armv8-pmuv3\0";
    let ram = &seen().ram;
    assert_eq!(ram.len(), 0x80_0000);
    assert!(ram.windows(compatible.len()).any(|part| part == compatible));
}

#[test]
fn a_guest_that_was_promised_less_reads_less() {
    let run = seen().of("run lowered");
    run.exits(0);
    let isar0 = "S3_0_C0_C6_0";
    assert_eq!(read_by_guest(run)[isar0], 0x0221_1111_1021_2120);
    assert_eq!(
        read_by_guest(seen().of("run"))[isar0],
        0x1221_1111_1021_2120
    );
}

#[test]
fn what_a_host_refuses_is_named_by_prediction_kernel_and_machine() {
    let seen = seen();
    seen.of("check refused")
        .exits(1)
        .prints(&["ID_AA64ISAR0_EL1.AES"]);
    // With a profile it is 0 as long as the prediction is right.
    seen.of("confirm refused")
        .exits(0)
        .prints(&["ID_AA64ISAR0_EL1: EINVAL"]);
    seen.of("run refused").exits(125).says(&[
        "cannot make a machine under this contract: this host refuses ID_AA64ISAR0_EL1",
        "EINVAL",
        "vambrace contract check",
    ]);
}

#[test]
fn cpus_that_are_not_there_are_refused_and_those_that_are_named() {
    for command in ["probe elsewhere", "run elsewhere"] {
        let ended = seen().of(command);
        ended.exits(125).says(&["this process may run on 0-1"]);
        assert_eq!(ended.stdout, "");
    }
}
