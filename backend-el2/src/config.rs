//! What the machine is to be, in the words of the board's bootargs.
//!
//! Words `key=value` with spaces between them; what stands behind `--` is the guest's own. An
//! unknown word is an error, never skipped: a guest must not run with a promise that was not
//! understood. Without a word the machine is the least that the specification has.
//!
//! | word | meaning | without it |
//! |---|---|---|
//! | `vcpus=2` | how many, 1 to 8 | as many as the board has CPUs |
//! | `memory=128M` | the guest's RAM, in steps of 2 MiB | `128M` |
//! | `dialect=kvm-6.12` | whose answers: `spec`, or one generation of KVM's | `spec` |
//! | `psci=1.1` | the PSCI version | the dialect's newest |
//! | `smccc=1.2` | the version of the calling convention | `1.1` |
//! | `with=trng,ptp` | services and optional functions, by name: these and no others | `system-reset2,system-off2` |
//! | `implementations=410fd0c1:0:0` | what DISCOVER_IMPL_CPUS lists: MIDR, REVIDR and AIDR in hexadecimal, the next behind a comma | the CPU itself |
//! | `workaround-1=not-required` | likewise 2, 3, 4: `not-available`, `available` | `not-available` |
//! | `soc-id=43b0:1:Board` | SMCCC_ARCH_SOC_ID: version and revision in hexadecimal, perhaps a name | none |
//! | `probe` | no guest: tell what the CPU has, and end | a guest |
//! | `max-resets=3` | reboots before the guest counts as crashed | 3 |

use core::fmt;

use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Services, Workaround, Workarounds};
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::{Migration, PsciOptions, PsciVersion, TrustedOs};
use vambrace_core::smccc::{ExecutionState, SmcccVersion, SocId};
use vambrace_core::vcpu::VcpuId;
use vambrace_core::vendor_hyp::{Implementation, Implementations};
use vambrace_core::{ConfigError, VmConfig};

use crate::layout::{MAX_CPUS, STOLEN_TIME, mpidr};

/// A machine as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config<'a> {
    /// How many vCPUs, if that was said.
    pub vcpus: Option<usize>,
    /// The guest's RAM in bytes.
    pub memory: u64,
    /// How often it may reboot.
    pub max_resets: u32,
    /// What it is for.
    pub task: Task,
    /// What stands behind `--`.
    pub guest_arguments: Option<&'a str>,
    dialect: Dialect,
    psci: Option<PsciVersion>,
    smccc: SmcccVersion,
    options: PsciOptions,
    services: Services,
    stolen_time: Presence,
    trusted_os: Presence,
    implementations: Implementations,
    workarounds: Workarounds,
    soc_id: Option<SocId>,
}

/// What a boot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Running a guest.
    Run,
    /// Telling what the CPU has.
    Probe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Present,
    Absent,
}

/// What of a machine is known only when it is made.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// How many vCPUs.
    pub vcpus: usize,
    /// Its RAM.
    pub ram: RamRange,
    /// Where its first vCPU begins.
    pub entry: Ipa,
    /// Where its device tree is.
    pub device_tree: Ipa,
    /// What its code is made for.
    pub execution_state: ExecutionState,
    /// The CPU that it runs on.
    pub implementation: Implementation,
}

/// A word of the bootargs that cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadWord<'a> {
    /// The word.
    pub word: &'a str,
    /// What could have stood there.
    pub expected: &'static str,
}

/// Core's machine.
pub type Vm = vambrace_core::Vm<MAX_CPUS>;

impl<'a> Config<'a> {
    /// Reads the bootargs.
    ///
    /// # Errors
    ///
    /// The first word that is not understood.
    pub fn parse(bootargs: &'a str) -> Result<Self, BadWord<'a>> {
        let mut config = Self::least();
        let mut rest = bootargs.trim_ascii();
        while !rest.is_empty() {
            let blank = |character: char| character.is_ascii_whitespace();
            let (word, behind) = rest.split_once(blank).unwrap_or((rest, ""));
            rest = behind.trim_ascii_start();
            if word == THE_REST_IS_THE_GUESTS {
                config.guest_arguments = Some(rest).filter(|arguments| !arguments.is_empty());
                break;
            }
            config
                .take(word)
                .map_err(|expected| BadWord { word, expected })?;
        }
        Ok(config)
    }

    fn least() -> Self {
        Self {
            vcpus: None,
            memory: 128 << 20,
            max_resets: 3,
            task: Task::Run,
            guest_arguments: None,
            dialect: Dialect::Specification,
            psci: None,
            smccc: SmcccVersion::V1_1,
            options: PsciOptions::SYSTEM_RESET2.union(PsciOptions::SYSTEM_OFF2),
            services: Services::empty(),
            stolen_time: Presence::Absent,
            trusted_os: Presence::Absent,
            implementations: Implementations::new(),
            workarounds: Workarounds::NONE,
            soc_id: None,
        }
    }

    /// Follows one word; says what could have stood there if it cannot.
    fn take(&mut self, word: &str) -> Result<(), &'static str> {
        if word == "probe" {
            self.task = Task::Probe;
            return Ok(());
        }
        let (key, value) = word.split_once('=').ok_or("key=value")?;
        match key {
            "vcpus" => {
                let vcpus = value
                    .parse()
                    .ok()
                    .filter(|vcpus| (1..=MAX_CPUS).contains(vcpus));
                self.vcpus = Some(vcpus.ok_or("a number from 1 to 8")?);
            }
            "memory" => self.memory = size(value).ok_or("a multiple of 2M, such as 128M or 1G")?,
            "max-resets" => self.max_resets = value.parse().map_err(|_| "a number")?,
            "dialect" => self.dialect = dialect(value).ok_or("spec, kvm-5.10 or later")?,
            "psci" => self.psci = Some(psci(value).ok_or("0.1, 0.2, or 1.0 to 1.3")?),
            "smccc" => self.smccc = smccc(value).ok_or("1.0 to 1.6")?,
            "with" => self.with(value)?,
            "implementations" => {
                let list = implementations(value).ok_or("midr:revidr:aidr, up to 64 of them")?;
                self.implementations = list;
            }
            "soc-id" => self.soc_id = Some(soc_id(value).ok_or("version:revision[:name]")?),
            _ => {
                let workaround = workaround(key).ok_or("a word that this program knows")?;
                let level = level(value).ok_or("not-available, available or not-required")?;
                self.workarounds = self.workarounds.with(workaround, level);
            }
        }
        Ok(())
    }

    fn with(&mut self, names: &str) -> Result<(), &'static str> {
        self.options = PsciOptions::empty();
        for name in names.split(',') {
            match name {
                "none" => {}
                "migrate" => self.trusted_os = Presence::Present,
                "stolen-time" => self.stolen_time = Presence::Present,
                _ => {
                    let (_, part) = NAMES
                        .iter()
                        .find(|(known, _)| *known == name)
                        .ok_or("names of services and options, such as trng,statistics")?;
                    match part {
                        Part::Option(option) => self.options |= *option,
                        Part::Service(service) => self.services |= *service,
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a call of the guest's has to mitigate Spectre variant 2.
    #[must_use]
    pub fn promises_mitigation(&self) -> bool {
        self.workarounds.level(Workaround::One) == Level::Available
    }

    /// Core's machine, and its vCPUs in the order of the CPUs that they are pinned to.
    ///
    /// # Errors
    ///
    /// Core's: what was asked for does not go together.
    pub fn machine(
        &self,
        surroundings: &Surroundings,
    ) -> Result<(Vm, heapless::Vec<VcpuId, MAX_CPUS>), ConfigError> {
        let mut implementations = self.implementations.clone();
        if implementations.is_empty() {
            // An empty list has room for one.
            let _ = implementations.add(surroundings.implementation);
        }
        let mut core = VmConfig::new()
            .with_dialect(self.dialect)
            .with_psci_version(self.psci.unwrap_or(self.dialect.newest_psci()))
            .with_psci_options(self.options)
            .with_smccc_version(self.smccc)
            .with_services(self.services)
            .with_workarounds(self.workarounds)
            .with_implementations(implementations)
            .with_execution_state(surroundings.execution_state);
        core.add_ram(surroundings.ram)?;
        let mut vcpus = heapless::Vec::new();
        for index in 0..surroundings.vcpus {
            let vcpu = core.add_vcpu(mpidr(index))?;
            // Core has refused what is too many.
            let _ = vcpus.push(vcpu);
        }
        let boot = *vcpus
            .first()
            .ok_or(ConfigError::TooManyVcpus { most: MAX_CPUS })?;
        if let Some(soc_id) = &self.soc_id {
            core = core.with_soc_id(soc_id.clone());
        }
        if self.has_stolen_time() {
            core = core.with_pv_time(Ipa::new(STOLEN_TIME.start()));
        }
        if self.trusted_os == Presence::Present {
            let (resident, migration) = (boot, Migration::Capable);
            core = core.with_trusted_os(TrustedOs {
                resident,
                migration,
            });
        }
        let vm = core.freeze(boot, surroundings.entry, surroundings.device_tree.value())?;
        Ok((vm, vcpus))
    }

    /// Whether the guest is to have structures of stolen time.
    #[must_use]
    pub fn has_stolen_time(&self) -> bool {
        self.stolen_time == Presence::Present
    }

    /// The PSCI version that the guest is told.
    #[must_use]
    pub fn psci_version(&self) -> PsciVersion {
        self.psci.unwrap_or(self.dialect.newest_psci())
    }
}

impl fmt::Display for BadWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { word, expected } = self;
        write!(f, "bootargs: cannot follow `{word}`: expected {expected}")
    }
}

/// A number of bytes with K, M or G, of whole blocks of stage 2.
fn size(text: &str) -> Option<u64> {
    let (number, shift) = [('K', 10), ('M', 20), ('G', 30)]
        .into_iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
    let bytes = number.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    (bytes > 0 && bytes.is_multiple_of(2 << 20)).then_some(bytes)
}

fn dialect(text: &str) -> Option<Dialect> {
    if text == "spec" {
        return Some(Dialect::Specification);
    }
    let (major, minor) = text.strip_prefix("kvm-")?.split_once('.')?;
    let generation = KvmGeneration::of_release(major.parse().ok()?, minor.parse().ok()?);
    Some(Dialect::Kvm(generation))
}

fn psci(text: &str) -> Option<PsciVersion> {
    version(text).and_then(PsciVersion::from_value)
}

fn smccc(text: &str) -> Option<SmcccVersion> {
    version(text).and_then(SmcccVersion::from_value)
}

/// The wire value of `major.minor`.
fn version(text: &str) -> Option<u32> {
    let (major, minor) = text.split_once('.')?;
    let (major, minor): (u16, u16) = (major.parse().ok()?, minor.parse().ok()?);
    Some(u32::from(major) << 16 | u32::from(minor))
}

fn workaround(key: &str) -> Option<Workaround> {
    match key {
        "workaround-1" => Some(Workaround::One),
        "workaround-2" => Some(Workaround::Two),
        "workaround-3" => Some(Workaround::Three),
        "workaround-4" => Some(Workaround::Four),
        _ => None,
    }
}

fn level(text: &str) -> Option<Level> {
    match text {
        "not-available" => Some(Level::NotAvailable),
        "available" => Some(Level::Available),
        "not-required" => Some(Level::NotRequired),
        _ => None,
    }
}

fn implementations(text: &str) -> Option<Implementations> {
    let mut list = Implementations::new();
    for each in text.split(',') {
        let mut parts = each.split(':');
        let mut part = || u64::from_str_radix(parts.next()?, 16).ok();
        let implementation = Implementation {
            midr: part()?,
            revidr: part()?,
            aidr: part()?,
        };
        if parts.next().is_some() {
            return None;
        }
        list.add(implementation).ok()?;
    }
    Some(list)
}

fn soc_id(text: &str) -> Option<SocId> {
    let mut parts = text.splitn(3, ':');
    let mut word = || u32::from_str_radix(parts.next()?, 16).ok();
    let soc = SocId::new(word()?, word()?)?;
    match parts.next() {
        Some(name) => soc.with_name(name),
        None => Some(soc),
    }
}

/// The last word that is ours.
const THE_REST_IS_THE_GUESTS: &str = "--";

/// What a name of `with=` stands for.
#[derive(Debug, Clone, Copy)]
enum Part {
    Option(PsciOptions),
    Service(Services),
}

const fn option(name: &str, option: PsciOptions) -> (&str, Part) {
    (name, Part::Option(option))
}

const fn service(name: &str, service: Services) -> (&str, Part) {
    (name, Part::Service(service))
}

/// The words of a contract's file.
const NAMES: [(&str, Part); 17] = [
    option("cpu-freeze", PsciOptions::CPU_FREEZE),
    option("default-suspend", PsciOptions::CPU_DEFAULT_SUSPEND),
    option("node-hw-state", PsciOptions::NODE_HW_STATE),
    option("system-suspend", PsciOptions::SYSTEM_SUSPEND),
    option("suspend-mode", PsciOptions::OS_INITIATED),
    option("statistics", PsciOptions::STATISTICS),
    option("system-reset2", PsciOptions::SYSTEM_RESET2),
    option("mem-protect", PsciOptions::MEM_PROTECT),
    option("system-off2", PsciOptions::SYSTEM_OFF2),
    option("clean-inv-memregion", PsciOptions::CLEAN_INV_MEMREGION),
    option("extended-state-id", PsciOptions::EXTENDED_STATE_ID),
    service("trng", Services::TRNG),
    service("pv-time", Services::PV_TIME),
    service("vendor-hyp", Services::VENDOR_FEATURES),
    service("ptp", Services::PTP),
    service("discover-impl-version", Services::DISCOVER_IMPL_VERSION),
    service("discover-impl-cpus", Services::DISCOVER_IMPL_CPUS),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn made(bootargs: &str) -> Result<(Vm, usize), ConfigError> {
        let config = Config::parse(bootargs).unwrap();
        let surroundings = Surroundings {
            vcpus: config.vcpus.unwrap_or(2),
            ram: RamRange::new(Ipa::new(0x4000_0000), config.memory).unwrap(),
            entry: Ipa::new(0x4020_0000),
            device_tree: Ipa::new(0x4000_0000),
            execution_state: ExecutionState::Aarch64,
            implementation: Implementation {
                midr: 0x410f_d0c1,
                revidr: 0,
                aidr: 0,
            },
        };
        config
            .machine(&surroundings)
            .map(|(vm, vcpus)| (vm, vcpus.len()))
    }

    #[test]
    fn without_words_the_machine_is_the_least_there_is() {
        let config = Config::parse("").unwrap();
        assert_eq!(config, Config::least());
        assert_eq!((config.memory, config.max_resets), (0x800_0000, 3));
        assert_eq!(config.psci_version().value(), 0x1_0003);
    }

    #[test]
    fn every_word_of_the_table_is_followed() {
        let config = Config::parse(
            "vcpus=4 memory=64M dialect=kvm-6.12 psci=1.0 max-resets=7 with=trng,ptp \
             workaround-1=available workaround-2=not-required -- quiet root=/dev/vda",
        )
        .unwrap();
        assert_eq!((config.vcpus, config.memory), (Some(4), 0x400_0000));
        assert_eq!(config.dialect, Dialect::Kvm(KvmGeneration::V6_12));
        assert_eq!(config.psci_version().value(), 0x1_0000);
        assert_eq!(config.max_resets, 7);
        assert_eq!(config.services, Services::TRNG | Services::PTP);
        assert_eq!(config.workarounds.level(Workaround::One), Level::Available);
        assert_eq!(
            config.workarounds.level(Workaround::Two),
            Level::NotRequired
        );
        assert_eq!(config.guest_arguments, Some("quiet root=/dev/vda"));
    }

    #[test]
    fn what_stands_behind_two_dashes_is_the_guests() {
        let arguments = |bootargs| {
            let config = Config::parse(bootargs).unwrap();
            (config.vcpus, config.guest_arguments)
        };
        assert_eq!(arguments("vcpus=1 -- a  -- b "), (Some(1), Some("a  -- b")));
        assert_eq!(arguments("-- vcpus=1"), (None, Some("vcpus=1")));
        assert_eq!(arguments("  vcpus=1\t--"), (Some(1), None));
    }

    #[test]
    fn a_word_that_is_not_understood_is_named_with_what_is() {
        for word in [
            "vcpus",
            "vcpus=9",
            "vcpus=0",
            "memory=3M",
            "memory=0M",
            "memory=128",
            "memory=99999999999G",
            "psci=2.0",
            "smccc=1.7",
            "dialect=xen",
            "with=trgn",
            "with=",
            "implementations=",
            "implementations=410fd0c1:0",
            "implementations=410fd0c1:0:0:0",
            "implementations=410fd0c1:0:0,",
            "workaround-5=available",
            "workaround-1=yes",
            "soc-id=1",
            "soc-id=80000000:0",
            "quiet",
        ] {
            let mut line = String::from("vcpus=1 ");
            line.push_str(word);
            let bad = Config::parse(&line).unwrap_err();
            assert_eq!(bad.word, word);
            assert!(bad.to_string().contains(word));
        }
    }

    #[test]
    fn every_name_makes_a_machine_of_the_specifications() {
        let names = NAMES.map(|(name, _)| name);
        for name in names.into_iter().chain(["migrate", "stolen-time", "none"]) {
            let (_, vcpus) = made(&format!("with={name}")).unwrap();
            assert_eq!(vcpus, 2, "{name}");
        }
    }

    #[test]
    fn what_is_named_is_all_there_is() {
        let parsed = |words| Config::parse(words).unwrap();
        let options = PsciOptions::SYSTEM_RESET2 | PsciOptions::SYSTEM_OFF2;
        assert_eq!(parsed("").options, options);
        assert_eq!(parsed("with=trng").options, PsciOptions::empty());
        let none = parsed("with=none");
        assert_eq!((none.options, none.services), <_>::default());
        // The structure of stolen time is one thing, the service that tells of it another.
        assert!(!parsed("with=pv-time").has_stolen_time());
        assert!(parsed("with=pv-time,stolen-time").has_stolen_time());
    }

    #[test]
    fn implementations_are_listed_in_the_order_of_their_words() {
        let config = Config::parse("implementations=410fd0c1:0:0,461f0010:1:2").unwrap();
        let listed: Vec<_> = config.implementations.iter().collect();
        let [first, second] = listed[..] else {
            panic!("{listed:?}");
        };
        assert_eq!((first.midr, second.midr), (0x410f_d0c1, 0x461f_0010));
        assert_eq!((second.revidr, second.aidr), (1, 2));
    }

    #[test]
    fn what_a_dialect_does_not_have_is_refused_by_core() {
        assert!(made("dialect=kvm-6.12 psci=1.3").is_err());
        assert!(made("dialect=kvm-6.12 smccc=1.2").is_err());
        assert!(made("dialect=kvm-6.12 with=statistics psci=1.1").is_err());
        assert!(made("dialect=kvm-6.12 psci=1.1").is_ok());
        assert!(made("smccc=1.6 soc-id=43b0001:2:Vambrace").is_ok());
    }
}
