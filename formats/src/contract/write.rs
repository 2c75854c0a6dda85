//! A contract into TOML: one way to write each, so that equal contracts are equal texts.

use std::fmt::Display;

use vambrace_core::contract::{Caches, Contract, ServedBy};
use vambrace_core::cpu::IdRegisters;
use vambrace_core::firmware::Workarounds;
use vambrace_core::vendor_hyp::{Implementation, Implementations};

use super::{SCHEMA, describe};
use crate::words::{self, word};

pub(super) fn document(contract: &Contract) -> String {
    let mut text = Text(HEAD.to_owned());
    text.line("schema", SCHEMA);
    firmware(&mut text, contract);
    text.section("vcpu");
    text.names("features", contract.vcpu_features.names());
    identity(
        &mut text,
        contract.implementation,
        &contract.implementations,
    );
    psci(&mut text, contract);
    workarounds(&mut text, &contract.workarounds);
    services(&mut text, contract);
    board(&mut text, contract);
    text.section("sve");
    text.list("lengths", contract.vector_lengths.lengths());
    text.section("pmu");
    match contract.pmu_counters {
        Some(counters) => text.line("counters", counters),
        None => text.quoted("counters", "none"),
    }
    caches(&mut text, &contract.caches);
    id_registers(&mut text, &contract.id_registers);
    text.0
}

fn firmware(text: &mut Text, contract: &Contract) {
    text.section("firmware");
    match contract.served_by {
        ServedBy::Kernel => text.quoted("served-by", "kernel"),
        ServedBy::Core(dialect) => {
            text.quoted("served-by", "core");
            text.quoted("dialect", word(dialect, &words::DIALECTS));
        }
    }
}

fn identity(text: &mut Text, own: Implementation, told: &Implementations) {
    text.section("identity");
    text.quoted("midr", wide(own.midr));
    text.quoted("revidr", wide(own.revidr));
    text.quoted("aidr", wide(own.aidr));
    let rows = told.iter().map(|Implementation { midr, revidr, aidr }| {
        let [midr, revidr, aidr] = [midr, revidr, aidr].map(wide);
        (
            format!("{{ midr = \"{midr}\", revidr = \"{revidr}\", aidr = \"{aidr}\" }}"),
            None,
        )
    });
    text.rows("implementations", rows);
}

fn psci(text: &mut Text, contract: &Contract) {
    text.section("psci");
    text.quoted("version", contract.psci_version);
    let options = words::PSCI_OPTIONS.iter();
    let options = options.filter(|(_, option)| contract.psci_options.contains(*option));
    text.names("options", options.map(|(name, _)| *name));
}

fn workarounds(text: &mut Text, levels: &Workarounds) {
    text.section("workarounds");
    for (name, workaround) in words::WORKAROUNDS {
        text.quoted(name, word(levels.level(workaround), &words::LEVELS));
    }
}

fn services(text: &mut Text, contract: &Contract) {
    text.section("services");
    let services = words::SERVICES.iter();
    let services = services.filter(|(_, service)| contract.services.contains(*service));
    text.names("answered", services.map(|(name, _)| *name));
    match contract.stolen_time {
        Some(base) => text.quoted("stolen-time", base),
        None => text.quoted("stolen-time", "none"),
    }
}

fn board(text: &mut Text, contract: &Contract) {
    text.section("gic");
    text.quoted("kind", word(contract.gic.kind, &words::GIC_KINDS));
    text.line("revision", contract.gic.revision);
    text.section("counter");
    text.line("frequency", contract.counter.frequency);
    text.quoted(
        "policy",
        word(contract.counter.policy, &words::CLOCK_POLICIES),
    );
    text.section("memory");
    text.line("address-bits", contract.address_bits);
    let zero_block = contract.zero_block;
    text.quoted("zero-block", format_args!("{zero_block:#04x}"));
    text.comment(&describe::zero_block(zero_block));
}

fn caches(text: &mut Text, caches: &Caches) {
    text.section("caches");
    text.quoted("clidr", wide(caches.levels));
    let rows = caches.sizes.iter().enumerate().map(|(selector, size)| {
        let size = size.map_or("none".to_owned(), |size| format!("{size:#010x}"));
        (format!("\"{size}\""), Some(describe::cache(selector)))
    });
    text.rows("ccsidr", rows);
}

fn id_registers(text: &mut Text, registers: &IdRegisters) {
    text.section("id-registers");
    for (register, value) in registers.iter() {
        text.quoted(register.name(), wide(value));
        text.comment(&describe::id_register(register, value));
    }
}

fn wide(value: u64) -> String {
    format!("{value:#018x}")
}

/// TOML, line by line. No value that is written here has a character that must be escaped.
struct Text(String);

impl Text {
    fn section(&mut self, name: &str) {
        self.0 += &format!("\n[{name}]\n");
    }

    fn line(&mut self, key: &str, value: impl Display) {
        self.0 += &format!("{key} = {value}\n");
    }

    fn quoted(&mut self, key: &str, value: impl Display) {
        self.0 += &format!("{key} = \"{value}\"\n");
    }

    fn list(&mut self, key: &str, values: impl Iterator<Item = impl Display>) {
        let values: Vec<String> = values.map(|value| value.to_string()).collect();
        self.line(key, format_args!("[{}]", values.join(", ")));
    }

    fn names<'n>(&mut self, key: &str, names: impl Iterator<Item = &'n str>) {
        self.list(key, names.map(|name| format!("\"{name}\"")));
    }

    /// A list with a line for each value, and what it means.
    fn rows(&mut self, key: &str, rows: impl ExactSizeIterator<Item = (String, Option<String>)>) {
        if rows.len() == 0 {
            return self.line(key, "[]");
        }
        self.0 += &format!("{key} = [\n");
        for (value, meaning) in rows {
            self.0 += &format!("    {value},\n");
            self.comment(&meaning.unwrap_or_default());
        }
        self.0 += "]\n";
    }

    /// Says what the last line means, behind it.
    fn comment(&mut self, meaning: &str) {
        if !meaning.is_empty() {
            self.0.pop();
            self.0 += &format!(" # {meaning}\n");
        }
    }
}

const HEAD: &str =
    "# What a guest was promised, value by value; none of them is a host's default.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_stands_behind_its_line() {
        let mut text = Text(String::new());
        text.quoted("a", "x");
        text.comment("meaning");
        text.line("b", 1);
        text.comment("");
        assert_eq!(text.0, "a = \"x\" # meaning\nb = 1\n");
    }
}
