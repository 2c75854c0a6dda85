//! A document as a tree: what TOML and JSON have in common, and where everything stands.
//!
//! Both languages are read whole into [`Node`]s first. What the values mean is then asked of
//! [`Item`]s, which know the path that led to them, so that every refusal names its place and its
//! path, and nothing is skipped: a table is asked for all its keys at once and refuses the others.
//!
//! ```text
//! TOML ─▶ toml.rs ─┐
//!                  ├─▶ Document ─▶ Item ─▶ contract, profile
//! JSON ─▶ json.rs ─┘
//! ```

mod item;
pub(crate) mod json;
pub(crate) mod toml;

pub(crate) use item::{Item, Table, hexadecimal};

use crate::error::Place;

/// A whole document with the text that it was read from.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    text: &'t str,
    root: Node,
    /// What stands for nothing: null, or "none" where there is no null.
    absent: Value,
    locate: fn(&str, Mark) -> Option<Place>,
}

/// A value, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    mark: Mark,
    pub(crate) value: Value,
}

/// Where something stands, as the language's own reader counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark(usize);

/// What both languages can say, and how they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Keys in the order of the text, repeated ones too.
    Table(Vec<(Key, Node)>),
    List(Vec<Node>),
    Text(String),
    Integer(u64),
    Boolean(bool),
    /// JSON's null.
    Null,
    /// What no file of ours has.
    Other(&'static str),
}

/// A key, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    mark: Mark,
    pub(crate) name: String,
}

impl Document<'_> {
    /// The whole of it.
    pub(crate) fn root(&self) -> Item<'_> {
        Item::root(self)
    }

    fn place(&self, mark: Mark) -> Option<Place> {
        (self.locate)(self.text, mark)
    }
}

impl Value {
    /// What it is, as an error names it.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Table(_) => "a table",
            Self::List(_) => "a list",
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "a truth value",
            Self::Null => "null",
            Self::Other(kind) => kind,
        }
    }
}
