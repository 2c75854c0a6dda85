//! What differs by nature, and how it is compared: by shape, each by a row of `docs/abi.md`.
//!
//! The model lends ones where bits are drawn and zeroes where clocks are read, and promises no
//! workaround, so that each rule knows from the model's answer what the function has to give.

use super::call::{Call, Registers};

/// Why an answer that is not the model's is right all the same: a row of the page's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Random bits.
    TrngBits,
    /// Wall clock and counter.
    PtpClocks,
    /// What the host's CPU needs of the architecture workarounds.
    WorkaroundLevels,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TrngBits, Self::PtpClocks, Self::WorkaroundLevels];

    /// Its name in the table.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::TrngBits => "trng-bits",
            Self::PtpClocks => "ptp-clocks",
            Self::WorkaroundLevels => "workaround-levels",
        }
    }
}

/// What an answer is to the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The same.
    Equal,
    /// Another, by this rule.
    Explained(Rule),
    /// Wrong.
    Unexplained,
}

/// What all runs on one host agree on: the levels of its workarounds.
#[derive(Debug, Default)]
pub struct HostShape {
    levels: [Option<u64>; 3],
}

/// What the calls of one run agree on, in the order in which they were made.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    host: &'a mut HostShape,
    /// x1 to x3 of the last draw that is too long to come twice.
    draw: [u64; 3],
    wall_clock: u64,
    counters: [u64; 2],
}

impl<'a> Shape<'a> {
    pub(super) fn of_a_run_on(host: &'a mut HostShape) -> Self {
        Self {
            host,
            draw: [0; 3],
            wall_clock: 0,
            counters: [0; 2],
        }
    }

    /// Judges an answer. One that comes under a rule has to follow it even where it is the model's.
    pub(super) fn judge(
        &mut self,
        call: &Call,
        expected: &Registers,
        found: &Registers,
    ) -> Judgement {
        let is_equal = found == expected;
        match Rule::about(call, expected) {
            None if is_equal => Judgement::Equal,
            Some(rule) if self.follows(rule, call, expected, found) => match is_equal {
                true => Judgement::Equal,
                false => Judgement::Explained(rule),
            },
            None | Some(_) => Judgement::Unexplained,
        }
    }

    fn follows(
        &mut self,
        rule: Rule,
        call: &Call,
        expected: &Registers,
        found: &Registers,
    ) -> bool {
        let from = |register| found[register..] == expected[register..];
        match rule {
            Rule::TrngBits => from(4) && self.draw_is_new(expected, found),
            Rule::PtpClocks => from(4) && self.clocks_go_on(call, found),
            Rule::WorkaroundLevels => from(1) && self.level_is_the_hosts(call, found[0]),
        }
    }

    /// SUCCESS, and no bit that the model, which has all that can be asked for, has not. A draw too
    /// long to come twice is not the one before, nor, if it is the first, all zeroes.
    fn draw_is_new(&mut self, expected: &Registers, found: &Registers) -> bool {
        let [most, bits] =
            [expected, found].map(|registers| [registers[1], registers[2], registers[3]]);
        let all_asked_for = most.iter().zip(bits).all(|(most, bits)| bits & !most == 0);
        let asked_for: u32 = most.iter().map(|most| most.count_ones()).sum();
        let is_new = asked_for < LONG_DRAW || std::mem::replace(&mut self.draw, bits) != bits;
        found[0] == 0 && all_asked_for && is_new
    }

    /// Nanoseconds since 1970 and the counter, each in two words, upper one first; neither goes
    /// back.
    fn clocks_go_on(&mut self, call: &Call, found: &Registers) -> bool {
        let [wall_upper, wall_lower, counter_upper, counter_lower, ..] = *found;
        let words = [wall_upper, wall_lower, counter_upper, counter_lower];
        if words.iter().any(|word| *word > WORD) {
            return false;
        }
        let before = (self.wall_clock, self.counter(call));
        self.wall_clock = wall_upper << 32 | wall_lower;
        *self.counter_mut(call) = counter_upper << 32 | counter_lower;
        self.wall_clock >= before.0 && self.counter(call) > before.1
    }

    fn counter(&self, call: &Call) -> u64 {
        self.counters[usize::from(call.given[1] & WORD != 0)]
    }

    fn counter_mut(&mut self, call: &Call) -> &mut u64 {
        &mut self.counters[usize::from(call.given[1] & WORD != 0)]
    }

    /// One of the answers that there are for this workaround, and on one host always the same.
    fn level_is_the_hosts(&mut self, call: &Call, x0: u64) -> bool {
        let (place, answers): (_, &[u64]) = match call.given[1] & WORD {
            WORKAROUND_1 => (0, &[NOT_SUPPORTED, 0, 1]),
            WORKAROUND_2 => (1, &[NOT_SUPPORTED, NOT_REQUIRED]),
            _ => (2, &[NOT_SUPPORTED, 0, 1]),
        };
        answers.contains(&x0) && *self.host.levels[place].get_or_insert(x0) == x0
    }
}

impl Rule {
    /// The rule that a call comes under, going by its arguments and what the model makes of it.
    fn about(call: &Call, expected: &Registers) -> Option<Self> {
        let succeeds = expected[0] == 0;
        match (call.function(), call.given[1] & WORD) {
            (TRNG_RND_32 | TRNG_RND_64, _) if succeeds => Some(Self::TrngBits),
            (PTP, 0 | 1) if succeeds => Some(Self::PtpClocks),
            (ARCH_FEATURES, WORKAROUND_1 | WORKAROUND_2 | WORKAROUND_3)
                if expected[1..4] == [0; 3] =>
            {
                Some(Self::WorkaroundLevels)
            }
            _ => None,
        }
    }
}

/// Bits. By chance two draws are equal once in 2^64 runs.
const LONG_DRAW: u32 = 64;
const WORD: u64 = 0xffff_ffff;
const NOT_SUPPORTED: u64 = u64::MAX;
const NOT_REQUIRED: u64 = u64::MAX - 1;
const ARCH_FEATURES: u32 = 0x8000_0001;
const WORKAROUND_1: u64 = 0x8000_8000;
const WORKAROUND_2: u64 = 0x8000_7fff;
const WORKAROUND_3: u64 = 0x8000_3fff;
const TRNG_RND_32: u32 = 0x8400_0053;
const TRNG_RND_64: u32 = 0xc400_0053;
const PTP: u32 = 0x8600_0001;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_a_row_of_the_page_and_each_row_a_rule() {
        let page = include_str!("../../../docs/abi.md");
        let (_, table) = page
            .split_once("### What is compared by shape\n")
            .expect("the page has that table");
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let keys: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
        assert_eq!(keys, Rule::ALL.map(Rule::key));
    }
}
