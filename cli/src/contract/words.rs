//! The words of the command line for what a contract can promise: those of contract files.

use vambrace_core::contract::{ClockPolicy, GicKind, ServedBy, VcpuFeatures};
use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Services, Workaround};

/// Something that a contract can be without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// vCPU features.
    Features(VcpuFeatures),
    /// Services.
    Services(Services),
    /// SYSTEM_SUSPEND.
    SystemSuspend,
    /// The structure of stolen time.
    StolenTime,
}

/// Reads the name of something that a contract can be without.
pub(super) fn parse_part(text: &str) -> Result<Part, String> {
    let service = SERVICES.iter().find(|(name, _)| *name == text);
    match (text, VcpuFeatures::named(text), service) {
        ("system-suspend", ..) => Ok(Part::SystemSuspend),
        ("stolen-time", ..) => Ok(Part::StolenTime),
        (_, Some(feature), _) => Ok(Part::Features(feature)),
        (.., Some((_, service))) => Ok(Part::Services(*service)),
        (_, None, None) => {
            let features = VcpuFeatures::all().names();
            let all: Vec<&str> = features
                .chain(SERVICES.iter().map(|(name, _)| *name))
                .chain(["system-suspend", "stolen-time"])
                .collect();
            Err(format!("there are {}", all.join(", ")))
        }
    }
}

/// Reads the name of a service.
pub(super) fn parse_service(text: &str) -> Result<Services, String> {
    let service = SERVICES.iter().find(|(name, _)| *name == text);
    service.map(|(_, service)| *service).ok_or_else(|| {
        let all: Vec<&str> = SERVICES.iter().map(|(name, _)| *name).collect();
        format!("there are {}", all.join(", "))
    })
}

/// The names of the services.
pub(super) fn service_names(services: Services) -> impl Iterator<Item = &'static str> {
    SERVICES
        .into_iter()
        .filter(move |(_, service)| services.contains(*service))
        .map(|(name, _)| name)
}

/// The names of the services behind commas; `none` if there is none.
pub(crate) fn services(services: Services) -> String {
    or_none(service_names(services).collect::<Vec<_>>().join(","))
}

/// Reads `kernel`, `core` or `core:DIALECT`.
pub(super) fn parse_served_by(text: &str) -> Result<ServedBy, String> {
    let dialect = match text {
        "kernel" => return Ok(ServedBy::Kernel),
        "core" => Some(NEWEST_DIALECT),
        _ => text.strip_prefix("core:").and_then(|name| {
            let found = DIALECTS.iter().find(|(known, _)| *known == name)?;
            Some(found.1)
        }),
    };
    dialect.map(ServedBy::Core).ok_or_else(|| {
        let dialects = DIALECTS.map(|(name, _)| name).join(", ");
        format!("write kernel, core or core:DIALECT; dialects are {dialects}")
    })
}

/// Who serves, as on the command line.
pub(super) fn served_by(served_by: ServedBy) -> String {
    match served_by {
        ServedBy::Kernel => "kernel".into(),
        ServedBy::Core(dialect) => {
            let name = DIALECTS.iter().find(|(_, known)| *known == dialect);
            format!("core:{}", name.map_or("?", |(name, _)| name))
        }
    }
}

/// Reads the name of a counter policy.
pub(super) fn parse_policy(text: &str) -> Result<ClockPolicy, String> {
    let policy = POLICIES.iter().find(|(name, _)| *name == text);
    policy
        .map(|(_, policy)| *policy)
        .ok_or_else(|| "write virtual or virtual-and-physical".into())
}

/// The name of a counter policy.
pub(super) fn policy(policy: ClockPolicy) -> &'static str {
    let name = POLICIES.iter().find(|(_, known)| *known == policy);
    name.map_or("?", |(name, _)| name)
}

/// Reads `v2` or `v3`.
pub(super) fn parse_gic_kind(text: &str) -> Option<GicKind> {
    match text {
        "v2" => Some(GicKind::V2),
        "v3" => Some(GicKind::V3),
        _ => None,
    }
}

/// `v2` or `v3`.
pub(super) const fn gic_kind(kind: GicKind) -> &'static str {
    match kind {
        GicKind::V2 => "v2",
        GicKind::V3 => "v3",
    }
}

/// Reads a level of a workaround.
pub(super) fn parse_level(text: &str) -> Option<Level> {
    [Level::NotAvailable, Level::Available, Level::NotRequired]
        .into_iter()
        .find(|level| level.to_string() == text)
}

/// The workaround of a number.
pub(super) fn workaround(number: &str) -> Option<Workaround> {
    let workaround = WORKAROUNDS.iter().find(|(name, _)| *name == number);
    workaround.map(|(_, workaround)| *workaround)
}

/// The number of a workaround.
pub(super) fn workaround_number(workaround: Workaround) -> &'static str {
    let number = WORKAROUNDS.iter().find(|(_, known)| *known == workaround);
    number.map_or("?", |(number, _)| number)
}

/// Reads a number, decimal or hexadecimal.
pub(super) fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, radix).ok())?
}

/// The text, or `none` for the empty one.
pub(crate) fn or_none(text: String) -> String {
    match text.is_empty() {
        true => "none".into(),
        false => text,
    }
}

/// Those whose level a contract can promise.
pub(super) const WORKAROUNDS: [(&str, Workaround); 3] = [
    ("1", Workaround::One),
    ("2", Workaround::Two),
    ("3", Workaround::Three),
];

/// What core speaks unless told otherwise: all that any KVM answers.
pub(super) const NEWEST_DIALECT: Dialect = Dialect::Kvm(KvmGeneration::V7_3);

const SERVICES: [(&str, Services); 6] = [
    ("trng", Services::TRNG),
    ("pv-time", Services::PV_TIME),
    ("vendor-hyp", Services::VENDOR_FEATURES),
    ("ptp", Services::PTP),
    ("discover-impl-version", Services::DISCOVER_IMPL_VERSION),
    ("discover-impl-cpus", Services::DISCOVER_IMPL_CPUS),
];

const DIALECTS: [(&str, Dialect); 5] = [
    ("spec", Dialect::Specification),
    ("kvm-5.10", Dialect::Kvm(KvmGeneration::V5_10)),
    ("kvm-6.1", Dialect::Kvm(KvmGeneration::V6_1)),
    ("kvm-6.12", Dialect::Kvm(KvmGeneration::V6_12)),
    ("kvm-7.3", Dialect::Kvm(KvmGeneration::V7_3)),
];

const POLICIES: [(&str, ClockPolicy); 2] = [
    ("virtual", ClockPolicy::Virtual),
    ("virtual-and-physical", ClockPolicy::VirtualAndPhysical),
];

#[cfg(test)]
mod tests {
    use vambrace_formats::contract::to_toml;

    use super::*;
    use crate::contract::samples;

    #[test]
    fn the_words_are_those_of_contract_files() {
        let mut contract = samples::contract();
        let mut written = |change: &dyn Fn(&mut vambrace_core::contract::Contract)| {
            change(&mut contract);
            to_toml(&contract)
        };
        for (name, service) in SERVICES {
            let text = written(&|contract| contract.services = service);
            assert!(text.contains(&format!("answered = [\"{name}\"]")), "{name}");
        }
        for (name, dialect) in DIALECTS {
            let text = written(&|contract| contract.served_by = ServedBy::Core(dialect));
            assert!(text.contains(&format!("dialect = \"{name}\"")), "{name}");
        }
        for (name, policy) in POLICIES {
            let text = written(&|contract| contract.counter.policy = policy);
            assert!(text.contains(&format!("policy = \"{name}\"")), "{name}");
        }
        for kind in [GicKind::V2, GicKind::V3] {
            let text = written(&|contract| contract.gic.kind = kind);
            let name = gic_kind(kind);
            assert!(text.contains(&format!("kind = \"{name}\"")), "{name}");
        }
    }

    #[test]
    fn a_word_is_read_as_it_is_written() {
        for text in ["kernel", "core:spec", "core:kvm-6.12"] {
            assert_eq!(served_by(parse_served_by(text).unwrap()), text);
        }
        assert_eq!(parse_served_by("core"), parse_served_by("core:kvm-7.3"));
        assert!(
            parse_served_by("core:xen")
                .unwrap_err()
                .contains("kvm-5.10")
        );
        assert_eq!(services(Services::TRNG | Services::PTP), "trng,ptp");
        assert_eq!(services(Services::empty()), "none");
    }

    #[test]
    fn parts_are_features_services_and_what_has_a_name_of_its_own() {
        assert_eq!(parse_part("sve"), Ok(Part::Features(VcpuFeatures::SVE)));
        assert_eq!(parse_part("trng"), Ok(Part::Services(Services::TRNG)));
        assert_eq!(parse_part("system-suspend"), Ok(Part::SystemSuspend));
        assert_eq!(parse_part("stolen-time"), Ok(Part::StolenTime));
        assert!(parse_part("mte").unwrap_err().contains("pauth"));
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(number("10"), Some(10));
        assert_eq!(number("0x10"), Some(16));
        for wrong in ["", "0x", "-1", "+1", "0x+1", "1_0", "99999999999999999999"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
