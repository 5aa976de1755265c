//! A document as a tree that remembers where each part stood.

use std::fmt;

use zeroize::Zeroizing;

/// A place in the input; both numbers count from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A value and where it starts.
///
/// Strings are zeroized on drop: a node may hold the plaintext of a Secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it starts; for JSON, where its document starts.
    pub position: Position,
}

/// The value of a [`Node`].
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null {
        /// Whether an unquoted word of YAML says so.
        written: bool,
    },
    /// A boolean; `text` is how it was spelled (`yes`).
    Bool {
        /// What it means.
        value: bool,
        /// How it was spelled.
        text: String,
    },
    /// A number; `text` is how it was spelled (`0777`), `canonical` what Kubernetes tools make of
    /// it where a string is wanted (`511`).
    Number {
        /// The number as a string.
        canonical: String,
        /// How it was spelled.
        text: String,
    },
    /// Text.
    String(Zeroizing<String>),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the input. Of equal keys only the last is kept.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping, as a string.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The key, converted like a value where a string is wanted: an unquoted `on` is `true`.
    pub name: String,
    /// How it was spelled, if that differs.
    pub spelled: Option<String>,
    /// Where it starts.
    pub position: Position,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub fn field(&self, key: &str) -> Option<&Node> {
        self.fields()?
            .iter()
            .find(|(name, _)| name.name == key)
            .map(|(_, node)| node)
    }

    /// Keys and values, if this is a mapping.
    pub fn fields(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Mapping(fields) => Some(fields),
            _ => None,
        }
    }

    /// The text, if this is a string (quoted, or plain and nothing else).
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What Kubernetes tools make of this scalar where a string is wanted; `None` for a list or
    /// mapping.
    pub fn as_wanted_string(&self) -> Option<&str> {
        match &self.value {
            Value::Null { .. } => Some(""),
            Value::Bool { value: true, .. } => Some("true"),
            Value::Bool { value: false, .. } => Some("false"),
            Value::Number { canonical, .. } => Some(canonical),
            Value::String(text) => Some(text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null { .. })
    }

    /// The kind of value in words, for messages: `a list`.
    pub fn describe(&self) -> &'static str {
        match &self.value {
            Value::Null { .. } => "null",
            Value::Bool { .. } => "a boolean",
            Value::Number { .. } => "a number",
            Value::String(_) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a map",
        }
    }
}

/// Shows structure, never text: it may be plaintext.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null { .. } => f.write_str("Null"),
            Value::Bool { .. } => f.write_str("Bool(..)"),
            Value::Number { .. } => f.write_str("Number(..)"),
            Value::String(_) => f.write_str("String(..)"),
            Value::Sequence(items) => f.debug_list().entries(items).finish(),
            Value::Mapping(fields) => f
                .debug_map()
                .entries(fields.iter().map(|(key, node)| (&key.name, node)))
                .finish(),
        }
    }
}
