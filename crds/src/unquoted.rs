//! Values of a Secret that YAML 1.1 changes because they stand without quotes.

use std::fmt;

use crate::manifest::{Node, Position, Value};

/// A key or value that became another text than the one in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unquoted {
    /// Where it stands.
    pub position: Position,
    /// Field and key it belongs to: `stringData.debug`. Never the value, which may be plaintext.
    pub place: String,
    /// What YAML takes it for: `a boolean`, `a number`, `null`.
    pub taken_for: &'static str,
    /// Whether it is the key.
    pub is_key: bool,
}

/// What is wrong and what to write instead, without the value.
impl fmt::Display for Unquoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place, taken_for, ..
        } = self;
        let what = if self.is_key { "key" } else { "value" };
        write!(
            f,
            "the {what} of {place} stands without quotes, so YAML takes it for {taken_for} and changes its text; \
             put it in quotes (\"...\") to keep it as it stands"
        )
    }
}

/// The keys and values of `stringData`, and of the labels and annotations, that are not sealed or
/// copied as they stand: `y`, `on` or `no` become `true` or `false`, `0777`, `0o17`, `0x1F` and
/// `1_000` other digits, `null` and `~` nothing. Numbers and booleans in the form that they are
/// given are none of them, and neither is a value that isn't there.
pub fn unquoted(node: &Node) -> Vec<Unquoted> {
    let metadata = node.field("metadata");
    let maps = [
        ("stringData", node.field("stringData")),
        (
            "metadata.labels",
            metadata.and_then(|metadata| metadata.field("labels")),
        ),
        (
            "metadata.annotations",
            metadata.and_then(|metadata| metadata.field("annotations")),
        ),
    ];
    let mut found = Vec::new();
    for (field, map) in maps {
        for (key, value) in map.and_then(Node::fields).unwrap_or_default() {
            let place = format!("{field}.{}", key.name);
            if key.spelled.is_some() {
                found.push(Unquoted {
                    position: key.position,
                    place: place.clone(),
                    taken_for: "something else than text",
                    is_key: true,
                });
            }
            if let Some(taken_for) = taken_for(value) {
                found.push(Unquoted {
                    position: value.position,
                    place,
                    taken_for,
                    is_key: false,
                });
            }
        }
    }
    found
}

fn taken_for(value: &Node) -> Option<&'static str> {
    match &value.value {
        Value::Bool { value, text } => (*text != value.to_string()).then_some("a boolean"),
        Value::Number { canonical, text } => (canonical != text).then_some("a number"),
        Value::Null { written: true } => Some("null"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::read;

    fn found(text: &str) -> Vec<(String, String)> {
        let documents = read(text.as_bytes()).unwrap();
        unquoted(&documents[0].node)
            .into_iter()
            .map(|one| {
                (
                    format!("{} {}", one.place, one.taken_for),
                    one.position.to_string(),
                )
            })
            .collect()
    }

    #[test]
    fn every_value_that_changes_is_found_with_its_place() {
        for (value, taken_for) in [
            ("y", "a boolean"),
            ("on", "a boolean"),
            ("No", "a boolean"),
            ("TRUE", "a boolean"),
            ("0777", "a number"),
            ("0o17", "a number"),
            ("0x1F", "a number"),
            ("1_000", "a number"),
            ("+1", "a number"),
            ("null", "null"),
            ("~", "null"),
        ] {
            for text in [
                format!("stringData:\n  k: {value}\n"),
                format!("\u{feff}stringData:\r\n  k: {value} # comment\r\n"),
                format!("# c\nstringData: {{k: {value}}}\n"),
            ] {
                let all = found(&text);
                assert_eq!(all.len(), 1, "{text}");
                assert_eq!(all[0].0, format!("stringData.k {taken_for}"));
                assert!(all[0].1.starts_with("line 2, column "), "{all:?}");
            }
        }
        let labels = "metadata:\n  labels: {a: yes}\n  annotations:\n    on: x\n";
        let places: Vec<String> = found(labels).into_iter().map(|(place, _)| place).collect();
        assert_eq!(
            places,
            [
                "metadata.labels.a a boolean",
                "metadata.annotations.true something else than text"
            ]
        );
    }

    #[test]
    fn what_stays_as_it_is_is_none() {
        for value in [
            "'yes'",
            "\"0777\"",
            "true",
            "false",
            "5",
            "1.50",
            "1e3",
            "1:30",
            "2001-01-01",
            "text",
            "''",
            "",
            "!!str on",
            "|\n    on",
        ] {
            let text = format!("stringData:\n  k: {value}\n");
            assert_eq!(found(&text), [], "{text}");
        }
        assert_eq!(
            found("{\"stringData\": {\"k\": null, \"b\": true, \"n\": 5}}"),
            []
        );
        assert_eq!(found("data: {k: b24=}\nother: yes\n"), []);
    }
}
