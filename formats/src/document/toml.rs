//! TOML as a document. Its reader refuses repeated keys and deep nesting by itself.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::{Document, Key, Mark, Node, Value};
use crate::error::{Error, Place, Problem};

/// Reads a whole text.
pub(crate) fn read(text: &str) -> Result<Document<'_>, Error> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map(|span| Place::of_byte(text, span.start));
        let message = error.message().to_owned();
        let problem = Problem::Syntax {
            language: "TOML",
            message,
        };
        Error::new(place, String::new(), problem)
    })?;
    let root = Node {
        mark: Mark(table.span().start),
        value: of_table(table.get_ref()),
    };
    Ok(Document {
        text,
        root,
        absent: Value::Text("none".to_owned()),
        locate: |text, mark| Some(Place::of_byte(text, mark.0)),
    })
}

fn of_table(table: &DeTable<'_>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let key = Key {
            mark: mark(key.span()),
            name: key.get_ref().to_string(),
        };
        (key, node(value))
    });
    Value::Table(entries.collect())
}

fn node(value: &Spanned<DeValue<'_>>) -> Node {
    Node {
        mark: mark(value.span()),
        value: match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
                .map_or(
                    Value::Other("a number that is negative or too great"),
                    Value::Integer,
                ),
            DeValue::Float(_) => Value::Other("a number with a fraction"),
            DeValue::Boolean(truth) => Value::Boolean(*truth),
            DeValue::Datetime(_) => Value::Other("a date or time"),
            DeValue::Array(values) => Value::List(values.iter().map(node).collect()),
            DeValue::Table(table) => of_table(table),
        },
    }
}

const fn mark(span: Range<usize>) -> Mark {
    Mark(span.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_repeated_key_is_refused_where_it_is_repeated() {
        assert_eq!(
            refusal("a = 1\nb = 2\na = 3\n"),
            "line 3, column 1: this is not TOML: duplicate key; correct it there, or write the \
             file anew"
        );
    }

    #[test]
    fn nesting_that_could_exhaust_the_stack_is_refused() {
        for (open, between, close) in [("[", "", "]"), ("{a=", "1", "}")] {
            let depth = 100_000;
            let text = format!("x={}{between}{}", open.repeat(depth), close.repeat(depth));
            assert!(read(&text).is_err());
        }
        let keys = ["a"; 100_000].join(".");
        assert!(read(&format!("{keys} = 1")).is_err());
        assert!(read(&format!("[{keys}]")).is_err());
        assert!(read(&format!("[[{keys}]]")).is_err());
    }

    #[test]
    fn every_kind_of_value_has_a_name() {
        let document =
            read("a=-1\nb=1.5\nc=1979-05-27\nd=[]\ne={}\nf=true\ng='x'\nh=0x10").unwrap();
        let Value::Table(entries) = &document.root.value else {
            panic!("a document is a table");
        };
        let kinds: Vec<&str> = entries.iter().map(|(_, node)| node.value.kind()).collect();
        assert_eq!(
            kinds,
            [
                "a number that is negative or too great",
                "a number with a fraction",
                "a date or time",
                "a list",
                "a table",
                "a truth value",
                "a text",
                "a number"
            ]
        );
    }
}
