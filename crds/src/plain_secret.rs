//! A `Secret` manifest as the user wrote it, checked and decoded.

use std::collections::BTreeMap;
use std::fmt;

use sealed_secrets_core::item;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::annotations::LAST_APPLIED;
use crate::desired::is_item_name;
use crate::manifest::{self, Node, Position, TypeError, Value};

/// A Secret with its values in the clear.
///
/// Only what a SealedSecret can carry is kept: what the server adds (uid, managedFields, owner
/// references …) and kubectl's copy of the manifest are left behind.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PlainSecret {
    /// Name, if the document has one.
    pub name: Option<String>,
    /// Namespace, if the document has one.
    pub namespace: Option<String>,
    /// Prefix for a generated name.
    pub generate_name: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations, those that spell the scope among them.
    pub annotations: BTreeMap<String, String>,
    /// Finalizers.
    pub finalizers: Vec<String>,
    /// Type, if the document has one.
    pub type_: Option<String>,
    /// Whether the Secret is immutable, if the document says.
    pub immutable: Option<bool>,
    /// The decoded values of `data` and `stringData`, the latter winning.
    pub items: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

/// Why a document is not a usable Secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlainSecretError {
    /// A scalar or list where an object was wanted.
    #[error("{position}: expected a Secret, found {found}")]
    NotAnObject {
        /// Where.
        position: Position,
        /// What was there.
        found: &'static str,
    },
    /// An object of another kind.
    #[error("{position}: expected a Secret, found {kind}")]
    WrongKind {
        /// Where.
        position: Position,
        /// What was there.
        kind: String,
    },
    /// A field of a Secret in other letters, which some tools take and others drop.
    #[error("{position}: unknown field {found:?}, did you mean {meant}?")]
    Misspelled {
        /// Where.
        position: Position,
        /// What was there.
        found: String,
        /// What it looks like.
        meant: &'static str,
    },
    /// A field has the wrong type.
    #[error(transparent)]
    Field(#[from] TypeError),
    /// A value of `data` isn't base64.
    #[error("{position}: data[{item}] is not base64: {source}; put plain text under stringData")]
    Base64 {
        /// Where.
        position: Position,
        /// The item.
        item: String,
        /// What is wrong with it.
        source: item::Base64Error,
    },
    /// A value of `data` or `stringData` isn't a string.
    #[error("{position}: {field}[{item}] is {found}, expected a string{hint}")]
    NotAString {
        /// Where.
        position: Position,
        /// `data` or `stringData`.
        field: &'static str,
        /// The item.
        item: String,
        /// What was there.
        found: &'static str,
        /// What may help.
        hint: &'static str,
    },
    /// An item has a name that no API server takes: what is sealed could never become a Secret.
    #[error(
        "{position}: {field} has an item {item:?}; its name must consist of letters, digits, '-', '_' and '.'"
    )]
    ItemName {
        /// Where.
        position: Position,
        /// `data` or `stringData`.
        field: &'static str,
        /// The item.
        item: String,
    },
    /// `data` or `stringData` isn't a map.
    #[error("{position}: {field} is {found}, expected a map")]
    NotAMap {
        /// Where.
        position: Position,
        /// `data` or `stringData`.
        field: &'static str,
        /// What was there.
        found: &'static str,
    },
}

impl PlainSecret {
    /// Reads a Secret from a document.
    ///
    /// A missing `kind` or `apiVersion` is tolerated; unknown fields are ignored.
    ///
    /// # Errors
    /// What is wrong and where, without any value.
    pub fn from_node(node: &Node) -> Result<Self, PlainSecretError> {
        if node.fields().is_none() {
            let found = node.describe();
            return Err(PlainSecretError::NotAnObject {
                position: node.position,
                found,
            });
        }
        let word = |field: &str| {
            node.field(field)
                .and_then(Node::as_wanted_string)
                .unwrap_or("")
        };
        let (api_version, kind) = (word("apiVersion"), word("kind"));
        if !matches!(kind, "" | "Secret") || !matches!(api_version, "" | "v1") {
            let kind = match (api_version, kind) {
                ("" | "v1", kind) => kind.to_owned(),
                (api_version, "") => format!("an object of {api_version}"),
                (api_version, kind) => format!("{kind} of {api_version}"),
            };
            return Err(PlainSecretError::WrongKind {
                position: node.position,
                kind,
            });
        }
        if let Some((found, meant)) = misspelled(node) {
            let (found, position) = (found.name.clone(), found.position);
            return Err(PlainSecretError::Misspelled {
                position,
                found,
                meant,
            });
        }
        let envelope: Envelope = manifest::from_node(node)?;
        let mut secret = Self {
            name: envelope.metadata.name.filter(|name| !name.is_empty()),
            namespace: envelope
                .metadata
                .namespace
                .filter(|namespace| !namespace.is_empty()),
            generate_name: envelope
                .metadata
                .generate_name
                .filter(|prefix| !prefix.is_empty()),
            labels: envelope.metadata.labels.unwrap_or_default(),
            annotations: envelope.metadata.annotations.unwrap_or_default(),
            finalizers: envelope.metadata.finalizers.unwrap_or_default(),
            type_: envelope.type_.filter(|type_| !type_.is_empty()),
            immutable: envelope.immutable,
            items: BTreeMap::new(),
        };
        secret
            .annotations
            .retain(|key, _| !LAST_APPLIED.contains(&key.as_str()));
        for (item, value) in fields(node, "data")? {
            secret.items.insert(item.to_owned(), decoded(item, value)?);
        }
        for (item, value) in fields(node, "stringData")? {
            let Some(text) = value.as_wanted_string() else {
                return Err(not_a_string("stringData", item, value, ""));
            };
            secret
                .items
                .insert(item.to_owned(), Zeroizing::new(text.as_bytes().to_vec()));
        }
        Ok(secret)
    }
}

/// A field that would be dropped without a word, and values with it.
fn misspelled(node: &Node) -> Option<(&manifest::Key, &'static str)> {
    const FIELDS: [&str; 7] = [
        "apiVersion",
        "kind",
        "metadata",
        "type",
        "immutable",
        "data",
        "stringData",
    ];
    node.fields()?.iter().find_map(|(key, _)| {
        let meant = FIELDS
            .into_iter()
            .find(|field| field.eq_ignore_ascii_case(&key.name))?;
        (meant != key.name).then_some((key, meant))
    })
}

/// Names items, never shows them.
impl fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainSecret")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("items", &self.items.keys())
            .finish_non_exhaustive()
    }
}

/// The typed part of the document; values are read apart, to say which item is wrong.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default, deserialize_with = "null_as_default")]
    metadata: Metadata,
    #[serde(default, rename = "type")]
    type_: Option<String>,
    #[serde(default)]
    immutable: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    generate_name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    finalizers: Option<Vec<String>>,
}

fn null_as_default<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Metadata, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn fields<'node>(
    node: &'node Node,
    field: &'static str,
) -> Result<Vec<(&'node str, &'node Node)>, PlainSecretError> {
    match node.field(field) {
        None => Ok(Vec::new()),
        Some(map) if map.is_null() => Ok(Vec::new()),
        Some(map) => match map.fields() {
            Some(fields) => fields
                .iter()
                .map(|(key, value)| {
                    if is_item_name(&key.name) {
                        return Ok((key.name.as_str(), value));
                    }
                    Err(PlainSecretError::ItemName {
                        position: key.position,
                        field,
                        item: key.name.clone(),
                    })
                })
                .collect(),
            None => Err(PlainSecretError::NotAMap {
                position: map.position,
                field,
                found: map.describe(),
            }),
        },
    }
}

fn decoded(name: &str, value: &Node) -> Result<Zeroizing<Vec<u8>>, PlainSecretError> {
    match &value.value {
        Value::Null { .. } => Ok(Zeroizing::default()),
        Value::String(text) => {
            item::decode(text)
                .map(Zeroizing::new)
                .map_err(|source| PlainSecretError::Base64 {
                    position: value.position,
                    item: name.to_owned(),
                    source,
                })
        }
        _ => Err(not_a_string(
            "data",
            name,
            value,
            " of base64; put plain text under stringData",
        )),
    }
}

fn not_a_string(
    field: &'static str,
    item: &str,
    value: &Node,
    hint: &'static str,
) -> PlainSecretError {
    PlainSecretError::NotAString {
        position: value.position,
        field,
        item: item.to_owned(),
        found: value.describe(),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Result<PlainSecret, PlainSecretError> {
        PlainSecret::from_node(&manifest::read(input.as_bytes()).unwrap()[0].node)
    }

    #[test]
    fn string_data_wins_over_data() {
        let secret = read(
            "kind: Secret\ndata: {a: b2xk, b: a2VlcA==}\nstringData: {a: new, c: on, d: null}\n",
        )
        .unwrap();
        let items: Vec<(&str, &[u8])> = secret
            .items
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()))
            .collect();
        assert_eq!(
            items,
            [
                ("a", &b"new"[..]),
                ("b", b"keep"),
                ("c", b"true"),
                ("d", b"")
            ]
        );
    }

    #[test]
    fn what_the_server_adds_is_left_behind() {
        let secret = read(
            "kind: Secret\nmetadata: {name: a, uid: u, resourceVersion: '5', managedFields: [{manager: m}], \
             annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}', keep: me}}\ndata: null\n",
        )
        .unwrap();
        assert_eq!(secret.annotations.keys().collect::<Vec<_>>(), ["keep"]);
    }

    #[test]
    fn wrong_documents_are_refused_by_place() {
        for (input, wanted) in [
            (
                "kind: ConfigMap\ndata: {a: b}",
                "expected a Secret, found ConfigMap",
            ),
            (
                "kind: Secret\napiVersion: bitnami.com/v1alpha1\n",
                "found Secret of bitnami.com/v1alpha1",
            ),
            (
                "kind: Secret\ndata: {}\nstringdata: {a: b}\n",
                "line 3, column 1: unknown field \"stringdata\", did you mean stringData?",
            ),
            ("[1, 2]", "expected a Secret, found a list"),
            ("hello", "expected a Secret, found a string"),
            (
                "kind: Secret\ndata:\n  a: 5\n",
                "line 3, column 6: data[a] is a number, expected a string of base64",
            ),
            (
                "kind: Secret\ndata:\n  a: hi!!\n",
                "line 3, column 6: data[a] is not base64: illegal base64 data at input byte 2",
            ),
            ("kind: Secret\ndata: {a: 'a b='}\n", "data[a] is not base64"),
            (
                "kind: Secret\nstringData:\n  a: [x]\n",
                "stringData[a] is a list, expected a string",
            ),
            (
                "kind: Secret\ndata: text\n",
                "data is a string, expected a map",
            ),
            (
                "kind: Secret\nmetadata: {labels: [x]}\n",
                "a list instead of a map",
            ),
        ] {
            let error = read(input).unwrap_err().to_string();
            assert!(error.contains(wanted), "{input:?}: {error}");
        }
    }
}
