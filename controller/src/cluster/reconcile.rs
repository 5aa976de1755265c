//! One SealedSecret, start to end: desired Secret, one write, one status, one event.
//!
//! Permanent failures wait for a change of the object, of the Secret of its name, or, where a key may
//! help, of the keys; all three bring it back here. Transient ones are tried again with growing pauses for as long as
//! they last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::core::DynamicObject;
use kube::runtime::controller::Action;
use kube::runtime::reflector::Store;
use kube::{Client, Resource as _};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::desired::Options;
use sealed_secrets_crds::sealed_secret::SealedSecretStatus;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::apply::{Known, TIMEOUT, Written, apply};
use super::connect::Connection;
use super::current::{Current, says_synced};
use super::deletion;
use super::events::Recorder;
use super::memory::{Conclusion, Memory, Policy, Seen, StatusDigest, Verdict};
use super::picture::Picture;
use super::sealed_secrets;
use super::secrets::Secrets;
use super::settled::{Evidence, Settled};
use super::status_update::{self, StatusWrite};
use super::term::Terms;
use super::triggers::key_of;
use super::watched::{Reference, Watched};
use crate::metrics::{self, Metrics, UnsealError};
use crate::report::{Change, Step, named, report};
use crate::status::{Outcome, next_status};
use crate::unsealer::{ObjectKey, Unsealer, UnsealerError};

/// Reconciles under way at once, over all scopes. They wait for the API server most of the time;
/// RSA has its own bound in [`Unsealer`].
pub(super) const CONCURRENCY: u16 = 32;
/// Between two looks of an object that may take long at whether it is its turn.
const HEAVY_PAUSE: Duration = Duration::from_millis(500);

/// Until the watch should show an object as it is now.
const LATE_PAUSE: Duration = Duration::from_secs(2);

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
    memory: Memory,
    unsealer: Unsealer,
    settings: Settings,
    settled: Arc<Settled>,
    events: Recorder,
    permits: Semaphore,
    pub(super) terms: Terms,
    stop: CancellationToken,
}

/// What a reconcile needs.
pub(super) struct Context {
    shared: Arc<Shared>,
    objects: Store<Watched>,
    secrets: Secrets,
}

/// Why an object has to be tried again without a status to tell it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum ReconcileError {
    #[error("cannot read {object}")]
    Read {
        object: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("cannot write the status of {object}")]
    Status {
        object: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("cannot write the status of {object} in time; is the API server slow?")]
    Timeout { object: String },
    #[error("cannot unseal {object}")]
    Unsealer {
        object: String,
        #[source]
        source: UnsealerError,
    },
}

/// What an object is called in messages.
fn title((namespace, name): &ObjectKey) -> String {
    format!("SealedSecret {namespace}/{name}")
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
    fn is_settled(&self, seen: &Seen) -> bool {
        let evidence = self.evidence(seen, seen.secret_version.as_deref());
        evidence.is_some_and(|evidence| self.settled.holds(&evidence))
    }

    /// Remembers beyond a restart what a reconcile came to.
    fn settle(&self, seen: &Seen, written: &Written) {
        match self.evidence(seen, written.version.as_deref()) {
            Some(evidence) if written.outcome.is_synced() => self.settled.insert(&evidence),
            _ => seen.uid.iter().for_each(|uid| self.settled.remove(uid)),
        }
    }

    /// Reads an object, and tells the metrics what its status says.
    fn read(&self, key: &ObjectKey, object: DynamicObject) -> Current {
        let mut current = Current::of(object);
        let sealed = &mut current.sealed;
        if !self.settings.update_status {
            sealed.status = self.memory.status(key);
        }
        self.observe(key, sealed, sealed.status.as_ref());
        current
    }

    /// Tells the metrics what the status says.
    fn observe(&self, key: &ObjectKey, sealed: &SealedSecret, status: Option<&SealedSecretStatus>) {
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
    fn see(&self, key: &ObjectKey, watched: &Watched) -> Seen {
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
    async fn read_again(
        &self,
        (namespace, name): &ObjectKey,
        watched: &Watched,
    ) -> Result<Option<DynamicObject>, kube::Error> {
        let found = sealed_secrets::find(&self.shared.client, namespace, name).await?;
        let version = &watched.meta().resource_version;
        Ok(found.filter(|object| object.metadata.resource_version == *version))
    }
}

/// Brings one object's Secret and status to what they should be.
pub(super) async fn reconcile(
    object: Arc<Watched>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let Ok(_permit) = context.shared.permits.acquire().await else {
        return Ok(Action::await_change());
    };
    // It may have changed while it waited.
    let reference = Reference::from_obj(object.as_ref());
    let key = key_of(&reference);
    let Some(object) = context.objects.get(&reference) else {
        context.gone(key);
        return Ok(Action::await_change());
    };
    let metrics = &context.shared.metrics;
    let running = metrics.queue().started(&key);
    let pause = reconcile_object(&object, &key, &context).await?;
    if let Some(pause) = pause {
        running.again_after(pause);
    }
    Ok(pause.map_or_else(Action::await_change, Action::requeue))
}

/// Returns the pause before the next try, if there is one.
async fn reconcile_object(
    watched: &Watched,
    key: &ObjectKey,
    context: &Context,
) -> Result<Option<Duration>, ReconcileError> {
    let shared = context.shared.as_ref();
    let (memory, metrics) = (&shared.memory, &shared.metrics);
    if watched.meta().deletion_timestamp.is_some() {
        // What is remembered of it is of use when it is gone.
        return Ok(None);
    }
    // Followers conclude nothing: what they would remember, others may have changed since. But when one
    // of them leads, it can tell at once how many there are of what.
    let Some(term) = shared.terms.current() else {
        if let Some(object) = watched.object() {
            shared.read(key, object);
        }
        return Ok(None);
    };
    let over = || shared.terms.current() != Some(term);
    let seen = context.see(key, watched);
    if let Some(before) = memory.predecessor(key, &seen) {
        // It was deleted and made again in one go.
        shared.settled.remove(&before);
    }
    let keyring = shared.unsealer.keyring();
    let verdict = memory.verdict(key, &seen, &keyring, Instant::now());
    let settled = shared.is_settled(&seen);
    if verdict == Verdict::Reconcile && !settled && shared.unsealer.would_wait(watched.items()) {
        // Many of them must not take all places, nor be read again and again.
        return Ok(Some(HEAVY_PAUSE.mul_f64(rand::random_range(0.5..1.5))));
    }
    let current = watched.object().map(|object| shared.read(key, object));
    match verdict {
        Verdict::Reconcile => {}
        Verdict::Nothing => {
            if memory.is_synced(key) {
                watched.drop_text();
            }
            return Ok(None);
        }
        Verdict::Later(pause) => return Ok(Some(pause)),
    }
    let current = match current {
        Some(current) => current,
        None => {
            let asked = context.read_again(key, watched).await.map_err(|source| {
                metrics.unseal_error(UnsealError::Fetch, "");
                let (object, source) = (title(key), Box::new(source));
                ReconcileError::Read { object, source }
            })?;
            let Some(object) = asked else {
                return Ok(None);
            };
            shared.read(key, object)
        }
    };
    let Current {
        object,
        sealed,
        misfit,
    } = current;
    let _measured = metrics.reconcile();

    let sealed = Arc::new(sealed);
    let mut written = match misfit {
        None if settled => Written::synced(Change::None, seen.secret_version.clone()),
        Some(message) => Written::failed(
            Step::Unseal,
            Outcome::Stalled {
                reason: "Malformed",
                message,
            },
        ),
        None => {
            let known = Known {
                may_exist: seen.secret_version.is_some(),
                was_right: memory.was_right(key, &seen, says_synced(&sealed)),
            };
            let picture = Picture {
                sealed: &sealed,
                key,
                term,
                terms: &shared.terms,
                memory,
                client: &shared.client,
            };
            let applied = apply(&shared.client, &shared.unsealer, &picture, known).await;
            let applied = applied.map_err(|source| {
                metrics.unseal_error(UnsealError::Unseal, &key.0);
                let object = title(key);
                ReconcileError::Unsealer { object, source }
            })?;
            let Some(written) = applied else {
                if over() {
                    return Ok(None);
                }
                tracing::debug!(
                    namespace = key.0,
                    name = key.1,
                    "has changed, and the watch is late"
                );
                return Ok(Some(LATE_PAUSE));
            };
            written
        }
    };
    if over() {
        // The next term looks at every object, and what failed may only have been too late.
        return Ok(None);
    }
    if written.outcome.is_synced() {
        // Whatever becomes of the status.
        memory.made(key, &seen);
    }
    if let Some(error) = UnsealError::of(&written.outcome, written.step) {
        metrics.unseal_error(error, &key.0);
    }
    if written.change.is_drift() {
        metrics.drift_corrected(&key.0);
    }
    if let Outcome::Retrying { reason, message } = &written.outcome
        && memory.gives_up(key, &seen)
    {
        written.outcome = Outcome::Stalled {
            reason,
            message: message.clone(),
        };
    }
    shared.settle(&seen, &written);
    let now = Timestamp::now();
    let previous = sealed.status.as_ref();
    let status = next_status(previous, sealed.metadata.generation, &written.outcome, now);
    log(key, &written);
    let mut stored = None;
    if let Some(status) = status {
        let write = if shared.settings.update_status {
            let writing =
                status_update::write(&shared.client, object, status, &written.outcome, now);
            let result = tokio::time::timeout(TIMEOUT, writing).await;
            if over() {
                return Ok(None);
            }
            let Ok(result) = result else {
                metrics.unseal_error(UnsealError::Status, &key.0);
                let object = title(key);
                return Err(ReconcileError::Timeout { object });
            };
            result.map_err(|source| {
                metrics.unseal_error(UnsealError::Status, &key.0);
                let (object, source) = (title(key), Box::new(source));
                ReconcileError::Status { object, source }
            })?
        } else {
            memory.keep_status(key, status.clone());
            StatusWrite::Stored(status)
        };
        match write {
            StatusWrite::Stored(status) => {
                shared.observe(key, &sealed, Some(&status));
                stored = Some(status);
            }
            // The watch will show it as it is now.
            StatusWrite::Superseded => return Ok(None),
        }
    }
    // Once the status is stored, so that a failure to store it doesn't repeat the event.
    let report = report(previous, &written.outcome, written.step, &written.change);
    if let Some(report) = report {
        shared.events.record(&sealed, report, now);
    }
    let conclusion = match written.outcome {
        Outcome::Synced => Conclusion::Synced {
            written: written.is_changed(),
            version: written.version,
        },
        Outcome::Stalled { .. } => Conclusion::Stalled(written.wants_key.then_some(keyring)),
        Outcome::Retrying { .. } => Conclusion::Retrying,
    };
    if matches!(conclusion, Conclusion::Synced { .. }) {
        watched.drop_text();
    }
    Ok(memory.conclude(key, seen, stored.as_ref(), conclusion, Instant::now()))
}

/// When to try again after an error that no status could tell.
pub(super) fn error_policy(
    object: Arc<Watched>,
    _: &ReconcileError,
    context: Arc<Context>,
) -> Action {
    let key = key_of(&Reference::from_obj(object.as_ref()));
    let pause = context.shared.memory.pause(&key);
    if let Some(pause) = pause {
        context.shared.metrics.queue().requested_after(&key, pause);
    }
    pause.map_or_else(Action::await_change, Action::requeue)
}

fn log((namespace, name): &ObjectKey, written: &Written) {
    let key = format!("{namespace}/{name}");
    match (&written.outcome, &written.change) {
        (Outcome::Synced, Change::None) => tracing::debug!(key, "up to date"),
        (Outcome::Synced, Change::Written) => tracing::info!(key, "unsealed"),
        (Outcome::Synced, Change::Recreated) => {
            tracing::warn!(
                key,
                "Secret was deleted by somebody else and has been made again"
            );
        }
        (Outcome::Synced, Change::Corrected(differences)) => {
            tracing::warn!(
                key,
                differed = named(differences),
                "Secret was changed by somebody else and has been put right"
            );
        }
        (Outcome::Stalled { reason, message } | Outcome::Retrying { reason, message }, _) => {
            tracing::error!(key, reason, error = message.as_str(), "not unsealed");
        }
    }
}
