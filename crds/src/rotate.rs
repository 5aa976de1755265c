//! What `/v1/verify` and `/v1/rotate` do: open every item, and seal it again with another key.
//!
//! Neither renders templates. A template can ask any question about the plaintext, and whether
//! rendering fails would be the answer; and the label comes from the object's own metadata, so
//! nothing in `spec.template` widens a scope (CVE-2026-22728).

use rand::CryptoRng;
use sealed_secrets_core::item;
use sealed_secrets_core::keyring::{Hint, Keyring};
use sealed_secrets_core::label::Label;
use sealed_secrets_core::public_key::PublicKey;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::annotations::KEY_FINGERPRINT;
use crate::manifest;
use crate::plain_secret::PlainSecret;
use crate::seal::seal_item;
use crate::sealed_secret::{API_VERSION, KIND, SealedSecret};

/// Why a request body is not a SealedSecret. Says nothing about what is sealed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Neither JSON nor YAML.
    #[error("body is neither JSON nor YAML")]
    Unreadable,
    /// Not exactly one document.
    #[error("body must be exactly one object")]
    NotOne,
    /// Another kind of object.
    #[error("body is not a SealedSecret of bitnami.com/v1alpha1")]
    WrongKind,
    /// A SealedSecret whose fields have the wrong types.
    #[error("body is a malformed SealedSecret")]
    Malformed,
}

/// Some item can't be opened. Deliberately one error for every cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not every item can be unsealed")]
pub struct NotUnsealable;

/// Reads the one SealedSecret in a request body, JSON or YAML. Metadata that is null or missing counts
/// as empty.
///
/// # Errors
/// Why it is none.
pub fn read_body(body: &[u8]) -> Result<(SealedSecret, Value), BodyError> {
    let mut documents = manifest::read(body).map_err(|_| BodyError::Unreadable)?;
    let [document] = documents.as_mut_slice() else {
        return Err(BodyError::NotOne);
    };
    if let manifest::Value::Mapping(fields) = &mut document.node.value {
        fields.retain(|(key, node)| key.name != "metadata" || !node.is_null());
        if !fields.iter().any(|(key, _)| key.name == "metadata") {
            let position = document.node.position;
            let key = manifest::Key {
                name: "metadata".to_owned(),
                spelled: None,
                position,
            };
            let value = manifest::Value::Mapping(Vec::new());
            fields.push((key, manifest::Node { value, position }));
        }
    }
    let word = |field: &str| document.node.field(field).and_then(|node| node.text());
    if (word("apiVersion"), word("kind")) != (Some(API_VERSION), Some(KIND)) {
        return Err(BodyError::WrongKind);
    }
    let sealed = manifest::from_node(&document.node).map_err(|_| BodyError::Malformed)?;
    let value = manifest::from_node(&document.node).map_err(|_| BodyError::Malformed)?;
    Ok((sealed, value))
}

/// How many private-key operations it can take to open every item.
pub fn work(sealed: &SealedSecret, keyring: &Keyring) -> usize {
    let items = sealed.spec.encrypted_data.values();
    let texts = items
        .filter_map(Value::as_str)
        .chain(sealed.spec.data.as_deref());
    texts
        .filter_map(|text| item::decode(text).ok())
        .map(|envelope| keyring.fitting(&envelope))
        .sum()
}

/// Whether every item can be opened.
///
/// The first that can't is the end. The time tells where it stands, which asking about the items one by
/// one tells as well; none of it depends on plaintext.
///
/// # Errors
/// One of them can't, for whatever reason.
pub fn verify(sealed: &SealedSecret, keyring: &Keyring, hint: &Hint) -> Result<(), NotUnsealable> {
    open(sealed, keyring, hint).map(drop)
}

/// Seals every item again for `key`. Everything else of `value`, the object as it came, is kept
/// as it is; only the mark of the key follows the key, `status` goes, and a deprecated `spec.data` comes back as `encryptedData`.
///
/// # Errors
/// One of the items can't be opened, or not sealed.
pub fn rotate<R: CryptoRng + ?Sized>(
    rng: &mut R,
    sealed: &SealedSecret,
    mut value: Value,
    keyring: &Keyring,
    key: &PublicKey,
    hint: &Hint,
) -> Result<Value, NotUnsealable> {
    let label = sealed.label();
    let opened = open(sealed, keyring, hint)?;
    let mut items = serde_json::Map::new();
    for (item, plaintext) in &opened.items {
        let text = seal_item(rng, key, &label, plaintext).map_err(|_| NotUnsealable)?;
        items.insert(item.clone(), Value::String(text));
    }
    let fields = value.as_object_mut().ok_or(NotUnsealable)?;
    fields.remove("status");
    if let Some(mark) = fields
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations")?.get_mut(KEY_FINGERPRINT))
    {
        *mark = Value::String(key.fingerprint().to_string());
    }
    let spec = fields
        .get_mut("spec")
        .and_then(Value::as_object_mut)
        .ok_or(NotUnsealable)?;
    spec.insert("encryptedData".to_owned(), Value::Object(items));
    if let Some(template) = opened.legacy_template {
        spec.remove("data");
        spec.insert("template".to_owned(), template);
    }
    Ok(value)
}

/// Decrypted items; of the deprecated form also the metadata that was sealed with them.
struct Opened {
    items: Vec<(String, Zeroizing<Vec<u8>>)>,
    legacy_template: Option<Value>,
}

fn open(sealed: &SealedSecret, keyring: &Keyring, hint: &Hint) -> Result<Opened, NotUnsealable> {
    let label = sealed.label();
    match sealed.spec.data.as_deref().filter(|data| !data.is_empty()) {
        Some(_) if !sealed.spec.encrypted_data.is_empty() => Err(NotUnsealable),
        Some(data) => open_legacy(data, &label, keyring, hint),
        None => {
            let mut items = Vec::new();
            for (item, value) in &sealed.spec.encrypted_data {
                let text = value.as_str().ok_or(NotUnsealable)?;
                let unsealed = keyring.unseal_item(&label, text, hint);
                let unsealed = unsealed.map_err(|_| NotUnsealable)?;
                items.push((item.clone(), unsealed.plaintext));
            }
            Ok(Opened {
                items,
                legacy_template: None,
            })
        }
    }
}

fn open_legacy(
    data: &str,
    label: &Label,
    keyring: &Keyring,
    hint: &Hint,
) -> Result<Opened, NotUnsealable> {
    let envelope = item::decode(data).map_err(|_| NotUnsealable)?;
    let unsealed = keyring
        .unseal(label, &envelope, hint)
        .map_err(|_| NotUnsealable)?;
    let documents = manifest::read(&unsealed.plaintext).map_err(|_| NotUnsealable)?;
    let [document] = documents.as_slice() else {
        return Err(NotUnsealable);
    };
    let secret = PlainSecret::from_node(&document.node).map_err(|_| NotUnsealable)?;
    let mut template = serde_json::json!({
        "metadata": { "labels": secret.labels, "annotations": secret.annotations },
    });
    if let (Some(fields), Some(type_)) = (template.as_object_mut(), &secret.type_) {
        fields.insert("type".to_owned(), Value::String(type_.clone()));
    }
    Ok(Opened {
        items: secret.items.into_iter().collect(),
        legacy_template: Some(template),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};
    use sealed_secrets_core::{CertificateTemplate, KeyEntry, KeyOrder, KeyPair, KeySize};

    fn pair() -> KeyPair {
        let template = CertificateTemplate {
            common_name: String::new(),
            not_before: Timestamp::UNIX_EPOCH,
            valid_for: SignedDuration::from_hours(1),
        };
        KeyPair::generate(&mut rand::rng(), KeySize::MIN, &template).unwrap()
    }

    #[test]
    fn the_mark_of_the_key_follows_the_key() {
        let (old, new) = (pair(), pair());
        let label = Label::new(Default::default(), "b", "a");
        let item = seal_item(&mut rand::rng(), old.public_key(), &label, b"x").unwrap();
        let mark = |pair: &KeyPair| pair.public_key().fingerprint().to_string();
        let marked = format!("{{{KEY_FINGERPRINT}: '{}', own: '1'}}", mark(&old));
        let wanted = serde_json::json!({ KEY_FINGERPRINT: mark(&new), "own": "1" });
        let key = new.public_key().clone();
        let mut keyring = Keyring::new(KeyOrder::default());
        keyring.insert(KeyEntry {
            name: "old".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            pair: old,
        });
        for (annotations, wanted) in [(marked.as_str(), wanted), ("null", Value::Null)] {
            let body = format!(
                "apiVersion: {API_VERSION}\nkind: {KIND}\nmetadata: {{name: a, namespace: b, annotations: {annotations}}}\n\
                 spec: {{encryptedData: {{k: {item}}}}}\n"
            );
            let (sealed, value) = read_body(body.as_bytes()).unwrap();
            let hint = Hint::default();
            let rotated = rotate(&mut rand::rng(), &sealed, value, &keyring, &key, &hint).unwrap();
            assert_eq!(rotated["metadata"]["annotations"], wanted);
        }
    }

    #[test]
    fn metadata_that_is_null_or_missing_counts_as_empty() {
        for metadata in ["", "metadata: null\n", "metadata:\n"] {
            let body = format!("apiVersion: {API_VERSION}\nkind: {KIND}\n{metadata}spec: {{}}\n");
            let (sealed, _) = read_body(body.as_bytes()).unwrap();
            assert_eq!(sealed.label(), Label::new(Default::default(), "", ""));
        }
    }
}
