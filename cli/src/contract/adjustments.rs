//! Changes to a contract, as they stand on a command line.
//!
//! The same type is read from `contract new`'s options and made from a verdict's remedies, so what
//! a command is told to paste is what was tried.

use vambrace_core::contract::{
    ClockPolicy, Contract, Gic, GicKind, Remedy, ServedBy, VcpuFeatures, VectorLengths,
};
use vambrace_core::cpu::{Field, IdRegister};
use vambrace_core::firmware::{Bitmap, Level, Services, Workaround};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::{PsciOptions, PsciVersion};
use vambrace_core::vendor_hyp::Implementation;
use vambrace_kvm::layout::STOLEN_TIME;

use super::words::{self, Part, number, parse_part, parse_policy, parse_service};
use crate::failure::Failure;
use crate::machine_options::parse_psci;

/// Changes to a contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(super) struct Adjustments {
    /// Lower a field of an ID register, such as ID_AA64PFR0_EL1.SVE=0; repeat it for more
    #[arg(long, value_name = "REGISTER.FIELD=VALUE", value_parser = parse_lower)]
    lower: Vec<Lower>,

    /// The PSCI version
    #[arg(long, value_name = "VERSION", value_parser = parse_psci)]
    psci: Option<PsciVersion>,

    /// What it shall be without: vCPU features, services, system-suspend, stolen-time
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_part)]
    without: Vec<Part>,

    /// Services that it shall have too
    #[arg(long, value_name = "SERVICES", value_delimiter = ',', value_parser = parse_service)]
    with: Vec<Services>,

    /// The level of a workaround, such as 3=available; levels are not-available, available,
    /// not-required
    #[arg(long, value_name = "N=LEVEL", value_parser = parse_workaround)]
    workaround: Vec<(Workaround, Level)>,

    /// The lengths of SVE vectors in bits, such as 128,256
    #[arg(long, value_name = "LENGTHS", value_parser = parse_lengths)]
    vector_lengths: Option<VectorLengths>,

    /// The number of PMU counters, the cycle counter not counted
    #[arg(long, value_name = "N")]
    pmu_counters: Option<u8>,

    /// The interrupt controller and its revision, such as v3:2
    #[arg(long, value_name = "KIND:REVISION", value_parser = parse_gic)]
    gic: Option<(GicKind, u8)>,

    /// Bits of guest-physical address
    #[arg(long, value_name = "BITS")]
    address_bits: Option<u8>,

    /// Which counters go on where they were after a move: virtual, or virtual-and-physical
    #[arg(long, value_name = "POLICY", value_parser = parse_policy)]
    counter: Option<ClockPolicy>,

    /// Tell the guest of one more kind of CPU that it may land on
    #[arg(long, value_name = "MIDR[:REVIDR[:AIDR]]", value_parser = parse_implementation)]
    implementation: Vec<Implementation>,

    /// Count stolen time, with the first vCPU's structure at ADDRESS [default: where Vambrace's
    /// machines have it]
    #[arg(
        long,
        value_name = "ADDRESS",
        value_parser = parse_address,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = OWN_STOLEN_TIME
    )]
    stolen_time: Option<Ipa>,
}

/// `--lower`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lower {
    field: Field,
    value: u64,
}

impl Adjustments {
    /// Whether nothing is to be changed.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes `contract`, which stays free of contradictions or is given up.
    pub(super) fn apply(&self, contract: &mut Contract) -> Result<(), Failure> {
        for part in &self.without {
            remove(contract, *part);
        }
        for service in &self.with {
            contract.services |= *service;
        }
        self.apply_to_firmware(contract);
        self.apply_to_board(contract);
        for Lower { field, value } in &self.lower {
            let lowered = contract.id_registers.lower(*field, *value);
            lowered.map_err(|error| Failure::new(format!("--lower {field}={value}: {error}")))?;
        }
        for implementation in &self.implementation {
            list(contract, *implementation)?;
        }
        contract.check().map_err(|contradiction| {
            Failure::new(format!(
                "with these options the contract contradicts itself: {contradiction}"
            ))
            .with_hint("change or leave out one of the options; vambrace contract new --help")
        })
    }

    fn apply_to_firmware(&self, contract: &mut Contract) {
        if let Some(version) = self.psci {
            set_psci(contract, version);
        }
        for (workaround, level) in &self.workaround {
            contract.workarounds = contract.workarounds.with(*workaround, *level);
        }
        if let Some(base) = self.stolen_time {
            contract.stolen_time = Some(base);
            contract.services |= Services::PV_TIME;
        }
    }

    fn apply_to_board(&self, contract: &mut Contract) {
        if let Some(lengths) = self.vector_lengths {
            contract.vector_lengths = lengths;
        }
        if let Some(counters) = self.pmu_counters {
            contract.pmu_counters = Some(counters);
        }
        if let Some((kind, revision)) = self.gic {
            contract.gic = Gic { kind, revision };
        }
        if let Some(bits) = self.address_bits {
            contract.address_bits = bits;
        }
        if let Some(policy) = self.counter {
            contract.counter.policy = policy;
        }
    }

    /// Takes up what would help `contract`; whether anything could be changed for it.
    pub(super) fn adopt(&mut self, remedy: Remedy, contract: &Contract) -> bool {
        match remedy {
            Remedy::LaunchWithField { field, value } => self.lower_field(field, value),
            Remedy::LaunchWithoutRegister(register) => {
                let told = |field: &Field| contract.id_registers.field(*field) != 0;
                for field in register.fields().filter(told) {
                    self.lower_field(field, 0);
                }
            }
            Remedy::LaunchWithoutFeatures(features) => self.drop_part(Part::Features(features)),
            Remedy::LaunchWithPsci(version) => self.psci = Some(version),
            Remedy::LaunchWithLevel(workaround, level) => {
                self.workaround.retain(|(known, _)| *known != workaround);
                self.workaround.push((workaround, level));
            }
            Remedy::LaunchWithServices(bitmap, bits) => self.adopt_services(bitmap, bits, contract),
            Remedy::LaunchWithVectorLengths(lengths) => self.vector_lengths = Some(lengths),
            Remedy::LaunchWithPmuCounters(counters) => self.pmu_counters = Some(counters),
            Remedy::LaunchWithGicRevision(revision) => {
                self.gic = Some((contract.gic.kind, revision));
            }
            Remedy::LaunchWithAddressBits(bits) => self.address_bits = Some(bits),
            Remedy::LaunchWithGic(kind) => self.gic = Some((kind, contract.gic.revision)),
            Remedy::LaunchWithoutSystemSuspend => self.drop_part(Part::SystemSuspend),
            Remedy::LaunchWithoutPtp => self.drop_part(Part::Services(Services::PTP)),
            Remedy::LaunchWithoutStolenTime => self.drop_part(Part::StolenTime),
            Remedy::LaunchWithVirtualCounterOnly => self.counter = Some(ClockPolicy::Virtual),
            // No option says these.
            Remedy::LaunchWithCacheLevels(_)
            | Remedy::LaunchWithCacheSize { .. }
            | Remedy::ListImplementations
            | Remedy::NewerKernel(_)
            | Remedy::OtherHardware => return false,
        }
        true
    }

    fn lower_field(&mut self, field: Field, value: u64) {
        self.lower.retain(|lower| lower.field != field);
        self.lower.push(Lower { field, value });
    }

    /// Takes up that the guest is told of one more implementation.
    pub(super) fn adopt_implementation(&mut self, implementation: Implementation) {
        if !self.implementation.contains(&implementation) {
            self.implementation.push(implementation);
        }
    }

    /// Takes back the lowering of fields that are no more than that in `contract` without the parts
    /// that go.
    pub(super) fn prune(&mut self, contract: &Contract) {
        let mut without = contract.clone();
        for part in &self.without {
            remove(&mut without, *part);
        }
        let registers = &without.id_registers;
        self.lower
            .retain(|lower| registers.field(lower.field) != lower.value);
    }

    fn adopt_services(&mut self, bitmap: Bitmap, bits: u64, contract: &Contract) {
        let has = contract.services.register(bitmap);
        let services = |bits| Services::empty().with_register(bitmap, bits);
        let known = Services::all().register(bitmap);
        for service in services(has & !bits).unwrap_or_default().iter() {
            self.drop_part(Part::Services(service));
        }
        let more = services(bits & !has & known).unwrap_or_default();
        self.with.extend(more.iter());
    }

    fn drop_part(&mut self, part: Part) {
        if !self.without.contains(&part) {
            self.without.push(part);
        }
    }

    /// The options that say the same.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut option = |name: &str, value: String| {
            arguments.extend([format!("--{name}"), value]);
        };
        let without: Vec<&str> = self.without.iter().flat_map(|part| names(*part)).collect();
        if !without.is_empty() {
            option("without", without.join(","));
        }
        let with: Services = self.with.iter().copied().collect();
        if !with.is_empty() {
            option("with", words::services(with));
        }
        if let Some(version) = self.psci {
            option("psci", version.to_string());
        }
        for (workaround, level) in &self.workaround {
            let number = words::workaround_number(*workaround);
            option("workaround", format!("{number}={level}"));
        }
        if let Some(lengths) = self.vector_lengths {
            option("vector-lengths", lengths.to_string());
        }
        if let Some(counters) = self.pmu_counters {
            option("pmu-counters", counters.to_string());
        }
        if let Some((kind, revision)) = self.gic {
            option("gic", format!("{}:{revision}", words::gic_kind(kind)));
        }
        if let Some(bits) = self.address_bits {
            option("address-bits", bits.to_string());
        }
        if let Some(policy) = self.counter {
            option("counter", words::policy(policy).into());
        }
        for Implementation { midr, revidr, aidr } in &self.implementation {
            option("implementation", format!("{midr:#x}:{revidr:#x}:{aidr:#x}"));
        }
        for Lower { field, value } in &self.lower {
            option("lower", format!("{field}={value}"));
        }
        let stolen_time = self.stolen_time.map(|base| format!("--stolen-time={base}"));
        arguments.extend(stolen_time);
        arguments
    }
}

/// Takes a part out of a contract, and what depends on it.
fn remove(contract: &mut Contract, part: Part) {
    match part {
        Part::Features(features) => remove_features(contract, features),
        Part::Services(services) => {
            contract.services -= services;
            if services.contains(Services::DISCOVER_IMPL_CPUS) {
                contract.implementations = Default::default();
            }
            if services.contains(Services::PV_TIME) {
                contract.stolen_time = None;
            }
        }
        Part::SystemSuspend => contract.psci_options -= PsciOptions::SYSTEM_SUSPEND,
        Part::StolenTime => contract.stolen_time = None,
    }
}

/// A vCPU without a feature has 0 where the feature's registers say that it is there.
fn remove_features(contract: &mut Contract, features: VcpuFeatures) {
    contract.vcpu_features -= features;
    if features.contains(VcpuFeatures::SVE) {
        contract.vector_lengths = VectorLengths::NONE;
    }
    if features.contains(VcpuFeatures::PMU) {
        contract.pmu_counters = None;
    }
    for (feature, fields) in FIELDS_OF_FEATURES {
        if !features.contains(feature) {
            continue;
        }
        for field in fields.iter().filter_map(|name| Field::named(name)) {
            let none = contract.id_registers.with(field, 0);
            contract.id_registers = none.unwrap_or(contract.id_registers);
        }
    }
    if features.contains(VcpuFeatures::SVE) {
        contract.id_registers.set(IdRegister::ID_AA64ZFR0_EL1, 0);
    }
}

/// Gives a contract a version of PSCI and the optional functions that it has with it: of KVM's own
/// firmware all that the version brought, else those that it had.
fn set_psci(contract: &mut Contract, version: PsciVersion) {
    contract.psci_version = version;
    for (option, since) in OPTIONS_SINCE {
        if version < since {
            contract.psci_options -= option;
        } else if contract.served_by == ServedBy::Kernel {
            contract.psci_options |= option & BROUGHT_BY_KVM;
        }
    }
}

/// Tells the guest of one more implementation, and of the one that it starts on.
fn list(contract: &mut Contract, implementation: Implementation) -> Result<(), Failure> {
    for told in [contract.implementation, implementation] {
        if !contract.implementations.contains(told) {
            contract.implementations.add(told).map_err(|_| {
                Failure::new("a guest can be told of 64 implementations, and these are more")
            })?;
        }
    }
    contract.services |= Services::DISCOVERY;
    Ok(())
}

fn names(part: Part) -> Vec<&'static str> {
    match part {
        Part::Features(features) => features.names().collect(),
        Part::Services(services) => words::service_names(services).collect(),
        Part::SystemSuspend => vec!["system-suspend"],
        Part::StolenTime => vec!["stolen-time"],
    }
}

fn parse_lower(text: &str) -> Result<Lower, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write it as ID_AA64PFR0_EL1.SVE=0")?;
    let field = Field::named(name).ok_or_else(|| no_field(name))?;
    let value = number(value).ok_or_else(|| format!("`{value}` is no number: 1, or 0x1"))?;
    Ok(Lower { field, value })
}

/// Tells what there is in the place of a field that is not.
fn no_field(name: &str) -> String {
    let (register, _) = name.split_once('.').unwrap_or((name, ""));
    match IdRegister::named(register) {
        Some(register) => {
            let fields: Vec<&str> = register.fields().map(Field::name).collect();
            format!("there is no `{name}`; {register} has {}", fields.join(", "))
        }
        None => format!(
            "there is no register `{register}`; write it as ID_AA64PFR0_EL1.SVE=0 \
             (vambrace contract show lists them)"
        ),
    }
}

fn parse_workaround(text: &str) -> Result<(Workaround, Level), String> {
    let parse = || {
        let (number, level) = text.split_once('=')?;
        Some((words::workaround(number)?, words::parse_level(level)?))
    };
    parse()
        .ok_or_else(|| "write 1, 2 or 3, `=`, and not-available, available or not-required".into())
}

fn parse_lengths(text: &str) -> Result<VectorLengths, String> {
    let bit = |length: &str| {
        let length = number(length)?;
        let valid = length.is_multiple_of(128) && (128..=2048).contains(&length);
        valid.then(|| 1_u16 << (length / 128 - 1))
    };
    let bits = text.split(',').map(bit).collect::<Option<Vec<_>>>();
    let bits = bits.ok_or("write multiples of 128 up to 2048, such as 128,256")?;
    Ok(VectorLengths::from_bits(
        bits.iter().fold(0, |all, bit| all | bit),
    ))
}

fn parse_gic(text: &str) -> Result<(GicKind, u8), String> {
    let parse = || {
        let (kind, revision) = text.split_once(':')?;
        let revision = u8::try_from(number(revision)?).ok()?;
        Some((words::parse_gic_kind(kind)?, revision))
    };
    parse().ok_or_else(|| "write v2 or v3, `:`, and GICD_IIDR.Revision, such as v3:2".into())
}

fn parse_implementation(text: &str) -> Result<Implementation, String> {
    let numbers: Option<Vec<u64>> = text.split(':').map(number).collect();
    match numbers.as_deref() {
        Some([midr]) => Ok([*midr, 0, 0]),
        Some([midr, revidr]) => Ok([*midr, *revidr, 0]),
        Some([midr, revidr, aidr]) => Ok([*midr, *revidr, *aidr]),
        _ => Err("write MIDR, MIDR:REVIDR or MIDR:REVIDR:AIDR, such as 0x414fd0b1:0x0".into()),
    }
    .map(|[midr, revidr, aidr]| Implementation { midr, revidr, aidr })
}

fn parse_address(text: &str) -> Result<Ipa, String> {
    if text == OWN_STOLEN_TIME {
        return Ok(STOLEN_TIME.base());
    }
    let address = number(text).filter(|address| address.is_multiple_of(64));
    address
        .map(Ipa::new)
        .ok_or_else(|| "write an address of 64 bytes' alignment, such as 0x80000000".into())
}

/// By which fields a guest sees a feature (DDI 0487, D24.2).
const FIELDS_OF_FEATURES: [(VcpuFeatures, &[&str]); 3] = [
    (VcpuFeatures::SVE, &["ID_AA64PFR0_EL1.SVE"]),
    (
        VcpuFeatures::POINTER_AUTHENTICATION,
        &[
            "ID_AA64ISAR1_EL1.APA",
            "ID_AA64ISAR1_EL1.API",
            "ID_AA64ISAR1_EL1.GPA",
            "ID_AA64ISAR1_EL1.GPI",
            "ID_AA64ISAR2_EL1.APA3",
            "ID_AA64ISAR2_EL1.GPA3",
        ],
    ),
    (
        VcpuFeatures::PMU,
        &["ID_AA64DFR0_EL1.PMUVer", "ID_DFR0_EL1.PerfMon"],
    ),
];

/// `--stolen-time` without an address.
const OWN_STOLEN_TIME: &str = "own";

/// Since when PSCI has its optional functions (DEN0022 §5.1).
const OPTIONS_SINCE: [(PsciOptions, PsciVersion); 11] = [
    (PsciOptions::CPU_FREEZE, PsciVersion::V1_0),
    (PsciOptions::CPU_DEFAULT_SUSPEND, PsciVersion::V1_0),
    (PsciOptions::NODE_HW_STATE, PsciVersion::V1_0),
    (PsciOptions::SYSTEM_SUSPEND, PsciVersion::V1_0),
    (PsciOptions::OS_INITIATED, PsciVersion::V1_0),
    (PsciOptions::STATISTICS, PsciVersion::V1_0),
    (PsciOptions::EXTENDED_STATE_ID, PsciVersion::V1_0),
    (PsciOptions::SYSTEM_RESET2, PsciVersion::V1_1),
    (PsciOptions::MEM_PROTECT, PsciVersion::V1_1),
    (PsciOptions::SYSTEM_OFF2, PsciVersion::V1_3),
    (PsciOptions::CLEAN_INV_MEMREGION, PsciVersion::V1_3),
];

/// What KVM's firmware has unasked as soon as the version has it.
const BROUGHT_BY_KVM: PsciOptions = PsciOptions::SYSTEM_RESET2.union(PsciOptions::SYSTEM_OFF2);

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::contract::samples;

    /// The options as clap sees them.
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        adjustments: Adjustments,
    }

    fn adjustments(words: &[&str]) -> Adjustments {
        let words = ["new"].iter().chain(words);
        Line::parse_from(words).adjustments
    }

    fn adjusted(words: &[&str]) -> Contract {
        let mut contract = samples::contract();
        adjustments(words).apply(&mut contract).unwrap();
        contract
    }

    fn refused(words: &[&str]) -> String {
        let mut contract = samples::contract();
        match adjustments(words).apply(&mut contract).unwrap_err() {
            Failure::Other { message, .. } => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_are_told_as_they_are_written() {
        let words = [
            "--without",
            "sve,trng,system-suspend",
            "--with",
            "pv-time",
            "--psci",
            "1.1",
            "--workaround",
            "3=available",
            "--vector-lengths",
            "128,256",
            "--pmu-counters",
            "4",
            "--gic",
            "v3:2",
            "--address-bits",
            "36",
            "--counter",
            "virtual",
            "--implementation",
            "0x414fd0b1:0x0:0x0",
            "--lower",
            "ID_AA64PFR0_EL1.SVE=0",
            "--stolen-time=0x80000000",
        ];
        assert_eq!(adjustments(&words).arguments(), words);
        assert!(Adjustments::default().arguments().is_empty());
    }

    #[test]
    fn a_field_is_lowered_and_never_raised() {
        let dot_product = Field::named("ID_AA64ISAR0_EL1.DP").unwrap();
        assert_eq!(samples::contract().id_registers.field(dot_product), 1);
        let lowered = adjusted(&["--lower", "ID_AA64ISAR0_EL1.DP=0"]);
        assert_eq!(lowered.id_registers.field(dot_product), 0);
        let raised = refused(&["--lower", "ID_AA64ISAR0_EL1.DP=2"]);
        assert!(
            raised.starts_with(
                "--lower ID_AA64ISAR0_EL1.DP=2: ID_AA64ISAR0_EL1.DP cannot be lowered from 1 (IMP)"
            ),
            "{raised}"
        );
    }

    #[test]
    fn a_field_that_is_not_there_is_told_with_those_that_are() {
        let refused = parse_lower("ID_AA64PFR1_EL1.SVE=0").unwrap_err();
        assert!(
            refused.contains("MTE") && refused.contains("SSBS"),
            "{refused}"
        );
        assert!(parse_lower("SVE=0").unwrap_err().contains("no register"));
        assert!(parse_lower("ID_AA64PFR0_EL1.SVE").is_err());
        assert!(parse_lower("ID_AA64PFR0_EL1.SVE=x").is_err());
    }

    #[test]
    fn an_older_psci_has_no_function_that_came_later() {
        let options = |version| adjusted(&["--psci", version]).psci_options;
        assert_eq!(options("0.2"), PsciOptions::empty());
        assert_eq!(options("1.0"), PsciOptions::SYSTEM_SUSPEND);
        assert_eq!(
            options("1.1"),
            PsciOptions::SYSTEM_SUSPEND | PsciOptions::SYSTEM_RESET2
        );
    }

    #[test]
    fn a_list_of_implementations_names_the_one_that_the_guest_starts_on() {
        let contract = adjusted(&["--implementation", "0x413fd0c1"]);
        let midrs: Vec<u64> = contract
            .implementations
            .iter()
            .map(|told| told.midr)
            .collect();
        assert_eq!(midrs, [0x414f_d0b1, 0x413f_d0c1]);
        assert!(contract.services.contains(Services::DISCOVER_IMPL_CPUS));
        let mut without = contract;
        let words = ["--without", "discover-impl-version,discover-impl-cpus"];
        adjustments(&words).apply(&mut without).unwrap();
        assert!(without.implementations.is_empty());
    }

    #[test]
    fn a_feature_goes_with_the_fields_that_tell_of_it() {
        for (_, fields) in FIELDS_OF_FEATURES {
            for field in fields {
                assert!(Field::named(field).is_some(), "{field}");
            }
        }
        let mut contract = samples::contract_with_sve();
        let sve = Field::named("ID_AA64PFR0_EL1.SVE").unwrap();
        assert_eq!(contract.id_registers.field(sve), 1);
        adjustments(&["--without", "sve"])
            .apply(&mut contract)
            .unwrap();
        assert_eq!(contract.id_registers.field(sve), 0);
        assert_eq!(contract.vcpu_features, VcpuFeatures::empty());
        assert!(contract.vector_lengths.is_empty());
    }

    #[test]
    fn stolen_time_lies_where_our_machines_have_it_unless_told_otherwise() {
        let own = adjusted(&["--stolen-time"]).stolen_time;
        assert_eq!(own, Some(STOLEN_TIME.base()));
        let other = adjusted(&["--stolen-time=0x80000000"]);
        assert_eq!(other.stolen_time, Some(Ipa::new(0x8000_0000)));
        assert!(other.services.contains(Services::PV_TIME));
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let refused = refused(&["--pmu-counters", "4"]);
        assert!(
            refused.contains("a PMU among the vCPU features"),
            "{refused}"
        );
    }

    #[test]
    fn remedies_become_options() {
        let mut contract = samples::contract();
        contract.services -= Services::PV_TIME;
        let mut adjustments = Adjustments::default();
        let field = Field::named("ID_AA64ISAR0_EL1.DP").unwrap();
        for (remedy, adopted) in [
            (Remedy::LaunchWithField { field, value: 0 }, true),
            (Remedy::LaunchWithPsci(PsciVersion::V1_0), true),
            (Remedy::LaunchWithServices(Bitmap::Standard, 0), true),
            (
                Remedy::LaunchWithServices(Bitmap::StandardHypervisor, 1),
                true,
            ),
            (Remedy::OtherHardware, false),
        ] {
            assert_eq!(adjustments.adopt(remedy, &contract), adopted, "{remedy:?}");
        }
        assert_eq!(
            adjustments.arguments().join(" "),
            "--without trng --with pv-time --psci 1.0 --lower ID_AA64ISAR0_EL1.DP=0"
        );
    }
}
