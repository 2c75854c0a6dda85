//! The keys that are not the guest's: those behind Ctrl-a, as QEMU's users know them.

/// What has been typed, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The guest's.
    Guest(u8),
    /// `Ctrl-a x`: end the machine.
    Quit,
    /// `Ctrl-a p`: press the power button.
    Power,
    /// `Ctrl-a h`, or anything that means nothing: tell what there is.
    Help,
}

/// Takes apart what is typed, a byte at a time.
#[derive(Debug, Default)]
pub(super) struct Escape {
    after_prefix: bool,
}

impl Escape {
    /// What this byte and those before it mean; `None` until the next is known.
    pub(super) fn take(&mut self, byte: u8) -> Option<Key> {
        if !std::mem::take(&mut self.after_prefix) {
            self.after_prefix = byte == PREFIX;
            return (byte != PREFIX).then_some(Key::Guest(byte));
        }
        Some(match byte {
            PREFIX => Key::Guest(PREFIX),
            b'x' | b'X' => Key::Quit,
            b'p' | b'P' => Key::Power,
            _ => Key::Help,
        })
    }
}

pub(super) const HELP: &str = "\
Ctrl-a x       end the machine, as if its power were cut; a second time: without waiting for it
Ctrl-a p       press its power button, which asks the guest to shut down
Ctrl-a Ctrl-a  Ctrl-a for the guest
Ctrl-a h       this";

/// Ctrl-a.
const PREFIX: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut escape = Escape::default();
        bytes.iter().filter_map(|byte| escape.take(*byte)).collect()
    }

    #[test]
    fn every_key_is_the_guests_but_those_behind_ctrl_a() {
        assert_eq!(
            keys(b"x\x03h"),
            [Key::Guest(b'x'), Key::Guest(3), Key::Guest(b'h')]
        );
        assert_eq!(keys(b"a\x01x"), [Key::Guest(b'a'), Key::Quit]);
        assert_eq!(keys(b"\x01p"), [Key::Power]);
        assert_eq!(keys(b"\x01h\x01?"), [Key::Help, Key::Help]);
    }

    #[test]
    fn ctrl_a_twice_is_one_for_the_guest() {
        assert_eq!(keys(b"\x01\x01x"), [Key::Guest(1), Key::Guest(b'x')]);
        assert_eq!(keys(b"\x01\x01\x01x"), [Key::Guest(1), Key::Quit]);
    }

    #[test]
    fn ctrl_a_alone_waits_for_what_follows() {
        assert_eq!(keys(b"\x01"), []);
    }
}
