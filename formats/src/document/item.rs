//! A value together with the path that led to it: what it means is asked here.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{Document, Key, Mark, Node, Value};
use crate::error::{Error, Problem, quoted};

/// A value of a document.
#[derive(Debug, Clone)]
pub(crate) struct Item<'d> {
    document: &'d Document<'d>,
    node: &'d Node,
    path: String,
}

/// A table whose keys are all known.
#[derive(Debug)]
pub(crate) struct Table<'d> {
    item: Item<'d>,
    entries: &'d [(Key, Node)],
}

impl<'d> Item<'d> {
    pub(super) const fn root(document: &'d Document<'d>) -> Self {
        Self {
            document,
            node: &document.root,
            path: String::new(),
        }
    }

    /// A table with these keys and no others; which of them must be there shows when they are
    /// asked for.
    pub(crate) fn table(&self, known: &[&str]) -> Result<Table<'d>, Error> {
        let table = self.any_table()?;
        match table
            .entries
            .iter()
            .find(|(key, _)| !known.contains(&key.name.as_str()))
        {
            Some((key, _)) => Err(self.unknown_key(key, &known.join(", "))),
            None => Ok(table),
        }
    }

    /// A table whose keys are data.
    pub(crate) fn any_table(&self) -> Result<Table<'d>, Error> {
        let Value::Table(entries) = &self.node.value else {
            return Err(self.wrong_kind("a table"));
        };
        let mut names = BTreeSet::new();
        match entries.iter().find(|(key, _)| !names.insert(&key.name)) {
            Some((key, _)) => {
                let problem = Problem::RepeatedKey(quoted(&key.name));
                Err(self.error_at(key.mark, problem))
            }
            None => Ok(Table {
                item: self.clone(),
                entries,
            }),
        }
    }

    /// A list of as many values as may be.
    pub(crate) fn list(&self, allowed: RangeInclusive<usize>) -> Result<Vec<Self>, Error> {
        let Value::List(nodes) = &self.node.value else {
            return Err(self.wrong_kind("a list"));
        };
        if !allowed.contains(&nodes.len()) {
            let (least, most) = (allowed.start(), allowed.end());
            return Err(self.error(Problem::WrongCount {
                actual: nodes.len(),
                allowed: match least == most {
                    true => format!("{most}"),
                    false => format!("{least} to {most}"),
                },
            }));
        }
        let items = nodes.iter().enumerate().map(|(index, node)| Self {
            document: self.document,
            node,
            path: format!("{}[{index}]", self.path),
        });
        Ok(items.collect())
    }

    pub(crate) fn text(&self) -> Result<&'d str, Error> {
        match &self.node.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong_kind("a text in quotation marks")),
        }
    }

    pub(crate) fn boolean(&self) -> Result<bool, Error> {
        match &self.node.value {
            Value::Boolean(truth) => Ok(*truth),
            _ => Err(self.wrong_kind("true or false")),
        }
    }

    /// A number of a type that holds the whole range.
    pub(crate) fn number<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Result<T, Error> {
        let expected = || match range.end() {
            &u64::MAX => format!("a number from {} on", range.start()),
            end => format!("a number from {} to {end}", range.start()),
        };
        let Value::Integer(number) = self.node.value else {
            return Err(self.wrong_kind(&expected()));
        };
        range
            .contains(&number)
            .then(|| T::try_from(number).ok())
            .flatten()
            .ok_or_else(|| self.bad_value(&number.to_string(), &expected()))
    }

    /// A register's value: hexadecimal in quotation marks, of a type that may be too narrow for it.
    pub(crate) fn hexadecimal<T: TryFrom<u64>>(&self) -> Result<T, Error> {
        let expected = || {
            let digits = size_of::<T>() * 2;
            format!("a value such as \"0x{:0digits$x}\"", 0x1f)
        };
        let Value::Text(text) = &self.node.value else {
            return Err(self.wrong_kind(&expected()));
        };
        hexadecimal(text)
            .and_then(|value| T::try_from(value).ok())
            .ok_or_else(|| self.bad_value(text, &expected()))
    }

    /// One of several names.
    pub(crate) fn name<T: Copy>(&self, names: &[(&'static str, T)]) -> Result<T, Error> {
        let expected = || {
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            format!("one of {}, in quotation marks", known.join(", "))
        };
        let Value::Text(text) = &self.node.value else {
            return Err(self.wrong_kind(&expected()));
        };
        named(text, names).ok_or_else(|| self.bad_value(text, &expected()))
    }

    /// What is there, unless the text says that there is none: "none" in TOML, null in JSON.
    pub(crate) fn present(self) -> Option<Self> {
        (self.node.value != self.document.absent).then_some(self)
    }

    /// The value is not what it should be.
    pub(crate) fn bad_value(&self, value: &str, expected: &str) -> Error {
        if value.is_empty() {
            let found = "an empty text";
            let expected = expected.to_owned();
            return self.error(Problem::WrongKind { expected, found });
        }
        self.error(Problem::BadValue {
            value: quoted(value),
            expected: expected.to_owned(),
        })
    }

    /// The value cannot be true beside another one.
    pub(crate) fn contradiction(&self, what: impl Into<String>) -> Error {
        self.error(Problem::Contradiction(what.into()))
    }

    /// It is wrong in a way of its own.
    pub(crate) fn error(&self, problem: Problem) -> Error {
        self.error_at(self.node.mark, problem)
    }

    fn wrong_kind(&self, expected: &str) -> Error {
        self.error(Problem::WrongKind {
            expected: expected.to_owned(),
            found: self.node.value.kind(),
        })
    }

    fn unknown_key(&self, key: &Key, known: &str) -> Error {
        let problem = Problem::UnknownKey {
            key: quoted(&key.name),
            known: known.to_owned(),
        };
        self.error_at(key.mark, problem)
    }

    fn error_at(&self, mark: Mark, problem: Problem) -> Error {
        Error::new(self.document.place(mark), self.path.clone(), problem)
    }
}

impl<'d> Table<'d> {
    /// The value of a key that must be there.
    pub(crate) fn required(&self, key: &str) -> Result<Item<'d>, Error> {
        self.optional(key).ok_or_else(|| self.missing(key))
    }

    /// This key must be there and is not.
    pub(crate) fn missing(&self, key: &str) -> Error {
        self.item.error(Problem::MissingKey(key.to_owned()))
    }

    /// The value of a key that may be missing.
    pub(crate) fn optional(&self, key: &str) -> Option<Item<'d>> {
        let entry = self.entries.iter().find(|(known, _)| known.name == key);
        entry.map(|entry| self.entry(entry))
    }

    /// Every key with its value.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'d str, Item<'d>)> {
        self.entries
            .iter()
            .map(|entry| (entry.0.name.as_str(), self.entry(entry)))
    }

    /// There are no more keys than this.
    pub(crate) fn check_length(&self, most: usize) -> Result<(), Error> {
        match self.entries.len() {
            actual if actual > most => Err(self.item.error(Problem::WrongCount {
                actual,
                allowed: format!("up to {most}"),
            })),
            _ => Ok(()),
        }
    }

    /// The first key that is not one of these is refused; `what` says what they are.
    pub(crate) fn check_keys(&self, known: &BTreeSet<String>, what: &str) -> Result<(), Error> {
        match self
            .entries
            .iter()
            .find(|(key, _)| !known.contains(&key.name))
        {
            Some((key, _)) => Err(self.item.unknown_key(key, what)),
            None => Ok(()),
        }
    }

    fn entry(&self, (key, node): &'d (Key, Node)) -> Item<'d> {
        let name = quoted(&key.name);
        Item {
            document: self.item.document,
            node,
            path: match self.item.path.is_empty() {
                true => name,
                false => format!("{}.{name}", self.item.path),
            },
        }
    }
}

/// The value of a name.
pub(crate) fn named<T: Copy>(text: &str, names: &[(&'static str, T)]) -> Option<T> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value)
}

/// `0x` and one to sixteen digits.
pub(crate) fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    (plain && digits.len() <= 16)
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::{json, toml};
    use super::*;

    #[test]
    fn keys_are_known_and_there_once() {
        let document = json::read("{\"a\": 1, \"b\": 2,\n\"a\": 3}").unwrap();
        assert_eq!(
            document.root().any_table().unwrap_err().to_string(),
            "line 2, column 1: `a` is there twice: remove one of them"
        );
        let document = toml::read("a = 1\n").unwrap();
        assert_eq!(
            document.root().table(&["b", "c"]).unwrap_err().to_string(),
            "line 1, column 1: `a` is not known here: correct or remove it; known are b, c"
        );
        let table = document.root().table(&["a", "b"]).unwrap();
        assert_eq!(
            table.required("b").unwrap_err().to_string(),
            "line 1, column 1: `b` is missing: add it; nothing here has a default"
        );
    }

    #[test]
    fn numbers_have_a_range() {
        let document = toml::read("a = 16\nb = -1\n").unwrap();
        let table = document.root().any_table().unwrap();
        let a = table.required("a").unwrap();
        assert_eq!(a.number::<u8>(0..=16).unwrap(), 16);
        assert_eq!(
            a.number::<u8>(0..=15).unwrap_err().to_string(),
            "line 1, column 5: a: `16` cannot stand here: write a number from 0 to 15"
        );
        assert_eq!(
            table
                .required("b")
                .unwrap()
                .number::<u8>(0..=15)
                .unwrap_err()
                .to_string(),
            "line 2, column 5: b: a number that is negative or too great cannot stand here: write a \
             number from 0 to 15"
        );
    }

    #[test]
    fn hexadecimal_values_have_a_prefix_and_digits_alone() {
        assert_eq!(hexadecimal("0x1F"), Some(0x1f));
        assert_eq!(hexadecimal("0xffffffffffffffff"), Some(u64::MAX));
        for text in [
            "",
            "0x",
            "1f",
            "0x+1",
            "0x-1",
            "0x 1",
            "0x1_0",
            "0X1",
            "0x10000000000000000",
        ] {
            assert_eq!(hexadecimal(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_too_wide_for_its_register_is_refused() {
        let document = toml::read("a = \"0x100\"").unwrap();
        let item = document.root().any_table().unwrap().required("a").unwrap();
        assert_eq!(
            item.hexadecimal::<u8>().unwrap_err().to_string(),
            "line 1, column 5: a: `0x100` cannot stand here: write a value such as \"0x1f\""
        );
        assert_eq!(item.hexadecimal::<u16>().unwrap(), 0x100);
    }

    #[test]
    fn lists_are_bounded_and_their_values_numbered() {
        let document = toml::read("a = [1, \"x\"]").unwrap();
        let list = document.root().any_table().unwrap().required("a").unwrap();
        assert_eq!(
            list.list(0..=1).unwrap_err().to_string(),
            "line 1, column 5: a: 2 values cannot stand here: write 0 to 1"
        );
        assert_eq!(
            list.list(2..=2).unwrap()[1]
                .number::<u8>(0..=9)
                .unwrap_err()
                .to_string(),
            "line 1, column 9: a[1]: a text cannot stand here: write a number from 0 to 9"
        );
    }
}
