//! The differential run finds what it is for: a guest that is told less than its list was made for.

use vambrace_conformance::differential::{
    Answer, Firmware, HostShape, Kernel, Machine, Model, Record, Run, compare, entry_point, list,
};
use vambrace_core::psci::PsciVersion;

/// Where two machines answer otherwise.
fn parted(one: &Machine, other: &Machine, records: &[Record]) -> Vec<usize> {
    let [mut one, mut other] = [one, other].map(|machine| Model::new(machine).unwrap());
    let made = |model: &mut Model, record: &Record| match model.make(&record.call) {
        Answer::GoesOn(_, entry) => entry,
        Answer::Ends => panic!("no call of the list ends a machine"),
    };
    let parts = |record: &Record| made(&mut one, record) != made(&mut other, record);
    let parts: Vec<bool> = records.iter().map(parts).collect();
    (0..records.len()).filter(|index| parts[*index]).collect()
}

#[test]
fn an_older_psci_than_the_list_was_made_for_is_found_in_each_of_its_answers() {
    let machine = Kernel::named("6.12").unwrap().fullest();
    let older = Machine {
        psci: PsciVersion::V1_0,
        ..machine
    };
    let mut records = list(&machine, 5, entry_point().unwrap()).unwrap();
    records.truncate(5_000);
    let expected = parted(&machine, &older, &records);
    assert!(expected.len() > 20, "{expected:?}");
    let run = Run::of(&older, Firmware::Core, &records).unwrap();
    run.end.unwrap();
    let compared = |machine| compare(machine, &records, &run.log, &mut HostShape::default());
    assert_eq!(compared(&older).unwrap().unexplained, []);
    let unexplained = compared(&machine).unwrap().unexplained.into_iter();
    let found: Vec<usize> = unexplained.map(|difference| difference.index).collect();
    assert_eq!(found, expected);
}
