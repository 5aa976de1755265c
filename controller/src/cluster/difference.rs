//! What differs between two Secrets, by name and never by value.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use sealed_secrets_crds::desired::DEFAULT_TYPE;

/// What differs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// What an immutable Secret doesn't let go: items, `immutable`.
    pub(super) content: Vec<String>,
    /// What can always be changed.
    pub(super) metadata: Vec<String>,
    /// The two types, if they differ. No Secret lets go of its type.
    pub(super) types: Option<(String, String)>,
}

impl Differences {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares what is there with what is wanted.
pub(super) fn between(existing: &Secret, wanted: &Secret) -> Differences {
    let mut content = keys("item", &existing.data, &wanted.data);
    let flag = |differs: bool, name: &str, list: &mut Vec<String>| {
        if differs {
            list.push(name.to_owned());
        }
    };
    flag(
        existing.immutable.unwrap_or_default() != wanted.immutable.unwrap_or_default(),
        "immutable",
        &mut content,
    );
    let (there, asked) = (&existing.metadata, &wanted.metadata);
    let mut metadata = keys("label", &there.labels, &asked.labels);
    metadata.extend(keys("annotation", &there.annotations, &asked.annotations));
    flag(
        list(&there.owner_references) != list(&asked.owner_references),
        "owner",
        &mut metadata,
    );
    flag(
        list(&there.finalizers) != list(&asked.finalizers),
        "finalizers",
        &mut metadata,
    );
    let types = (type_of(existing), type_of(wanted));
    Differences {
        content,
        metadata,
        types: (types.0 != types.1).then(|| (types.0.to_owned(), types.1.to_owned())),
    }
}

/// `kind key` for every key that is only in one, or has another value.
fn keys<V: PartialEq>(
    kind: &str,
    a: &Option<BTreeMap<String, V>>,
    b: &Option<BTreeMap<String, V>>,
) -> Vec<String> {
    let empty = BTreeMap::new();
    let (a, b) = (a.as_ref().unwrap_or(&empty), b.as_ref().unwrap_or(&empty));
    let differing = a.iter().filter(|(key, value)| b.get(*key) != Some(*value));
    let missing = b.iter().filter(|(key, _)| !a.contains_key(*key));
    let mut names: Vec<String> = differing
        .chain(missing)
        .map(|(key, _)| format!("{kind} {key}"))
        .collect();
    names.sort();
    names
}

fn list<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

fn type_of(secret: &Secret) -> &str {
    secret.type_.as_deref().unwrap_or(DEFAULT_TYPE)
}
