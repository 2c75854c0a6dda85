//! Devices that a machine has beside its console.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{OsStringValueParser, TypedValueParser};
use vambrace_kvm::devices::virtio::{
    Access, Block, Entropy, MacAddress, Network, RawFile, SystemRandom, Tap, VirtioDevice,
};
use vambrace_kvm::machine::{AttachError, Devices};
use vambrace_lab::{Input, Output, Source};

use crate::failure::Failure;

/// The options that name devices.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct DeviceOptions {
    /// A disk: a raw image, or a block device of the host's; the guest cannot change it with
    /// `,readonly` behind it; several are found in the order given
    #[arg(long = "disk", value_name = "FILE[,readonly]", value_parser = Disk::parser(),
        value_hint = clap::ValueHint::AnyPath)]
    disks: Vec<Disk>,

    /// A network card at a tap interface of the host's [default address: one made from its name]
    #[arg(long = "net", value_name = "TAP[,mac=ADDRESS]")]
    cards: Vec<Card>,

    /// A virtio source of entropy
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false",
        default_missing_value = "true", value_name = "true|false", hide_possible_values = true)]
    rng: bool,
}

/// `--disk FILE[,readonly]`
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disk {
    file: PathBuf,
    access: Access,
}

/// `--net TAP[,mac=ADDRESS]`
#[derive(Debug, Clone, PartialEq, Eq)]
struct Card {
    tap: String,
    address: MacAddress,
}

impl DeviceOptions {
    /// Are there none?
    pub(crate) fn is_empty(&self) -> bool {
        self.disks.is_empty() && self.cards.is_empty() && !self.rng
    }

    /// Opens what they name and gives it to a machine.
    pub(crate) fn add_to(&self, devices: &mut Devices) -> Result<(), Failure> {
        for disk in &self.disks {
            let file = RawFile::open(&disk.file, disk.access)
                .map_err(|error| Failure::new(error.to_string()))?;
            add(devices, Box::new(Block::new(file)))?;
        }
        for card in &self.cards {
            let tap = Tap::open(&card.tap).map_err(|error| Failure::new(error.to_string()))?;
            add(devices, Box::new(Network::new(tap, card.address)))?;
        }
        if self.rng {
            add(devices, Box::new(Entropy::new(SystemRandom)))?;
        }
        Ok(())
    }

    /// The same, with what else is on the board of a machine that boots an operating system: a clock
    /// and a power button.
    pub(crate) fn add_board_to(&self, devices: &mut Devices) -> Result<(), Failure> {
        let failed = |error: AttachError| Failure::new(error.to_string());
        devices.add_real_time_clock().map_err(failed)?;
        devices.add_power_button().map_err(failed)?;
        self.add_to(devices)
    }

    /// The files that go into a lab host.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = Input> {
        (0..).zip(&self.disks).map(|(number, disk)| Input {
            source: Source::File(disk.file.clone()),
            destination: disk_inside(number),
        })
    }

    /// The files that come back from it: disks that the guest may have changed.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = Output> {
        let disks = (0..).zip(&self.disks);
        let changed = disks.filter(|(_, disk)| disk.access == Access::ReadWrite);
        changed.map(|(number, disk)| Output {
            inside: disk_inside(number),
            outside: disk.file.clone(),
        })
    }

    /// The options as they are given inside a lab host.
    pub(crate) fn inside(&self) -> impl Iterator<Item = String> {
        let disks = (0..).zip(&self.disks).map(|(number, disk)| {
            let access = match disk.access {
                Access::ReadWrite => "",
                Access::ReadOnly => READ_ONLY,
            };
            format!("--disk={}{access}", disk_inside(number))
        });
        let cards = self.cards.iter().map(|card| format!("--net={card}"));
        let rng = self.rng.then(|| "--rng".into());
        disks.chain(cards).chain(rng)
    }
}

impl Disk {
    fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|text| Self::parse(&text))
    }

    fn parse(text: &OsStr) -> Result<Self, String> {
        let (file, access) = match text.as_bytes().strip_suffix(READ_ONLY.as_bytes()) {
            Some(file) => (file, Access::ReadOnly),
            None => (text.as_bytes(), Access::ReadWrite),
        };
        if file.is_empty() {
            return Err("write FILE or FILE,readonly, such as disk.img".into());
        }
        Ok(Self {
            file: OsString::from_vec(file.to_vec()).into(),
            access,
        })
    }
}

impl FromStr for Card {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tap, address) = match text.split_once(",mac=") {
            Some((tap, address)) => (tap, parse_address(address)),
            None => (text, Some(address_of(text))),
        };
        match (tap, address) {
            ("", _) | (_, None) => {
                Err("write TAP or TAP,mac=ADDRESS, such as tap0,mac=52:54:00:12:34:56".into())
            }
            (tap, Some(address)) => Ok(Self {
                tap: tap.into(),
                address,
            }),
        }
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.address.0;
        let tap = &self.tap;
        write!(
            f,
            "{tap},mac={a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"
        )
    }
}

/// Six bytes in hexadecimal, of one card alone: bit 0 of the first is a group's.
fn parse_address(text: &str) -> Option<MacAddress> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| (byte.len() == 2).then(|| u8::from_str_radix(byte, 16).ok())?)
        .collect();
    let address: [u8; 6] = bytes?.try_into().ok()?;
    (address[0] & 1 == 0).then_some(MacAddress(address))
}

/// An address for the card at this interface, the same every time (FNV-1a of the name).
fn address_of(tap: &str) -> MacAddress {
    let digest = tap.bytes().fold(0x811c_9dc5_u32, |digest, byte| {
        (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let [a, b, c, _] = digest.to_le_bytes();
    MacAddress([0x52, 0x54, 0x00, a, b, c])
}

fn add(devices: &mut Devices, device: Box<dyn VirtioDevice + Send>) -> Result<(), Failure> {
    let added = devices.add_virtio(device);
    added.map_err(|error| Failure::new(error.to_string()))
}

/// Where a disk lies inside.
fn disk_inside(number: usize) -> String {
    format!("guest/disk-{number}")
}

const READ_ONLY: &str = ",readonly";

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(text: &str) -> Result<Disk, String> {
        Disk::parse(OsStr::new(text))
    }

    #[test]
    fn a_disk_is_a_file_that_may_be_read_only() {
        let parsed = disk("a,b.img").unwrap();
        assert_eq!(
            (parsed.file, parsed.access),
            ("a,b.img".into(), Access::ReadWrite)
        );
        let parsed = disk("a,b.img,readonly").unwrap();
        assert_eq!(
            (parsed.file, parsed.access),
            ("a,b.img".into(), Access::ReadOnly)
        );
        assert!(disk("").is_err() && disk(",readonly").is_err());
    }

    #[test]
    fn only_disks_that_may_change_come_back_from_a_lab_host() {
        let options = DeviceOptions {
            disks: vec![disk("a").unwrap(), disk("b,readonly").unwrap()],
            cards: vec!["tap0,mac=52:54:00:12:34:56".parse().unwrap()],
            rng: true,
        };
        let inside: Vec<_> = options.inside().collect();
        assert_eq!(
            inside,
            [
                "--disk=guest/disk-0",
                "--disk=guest/disk-1,readonly",
                "--net=tap0,mac=52:54:00:12:34:56",
                "--rng"
            ]
        );
        let back: Vec<_> = options.outputs().map(|output| output.outside).collect();
        assert_eq!(back, [PathBuf::from("a")]);
        assert_eq!(options.inputs().count(), 2);
    }

    #[test]
    fn a_card_has_an_address_of_its_own() {
        let card = |text: &str| text.parse::<Card>();
        assert_eq!(card("tap0").unwrap(), card("tap0").unwrap());
        assert_ne!(card("tap0").unwrap().address, card("tap1").unwrap().address);
        let named = card("tap0,mac=02:00:00:00:00:0f").unwrap();
        assert_eq!(named.address, MacAddress([2, 0, 0, 0, 0, 15]));
        for text in [
            "",
            ",mac=02:00:00:00:00:0f",
            "t,mac=1",
            "t,mac=03:00:00:00:00:00",
        ] {
            assert!(card(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_disk_that_is_not_there_is_refused_by_name() {
        let options = DeviceOptions {
            disks: vec![disk("/no/such/disk").unwrap()],
            ..DeviceOptions::default()
        };
        let unclaimed = vambrace_kvm::devices::Unclaimed::ZeroAndIgnored;
        let mut devices = Devices::new(Box::new(std::io::sink()), 0, unclaimed);
        let failure = options.add_to(&mut devices).unwrap_err();
        assert!(format!("{failure:?}").contains("/no/such/disk"));
    }
}
