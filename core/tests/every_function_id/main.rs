//! Every function id, in machines with everything, with nothing, and with all between.
//!
//! What is there is written down in `known.rs`, from the specifications. It is held against what
//! is served, by the call itself, and against what is advertised, for every machine. All 2^32 ids
//! are called in a release build, by `every_function_id` of the package `vambrace-conformance`.

mod known;

use std::sync::LazyLock;

use known::{By, KNOWN, Made, Rest, offered};
use vambrace_core::firmware::{Dialect, KvmGeneration, Level, Services, Workaround, Workarounds};
use vambrace_core::memory::Ipa;
use vambrace_core::psci::PsciOptions;
use vambrace_core::smccc::{Args, Caller, Conduit};
use vambrace_core::vcpu::Mpidr;
use vambrace_core::{Lent, Outcome, Vm, VmConfig};

const NOT_SUPPORTED: u64 = 0xffff_ffff_ffff_ffff;
const SPECIFICATION: Dialect = Dialect::Specification;
const NEWEST_KVM: Dialect = Dialect::Kvm(KvmGeneration::V7_3);

const EVERYTHING: Made = Made {
    dialect: SPECIFICATION,
    psci: 0x1_0003,
    smccc: 0x1_0006,
    options: PsciOptions::all(),
    services: Services::all(),
    rest: Rest::On,
};
const NOTHING: Made = Made {
    dialect: SPECIFICATION,
    psci: 0x0_0001,
    smccc: 0x1_0000,
    options: PsciOptions::empty(),
    services: Services::empty(),
    rest: Rest::Off,
};
const EVERYTHING_OF_KVM: Made = Made {
    dialect: NEWEST_KVM,
    smccc: 0x1_0001,
    options: PsciOptions::SYSTEM_RESET2
        .union(PsciOptions::SYSTEM_OFF2)
        .union(PsciOptions::SYSTEM_SUSPEND),
    ..EVERYTHING
};
const NOTHING_OF_KVM: Made = Made {
    dialect: NEWEST_KVM,
    smccc: 0x1_0001,
    ..NOTHING
};

// ---- every id that can name a function

#[test]
fn of_33_million_ids_a_machine_with_everything_serves_those_of_the_specifications() {
    let mut expected: Vec<u32> = EVERYTHING.ids().collect();
    assert_eq!(expected.len(), 57);
    // Bit 16 of a fast call is a hint from SMCCC 1.3 on, so that each id has a twin.
    expected.extend(EVERYTHING.ids().map(|id| id | 1 << 16));
    expected.sort_unstable();
    assert_eq!(served_of_all(&EVERYTHING), expected);
}

#[test]
fn of_33_million_ids_a_machine_with_nothing_serves_three() {
    assert_eq!(
        served_of_all(&NOTHING),
        [0x95c1_ba5e, 0x95c1_ba5f, 0x95c1_ba60]
    );
}

#[test]
fn of_33_million_ids_a_kvm_machine_with_everything_serves_those_of_kvm() {
    let expected: Vec<u32> = EVERYTHING_OF_KVM.ids().collect();
    assert_eq!(expected.len(), 35);
    assert_eq!(served_of_all(&EVERYTHING_OF_KVM), expected);
}

#[test]
fn of_33_million_ids_a_kvm_machine_with_nothing_serves_seven() {
    assert_eq!(
        served_of_all(&NOTHING_OF_KVM),
        [
            0x8000_0000,
            0x8000_0001,
            0x8000_3fff,
            0x8000_7fff,
            0x8000_8000,
            0x95c1_ba5f,
            0x95c1_ba60
        ]
    );
}

/// Those of [`regular_ids`] that are not unknown.
fn served_of_all(made: &Made) -> Vec<u32> {
    served_of(made, regular_ids())
}

/// Every id with a place in table 2-1 of DEN0028, bits 23:17 being zero; and the 65 536 among which
/// those of PSCI 0.1 lie.
fn regular_ids() -> impl Iterator<Item = u32> {
    let regular = |top: u32| top << 24..=top << 24 | 0x1_ffff;
    (0..0x96)
        .flat_map(regular)
        .chain(0x95c1_0000..=0x95c1_ffff)
        .chain((0x96..=0xff).flat_map(regular))
}

fn served_of(made: &Made, ids: impl Iterator<Item = u32>) -> Vec<u32> {
    let (fresh, caller) = made.machine();
    let mut vm = fresh.clone();
    let mut served = Vec::new();
    for id in ids {
        if serves(&mut vm, &caller, id) {
            served.push(id);
            // It may have turned the CPU off.
            vm = fresh.clone();
        }
    }
    served
}

/// Is the call anything else than unknown? With no argument at hand, a function that is there asks
/// for its arguments, and one that takes none does what it does.
fn serves(vm: &mut Vm<1>, caller: &Caller, id: u32) -> bool {
    match vm.call(caller, &Args::new(id.into(), &[]), Lent::NOTHING) {
        Outcome::Resume(results) => results.x0() != NOT_SUPPORTED,
        _ => true,
    }
}

// ---- every machine

#[test]
fn what_is_advertised_is_served_whatever_the_services_and_versions() {
    let mut machines = 0;
    for services in subsets(Services::all()) {
        for psci in PSCI_VERSIONS {
            for smccc in 0x1_0000..=0x1_0006 {
                for (options, rest) in [
                    (PsciOptions::all(), Rest::On),
                    (PsciOptions::empty(), Rest::Off),
                ] {
                    check(&Made {
                        dialect: SPECIFICATION,
                        psci,
                        smccc,
                        options,
                        services,
                        rest,
                    });
                    machines += 1;
                }
            }
        }
    }
    assert_eq!(machines, 64 * 6 * 7 * 2);
}

#[test]
fn what_is_advertised_is_served_whatever_the_options() {
    let mut machines = 0;
    for bits in 0..=PsciOptions::all().bits() {
        for psci in PSCI_VERSIONS {
            check(&Made {
                psci,
                options: PsciOptions::from_bits(bits).unwrap(),
                ..EVERYTHING
            });
            machines += 1;
        }
    }
    assert_eq!(machines, 2048 * 6);
}

#[test]
fn every_generation_of_kvm_advertises_and_serves_what_it_has() {
    let suspend = PsciOptions::SYSTEM_SUSPEND;
    let both = PsciOptions::SYSTEM_RESET2 | PsciOptions::SYSTEM_OFF2;
    let mut machines = 0;
    for (generation, newest, options) in [
        (KvmGeneration::V5_10, 0x1_0000, both),
        (KvmGeneration::V6_1, 0x1_0001, both | suspend),
        (KvmGeneration::V6_12, 0x1_0001, both | suspend),
        (KvmGeneration::V7_3, 0x1_0003, both | suspend),
    ] {
        let dialect = Dialect::Kvm(generation);
        for services in subsets(offered(dialect)) {
            for psci in PSCI_VERSIONS.into_iter().filter(|psci| *psci <= newest) {
                for (options, rest) in [(options, Rest::On), (PsciOptions::empty(), Rest::Off)] {
                    check(&Made {
                        dialect,
                        psci,
                        smccc: 0x1_0001,
                        options,
                        services,
                        rest,
                    });
                    machines += 1;
                }
            }
        }
    }
    assert_eq!(machines, 2 * (2 * 3 + 16 * 4 + 16 * 4 + 64 * 6));
}

#[test]
fn a_workaround_is_advertised_if_and_only_if_it_is_served() {
    let levels = [Level::NotAvailable, Level::Available, Level::NotRequired];
    for (id, workaround) in [
        (0x8000_8000, Workaround::One),
        (0x8000_7fff, Workaround::Two),
        (0x8000_3fff, Workaround::Three),
        (0x8000_0004, Workaround::Four),
    ] {
        for level in levels {
            let promised = Workarounds::NONE.with(workaround, level);
            let mut config = VmConfig::<1>::new().with_workarounds(promised);
            let boot = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0)).unwrap();
            let mut vm = config.freeze(boot, Ipa::new(0), 0).unwrap();
            let _ = vm.begin(boot);
            let caller = Caller::little_endian_aarch64(boot, Conduit::Hvc(0));
            let told = registers(&mut vm, &caller, 0x8000_0001, id)[0] != NOT_SUPPORTED;
            let served = registers(&mut vm, &caller, id, 0)[0] != NOT_SUPPORTED;
            assert_eq!(told, served, "{workaround:?} {level:?}");
        }
    }
}

const PSCI_VERSIONS: [u32; 6] = [0x1, 0x2, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003];

fn subsets(of: Services) -> impl Iterator<Item = Services> {
    let flags: Vec<Services> = of.iter().collect();
    (0..1_u32 << flags.len()).map(move |chosen| {
        let chosen = flags
            .iter()
            .enumerate()
            .filter(|(n, _)| chosen >> n & 1 == 1);
        chosen.map(|(_, flag)| *flag).collect()
    })
}

/// All known ids, their neighbours, and one id of each owner, type and width.
fn interesting_ids() -> &'static [u32] {
    static IDS: LazyLock<Vec<u32>> = LazyLock::new(collect_interesting_ids);
    &IDS
}

fn collect_interesting_ids() -> Vec<u32> {
    let neighbours = |id: u32| [id.wrapping_sub(1), id, id.wrapping_add(1)];
    let flipped = |id: u32| [id ^ 1 << 30, id ^ 1 << 31, id ^ 1 << 17];
    let mut ids: Vec<u32> = KNOWN.iter().flat_map(|(id, ..)| neighbours(*id)).collect();
    ids.extend(KNOWN.iter().flat_map(|(id, ..)| flipped(*id)));
    ids.extend((0..256).map(|top| top << 24));
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Holds the machine against `known.rs`: what it serves, and what each of its advertisers says.
fn check(made: &Made) {
    let (mut vm, caller) = made.machine();
    let served = served_of(made, interesting_ids().iter().copied());
    let known: Vec<u32> = made.ids().collect();
    assert_eq!(served, known, "{made:x?}");
    for advertiser in [0x8000_0001, 0x8400_000a, 0x8400_0051, 0xc500_0020] {
        if !served.contains(&advertiser) {
            continue;
        }
        for &id in interesting_ids() {
            let found = registers(&mut vm, &caller, advertiser, id)[0] != NOT_SUPPORTED;
            let expected = advertises(made, advertiser, id);
            assert_eq!(found, expected, "{advertiser:#x} of {id:#x} {made:x?}");
        }
    }
    if served.contains(&0x8600_0000) {
        let bits = KNOWN.iter().filter(|(_, what, _)| made.has(*what));
        let bitmap = bits.fold(0_u128, |bitmap, (.., by)| match by {
            By::VendorBit(bit) => bitmap | 1 << bit,
            _ => bitmap,
        });
        let [x0, x1, x2, x3] = registers(&mut vm, &caller, 0x8600_0000, 0);
        assert_eq!(u128::from(x0) | u128::from(x2) << 64, bitmap, "{made:x?}");
        assert_eq!([x1, x3], [0, 0]);
    }
}

/// Does this function of the machine tell that `id` is there?
fn advertises(made: &Made, advertiser: u32, id: u32) -> bool {
    let known = KNOWN.iter().find(|(known, ..)| *known == id);
    let there = known.filter(|(_, what, _)| made.has(*what));
    let by = there.map_or(By::Nobody, |(.., by)| *by);
    match advertiser {
        0x8000_0001 => in_arch_features(made, id, by),
        0x8400_000a => matches!(by, By::PsciFeatures | By::ArchAndPsciFeatures),
        0x8400_0051 => by == By::TrngFeatures,
        _ => by == By::PvTimeFeatures,
    }
}

/// Does SMCCC_ARCH_FEATURES tell of the function? In KVM it tells of the workarounds that are
/// promised and of PV time, but neither of SMCCC_VERSION nor of itself.
fn in_arch_features(made: &Made, id: u32, by: By) -> bool {
    let oldest_kvm = made.dialect == Dialect::Kvm(KvmGeneration::V5_10);
    match id {
        0xc500_0020 if oldest_kvm => true,
        0x8000_0000 | 0x8000_0001 | 0xc500_0021 if made.is_kvm() => false,
        0x8000_3fff | 0x8000_7fff | 0x8000_8000 => made.rest == Rest::On,
        _ => matches!(
            by,
            By::ArchFeatures | By::ArchAndPsciFeatures | By::PvTimeFeatures
        ),
    }
}

/// x0 to x3 after a call with one argument, the registers that it does not write holding 0.
fn registers(vm: &mut Vm<1>, caller: &Caller, id: u32, argument: u32) -> [u64; 4] {
    let from_x1 = [argument.into()];
    let args = Args::new(id.into(), &from_x1);
    let (Outcome::Resume(results) | Outcome::Mitigate(results, _)) =
        vm.call(caller, &args, Lent::NOTHING)
    else {
        panic!("{id:#x} did not return");
    };
    let mut registers = [0; 4];
    let written = results.registers();
    registers[..written.len()].copy_from_slice(written);
    registers
}
