//! What every packet begins with: `struct virtio_vsock_hdr` (VIRTIO 1.3 §5.10.6).

/// A packet's header. Numbers that a guest chooses are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) source: Address,
    pub(super) destination: Address,
    /// How many bytes follow.
    pub(super) length: u32,
    /// [`STREAM`] is the only one that is spoken here.
    pub(super) kind: u16,
    pub(super) operation: u16,
    pub(super) flags: u32,
    /// How much the sender has room for in all.
    pub(super) buf_alloc: u32,
    /// How much of what it ever got it has passed on.
    pub(super) fwd_cnt: u32,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) cid: u64,
    pub(super) port: u32,
}

/// What a packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Operation {
    Request = 1,
    Response = 2,
    Reset = 3,
    Shutdown = 4,
    ReadWrite = 5,
    CreditUpdate = 6,
    CreditRequest = 7,
}

impl Header {
    /// How many bytes it has.
    pub(super) const SIZE: usize = 44;

    pub(super) fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let byte = |at: usize| bytes[at];
        let half = |at| u16::from_le_bytes([byte(at), byte(at + 1)]);
        let word = |at| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
        let long = |at| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        Self {
            source: Address {
                cid: long(0),
                port: word(16),
            },
            destination: Address {
                cid: long(8),
                port: word(20),
            },
            length: word(24),
            kind: half(28),
            operation: half(30),
            flags: word(32),
            buf_alloc: word(36),
            fwd_cnt: word(40),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.source.cid.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.destination.cid.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.source.port.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.destination.port.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.length.to_le_bytes());
        bytes[28..30].copy_from_slice(&self.kind.to_le_bytes());
        bytes[30..32].copy_from_slice(&self.operation.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.flags.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.buf_alloc.to_le_bytes());
        bytes[40..].copy_from_slice(&self.fwd_cnt.to_le_bytes());
        bytes
    }

    /// What it is for; `None` if that is unknown.
    pub(super) fn operation(&self) -> Option<Operation> {
        let all = [
            Operation::Request,
            Operation::Response,
            Operation::Reset,
            Operation::Shutdown,
            Operation::ReadWrite,
            Operation::CreditUpdate,
            Operation::CreditRequest,
        ];
        all.into_iter()
            .find(|operation| *operation as u16 == self.operation)
    }

    /// The refusal of this packet, from where it was sent to. It is of the same type, known or not.
    pub(super) fn refusal(&self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            length: 0,
            kind: self.kind,
            operation: Operation::Reset as u16,
            flags: 0,
            buf_alloc: 0,
            fwd_cnt: 0,
        }
    }
}

/// VIRTIO_VSOCK_TYPE_STREAM.
pub(super) const STREAM: u16 = 1;
/// Flags of [`Operation::Shutdown`]: the sender receives no more, sends no more.
pub(super) const NO_RECEIVE: u32 = 1;
pub(super) const NO_SEND: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_lies_as_in_the_specification_and_back() {
        let mut bytes = [0; 44];
        for (byte, number) in bytes.iter_mut().zip(1..) {
            *byte = number;
        }
        let header = Header::from_bytes(&bytes);
        assert_eq!(header.source.cid, 0x0807_0605_0403_0201);
        assert_eq!(header.destination.cid, 0x100f_0e0d_0c0b_0a09);
        assert_eq!(header.source.port, 0x1413_1211);
        assert_eq!(header.destination.port, 0x1817_1615);
        assert_eq!(header.length, 0x1c1b_1a19);
        assert_eq!((header.kind, header.operation), (0x1e1d, 0x201f));
        assert_eq!(header.flags, 0x2423_2221);
        assert_eq!(
            (header.buf_alloc, header.fwd_cnt),
            (0x2827_2625, 0x2c2b_2a29)
        );
        assert_eq!(header.to_bytes(), bytes);
    }

    #[test]
    fn operations_have_the_numbers_1_to_7() {
        let mut header = Header::from_bytes(&[0; 44]);
        let mut known = Vec::new();
        for number in 0..=u16::MAX {
            header.operation = number;
            known.extend(header.operation().map(|operation| operation as u16));
        }
        assert_eq!(known, [1, 2, 3, 4, 5, 6, 7]);
    }
}
