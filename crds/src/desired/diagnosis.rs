//! Why no key opens an item, as far as it can be told.
//!
//! OAEP says "no" alike for a wrong key and a wrong label. What can be told all the same: the length
//! of the modulus, the key that the object says it was sealed for, and whether the item opens under
//! another scope of the same name and namespace. The last asks for nothing that whoever may write the
//! object couldn't find out by setting that scope. Meant for the owner's eyes, never for a remote
//! caller of `/v1/verify`.

use std::fmt;

use sealed_secrets_core::envelope;
use sealed_secrets_core::fingerprint::{Fingerprint, KeyId};
use sealed_secrets_core::item;
use sealed_secrets_core::keyring::{Hint, Keyring};
use sealed_secrets_core::label::Label;
use sealed_secrets_core::scope::Scope;

use crate::annotations::annotation_for;
use crate::sealed_secret::SealedSecret;

/// Most keys that a message names.
const MAX_KEYS: usize = 5;

/// The likely cause why no key opens an item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// No key has this size.
    KeySize {
        /// Of the key it was sealed for.
        bits: usize,
    },
    /// The key that the object names isn't here.
    UnknownKey(Fingerprint),
    /// A key opens it as if the object had this scope.
    OtherScope(Scope),
    /// The key that the object names is here, so it must be the label.
    OtherLabel {
        /// The key that was named.
        key: KeyId,
        /// What the item would have to be sealed for.
        bound_to: String,
    },
    /// Another key or another label: nobody can tell.
    Unknown {
        /// What the item would have to be sealed for.
        bound_to: String,
    },
}

/// Finds the likely cause. Costs RSA operations: up to two for each key.
pub(super) fn diagnose(sealed: &SealedSecret, text: &str, keyring: &Keyring) -> Option<Diagnosis> {
    let bytes = item::decode(text).ok()?;
    let modulus_len = envelope::shape(&bytes).ok()?.wrapped.len();
    let fits = |len: usize| len == modulus_len;
    if !keyring
        .entries()
        .any(|entry| fits(entry.pair.public_key().modulus_len()))
    {
        return Some(Diagnosis::KeySize {
            bits: modulus_len * 8,
        });
    }
    let named = sealed.key_fingerprint();
    if let Some(fingerprint) = named
        && keyring.find(&fingerprint).is_none()
    {
        return Some(Diagnosis::UnknownKey(fingerprint));
    }
    let hint = Hint {
        fingerprint: named,
        ..Hint::default()
    };
    let opens_under = |scope: Scope| {
        let label = Label::new(scope, sealed.namespace(), sealed.name());
        keyring.unseal(&label, &bytes, &hint).is_ok()
    };
    let scope = Scope::ALL
        .into_iter()
        .find(|scope| *scope != sealed.scope() && opens_under(*scope));
    let bound_to = bound_to(sealed);
    Some(match (scope, named) {
        (Some(scope), _) => Diagnosis::OtherScope(scope),
        (None, Some(fingerprint)) => Diagnosis::OtherLabel {
            key: fingerprint.key_id(),
            bound_to,
        },
        (None, None) => Diagnosis::Unknown { bound_to },
    })
}

/// The keys that were tried, newest first, as a message names them.
pub(super) fn known_keys(keyring: &Keyring) -> String {
    if keyring.is_empty() {
        return "none".to_owned();
    }
    let mut names: Vec<String> = keyring
        .entries()
        .take(MAX_KEYS)
        .map(|entry| format!("{} ({})", entry.name, entry.pair.fingerprint().key_id()))
        .collect();
    let more = keyring.len().saturating_sub(MAX_KEYS);
    if more > 0 {
        names.push(format!("{more} older"));
    }
    names.join(", ")
}

fn bound_to(sealed: &SealedSecret) -> String {
    match sealed.scope() {
        Scope::Strict => format!(
            "name {:?} in namespace {:?}",
            sealed.name(),
            sealed.namespace()
        ),
        Scope::NamespaceWide => format!("namespace {:?}, namespace-wide", sealed.namespace()),
        Scope::ClusterWide => "cluster-wide use".to_owned(),
    }
}

impl Diagnosis {
    /// Whether the cause lies with the key, so that the known ones are worth naming.
    pub(super) fn blames_keys(&self) -> bool {
        matches!(
            self,
            Self::KeySize { .. } | Self::UnknownKey(_) | Self::Unknown { .. }
        )
    }
}

/// The cause, and what to do.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeySize { bits } => write!(
                f,
                "wrong key: it was sealed for a key of {bits} bits, and there is none of that size; seal it again with this cluster's certificate"
            ),
            Self::UnknownKey(fingerprint) => write!(
                f,
                "wrong key: it was sealed for key {} ({fingerprint}), which is not here; restore that key, or seal it again",
                fingerprint.key_id()
            ),
            Self::OtherScope(Scope::Strict) => f.write_str(
                "wrong scope: it was sealed strict; remove the scope annotations of the SealedSecret, or seal it again",
            ),
            Self::OtherScope(scope) => write!(
                f,
                "wrong scope: it was sealed {scope}; annotate the SealedSecret with {}: \"true\", or seal it again",
                annotation_for(*scope).unwrap_or_default()
            ),
            Self::OtherLabel { key, bound_to } => write!(
                f,
                "wrong name, namespace or scope: its key {key} is here, so it was not sealed for {bound_to}; seal it again"
            ),
            Self::Unknown { bound_to } => write!(
                f,
                "it was sealed with another key, or not for {bound_to}; seal it again, or restore its key"
            ),
        }
    }
}
