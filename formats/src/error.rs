//! Why a file is refused: where in it, which value, and what to do about it.

use std::fmt;

/// A file that cannot be read, in words for the person who has to correct it.
///
/// It says everything but the file's name, which only the caller knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    place: Option<Place>,
    path: String,
    problem: Problem,
}

/// A place in a text, as editors count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column in it.
    pub column: usize,
}

/// What is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No file of the kind is so long.
    #[error(
        "the file has {actual} bytes, and no {kind} has more than {limit}: is it another file?"
    )]
    TooLong {
        /// What the file should be.
        kind: &'static str,
        /// Its length in bytes.
        actual: usize,
        /// The greatest length that is read.
        limit: usize,
    },
    /// Its bytes are not text.
    #[error("this is not UTF-8 text: the file is damaged, or it is another file")]
    NotText,
    /// It is not in the language that it should be in.
    #[error("this is not {language}: {message}; correct it there, or write the file anew")]
    Syntax {
        /// TOML or JSON.
        language: &'static str,
        /// What the parser says.
        message: String,
    },
    /// A newer version of Vambrace wrote it.
    #[error(
        "the file has schema {found}, and this vambrace knows schema {newest}: read it with the \
         vambrace that wrote it, or a newer one"
    )]
    NewerSchema {
        /// The number in the file.
        found: u64,
        /// The greatest number that is understood.
        newest: u64,
    },
    /// A key that means nothing here.
    #[error("`{key}` is not known here: correct or remove it; known are {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// What there is.
        known: String,
    },
    /// A key that is there twice.
    #[error("`{0}` is there twice: remove one of them")]
    RepeatedKey(String),
    /// A key that must be there.
    #[error("`{0}` is missing: add it; nothing here has a default")]
    MissingKey(String),
    /// A value of another kind than the key has.
    #[error("{found} cannot stand here: write {expected}")]
    WrongKind {
        /// What the key has.
        expected: String,
        /// What is there.
        found: &'static str,
    },
    /// A value that cannot be understood, or is out of range.
    #[error("`{value}` cannot stand here: write {expected}")]
    BadValue {
        /// The value.
        value: String,
        /// What there may be.
        expected: String,
    },
    /// More values than there can be.
    #[error("{actual} values cannot stand here: write {allowed}")]
    WrongCount {
        /// How many there are.
        actual: usize,
        /// How many there may be.
        allowed: String,
    },
    /// Values that cannot both be true.
    #[error("{0}")]
    Contradiction(String),
}

impl Error {
    pub(crate) const fn new(place: Option<Place>, path: String, problem: Problem) -> Self {
        Self {
            place,
            path,
            problem,
        }
    }

    /// Where in the file; None if it is wrong as a whole.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        self.place
    }

    /// The keys that lead to the value, with dots between them; empty for the whole file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, and what to do.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.problem.fmt(f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Place {
    /// The place of a byte; the end of the text if it is shorter.
    pub(crate) fn of_byte(text: &str, offset: usize) -> Self {
        let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// A value as a message quotes it: short, and without anything that a terminal would obey.
pub(crate) fn quoted(value: &str) -> String {
    let mut quoted: String = value
        .chars()
        .take(QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(QUOTED).is_some() {
        quoted.push('…');
    }
    quoted
}

const QUOTED: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_1() {
        let text = "ab\nçd\n";
        for (offset, line, column) in [(0, 1, 1), (1, 1, 2), (3, 2, 1), (5, 2, 2), (7, 3, 1)] {
            assert_eq!(Place::of_byte(text, offset), Place { line, column });
        }
        assert_eq!(Place::of_byte(text, 4), Place { line: 2, column: 1 });
        assert_eq!(Place::of_byte(text, 99), Place { line: 3, column: 1 });
    }

    #[test]
    fn a_quoted_value_is_short_and_harmless() {
        assert_eq!(quoted("\x1b[2J"), "\\u{1b}[2J");
        assert_eq!(quoted(&"x".repeat(100)), format!("{}…", "x".repeat(48)));
    }
}
