//! JSON as a document, both ways.
//!
//! serde_json says where it is only when something fails. So every key and value is counted before
//! it is read, and the place of the one that turns out wrong is found by reading the text once more
//! and failing there.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Document, Key, Mark, Node, Value};
use crate::error::{Error, Place, Problem};

/// Reads a whole text.
pub(crate) fn read(text: &str) -> Result<Document<'_>, Error> {
    let root = tree(text, None).map_err(|error| {
        let problem = Problem::Syntax {
            language: "JSON",
            message: message(&error),
        };
        let place = Place {
            line: error.line(),
            column: error.column().max(1),
        };
        Error::new(Some(place), String::new(), problem)
    })?;
    Ok(Document {
        text,
        root,
        absent: Value::Null,
        locate: |text, mark| Some(place(&tree(text, Some(mark)).err()?)),
    })
}

/// Writes a tree with one line for each key.
pub(crate) fn write(root: &Node) -> String {
    // Nothing that a tree holds can fail to be JSON.
    let mut text = serde_json::to_string_pretty(root).unwrap_or_default();
    text.push('\n');
    text
}

/// Makes nodes for a tree that is to be written.
impl Node {
    pub(crate) const fn new(value: Value) -> Self {
        Self {
            mark: Mark(0),
            value,
        }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::new(Value::Text(text.into()))
    }

    pub(crate) fn number(number: impl Into<u64>) -> Self {
        Self::new(Value::Integer(number.into()))
    }

    pub(crate) fn table<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entries = entries.into_iter().map(|(name, node)| {
            let name = name.into();
            (
                Key {
                    mark: Mark(0),
                    name,
                },
                node,
            )
        });
        Self::new(Value::Table(entries.collect()))
    }

    pub(crate) fn list(nodes: impl IntoIterator<Item = Self>) -> Self {
        Self::new(Value::List(nodes.into_iter().collect()))
    }
}

fn tree(text: &str, stop: Option<Mark>) -> Result<Node, serde_json::Error> {
    let count = Cell::new(0);
    let counter = Counter {
        count: &count,
        stop,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let root = counter.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(root)
}

/// Where a reader was that has been told to fail: before what it was to read next.
fn place(error: &serde_json::Error) -> Place {
    // Of what nothing stands before, it does not know the line.
    Place {
        line: error.line().max(1),
        column: error.column() + 1,
    }
}

/// What it says, without the place that it adds.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// Reads values and keys, each with its number, and fails at one of them if it is told to.
#[derive(Clone, Copy)]
struct Counter<'c> {
    count: &'c Cell<usize>,
    stop: Option<Mark>,
}

/// Reads what a value is.
struct OfValue<'c>(Counter<'c>);

/// Reads a key's name.
struct OfKey;

impl Counter<'_> {
    fn next<E: de::Error>(self) -> Result<Mark, E> {
        let mark = Mark(self.count.get());
        self.count.set(mark.0.wrapping_add(1));
        if self.stop == Some(mark) {
            return Err(E::custom("here"));
        }
        Ok(mark)
    }
}

impl<'de> DeserializeSeed<'de> for Counter<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let mark = self.next()?;
        let value = deserializer.deserialize_any(OfValue(self))?;
        Ok(Node { mark, value })
    }
}

impl<'de> Visitor<'de> for OfValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Boolean(truth))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        let negative = Value::Other("a negative number");
        Ok(u64::try_from(number).map_or(negative, Value::Integer))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a number that has a fraction or is too great"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = values.next_element_seed(self.0)? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(KeyCounter(self.0))? {
            entries.push((key, map.next_value_seed(self.0)?));
        }
        Ok(Value::Table(entries))
    }
}

/// The same for a key.
struct KeyCounter<'c>(Counter<'c>);

impl<'de> DeserializeSeed<'de> for KeyCounter<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        let mark = self.0.next()?;
        let name = deserializer.deserialize_str(OfKey)?;
        Ok(Key { mark, name })
    }
}

impl Visitor<'_> for OfKey {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<String, E> {
        Ok(name.to_owned())
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, node) in entries {
                    map.serialize_entry(&key.name, node)?;
                }
                map.end()
            }
            Value::List(nodes) => {
                let mut list = serializer.serialize_seq(Some(nodes.len()))?;
                for node in nodes {
                    list.serialize_element(node)?;
                }
                list.end()
            }
            Value::Text(text) => serializer.serialize_str(text),
            Value::Integer(number) => serializer.serialize_u64(*number),
            Value::Boolean(truth) => serializer.serialize_bool(*truth),
            Value::Null | Value::Other(_) => serializer.serialize_unit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_text_that_is_cut_off_is_refused_at_its_end() {
        assert_eq!(
            refusal("{\n  \"a\": 1"),
            "line 2, column 8: this is not JSON: EOF while parsing an object; correct it there, or \
             write the file anew"
        );
    }

    #[test]
    fn what_follows_the_document_is_refused() {
        assert_eq!(
            refusal("{}\n{}"),
            "line 2, column 1: this is not JSON: trailing characters; correct it there, or write \
             the file anew"
        );
    }

    #[test]
    fn nesting_that_could_exhaust_the_stack_is_refused() {
        for open in ["[", "{\"a\":"] {
            let error = refusal(&open.repeat(100_000));
            assert!(error.contains("recursion limit exceeded"), "{error}");
        }
    }

    #[test]
    fn every_key_and_value_is_found_again() {
        let text = "{\n \"a\": [\n  1,\n  null\n ],\n \"b\":\n  true\n}";
        let document = read(text).unwrap();
        let places: Vec<(usize, usize)> = (0..7)
            .map(|mark| document.place(Mark(mark)).unwrap())
            .map(|place| (place.line, place.column))
            .collect();
        // The root, "a", its list, 1, null, "b", true.
        assert_eq!(
            places,
            [(1, 1), (2, 2), (2, 7), (3, 3), (4, 3), (6, 2), (7, 3)]
        );
        assert_eq!(document.place(Mark(7)), None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let node = Node::table([
            ("text", Node::text("a\"b\n\u{7f}")),
            ("number", Node::number(u64::MAX)),
            ("list", Node::list([Node::new(Value::Null)])),
            ("truth", Node::new(Value::Boolean(true))),
        ]);
        let text = write(&node);
        let read = read(&text).unwrap();
        assert_eq!(write(&read.root), text);
        assert_eq!(text.lines().count(), 8);
    }
}
