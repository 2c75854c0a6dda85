//! Inputs made from others: the same ones in every run.

/// Makes inputs from those it was given.
#[derive(Debug)]
pub(crate) struct Mutator<'s> {
    seeds: &'s [Vec<u8>],
    state: u64,
}

impl<'s> Mutator<'s> {
    pub(crate) const fn new(seeds: &'s [Vec<u8>]) -> Self {
        Self {
            seeds,
            state: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// One of the seeds, changed in one place or in a few.
    pub(crate) fn input(&mut self) -> Vec<u8> {
        let mut input = self.seed().clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let place = self.below(input.len() + 1);
        let end = self.end(input, place);
        match self.below(8) {
            0 => self.flip(input, place),
            1 => self.set_word(input, place),
            2 => input.truncate(place),
            3 => drop(input.drain(place..end)),
            4 => {
                let twice = input[place..end].to_vec();
                input.splice(place..place, twice);
            }
            5 => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(place..end, token.iter().copied());
            }
            6 => self.swap_lines(input),
            _ => {
                let other = self.seed();
                let start = self.below(other.len() + 1);
                let stop = self.end(other, start);
                input.splice(place..end, other[start..stop].iter().copied());
            }
        }
    }

    /// Mostly a few bytes after `place`, at times any number.
    fn end(&mut self, input: &[u8], place: usize) -> usize {
        let rest = input.len() - place;
        let length = match self.below(4) {
            0 => self.below(rest + 1),
            _ => self.below(9).min(rest),
        };
        place + length
    }

    fn flip(&mut self, input: &mut [u8], place: usize) {
        let bit = 1 << self.below(8);
        if let Some(byte) = input.get_mut(place) {
            *byte ^= bit;
        }
    }

    /// A number that programs get wrong: none, all, the greatest, one bit.
    fn set_word(&mut self, input: &mut [u8], place: usize) {
        let word = match self.below(5) {
            0 => 0,
            1 => u64::MAX,
            2 => i64::MAX.cast_unsigned(),
            3 => self.next(),
            _ => 1 << self.below(64),
        };
        let size = 1 << self.below(4);
        let bytes = word.to_le_bytes();
        for (byte, new) in input.iter_mut().skip(place).zip(&bytes[..size]) {
            *byte = *new;
        }
    }

    fn swap_lines(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
        if !lines.is_empty() {
            let (one, other) = (self.below(lines.len()), self.below(lines.len()));
            lines.swap(one, other);
        }
        *input = lines.concat();
    }

    fn seed(&mut self) -> &'s Vec<u8> {
        &self.seeds[self.below(self.seeds.len())]
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    /// Marsaglia's xorshift64.
    const fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

/// Pieces of the languages that are read.
const TOKENS: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"[",
    b"]",
    b"{",
    b"}",
    b"=",
    b":",
    b"null",
    b"none",
    b"-1",
    b"0x",
    b"\n",
    b"\xff",
    b"18446744073709551616",
    b"[[[[[[[[",
];
