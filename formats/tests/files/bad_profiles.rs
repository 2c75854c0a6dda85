//! Profiles that are wrong somewhere, and what is said of each.

use vambrace_formats::profile::ProfileFile;

use crate::golden::PROFILE;

fn said_of(from: &str, to: &str) -> String {
    assert!(PROFILE.contains(from), "`{from}` is not there");
    let wrong = PROFILE.replacen(from, to, 1);
    match ProfileFile::read(wrong.as_bytes()) {
        Ok(_) => panic!("`{to}` instead of `{from}` is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_wrong_value_is_refused_by_its_place_and_reason() {
    for (from, to, message) in WRONG_VALUES {
        assert_eq!(said_of(from, to), *message);
    }
}

#[test]
fn a_profile_that_contradicts_itself_is_refused() {
    for (from, to, message) in CONTRADICTIONS {
        assert_eq!(said_of(from, to), *message);
    }
}

#[test]
fn every_line_of_the_first_view_is_needed() {
    let lines: Vec<&str> = PROFILE.lines().collect();
    let views = lines
        .iter()
        .position(|line| line.contains("\"views\""))
        .unwrap();
    let second = lines
        .iter()
        .rposition(|line| line.contains("\"ID_AA64PFR0_EL1.SVE\""))
        .unwrap();
    for index in (views + 1..second - 10).step_by(7) {
        let rest = lines
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let rest: String = rest.map(|(_, line)| format!("{line}\n")).collect();
        assert!(
            ProfileFile::read(rest.as_bytes()).is_err(),
            "without `{}`",
            lines[index]
        );
    }
}

#[test]
fn a_profile_that_is_cut_off_anywhere_is_refused() {
    let whole = PROFILE.trim_end();
    for length in (0..whole.len()).step_by(101).chain([whole.len() - 1]) {
        let cut = &whole.as_bytes()[..length];
        assert!(ProfileFile::read(cut).is_err(), "{length} bytes");
    }
}

#[test]
fn a_file_that_is_no_text_is_refused_where_it_is_none() {
    let mut bytes = PROFILE.as_bytes().to_vec();
    bytes[PROFILE.find("kernel-release").unwrap()] = 0x80;
    assert_eq!(
        ProfileFile::read(&bytes).unwrap_err().to_string(),
        "line 5, column 6: this is not UTF-8 text: the file is damaged, or it is another file"
    );
}

#[test]
fn a_file_that_is_too_long_is_refused_unread() {
    let bytes = vec![b' '; (4 << 20) + 1];
    assert_eq!(
        ProfileFile::read(&bytes).unwrap_err().to_string(),
        "the file has 4194305 bytes, and no host profile has more than 4194304: is it another file?"
    );
}

#[test]
fn nesting_is_refused_before_it_can_hurt() {
    for open in ["[", "{\"schema\":"] {
        let deep = open.repeat(300_000);
        assert!(ProfileFile::read(deep.as_bytes()).is_err());
    }
}

#[test]
fn a_profile_without_register_lists_is_whole() {
    let lists = PROFILE.find("\n  \"registers\": [").unwrap();
    let text = format!("{}\n  \"registers\": []\n}}\n", &PROFILE[..lists]);
    let file = ProfileFile::read(text.as_bytes()).unwrap();
    assert!(file.registers.is_empty());
    assert_eq!(file.profile.views.len(), 4);
    assert_eq!(file.write(), text);
}

#[test]
fn a_line_that_only_the_first_view_has_is_taken_away_by_null() {
    // A kernel may list fewer registers of a vCPU with more features: here the view with SVE lacks
    // one, with its fields and its value in the register list.
    let register = "ID_AA64FPFR0_EL1";
    let names: Vec<String> = vambrace_core::cpu::IdRegister::named(register)
        .unwrap()
        .fields()
        .map(|field| format!("\"{field}\": null"))
        .collect();
    let second = PROFILE.find("\"features\": \"sve\"").unwrap();
    let (first, rest) = PROFILE.split_at(second);
    let rest = rest
        .replacen(
            "\"registers\": {",
            &format!("\"registers\": {{\"{register}\": null,"),
            1,
        )
        .replacen(
            "\"writable\": {",
            &format!("\"writable\": {{\"{register}\": null"),
            1,
        )
        .replacen(
            "\"fields\": {",
            &format!("\"fields\": {{{},", names.join(",")),
            1,
        );
    let (views, lists) = rest.split_at(rest.find("\"values\"").unwrap());
    let (base, lists) = lists.split_at(lists.find("\"features\": \"sve\"").unwrap());
    let lists = lists.replacen(
        "\"values\": {",
        "\"values\": {\"0x603000000013c027\": null,",
        1,
    );
    let text = format!("{first}{views}{base}{lists}");
    let file = ProfileFile::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let register = vambrace_core::cpu::IdRegister::named(register).unwrap();
    assert!(file.profile.views[0].listed.contains(register));
    assert!(!file.profile.views[1].listed.contains(register));
    assert_eq!(ProfileFile::read(file.write().as_bytes()), Ok(file));
}

const WRONG_VALUES: &[(&str, &str, &str)] = &[
    (
        "\"schema\": 1",
        "\"schema\": 2",
        "line 2, column 13: schema: the file has schema 2, and this vambrace knows schema 1: read \
         it with the vambrace that wrote it, or a newer one",
    ),
    (
        "\"schema\": 1",
        "\"schema\": 1, \"schema\": 1",
        "line 2, column 16: `schema` is there twice: remove one of them",
    ),
    (
        "\"schema\": 1",
        "\"schema\": 1, \"extra\": 1",
        "line 2, column 16: `extra` is not known here: correct or remove it; known are schema, \
         provenance, kernel, capabilities, psci-versions, workarounds, services, identity, caches, \
         zero-block, counter-frequency, address-bits, gic, views, registers",
    ),
    (
        "  \"schema\": 1,\n",
        "",
        "line 1, column 1: `schema` is missing: add it; nothing here has a default",
    ),
    (
        "\"schema\": 1,",
        "\"schema\": 1",
        "line 3, column 3: this is not JSON: expected `,` or `}`; correct it there, or write the \
         file anew",
    ),
    (
        "\"vambrace 0.1.0\"",
        "\"two\\nlines\"",
        "line 4, column 16: provenance.program: `two\\nlines` cannot stand here: write one line of \
         up to 256 bytes",
    ),
    (
        "\"host-cpus\": 4",
        "\"host-cpus\": 4.5",
        "line 6, column 18: provenance.host-cpus: a number that has a fraction or is too great \
         cannot stand here: write a number from 1 to 4294967295",
    ),
    (
        "\"host-cpus\": 4",
        "\"host-cpus\": -4",
        "line 6, column 18: provenance.host-cpus: a negative number cannot stand here: write a \
         number from 1 to 4294967295",
    ),
    (
        "\"kernel\": \"6.12\"",
        "\"kernel\": \"6.012\"",
        "line 8, column 13: kernel: `6.012` cannot stand here: write two numbers such as `6.12`",
    ),
    (
        "\"nested\": false",
        "\"nested\": 0",
        "line 17, column 15: capabilities.nested: a number cannot stand here: write true or false",
    ),
    (
        "\"0.2,1.0,1.1\"",
        "\"1.0,0.2\"",
        "line 19, column 20: psci-versions: `1.0,0.2` cannot stand here: write versions from 0.2 \
         to 1.3 such as `0.2,1.0`, rising",
    ),
    (
        "\"workaround-1\": \"0-2\"",
        "\"workaround-1\": \"0-2,1\"",
        "line 21, column 21: workarounds.workaround-1: `0-2,1` cannot stand here: write a set of \
         numbers from 0 to 63 such as `0-2,15`, rising",
    ),
    (
        "\"workaround-1\": \"0-2\"",
        "\"workaround-1\": \"0-32\"",
        "line 21, column 21: workarounds.workaround-1: `0-32` cannot stand here: write a set of \
         numbers from 0 to 31",
    ),
    (
        "\"chosen 0x1\"",
        "\"any 0x1\"",
        "line 27, column 17: services.standard: `any 0x1` cannot stand here: write a bitmap such \
         as `chosen 0x1` or `fixed 0x0`",
    ),
    (
        "\"0x701fe01a\",\n",
        "",
        "line 46, column 15: caches.ccsidr: 13 values cannot stand here: write 14",
    ),
    (
        "\"0x201fe01a\"",
        "\"none\"",
        "line 48, column 7: caches.ccsidr[1]: `none` cannot stand here: write a value such as \
         \"0x0000001f\"",
    ),
    (
        "\"needless\"",
        "\"no\"",
        "line 63, column 17: caches.cleaning: `no` cannot stand here: write one of needed, \
         needless, in quotation marks",
    ),
    (
        "\"address-bits\": \"32-40\"",
        "\"address-bits\": \"32-64\"",
        "line 67, column 19: address-bits: `32-64` cannot stand here: write a set of numbers from \
         0 to 63 such as `0-2,15`, rising",
    ),
    (
        "\"revisions\": \"1-3\"",
        "\"revisions\": \"1-16\"",
        "line 72, column 20: gic.v3.revisions: `1-16` cannot stand here: write a set of numbers \
         from 0 to 15",
    ),
    (
        "\"features\": \"sve,pmu\"",
        "\"features\": \"pmu,sve\"",
        "line 442, column 19: views[3].features: `pmu,sve` cannot stand here: write none, or some \
         of sve,pauth,pmu in this order",
    ),
    (
        "\"features\": \"sve,pmu\"",
        "\"features\": \"sve,aarch32\"",
        "line 442, column 19: views[3].features: `sve,aarch32` cannot stand here: write none, or \
         some of sve,pauth,pmu in this order",
    ),
    (
        "\"128,256\"",
        "\"256,128\"",
        "line 419, column 25: views[1].vector-lengths: `256,128` cannot stand here: write vector \
         lengths in bits such as `128,256`",
    ),
    (
        "\"ID_PFR0_EL1\": \"0x0000000010010131\"",
        "\"ID_PFR7_EL1\": \"0x0\"",
        "line 81, column 9: views[0].registers: `ID_PFR7_EL1` is not known here: correct or remove \
         it; known are the ID registers by their names",
    ),
    (
        "\"ID_PFR0_EL1.RAS\": \"1\"",
        "\"ID_PFR0_EL1.RAZ\": \"1\"",
        "line 131, column 9: views[0].fields: `ID_PFR0_EL1.RAZ` is not known here: correct or \
         remove it; known are their fields, such as ID_AA64PFR0_EL1.SVE",
    ),
    (
        "\"ID_PFR0_EL1.RAS\": \"1\"",
        "\"ID_PFR0_EL1.RAS\": \"\"",
        "line 131, column 28: views[0].fields.ID_PFR0_EL1.RAS: an empty text cannot stand here: \
         write values such as `0-2,15`, or `0-1; 2-3 become 1`",
    ),
    (
        "\"CTR_EL0.IDC\": \"0-1\"",
        "\"CTR_EL0.IDC\": \"0-2\"",
        "line 409, column 24: views[0].fields.CTR_EL0.IDC: `0-2` cannot stand here: write values \
         of the field, which ends at 1",
    ),
    (
        "\"ID_PFR0_EL1.DIT\": \"0\",\n",
        "",
        "line 130, column 17: views[0].fields: `ID_PFR0_EL1.DIT` is missing: add it; nothing here \
         has a default",
    ),
    (
        "\"0x60200000001000d4\"",
        "\"0x60200000001000D4\"",
        "line 460, column 31: registers[0].values.0x60200000001000D4: `0x60200000001000D4` cannot \
         stand here: write a KVM register id of sixteen digits",
    ),
    (
        "\"0x60200000001000d4\": \"0x0\"",
        "\"0x60200000001000d4\": \"0x123456789\"",
        "line 460, column 31: registers[0].values.0x60200000001000d4: `0x123456789` cannot stand \
         here: write 0x and up to 8 digits, which its id says",
    ),
    (
        "\"0x60200000001000d4\"",
        "\"0x60f00000001000d4\"",
        "line 460, column 31: registers[0].values.0x60f00000001000d4: no register is so long as \
         this id says",
    ),
];

const CONTRADICTIONS: &[(&str, &str, &str)] = &[
    (
        "\"ID_PFR0_EL1.RAS\": \"1\"",
        "\"ID_PFR0_EL1.RAS\": \"0\"",
        "line 131, column 28: views[0].fields.ID_PFR0_EL1.RAS: the register holds 1 here, which \
         this does not accept: one of the two is wrong; probe the host again",
    ),
    (
        "\"ID_PFR0_EL1.RAS\": \"1\"",
        "\"ID_PFR0_EL1.RAS\": \"1; 1 become 0\"",
        "line 131, column 28: views[0].fields.ID_PFR0_EL1.RAS: `1; 1 become 0` cannot stand here: \
         write values such as `0-2,15`, or `0-1; 2-3 become 1`",
    ),
    (
        "\"features\": \"none\"",
        "\"features\": \"pauth\"",
        "line 77, column 19: views[0].features: the first view, and no other, has no features",
    ),
    (
        SECOND_VIEW,
        "\"features\": \"none\",\n      \"vector-lengths\": \"\",\n",
        "line 418, column 19: views[1].features: the first view, and no other, has no features",
    ),
    (
        SECOND_VIEW,
        "\"features\": \"sve,pmu\",\n      \"vector-lengths\": \"128,256\",\n",
        "line 442, column 19: views[3].features: two views have the same features: remove one",
    ),
    (
        "\"ID_PFR0_EL1\": \"0x0000000010010131\"",
        "\"ID_PFR0_EL1\": null",
        "line 81, column 24: views[0].registers.ID_PFR0_EL1: the first view has no such line: \
         remove this one",
    ),
    (
        "\"vector-lengths\": \"\"",
        "\"vector-lengths\": \"128\"",
        "line 78, column 25: views[0].vector-lengths: vector lengths and the feature sve go \
         together",
    ),
    (
        "\"vector-lengths\": \"128,256\"",
        "\"vector-lengths\": \"\"",
        "line 419, column 25: views[1].vector-lengths: vector lengths and the feature sve go \
         together",
    ),
    (
        "\"pmu-counters\": \"\"",
        "\"pmu-counters\": \"0\"",
        "line 79, column 23: views[0].pmu-counters: there are PMU counters without the feature pmu",
    ),
    (
        "\"writable\": {}",
        "\"writable\": {\"ID_DFR0_EL1\": null}",
        "line 424, column 35: views[1].writable.ID_DFR0_EL1: the first view has no such line: \
         remove this one",
    ),
    (
        "\"0x6030000000140000\": \"0x10001\"",
        "\"0x603000000013c00a\": \"0x0\"",
        "line 457, column 5: registers[0]: ID_DFR0_EL1 is not the same in the view and in this \
         list: one of the two is wrong; probe the host again",
    ),
    (
        "\"0x603000000013c020\": \"0x1100000011111112\"",
        "\"0x603000000013c020\": \"0x0\"",
        "line 457, column 5: registers[0]: ID_AA64PFR0_EL1 is not the same in the view and in this \
         list: one of the two is wrong; probe the host again",
    ),
    (
        "\"ID_AA64PFR0_EL1\": \"0x1100000111111112\"",
        "\"ID_AA64PFR0_EL1\": \"0x1100000011111112\"",
        "line 426, column 32: views[1].fields.ID_AA64PFR0_EL1.SVE: the register holds 0 here, \
         which this does not accept: one of the two is wrong; probe the host again",
    ),
];

const SECOND_VIEW: &str = "\"features\": \"sve\",\n      \"vector-lengths\": \"128,256\",\n";
