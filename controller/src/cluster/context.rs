//! What reconciles share, and what they learn from it.

use std::sync::Arc;

use kube::core::DynamicObject;
use kube::runtime::reflector::Store;
use kube::{Client, Resource as _};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::desired::Options;
use sealed_secrets_crds::sealed_secret::SealedSecretStatus;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::apply::Written;
use super::connect::Connection;
use super::current::Current;
use super::deletion;
use super::events::Recorder;
use super::memory::{Memory, Policy, Seen, StatusDigest};
use super::sealed_secrets;
use super::secrets::Secrets;
use super::settled::{Evidence, Settled};
use super::term::Terms;
use super::watched::Watched;
use crate::metrics::{self, Metrics};
use crate::unsealer::{ObjectKey, Unsealer};

/// Reconciles under way at once, over all scopes. They wait for the API server most of the time;
/// RSA has its own bound in [`Unsealer`].
pub(super) const CONCURRENCY: u16 = 32;

/// How a controller works, apart from what it watches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {
    pub(super) options: Options,
    pub(super) update_status: bool,
    /// Delete Secrets ourselves.
    pub(super) delete_secrets: bool,
    pub(super) policy: Policy,
}

/// What the reconciles of all scopes share.
pub(super) struct Shared {
    pub(super) client: Client,
    /// For watches.
    pub(super) watching: Client,
    pub(super) metrics: Metrics,
    pub(super) memory: Memory,
    pub(super) unsealer: Unsealer,
    pub(super) settings: Settings,
    pub(super) settled: Arc<Settled>,
    pub(super) events: Recorder,
    pub(super) permits: Semaphore,
    pub(super) terms: Terms,
    stop: CancellationToken,
}

/// What a reconcile needs.
pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) objects: Store<Watched>,
    secrets: Secrets,
}

impl Shared {
    pub(super) fn new(
        connection: &Connection,
        unsealer: Unsealer,
        metrics: Metrics,
        settings: Settings,
        settled: Arc<Settled>,
        terms: Terms,
        stop: CancellationToken,
    ) -> Self {
        Self {
            events: Recorder::start(connection.client.clone()),
            memory: Memory::new(settings.policy),
            client: connection.client.clone(),
            watching: connection.direct.clone(),
            unsealer,
            metrics,
            settings,
            settled,
            permits: Semaphore::new(usize::from(CONCURRENCY)),
            terms,
            stop,
        }
    }

    /// Forgets an object that is gone, and sees to it that its Secret goes.
    fn gone(&self, key: ObjectKey) {
        self.unsealer.forget(&key);
        self.metrics.forget(&key);
        self.metrics.queue().gone(&key);
        let Some(uid) = self.memory.forget(&key) else {
            return;
        };
        self.settled.remove(&uid);
        if self.settings.delete_secrets && self.terms.current().is_some() {
            let (client, stop) = (self.client.clone(), self.stop.clone());
            tokio::spawn(deletion::delete_secret(client, key, uid, stop));
        }
    }

    /// What tells that the Secret at this version is right for `seen`.
    fn evidence<'a>(&self, seen: &'a Seen, version: Option<&'a str>) -> Option<Evidence<'a>> {
        Some(Evidence {
            uid: seen.uid.as_deref()?,
            generation: seen.generation?,
            label: &seen.label,
            secret_version: version?,
            options: self.settings.options,
        })
    }

    /// Whether the Secret is known to be right as it is.
    pub(super) fn is_settled(&self, seen: &Seen) -> bool {
        let evidence = self.evidence(seen, seen.secret_version.as_deref());
        evidence.is_some_and(|evidence| self.settled.holds(&evidence))
    }

    /// Remembers beyond a restart what a reconcile came to.
    pub(super) fn settle(&self, seen: &Seen, written: &Written) {
        match self.evidence(seen, written.version.as_deref()) {
            Some(evidence) if written.outcome.is_synced() => self.settled.insert(&evidence),
            _ => seen.uid.iter().for_each(|uid| self.settled.remove(uid)),
        }
    }

    /// Reads an object, and tells the metrics what its status says.
    pub(super) fn read(&self, key: &ObjectKey, object: DynamicObject) -> Current {
        let mut current = Current::of(object);
        let sealed = &mut current.sealed;
        if !self.settings.update_status {
            sealed.status = self.memory.status(key);
        }
        self.observe(key, sealed, sealed.status.as_ref());
        current
    }

    /// Tells the metrics what the status says.
    pub(super) fn observe(
        &self,
        key: &ObjectKey,
        sealed: &SealedSecret,
        status: Option<&SealedSecretStatus>,
    ) {
        let labels = sealed.metadata.labels.as_ref();
        let instance = labels.and_then(|labels| labels.get(metrics::INSTANCE));
        let instance = instance.map(String::as_str);
        let conditions = status.map(|status| status.conditions.as_slice());
        self.metrics
            .object(key, instance, conditions.unwrap_or_default());
    }
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>, objects: Store<Watched>, secrets: Secrets) -> Self {
        Self {
            shared,
            objects,
            secrets,
        }
    }

    /// There is no such object, or there is none any more.
    pub(super) fn gone(&self, key: ObjectKey) {
        self.shared.gone(key);
    }

    /// What there is to see of an object.
    pub(super) fn see(&self, key: &ObjectKey, watched: &Watched) -> Seen {
        let status = if self.shared.settings.update_status {
            watched.status()
        } else {
            let kept = self.shared.memory.status(key);
            kept.as_ref().map(StatusDigest::of)
        };
        Seen {
            uid: watched.meta().uid.clone(),
            generation: watched.meta().generation,
            label: watched.label(),
            status,
            secret_version: self.secrets.version(key),
        }
    }

    /// Asks for an object whose text has gone; `None` if it has changed, which the watch will show.
    pub(super) async fn read_again(
        &self,
        (namespace, name): &ObjectKey,
        watched: &Watched,
    ) -> Result<Option<DynamicObject>, kube::Error> {
        let found = sealed_secrets::find(&self.shared.client, namespace, name).await?;
        let version = &watched.meta().resource_version;
        Ok(found.filter(|object| object.metadata.resource_version == *version))
    }
}
