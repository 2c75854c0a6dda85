//! Contracts and host profiles as files: TOML for people, JSON for tools.
//!
//! A [`contract`] is written and compared by people, so it is TOML with every value on a line of
//! its own and the meaning of registers beside them. A [`profile`] is written by a probe and read
//! by tools, so it is JSON, but one line to a field too, because the difference of two hosts is
//! what people look at.
//!
//! Whatever is read is refused unless it is wholly understood: a key that is not known, missing or
//! there twice, a value out of range, a newer schema, values that contradict each other. Nothing
//! has a default. An [`Error`] says where, what, why and what to do.

pub mod contract;
mod cpu;
mod document;
mod error;
pub mod fleet;
pub mod profile;
pub mod words;

use document::Table;

pub use error::{Error, Place, Problem};

/// The text of a file that may be anything.
fn text_of<'b>(kind: &'static str, bytes: &'b [u8], limit: usize) -> Result<&'b str, Error> {
    let whole = |problem| Error::new(None, String::new(), problem);
    if bytes.len() > limit {
        let actual = bytes.len();
        return Err(whole(Problem::TooLong {
            kind,
            actual,
            limit,
        }));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let place = Place::of_byte(&text, text.len());
        Error::new(Some(place), String::new(), Problem::NotText)
    })
}

/// The schema of a file, which decides whether anything else in it can be understood.
fn check_schema(table: &Table<'_>, newest: u64) -> Result<(), Error> {
    let item = table.required("schema")?;
    let found = item.number(1..=u64::MAX)?;
    if found > newest {
        return Err(item.error(Problem::NewerSchema { found, newest }));
    }
    Ok(())
}
