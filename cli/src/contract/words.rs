//! The words of the command line for what a contract can promise: those of contract files.

use vambrace_core::contract::{ClockPolicy, GicKind, ServedBy, VcpuFeatures};
use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Services, Workaround};
use vambrace_formats::words::{CLOCK_POLICIES, DIALECTS, GIC_KINDS, LEVELS, SERVICES, value, word};

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
    match (text, VcpuFeatures::named(text), value(text, &SERVICES)) {
        ("system-suspend", ..) => Ok(Part::SystemSuspend),
        ("stolen-time", ..) => Ok(Part::StolenTime),
        (_, Some(feature), _) => Ok(Part::Features(feature)),
        (.., Some(service)) => Ok(Part::Services(service)),
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
    value(text, &SERVICES).ok_or_else(|| {
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
        _ => text
            .strip_prefix("core:")
            .and_then(|name| value(name, &DIALECTS)),
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
        ServedBy::Core(dialect) => format!("core:{}", word(dialect, &DIALECTS)),
    }
}

/// Reads the name of a counter policy.
pub(super) fn parse_policy(text: &str) -> Result<ClockPolicy, String> {
    value(text, &CLOCK_POLICIES).ok_or_else(|| "write virtual or virtual-and-physical".into())
}

/// The name of a counter policy.
pub(super) fn policy(policy: ClockPolicy) -> &'static str {
    word(policy, &CLOCK_POLICIES)
}

/// Reads `v2` or `v3`.
pub(super) fn parse_gic_kind(text: &str) -> Option<GicKind> {
    value(text, &GIC_KINDS)
}

/// `v2` or `v3`.
pub(super) fn gic_kind(kind: GicKind) -> &'static str {
    word(kind, &GIC_KINDS)
}

/// Reads a level of a workaround.
pub(super) fn parse_level(text: &str) -> Option<Level> {
    value(text, &LEVELS)
}

/// The workaround of a number.
pub(super) fn workaround(number: &str) -> Option<Workaround> {
    value(number, &WORKAROUNDS)
}

/// The number of a workaround.
pub(super) fn workaround_number(workaround: Workaround) -> &'static str {
    word(workaround, &WORKAROUNDS)
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

#[cfg(test)]
mod tests {
    use super::*;

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
