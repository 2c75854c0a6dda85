//! Uses the UART by instructions whose aborts carry no syndrome, in three kinds of translation.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::undecodable::{Access, Place, Registers},
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "Device accesses without a syndrome are emulated: write-back, pairs, signs; MMU on and off.";
    vcpus: 1;
    prove
}

/// UARTDR, and right after it UARTECR, where any write is harmless.
const DATA: u64 = 0x0900_0000;
/// UARTPCellID0 to 3: 0x0d, 0xf0, 0x05, 0xb1 (DDI0183, chapter 3).
const CELL_IDS: u64 = 0x0900_0FF0;

fn prove() -> Proof {
    for place in [Place::Mapped, Place::Untranslated, Place::Aliased] {
        line!("{place:?}:");
        // Each store prints one letter.
        store(place, Access::STORE_POST_INDEX, DATA, DATA + 4, b'w')?;
        store(place, Access::STORE_PRE_INDEX, DATA - 4, DATA, b'r')?;
        store(place, Access::STORE_BYTE, DATA, DATA + 1, b'i')?;
        store(place, Access::STORE_HALFWORD, DATA + 2, DATA, b't')?;
        store(place, Access::STORE_PAIR, DATA, DATA, b'e')?;
        store(place, Access::STORE_PAIR_POST_INDEX, DATA, DATA + 8, b's')?;
        line!("");
        load(
            place,
            Access::LOAD_POST_INDEX,
            CELL_IDS + 4,
            CELL_IDS,
            [0xF0, UNTOUCHED],
        )?;
        load(
            place,
            Access::LOAD_PRE_INDEX,
            CELL_IDS,
            CELL_IDS + 4,
            [0xF0, UNTOUCHED],
        )?;
        load(
            place,
            Access::LOAD_NOWHERE,
            CELL_IDS,
            CELL_IDS + 4,
            [UNTOUCHED; 2],
        )?;
        load(place, Access::LOAD_PAIR, CELL_IDS, CELL_IDS, [0x0D, 0xF0])?;
        load(
            place,
            Access::LOAD_PAIR_PRE_INDEX,
            CELL_IDS,
            CELL_IDS + 8,
            [0x05, 0xB1],
        )?;
        load(
            place,
            Access::LOAD_PAIR_SIGNED,
            CELL_IDS + 8,
            CELL_IDS + 8,
            [0x05, 0xB1],
        )?;
        // The one value whose sign shows: byte 0xb1.
        load(
            place,
            Access::LOAD_SIGNED_BYTE,
            CELL_IDS + 12,
            CELL_IDS + 13,
            [SIGNED_B1, UNTOUCHED],
        )?;
    }
    Ok(())
}

fn store(place: Place, access: Access, from: u64, to: u64, letter: u8) -> Proof {
    let before = Registers {
        address: from,
        first: letter.into(),
        second: 0,
    };
    let after = access.execute(place, before);
    expect::equal(access.name, after.address, to)?;
    expect::equal(access.name, after.first, letter.into())?;
    expect::equal(access.name, after.second, 0)
}

fn load(place: Place, access: Access, from: u64, to: u64, data: [u64; 2]) -> Proof {
    let before = Registers {
        address: from,
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

const UNTOUCHED: u64 = 0xDEAD_BEEF_0BAD_F00D;
const SIGNED_B1: u64 = 0xFFFF_FFFF_FFFF_FFB1;
