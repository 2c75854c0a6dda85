//! The recorded profiles still give the verdicts that real kernels confirmed.
//!
//! And a wrong verdict would be found. No host is needed. A rule that changes a verdict fails here: `cargo xtask matrix --record` asks the
//! kernels again, and records what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use vambrace_conformance::matrix::{
    Answers, Common, Differs, Figure, Heard, Outcome, PairRecord, Place, Plan, Prediction,
    Profiles, Record,
};
use vambrace_conformance::recorded;
use vambrace_core::contract::{Contract, HostProfile, ServedBy, Subject, VcpuFeatures};

/// Everything that was recorded.
struct Recorded {
    profiles: Profiles,
    plan: Plan,
    record: Record,
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let profiles = recorded::every();
    let plan = Plan::new(&profiles);
    let text = fs::read_to_string(recorded::file("result.json")).unwrap();
    let record = Record::from_json(&text).unwrap();
    Recorded {
        profiles,
        plan,
        record,
    }
});

impl Recorded {
    /// Every pair with its source and destination.
    fn pairs(&self) -> impl Iterator<Item = (&PairRecord, [Place; 2])> {
        let place = |name: &String| name.parse().unwrap();
        let pairs = self.record.pairs.iter();
        pairs.map(move |pair| (pair, [&pair.from, &pair.to].map(place)))
    }

    /// What today's rules say about everything that a host promises by itself on another.
    fn verdict(&self, [from, to]: &[Place; 2]) -> Prediction {
        let own = self.plan.own(from).unwrap();
        Prediction::of(self.plan.contract(own), &self.profiles[to].profile)
    }

    /// The contract that today's rules have for a pair, and its features; or, by features, what makes
    /// one impossible.
    fn way(&self, [from, to]: &[Place; 2]) -> Result<[String; 2], Disputes> {
        let number = match self.plan.pair(from, to).unwrap() {
            Common::Contract(number) => number,
            Common::Nothing(disputes) => {
                let named = disputes.iter().map(|(features, over)| {
                    let over = over.iter().map(ToString::to_string);
                    (features.to_string(), over.collect())
                });
                return Err(named.collect());
            }
        };
        let contract = self.plan.contract(*number);
        let features = contract.vcpu_features.to_string();
        let source = Prediction::of(contract, &self.profiles[from].profile);
        match source.excesses.is_empty() {
            true => Ok([contract.digest().to_string(), features]),
            false => {
                let levels = source.unavoidable(contract).into_iter();
                let levels = levels.map(|level| Subject::Workaround(level).to_string());
                Err([(features, levels.collect())].into())
            }
        }
    }
}

/// By features, over what two hosts have nothing in common.
type Disputes = BTreeMap<String, BTreeSet<String>>;

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
        let levels = prediction.exceeded().into_iter().map(|subject| Differs {
            subject,
            field: None,
            written: 0,
            read: 1,
        });
        Heard {
            differs: changed.chain(others).chain(levels).collect(),
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
    recorded::profiles(["6.1:cortex-a57", "7.3:max"].map(|name| name.parse().unwrap()))
}

#[test]
fn every_pair_of_hosts_is_recorded_and_decided() {
    let mut pairs = BTreeSet::new();
    for (pair, places) in RECORDED.pairs() {
        assert_eq!(
            pair.contract.is_some(),
            pair.impossible.is_empty(),
            "{pair:?}"
        );
        pairs.insert(places);
    }
    assert_eq!(RECORDED.record.pairs.len(), 42 * 42);
    assert_eq!(pairs.len(), 42 * 42);
}

#[test]
fn what_a_host_does_not_honour_of_anothers_contract_is_what_was_seen() {
    for (pair, places) in RECORDED.pairs() {
        let prediction = RECORDED.verdict(&places);
        let reasons = prediction.reasons.iter();
        let subjects: BTreeSet<_> = reasons.map(|reason| reason.subject().to_string()).collect();
        let seen = RECORDED.record.named(pair.own).map(str::to_owned);
        assert_eq!(subjects, seen.collect(), "{} to {}", pair.from, pair.to);
    }
}

#[test]
fn the_contract_of_each_pair_or_what_makes_it_impossible_is_what_was_proved() {
    for (pair, places) in RECORDED.pairs() {
        let named = |list: usize| {
            let causes = RECORDED.record.named(list);
            // Behind the comma is who confirmed it.
            let names = causes.map(|cause| cause.rsplit_once(", ").unwrap().0.to_owned());
            names.collect()
        };
        let impossible = pair.impossible.iter();
        let impossible = impossible.map(|(features, list)| (features.clone(), named(*list)));
        let features = pair.features.clone().unwrap_or("none".into());
        let proved = match &pair.contract {
            Some(digest) => Ok([digest.clone(), features]),
            None => Err(impossible.collect()),
        };
        assert_eq!(
            RECORDED.way(&places),
            proved,
            "{} to {}",
            pair.from,
            pair.to
        );
    }
}

#[test]
fn what_is_impossible_was_tried_with_every_set_of_features_that_both_have() {
    for (first, second, common) in RECORDED.plan.pairs() {
        let Common::Nothing(disputes) = common else {
            continue;
        };
        let hosts = [first, second].map(|place| &RECORDED.profiles[place].profile);
        let views = |host: &HostProfile| host.views.iter().map(|view| view.features).collect();
        let [one, other]: [BTreeSet<_>; 2] = hosts.map(views);
        let tried: BTreeSet<_> = disputes.keys().copied().collect();
        assert_eq!(tried, &one & &other, "{first} and {second}");
        assert!(disputes.values().all(|over| !over.is_empty()));
    }
}

fn common_contract(one: &str, other: &str) -> &'static Contract {
    let [one, other] = [one, other].map(|name| name.parse().unwrap());
    match RECORDED.plan.pair(&one, &other).unwrap() {
        Common::Contract(number) => RECORDED.plan.contract(*number),
        Common::Nothing(disputes) => panic!("{one} and {other}: {disputes:?}"),
    }
}

#[test]
fn linux_5_10_cannot_hide_its_pmu_so_only_a_guest_with_one_moves_from_there() {
    // ID_AA64DFR0_EL1.PMUVer is the host's in 5.10, whatever the vCPU's features, and 0 in 7.3 without
    // KVM_ARM_VCPU_PMU_V3.
    let contract = common_contract("5.10:cortex-a57", "7.3:cortex-a57");
    assert_eq!(contract.vcpu_features, VcpuFeatures::PMU);
    let contract = common_contract("6.1:cortex-a57", "7.3:cortex-a57");
    assert_eq!(contract.vcpu_features, VcpuFeatures::empty());
}

#[test]
fn two_cpus_have_a_contract_where_a_guest_can_be_told_of_both() {
    let midrs = |contract: &Contract| {
        let told = contract.implementations.iter();
        told.map(|implementation| implementation.midr)
            .collect::<Vec<_>>()
    };
    let contract = common_contract("7.3:cortex-a57", "7.3:cortex-a72");
    assert_eq!(contract.served_by, ServedBy::Kernel);
    assert_eq!(midrs(contract), [0x410f_d083, 0x411f_d070]);
    // 6.12 has no KVM_REG_ARM_VENDOR_HYP_BMAP_2, so core has to serve.
    let contract = common_contract("6.12:cortex-a57", "7.3:cortex-a72");
    assert_ne!(contract.served_by, ServedBy::Kernel);
    assert_eq!(midrs(contract), [0x410f_d083, 0x411f_d070]);
}

#[test]
fn nothing_in_the_record_is_wrong() {
    let compared = &RECORDED.record.compared;
    assert_eq!(compared["wrong-accepts"], 0);
    assert_eq!(compared["wrong-refusals"], 0);
    assert_eq!(compared["agreements"], compared["contracts-told"]);
}

#[test]
fn the_page_about_moving_has_the_figures_of_the_record() {
    let page = [env!("CARGO_MANIFEST_DIR"), "../docs/migration.md"];
    let page = fs::read_to_string(page.iter().collect::<PathBuf>()).unwrap();
    let compared = &RECORDED.record.compared;
    let told = thousands(compared["contracts-told"]);
    let is_of_the_matrix = |places: &[Place; 2]| places.iter().all(Place::is_of_the_matrix);
    let count = |is_so: &dyn Fn(&PairRecord) -> bool| {
        let pairs = RECORDED.pairs();
        let so = pairs.filter(|(pair, places)| is_of_the_matrix(places) && is_so(pair));
        thousands(so.count())
    };
    for line in [
        format!("| contracts told to hosts | {told}, agreements {told} |"),
        row(
            "reasons that a kernel confirmed",
            compared["reasons-confirmed"],
        ),
        row(
            "normalisations predicted and seen",
            compared["normalisations-confirmed"],
        ),
        row(
            "reasons that only a guest sees, shown by guests",
            compared["guest-reasons-shown"],
        ),
        format!("| of ordered pairs of hosts | {} |", count(&|_| true)),
        format!("| raw state moves on | {} |", count(&|pair| pair.raw)),
        format!(
            "| a guest launched with the pair's baseline moves on | {} |",
            count(&|pair| pair.contract.is_some())
        ),
        format!(
            "| of these, only with a vCPU feature, the PMU | {} |",
            count(&|pair| pair.features.is_some())
        ),
        format!(
            "| none moves on, whatever it is launched with | {} |",
            count(&|pair| pair.contract.is_none())
        ),
    ] {
        assert!(page.contains(&line), "not in docs/migration.md: {line}");
    }
}

fn row(what: &str, number: usize) -> String {
    format!("| {what} | {} |", thousands(number))
}

/// With a blank between thousands.
fn thousands(number: usize) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        more => format!("{} {:03}", thousands(more), number % 1_000),
    }
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

#[test]
fn a_pair_is_undecided_if_no_guest_ran_and_no_kernel_was_asked_for_a_value() {
    let profiles = two();
    let plan = Plan::new(&profiles);
    let figure = Figure::new(&plan, &profiles, &obedient(&plan, &profiles));
    assert_eq!((figure.pairs.len(), figure.undecided().count()), (4, 4));
}
