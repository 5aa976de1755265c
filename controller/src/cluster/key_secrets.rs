//! The keyring of a cluster: key Secrets of the controller's namespace, watched.
//!
//! Secrets that appear, change or lose their label count at once. One that can't be read is
//! reported and skipped; it never stops the others.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt as _};
use tokio::signal::unix::Signal;

use super::connect::Connection;
use super::events;
use super::key_secret::{KeySecret, is_legacy, selector};
use super::key_store::{ClusterKeys, KeyStoreError};
use super::relisting;
use crate::args::KeyArgs;
use crate::keys::{Publisher, RenewError, Renewer, SharedKeyring, keyring_of};
use crate::leadership::Leadership;
use crate::metrics::Metrics;
use crate::report;

/// First pause before the API server is asked again at start; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Why there is no key.
pub(super) type KeySecretsError = RenewError<KeyStoreError>;

/// Keeps the keyring.
pub(super) struct KeySecrets {
    client: Client,
    watched: Watches,
    publisher: Publisher,
    renewer: Renewer<ClusterKeys>,
    leadership: Leadership,
    keyring: SharedKeyring,
}

/// What the two watches need.
struct Watches {
    api: Api<Secret>,
    legacy_name: String,
}

/// Which of the two watches speaks.
#[derive(Clone, Copy, Debug)]
enum Source {
    Labelled,
    Legacy,
}

/// Key Secrets by name.
type Secrets = BTreeMap<String, KeySecret>;

impl KeySecrets {
    /// A keyring that is empty until [`KeySecrets::start`].
    pub(super) fn new(
        connection: &Connection,
        args: KeyArgs,
        leadership: Leadership,
        metrics: Metrics,
    ) -> (Self, SharedKeyring) {
        let (publisher, keyring) = Publisher::new(args.key_order_priority, metrics);
        let watched = Watches {
            api: Api::namespaced(connection.direct.clone(), &connection.namespace),
            legacy_name: args.key_prefix.clone(),
        };
        let store = ClusterKeys::new(connection, args.clone());
        let keys = Self {
            client: connection.client.clone(),
            watched,
            publisher,
            renewer: Renewer::new(store, args, leadership.clone()),
            leadership,
            keyring: keyring.clone(),
        };
        (keys, keyring)
    }

    /// Finds the keys, makes one if there is none or the cutoff time wants it, then keeps watching
    /// and renewing. A replica that doesn't lead takes what there is, be it nothing.
    ///
    /// Waits for an API server that is away.
    pub(super) async fn start(mut self, requests: Signal) -> Result<(), KeySecretsError> {
        self.leadership.decided().await;
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.find_or_make().await {
            if !matches!(error, RenewError::Store(KeyStoreError::Request { .. })) {
                return Err(error);
            }
            tracing::warn!(error = %crate::describe(&error), "no keys yet, will retry");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        tokio::spawn(self.renewer.run(self.keyring, requests));
        tokio::spawn(watch(self.watched, self.publisher, self.client));
        Ok(())
    }

    async fn find_or_make(&mut self) -> Result<(), KeySecretsError> {
        loop {
            let secrets = self.renewer.store().list().await;
            let secrets = secrets.map_err(RenewError::Store)?;
            let candidates = secrets.values().map(|secret| secret.candidate.clone());
            let (keyring, complaints) = keyring_of(self.publisher.order(), candidates);
            if keyring.is_empty() && !complaints.is_empty() {
                tracing::error!(
                    "no key Secret is usable; a new key opens nothing that was sealed before"
                );
            }
            if !self.renewer.make_ready(&keyring).await? {
                publish(&mut self.publisher, &self.client, secrets.values());
                return Ok(());
            }
        }
    }
}

/// Follows the Secrets for as long as the process lives: those with the label, and the one with the
/// legacy name.
async fn watch(watches: Watches, mut publisher: Publisher, client: Client) {
    let labelled = watcher::Config::default().labels(&selector());
    let name = format!("metadata.name={}", watches.legacy_name);
    let legacy = watcher::Config::default().fields(&name);
    let events = |source, config| {
        relisting::watch(watches.api.clone(), config)
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
        let changed = match event {
            Ok(event) => watched.follow(source, event),
            Err(error) => {
                tracing::warn!(error = %crate::describe(&error), "watch of key Secrets failed, will retry");
                false
            }
        };
        // Half of the picture would take keys away.
        if changed && labelled.complete && legacy.complete {
            let all = labelled.secrets.values().chain(legacy.secrets.values());
            publish(&mut publisher, &client, all);
        }
    }
}

/// Makes these the keys in use, with an event about each that isn't one.
fn publish<'a>(
    publisher: &mut Publisher,
    client: &Client,
    secrets: impl Iterator<Item = &'a KeySecret> + Clone,
) {
    let complaints = publisher.publish(secrets.clone().map(|secret| secret.candidate.clone()));
    for complaint in complaints {
        let of_it =
            |secret: &&KeySecret| secret.reference.name.as_deref() == Some(complaint.name.as_str());
        if let Some(secret) = secrets.clone().find(of_it) {
            let report = report::invalid_key(&complaint.message);
            events::emit_once(client, secret.reference.clone(), &report, Timestamp::now());
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
    /// Takes an event in; returns whether the Secrets may have changed.
    fn follow(&mut self, source: Source, event: Event<Secret>) -> bool {
        match event {
            Event::Init => {
                self.listing.clear();
                false
            }
            Event::InitApply(secret) => {
                if counts(source, &secret) {
                    self.listing
                        .insert(secret.name_any(), KeySecret::read(&secret));
                }
                false
            }
            Event::InitDone => {
                self.secrets = std::mem::take(&mut self.listing);
                self.complete = true;
                true
            }
            Event::Apply(secret) if counts(source, &secret) => {
                self.secrets
                    .insert(secret.name_any(), KeySecret::read(&secret));
                true
            }
            Event::Apply(secret) | Event::Delete(secret) => {
                self.secrets.remove(&secret.name_any()).is_some()
            }
        }
    }
}

fn counts(source: Source, secret: &Secret) -> bool {
    matches!(source, Source::Labelled) || is_legacy(secret)
}
