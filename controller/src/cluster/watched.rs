//! A SealedSecret as it is held while it is watched.
//!
//! A tree of its JSON takes several times its text, and most of it serves nothing once the Secret is right.
//! So an object is held as what tells it from others and from itself at another time, and its text, until it
//! is settled: then the text goes. What needs it after that, a Secret that somebody has changed, reads the
//! object once more.
//!
//! The text is compressed: `kubectl apply` leaves everything in the object a second time, in an annotation.

use std::borrow::Cow;
use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::{DynamicObject, ObjectMeta};
use kube::runtime::reflector::ObjectRef;
use sealed_secrets_core::label::Label;
use sealed_secrets_core::scope::Scope;
use sealed_secrets_crds::{SealedSecret, annotations};
use serde::{Deserialize, Deserializer};

use super::current::status_of;
use super::memory::StatusDigest;
use super::shallow::Shallow;

/// A reference to one of them.
pub(super) type Reference = ObjectRef<Watched>;

/// A SealedSecret, which may not have the shape of our type.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    /// No more than names, uid, versions, and whether it is being deleted.
    identity: ObjectMeta,
    scope: Scope,
    /// How many sealed items there are.
    items: usize,
    status: Option<StatusDigest>,
    /// Shared by the clones that stores make.
    text: Arc<Mutex<Option<Packed>>>,
}

/// All of an object as JSON, but for its managed fields and what lies too deep, compressed.
#[derive(Debug)]
struct Packed(Box<[u8]>);

impl Watched {
    /// What a store needs to know of `object`, and its text.
    fn new(mut object: DynamicObject) -> io::Result<Self> {
        object.metadata.managed_fields = None;
        let status = status_of(&object);
        let items = object.data.pointer("/spec/encryptedData");
        let items = items.and_then(|items| items.as_object());
        let items = items.map_or(0, |items| items.len());
        let text = Packed::new(&object)?;
        let metadata = object.metadata;
        Ok(Self {
            scope: annotations::scope_of(metadata.annotations.as_ref()),
            identity: ObjectMeta {
                name: metadata.name,
                namespace: metadata.namespace,
                uid: metadata.uid,
                resource_version: metadata.resource_version,
                generation: metadata.generation,
                deletion_timestamp: metadata.deletion_timestamp,
                ..ObjectMeta::default()
            },
            items,
            status: status.as_ref().map(StatusDigest::of),
            text: Arc::new(Mutex::new(Some(text))),
        })
    }

    /// The whole object, unless its text has gone.
    pub(super) fn object(&self) -> Option<DynamicObject> {
        let text = self.text();
        let object = text.as_ref().map(Packed::object);
        object.map(|object| object.expect("what was written here can be read"))
    }

    /// Lets go of the text: the object is settled.
    pub(super) fn drop_text(&self) {
        *self.text() = None;
    }

    /// The label that its items are bound to.
    pub(super) fn label(&self) -> Label {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let (namespace, name) = (part(&self.identity.namespace), part(&self.identity.name));
        Label::new(self.scope, &namespace, &name)
    }

    /// How many sealed items it has.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// What its status says.
    pub(super) fn status(&self) -> Option<StatusDigest> {
        self.status
    }

    fn text(&self) -> MutexGuard<'_, Option<Packed>> {
        // It is there, or it isn't.
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Packed {
    fn new(object: &DynamicObject) -> io::Result<Self> {
        let text = serde_json::to_vec(object)?;
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&text)?;
        Ok(Self(packed.finish()?.into_boxed_slice()))
    }

    fn object(&self) -> io::Result<DynamicObject> {
        let mut text = Vec::new();
        DeflateDecoder::new(self.0.as_ref()).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Shallow(object) = Shallow::deserialize(deserializer)?;
        Self::new(object).map_err(serde::de::Error::custom)
    }
}

impl Resource for Watched {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(&(): &()) -> Cow<'_, str> {
        SealedSecret::kind(&())
    }

    fn group(&(): &()) -> Cow<'_, str> {
        SealedSecret::group(&())
    }

    fn version(&(): &()) -> Cow<'_, str> {
        SealedSecret::version(&())
    }

    fn plural(&(): &()) -> Cow<'_, str> {
        SealedSecret::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.identity
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use serde_json::{Value, json};
    use sha2::{Digest as _, Sha256};

    fn watched(spec: Value) -> (Value, Watched) {
        let object = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {
                "name": "db", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 2,
                "annotations": { annotations::NAMESPACE_WIDE: "true", "other": "kept" },
                "ownerReferences": [{ "apiVersion": "v1", "kind": "K", "name": "o", "uid": "v" }],
            },
            "spec": spec,
            "status": { "observedGeneration": 2, "conditions": [] },
        });
        let mut sent = object.clone();
        sent["metadata"]["managedFields"] = json!([{ "manager": "kubectl" }]);
        (object, serde_json::from_value(sent).unwrap())
    }

    #[test]
    fn nothing_but_managed_fields_is_lost_whatever_the_shape() {
        for spec in [
            json!({ "encryptedData": { "a": 5 } }),
            json!("no spec"),
            Value::Null,
        ] {
            let (object, watched) = watched(spec);
            let kept = watched.object().unwrap();
            assert_eq!(serde_json::to_value(kept).unwrap(), object);
        }
    }

    #[test]
    fn what_was_applied_costs_hardly_more_for_being_there_twice() {
        let size = |object: Value| {
            let object: Watched = serde_json::from_value(object).unwrap();
            object.text().as_ref().unwrap().0.len()
        };
        // As little to be compressed as ciphertext.
        let noise = (0_u32..80).flat_map(|number| Sha256::digest(number.to_be_bytes()));
        let item = ByteString(noise.collect());
        let (mut object, _) = watched(json!({ "encryptedData": { "a": item } }));
        let once = size(object.clone());
        let applied = object["spec"].to_string();
        object["metadata"]["annotations"]["applied"] = applied.into();
        assert!(size(object) < once + 200);
    }

    #[test]
    fn what_is_settled_keeps_what_tells_whether_it_changed() {
        let (_, watched) = watched(json!({}));
        let stored = watched.clone();
        watched.drop_text();
        assert!(stored.object().is_none());
        assert_eq!(stored.label().as_str(), "shop");
        assert_eq!(stored.identity.generation, Some(2));
        assert!(stored.status().is_some());
    }
}
