//! SealedSecret and keyring to the Secret that should exist.
//!
//! One pure function, [`desired_secret`], serves the cluster, the standalone mode and recovery, so
//! they can't disagree. It is all or nothing: one bad item and there is no Secret.

mod diagnosis;
mod failure;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use sealed_secrets_core::envelope::UnsealError;
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::keyring::{Hint, Keyring};
use sealed_secrets_core::label::Label;
use sealed_secrets_templates::{Environment, Renderer, Values};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::annotations::{SKIP_SET_OWNER_REFERENCES, is_true};
use crate::manifest;
use crate::plain_secret::PlainSecret;
use crate::sealed_secret::{API_VERSION, KIND, SealedSecret, title};

pub use diagnosis::Diagnosis;
pub use failure::{DesiredError, ItemDiagnosis, ItemFailure, ItemProblem};

/// The type that the API server gives a Secret without one.
pub const DEFAULT_TYPE: &str = "Opaque";

/// A Secret as it should be, values in the clear.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DesiredSecret {
    /// The SealedSecret's namespace.
    pub namespace: String,
    /// The SealedSecret's name.
    pub name: String,
    /// Labels of the template.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the template.
    pub annotations: BTreeMap<String, String>,
    /// Finalizers of the template.
    pub finalizers: Vec<String>,
    /// Type; `None` means [`DEFAULT_TYPE`].
    pub type_: Option<String>,
    /// Whether the data can't be changed later.
    pub immutable: Option<bool>,
    /// Decrypted and rendered items.
    pub data: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// Items whose templates asked for the time or for chance: rendered again, they are others.
    pub by_chance: BTreeSet<String>,
    /// Whether the Secret belongs to the SealedSecret and goes with it.
    pub owned: bool,
    /// Keys that opened items: the likely keys for the next time.
    pub keys_used: BTreeSet<Fingerprint>,
}

/// What may be unsealed besides `encryptedData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Accept the deprecated `spec.data`.
    pub accept_deprecated_v1_data: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accept_deprecated_v1_data: true,
        }
    }
}

/// Computes the Secret that `sealed` describes.
///
/// The label comes from the SealedSecret's own metadata; the key that its annotation names is tried
/// first unless `hint` names one. Decrypted items win over templates of the
/// same name, as variables and in the result.
///
/// # Errors
/// Every item that can't be used, with the reason. Meant for the object's owner (status, log):
/// a remote caller must not learn which reason it was.
pub fn desired_secret(
    sealed: &SealedSecret,
    keyring: &Keyring,
    hint: &Hint,
    options: Options,
) -> Result<DesiredSecret, DesiredError> {
    let label = sealed.label();
    let hint = &Hint {
        fingerprint: hint.fingerprint.or(sealed.key_fingerprint()),
        ..*hint
    };
    let legacy = sealed.spec.data.as_deref().filter(|data| !data.is_empty());
    if let Some(data) = legacy {
        if !sealed.spec.encrypted_data.is_empty() {
            return Err(DesiredError::BothDataAndEncryptedData);
        }
        if !options.accept_deprecated_v1_data {
            return Err(DesiredError::DeprecatedData);
        }
        return legacy_secret(sealed, data, &label, keyring, hint);
    }

    let mut failures = Vec::new();
    let mut data = BTreeMap::new();
    let mut keys_used = BTreeSet::new();
    let mut hint = *hint;
    for (item, value) in &sealed.spec.encrypted_data {
        match unseal_item(item, value, &label, keyring, &hint) {
            Ok((plaintext, key)) => {
                // Most objects are sealed for one key.
                hint.last_worked = Some(key);
                keys_used.insert(key);
                data.insert(item.clone(), plaintext);
            }
            Err(problem) => failures.push(ItemFailure {
                item: item.clone(),
                problem,
            }),
        }
    }
    let template = sealed.spec.template.clone().unwrap_or_default();
    // A template over half of the values would fail for the wrong reason.
    let mut by_chance = BTreeSet::new();
    if failures.is_empty() {
        let templates = template.data.unwrap_or_default();
        by_chance = render(&templates, &mut data, &mut failures);
    }
    if !failures.is_empty() {
        let diagnosis = diagnose_first(sealed, &failures, keyring);
        return Err(DesiredError::Items {
            failures,
            diagnosis,
        });
    }
    let metadata = template.metadata.unwrap_or_default();
    let annotations = metadata.annotations.unwrap_or_default();
    Ok(DesiredSecret {
        namespace: sealed.namespace().to_owned(),
        name: sealed.name().to_owned(),
        labels: metadata.labels.unwrap_or_default(),
        owned: !is_true(Some(&annotations), SKIP_SET_OWNER_REFERENCES),
        annotations,
        finalizers: metadata.finalizers.unwrap_or_default(),
        type_: template.type_.filter(|type_| !type_.is_empty()),
        immutable: template.immutable,
        data,
        by_chance,
        keys_used,
    })
}

/// Whether `item` may be a key of a Secret's data, by the API server's rule. The standalone mode
/// makes file names of them.
pub fn is_item_name(item: &str) -> bool {
    (1..=253).contains(&item.len())
        && item
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && item != "."
        && !item.starts_with("..")
}

fn unseal_item(
    item: &str,
    value: &Value,
    label: &Label,
    keyring: &Keyring,
    hint: &Hint,
) -> Result<(Zeroizing<Vec<u8>>, Fingerprint), ItemProblem> {
    if !is_item_name(item) {
        return Err(ItemProblem::InvalidName);
    }
    let Some(text) = value.as_str() else {
        return Err(ItemProblem::NotAString);
    };
    let unsealed = keyring
        .unseal_item(label, text, hint)
        .map_err(ItemProblem::Unseal)?;
    Ok((unsealed.plaintext, unsealed.key))
}

/// One item stands for all: what is wrong with one is mostly wrong with the others, and looking
/// closer costs RSA operations.
fn diagnose_first(
    sealed: &SealedSecret,
    failures: &[ItemFailure],
    keyring: &Keyring,
) -> Option<Box<ItemDiagnosis>> {
    let no_key =
        |failure: &&ItemFailure| matches!(failure.problem, ItemProblem::Unseal(UnsealError::NoKey));
    let item = &failures.iter().find(no_key)?.item;
    let text = sealed.spec.encrypted_data.get(item)?.as_str()?;
    Some(Box::new(ItemDiagnosis {
        item: item.clone(),
        diagnosis: diagnosis::diagnose(sealed, text, keyring)?,
        known_keys: diagnosis::known_keys(keyring),
    }))
}

/// Renders into `data`; returns the items that chance or the time has a part in.
fn render(
    templates: &BTreeMap<String, String>,
    data: &mut BTreeMap<String, Zeroizing<Vec<u8>>>,
    failures: &mut Vec<ItemFailure>,
) -> BTreeSet<String> {
    let mut by_chance = BTreeSet::new();
    if templates.keys().all(|item| data.contains_key(item)) {
        return by_chance;
    }
    let mut values: Values = templates
        .iter()
        .map(|(item, text)| (item.clone(), text.as_bytes().to_vec()))
        .chain(
            data.iter()
                .map(|(item, value)| (item.clone(), value.to_vec())),
        )
        .collect();
    let mut environment = Environment::system();
    let mut renderer = Renderer::new(&values, &mut environment);
    for (item, text) in templates {
        if data.contains_key(item) {
            continue;
        }
        let outcome = if is_item_name(item) {
            renderer.render(item, text).map_err(ItemProblem::Template)
        } else {
            Err(ItemProblem::InvalidName)
        };
        match outcome {
            Ok(rendered) => {
                if renderer.used_chance() {
                    by_chance.insert(item.clone());
                }
                data.insert(item.clone(), Zeroizing::new(rendered));
            }
            Err(problem) => failures.push(ItemFailure {
                item: item.clone(),
                problem,
            }),
        }
    }
    drop(renderer);
    values.values_mut().for_each(Zeroize::zeroize);
    by_chance
}

/// The deprecated form: a whole Secret as JSON in one envelope.
fn legacy_secret(
    sealed: &SealedSecret,
    data: &str,
    label: &Label,
    keyring: &Keyring,
    hint: &Hint,
) -> Result<DesiredSecret, DesiredError> {
    let unsealed = keyring
        .unseal_item(label, data, hint)
        .map_err(DesiredError::Legacy)?;
    // The reader's errors may repeat parts of the input, which is plaintext here.
    let documents = manifest::read(&unsealed.plaintext).map_err(|_| DesiredError::LegacyContent)?;
    let [document] = documents.as_slice() else {
        return Err(DesiredError::LegacyContent);
    };
    let secret = PlainSecret::from_node(&document.node).map_err(|_| DesiredError::LegacyContent)?;
    let failures: Vec<ItemFailure> = secret
        .items
        .keys()
        .filter(|item| !is_item_name(item))
        .map(|item| ItemFailure {
            item: item.clone(),
            problem: ItemProblem::InvalidName,
        })
        .collect();
    if !failures.is_empty() {
        return Err(DesiredError::Items {
            failures,
            diagnosis: None,
        });
    }
    Ok(DesiredSecret {
        namespace: sealed.namespace().to_owned(),
        name: sealed.name().to_owned(),
        labels: secret.labels,
        owned: !is_true(Some(&secret.annotations), SKIP_SET_OWNER_REFERENCES),
        annotations: secret.annotations,
        finalizers: secret.finalizers,
        type_: secret.type_,
        immutable: secret.immutable,
        data: secret.items,
        by_chance: BTreeSet::new(),
        keys_used: BTreeSet::from([unsealed.key]),
    })
}

impl DesiredSecret {
    /// The type, [`DEFAULT_TYPE`] when the template has none.
    pub fn type_or_default(&self) -> &str {
        self.type_.as_deref().unwrap_or(DEFAULT_TYPE)
    }

    /// The Secret as the API server takes it, with the owner reference to `sealed` when it is
    /// owned and `sealed` has a uid.
    pub fn to_secret(&self, sealed: &SealedSecret) -> Secret {
        let some_map = |map: &BTreeMap<String, String>| Some(map.clone()).filter(|m| !m.is_empty());
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()).filter(|namespace| !namespace.is_empty()),
                labels: some_map(&self.labels),
                annotations: some_map(&self.annotations),
                finalizers: Some(self.finalizers.clone()).filter(|list| !list.is_empty()),
                owner_references: self.owner(sealed).map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            type_: Some(self.type_or_default().to_owned()),
            immutable: self.immutable,
            data: Some(
                self.data
                    .iter()
                    .map(|(item, value)| (item.clone(), ByteString(value.to_vec())))
                    .collect(),
            ),
            string_data: None,
        }
    }

    /// The owner reference that the Secret should carry.
    pub fn owner(&self, sealed: &SealedSecret) -> Option<OwnerReference> {
        let uid = sealed.metadata.uid.clone().filter(|uid| !uid.is_empty())?;
        self.owned.then(|| OwnerReference {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            name: sealed.name().to_owned(),
            uid,
            controller: Some(true),
            block_owner_deletion: None,
        })
    }
}

/// Names items, never shows them.
impl fmt::Debug for DesiredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DesiredSecret")
            .field("secret", &title(&self.namespace, &self.name))
            .field("type", &self.type_or_default())
            .field("items", &self.data.keys())
            .field("keys_used", &self.keys_used)
            .finish_non_exhaustive()
    }
}
