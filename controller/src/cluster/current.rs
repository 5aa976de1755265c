//! A SealedSecret as it is now: as the API server gave it, and as our type as far as it has that shape.

use kube::core::{DynamicObject, ObjectMeta};
use sealed_secrets_crds::annotations::scope_of;
use sealed_secrets_crds::sealed_secret::SealedSecretStatus;
use sealed_secrets_crds::{SealedSecret, SealedSecretSpec};
use serde::Deserialize as _;
use serde_json::Value;

/// A SealedSecret as it is now.
pub(super) struct Current {
    pub(super) object: DynamicObject,
    /// The object as our type.
    pub(super) sealed: SealedSecret,
    /// What keeps it from having that shape.
    pub(super) misfit: Option<String>,
}

impl Current {
    pub(super) fn of(object: DynamicObject) -> Self {
        let (sealed, misfit) = parse(&object);
        Self {
            object,
            sealed,
            misfit,
        }
    }
}

/// The object as our type; where it doesn't have that shape, its metadata and what is wrong.
fn parse(object: &DynamicObject) -> (SealedSecret, Option<String>) {
    let mut sealed = SealedSecret::new("", SealedSecretSpec::default());
    sealed.metadata = object.metadata.clone();
    sealed.status = status_of(object);
    let spec = object.data.get("spec").unwrap_or(&Value::Null);
    let misfit = match SealedSecretSpec::deserialize(spec) {
        Ok(spec) => {
            sealed.spec = spec;
            None
        }
        Err(error) => Some(format!("spec is malformed: {error}")),
    };
    (sealed, misfit)
}

/// What the status says; one that is not ours to read is overwritten.
pub(super) fn status_of(object: &DynamicObject) -> Option<SealedSecretStatus> {
    let status = object.data.get("status")?;
    Option::deserialize(status).ok().flatten()
}

/// Whether an object asks for the same at two times: it is the same one, with the same spec, and its items
/// are bound to the same label.
pub(super) fn asks_the_same(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    let scope = |metadata: &ObjectMeta| scope_of(metadata.annotations.as_ref());
    one.uid == other.uid && one.generation == other.generation && scope(one) == scope(other)
}

/// Whether the status says that the Secret was right for what the object asks now.
pub(super) fn says_synced(sealed: &SealedSecret) -> bool {
    sealed.status.as_ref().is_some_and(|status| {
        status.observed_generation == sealed.metadata.generation
            && status
                .conditions
                .iter()
                .any(|condition| condition.type_ == "Synced" && condition.status == "True")
    })
}
