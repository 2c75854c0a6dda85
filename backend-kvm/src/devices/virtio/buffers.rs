//! The buffers of a descriptor chain in one direction, as one run of bytes.
//!
//! They lie in guest memory, which the guest may change meanwhile: bytes are copied in and out,
//! and no reference into them exists.

use std::collections::VecDeque;

use vm_memory::VolatileSlice;

/// Some bytes of guest memory, in pieces. Reading and writing consume them from the front.
#[derive(Debug, Default, Clone)]
pub struct Buffers<'m> {
    pieces: VecDeque<VolatileSlice<'m>>,
    length: u64,
}

impl<'m> Buffers<'m> {
    /// Appends a piece; an empty one is left out.
    pub(super) fn push(&mut self, piece: VolatileSlice<'m>) {
        if !piece.is_empty() {
            self.length += piece.len() as u64;
            self.pieces.push_back(piece);
        }
    }

    /// How many bytes are left.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The pieces that are left, in order, none of them empty.
    pub fn pieces(&self) -> impl Iterator<Item = &VolatileSlice<'m>> {
        self.pieces.iter()
    }

    /// Takes the first `length` bytes out; `None`, and nothing taken, if there are fewer.
    #[must_use]
    pub fn take_front(&mut self, length: u64) -> Option<Self> {
        let rest = self.length.checked_sub(length)?;
        let mut taken = Self::default();
        while taken.length < length {
            let piece = self.pieces.pop_front()?;
            match piece.split_at(usize::try_from(length - taken.length).unwrap_or(usize::MAX)) {
                Ok((wanted, left)) => {
                    taken.push(wanted);
                    if !left.is_empty() {
                        self.pieces.push_front(left);
                    }
                }
                // The piece is shorter than what is wanted.
                Err(_) => taken.push(piece),
            }
        }
        self.length = rest;
        Some(taken)
    }

    /// Takes the last `length` bytes out; `None`, and nothing taken, if there are fewer.
    #[must_use]
    pub fn take_back(&mut self, length: u64) -> Option<Self> {
        let front = self.take_front(self.length.checked_sub(length)?)?;
        Some(std::mem::replace(self, front))
    }

    /// Reads the first `N` bytes; `None`, and nothing consumed, if there are fewer.
    pub fn read_array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let taken = self.take_front(N as u64)?;
        taken.copy_to(&mut bytes);
        Some(bytes)
    }

    /// Reads as much as there is, up to the length of `bytes`; returns how much.
    pub fn read(&mut self, bytes: &mut [u8]) -> usize {
        let length = self.length.min(bytes.len() as u64);
        self.take_front(length)
            .map_or(0, |taken| taken.copy_to(bytes))
    }

    /// Writes as much as there is room for; returns how much.
    pub fn write(&mut self, mut bytes: &[u8]) -> usize {
        let length = self.length.min(bytes.len() as u64);
        let Some(taken) = self.take_front(length) else {
            return 0;
        };
        for piece in taken.pieces() {
            let (now, later) = bytes.split_at(piece.len());
            piece.copy_from(now);
            bytes = later;
        }
        usize::try_from(length).unwrap_or(usize::MAX)
    }

    fn copy_to(&self, bytes: &mut [u8]) -> usize {
        let mut copied = 0;
        for piece in self.pieces() {
            copied += piece.copy_to(&mut bytes[copied..]);
        }
        copied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three pieces of 4, 0 and 6 bytes over ten counted ones.
    fn with<R>(act: impl FnOnce(Buffers<'_>) -> R) -> (R, [u8; 10]) {
        let mut memory = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let result = {
            let whole = VolatileSlice::from(&mut memory[..]);
            let mut buffers = Buffers::default();
            for (offset, length) in [(0, 4), (4, 0), (4, 6)] {
                buffers.push(whole.subslice(offset, length).unwrap());
            }
            act(buffers)
        };
        (result, memory)
    }

    #[test]
    fn bytes_are_read_over_the_borders_of_pieces() {
        let (read, _) = with(|mut buffers| {
            (
                buffers.read_array::<3>(),
                buffers.read_array::<4>(),
                buffers.length(),
            )
        });
        assert_eq!(read, (Some([0, 1, 2]), Some([3, 4, 5, 6]), 3));
    }

    #[test]
    fn more_than_there_is_takes_nothing() {
        let (left, _) = with(|mut buffers| {
            assert!(buffers.take_front(11).is_none());
            assert!(buffers.take_back(u64::MAX).is_none());
            assert_eq!(buffers.read_array::<11>(), None);
            buffers.length()
        });
        assert_eq!(left, 10);
    }

    #[test]
    fn the_back_is_taken_and_the_front_stays() {
        let (read, _) = with(|mut buffers| {
            let mut back = buffers.take_back(1).unwrap();
            let mut front = [0xff; 16];
            let read = buffers.read(&mut front);
            (back.read_array::<1>(), read, front[8], front[9])
        });
        assert_eq!(read, (Some([9]), 9, 8, 0xff));
    }

    #[test]
    fn writes_fill_pieces_in_order_and_end_where_they_end() {
        let (written, memory) = with(|mut buffers| {
            let written = buffers.write(&[0xaa; 5]);
            written + buffers.write(&[0xbb; 50])
        });
        assert_eq!(written, 10);
        assert_eq!(
            memory,
            [0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb]
        );
    }

    #[test]
    fn nothing_is_taken_of_nothing() {
        let mut buffers = Buffers::default();
        assert_eq!(buffers.take_front(0).unwrap().length(), 0);
        assert_eq!(buffers.write(&[1]), 0);
    }
}
