//! A network card and a socket to the host, with whoever is at their other ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use vambrace_conformance::linux::{Side, exchange, interface, rates};
use vsock::{VMADDR_CID_ANY, VMADDR_CID_HOST, VsockListener, VsockStream};

use crate::{number, pair, read, say, wait_until};

/// Does what this word tells, if it is one of these.
pub(crate) fn perform(name: &str, argument: &str) -> Option<Result<(), String>> {
    Some(match name {
        "address" => address(argument),
        "carrier" => carrier(argument),
        "call" => call(argument, talk),
        "answer" => answer(argument, talk),
        "rate-call" => call(argument, |stream, mib| {
            rates::send(Side::Guest, "tcp-to-host", stream, number(mib, mib)?)
        }),
        "rate-answer" => answer(argument, |stream, mib| {
            rates::receive(stream, number(mib, mib)?)
        }),
        "vsock-call" => vsock_call(argument),
        "vsock-answer" => vsock_answer(argument),
        "vsock-refused" => vsock_refused(argument),
        _ => return None,
    })
}

fn address(argument: &str) -> Result<(), String> {
    let (name, address) = pair(argument)?;
    wait_until(name, || Ok(fs_exists(name)))?;
    let parsed = address.parse();
    let parsed = parsed.map_err(|_| format!("`{address}` is no address"))?;
    interface::set_up(name, parsed)?;
    say(&format!("address={address}"));
    Ok(())
}

fn fs_exists(name: &str) -> bool {
    std::path::Path::new("/sys/class/net").join(name).exists()
}

fn carrier(argument: &str) -> Result<(), String> {
    let (name, state) = pair(argument)?;
    let path = format!("/sys/class/net/{name}/carrier");
    wait_until(&path, || Ok(read(&path)?.trim() == state))?;
    say(&format!("carrier={state}"));
    Ok(())
}

/// What is done with a stream, and so many MiB.
type Work = fn(&TcpStream, &str) -> Result<(), String>;

fn call(argument: &str, work: Work) -> Result<(), String> {
    let (address, mib) = pair(argument)?;
    let failed = |error: std::io::Error| format!("call {address}: {error}");
    let stream = TcpStream::connect(address).map_err(failed)?;
    work(&stream, mib)
}

fn answer(argument: &str, work: Work) -> Result<(), String> {
    let (port, mib) = pair(argument)?;
    let failed = |error: std::io::Error| format!("answer at {port}: {error}");
    let listener = TcpListener::bind(("0.0.0.0", number(argument, port)?)).map_err(failed)?;
    say(&format!("answering={port}"));
    let (stream, _) = listener.accept().map_err(failed)?;
    work(&stream, mib)
}

fn vsock_call(argument: &str) -> Result<(), String> {
    let (port, mib) = pair(argument)?;
    let stream = connect(number(argument, port)?);
    let stream = stream.map_err(|error| format!("call port {port} of the host: {error}"))?;
    talk(&stream, mib)
}

fn vsock_answer(argument: &str) -> Result<(), String> {
    let (port, mib) = pair(argument)?;
    let failed = |error: std::io::Error| format!("answer at vsock {port}: {error}");
    let listener = VsockListener::bind_with_cid_port(VMADDR_CID_ANY, number(argument, port)?);
    let listener = listener.map_err(failed)?;
    say(&format!("answering={port}"));
    let (stream, _) = listener.accept().map_err(failed)?;
    talk(&stream, mib)
}

fn vsock_refused(port: &str) -> Result<(), String> {
    match connect(number(port, port)?) {
        Ok(_) => Err(format!("port {port} of the host answers")),
        Err(error) => {
            say(&format!("refused at {port}: {error}"));
            Ok(())
        }
    }
}

fn connect(port: u32) -> std::io::Result<VsockStream> {
    VsockStream::connect_with_cid_port(VMADDR_CID_HOST, port)
}

fn talk<S>(stream: &S, mib: &str) -> Result<(), String>
where
    S: Sync,
    for<'a> &'a S: Read + Write,
{
    exchange(stream, Side::Guest, number(mib, mib)?)?;
    say(&format!("exchanged={mib}"));
    Ok(())
}
