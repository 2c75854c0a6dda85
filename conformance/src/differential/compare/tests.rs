//! Logs of a host whose firmware is core itself, with errors planted in them.

use super::*;
use crate::differential::generator::list;
use crate::differential::machine::Kernel;

fn fullest() -> (Machine, Vec<Record>) {
    let machine = Kernel::named("7.3").unwrap().fullest();
    let records = list(&machine, 11, 0x4020_1000).unwrap();
    (machine, records)
}

/// The log of a host whose firmware is core: its clocks run, and it promises workarounds 1 and 2.
fn log_of(machine: &Machine, records: &[Record]) -> Vec<Entry> {
    let mut model = Model::new(machine).unwrap();
    let mut time = 0;
    let answers = records.iter().map(|record| {
        let Answer::GoesOn(_, mut entry) = model.make(&record.call) else {
            panic!("no call ends the machine");
        };
        time += 1;
        if let Entry::Returned(registers) = &mut entry {
            differ_by_nature(&record.call, registers, time);
        }
        entry
    });
    answers.collect()
}

fn differ_by_nature(call: &Call, registers: &mut [u64; 18], time: u64) {
    let served = registers[0] == 0;
    match (call.function(), call.given[1] & 0xffff_ffff) {
        (0x8400_0053 | 0xc400_0053, _) if served => {
            registers[3] &= time.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        (0x8600_0001, _) if served => registers[..4].copy_from_slice(&[0x18c0_0000, 7, 0, time]),
        (0x8000_0001, 0x8000_8000) if registers[1] == 0 => registers[0] = 1,
        (0x8000_0001, 0x8000_7fff) if registers[1] == 0 => registers[0] = 0xffff_ffff_ffff_fffe,
        _ => {}
    }
}

fn compared(machine: &Machine, records: &[Record], log: &[Entry]) -> Comparison {
    compare(machine, records, log, &mut HostShape::default()).unwrap()
}

/// The places of all calls of a function with this in x1 that a log answers with `x0`.
fn places(records: &[Record], log: &[Entry], function: u32, x1: u64, x0: u64) -> Vec<usize> {
    let found = records
        .iter()
        .zip(log)
        .enumerate()
        .filter(|(_, (record, entry))| {
            let call = record.call;
            (call.function(), call.given[1]) == (function, x1)
                && matches!(entry, Entry::Returned(registers) if registers[0] == x0)
        });
    found.map(|(index, _)| index).collect()
}

/// How many differences a change makes in the last of those answers.
fn differences(function: u32, x1: u64, x0: u64, change: impl Fn(&mut [u64; 18])) -> usize {
    let (machine, records) = fullest();
    let mut log = log_of(&machine, &records);
    let last = *places(&records, &log, function, x1, x0).last().unwrap();
    let Entry::Returned(registers) = &mut log[last] else {
        panic!("it returns");
    };
    change(registers);
    let found = compared(&machine, &records, &log).unexplained;
    assert!(found.iter().all(|difference| difference.index == last));
    found.len()
}

#[test]
fn core_differs_from_itself_by_nature_alone() {
    for kernel in Kernel::ALL {
        for machine in [kernel.fullest(), kernel.barest()] {
            let records = list(&machine, 9, 0x4020_1000).unwrap();
            let comparison = compared(&machine, &records, &log_of(&machine, &records));
            assert_eq!(comparison.compared, records.len());
            assert_eq!(comparison.unexplained, [], "{}", kernel.name);
            let explained: Vec<_> = comparison.explained.into_keys().collect();
            let expected = match machine.has("ptp") {
                true => &Rule::ALL[..],
                false => &[Rule::WorkaroundLevels],
            };
            assert_eq!(explained, expected);
        }
    }
}

#[test]
fn every_changed_register_is_a_difference() {
    for register in 0..18 {
        let flip = |registers: &mut [u64; 18]| registers[register] ^= 1 << 40;
        assert_eq!(
            differences(0x8400_000a, 0x8400_0001, 0, flip),
            1,
            "x{register}"
        );
    }
}

#[test]
fn an_error_in_one_functions_answers_is_found_as_often_as_it_was_called() {
    let (machine, records) = fullest();
    let mut log = log_of(&machine, &records);
    let mut flipped = 0;
    for (record, entry) in records.iter().zip(&mut log) {
        if let (0x8400_0006, Entry::Returned(registers)) = (record.call.function(), entry) {
            registers[0] ^= 1 << 4;
            flipped += 1;
        }
    }
    assert!(flipped > 50);
    assert_eq!(
        compared(&machine, &records, &log).unexplained.len(),
        flipped
    );
}

#[test]
fn random_bits_beyond_those_asked_for_are_a_difference() {
    let bit_32 = |registers: &mut [u64; 18]| registers[3] ^= 1 << 32;
    assert_eq!(differences(0x8400_0053, 0x60, 0, bit_32), 1);
    assert_eq!(differences(0xc400_0053, 0x60, 0, bit_32), 0);
    assert_eq!(differences(0xc400_0053, 0x20, 0, bit_32), 1);
    let x4 = |registers: &mut [u64; 18]| registers[4] ^= 1;
    assert_eq!(differences(0xc400_0053, 0xc0, 0, x4), 1);
    let no_entropy = |registers: &mut [u64; 18]| registers[0] = u64::MAX - 2;
    assert_eq!(differences(0xc400_0053, 0xc0, 0, no_entropy), 1);
}

#[test]
fn a_generator_that_stands_still_is_a_difference_with_every_long_draw() {
    let (machine, records) = fullest();
    let mut log = log_of(&machine, &records);
    let mut draws = places(&records, &log, 0xc400_0053, 0xc0, 0);
    draws.remove(0);
    for place in &draws {
        if let Entry::Returned(registers) = &mut log[*place] {
            registers[1..4].copy_from_slice(&[0; 3]);
        }
    }
    let found = compared(&machine, &records, &log).unexplained;
    assert!(!found.is_empty());
    assert!(
        found
            .iter()
            .all(|difference| draws.contains(&difference.index))
    );
}

#[test]
fn clocks_that_go_back_or_are_no_words_are_a_difference() {
    for change in [
        |registers: &mut [u64; 18]| registers[3] = 1,
        |registers: &mut [u64; 18]| registers[1] = 6,
        |registers: &mut [u64; 18]| registers[2] = 1 << 32,
        |registers: &mut [u64; 18]| registers[0] = u64::MAX,
    ] {
        assert_eq!(differences(0x8600_0001, 1, 0x18c0_0000, change), 1);
    }
}

#[test]
fn a_workaround_has_one_level_on_one_host() {
    let answer = |x0: u64| move |registers: &mut [u64; 18]| registers[0] = x0;
    // What the model itself answers, and no other.
    assert_eq!(
        differences(0x8000_0001, 0x8000_8000, 1, answer(u64::MAX)),
        1
    );
    assert_eq!(differences(0x8000_0001, 0x8000_8000, 1, answer(0)), 1);
    assert_eq!(
        differences(0x8000_0001, 0x8000_3fff, u64::MAX, answer(1)),
        1
    );

    let (machine, records) = fullest();
    let log = log_of(&machine, &records);
    let mut host = HostShape::default();
    compare(&machine, &records, &log, &mut host).unwrap();
    let mut other = log.clone();
    let asked = places(&records, &log, 0x8000_0001, 0x8000_8000, 1);
    for place in &asked {
        if let Entry::Returned(registers) = &mut other[*place] {
            registers[0] = 0;
        }
    }
    let second = compare(&machine, &records, &other, &mut host).unwrap();
    assert_eq!(second.unexplained.len(), asked.len());
}

#[test]
fn a_call_that_was_not_made_or_has_another_effect_is_a_difference() {
    let (machine, records) = fullest();
    let log = log_of(&machine, &records);
    let off = records
        .iter()
        .position(|record| record.effect == Effect::Leaves)
        .unwrap();
    let mut other = log.clone();
    other[off] = Entry::Returned([0; 18]);
    other[0] = Entry::Missing;
    let comparison = compared(&machine, &records, &other);
    let found: Vec<_> = comparison
        .unexplained
        .iter()
        .map(|found| found.index)
        .collect();
    assert_eq!(found, [0, off]);
    assert_eq!(comparison.compared, records.len() - 1);
}

#[test]
fn a_difference_tells_the_call_and_both_answers() {
    let call = Call {
        cpu: 2,
        conduit: Conduit::Smc(0),
        given: [0xc400_0004, 1, 4, 5, 0, 0, 0, 0, 0, 0, 0],
    };
    let mut expected = call.registers();
    expected[..4].copy_from_slice(&[u64::MAX - 1, 0, 0, 0]);
    let mut found = expected;
    (found[0], found[7]) = (0, 9);
    let difference = Difference {
        index: 3,
        record: Record {
            call,
            effect: Effect::Returns,
        },
        expected: Entry::Returned(expected),
        found: Entry::Returned(found),
    };
    assert_eq!(
        difference.to_string(),
        "record 3: CPU 2: SMC #0 x0=0xc4000004 x1=0x1 x2=0x4 x3=0x5\n  \
         core on this host: x0=0xfffffffffffffffe x1=0x0 x2=0x0 x3=0x0\n  \
         the run:           x0=0x0 x1=0x0 x2=0x0 x3=0x0 x7=0x9"
    );
}
