//! Why several hosts have no contract in common: over each thing, who accepts what.

use std::fmt::Write as _;

use vambrace_core::contract::{
    CacheLimits, Capabilities, Cleaning, Conflict, Dispute, HostProfile, ServiceLimit,
    VcpuFeatures, View, Writable,
};
use vambrace_core::cpu::Field;
use vambrace_core::firmware::{Bitmap, Services};

use super::check::counted;
use super::describe;
use super::record::{ConflictRecord, GroupRecord};
use super::wish::Wish;
use super::words::or_none;
use crate::files::Named;

/// Everything over which the hosts disagree, with the hosts grouped by what they accept.
pub(super) fn records(
    conflicts: &[Conflict],
    hosts: &[Named<HostProfile>],
    wish: Wish,
) -> Vec<ConflictRecord> {
    let features = wish.features().unwrap_or_default();
    let record = |dispute: Dispute| ConflictRecord {
        over: name(dispute),
        groups: groups(dispute, hosts, features),
    };
    let conflicts = conflicts.iter();
    conflicts.map(|conflict| record(conflict.over)).collect()
}

/// The conflicts in words.
pub(super) fn text(conflicts: &[ConflictRecord], hosts: usize) -> String {
    let mut text = format!(
        "no contract is accepted by {} of these hosts: {}\n",
        if hosts == 2 { "both" } else { "all" },
        counted(conflicts.len(), "conflict")
    );
    if hosts == 1 {
        text = format!(
            "this host cannot have such a contract: {}\n",
            counted(conflicts.len(), "obstacle")
        );
    }
    for ConflictRecord { over, groups } in conflicts {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {over}");
        for GroupRecord { accepts, hosts } in groups {
            let _ = writeln!(text, "    {accepts}: {}", hosts.join(" "));
        }
    }
    text
}

fn name(dispute: Dispute) -> String {
    let feature = match dispute {
        Dispute::Field(field) => field.feature(),
        _ => None,
    };
    match feature {
        Some(feature) => format!("{dispute} ({feature})"),
        None => dispute.to_string(),
    }
}

fn groups(
    dispute: Dispute,
    hosts: &[Named<HostProfile>],
    features: VcpuFeatures,
) -> Vec<GroupRecord> {
    let mut groups: Vec<GroupRecord> = Vec::new();
    for host in hosts {
        let accepts = accepts(dispute, &host.value, features);
        match groups.iter_mut().find(|group| group.accepts == accepts) {
            Some(group) => group.hosts.push(host.name.clone()),
            None => groups.push(GroupRecord {
                accepts,
                hosts: vec![host.name.clone()],
            }),
        }
    }
    groups
}

/// What a host accepts of what is disputed.
fn accepts(dispute: Dispute, host: &HostProfile, features: VcpuFeatures) -> String {
    let view = host.view(features).or_else(|| host.views.first());
    match (dispute, view) {
        (Dispute::Field(field), Some(view)) => accepts_of_field(field, view),
        (Dispute::UnnamedBits(register), Some(view)) => {
            let bits = view.registers.get(register) & !register.named_bits();
            format!("has {bits:#x}")
        }
        (Dispute::VectorLengths, Some(view)) => or_none(view.vector_lengths.to_string()),
        (Dispute::PmuCounters, Some(view)) => or_none(view.pmu_counters.to_string()),
        (Dispute::VcpuFeatures, _) => format!("can have {}", sets(host)),
        (Dispute::Implementation, _) => identity(host),
        (Dispute::UnlistedImplementation, _) => listing(host),
        (Dispute::Caches, _) => caches(&host.caches),
        (Dispute::ZeroBlock, _) => format!("has {:#x}", host.zero_block),
        (Dispute::PsciVersion, _) => {
            let versions = host.possible_psci_versions();
            let versions = versions.versions().map(|version| version.to_string());
            or_none(versions.collect::<Vec<_>>().join(","))
        }
        (Dispute::Services(bitmap), _) => services(host, bitmap),
        (Dispute::Forwarding, _) => match host.capabilities.contains(Capabilities::SMCCC_FILTER) {
            true => "can".into(),
            false => "cannot".into(),
        },
        (Dispute::Gic, _) => gics(host),
        (Dispute::CounterFrequency, _) => format!("has {} Hz", host.counter_frequency),
        (Dispute::AddressBits, _) => format!("accepts {}", host.address_bits),
        (Dispute::Contradiction(_), Some(view)) => format!("can have {}", view.features),
        (Dispute::NoHost, _) | (_, None) => "nothing was probed".into(),
    }
}

fn accepts_of_field(field: Field, view: &View) -> String {
    let value = view.registers.field(field);
    if !view.listed.contains(field.register()) {
        return "has no such register".into();
    }
    let limit = view.fields.of(field);
    match limit.accepted().or(limit.rewritten()) {
        // The values of wide fields are not tried.
        set if set.is_empty() => format!("has {value}"),
        set => format!("accepts {set}, has {}", describe::meaning(field, value)),
    }
}

fn sets(host: &HostProfile) -> String {
    let sets = host.views.iter().map(|view| view.features.to_string());
    sets.collect::<Vec<_>>().join("; ")
}

fn identity(host: &HostProfile) -> String {
    let own = describe::implementation(host.implementation);
    match host
        .capabilities
        .contains(Capabilities::WRITABLE_IMPLEMENTATION)
    {
        true => format!("{own}, or any other"),
        false => format!("{own} only"),
    }
}

fn listing(host: &HostProfile) -> String {
    let [.., bitmap] = host.services;
    let discovery = Services::DISCOVERY.register(Bitmap::VendorHypervisor2);
    let tells = match bitmap.has(discovery) {
        true => "can tell a guest of others",
        false => "cannot tell a guest of others",
    };
    let own = host.implementations.iter().map(describe::implementation);
    format!("{}, {tells}", own.collect::<Vec<_>>().join("; "))
}

fn caches(limits: &CacheLimits) -> String {
    let host = format!("has CLIDR_EL1 {:#x}", limits.host.levels);
    match (limits.writable, limits.cleaning) {
        (Writable::No | Writable::SizesOnly, _) => format!("{host} only"),
        (Writable::Yes, Cleaning::Needless) => format!("{host}, or another"),
        (Writable::Yes, Cleaning::Needed) => {
            format!("{host}, or another that says to which level caches are cleaned")
        }
    }
}

fn services(host: &HostProfile, bitmap: Bitmap) -> String {
    let limits = Bitmap::ALL.into_iter().zip(host.services);
    let limit = limits.into_iter().find(|(known, _)| *known == bitmap);
    match limit {
        Some((_, ServiceLimit::Chosen(offered))) => format!("any of {offered:#x}"),
        Some((_, ServiceLimit::Fixed(fixed))) => format!("always {fixed:#x}"),
        None => "nothing was probed".into(),
    }
}

fn gics(host: &HostProfile) -> String {
    let kinds = [("GICv2", host.gic_v2), ("GICv3", host.gic_v3)];
    let kinds = kinds
        .into_iter()
        .filter_map(|(name, limits)| Some(format!("{name} revision {}", limits?.revisions)));
    or_none(kinds.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    #[test]
    fn hosts_are_grouped_by_what_they_accept() {
        let stubborn = samples::with_fields(&[
            ("ID_AA64PFR0_EL1.GIC", 1, 0b11),
            ("ID_AA64ISAR0_EL1.DP", 1, 0b10),
        ]);
        let hosts = [
            samples::named("new", stubborn.clone()),
            samples::named("old", samples::older_host()),
            samples::named("new too", stubborn),
        ];
        let profiles: Vec<_> = hosts.iter().map(|host| &host.value).collect();
        let conflicts = Wish::default().contract(&profiles).unwrap_err();
        let records = records(&conflicts, &hosts, Wish::default());
        assert_eq!(
            text(&records, 3),
            "no contract is accepted by all of these hosts: 1 conflict\n  \
             ID_AA64ISAR0_EL1.DP (FEAT_DotProd)\n    \
             accepts 1, has 1 IMP: new new too\n    \
             accepts 0, has 0 NI: old\n"
        );
    }

    #[test]
    fn a_feature_that_one_host_has_not_is_told_with_what_each_can_have() {
        let hosts = [
            samples::named("with", samples::host_with_sve()),
            samples::named("without", samples::host()),
        ];
        let profiles: Vec<_> = hosts.iter().map(|host| &host.value).collect();
        let wish = Wish::default().for_features(VcpuFeatures::SVE);
        let conflicts = wish.contract(&profiles).unwrap_err();
        let told = text(&records(&conflicts, &hosts, wish), 2);
        assert!(
            told.contains("vCPU features\n    can have none; sve: with\n"),
            "{told}"
        );
    }
}
