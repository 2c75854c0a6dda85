//! A profile into JSON.

use vambrace_core::contract::{GicLimits, HostProfile, ValueSet, WorkaroundLimits};
use vambrace_core::vendor_hyp::Implementation;

use super::{ProfileFile, Provenance, SCHEMA, limit, registers, views};
use crate::document::{Node, Value, json};
use crate::words;

pub(super) fn document(file: &ProfileFile) -> String {
    let profile = &file.profile;
    let versions = words::SETTABLE_PSCI_VERSIONS.iter();
    let versions = versions.filter(|(_, version)| profile.psci_versions.contains(*version));
    let versions: Vec<&str> = versions.map(|(name, _)| *name).collect();
    json::write(&Node::table([
        ("schema", Node::number(SCHEMA)),
        ("provenance", provenance(&file.provenance)),
        ("kernel", Node::text(profile.kernel.to_string())),
        ("capabilities", capabilities(profile)),
        ("psci-versions", Node::text(versions.join(","))),
        ("workarounds", workarounds(&profile.workarounds)),
        ("services", services(profile)),
        ("identity", identity(profile)),
        ("caches", caches(profile)),
        (
            "zero-block",
            Node::text(format!("{:#04x}", profile.zero_block)),
        ),
        ("counter-frequency", Node::number(profile.counter_frequency)),
        ("address-bits", values(profile.address_bits)),
        (
            "gic",
            Node::table([("v2", gic(profile.gic_v2)), ("v3", gic(profile.gic_v3))]),
        ),
        ("views", views::write(&profile.views)),
        ("registers", registers::write(&file.registers)),
    ]))
}

fn provenance(provenance: &Provenance) -> Node {
    Node::table([
        ("program", Node::text(&provenance.program)),
        ("kernel-release", Node::text(&provenance.kernel_release)),
        ("host-cpus", Node::number(provenance.host_cpus)),
    ])
}

fn capabilities(profile: &HostProfile) -> Node {
    Node::table(words::CAPABILITIES.map(|(name, capability)| {
        let had = profile.capabilities.contains(capability);
        (name, Node::new(Value::Boolean(had)))
    }))
}

fn workarounds(limits: &WorkaroundLimits) -> Node {
    let levels = |levels: Option<ValueSet>| levels.map_or(Node::new(Value::Null), values);
    Node::table([
        ("workaround-1", levels(limits.one)),
        ("workaround-2", levels(limits.two)),
        ("workaround-2-without-ssbs", levels(limits.two_without_ssbs)),
        ("workaround-3", levels(limits.three)),
    ])
}

fn services(profile: &HostProfile) -> Node {
    let bitmaps = super::BITMAPS.into_iter().zip(profile.services);
    Node::table(bitmaps.map(|(name, bitmap)| (name, Node::text(limit::of_services(bitmap)))))
}

fn identity(profile: &HostProfile) -> Node {
    let told = profile.implementations.iter();
    let told = told.map(|told| Node::table(implementation(told)));
    let own = implementation(profile.implementation);
    Node::table(
        own.into_iter()
            .chain([("implementations", Node::list(told))]),
    )
}

fn implementation(of: Implementation) -> [(&'static str, Node); 3] {
    [
        ("midr", wide(of.midr)),
        ("revidr", wide(of.revidr)),
        ("aidr", wide(of.aidr)),
    ]
}

fn caches(profile: &HostProfile) -> Node {
    let sizes = profile.caches.host.sizes.iter().map(|size| match size {
        Some(size) => Node::text(format!("{size:#010x}")),
        None => Node::new(Value::Null),
    });
    let writable = words::word(profile.caches.writable, &words::WRITABLE);
    let cleaning = words::word(profile.caches.cleaning, &words::CLEANING);
    Node::table([
        ("clidr", wide(profile.caches.host.levels)),
        ("ccsidr", Node::list(sizes)),
        ("writable", Node::text(writable)),
        ("cleaning", Node::text(cleaning)),
    ])
}

fn gic(limits: Option<GicLimits>) -> Node {
    limits.map_or(Node::new(Value::Null), |limits| {
        Node::table([
            ("default-revision", Node::number(limits.default_revision)),
            ("revisions", values(limits.revisions)),
        ])
    })
}

fn wide(value: u64) -> Node {
    Node::text(format!("{value:#018x}"))
}

fn values(set: ValueSet) -> Node {
    Node::text(set.to_string())
}
