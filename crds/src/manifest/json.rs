//! JSON objects to [`Node`] trees.
//!
//! serde_json rounds numbers to 64 bits. A value that is meant as a string would be another one then,
//! so numbers take their text from the input.

use std::collections::HashMap;
use std::ops::Range;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::compose::ComposeError;
use super::node::{Key, Node, Position, Value};

/// JSON objects one after another, and where each stands in the text.
pub(super) fn read_json(
    text: &str,
    first_line: usize,
) -> Result<Vec<(Node, Range<usize>)>, ComposeError> {
    let mut nodes = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<JsonNode>();
    let mut at = 0;
    while let Some(result) = stream.next() {
        let before = text.get(..at).unwrap_or_default();
        let lead = text.get(at..).unwrap_or_default();
        let blank = lead.len() - lead.trim_start().len();
        let line = first_line
            + before.matches('\n').count()
            + lead.get(..blank).unwrap_or_default().matches('\n').count();
        let JsonNode(mut node) = result.map_err(|error| ComposeError {
            position: Position {
                line: first_line + error.line().saturating_sub(1),
                column: error.column().max(1),
            },
            message: json_message(&error).to_owned(),
        })?;
        if node.fields().is_none() {
            return Err(ComposeError {
                position: Position { line, column: 1 },
                message: "text after a JSON object".to_owned(),
            });
        }
        let end = stream.byte_offset();
        let mut numbers = numbers(text.get(at..end).unwrap_or_default());
        complete(&mut node, Position { line, column: 1 }, &mut numbers);
        nodes.push((node, at + blank..end));
        at = end;
    }
    Ok(nodes)
}

/// What is wrong, in words that repeat nothing of the input: it may be plaintext.
fn json_message(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "JSON ends too early",
        _ => "not valid JSON",
    }
}

/// Puts in what serde_json doesn't tell: the text of numbers, which come in the order of the input,
/// and positions: all of a JSON document stands where it starts. Then drops all but the last of
/// equal keys.
fn complete<'text>(
    node: &mut Node,
    position: Position,
    numbers: &mut impl Iterator<Item = &'text str>,
) {
    node.position = position;
    match &mut node.value {
        Value::Number { canonical, text } => {
            if let Some(number) = numbers.next() {
                number.clone_into(canonical);
                number.clone_into(text);
            }
        }
        Value::Sequence(items) => {
            for item in items {
                complete(item, position, numbers);
            }
        }
        Value::Mapping(fields) => {
            for (key, node) in fields.iter_mut() {
                key.position = position;
                complete(node, position, numbers);
            }
            *fields = last_of_each_key(std::mem::take(fields));
        }
        _ => {}
    }
}

fn last_of_each_key(fields: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
    let mut kept: Vec<(Key, Node)> = Vec::with_capacity(fields.len());
    let mut index = HashMap::new();
    for (key, node) in fields {
        match index
            .get(&key.name)
            .and_then(|at: &usize| kept.get_mut(*at))
        {
            Some((_, earlier)) => *earlier = node,
            None => {
                index.insert(key.name.clone(), kept.len());
                kept.push((key, node));
            }
        }
    }
    kept
}

/// The numbers in a text that is valid JSON, as they are spelled, in order.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|one: char| matches!(one, '"' | '-' | '0'..='9'))?;
            rest = rest.get(start..)?;
            if let Some(string) = rest.strip_prefix('"') {
                rest = behind_string(string)?;
                continue;
            }
            let end = rest
                .find(|one: char| !matches!(one, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
                .unwrap_or(rest.len());
            let (number, behind) = rest.split_at_checked(end)?;
            rest = behind;
            return Some(number);
        }
    })
}

/// What stands behind a string, of which `text` starts with the content.
fn behind_string(text: &str) -> Option<&str> {
    let mut bytes = text.bytes().enumerate();
    loop {
        match bytes.next()? {
            (at, b'"') => return text.get(at + 1..),
            (_, b'\\') => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// A [`Node`] from any JSON value, with equal keys and without the text of numbers; serde_json
/// bounds the depth.
struct JsonNode(Node);

impl<'de> Deserialize<'de> for JsonNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(JsonVisitor)?;
        Ok(JsonNode(Node {
            value,
            position: Position::default(),
        }))
    }
}

impl<'de> DeserializeSeed<'de> for JsonVisitor {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

#[derive(Clone, Copy)]
struct JsonVisitor;

impl JsonVisitor {
    fn number(text: String) -> Value {
        Value::Number {
            canonical: text.clone(),
            text,
        }
    }
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null { written: false })
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool {
            value,
            text: value.to_string(),
        })
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Self::number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Self::number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Self::number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(Zeroizing::new(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(Zeroizing::new(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(JsonNode(node)) = seq.next_element()? {
            items.push(node);
        }
        Ok(Value::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields: Vec<(Key, Node)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let JsonNode(node) = map.next_value()?;
            let key = Key {
                name,
                spelled: None,
                position: Position::default(),
            };
            fields.push((key, node));
        }
        Ok(Value::Mapping(fields))
    }
}
