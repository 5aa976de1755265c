//! The keyring of a cluster: Secrets of the controller's namespace.
//!
//! A key is a Secret labelled `sealedsecrets.bitnami.com/sealed-secrets-key=active`, or the one
//! named exactly like the prefix without any label (the oldest form). One that can't be read is
//! reported and skipped; it never stops the others. The Secrets are watched, so keys that appear,
//! change or lose their label count at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, ObjectMeta, PostParams};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch_secrets};
use kube::{Api, Client, ResourceExt as _};
use sealed_secrets_core::key_pair::{KeyPair, KeyPairError};
use sealed_secrets_core::keyring::{KeyEntry, KeyOrder, Keyring};
use tokio::sync::watch;

use crate::args::KeyArgs;
use crate::keys::{GenerateError, SharedKeyring, generate};

/// Label of the Secrets that hold keys.
const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// Its value for keys in use; any other retires a key.
const ACTIVE: &str = "active";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeySecretsError {
    /// None could be made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The API server doesn't let us.
    #[error(
        "not allowed to {action} Secrets in namespace {namespace}; check the controller's RBAC"
    )]
    Forbidden {
        /// What was tried.
        action: &'static str,
        /// Where.
        namespace: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
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

/// Keeps the keyring.
pub(super) struct KeySecrets {
    api: Api<Secret>,
    namespace: String,
    args: KeyArgs,
    keyring: watch::Sender<Arc<Keyring>>,
}

impl KeySecrets {
    /// A keyring that is empty until [`KeySecrets::start`].
    pub(super) fn new(client: Client, namespace: &str, args: KeyArgs) -> (Self, SharedKeyring) {
        let (keyring, receiver) = watch::channel(Arc::new(Keyring::new(KeyOrder::CertNotBefore)));
        let keys = Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            args,
            keyring,
        };
        (keys, receiver)
    }

    /// Finds the keys, makes one if there is none, and keeps watching.
    pub(super) async fn start(mut self) -> Result<(), KeySecretsError> {
        let mut secrets = self.list().await?;
        if self.publish(&secrets) == 0 {
            let secret = self.create().await?;
            secrets.insert(secret.name_any(), secret);
            self.publish(&secrets);
        }
        tokio::spawn(self.watch());
        Ok(())
    }

    /// Every Secret that counts, by name. Waits for an API server that is away.
    async fn list(&self) -> Result<BTreeMap<String, Secret>, KeySecretsError> {
        let active = ListParams::default().labels(&selector());
        let listed = self.retrying("list", || self.api.list(&active)).await?;
        let legacy = self
            .retrying("get", || self.api.get_opt(&self.args.key_prefix))
            .await?;
        let mut secrets: BTreeMap<String, Secret> = listed
            .items
            .into_iter()
            .map(|secret| (secret.name_any(), secret))
            .collect();
        if let Some(secret) = legacy.filter(|secret| !secret.labels().contains_key(KEY_LABEL)) {
            secrets.insert(secret.name_any(), secret);
        }
        Ok(secrets)
    }

    async fn create(&self) -> Result<Secret, KeySecretsError> {
        tracing::info!(bits = self.args.key_size.bits(), "no key yet, making one");
        let pair = generate(&self.args).await?;
        let secret = key_secret(&self.args.key_prefix, &pair);
        let created = self.retrying("create", || async {
            self.api.create(&PostParams::default(), &secret).await
        });
        let created = created.await?;
        tracing::info!(
            secret = created.name_any(),
            fingerprint = %pair.fingerprint(),
            certificate = pair.certificate().to_pem(),
            "new key written"
        );
        Ok(created)
    }

    /// Tries until the API server gives an answer.
    async fn retrying<T, F: Future<Output = kube::Result<T>>>(
        &self,
        action: &'static str,
        request: impl Fn() -> F,
    ) -> Result<T, KeySecretsError> {
        let mut pause = Duration::from_millis(500);
        loop {
            match request().await {
                Ok(answer) => return Ok(answer),
                Err(kube::Error::Api(status))
                    if status.code == 403 && !status.message.contains("not yet") =>
                {
                    return Err(KeySecretsError::Forbidden {
                        action,
                        namespace: self.namespace.clone(),
                        source: Box::new(kube::Error::Api(status)),
                    });
                }
                Err(error) => {
                    tracing::warn!(error = %crate::describe(&error), "cannot {action} key Secrets, will retry");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(15));
                }
            }
        }
    }

    /// Follows the labelled Secrets for as long as the process lives.
    async fn watch(mut self) {
        let config = watcher::Config::default().labels(&selector());
        let mut stream = std::pin::pin!(watch_secrets(self.api.clone(), config).default_backoff());
        let mut secrets: BTreeMap<String, Secret> = BTreeMap::new();
        let mut listing: BTreeMap<String, Secret> = BTreeMap::new();
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Init) => listing.clear(),
                Ok(Event::InitApply(secret)) => {
                    listing.insert(secret.name_any(), secret);
                }
                Ok(Event::InitDone) => {
                    secrets = std::mem::take(&mut listing);
                    // The legacy key has no label to watch by.
                    if let Ok(Some(legacy)) = self.api.get_opt(&self.args.key_prefix).await
                        && !legacy.labels().contains_key(KEY_LABEL)
                    {
                        secrets.insert(legacy.name_any(), legacy);
                    }
                    self.publish(&secrets);
                }
                Ok(Event::Apply(secret)) => {
                    secrets.insert(secret.name_any(), secret);
                    self.publish(&secrets);
                }
                Ok(Event::Delete(secret)) => {
                    secrets.remove(&secret.name_any());
                    self.publish(&secrets);
                }
                Err(error) => {
                    tracing::warn!(error = %crate::describe(&error), "watch of key Secrets failed, will retry");
                }
            }
        }
    }

    /// Makes the keyring of `secrets` the current one if it differs; returns how many keys it has.
    fn publish(&mut self, secrets: &BTreeMap<String, Secret>) -> usize {
        let (keyring, errors) =
            Keyring::from_entries(KeyOrder::CertNotBefore, secrets.values().map(key_entry));
        for error in errors {
            tracing::warn!(error = %crate::describe(&error), "key skipped");
        }
        let count = keyring.len();
        let before = contents(&self.keyring.borrow());
        if contents(&keyring) != before {
            for entry in keyring.entries() {
                tracing::info!(secret = entry.name, fingerprint = %entry.pair.fingerprint(), "key in use");
            }
            self.keyring.send_replace(Arc::new(keyring));
        }
        count
    }
}

fn contents(keyring: &Keyring) -> BTreeSet<(String, String)> {
    keyring
        .entries()
        .map(|entry| (entry.name.clone(), entry.pair.certificate().to_pem()))
        .collect()
}

fn selector() -> String {
    format!("{KEY_LABEL}={ACTIVE}")
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

fn key_secret(prefix: &str, pair: &KeyPair) -> Secret {
    let data = [
        ("tls.crt", pair.certificate().to_pem().into_bytes()),
        (
            "tls.key",
            pair.private_key().to_pkcs1_pem().as_bytes().to_vec(),
        ),
    ];
    Secret {
        metadata: ObjectMeta {
            generate_name: Some(prefix.to_owned()),
            labels: Some(BTreeMap::from([(KEY_LABEL.to_owned(), ACTIVE.to_owned())])),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(
            data.into_iter()
                .map(|(item, value)| (item.to_owned(), ByteString(value)))
                .collect(),
        ),
        ..Secret::default()
    }
}
