//! The random numbers that a guest starts with, and a kernel that is a file.

use std::fs::File;
use std::io::Write as _;
use std::time::SystemTime;

use vambrace_core::memory::Ipa;

use super::{NOP, SYSTEM_OFF, SYSTEM_RESET, act, call, core, silent};
use crate::image::{LoadError, Source};
use crate::machine::{Config, Error, Machine, Payload, SeedChoice};
use crate::sys::fake::FakeHost;

/// What lies where the device tree of a flat image does.
fn tree(machine: &Machine<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 0x1_0000];
    let place = Ipa::new(0x4020_0000);
    machine.memory().read(place, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_tree_in_ram_has_seeds_of_its_own() {
    let config = || Config {
        seeds: SeedChoice::Fresh,
        ..core(1)
    };
    let trees = [config(), config()].map(|config| {
        let machine = Machine::new(config, NOP).unwrap();
        let host = FakeHost::new();
        host.script(0, call(SYSTEM_OFF, []));
        machine.run(&host, &silent()).unwrap();
        tree(&machine)
    });
    for tree in &trees {
        assert!(tree.windows(8).any(|bytes| bytes == b"rng-seed"));
        assert!(!tree.windows(8).any(|bytes| bytes == [0xf8; 8]));
        assert!(!tree.windows(8).any(|bytes| bytes == [0xf9; 8]));
    }
    assert_ne!(trees[0], trees[1]);
}

#[test]
fn a_kernel_that_was_written_to_is_not_booted_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kernel");
    std::fs::write(&path, NOP).unwrap();
    let file = File::options().append(true).open(&path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let source = Source::kernel(&path).unwrap();
    let kernel = Payload::Kernel {
        image: source.bytes(),
        initramfs: None,
    };
    let machine = Machine::booting(core(1), kernel).unwrap();
    let host = FakeHost::new();
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, [act(move || (&file).write_all(&[0]).unwrap())]);
    host.script(0, call(SYSTEM_RESET, []));
    let error = machine.run(&host, &silent()).unwrap_err();
    assert!(
        matches!(error, Error::Load(LoadError::Changed { .. })),
        "{error}"
    );
}
