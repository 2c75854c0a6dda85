//! What a field, a register or a bitmap accepts, as a short text.

use vambrace_core::contract::{FieldLimit, ServiceLimit, ValueSet};
use vambrace_core::cpu::Field;

use crate::document::{Item, hexadecimal};
use crate::error::Error;
use crate::words;

/// `0-1`, or with values that are stored as another one `0-1; 2-3 become 1`.
pub(super) fn of_field(limit: FieldLimit) -> String {
    let accepted = match limit.accepts {
        0 => "none".to_owned(),
        _ => limit.accepted().to_string(),
    };
    match limit.rewrites {
        0 => accepted,
        _ => format!("{accepted}; {} become {}", limit.rewritten(), limit.becomes),
    }
}

/// The limit of a field that holds `value`, if it is known what that is.
pub(super) fn read_field(item: &Item<'_>, field: Field) -> Result<FieldLimit, Error> {
    let text = item.text()?;
    let limit = field_limit(text)
        .ok_or_else(|| item.bad_value(text, "values such as `0-2,15`, or `0-1; 2-3 become 1`"))?;
    let values = limit.accepted().or(limit.rewritten());
    let greatest = values.with(limit.becomes.into()).greatest();
    if greatest > Some(field.limit()) {
        let expected = format!("values of the field, which ends at {}", field.limit());
        return Err(item.bad_value(text, &expected));
    }
    Ok(limit)
}

/// `chosen 0x1`: any of these bits; `fixed 0x1`: exactly these.
pub(super) fn of_services(limit: ServiceLimit) -> String {
    match limit {
        ServiceLimit::Chosen(bits) => format!("chosen {bits:#x}"),
        ServiceLimit::Fixed(bits) => format!("fixed {bits:#x}"),
    }
}

pub(super) fn read_services(item: &Item<'_>) -> Result<ServiceLimit, Error> {
    let text = item.text()?;
    let limit = text.split_once(' ').and_then(|(how, bits)| {
        let bits = hexadecimal(bits)?;
        match how {
            "chosen" => Some(ServiceLimit::Chosen(bits)),
            "fixed" => Some(ServiceLimit::Fixed(bits)),
            _ => None,
        }
    });
    limit.ok_or_else(|| item.bad_value(text, "a bitmap such as `chosen 0x1` or `fixed 0x0`"))
}

/// A set of values as ranges.
pub(super) fn read_values(item: &Item<'_>) -> Result<ValueSet, Error> {
    let text = item.text()?;
    words::value_set(text).ok_or_else(|| {
        item.bad_value(
            text,
            "a set of numbers from 0 to 63 such as `0-2,15`, rising",
        )
    })
}

fn field_limit(text: &str) -> Option<FieldLimit> {
    let Some((accepted, rewritten)) = text.split_once("; ") else {
        return Some(FieldLimit {
            accepts: field_values(text)?,
            ..FieldLimit::default()
        });
    };
    let (rewritten, becomes) = rewritten.split_once(" become ")?;
    let limit = FieldLimit {
        accepts: field_values(accepted)?,
        rewrites: field_values(rewritten)?,
        becomes: becomes.parse().ok()?,
    };
    let understood = limit.rewrites != 0 && limit.accepts & limit.rewrites == 0;
    (understood && of_field(limit) == text).then_some(limit)
}

fn field_values(text: &str) -> Option<u16> {
    match text {
        "none" => Some(0),
        "" => None,
        _ => u16::try_from(words::value_set(text)?.bits()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        for (accepts, rewrites, becomes, text) in [
            (0x8007, 0, 0, "0-2,15"),
            (0, 0, 0, "none"),
            (0b0011, 0b1100, 1, "0-1; 2-3 become 1"),
            (0, 1, 15, "none; 0 become 15"),
        ] {
            let limit = FieldLimit {
                accepts,
                rewrites,
                becomes,
            };
            assert_eq!(of_field(limit), text);
            assert_eq!(field_limit(text), Some(limit));
        }
    }

    #[test]
    fn a_limit_that_says_two_things_of_one_value_is_none() {
        for text in [
            "",
            "16",
            "0-1;",
            "0-1; ",
            "0-1; 1 become 0",
            "0; 1 become",
            "0; none become 0",
            "0; 1 become x",
            "0; 1 become 01",
            "0; 1 become 256",
            "0;1 become 0",
            "; 1 become 0",
        ] {
            assert_eq!(field_limit(text), None, "{text}");
        }
    }
}
