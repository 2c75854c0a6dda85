//! Network interfaces of the kernel that this runs on, by rtnetlink (rtnetlink(7)).
//!
//! Three requests are all that is needed: an address, up, and gone.

use std::fs;
use std::net::Ipv4Addr;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};

/// Gives an interface this address of a /24, and brings it up.
///
/// # Errors
/// In words, what the kernel refused.
pub fn set_up(name: &str, address: Ipv4Addr) -> Result<(), String> {
    let index = index(name)?;
    let octets = address.octets();
    let mut body = vec![AF_INET, 24, 0, 0];
    body.extend(index.to_ne_bytes());
    for attribute in [IFA_LOCAL, IFA_ADDRESS] {
        body.extend(8_u16.to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(octets);
    }
    ask(RTM_NEWADDR, &body)
        .map_err(|error| format!("give {name} the address {address}: {error}"))?;
    ask(RTM_NEWLINK, &link(index, IFF_UP)).map_err(|error| format!("bring {name} up: {error}"))
}

/// Takes an interface away, whoever uses it.
///
/// # Errors
/// In words, what the kernel refused.
pub fn delete(name: &str) -> Result<(), String> {
    let index = index(name)?;
    ask(RTM_DELLINK, &link(index, 0)).map_err(|error| format!("delete {name}: {error}"))
}

fn index(name: &str) -> Result<u32, String> {
    let path = format!("/sys/class/net/{name}/ifindex");
    let text = fs::read_to_string(&path).map_err(|error| format!("read {path}: {error}"))?;
    let index = text.trim().parse();
    index.map_err(|_| format!("{path} says `{text}`"))
}

/// struct ifinfomsg, with these flags and no others to be changed.
fn link(index: u32, flags: u32) -> Vec<u8> {
    [0, index, flags, flags].map(u32::to_ne_bytes).concat()
}

/// Sends one request and waits for the kernel's word on it (netlink(7)).
fn ask(kind: u16, body: &[u8]) -> Result<(), Errno> {
    let socket: OwnedFd = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(&socket, &request(kind, body), SendFlags::empty())?;
    let mut answer = [0; 4096];
    let (_, length) = recv(&socket, &mut answer, RecvFlags::empty())?;
    match said(&answer[..length.min(4096)]) {
        Some(0) => Ok(()),
        Some(error) => Err(Errno::from_raw_os_error(error.saturating_neg())),
        None => Err(Errno::BADMSG),
    }
}

/// struct nlmsghdr and what it is about.
fn request(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::from(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// The error in an NLMSG_ERROR, which is 0 where there is none.
fn said(answer: &[u8]) -> Option<i32> {
    let (header, body) = answer.split_at_checked(HEADER)?;
    let error = body.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
    error.filter(|_| header[4..6] == NLMSG_ERROR.to_ne_bytes())
}

const HEADER: usize = 16;
const AF_INET: u8 = 2;
// Linux, include/uapi/linux/{netlink,rtnetlink,if_addr,if}.h
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFF_UP: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_how_long_it_is() {
        let bytes = request(RTM_DELLINK, &link(3, 0));
        assert_eq!(bytes.len(), 32);
        assert_eq!(bytes[..4], 32_u32.to_ne_bytes());
        assert_eq!(bytes[20..24], 3_u32.to_ne_bytes());
    }

    #[test]
    fn an_answer_is_an_error_number_or_none() {
        let answer = |kind: u16, error: i32| {
            let mut bytes = request(kind, &error.to_ne_bytes());
            bytes.extend([0; 20]);
            bytes
        };
        assert_eq!(said(&answer(2, 0)), Some(0));
        assert_eq!(said(&answer(2, -19)), Some(-19));
        assert_eq!(said(&answer(3, 0)), None);
        assert_eq!(said(&answer(2, 0)[..18]), None);
        assert_eq!(said(&[]), None);
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let error = delete("no-such").unwrap_err();
        assert!(error.contains("no-such"), "{error}");
    }
}
