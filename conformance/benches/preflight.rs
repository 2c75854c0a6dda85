//! One preflight: a contract held against a host that accepts it, and against one that does not.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use vambrace_conformance::recorded;
use vambrace_core::contract::{Baseline, Contract, HostProfile, Wishes, preflight};

fn preflights(criterion: &mut Criterion) {
    let hosts = recorded::hosts();
    let contract = |host| Baseline::of(&Wishes::PLAIN, [host]).unwrap();
    let contracts: Vec<Contract> = hosts.iter().map(contract).collect();
    let pairs = || {
        let with_all = |contract| hosts.iter().map(move |host| (contract, host));
        contracts.iter().flat_map(with_all)
    };
    let reasons =
        |(contract, host): &(&Contract, &HostProfile)| preflight(contract, host).reasons().len();
    let easiest = pairs().min_by_key(reasons).unwrap();
    let hardest = pairs().max_by_key(reasons).unwrap();
    let mut group = criterion.benchmark_group("preflight");
    for (name, (contract, host)) in [("no-reason", easiest), ("most-reasons", hardest)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| preflight(black_box(contract), black_box(host)));
        });
    }
    group.finish();
}

criterion_group!(benches, preflights);
criterion_main!(benches);
