//! A network card's link to the host's network: a tap interface.

#![expect(unsafe_code, reason = "the ioctls of /dev/net/tun take addresses")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;

use libc::{c_int, c_short, c_uint, c_ulong};
use virtio_bindings::virtio_net::{
    VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4,
    VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6,
};

use super::{HEADER, Link};

/// A tap interface of the host's.
#[derive(Debug)]
pub struct Tap(File);

/// Why an interface cannot be a link.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The host has no tap interfaces, or not for us.
    #[error(
        "cannot open /dev/net/tun: {0}; load the kernel's module `tun`, and check the device's \
         permissions"
    )]
    Open(io::Error),
    /// No interface has such a name.
    #[error("cannot use the network interface `{0}`: a name has 1 to 15 bytes and no zero")]
    Name(String),
    /// The host does not let us have it.
    #[error(
        "cannot use the network interface `{name}`: {source}; an administrator makes one by `ip \
         tuntap add dev {name} mode tap user $USER`, and only one machine has it at a time"
    )]
    Attach {
        /// Its name.
        name: String,
        /// What the host said.
        source: io::Error,
    },
}

impl Tap {
    /// Takes the interface of this name; makes it, if we may.
    ///
    /// # Errors
    /// [`TapError`].
    pub fn open(name: &str) -> Result<Self, TapError> {
        let mut request = named(name).ok_or_else(|| TapError::Name(name.into()))?;
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK);
        let tap = Self(options.open("/dev/net/tun").map_err(TapError::Open)?);
        request.ifr_ifru.ifru_flags =
            (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as c_short;
        let length = HEADER as c_int;
        tap.attach(&request)
            .and_then(|()| tap.set_header_length(length))
            .and_then(|()| tap.set_offload(0))
            .map_err(|source| TapError::Attach {
                name: name.into(),
                source,
            })?;
        Ok(tap)
    }

    fn attach(&self, request: &libc::ifreq) -> io::Result<()> {
        // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, and this one is whole; what it
        // writes is the name, which nobody reads again.
        let answer =
            unsafe { libc::ioctl(self.0.as_raw_fd(), TUNSETIFF as _, &raw const *request) };
        checked(answer)
    }

    fn set_header_length(&self, length: c_int) -> io::Result<()> {
        // SAFETY: TUNSETVNETHDRSZ reads one int.
        let answer =
            unsafe { libc::ioctl(self.0.as_raw_fd(), TUNSETVNETHDRSZ as _, &raw const length) };
        checked(answer)
    }

    fn set_offload(&self, flags: c_uint) -> io::Result<()> {
        // SAFETY: TUNSETOFFLOAD takes flags in place of an address.
        let answer =
            unsafe { libc::ioctl(self.0.as_raw_fd(), TUNSETOFFLOAD as _, c_ulong::from(flags)) };
        checked(answer)
    }
}

impl Link for Tap {
    fn features(&self) -> u64 {
        TO_LINK
            | FROM_LINK
                .iter()
                .fold(0, |all, (feature, _)| all | 1 << feature)
    }

    /// What the guest leaves to the link comes with each frame; what it takes from it is told once.
    fn accept(&mut self, features: u64) -> io::Result<()> {
        let accepted = FROM_LINK
            .iter()
            .filter(|(feature, _)| features & 1 << feature != 0);
        self.set_offload(accepted.fold(0, |flags, (_, flag)| flags | flag))
    }

    fn receive(&mut self, frame: &mut [u8]) -> io::Result<usize> {
        self.0.read(frame)
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        match self.0.write(frame) {
            // An interface that is down, and may come up again.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            result => result.map(drop),
        }
    }

    fn events(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn named(name: &str) -> Option<libc::ifreq> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() >= libc::IFNAMSIZ || bytes.contains(&0) {
        return None;
    }
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 },
    };
    for (place, byte) in request.ifr_name.iter_mut().zip(bytes) {
        *place = (*byte).cast_signed() as _;
    }
    Some(request)
}

fn checked(answer: c_int) -> io::Result<()> {
    match answer {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What the guest may leave undone: checksums and segments of what it sends.
const TO_LINK: u64 = 1 << VIRTIO_NET_F_CSUM
    | 1 << VIRTIO_NET_F_HOST_TSO4
    | 1 << VIRTIO_NET_F_HOST_TSO6
    | 1 << VIRTIO_NET_F_HOST_ECN;
/// What the host may leave undone in what the guest receives, and TUN_F_* for it.
const FROM_LINK: [(u32, c_uint); 4] = [
    (VIRTIO_NET_F_GUEST_CSUM, 0x01),
    (VIRTIO_NET_F_GUEST_TSO4, 0x02),
    (VIRTIO_NET_F_GUEST_TSO6, 0x04),
    (VIRTIO_NET_F_GUEST_ECN, 0x08),
];

// `uapi/linux/if_tun.h`: _IOW('T', …, int) and _IOW('T', …, unsigned int).
const TUNSETIFF: c_ulong = 0x4004_54ca;
const TUNSETOFFLOAD: c_ulong = 0x4004_54d0;
const TUNSETVNETHDRSZ: c_ulong = 0x4004_54d8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_interface_has_are_refused() {
        for name in ["", "sixteen-bytes-ab", "a\0b"] {
            assert!(
                matches!(Tap::open(name), Err(TapError::Name(_))),
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_request_has_the_name_and_zeroes() {
        let request = named("tap0").unwrap();
        let name: Vec<_> = request
            .ifr_name
            .iter()
            .flat_map(|byte| byte.to_ne_bytes())
            .collect();
        assert_eq!(&name[..5], b"tap0\0");
        assert!(name[5..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_refusal_names_the_interface_and_what_to_do() {
        let error = TapError::Attach {
            name: "tap7".into(),
            source: io::ErrorKind::PermissionDenied.into(),
        };
        let text = error.to_string();
        assert!(text.contains("ip tuntap add dev tap7 mode tap"), "{text}");
    }
}
