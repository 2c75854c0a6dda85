//! Devices that a machine has beside its console.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::builder::{OsStringValueParser, TypedValueParser};
use vambrace_kvm::devices::virtio::{
    Access, Block, Entropy, MacAddress, Network, RawFile, SystemRandom, Tap, VirtioDevice,
};
use vambrace_kvm::machine::{AttachError, Devices};
use vambrace_lab::HostDisk;

use crate::failure::Failure;
use crate::shared_options::{SharedOptions, SocketFiles};

/// The options that name devices.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct DeviceOptions {
    /// A disk: a raw image or a block device, which the guest cannot change with `,readonly` behind
    /// it; it is this very file in a lab host too; several are found in the order given
    #[arg(long = "disk", value_name = "FILE[,readonly]", value_parser = Disk::parser(),
        value_hint = clap::ValueHint::AnyPath)]
    disks: Vec<Disk>,

    /// A network card at a tap interface of this machine's, not in a lab host [default address: one
    /// made from its name]
    #[arg(long = "net", value_name = "TAP[,mac=ADDRESS]")]
    cards: Vec<Card>,

    /// A virtio source of entropy
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false",
        default_missing_value = "true", value_name = "true|false", hide_possible_values = true)]
    rng: bool,

    #[command(flatten)]
    shared: SharedOptions,
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
        self.disks.is_empty() && self.cards.is_empty() && !self.rng && self.shared.count() == 0
    }

    /// Opens what they name.
    pub(crate) fn open(&self) -> Result<Opened, Failure> {
        let mut opened: Vec<Box<dyn VirtioDevice + Send>> = Vec::new();
        for disk in self.open_disks()? {
            opened.push(Box::new(Block::new(disk)));
        }
        for card in &self.cards {
            let tap = Tap::open(&card.tap).map_err(|error| Failure::new(error.to_string()))?;
            opened.push(Box::new(Network::new(tap, card.address)));
        }
        if self.rng {
            opened.push(Box::new(Entropy::new(SystemRandom)));
        }
        let shared = self.shared.open()?;
        opened.extend(shared.devices);
        Ok(Opened {
            devices: opened,
            sockets: shared.files,
        })
    }

    /// Describes what they name without opening it, for a device tree that no guest reads.
    pub(crate) fn describe_to(&self, devices: &mut Devices) -> Result<(), Failure> {
        let rng = usize::from(self.rng);
        let count = self.disks.len() + self.cards.len() + rng + self.shared.count();
        (0..count)
            .try_for_each(|_| devices.describe_virtio())
            .map_err(failed)
    }

    /// Opens the disks and locks them, in their order.
    pub(crate) fn open_disks(&self) -> Result<Vec<RawFile>, Failure> {
        let open = |disk: &Disk| {
            RawFile::open(&disk.file, disk.access).map_err(|error| Failure::new(error.to_string()))
        };
        self.disks.iter().map(open).collect()
    }

    /// Opens the disks as a lab host has them: the files themselves, checked and locked here, as
    /// long as these are open.
    ///
    /// A tap interface of this machine's is none of a lab host's, so a card is refused.
    pub(crate) fn open_for_lab(&self) -> Result<Vec<HostDisk>, Failure> {
        self.shared.check_in_lab()?;
        if let Some(card) = self.cards.first() {
            let message = format!(
                "cannot connect `{}` to a machine in a lab host: that is an emulated machine of \
                 its own, and has no interface of this one",
                card.tap
            );
            return Err(Failure::new(message)
                .with_hint("leave out --net, or run on a machine with arm64 KVM (--host local)"));
        }
        let for_lab = |(number, disk): (usize, RawFile)| {
            let copied = disk.as_fd().try_clone_to_owned();
            copied.map(|file| HostDisk {
                file: Arc::new(file),
                destination: disk_inside(number),
            })
        };
        let disks = self.open_disks()?.into_iter().enumerate();
        disks
            .map(for_lab)
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::new(format!("cannot open the disks: {error}")))
    }

    /// What an error inside a lab host or in bringing it back calls a disk, and what it is here.
    pub(crate) fn disk_named(&self, inside: &str) -> Option<&Path> {
        let mut disks = (0..).zip(&self.disks);
        let found = disks.find(|(number, _)| disk_inside(*number) == inside);
        found.map(|(_, disk)| disk.file.as_path())
    }

    /// Is there a disk that the guest may change?
    pub(crate) fn has_writable_disk(&self) -> bool {
        let mut disks = self.disks.iter();
        disks.any(|disk| disk.access == Access::ReadWrite)
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
        disks.chain(cards).chain(rng).chain(self.shared.inside())
    }
}

/// Devices whose files and interfaces are open, in the order of their slots.
pub(crate) struct Opened {
    devices: Vec<Box<dyn VirtioDevice + Send>>,
    sockets: SocketFiles,
}

impl Opened {
    /// Gives them to a machine; the files of their sockets are there as long as it is.
    pub(crate) fn add_to(self, devices: &mut Devices) -> Result<SocketFiles, Failure> {
        let mut opened = self.devices.into_iter();
        opened
            .try_for_each(|device| devices.add_virtio(device))
            .map_err(failed)?;
        Ok(self.sockets)
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

fn failed(error: AttachError) -> Failure {
    Failure::new(error.to_string())
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
    fn in_a_lab_host_a_disk_is_found_at_its_number() {
        let options = DeviceOptions {
            disks: vec![disk("a").unwrap(), disk("b,readonly").unwrap()],
            cards: vec!["tap0,mac=52:54:00:12:34:56".parse().unwrap()],
            rng: true,
            shared: SharedOptions::default(),
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
        assert_eq!(options.disk_named("guest/disk-1"), Some(Path::new("b")));
        assert_eq!(options.disk_named("guest/disk-2"), None);
    }

    fn image() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4096).unwrap();
        file
    }

    fn with_disks(texts: &[String]) -> DeviceOptions {
        DeviceOptions {
            disks: texts.iter().map(|text| disk(text).unwrap()).collect(),
            ..DeviceOptions::default()
        }
    }

    #[test]
    fn a_lab_hosts_disk_is_checked_and_locked_here() {
        let file = image();
        let path = file.path().display().to_string();
        let options = with_disks(std::slice::from_ref(&path));
        let open = options.open_for_lab().unwrap();
        assert_eq!(open[0].destination, "guest/disk-0");
        let busy = options.open_for_lab().unwrap_err();
        assert!(busy.message().contains("locked"), "{busy:?}");
        drop(open);
        let twice = with_disks(&[path.clone(), path])
            .open_for_lab()
            .unwrap_err();
        assert!(twice.message().contains("locked"), "{twice:?}");
        file.as_file().set_len(513).unwrap();
        let odd = options.open_for_lab().unwrap_err();
        assert!(odd.message().contains("513 bytes"), "{odd:?}");
    }

    #[test]
    fn a_card_in_a_lab_host_is_refused_with_a_hint() {
        let options = DeviceOptions {
            cards: vec!["tap7".parse().unwrap()],
            ..DeviceOptions::default()
        };
        let Failure::Other { message, hint } = options.open_for_lab().unwrap_err() else {
            panic!("it is told in words");
        };
        assert!(message.contains("`tap7`"), "{message}");
        assert!(hint.unwrap().contains("leave out --net"));
    }

    #[test]
    fn what_is_described_is_not_opened() {
        let options = with_disks(&["/no/such/disk".into(), "/no/other".into()]);
        let unclaimed = vambrace_kvm::devices::Unclaimed::ZeroAndIgnored;
        let mut devices = Devices::new(Box::new(std::io::sink()), 0, unclaimed);
        options.describe_to(&mut devices).unwrap();
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
        let Err(failure) = options.open() else {
            panic!("it was opened");
        };
        assert!(format!("{failure:?}").contains("/no/such/disk"));
    }
}
