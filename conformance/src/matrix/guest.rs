//! What a guest reads, against what a profile or a contract says it reads.

use std::collections::BTreeMap;

use vambrace_core::contract::{Caches, ClockPolicy, Contract, HostProfile, VcpuFeatures};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
use vambrace_core::vendor_hyp::Implementation;

use super::prediction::Disagreement;
use super::question::Differs;

/// Values by the names that the guest prints.
pub(super) type Sightings = BTreeMap<String, u64>;

/// What a machine that is promised nothing is to see on this host.
#[must_use]
pub(super) fn of_profile(host: &HostProfile) -> Sightings {
    let mut expected = Sightings::new();
    implementation(&mut expected, host.implementation);
    caches(&mut expected, &host.caches.host);
    expected.insert(DCZID.into(), host.zero_block.into());
    expected.insert(CNTFRQ.into(), host.counter_frequency.into());
    if let Some(view) = host.view(VcpuFeatures::empty()) {
        id_registers(&mut expected, &view.registers);
    }
    expected
}

/// What a guest of this contract is to see on a host that is known to change this of it.
#[must_use]
pub(super) fn of_contract<'a>(
    contract: &Contract,
    changed: impl Iterator<Item = &'a Differs>,
) -> Sightings {
    let mut registers = contract.id_registers;
    for change in changed {
        let field = change.field.as_deref().and_then(Field::named);
        if let Some(kept) = field.and_then(|field| registers.with(field, change.read)) {
            registers = kept;
        }
    }
    let mut expected = Sightings::new();
    implementation(&mut expected, contract.implementation);
    caches(&mut expected, &contract.caches);
    expected.insert(DCZID.into(), contract.zero_block.into());
    expected.insert(CNTFRQ.into(), contract.counter.frequency.into());
    id_registers(&mut expected, &registers);
    expected
}

/// What a guest read otherwise than expected.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// What nothing explains.
    pub(super) unexplained: Vec<Disagreement>,
    /// What no register of KVM's shows, so that no profile and no contract can have it: how often.
    pub(super) past_kvm: BTreeMap<&'static str, usize>,
}

impl Differences {
    /// Notes one, unless it is explained.
    pub(super) fn add(&mut self, explanation: Option<&'static str>, found: Disagreement) {
        match explanation {
            Some(explanation) => *self.past_kvm.entry(explanation).or_default() += 1,
            None => self.unexplained.push(found),
        }
    }
}

/// Everything that a guest read otherwise than expected. Counters count, and which CPU of the
/// machine it is on is no promise; of caches it asks for those that it is told of.
#[must_use]
pub(super) fn differences(expected: &Sightings, seen: &Sightings) -> Differences {
    let mut differences = Differences::default();
    let passing = |name: &str| matches!(name, CNTPCT | CNTVCT | MPIDR | PMCR);
    for (name, value) in seen.iter().filter(|(name, _)| !passing(name)) {
        // A place in the space of ID registers that no table names is reserved, and reads as zero.
        let promised = expected.get(name).copied().unwrap_or(0);
        if promised != *value {
            let found = Disagreement {
                subject: name_of(name),
                predicted: format!("a guest reads {promised:#x}"),
                seen: format!("{value:#x}"),
            };
            differences.add(past_kvm(name, promised, *value), found);
        }
    }
    differences
}

/// Where KVM lets a guest read the CPU's own register, it may have what KVM's does not show.
fn past_kvm(name: &str, promised: u64, seen: u64) -> Option<&'static str> {
    let differing = promised ^ seen;
    if name == "CTR_EL0" && differing & !(TMIN_LINE | IDC) == 0 && seen & IDC <= promised & IDC {
        return Some(match differing & IDC {
            0 => "CTR_EL0.TminLine is the CPU's, and KVM's register has none",
            _ => "CTR_EL0.IDC is the CPU's, and KVM's register has what CLIDR_EL1 makes of it",
        });
    }
    let wide = name.starts_with("CCSIDR_EL1") && seen & u64::from(u32::MAX) == promised;
    wide.then_some("CCSIDR_EL1 has 64 bits, and KVM's register 32")
}

/// Whether both counters of a guest count from one instant on, if its contract says so.
#[must_use]
pub(super) fn counts_as_promised(contract: &Contract, seen: &Sightings) -> bool {
    contract.counter.policy == ClockPolicy::Virtual || counts_from_one_instant(seen)
}

/// Why CNTPCT_EL0 may be ahead although KVM took the offset of both counters.
///
/// Seen on 6.12 and 7.3: on an emulated CPU without FEAT_ECV the guest reads both counters in step. On
/// one with it, CNTPCT_EL0 has counted since the host began, as it does without any offset, and as
/// it does before 6.4, where there is none to give.
#[must_use]
pub(super) fn lacks_offset(host: &HostProfile) -> Option<&'static str> {
    let view = host.view(VcpuFeatures::empty())?;
    let ecv = Field::named("ID_AA64MMFR0_EL1.ECV")?;
    (view.registers.field(ecv) != 0)
        .then_some("CNTPCT_EL0 has no offset on an emulated CPU with FEAT_ECV, though KVM took one")
}

/// Whether CNTPCT_EL0, which the guest reads first, is not ahead of CNTVCT_EL0. Where nobody gives
/// it an offset, it has counted since the host began.
#[must_use]
pub(super) fn counts_from_one_instant(seen: &Sightings) -> bool {
    match (seen.get(CNTPCT), seen.get(CNTVCT)) {
        (Some(physical), Some(virtual_counter)) => physical <= virtual_counter,
        _ => false,
    }
}

/// The implementation that a guest sees itself on.
#[must_use]
pub(super) fn implementation_of(seen: &Sightings) -> Option<Implementation> {
    Some(Implementation {
        midr: *seen.get(MIDR)?,
        revidr: *seen.get(REVIDR)?,
        aidr: *seen.get(AIDR)?,
    })
}

/// PMCR_EL0.N, if there is one.
#[must_use]
pub(super) fn pmu_counters_of(seen: &Sightings) -> Option<u64> {
    seen.get(PMCR).map(|value| value >> 11 & 0x1f)
}

fn implementation(expected: &mut Sightings, of: Implementation) {
    expected.insert(MIDR.into(), of.midr);
    expected.insert(REVIDR.into(), of.revidr);
    expected.insert(AIDR.into(), of.aidr);
}

fn caches(expected: &mut Sightings, of: &Caches) {
    expected.insert("CLIDR_EL1".into(), of.levels);
    for (selector, size) in of.sizes.iter().enumerate() {
        if let Some(size) = size {
            expected.insert(format!("CCSIDR_EL1[{selector}]"), (*size).into());
        }
    }
}

fn id_registers(expected: &mut Sightings, of: &IdRegisters) {
    for (register, value) in of.iter() {
        expected.insert(printed(register), value);
    }
}

/// As the guest calls it: by its instruction.
fn printed(register: IdRegister) -> String {
    let encoding = register.encoding();
    let part = |lowest: u16, bits: u16| encoding >> lowest & bits;
    match register {
        IdRegister::CTR_EL0 => register.to_string(),
        _ => format!(
            "S{}_{}_C{}_C{}_{}",
            part(14, 3),
            part(11, 7),
            part(7, 15),
            part(3, 15),
            part(0, 7)
        ),
    }
}

/// The architecture's name of what the guest printed, where there is one.
fn name_of(printed_name: &str) -> String {
    let known = IdRegister::all().find(|register| printed(*register) == printed_name);
    known.map_or_else(|| printed_name.to_owned(), |register| register.to_string())
}

const MIDR: &str = "MIDR_EL1";
const REVIDR: &str = "REVIDR_EL1";
const AIDR: &str = "AIDR_EL1";
const MPIDR: &str = "MPIDR_EL1";
const PMCR: &str = "PMCR_EL0";
const CNTPCT: &str = "CNTPCT_EL0";
const CNTVCT: &str = "CNTVCT_EL0";
/// CTR_EL0.TminLine, the tags' granule, and CTR_EL0.IDC.
const TMIN_LINE: u64 = 0x3f << 32;
const IDC: u64 = 1 << 28;
/// DCZID_EL0.
pub(super) const DCZID: &str = "DCZID_EL0";
/// CNTFRQ_EL0.
pub(super) const CNTFRQ: &str = "CNTFRQ_EL0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_called_by_their_instructions() {
        assert_eq!(printed(IdRegister::ID_AA64PFR0_EL1), "S3_0_C0_C4_0");
        assert_eq!(printed(IdRegister::CTR_EL0), "CTR_EL0");
        assert_eq!(name_of("S3_0_C0_C4_0"), "ID_AA64PFR0_EL1");
        assert_eq!(name_of("S3_0_C0_C4_3"), "S3_0_C0_C4_3");
    }

    #[test]
    fn another_value_and_a_reserved_place_that_is_not_zero_are_found() {
        let seen = [
            ("S3_0_C0_C4_0", 0x11),
            ("S3_0_C0_C4_3", 1),
            ("CNTVCT_EL0", 77),
            ("MPIDR_EL1", 0x8000_0000),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let expected = [("S3_0_C0_C4_0".to_owned(), 0x12)].into();
        let differences = differences(&expected, &seen);
        let found: Vec<_> = differences
            .unexplained
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(differences.past_kvm.is_empty());
        assert_eq!(
            found,
            [
                "ID_AA64PFR0_EL1: predicted: a guest reads 0x12; seen: 0x11",
                "S3_0_C0_C4_3: predicted: a guest reads 0x0; seen: 0x1",
            ]
        );
    }

    #[test]
    fn a_physical_counter_that_is_ahead_counts_since_the_host_began() {
        let seen = |physical, virtual_counter| {
            [(CNTPCT, physical), (CNTVCT, virtual_counter)]
                .map(|(name, value)| (name.to_owned(), value))
                .into()
        };
        assert!(counts_from_one_instant(&seen(100, 105)));
        assert!(!counts_from_one_instant(&seen(5_000, 105)));
        assert!(!counts_from_one_instant(&Sightings::new()));
    }

    #[test]
    fn only_what_kvms_registers_cannot_show_is_explained() {
        for (name, promised, seen) in [
            ("CTR_EL0", 0x9444_c004, 0x4_9444_c004),
            ("CTR_EL0", 0x9444_c004, 0x8444_c004),
            ("CCSIDR_EL1[0]", 0x1a, 0xff_0000_001a),
        ] {
            assert!(past_kvm(name, promised, seen).is_some(), "{name}");
        }
        for (name, promised, seen) in [
            ("CTR_EL0", 0x8444_c004, 0x9444_c004),
            ("CTR_EL0", 0x9444_c004, 0x9444_c003),
            ("CCSIDR_EL1[0]", 0x1a, 0xff_0000_001b),
            ("MIDR_EL1", 1, 2),
        ] {
            assert!(past_kvm(name, promised, seen).is_none(), "{name}");
        }
    }
}
