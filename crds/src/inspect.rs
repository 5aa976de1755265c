//! What can be told of a sealed file without any key.
//!
//! [`inspect`] is pure: a document in, an [`Inspection`] for every SealedSecret and plain Secret in
//! it out. Nothing it holds is a value of a Secret: names, lengths, and digests of ciphertexts.
//!
//! - `item`: one sealed value;
//! - `problem`: what can be wrong.

mod item;
mod problem;

use std::fmt::Display;

use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::public_key::PublicKey;
use sealed_secrets_core::scope::Scope;
use serde::{Serialize, Serializer};

use crate::annotations::{
    CLUSTER_WIDE, KEY_FINGERPRINT, LAST_APPLIED, NAMESPACE_WIDE, is_true, scope_of,
};
use crate::desired::is_item_name;
use crate::manifest::{self, Node, Position};
use crate::sealed_secret::{API_VERSION, KIND, SealedSecret};

pub use item::Item;
pub use problem::{Problem, ProblemKind};

/// The API server refuses Secrets whose values add up to more bytes (`MaxSecretSize`).
pub const MAX_SECRET_BYTES: usize = 1 << 20;
/// etcd refuses requests of more bytes, unless `--max-request-bytes` says otherwise.
pub const MAX_REQUEST_BYTES: usize = 3 << 19;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Kind {
    /// A SealedSecret.
    SealedSecret,
    /// A Secret with its values in the clear.
    Secret,
}

/// What is known of one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// What it is.
    pub kind: Kind,
    /// The document it stands in, from one.
    pub document: usize,
    /// The line it starts at, from one.
    pub line: usize,
    /// Name; empty when missing.
    pub name: String,
    /// Namespace; empty when missing.
    pub namespace: String,
    /// The scope that its annotations spell.
    #[serde(serialize_with = "as_text")]
    pub scope: Scope,
    /// What its items are bound to; see [`sealed_secrets_core::label::Label`].
    pub label: String,
    /// Type of the Secret, if it is given.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// The key that the object says it is sealed for.
    #[serde(serialize_with = "as_optional_text")]
    pub key_fingerprint: Option<Fingerprint>,
    /// What is known about the key that was asked for, if one was.
    pub key_match: Option<KeyMatch>,
    /// Items, in the order of the file. Those of a plain Secret have a name only.
    pub items: Vec<Item>,
    /// Names of the items that are made by rendering a template, in the order of their names.
    pub templated: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Whether an object is sealed for a given key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyMatch {
    /// The object says that it is, and nothing speaks against it.
    Recorded,
    /// Nothing speaks against it. More can't be told without the private key.
    Possible,
    /// The object says that it is sealed for another key.
    OtherRecorded,
    /// At least one item can't be for this key: its ciphertext is too long, too short or too large
    /// a number.
    Impossible,
}

/// Looks at every SealedSecret and Secret in a document, also at those in a `List`. `number` is the
/// document's; `key` is the key to compare with.
///
/// Of a Secret only its being there is told, and only if it has values. Other objects are passed over.
pub fn inspect(number: usize, node: &Node, key: Option<&PublicKey>) -> Vec<Inspection> {
    let word = |field: &str| {
        node.field(field)
            .and_then(Node::as_wanted_string)
            .unwrap_or_default()
    };
    match (word("apiVersion"), word("kind")) {
        (_, KIND) => vec![sealed(number, node, key)],
        ("v1" | "", "Secret") => plain(number, node).into_iter().collect(),
        (_, kind) if kind.ends_with("List") => {
            match node.field("items").map(|items| &items.value) {
                Some(manifest::Value::Sequence(items)) => items
                    .iter()
                    .flat_map(|item| inspect(number, item, key))
                    .collect(),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

impl Inspection {
    /// `namespace/name`, or as much of it as there is.
    pub fn title(&self) -> String {
        match (self.namespace.as_str(), self.name.as_str()) {
            ("", "") => "(without a name)".to_owned(),
            ("", name) => name.to_owned(),
            (namespace, "") => format!("{namespace}/(without a name)"),
            (namespace, name) => format!("{namespace}/{name}"),
        }
    }

    fn new(kind: Kind, document: usize, node: &Node) -> Self {
        let metadata = node.field("metadata");
        let text = |field: &str| {
            metadata
                .and_then(|metadata| metadata.field(field)?.as_wanted_string())
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            kind,
            document,
            line: node.position.line,
            name: text("name"),
            namespace: text("namespace"),
            scope: Scope::default(),
            label: String::new(),
            type_: None,
            key_fingerprint: None,
            key_match: None,
            items: Vec::new(),
            templated: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, position: Position, kind: ProblemKind) {
        self.problems.push(Problem { position, kind });
    }
}

/// A Secret with values that can be read by everybody who has the file. One without values, or one
/// that another tool has encrypted in place, is fine.
fn plain(number: usize, node: &Node) -> Option<Inspection> {
    if node.field("sops").is_some() {
        return None;
    }
    let mut found = Inspection::new(Kind::Secret, number, node);
    for field in ["data", "stringData"] {
        for (key, value) in node.field(field).and_then(Node::fields).unwrap_or_default() {
            if value
                .as_wanted_string()
                .is_some_and(|text| !text.is_empty())
            {
                found.items.push(Item::named(&key.name, key.position));
            }
        }
    }
    if found.items.is_empty() {
        return None;
    }
    let name = found.title();
    found.problem(node.position, ProblemKind::PlainSecret { name });
    Some(found)
}

fn sealed(number: usize, node: &Node, key: Option<&PublicKey>) -> Inspection {
    let mut found = Inspection::new(Kind::SealedSecret, number, node);
    let version = node.field("apiVersion");
    let version = version.and_then(Node::as_wanted_string).unwrap_or_default();
    if version != API_VERSION {
        let version = version.to_owned();
        found.problem(node.position, ProblemKind::ApiVersion { found: version });
    }
    let sealed: SealedSecret = match manifest::from_node(node) {
        Ok(sealed) => sealed,
        Err(error) => {
            let position = error.position.unwrap_or(node.position);
            let message = error.message;
            found.problem(position, ProblemKind::Malformed { message });
            return found;
        }
    };
    found.scope = sealed.scope();
    found.label = sealed.label().as_str().to_owned();
    if sealed.name().is_empty() {
        found.problem(node.position, ProblemKind::NoName);
    }
    annotations(&mut found, node, &sealed);
    items(&mut found, node, &sealed, key);
    templates(&mut found, node, &sealed);
    plain_values(&mut found, node);
    sizes(&mut found, node, &sealed);
    found.key_match = key.map(|key| key_match(&found, key));
    if let Some(KeyMatch::OtherRecorded | KeyMatch::Impossible) = found.key_match {
        found.problem(node.position, ProblemKind::OtherKey);
    }
    found
}

fn annotations(found: &mut Inspection, node: &Node, sealed: &SealedSecret) {
    let own = sealed.metadata.annotations.as_ref();
    let place = |field: &str| position_of(node, &["metadata", "annotations", field]);
    if is_true(own, CLUSTER_WIDE) && is_true(own, NAMESPACE_WIDE) {
        found.problem(place(NAMESPACE_WIDE), ProblemKind::TwoScopes);
    }
    for annotation in [CLUSTER_WIDE, NAMESPACE_WIDE] {
        if let Some(value) = own.and_then(|own| own.get(annotation))
            && value != "true"
            && value != "false"
        {
            let value = value.clone();
            found.problem(
                place(annotation),
                ProblemKind::ScopeValue { annotation, value },
            );
        }
    }
    let of_template = sealed
        .spec
        .template
        .as_ref()
        .and_then(|template| template.metadata.as_ref()?.annotations.as_ref());
    let claimed = scope_of(of_template);
    if claimed != Scope::Strict && claimed != found.scope {
        let position = position_of(node, &["spec", "template", "metadata", "annotations"]);
        let scope = found.scope;
        found.problem(position, ProblemKind::ScopeInTemplate { claimed, scope });
    }
    if let Some(text) = own.and_then(|own| own.get(KEY_FINGERPRINT)) {
        match text.parse() {
            Ok(fingerprint) => found.key_fingerprint = Some(fingerprint),
            Err(_) => found.problem(place(KEY_FINGERPRINT), ProblemKind::Fingerprint),
        }
    }
}

fn items(found: &mut Inspection, node: &Node, sealed: &SealedSecret, key: Option<&PublicKey>) {
    let legacy = sealed.spec.data.as_deref().filter(|data| !data.is_empty());
    if let Some(data) = legacy {
        let position = position_of(node, &["spec", "data"]);
        found.problem(
            position,
            if sealed.spec.encrypted_data.is_empty() {
                ProblemKind::DeprecatedData
            } else {
                ProblemKind::BothDataAndEncryptedData
            },
        );
        let (item, problem) = Item::read("data", position, data, key);
        found.problems.extend(problem);
        found.items.push(item);
    }
    let fields = node
        .field("spec")
        .and_then(|spec| spec.field("encryptedData")?.fields())
        .unwrap_or_default();
    for (name, value) in fields {
        let position = name.position;
        let name = name.name.as_str();
        if !is_item_name(name) {
            let item = name.to_owned();
            found.problem(position, ProblemKind::ItemName { item });
        }
        let Some(text) = value.text() else {
            let kind = ProblemKind::NotAString {
                item: name.to_owned(),
                found: value.describe(),
            };
            found.items.push(Item::named(name, position));
            found.problem(value.position, kind);
            continue;
        };
        let (item, problem) = Item::read(name, value.position, text, key);
        found.problems.extend(problem);
        found.items.push(item);
    }
}

fn templates(found: &mut Inspection, node: &Node, sealed: &SealedSecret) {
    let Some(template) = &sealed.spec.template else {
        return;
    };
    found.type_ = template.type_.clone().filter(|type_| !type_.is_empty());
    for (item, text) in template.data.iter().flatten() {
        found.templated.push(item.clone());
        let position = position_of(node, &["spec", "template", "data", item]);
        if !is_item_name(item) {
            found.problem(position, ProblemKind::ItemName { item: item.clone() });
        }
        // An encrypted item of the same name wins, and this one is never rendered.
        if sealed.spec.encrypted_data.contains_key(item) {
            continue;
        }
        if let Err(error) = sealed_secrets_templates::check(item, text) {
            found.problem(position, ProblemKind::Template(error));
        }
    }
}

/// Values in the clear where nobody looks for them: fields that a controller drops, and kubectl's
/// copy of the Secret.
fn plain_values(found: &mut Inspection, node: &Node) {
    for path in [
        &["data"][..],
        &["stringData"],
        &["spec", "stringData"],
        &["spec", "template", "stringData"],
    ] {
        let values = at(node, path).and_then(Node::fields);
        if values.is_some_and(|values| !values.is_empty()) {
            let field = path.join(".");
            found.problem(position_of(node, path), ProblemKind::PlainValues { field });
        }
    }
    for annotation in LAST_APPLIED {
        let path = ["spec", "template", "metadata", "annotations", annotation];
        if at(node, &path).is_some() {
            let field = path.join(".");
            found.problem(position_of(node, &path), ProblemKind::PlainValues { field });
        }
    }
}

fn sizes(found: &mut Inspection, node: &Node, sealed: &SealedSecret) {
    let plaintext: usize = found
        .items
        .iter()
        .filter_map(|item| item.plaintext_bytes)
        .sum();
    if plaintext > MAX_SECRET_BYTES {
        let kind = ProblemKind::SecretTooLarge { bytes: plaintext };
        found.problem(node.position, kind);
    }
    let request = serde_json::to_vec(sealed).map_or(0, |json| json.len());
    if request > MAX_REQUEST_BYTES {
        let kind = ProblemKind::SealedSecretTooLarge { bytes: request };
        found.problem(node.position, kind);
    }
}

fn key_match(found: &Inspection, key: &PublicKey) -> KeyMatch {
    if found.items.iter().any(|item| item.fits == Some(false)) {
        return KeyMatch::Impossible;
    }
    match found.key_fingerprint {
        Some(recorded) if recorded == key.fingerprint() => KeyMatch::Recorded,
        Some(_) => KeyMatch::OtherRecorded,
        None => KeyMatch::Possible,
    }
}

fn at<'node>(node: &'node Node, path: &[&str]) -> Option<&'node Node> {
    path.iter().try_fold(node, |node, field| node.field(field))
}

/// Where the field at `path` starts, or else the innermost one around it that is there.
fn position_of(node: &Node, path: &[&str]) -> Position {
    let mut position = node.position;
    let mut node = node;
    for field in path {
        let Some((key, value)) = node
            .fields()
            .and_then(|fields| fields.iter().find(|(key, _)| key.name == *field))
        else {
            break;
        };
        position = key.position;
        node = value;
    }
    position
}

fn as_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_optional_text<T: Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
