//! What a KiB costs on a machine's disk and network card, and what it costs its host alone.

use std::net::Ipv4Addr;
use std::thread;

use vambrace_conformance::linux::{Side, interface, rates};

use crate::guest::{DISKS, Guest};
use crate::streams::{self, GUEST, HOST, PORT, accept, connect, listen};

/// The host's own work first, then the same by way of the guest.
pub(crate) fn count(guest: &mut Guest, mib: u64) -> Result<(), String> {
    interface::set_up("lo", Ipv4Addr::LOCALHOST)?;
    rates::disk(Side::Host, DISKS[1], mib)?;
    let listener = listen(Ipv4Addr::LOCALHOST)?;
    let receiver = thread::spawn(move || rates::receive(accept(&listener)?, mib));
    rates::send(Side::Host, "tcp", connect(Ipv4Addr::LOCALHOST)?, mib)?;
    receiver.join().expect("receiving does not panic")?;

    guest.tell(&format!("modules rate-disk:/dev/vdb,{mib}"))?;
    streams::set_up(guest)?;
    let listener = listen(HOST)?;
    guest.tell(&format!("rate-call:{HOST}:{PORT},{mib}"))?;
    rates::receive(accept(&listener)?, mib)?;
    guest.tell(&format!("rate-answer:{PORT},{mib}"))?;
    guest.hear("answering")?;
    rates::send(Side::Host, "tcp-to-guest", connect(GUEST)?, mib)
}
