//! What differs between two sealed files.
//!
//! Values can't be compared: sealing the same value again gives other bytes. An item counts as changed
//! when its sealed bytes differ, whatever the text around them looks like.

mod text;

use std::collections::BTreeMap;

use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::{
    CLUSTER_WIDE, KEY_FINGERPRINT, LAST_APPLIED, NAMESPACE_WIDE,
};
use sealed_secrets_crds::inspect::{Inspection, Item, Kind, inspect};
use sealed_secrets_crds::manifest::{self, Document};
use serde::Serialize;
use serde_json::Value;

use crate::error::Explain;
use crate::input::InputError;
use crate::output::OutputError;
use crate::sealed_input::{self, SealedInputError};

pub use text::to_text;

/// What differs in one SealedSecret.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Its namespace and name; of two that differ, the new ones.
    pub object: String,
    /// What differs: never empty.
    pub changes: Vec<Change>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "change",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Change {
    /// The SealedSecret is new.
    Added,
    /// The SealedSecret is gone.
    Removed,
    /// Name, namespace, scope, recorded key, label, annotation, or part of the template.
    Field {
        /// Which, as a path.
        field: String,
        /// What it was, if it was there.
        from: Option<String>,
        /// What it is, if it is there.
        to: Option<String>,
    },
    /// An item is new.
    ItemAdded {
        /// Its name.
        item: String,
        /// Length of its value, if it can be told.
        bytes: Option<usize>,
    },
    /// An item is gone.
    ItemRemoved {
        /// Its name.
        item: String,
        /// Length of its value, if it could be told.
        bytes: Option<usize>,
    },
    /// The sealed bytes of an item differ.
    ItemChanged {
        /// Its name.
        item: String,
        /// Length of the old value, if it can be told.
        from_bytes: Option<usize>,
        /// Length of the new value, if it can be told.
        to_bytes: Option<usize>,
    },
}

/// Why two files can't be compared. Exit code 2, as 1 means that they differ.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// Too many files, or too few.
    #[error("expected {wanted}, {given} given")]
    Files {
        /// How many it takes.
        wanted: &'static str,
        /// How many there are.
        given: usize,
    },
    /// A file can't be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A file holds something else.
    #[error(transparent)]
    Sealed(#[from] SealedInputError),
    /// The result can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// A SealedSecret, and what is known of it.
#[derive(Clone, Debug)]
pub struct Side {
    sealed: SealedSecret,
    known: Inspection,
}

/// The SealedSecrets in `documents`, Lists among them, which came from `input`. Documents of other kinds but Secrets
/// are passed over.
///
/// # Errors
/// A SealedSecret that has fields of wrong types, or a plain Secret.
pub fn sides(documents: &[Document], input: &str) -> Result<Vec<Side>, SealedInputError> {
    let mut ours = manifest::objects(documents);
    ours.retain(|object| {
        let kind = object.node.field("kind");
        let kind = kind.and_then(|kind| kind.as_wanted_string());
        matches!(kind, None | Some("" | "SealedSecret" | "Secret"))
    });
    let sealed = sealed_input::read(&ours, input)?;
    Ok(ours
        .iter()
        .zip(sealed)
        .filter_map(|(object, sealed)| {
            let known = inspect(object.document, object.node, None)
                .into_iter()
                .find(|known| known.kind == Kind::SealedSecret)?;
            Some(Side { sealed, known })
        })
        .collect())
}

/// What differs between two files. SealedSecrets are paired by namespace and name; where either file
/// holds a single one, these two are a pair whatever they are called.
pub fn compare(old: &[Side], new: &[Side]) -> Vec<Difference> {
    if let ([old], [new]) = (old, new) {
        return difference(old, new).into_iter().collect();
    }
    let mut differences = Vec::new();
    for side in new {
        let title = side.known.title();
        match old.iter().find(|old| old.known.title() == title) {
            Some(old) => differences.extend(difference(old, side)),
            None => differences.push(Difference {
                object: title,
                changes: vec![Change::Added],
            }),
        }
    }
    for side in old {
        let object = side.known.title();
        if !new.iter().any(|new| new.known.title() == object) {
            differences.push(Difference {
                object,
                changes: vec![Change::Removed],
            });
        }
    }
    differences
}

fn difference(old: &Side, new: &Side) -> Option<Difference> {
    let mut changes = Vec::new();
    let (before, after) = (fields(old), fields(new));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    for field in names {
        let (from, to) = (before.get(field), after.get(field));
        if from == to {
            continue;
        }
        // kubectl's copy of a Secret holds its values.
        let hidden = LAST_APPLIED.iter().any(|name| field.ends_with(name));
        let said = |value: Option<&String>| match value {
            Some(_) if hidden => Some("(not shown)".to_owned()),
            value => value.cloned(),
        };
        changes.push(Change::Field {
            field: field.clone(),
            from: said(from),
            to: said(to),
        });
    }
    items(&old.known.items, &new.known.items, &mut changes);
    (!changes.is_empty()).then(|| Difference {
        object: new.known.title(),
        changes,
    })
}

fn items(old: &[Item], new: &[Item], changes: &mut Vec<Change>) {
    for item in new {
        let name = item.name.clone();
        match old.iter().find(|old| old.name == item.name) {
            None => changes.push(Change::ItemAdded {
                item: name,
                bytes: item.plaintext_bytes,
            }),
            Some(old) if old.sha256 != item.sha256 => changes.push(Change::ItemChanged {
                item: name,
                from_bytes: old.plaintext_bytes,
                to_bytes: item.plaintext_bytes,
            }),
            Some(_) => {}
        }
    }
    for item in old {
        if !new.iter().any(|new| new.name == item.name) {
            changes.push(Change::ItemRemoved {
                item: item.name.clone(),
                bytes: item.plaintext_bytes,
            });
        }
    }
}

/// Everything but the items, by path.
fn fields(side: &Side) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let known = &side.known;
    fields.insert("name".to_owned(), known.name.clone());
    fields.insert("namespace".to_owned(), known.namespace.clone());
    fields.insert("scope".to_owned(), known.scope.to_string());
    if let Some(key) = &known.key_fingerprint {
        fields.insert("key".to_owned(), key.to_string());
    }
    let metadata = &side.sealed.metadata;
    for (label, value) in metadata.labels.iter().flatten() {
        fields.insert(format!("metadata.labels.{label}"), value.clone());
    }
    for (annotation, value) in metadata.annotations.iter().flatten() {
        if ![CLUSTER_WIDE, NAMESPACE_WIDE, KEY_FINGERPRINT].contains(&annotation.as_str()) {
            fields.insert(format!("metadata.annotations.{annotation}"), value.clone());
        }
    }
    // The typed template: what a controller doesn't read (values in the clear, say) is left out.
    let template = serde_json::to_value(&side.sealed.spec.template).unwrap_or_default();
    leaves("template", &template, &mut fields);
    fields
}

fn leaves(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (name, value) in map {
                leaves(&format!("{path}.{name}"), value, fields);
            }
        }
        Value::String(text) => {
            fields.insert(path.to_owned(), text.clone());
        }
        other => {
            fields.insert(path.to_owned(), other.to_string());
        }
    }
}

/// The differences as JSON: `{"differences": […]}`.
///
/// # Errors
/// They have no JSON form, which can't be.
pub fn to_json(differences: &[Difference]) -> Result<String, manifest::WriteError> {
    manifest::to_json(&serde_json::json!({ "differences": differences }))
}

impl Explain for DiffError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Files { .. } => Some("kubeseal diff --help says what it takes".to_owned()),
            Self::Input(error) => error.hint(),
            Self::Sealed(error) => error.hint(),
            Self::Output(error) => error.hint(),
        }
    }
}
