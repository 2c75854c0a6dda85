//! What a network card, a socket and a console carry: MiB both ways at once, called by either end.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use vambrace_conformance::linux::{Side, exchange, interface};

use crate::guest::{CONSOLE, Guest, TAP, VSOCK};
use crate::say;

/// Every way, one after the other.
pub(crate) fn carry(guest: &mut Guest, mib: u64) -> Result<(), String> {
    set_up(guest)?;
    tcp_from_guest(guest, mib)?;
    tcp_from_host(guest, mib)?;
    vsock_from_guest(guest, mib)?;
    vsock_from_host(guest, mib)?;
    guest.tell("vsock-refused:4444")?;
    guest.hear("refused at 4444")?;
    console(guest)
}

/// An address for each end of the cable.
pub(crate) fn set_up(guest: &mut Guest) -> Result<(), String> {
    interface::set_up(TAP, HOST)?;
    guest.tell(&format!("address:eth0,{GUEST} carrier:eth0,1"))?;
    guest.hear("carrier=1")
}

fn tcp_from_guest(guest: &mut Guest, mib: u64) -> Result<(), String> {
    let listener = listen(HOST)?;
    guest.tell(&format!("call:{HOST}:{PORT},{mib}"))?;
    talk(guest, &accept(&listener)?, mib, "TCP, called by the guest")
}

fn tcp_from_host(guest: &mut Guest, mib: u64) -> Result<(), String> {
    guest.tell(&format!("answer:{PORT},{mib}"))?;
    guest.hear("answering")?;
    talk(guest, &connect(GUEST)?, mib, "TCP, called by the host")
}

/// Waits at an address of this host's.
pub(crate) fn listen(address: Ipv4Addr) -> Result<TcpListener, String> {
    TcpListener::bind((address, PORT)).map_err(|error| format!("listen: {error}"))
}

/// The next who calls there.
pub(crate) fn accept(listener: &TcpListener) -> Result<TcpStream, String> {
    let accepted = listener.accept();
    let (stream, _) = accepted.map_err(|error| format!("accept: {error}"))?;
    Ok(stream)
}

/// Calls whoever waits at an address.
pub(crate) fn connect(address: Ipv4Addr) -> Result<TcpStream, String> {
    TcpStream::connect((address, PORT)).map_err(|error| format!("call {address}: {error}"))
}

fn vsock_from_guest(guest: &mut Guest, mib: u64) -> Result<(), String> {
    let path = format!("{VSOCK}_{PORT}");
    let listener = UnixListener::bind(&path).map_err(|error| format!("{path}: {error}"))?;
    guest.tell(&format!("vsock-call:{PORT},{mib}"))?;
    let (stream, _) = listener
        .accept()
        .map_err(|error| format!("{path}: {error}"))?;
    talk(guest, &stream, mib, "vsock, called by the guest")
}

fn vsock_from_host(guest: &mut Guest, mib: u64) -> Result<(), String> {
    guest.tell(&format!("vsock-answer:{PORT},{mib}"))?;
    guest.hear("answering")?;
    let stream = call_vsock(PORT)?;
    talk(guest, &stream, mib, "vsock, called by the host")
}

/// Asks for a port of the guest's.
fn call_vsock(port: u16) -> Result<UnixStream, String> {
    let failed = |error: std::io::Error| format!("call {VSOCK}: {error}");
    let mut stream = UnixStream::connect(VSOCK).map_err(failed)?;
    writeln!(stream, "CONNECT {port}").map_err(failed)?;
    let mut answer = String::new();
    while !answer.ends_with('\n') {
        let mut byte = [0];
        stream.read_exact(&mut byte).map_err(failed)?;
        answer.push(byte[0].into());
    }
    match answer.starts_with("OK ") {
        true => Ok(stream),
        false => Err(format!(
            "port {port} of the guest answers `{}`",
            answer.trim()
        )),
    }
}

fn talk<S>(guest: &mut Guest, stream: &S, mib: u64, what: &str) -> Result<(), String>
where
    S: Sync,
    for<'a> &'a S: Read + Write,
{
    exchange(stream, Side::Host, mib).map_err(|reason| format!("{what}: {reason}"))?;
    guest.hear(&format!("exchanged={mib}"))?;
    say(&format!("{mib} MiB each way by {what}"));
    Ok(())
}

/// A line each way.
pub(crate) fn console(guest: &mut Guest) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{CONSOLE}: {error}");
    let mut stream = UnixStream::connect(CONSOLE).map_err(failed)?;
    let mut reader = BufReader::new(stream.try_clone().map_err(failed)?);
    guest.tell("line:/dev/hvc0")?;
    let mut hear = |wanted: &str| loop {
        let mut line = String::new();
        match reader.read_line(&mut line).map_err(failed)? {
            0 => break Err(format!("{CONSOLE} ended before `{wanted}`")),
            _ if line.ends_with(wanted) => break Ok(()),
            // What others have said before.
            _ => {}
        }
    };
    hear("this is the guest\n")?;
    stream.write_all(b"this is the host\n").map_err(failed)?;
    hear("the guest heard this is the host\n")?;
    guest.hear("heard=this is the host")?;
    say("a line each way on the virtio console");
    Ok(())
}

/// Reads what the console says, for as long as somebody does.
pub(crate) fn listen_for_a_while() -> Result<(), String> {
    let stream = UnixStream::connect(CONSOLE).map_err(|error| format!("{CONSOLE}: {error}"))?;
    thread::sleep(std::time::Duration::from_millis(200));
    drop(stream);
    Ok(())
}

pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(crate) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
pub(crate) const PORT: u16 = 5077;
