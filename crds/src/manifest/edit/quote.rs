//! Strings and whole nodes as YAML within a line.

use std::fmt::Write as _;

use granit_parser::ScalarStyle;

use super::super::node::{Node, Value};
use super::super::scalar;

/// `text` as a scalar on one line: in the `style` of what it replaces, if that can hold it.
pub(super) fn scalar(text: &str, style: ScalarStyle) -> String {
    match style {
        ScalarStyle::SingleQuoted if !text.chars().any(needs_escape) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        ScalarStyle::DoubleQuoted | ScalarStyle::SingleQuoted => double_quoted(text),
        _ if is_plain(text) => text.to_owned(),
        _ => double_quoted(text),
    }
}

/// Whether `text` needs no quotes, in any place and for any reader of YAML.
fn is_plain(text: &str) -> bool {
    let starts_well = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/');
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"/+=-_.".contains(&byte);
    starts_well && text.bytes().all(inside) && matches!(scalar::resolve(text), Value::String(_))
}

fn needs_escape(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// JSON's escapes, which are YAML's too.
pub(super) fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            other if needs_escape(other) => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(other));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A node in braces and brackets, on one line.
pub(super) fn flow(node: &Node) -> String {
    match &node.value {
        Value::Null { .. } => "null".to_owned(),
        Value::Bool { text, .. } | Value::Number { text, .. } => text.clone(),
        Value::String(text) => double_quoted(text),
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Mapping(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, node)| format!("{}: {}", double_quoted(&key.name), flow(node)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}
