//! Plain Secret to SealedSecret.

use std::collections::BTreeMap;

use rand::CryptoRng;
use sealed_secrets_core::envelope;
use sealed_secrets_core::item;
use sealed_secrets_core::label::Label;
use sealed_secrets_core::public_key::PublicKey;
use sealed_secrets_core::scope::Scope;
use serde_json::Value;

use crate::annotations::{KEY_FINGERPRINT, scope_of, set_scope};
use crate::plain_secret::PlainSecret;
use crate::sealed_secret::{SealedSecret, SealedSecretSpec, SecretTemplate, TemplateMetadata};

/// Why a Secret couldn't be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealSecretError {
    /// The name is part of the label, or needed to apply the result.
    #[error("the Secret has no name")]
    NoName,
    /// The namespace is part of the label.
    #[error("the Secret has no namespace, which scope {0} needs")]
    NoNamespace(Scope),
    /// An item couldn't be encrypted.
    #[error("cannot seal item {item}: {source}")]
    Item {
        /// The item.
        item: String,
        /// What went wrong.
        source: envelope::SealError,
    },
}

/// Seals every item of `secret` for `scope` with `key`.
///
/// The result has the Secret's name and namespace, the annotation that spells the scope and the one
/// that names the key; all its other metadata, type and immutability go to the template.
///
/// # Errors
/// A name or namespace that the label needs is missing, or encryption failed.
pub fn seal_secret<R: CryptoRng + ?Sized>(
    rng: &mut R,
    key: &PublicKey,
    secret: &PlainSecret,
    scope: Scope,
) -> Result<SealedSecret, SealSecretError> {
    let name = secret.name.as_deref().ok_or(SealSecretError::NoName)?;
    let namespace = match (secret.namespace.as_deref(), scope) {
        (Some(namespace), _) => namespace,
        (None, Scope::ClusterWide) => "",
        (None, scope) => return Err(SealSecretError::NoNamespace(scope)),
    };
    let label = Label::new(scope, namespace, name);
    let mut encrypted_data = BTreeMap::new();
    for (item, value) in &secret.items {
        let sealed =
            seal_item(rng, key, &label, value).map_err(|source| SealSecretError::Item {
                item: item.clone(),
                source,
            })?;
        encrypted_data.insert(item.clone(), Value::String(sealed));
    }

    let mut sealed = SealedSecret::new(
        name,
        SealedSecretSpec {
            encrypted_data,
            template: Some(template(secret, scope)),
            data: None,
        },
    );
    sealed.metadata.namespace = secret.namespace.clone();
    let mut annotations = BTreeMap::new();
    set_scope(&mut annotations, scope);
    if !secret.items.is_empty() {
        annotations.insert(KEY_FINGERPRINT.to_owned(), key.fingerprint().to_string());
    }
    sealed.metadata.annotations = Some(annotations).filter(|map| !map.is_empty());
    Ok(sealed)
}

/// Seals one value: the base64 text of its envelope.
///
/// # Errors
/// Encryption failed.
pub fn seal_item<R: CryptoRng + ?Sized>(
    rng: &mut R,
    key: &PublicKey,
    label: &Label,
    value: &[u8],
) -> Result<String, envelope::SealError> {
    Ok(item::encode(&envelope::seal(rng, key, label, value)?))
}

/// Keeps the mark of the key true after items of `annotations`' object were sealed for `key`: `all`
/// says whether these are all it has. An object without a mark gets none.
pub fn update_mark(annotations: &mut BTreeMap<String, String>, key: &PublicKey, all: bool) {
    let wanted = key.fingerprint().to_string();
    match annotations.get_mut(KEY_FINGERPRINT) {
        Some(mark) if all => *mark = wanted,
        Some(mark) if *mark != wanted => {
            annotations.remove(KEY_FINGERPRINT);
        }
        _ => {}
    }
}

fn template(secret: &PlainSecret, scope: Scope) -> SecretTemplate {
    let mut annotations = secret.annotations.clone();
    if scope_of(Some(&annotations)) != scope {
        set_scope(&mut annotations, scope);
    }
    let mut other = BTreeMap::new();
    if let Some(prefix) = &secret.generate_name {
        other.insert("generateName".to_owned(), Value::String(prefix.clone()));
    }
    SecretTemplate {
        metadata: Some(TemplateMetadata {
            name: secret.name.clone(),
            namespace: secret.namespace.clone(),
            labels: Some(secret.labels.clone()).filter(|map| !map.is_empty()),
            annotations: Some(annotations).filter(|map| !map.is_empty()),
            finalizers: Some(secret.finalizers.clone()).filter(|list| !list.is_empty()),
            other,
        }),
        type_: secret.type_.clone(),
        immutable: secret.immutable,
        data: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};
    use sealed_secrets_core::{CertificateTemplate, KeyPair, KeySize};

    #[test]
    fn a_mark_names_the_key_of_all_items_or_goes() {
        let template = CertificateTemplate {
            common_name: String::new(),
            not_before: Timestamp::UNIX_EPOCH,
            valid_for: SignedDuration::from_hours(1),
        };
        let pair = KeyPair::generate(&mut rand::rng(), KeySize::MIN, &template).unwrap();
        let key = pair.public_key();
        let own = key.fingerprint().to_string();
        for (before, all, after) in [
            (None, true, None),
            (None, false, None),
            (Some("other"), true, Some(own.as_str())),
            (Some("other"), false, None),
            (Some(own.as_str()), false, Some(own.as_str())),
        ] {
            let map = |mark: Option<&str>| -> BTreeMap<String, String> {
                let mark = mark.map(|mark| (KEY_FINGERPRINT.to_owned(), mark.to_owned()));
                mark.into_iter().collect()
            };
            let mut annotations = map(before);
            update_mark(&mut annotations, key, all);
            assert_eq!(annotations, map(after), "{before:?} {all}");
        }
    }
}
