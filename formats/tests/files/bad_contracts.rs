//! Contracts that are wrong somewhere, and what is said of each.

use vambrace_formats::contract;

use crate::golden::{CORE, KERNEL};

/// What is said of a text in which something has been replaced.
fn said_of(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not there");
    let wrong = text.replacen(from, to, 1);
    match contract::from_toml(&wrong) {
        Ok(_) => panic!("`{to}` instead of `{from}` is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_wrong_value_is_refused_by_its_place_and_reason() {
    for (from, to, message) in WRONG_VALUES {
        assert_eq!(said_of(KERNEL, from, to), *message);
    }
}

#[test]
fn promises_that_contradict_each_other_are_refused() {
    for (from, to, message) in CONTRADICTIONS {
        assert_eq!(said_of(CORE, from, to), *message);
    }
}

#[test]
fn every_line_of_a_contract_is_needed() {
    for (index, line) in KERNEL.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let rest = KERNEL
            .lines()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let rest: String = rest.map(|(_, line)| format!("{line}\n")).collect();
        assert!(contract::from_toml(&rest).is_err(), "without `{line}`");
    }
}

#[test]
fn a_contract_that_is_cut_off_anywhere_is_refused() {
    // The last line is whole without its comment, its newline, and digits that may be fewer.
    let last_value = KERNEL.rfind("\"0x").unwrap() + "\"0x".len();
    for length in 0..last_value {
        let cut = &KERNEL.as_bytes()[..length];
        assert!(contract::from_bytes(cut).is_err(), "{length} bytes");
    }
}

#[test]
fn a_file_that_is_no_text_is_refused_where_it_is_none() {
    let mut bytes = KERNEL.as_bytes().to_vec();
    let place = KERNEL.find("kernel\"").unwrap();
    bytes[place] = 0xff;
    assert_eq!(
        contract::from_bytes(&bytes).unwrap_err().to_string(),
        "line 5, column 14: this is not UTF-8 text: the file is damaged, or it is another file"
    );
}

#[test]
fn a_file_that_is_too_long_is_refused_unread() {
    let text = "#".repeat((1 << 20) + 1);
    assert_eq!(
        contract::from_toml(&text).unwrap_err().to_string(),
        "the file has 1048577 bytes, and no contract has more than 1048576: is it another file?"
    );
}

#[test]
fn nesting_is_refused_before_it_can_hurt() {
    let deep = format!("schema = {}", "[".repeat(1_000_000));
    assert!(contract::from_toml(&deep).is_err());
    let deep = format!("schema = {}1{}", "{a=".repeat(200_000), "}".repeat(200_000));
    assert!(contract::from_toml(&deep).is_err());
}

const WRONG_VALUES: &[(&str, &str, &str)] = &[
    (
        ", \"pv-time\"]",
        "]",
        "line 28, column 15: services.stolen-time: stolen time needs the service pv-time: correct \
         it",
    ),
    (
        "schema = 1",
        "schema = 2",
        "line 2, column 10: schema: the file has schema 2, and this vambrace knows schema 1: read \
         it with the vambrace that wrote it, or a newer one",
    ),
    (
        "schema = 1",
        "schema = 0",
        "line 2, column 10: schema: `0` cannot stand here: write a number from 1 on",
    ),
    (
        "schema = 1",
        "schema = \"1\"",
        "line 2, column 10: schema: a text cannot stand here: write a number from 1 on",
    ),
    (
        "schema = 1\n",
        "",
        "line 1, column 1: `schema` is missing: add it; nothing here has a default",
    ),
    (
        "schema = 1",
        "schema = 1\nextra = 1",
        "line 3, column 1: `extra` is not known here: correct or remove it; known are schema, \
         firmware, vcpu, identity, psci, workarounds, services, gic, counter, memory, sve, pmu, \
         caches, id-registers",
    ),
    (
        "schema = 1",
        "schema = 1\nschema = 1",
        "line 3, column 1: this is not TOML: duplicate key; correct it there, or write the file \
         anew",
    ),
    (
        "schema = 1",
        "schema = [",
        "line 5, column 1: this is not TOML: missing comma between array elements, expected `,`; \
         correct it there, or write the file anew",
    ),
    (
        "[vcpu]",
        "[cpu]",
        "line 7, column 2: `cpu` is not known here: correct or remove it; known are schema, \
         firmware, vcpu, identity, psci, workarounds, services, gic, counter, memory, sve, pmu, \
         caches, id-registers",
    ),
    (
        "\"kernel\"",
        "\"Kernel\"",
        "line 5, column 13: firmware.served-by: `Kernel` cannot stand here: write one of kernel, \
         core, in quotation marks",
    ),
    (
        "\"kernel\"",
        "\"core\"",
        "line 4, column 1: firmware: `dialect` is missing: add it; nothing here has a default",
    ),
    (
        "\"kernel\"",
        "\"kernel\"\ndialect = \"spec\"",
        "line 6, column 11: firmware.dialect: a kernel has its own dialect: remove it, or let core \
         serve",
    ),
    (
        "[\"pmu\"]",
        "[\"mte\"]",
        "line 8, column 13: vcpu.features[0]: `mte` cannot stand here: write one of sve, pauth, \
         pmu, aarch32, in quotation marks",
    ),
    (
        "[\"pmu\"]",
        "[\"pmu\", \"pmu\"]",
        "line 8, column 20: vcpu.features[1]: this name is there twice: remove one",
    ),
    (
        "[\"pmu\"]",
        "\"pmu\"",
        "line 8, column 12: vcpu.features: a text cannot stand here: write a list",
    ),
    (
        "midr = \"0x00000000414fd0c1\"",
        "midr = 0x414fd0c1",
        "line 11, column 8: identity.midr: a number cannot stand here: write a value such as \
         \"0x000000000000001f\"",
    ),
    (
        "midr = \"0x00000000414fd0c1\"",
        "midr = \"414fd0c1\"",
        "line 11, column 8: identity.midr: `414fd0c1` cannot stand here: write a value such as \
         \"0x000000000000001f\"",
    ),
    (
        "midr = \"0x00000000414fd0c1\"\n",
        "",
        "line 10, column 1: identity: `midr` is missing: add it; nothing here has a default",
    ),
    (
        "version = \"1.1\"",
        "version = \"1.4\"",
        "line 17, column 11: psci.version: `1.4` cannot stand here: write one of 0.1, 0.2, 1.0, \
         1.1, 1.2, 1.3, in quotation marks",
    ),
    (
        "\"system-reset2\"",
        "\"\\u001b[31m\"",
        "line 18, column 12: psci.options[0]: `\\u{1b}[31m` cannot stand here: write one of \
         cpu-freeze, default-suspend, node-hw-state, system-suspend, suspend-mode, statistics, \
         system-reset2, mem-protect, system-off2, clean-inv-memregion, extended-state-id, in \
         quotation marks",
    ),
    (
        "workaround-2 = \"not-required\"",
        "workaround-2 = \"available\"",
        "line 22, column 16: workarounds.workaround-2: `available` cannot stand here: write one of \
         not-available, not-required, in quotation marks",
    ),
    (
        "workaround-3 = \"available\"",
        "workaround-3 = 1",
        "line 23, column 16: workarounds.workaround-3: a number cannot stand here: write one of \
         not-available, available, not-required, in quotation marks",
    ),
    (
        "[\"trng\", \"pv-time\"]",
        "[\"trng\", \"discover-impl\"]",
        "line 27, column 21: services.answered[1]: `discover-impl` cannot stand here: write one of \
         trng, pv-time, vendor-hyp, ptp, discover-impl-version, discover-impl-cpus, in quotation \
         marks",
    ),
    (
        "\"0x9004000\"",
        "\"\"",
        "line 28, column 15: services.stolen-time: an empty text cannot stand here: write a value \
         such as \"0x000000000000001f\"",
    ),
    (
        "revision = 3",
        "revision = 16",
        "line 32, column 12: gic.revision: `16` cannot stand here: write a number from 0 to 15",
    ),
    (
        "revision = 3",
        "revision = 3.0",
        "line 32, column 12: gic.revision: a number with a fraction cannot stand here: write a \
         number from 0 to 15",
    ),
    (
        "frequency = 25000000",
        "frequency = 0",
        "line 35, column 13: counter.frequency: `0` cannot stand here: write a number from 1 to \
         4294967295",
    ),
    (
        "frequency = 25000000",
        "frequency = 4294967296",
        "line 35, column 13: counter.frequency: `4294967296` cannot stand here: write a number \
         from 1 to 4294967295",
    ),
    (
        "address-bits = 40",
        "address-bits = -1",
        "line 39, column 16: memory.address-bits: a number that is negative or too great cannot \
         stand here: write a number from 0 to 255",
    ),
    (
        "zero-block = \"0x04\"",
        "zero-block = \"0x104\"",
        "line 40, column 14: memory.zero-block: `0x104` cannot stand here: write a value such as \
         \"0x1f\"",
    ),
    (
        "lengths = []",
        "lengths = [100]",
        "line 43, column 12: sve.lengths[0]: `100` cannot stand here: write a number from 128 to \
         2048",
    ),
    (
        "lengths = []",
        "lengths = [130]",
        "line 43, column 11: sve.lengths: `130` cannot stand here: write a list of different \
         multiples of 128 bits",
    ),
    (
        "counters = 6",
        "counters = true",
        "line 46, column 12: pmu.counters: a truth value cannot stand here: write a number from 0 \
         to 31",
    ),
    (
        "    \"none\", # level 7, instruction\n",
        "",
        "line 50, column 10: caches.ccsidr: 13 values cannot stand here: write 14",
    ),
    (
        "\"0x701fe01a\"",
        "\"0x1701fe01a\"",
        "line 51, column 5: caches.ccsidr[0]: `0x1701fe01a` cannot stand here: write a value such \
         as \"0x0000001f\"",
    ),
    (
        "ID_AA64PFR0_EL1 =",
        "ID_AA64PFR9_EL1 =",
        "line 90, column 1: id-registers: `ID_AA64PFR9_EL1` is not known here: correct or remove \
         it; known are the ID registers by their names",
    ),
    (
        "CTR_EL0 = \"0x000000009444c004\"",
        "CTR_EL0 = 1979-05-27",
        "line 109, column 11: id-registers.CTR_EL0: a date or time cannot stand here: write a \
         value such as \"0x000000000000001f\"",
    ),
];

const CONTRADICTIONS: &[(&str, &str, &str)] = &[
    (
        "\"sve\", ",
        "",
        "line 9, column 12: vcpu.features: SVE among the vCPU features, ID_AA64PFR0_EL1.SVE and \
         vector lengths go together: correct it",
    ),
    (
        "lengths = [128, 256]",
        "lengths = []",
        "line 9, column 12: vcpu.features: SVE among the vCPU features, ID_AA64PFR0_EL1.SVE and \
         vector lengths go together: correct it",
    ),
    (
        "counters = \"none\"",
        "counters = 1",
        "line 9, column 12: vcpu.features: a PMU among the vCPU features, its counters and \
         ID_AA64DFR0_EL1.PMUVer go together: correct it",
    ),
    (
        "midr = \"0x00000000414fd0c1\"",
        "midr = \"0x1\"",
        "line 12, column 8: identity.midr: the machine's own implementation is not on the list \
         that it is told: correct it",
    ),
    (
        ", \"discover-impl-cpus\"",
        "",
        "line 15, column 19: identity.implementations: a list of implementations goes together \
         with the services vendor-hyp, discover-impl-version and discover-impl-cpus: correct it",
    ),
    (
        "\"kvm-7.3\"",
        "\"kvm-5.10\"",
        "line 21, column 11: psci.version: the dialect that serves it has no PSCI 1.3: correct it",
    ),
    (
        "\"system-suspend\", ",
        "\"mem-protect\", ",
        "line 22, column 11: psci.options: who serves it has not exactly these optional functions \
         of PSCI: PsciOptions(MEM_PROTECT): correct it",
    ),
    (
        "workaround-4 = \"not-available\"",
        "workaround-4 = \"available\"",
        "line 28, column 16: workarounds.workaround-4: no host tells its level of workaround 4: \
         correct it",
    ),
    (
        "zero-block = \"0x14\"",
        "zero-block = \"0x20\"",
        "line 44, column 14: memory.zero-block: DCZID_EL0 has five bits, which 0x20 exceeds: \
         correct it",
    ),
    (
        "address-bits = 40",
        "address-bits = 31",
        "line 43, column 16: memory.address-bits: a machine has 32 to 56 bits of address, not 31: \
         correct it",
    ),
    (
        "stolen-time = \"none\"",
        "stolen-time = \"0x9004020\"",
        "line 32, column 15: services.stolen-time: stolen time at 0x9004020 is not on a multiple of \
         64 in the guest's address space: correct it",
    ),
    (
        "ID_AA64PFR0_EL1 = \"0x1100000111111122\"",
        "ID_AA64PFR0_EL1 = \"0x1100000111111112\"",
        "line 9, column 12: vcpu.features: AArch32 at EL1 goes with ID_AA64PFR0_EL1.EL0 = 2 and \
         ID_AA64PFR0_EL1.EL1 = 2: correct it",
    ),
];
