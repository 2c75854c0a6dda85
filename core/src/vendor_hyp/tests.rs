//! What a guest hears of the vendor services, by the registers.

use super::*;
use crate::firmware::{Dialect, Services};
use crate::memory::Ipa;
use crate::smccc::{Caller, Conduit};
use crate::vcpu::Mpidr;
use crate::vm::Lent;
use crate::{Outcome, Vm, VmConfig};

const HOST: Implementation = Implementation {
    midr: 0x410f_d0c1,
    revidr: 5,
    aidr: 7,
};
const OTHER: Implementation = Implementation {
    midr: 0x410f_d490,
    revidr: 0,
    aidr: 0,
};

/// A machine with all of the services.
fn machine() -> (Vm<1>, Caller) {
    let mut list = Implementations::new();
    list.add(HOST).unwrap();
    list.add(OTHER).unwrap();
    let mut config = VmConfig::new()
        .with_dialect(Dialect::Specification)
        .with_services(Services::all())
        .with_pv_time(Ipa::new(0x90a_0000))
        .with_implementations(list);
    let boot = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0)).unwrap();
    let mut vm = config.freeze(boot, Ipa::new(0), 0).unwrap();
    let _ = vm.begin(boot);
    (vm, Caller::little_endian_aarch64(boot, Conduit::Hvc(0)))
}

fn call(id: u64, args: &[u64], lent: Lent<'_>) -> Outcome {
    let (mut vm, caller) = machine();
    vm.call(&caller, &Args::new(id, args), lent)
}

fn registers(id: u64, args: &[u64]) -> Vec<u64> {
    match call(id, args, Lent::NOTHING) {
        Outcome::Resume(results) => results.registers().to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_identifier_is_kvms() {
    assert_eq!(
        registers(0x8600_ff01, &[]),
        [0xb66f_b428, 0xe911_c52e, 0x564b_caa9, 0x743a_004d]
    );
}

#[test]
fn features_are_the_active_bitmaps() {
    assert_eq!(registers(0x8600_0000, &[]), [3, 0, 3, 0]);
}

#[test]
fn ptp_gives_wall_clock_and_the_counter_asked_for_in_halves() {
    let lent = || Lent {
        clocks: Some(Clocks {
            wall_clock: 0x1111_1111_2222_2222,
            virtual_counter: 0x3333_3333_4444_4444,
            physical_counter: 0x5555_5555_6666_6666,
        }),
        ..Lent::NOTHING
    };
    for (counter, cycles) in [
        (0, [0x3333_3333, 0x4444_4444]),
        (1, [0x5555_5555, 0x6666_6666]),
    ] {
        let Outcome::Resume(results) = call(0x8600_0001, &[counter], lent()) else {
            panic!("the clocks were lent");
        };
        let expected = [0x1111_1111, 0x2222_2222, cycles[0], cycles[1]];
        assert_eq!(results.registers(), expected);
    }
}

#[test]
fn ptp_of_an_unknown_counter_needs_no_clock() {
    assert_eq!(registers(0x8600_0001, &[2]), [u64::MAX]);
    assert!(matches!(
        call(0x8600_0001, &[0], Lent::NOTHING),
        Outcome::Fetch(needs) if needs.clocks()
    ));
}

#[test]
fn implementations_are_told_by_index_to_the_end_of_the_list() {
    assert_eq!(registers(0xc600_0040, &[]), [0, 0x1_0000, 2, 0]);
    assert_eq!(registers(0xc600_0041, &[0]), [0, 0x410f_d0c1, 5, 7]);
    assert_eq!(registers(0xc600_0041, &[1]), [0, 0x410f_d490, 0, 0]);
    for index in [2, 64, u64::MAX] {
        assert_eq!(registers(0xc600_0041, &[index]), [0xffff_ffff_ffff_fffd]);
    }
}
