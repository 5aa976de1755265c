//! The keyring of a cluster: Secrets of the controller's namespace.
//!
//! A key is a Secret labelled `sealedsecrets.bitnami.com/sealed-secrets-key=active`, or the one
//! named exactly like the prefix without any label (the oldest form). One that can't be read is
//! reported and skipped; it never stops the others. The Secrets are watched, so keys that appear,
//! change or lose their label count at once.

use std::collections::BTreeMap;
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
use sealed_secrets_core::keyring::KeyEntry;

use crate::args::KeyArgs;
use crate::keys::{GenerateError, Publisher, SharedKeyring, generate};
use crate::metrics::Metrics;

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
    /// The API server doesn't let us, or the namespace is missing.
    #[error(
        "cannot {action} Secrets in namespace {namespace}; check the controller's namespace and RBAC"
    )]
    Refused {
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
    publisher: Publisher,
}

/// Which of the two watches speaks.
#[derive(Clone, Copy, Debug)]
enum Source {
    Labelled,
    Legacy,
}

/// Key Secrets by name. The Secrets themselves are kept, not their keys, so that one that is
/// broken is reported again when it changes.
type Secrets = BTreeMap<String, Secret>;

impl KeySecrets {
    /// A keyring that is empty until [`KeySecrets::start`].
    pub(super) fn new(
        client: Client,
        namespace: &str,
        args: KeyArgs,
        metrics: Metrics,
    ) -> (Self, SharedKeyring) {
        let (publisher, receiver) = Publisher::new(metrics);
        let api = Api::namespaced(client, namespace);
        (
            Self {
                api,
                namespace: namespace.to_owned(),
                args,
                publisher,
            },
            receiver,
        )
    }

    /// Finds the keys, makes one if there is none, and keeps watching.
    pub(super) async fn start(mut self) -> Result<(), KeySecretsError> {
        let mut secrets = self.list().await?;
        if self.publisher.publish(secrets.values().map(key_entry)) == 0 {
            if self.publisher.has_complaints() {
                tracing::error!(
                    "no key Secret is usable; a new key opens nothing that was sealed before"
                );
            }
            let secret = self.create().await?;
            secrets.insert(secret.name_any(), secret);
            self.publisher.publish(secrets.values().map(key_entry));
        }
        tokio::spawn(self.watch());
        Ok(())
    }

    /// Every Secret that counts. Waits for an API server that is away.
    async fn list(&self) -> Result<Secrets, KeySecretsError> {
        let active = ListParams::default().labels(&selector());
        let listed = self.retrying("list", || self.api.list(&active)).await?;
        let legacy = self
            .retrying("get", || self.api.get_opt(&self.args.key_prefix))
            .await?;
        let legacy = legacy.filter(|secret| counts(Source::Legacy, secret));
        let all = listed.items.into_iter().chain(legacy);
        Ok(all.map(|secret| (secret.name_any(), secret)).collect())
    }

    async fn create(&self) -> Result<Secret, KeySecretsError> {
        tracing::info!(bits = self.args.key_size.bits(), "no key yet, making one");
        let pair = generate(&self.args).await?;
        let secret = key_secret(&self.args.key_prefix, &pair);
        let create = || async { self.api.create(&PostParams::default(), &secret).await };
        let created = self.retrying("create", create).await?;
        tracing::info!(
            secret = created.name_any(),
            fingerprint = %pair.fingerprint(),
            certificate = pair.certificate().to_pem(),
            "new key written"
        );
        Ok(created)
    }

    /// Tries until the API server gives an answer that trying again won't change.
    async fn retrying<T, F: Future<Output = kube::Result<T>>>(
        &self,
        action: &'static str,
        request: impl Fn() -> F,
    ) -> Result<T, KeySecretsError> {
        let mut pause = Duration::from_millis(500);
        loop {
            match request().await {
                Ok(answer) => return Ok(answer),
                Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403 | 404) => {
                    return Err(KeySecretsError::Refused {
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

    /// Follows the Secrets for as long as the process lives: those with the label, and the one
    /// with the legacy name.
    async fn watch(mut self) {
        let labelled = watcher::Config::default().labels(&selector());
        let name = format!("metadata.name={}", self.args.key_prefix);
        let legacy = watcher::Config::default().fields(&name);
        let events = |source, config| {
            watch_secrets(self.api.clone(), config)
                .default_backoff()
                .map(move |event| (source, event))
                .boxed()
        };
        let mut stream = futures::stream::select(
            events(Source::Labelled, labelled),
            events(Source::Legacy, legacy),
        );
        let (mut labelled, mut legacy) = (Watched::default(), Watched::default());
        while let Some((source, event)) = stream.next().await {
            let watched = match source {
                Source::Labelled => &mut labelled,
                Source::Legacy => &mut legacy,
            };
            match event {
                Ok(event) => watched.follow(source, event),
                Err(error) => {
                    tracing::warn!(error = %crate::describe(&error), "watch of key Secrets failed, will retry");
                }
            }
            // Half of the picture would take keys away.
            if labelled.complete && legacy.complete {
                let all = labelled.secrets.values().chain(legacy.secrets.values());
                self.publisher.publish(all.map(key_entry));
            }
        }
    }
}

/// What one watch has brought so far.
#[derive(Default)]
struct Watched {
    secrets: Secrets,
    /// A listing under way.
    listing: Secrets,
    /// Whether a listing has been complete once.
    complete: bool,
}

impl Watched {
    fn follow(&mut self, source: Source, event: Event<Secret>) {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(secret) => {
                if counts(source, &secret) {
                    self.listing.insert(secret.name_any(), secret);
                }
            }
            Event::InitDone => {
                self.secrets = std::mem::take(&mut self.listing);
                self.complete = true;
            }
            Event::Apply(secret) if counts(source, &secret) => {
                self.secrets.insert(secret.name_any(), secret);
            }
            Event::Apply(secret) | Event::Delete(secret) => {
                self.secrets.remove(&secret.name_any());
            }
        }
    }
}

/// The legacy key counts without the label; with it, the label says what it is.
fn counts(source: Source, secret: &Secret) -> bool {
    matches!(source, Source::Labelled) || !secret.labels().contains_key(KEY_LABEL)
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
