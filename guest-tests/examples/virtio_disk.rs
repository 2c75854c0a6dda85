//! A virtio disk in the first slot, 1 MiB of it, keeps what is written (`vambrace run --disk`).
//!
//! A disk that has nothing of it yet is written and the machine reset; the next life finds all of it.
//! Where the disk is read-only (feature bit 5), it refuses to be written to and is still read.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::memory::{doubleword, word},
    claim,
    expect::{self, Failure, Proof},
    firmware::{Call, SYSTEM_RESET},
    line,
    virtio::{Buffer, Device, RINGS, Writer},
};

claim! {
    "A virtio disk keeps what is written to it over a reset, or refuses it where it is read-only.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    let mut disk = Device::find(0, 2)?;
    disk.set_up(FLUSH)?;
    let sectors = disk.read(0x100);
    expect::holds("sectors", sectors.into(), "2048 or more", sectors >= 2048)?;
    disk.write(0x14, 0);
    let read_only = disk.read(0x10) & READ_ONLY != 0;
    line!("read-only: {read_only}");
    expect::equal("read outside", read(&mut disk, sectors.into())?, IOERR)?;
    expect::equal("unknown request", ask(&mut disk, 77, 0, None)?, UNSUPPORTED)?;
    expect::equal("read", read(&mut disk, 0)?, OK)?;
    let written_before = doubleword(DATA + 8).load(Ordering::Relaxed) == pattern(0, 8);
    if !written_before {
        write_all(&mut disk, if read_only { IOERR } else { OK })?;
    }
    for sector in (0..2048).step_by(8) {
        expect::equal("read", read(&mut disk, sector)?, OK)?;
        if !read_only {
            check(sector)?;
        }
    }
    if !read_only && !written_before {
        Call::hvc(SYSTEM_RESET, &[]).make_last();
    }
    line!("kept over a reset: {written_before}");
    Ok(())
}

/// Each write has this status; the flush behind them succeeds.
fn write_all(disk: &mut Device, expected: u64) -> Proof {
    for sector in (0..2048).step_by(8) {
        fill(sector);
        let written = ask(disk, 1, sector, Some(Writer::Driver))?;
        expect::equal("write", written, expected)?;
    }
    expect::equal("flush", ask(disk, 4, 0, None)?, OK)
}

fn read(disk: &mut Device, sector: u64) -> Result<u64, Failure> {
    fill(u64::MAX / 2);
    ask(disk, 0, sector, Some(Writer::Device))
}

/// Makes a request, with the 4 KiB of data if somebody is to write them; its status.
fn ask(disk: &mut Device, kind: u32, sector: u64, data: Option<Writer>) -> Result<u64, Failure> {
    doubleword(HEADER).store(kind.into(), Ordering::Relaxed);
    doubleword(HEADER + 8).store(sector, Ordering::Relaxed);
    word(STATUS).store(0xff, Ordering::Relaxed);
    let header = Buffer {
        address: HEADER,
        length: 16,
        writer: Writer::Driver,
    };
    let status = Buffer {
        address: STATUS,
        length: 1,
        writer: Writer::Device,
    };
    let used = match data {
        None => disk.request(&[header, status])?,
        Some(writer) => {
            let data = Buffer {
                address: DATA,
                length: 4096,
                writer,
            };
            disk.request(&[header, data, status])?
        }
    };
    let answer = u64::from(word(STATUS).load(Ordering::Relaxed));
    // Up to the first byte that is not written (virtio 1.3, 2.7.8.2): a read that failed has none.
    let expected = match (data, answer) {
        (Some(Writer::Device), OK) => 4097,
        (Some(Writer::Device), _) => 0,
        (None | Some(Writer::Driver), _) => 1,
    };
    expect::equal("bytes written by the device", used.into(), expected)?;
    Ok(answer)
}

/// The eight sectors' bytes, told apart by the first one's number.
fn fill(sector: u64) {
    for offset in (0..4096).step_by(8) {
        doubleword(DATA + offset).store(pattern(sector, offset), Ordering::Relaxed);
    }
}

fn check(sector: u64) -> Proof {
    for offset in (0..4096).step_by(8) {
        let found = doubleword(DATA + offset).load(Ordering::Relaxed);
        expect::equal("doubleword of the disk", found, pattern(sector, offset))?;
    }
    Ok(())
}

fn pattern(sector: u64, offset: u64) -> u64 {
    (sector * 512 + offset).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const HEADER: u64 = RINGS + 0x1000;
const STATUS: u64 = RINGS + 0x1100;
const DATA: u64 = RINGS + 0x2000;

const FLUSH: u32 = 1 << 9;
const READ_ONLY: u32 = 1 << 5;

const OK: u64 = 0;
const IOERR: u64 = 1;
const UNSUPPORTED: u64 = 2;
