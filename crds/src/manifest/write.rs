//! JSON and YAML out.

use serde::{Serialize, Serializer};
use serde_saphyr::SerializerOptions;

use super::node::{Node, Value};

/// Why a value couldn't be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The value has no JSON form.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
    /// The value has no YAML form.
    #[error("cannot write YAML: {0}")]
    Yaml(String),
}

/// Two-space indented JSON and one newline.
///
/// # Errors
/// The value has no JSON form: a map whose keys aren't strings.
pub fn to_json(value: &impl Serialize) -> Result<String, WriteError> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

/// YAML without a `---` line, ending in a newline.
///
/// Strings that YAML 1.1 or 1.2 would read as something else are quoted; strings of several lines
/// are literal blocks; nothing is folded.
///
/// # Errors
/// The value has no YAML form.
pub fn to_yaml(value: &impl Serialize) -> Result<String, WriteError> {
    let mut options = SerializerOptions::default();
    options.indent_step = 2;
    options.compact_list_indent = true;
    options.empty_as_braces = true;
    options.folded_wrap_chars = usize::MAX;
    options.min_fold_chars = usize::MAX;
    let value = serde_json::to_value(value)?;
    let mut text = serde_saphyr::to_string_with_options(&value, options)
        .map_err(|error| WriteError::Yaml(error.to_string()))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// YAML as one document of a stream: it starts with a `---` line, so that outputs can be appended.
///
/// # Errors
/// The value has no YAML form.
pub fn to_yaml_document(value: &impl Serialize) -> Result<String, WriteError> {
    Ok(format!("---\n{}", to_yaml(value)?))
}

/// Numbers that neither 64 bits nor a float hold exactly become strings.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null { .. } => serializer.serialize_unit(),
            Value::Bool { value, .. } => serializer.serialize_bool(*value),
            Value::Number { canonical, .. } => {
                if let Ok(number) = canonical.parse::<i64>() {
                    serializer.serialize_i64(number)
                } else if let Ok(number) = canonical.parse::<u64>() {
                    serializer.serialize_u64(number)
                } else {
                    match canonical.parse::<f64>() {
                        Ok(number) if number.to_string() == *canonical => {
                            serializer.serialize_f64(number)
                        }
                        _ => serializer.serialize_str(canonical),
                    }
                }
            }
            Value::String(text) => serializer.serialize_str(text),
            Value::Sequence(items) => serializer.collect_seq(items),
            Value::Mapping(fields) => {
                serializer.collect_map(fields.iter().map(|(key, node)| (&key.name, node)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use serde_json::json;

    proptest::proptest! {
        /// What is written is read back as the same strings by the YAML 1.1 reader.
        #[test]
        fn strings_survive_yaml(key in "[a-zA-Z0-9_.-]{1,8}", text in "\\PC*|[-:{}\\[\\]&*!|>'\"# \n\ta-c0-9~<%@`]{0,40}") {
            let value = json!({ key.clone(): text.clone(), "list": [text.clone(), { "deep": text.clone() }] });
            let yaml = to_yaml_document(&value).unwrap();
            let documents = read(yaml.as_bytes()).unwrap();
            let node = &documents[0].node;
            proptest::prop_assert_eq!(node.field(&key).and_then(|node| node.text()), Some(text.as_str()), "{}", yaml);
            let Value::Sequence(items) = &node.field("list").unwrap().value else { panic!("{yaml}") };
            proptest::prop_assert_eq!(items[0].text(), Some(text.as_str()), "{}", yaml);
        }
    }

    #[test]
    fn strings_that_yaml_would_read_as_something_else_are_quoted() {
        for text in [
            "yes",
            "on",
            "y",
            "N",
            "null",
            "~",
            "",
            "0777",
            "0o17",
            "0x1F",
            "1_000",
            "1:30",
            "1.5",
            "1e3",
            "2001-01-01",
            "true",
            ".inf",
            "- a",
            "a: b",
            "#x",
            " lead",
            "trail ",
            "=",
            "<<",
        ] {
            let yaml = to_yaml(&json!({ "k": text })).unwrap();
            assert!(
                yaml.contains('"') || yaml.contains('\''),
                "{text:?} -> {yaml}"
            );
        }
    }
}
