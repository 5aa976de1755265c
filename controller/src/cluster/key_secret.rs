//! One key Secret: read, and made.
//!
//! A key is a Secret labelled `sealedsecrets.bitnami.com/sealed-secrets-key=active`, or the one
//! named exactly like the prefix without any label (the oldest form).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ObjectReference, Secret};
use kube::ResourceExt as _;
use kube::api::ObjectMeta;
use sealed_secrets_core::key_pair::{KeyPair, KeyPairError};
use sealed_secrets_core::keyring::KeyEntry;

use crate::args::KeyArgs;
use crate::keys::{Candidate, Complaint};

/// Label of the Secrets that hold keys.
const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// Its value for keys in use; any other retires a key.
const ACTIVE: &str = "active";

/// What is kept of a key Secret: its key, and not the Secret, which has it in the clear.
#[derive(Clone, Debug)]
pub(super) struct KeySecret {
    /// For events about it.
    pub(super) reference: ObjectReference,
    /// What it holds.
    pub(super) candidate: Candidate,
}

/// Why a Secret holds no usable key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum KeySecretError {
    #[error("Secret {secret} has no {item}")]
    Missing { secret: String, item: &'static str },
    #[error("Secret {secret} holds no usable key")]
    KeyPair {
        secret: String,
        #[source]
        source: KeyPairError,
    },
}

impl KeySecret {
    /// Reads a Secret that should hold a key.
    pub(super) fn read(secret: &Secret) -> Self {
        let reference = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Secret".to_owned()),
            name: secret.metadata.name.clone(),
            namespace: secret.metadata.namespace.clone(),
            uid: secret.metadata.uid.clone(),
            resource_version: secret.metadata.resource_version.clone(),
            field_path: None,
        };
        let candidate = key_entry(secret).map_err(|error| Complaint {
            name: secret.name_any(),
            version: secret.resource_version().unwrap_or_default(),
            message: crate::describe(&error),
        });
        Self {
            reference,
            candidate: candidate.map(Arc::new),
        }
    }
}

/// Selects the Secrets with a key in use.
pub(super) fn selector() -> String {
    format!("{KEY_LABEL}={ACTIVE}")
}

/// Whether the Secret with the legacy name counts without the label; with it, the label says what
/// it is.
pub(super) fn is_legacy(secret: &Secret) -> bool {
    !secret.labels().contains_key(KEY_LABEL)
}

/// The Secret for a new key.
pub(super) fn key_secret(name: &str, pair: &KeyPair, args: &KeyArgs) -> Secret {
    let data = [
        ("tls.crt", pair.certificate().to_pem().into_bytes()),
        (
            "tls.key",
            pair.private_key().to_pkcs1_pem().as_bytes().to_vec(),
        ),
    ];
    let mut labels = args.privatekey_labels.0.clone();
    labels.insert(KEY_LABEL.to_owned(), ACTIVE.to_owned());
    let annotations = args.privatekey_annotations.0.clone();
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(
            data.into_iter()
                .map(|(item, value)| (item.to_owned(), ByteString(value)))
                .collect::<BTreeMap<_, _>>(),
        ),
        ..Secret::default()
    }
}

fn key_entry(secret: &Secret) -> Result<KeyEntry, KeySecretError> {
    let name = secret.name_any();
    let item = |item: &'static str| {
        secret
            .data
            .as_ref()
            .and_then(|data| data.get(item))
            .map(|value| value.0.as_slice())
            .ok_or_else(|| KeySecretError::Missing {
                secret: name.clone(),
                item,
            })
    };
    let pair = KeyPair::from_pem(item("tls.key")?, item("tls.crt")?).map_err(|source| {
        KeySecretError::KeyPair {
            secret: name.clone(),
            source,
        }
    })?;
    let created_at = secret
        .metadata
        .creation_timestamp
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    Ok(KeyEntry {
        name,
        created_at,
        pair,
    })
}
