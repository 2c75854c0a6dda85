//! A wrong verdict would be found: made-up answers of recorded hosts.
//!
//! No host is needed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use vambrace_conformance::matrix::{
    Answers, Differs, Heard, Outcome, Place, Plan, Prediction, Profiles,
};
use vambrace_core::contract::Subject;
use vambrace_formats::profile::ProfileFile;

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "hosts", name].iter().collect()
}

fn profiles(places: impl IntoIterator<Item = Place>) -> Profiles {
    let read = |place: Place| {
        let bytes = fs::read(file(&place.file_name())).unwrap();
        let profile = ProfileFile::read(&bytes).unwrap_or_else(|error| panic!("{place}: {error}"));
        (place, profile)
    };
    places.into_iter().map(read).collect()
}

/// What hosts answer that do exactly what their profiles say.
fn obedient(plan: &Plan, profiles: &Profiles) -> BTreeMap<Place, Answers> {
    let heard = |prediction: Prediction| {
        let kept = |change: &Differs| !prediction.refused.contains_key(&change.subject);
        let changed = prediction
            .changed
            .iter()
            .filter(|change| kept(change))
            .cloned();
        let list = Subject::ImplementationList.to_string();
        let others = prediction
            .seen_by_guests
            .iter()
            .filter(|subject| **subject != list);
        let others = others.map(|subject| Differs {
            subject: subject.clone(),
            field: None,
            written: 0,
            read: 1,
        });
        Heard {
            differs: changed.chain(others).collect(),
            refused: prediction.refused.clone(),
        }
    };
    let answers = profiles.iter().map(|(place, file)| {
        let contracts = plan.contracts().enumerate();
        let contracts = contracts.map(|(number, (_, contract))| {
            (number, heard(Prediction::of(contract, &file.profile)))
        });
        let answers = Answers {
            contracts: contracts.collect(),
            ..Answers::default()
        };
        (place.clone(), answers)
    });
    answers.collect()
}

fn two() -> Profiles {
    profiles(["6.1:cortex-a57", "7.3:max"].map(|name| name.parse().unwrap()))
}

#[test]
fn hosts_that_do_what_their_profiles_say_disagree_with_nothing() {
    let profiles = two();
    let plan = Plan::new(&profiles);
    let outcome = Outcome::new(&plan, &profiles, &obedient(&plan, &profiles));
    assert_eq!(outcome.findings, []);
    assert_eq!(outcome.tally.pairs, 4);
    assert_eq!(outcome.tally.agreed, outcome.tally.told);
    assert!(outcome.tally.reasons_confirmed > 20);
}

#[test]
fn a_refusal_that_nobody_predicted_is_a_wrong_accept() {
    let profiles = two();
    let plan = Plan::new(&profiles);
    let mut answers = obedient(&plan, &profiles);
    let place: Place = "7.3:max".parse().unwrap();
    let own = plan.own(&place).unwrap();
    let heard = answers
        .get_mut(&place)
        .unwrap()
        .contracts
        .get_mut(&own)
        .unwrap();
    heard.refused.insert("CTR_EL0".into(), 22);
    let outcome = Outcome::new(&plan, &profiles, &answers);
    assert_eq!(
        (outcome.tally.wrong_accepts, outcome.tally.wrong_refusals),
        (1, 0)
    );
    assert_eq!(
        outcome.findings[0].to_string(),
        "7.3:max: 7.3:max with none: CTR_EL0: predicted: accepted; seen: refused with EINVAL"
    );
}

#[test]
fn a_host_that_takes_everything_makes_each_refusal_wrong() {
    let profiles = two();
    let plan = Plan::new(&profiles);
    let mut answers = obedient(&plan, &profiles);
    let place: Place = "6.1:cortex-a57".parse().unwrap();
    let refused = |answers: &Answers| {
        let heard = answers.contracts.values();
        heard.filter(|heard| !heard.refused.is_empty()).count()
    };
    let host = answers.get_mut(&place).unwrap();
    let wrong = refused(host);
    for heard in host.contracts.values_mut() {
        heard.refused.clear();
    }
    let outcome = Outcome::new(&plan, &profiles, &answers);
    assert!(wrong > 0);
    assert_eq!(
        (outcome.tally.wrong_accepts, outcome.tally.wrong_refusals),
        (0, wrong)
    );
}
