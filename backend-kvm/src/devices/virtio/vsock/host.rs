//! The host's side: a socket at a path, as Firecracker's users know it.
//!
//! A program that wants a port of the guest's connects to PATH, writes `CONNECT <port>\n` and reads
//! `OK <port>\n`, with the port that it is known by, once the guest has answered; where nobody
//! answers, its connection ends. A program that serves port P for the guest listens at `PATH_P`.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A program that has connected and not yet said which port it wants.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) stream: UnixStream,
    line: Vec<u8>,
}

/// What a caller has said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Not all of it yet.
    Unsaid,
    /// A port.
    Port(u32),
    /// Nothing that is understood.
    Nonsense,
}

impl Caller {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            line: Vec::new(),
        }
    }

    /// Reads on, a byte at a time: what is behind the line is for the guest.
    pub(super) fn listen(&mut self) -> Wish {
        let mut byte = [0];
        while self.line.len() < LONGEST {
            match self.stream.read(&mut byte) {
                Ok(1) if byte == *b"\n" => {
                    return parse(&self.line).map_or(Wish::Nonsense, Wish::Port);
                }
                Ok(1) => self.line.extend(byte),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Wish::Unsaid,
                Ok(_) | Err(_) => return Wish::Nonsense,
            }
        }
        Wish::Nonsense
    }
}

fn parse(line: &[u8]) -> Option<u32> {
    let port = str::from_utf8(line).ok()?.strip_prefix("CONNECT ")?;
    let decimal = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|_| decimal)
}

/// Where the program listens that serves this port.
pub(super) fn served_at(path: &Path, port: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!("_{port}"));
    name.into()
}

/// `CONNECT 4294967295` has 18 bytes.
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_line_is_understood_in_one_way_only() {
        assert_eq!(parse(b"CONNECT 0"), Some(0));
        assert_eq!(parse(b"CONNECT 4294967295"), Some(u32::MAX));
        for line in [
            &b""[..],
            b"CONNECT",
            b"CONNECT ",
            b"CONNECT 4294967296",
            b"CONNECT +1",
            b"CONNECT -1",
            b"CONNECT 1 ",
            b"CONNECT 1\r",
            b"connect 1",
            b"CONNECT \xff",
        ] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_line_may_come_in_pieces_and_what_follows_stays_unread() {
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut caller = Caller::new(near);
        assert_eq!(caller.listen(), Wish::Unsaid);
        far.write_all(b"CONN").unwrap();
        assert_eq!(caller.listen(), Wish::Unsaid);
        far.write_all(b"ECT 52\nhello").unwrap();
        assert_eq!(caller.listen(), Wish::Port(52));
        let mut rest = [0; 16];
        assert_eq!(caller.stream.read(&mut rest).unwrap(), 5);
    }

    #[test]
    fn a_line_without_end_is_not_waited_for() {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(&[b'C'; 32]).unwrap();
        assert_eq!(Caller::new(near).listen(), Wish::Nonsense);
    }

    #[test]
    fn a_port_is_served_behind_an_underscore() {
        let path = served_at(Path::new("/run/v.sock"), 1024);
        assert_eq!(path, Path::new("/run/v.sock_1024"));
    }
}
