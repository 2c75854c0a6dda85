//! Reads and writes an address that no device claims, with and without a syndrome.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::undecodable::{Access, Place, Registers},
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "An address that no device claims reads as 0 and ignores writes.";
    vcpus: 1;
    prove
}

const UNCLAIMED: u64 = 0x0B00_0000;
const UNTOUCHED: u64 = 0xDEAD_BEEF_0BAD_F00D;

fn prove() -> Proof {
    for place in [Place::Mapped, Place::Untranslated, Place::Aliased] {
        line!("{place:?}:");
        access(
            place,
            Access::STORE_POST_INDEX,
            UNCLAIMED + 4,
            [UNTOUCHED; 2],
        )?;
        access(place, Access::STORE_PAIR, UNCLAIMED, [UNTOUCHED; 2])?;
        access(place, Access::LOAD_PAIR, UNCLAIMED, [0, 0])?;
        access(place, Access::LOAD_PAIR_DOUBLEWORDS, UNCLAIMED, [0, 0])?;
        access(
            place,
            Access::LOAD_DOUBLEWORD,
            UNCLAIMED + 8,
            [0, UNTOUCHED],
        )?;
        access(place, Access::LOAD_PAIR_SIGNED, UNCLAIMED, [0, 0])?;
    }
    Ok(())
}

fn access(place: Place, access: Access, to: u64, data: [u64; 2]) -> Proof {
    let before = Registers {
        address: UNCLAIMED,
        first: UNTOUCHED,
        second: UNTOUCHED,
    };
    let after = access.execute(place, before);
    line!(
        "{}: {:#x} {:#x} {:#x}",
        access.name,
        after.address,
        after.first,
        after.second
    );
    expect::equal(access.name, after.address, to)?;
    expect::equal(access.name, after.first, data[0])?;
    expect::equal(access.name, after.second, data[1])
}
