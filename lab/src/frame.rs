//! The framed protocol between this machine and the init of a lab host.
//!
//! A frame is the length of its payload (u32, little endian), its kind (u8) and the payload. What
//! goes inside is an [`Order`], what comes back a [`Report`]: two types with kinds of their own, so
//! that a message in the wrong direction cannot be parsed. Reading is total: every sequence of
//! bytes is a message, a clean end, or an error that says what was wrong, and no length is trusted
//! beyond [`MAX_PAYLOAD`]. The two `Hello` messages come first and keep their form in every version.

use std::fmt;
use std::io::{self, Read, Write};

use crate::build_id::BuildId;
use crate::start::Start;

/// The version of the protocol that both ends must speak.
pub const PROTOCOL: u16 = 1;
/// The longest payload either end sends or accepts, in bytes.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// How much of a stream is carried in one frame, in bytes.
pub const CHUNK: usize = 64 << 10;

/// What this machine tells the init of a lab host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Who is speaking; the first order.
    Hello(Hello),
    /// Run this; the second order, given once.
    Start(Start),
    /// More of the command's standard input.
    Stdin(Vec<u8>),
    /// The end of the command's standard input.
    StdinEnd,
}

/// What the init of a lab host tells this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Who is speaking; the first report.
    Hello(Hello),
    /// More of the command's standard output.
    Stdout(Vec<u8>),
    /// More of the command's standard error.
    Stderr(Vec<u8>),
    /// The content of an output file follows.
    FileStart {
        /// Which of the outputs named in [`Start`].
        index: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// More of the output file begun last.
    FileData(Vec<u8>),
    /// The output file begun last is complete.
    FileEnd,
    /// An output file is not to be had, or a disk could not be written.
    FileMissing {
        /// Which of the outputs named in [`Start`], or behind them which of its disks.
        index: u32,
        /// Why.
        reason: String,
    },
    /// The command has ended and everything about it was reported; the last report.
    Exit(ExitStatus),
    /// The init itself failed; the last report.
    Failed(String),
}

/// Who speaks at one end of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The version of the protocol.
    pub protocol: u16,
    /// The sources the speaker was built from.
    pub build_id: BuildId,
}

/// How a command inside a lab host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It returned this code.
    Code(u8),
    /// This signal ended it.
    Signal(u8),
}

impl ExitStatus {
    /// The code a shell would show: the command's own, or 128 and the signal's number.
    #[must_use]
    pub const fn shell_code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 | signal,
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Why bytes on the channel are not a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The channel itself failed.
    #[error("the channel failed: {0}")]
    Io(#[from] io::Error),
    /// The channel ended inside a message.
    #[error("the channel ended in the middle of a message")]
    Truncated,
    /// A payload longer than [`MAX_PAYLOAD`] was announced.
    #[error("a message of {0} bytes was announced, more than the 1048576 that are allowed")]
    Oversized(u32),
    /// The kind belongs to no message of this direction.
    #[error("a message of unknown kind {0:#04x}")]
    UnknownKind(u8),
    /// The payload does not have the form its kind asks for.
    #[error("a message of kind {kind:#04x} is malformed: {reason}")]
    Malformed {
        /// The message's kind.
        kind: u8,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// A message that travels in frames: [`Order`] one way, [`Report`] the other.
pub trait Message: Sized {
    /// The kind, and the payload appended to `payload`.
    fn encode(&self, payload: &mut Vec<u8>) -> u8;

    /// The message of `kind` that `payload` holds.
    ///
    /// # Errors
    /// [`FrameError::UnknownKind`] and [`FrameError::Malformed`].
    fn decode(kind: u8, payload: Vec<u8>) -> Result<Self, FrameError>;
}

/// Writes one message with a single `write_all`, so that frames of several threads that share a
/// locked writer never mix.
///
/// # Errors
/// What the writer reports; [`io::ErrorKind::InvalidInput`] for a payload beyond [`MAX_PAYLOAD`].
pub fn write_message<M: Message>(writer: &mut impl Write, message: &M) -> io::Result<()> {
    let mut frame = vec![0; HEADER];
    let kind = message.encode(&mut frame);
    let payload = frame.len() - HEADER;
    let length = u32::try_from(payload)
        .ok()
        .filter(|_| payload <= MAX_PAYLOAD)
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the message is too long for one frame",
            )
        })?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4] = kind;
    writer.write_all(&frame)
}

/// Reads one message; `None` is an end of the channel between two messages.
///
/// # Errors
/// Every [`FrameError`]; after one of them the position in the channel is unknown.
pub fn read_message<M: Message>(reader: &mut impl Read) -> Result<Option<M>, FrameError> {
    let mut header = [0; HEADER];
    match fill(reader, &mut header)? {
        0 => return Ok(None),
        HEADER => {}
        _ => return Err(FrameError::Truncated),
    }
    let [a, b, c, d, kind] = header;
    let announced = u32::from_le_bytes([a, b, c, d]);
    let length = usize::try_from(announced)
        .ok()
        .filter(|length| *length <= MAX_PAYLOAD)
        .ok_or(FrameError::Oversized(announced))?;
    let mut payload = vec![0; length];
    if fill(reader, &mut payload)? != length {
        return Err(FrameError::Truncated);
    }
    M::decode(kind, payload).map(Some)
}

impl Message for Order {
    fn encode(&self, payload: &mut Vec<u8>) -> u8 {
        match self {
            Self::Hello(hello) => hello.encode(payload),
            Self::Start(start) => {
                start.encode(payload);
                0x02
            }
            Self::Stdin(bytes) => {
                payload.extend_from_slice(bytes);
                0x03
            }
            Self::StdinEnd => 0x04,
        }
    }

    fn decode(kind: u8, payload: Vec<u8>) -> Result<Self, FrameError> {
        match kind {
            HELLO => Hello::decode(&payload).map(Self::Hello),
            0x02 => Start::decode(&payload)
                .map(Self::Start)
                .map_err(|reason| FrameError::Malformed { kind, reason }),
            0x03 => Ok(Self::Stdin(payload)),
            0x04 => empty(kind, &payload).map(|()| Self::StdinEnd),
            _ => Err(FrameError::UnknownKind(kind)),
        }
    }
}

impl Message for Report {
    fn encode(&self, payload: &mut Vec<u8>) -> u8 {
        match self {
            Self::Hello(hello) => hello.encode(payload),
            Self::Stdout(bytes) => {
                payload.extend_from_slice(bytes);
                0x11
            }
            Self::Stderr(bytes) => {
                payload.extend_from_slice(bytes);
                0x12
            }
            Self::FileStart { index, mode } => {
                payload.extend_from_slice(&index.to_le_bytes());
                payload.extend_from_slice(&mode.to_le_bytes());
                0x13
            }
            Self::FileData(bytes) => {
                payload.extend_from_slice(bytes);
                0x14
            }
            Self::FileEnd => 0x15,
            Self::FileMissing { index, reason } => {
                payload.extend_from_slice(&index.to_le_bytes());
                payload.extend_from_slice(reason.as_bytes());
                0x16
            }
            Self::Exit(status) => {
                payload.extend_from_slice(&match *status {
                    ExitStatus::Code(code) => [0, code],
                    ExitStatus::Signal(signal) => [1, signal],
                });
                0x17
            }
            Self::Failed(reason) => {
                payload.extend_from_slice(reason.as_bytes());
                0x18
            }
        }
    }

    fn decode(kind: u8, payload: Vec<u8>) -> Result<Self, FrameError> {
        match kind {
            HELLO => Hello::decode(&payload).map(Self::Hello),
            0x11 => Ok(Self::Stdout(payload)),
            0x12 => Ok(Self::Stderr(payload)),
            0x13 => file_start(kind, &payload),
            0x14 => Ok(Self::FileData(payload)),
            0x15 => empty(kind, &payload).map(|()| Self::FileEnd),
            0x16 => file_missing(kind, &payload),
            0x17 => exit(kind, &payload),
            0x18 => Ok(Self::Failed(String::from_utf8_lossy(&payload).into_owned())),
            _ => Err(FrameError::UnknownKind(kind)),
        }
    }
}

impl Hello {
    fn encode(&self, payload: &mut Vec<u8>) -> u8 {
        payload.extend_from_slice(MAGIC);
        payload.extend_from_slice(&self.protocol.to_le_bytes());
        payload.extend_from_slice(self.build_id.as_bytes());
        HELLO
    }

    fn decode(payload: &[u8]) -> Result<Self, FrameError> {
        let malformed = |reason| FrameError::Malformed {
            kind: HELLO,
            reason,
        };
        let rest = payload
            .strip_prefix(MAGIC)
            .ok_or(malformed("it does not begin as ours do"))?;
        let (protocol, id) = rest
            .split_first_chunk()
            .ok_or(malformed("it ends before the version"))?;
        let build_id = BuildId::parse(id).ok_or(malformed("the build id is not one"))?;
        Ok(Self {
            protocol: u16::from_le_bytes(*protocol),
            build_id,
        })
    }
}

fn file_start(kind: u8, payload: &[u8]) -> Result<Report, FrameError> {
    let [a, b, c, d, e, f, g, h] = *payload else {
        return Err(FrameError::Malformed {
            kind,
            reason: "it is not eight bytes long",
        });
    };
    Ok(Report::FileStart {
        index: u32::from_le_bytes([a, b, c, d]),
        mode: u32::from_le_bytes([e, f, g, h]),
    })
}

fn file_missing(kind: u8, payload: &[u8]) -> Result<Report, FrameError> {
    let (index, reason) = payload.split_first_chunk().ok_or(FrameError::Malformed {
        kind,
        reason: "it ends before the index",
    })?;
    Ok(Report::FileMissing {
        index: u32::from_le_bytes(*index),
        reason: String::from_utf8_lossy(reason).into_owned(),
    })
}

fn exit(kind: u8, payload: &[u8]) -> Result<Report, FrameError> {
    match *payload {
        [0, code] => Ok(Report::Exit(ExitStatus::Code(code))),
        [1, signal @ 1..=64] => Ok(Report::Exit(ExitStatus::Signal(signal))),
        _ => Err(FrameError::Malformed {
            kind,
            reason: "it is neither a code nor a signal",
        }),
    }
}

fn empty(kind: u8, payload: &[u8]) -> Result<(), FrameError> {
    match payload {
        [] => Ok(()),
        _ => Err(FrameError::Malformed {
            kind,
            reason: "it carries a payload",
        }),
    }
}

/// Reads until `buffer` is full or the reader ends, and says how much was read.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

const HEADER: usize = 5;
const HELLO: u8 = 0x01;
const MAGIC: &[u8] = b"VAMBRACE";

#[cfg(test)]
mod tests {
    use super::*;

    fn read<M: Message>(mut bytes: &[u8]) -> Result<Option<M>, FrameError> {
        read_message(&mut bytes)
    }

    fn written<M: Message>(message: &M) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_message(&mut bytes, message).unwrap();
        bytes
    }

    fn hello() -> Hello {
        Hello {
            protocol: 1,
            build_id: BuildId::parse(b"0123456789abcdef").unwrap(),
        }
    }

    #[test]
    fn standard_output_has_this_form() {
        assert_eq!(
            written(&Report::Stdout(b"hi\0".to_vec())),
            b"\x03\0\0\0\x11hi\0"
        );
    }

    #[test]
    fn hello_has_this_form() {
        let bytes = b"\x1a\0\0\0\x01VAMBRACE\x01\x000123456789abcdef";
        assert_eq!(written(&Order::Hello(hello())), bytes);
        assert_eq!(written(&Report::Hello(hello())), bytes);
    }

    #[test]
    fn every_report_comes_back_as_it_was_sent() {
        let reports = [
            Report::Hello(hello()),
            Report::Stdout((0..=255).collect()),
            Report::Stderr(Vec::new()),
            Report::FileStart {
                index: 7,
                mode: 0o755,
            },
            Report::FileData(vec![0xff; 3]),
            Report::FileEnd,
            Report::FileMissing {
                index: 1,
                reason: "no such file".into(),
            },
            Report::Exit(ExitStatus::Code(255)),
            Report::Exit(ExitStatus::Signal(9)),
            Report::Failed("why".into()),
        ];
        for report in reports {
            assert_eq!(read(&written(&report)).unwrap(), Some(report));
        }
    }

    #[test]
    fn every_order_comes_back_as_it_was_sent() {
        let start = Start {
            arguments: vec![b"vambrace".to_vec(), b"\xff".to_vec(), Vec::new()],
            environment: vec![(b"A".to_vec(), b"b=c".to_vec())],
            disks: Vec::new(),
            outputs: vec![b"out/file".to_vec()],
        };
        let orders = [
            Order::Hello(hello()),
            Order::Start(start),
            Order::Stdin(b"\n".to_vec()),
            Order::StdinEnd,
        ];
        for order in orders {
            assert_eq!(read(&written(&order)).unwrap(), Some(order));
        }
    }

    #[test]
    fn the_end_between_two_messages_is_clean() {
        assert!(matches!(read::<Report>(b""), Ok(None)));
    }

    #[test]
    fn every_truncation_of_a_message_is_an_error() {
        let whole = written(&Report::Hello(hello()));
        for length in 1..whole.len() {
            assert!(matches!(
                read::<Report>(&whole[..length]),
                Err(FrameError::Truncated)
            ));
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_allocated_or_read() {
        let error = read::<Report>(b"\x01\0\x10\0\x11").unwrap_err();
        assert!(matches!(error, FrameError::Oversized(1_048_577)));
        let error = read::<Report>(b"\xff\xff\xff\xff\x11").unwrap_err();
        assert!(matches!(error, FrameError::Oversized(0xffff_ffff)));
    }

    #[test]
    fn a_payload_beyond_the_limit_is_not_written() {
        let mut bytes = Vec::new();
        let error = write_message(&mut bytes, &Report::Stdout(vec![0; MAX_PAYLOAD + 1]));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_message_of_the_other_direction_is_unknown() {
        let bytes = written(&Report::Exit(ExitStatus::Code(0)));
        assert!(matches!(
            read::<Order>(&bytes),
            Err(FrameError::UnknownKind(0x17))
        ));
        let bytes = written(&Order::StdinEnd);
        assert!(matches!(
            read::<Report>(&bytes),
            Err(FrameError::UnknownKind(0x04))
        ));
    }

    #[test]
    fn every_kind_with_every_short_payload_is_a_message_or_an_error() {
        for kind in 0..=255 {
            for length in 0..=40 {
                for byte in [0, 1, 0x7f, 0xff] {
                    let _ = Order::decode(kind, vec![byte; length]);
                    let _ = Report::decode(kind, vec![byte; length]);
                }
            }
        }
    }

    #[test]
    fn malformed_payloads_are_named() {
        for bytes in [
            &b"\x00\0\0\0\x01"[..],
            b"\x07\0\0\0\x13\0\0\0\0\0\0\0",
            b"\x03\0\0\0\x16\0\0\0",
            b"\x02\0\0\0\x17\x02\x00",
            b"\x02\0\0\0\x17\x01\x00",
            b"\x01\0\0\0\x150",
        ] {
            assert!(matches!(
                read::<Report>(bytes),
                Err(FrameError::Malformed { .. })
            ));
        }
    }

    #[test]
    fn a_signal_is_shown_as_a_shell_does() {
        assert_eq!(ExitStatus::Signal(9).shell_code(), 137);
        assert_eq!(ExitStatus::Code(3).shell_code(), 3);
    }
}
