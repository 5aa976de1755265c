//! One SealedSecret, start to end: desired Secret, one write, one status, one event.
//!
//! Permanent failures wait for a change of the object, of the Secret of its name, or, where a key may
//! help, of the keys; all three bring it back here. Transient ones are tried again with growing pauses for as long as
//! they last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::Resource as _;
use kube::core::DynamicObject;
use kube::runtime::controller::Action;
use sealed_secrets_crds::SealedSecret;

use super::apply::{Known, TIMEOUT, Written, apply};
use super::context::{Context, Shared};
use super::current::{Current, says_synced};
use super::memory::{Conclusion, Seen, Verdict};
use super::picture::Picture;
use super::status_update::{self, StatusWrite};
use super::triggers::key_of;
use super::watched::{Reference, Watched};
use crate::metrics::UnsealError;
use crate::report::{Change, Step, named, report};
use crate::status::{Outcome, next_status};
use crate::unsealer::{ObjectKey, UnsealerError};

/// Between two looks of an object that may take long at whether it is its turn.
const HEAVY_PAUSE: Duration = Duration::from_millis(500);
/// Until the watch should show an object as it is now.
const LATE_PAUSE: Duration = Duration::from_secs(2);

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
    let memory = &shared.memory;
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
        Some(current) => Some(current),
        None => read_again(watched, key, context).await?,
    };
    let Some(current) = current else {
        return Ok(None);
    };
    let _measured = shared.metrics.reconcile();
    let turn = Turn {
        shared,
        key,
        term,
        seen,
    };

    let sealed = Arc::new(current.sealed);
    let mut written = match current.misfit {
        None if settled => Written::synced(Change::None, turn.seen.secret_version.clone()),
        None => match turn.write_secret(&sealed).await? {
            Some(written) => written,
            None if turn.is_over() => return Ok(None),
            None => return Ok(Some(LATE_PAUSE)),
        },
        Some(misfit) => malformed(misfit),
    };
    if turn.is_over() {
        // The next term looks at every object, and what failed may only have been too late.
        return Ok(None);
    }
    turn.account_for(&mut written);
    let now = Timestamp::now();
    let write = turn.write_status(current.object, &sealed, &written.outcome, now);
    let stored = match write.await? {
        StatusWrite::Unchanged => None,
        StatusWrite::Stored(status) => Some(status),
        // The watch will show it as it is now, or the next term does.
        StatusWrite::Superseded => return Ok(None),
    };
    // Once the status is stored, so that a failure to store it doesn't repeat the event.
    let previous = sealed.status.as_ref();
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
    Ok(memory.conclude(key, turn.seen, stored.as_ref(), conclusion, Instant::now()))
}

/// An object whose text has gone; `None` if it has changed since.
async fn read_again(
    watched: &Watched,
    key: &ObjectKey,
    context: &Context,
) -> Result<Option<Current>, ReconcileError> {
    let shared = &context.shared;
    let asked = context.read_again(key, watched).await;
    let asked = asked.map_err(|source| {
        shared.metrics.unseal_error(UnsealError::Fetch, "");
        let (object, source) = (title(key), Box::new(source));
        ReconcileError::Read { object, source }
    })?;
    Ok(asked.map(|object| shared.read(key, object)))
}

fn malformed(misfit: String) -> Written {
    let outcome = Outcome::Stalled {
        reason: "Malformed",
        message: misfit,
    };
    Written::failed(Step::Unseal, outcome)
}

/// A reconcile under way: of what was seen of an object, in a term.
struct Turn<'a> {
    shared: &'a Shared,
    key: &'a ObjectKey,
    term: u64,
    seen: Seen,
}

impl Turn<'_> {
    /// Whether the term is over.
    fn is_over(&self) -> bool {
        self.shared.terms.current() != Some(self.term)
    }

    /// Brings the Secret to what it should be; `None` if the object asks for something else by now, or
    /// the term is over.
    async fn write_secret(
        &self,
        sealed: &Arc<SealedSecret>,
    ) -> Result<Option<Written>, ReconcileError> {
        let Self { shared, key, .. } = self;
        let memory = &shared.memory;
        let known = Known {
            may_exist: self.seen.secret_version.is_some(),
            was_right: memory.was_right(key, &self.seen, says_synced(sealed)),
        };
        let picture = Picture {
            sealed,
            key,
            term: self.term,
            terms: &shared.terms,
            memory,
            client: &shared.client,
        };
        let applied = apply(&shared.client, &shared.unsealer, &picture, known).await;
        let applied = applied.map_err(|source| {
            shared.metrics.unseal_error(UnsealError::Unseal, &key.0);
            let object = title(key);
            ReconcileError::Unsealer { object, source }
        })?;
        if applied.is_none() {
            let (namespace, name) = key;
            tracing::debug!(namespace, name, "has changed, and the watch is late");
        }
        Ok(applied)
    }

    /// Remembers, counts and logs what became of the Secret. Failures that have lasted for too long
    /// are final from now on.
    fn account_for(&self, written: &mut Written) {
        let Self {
            shared, key, seen, ..
        } = self;
        if written.outcome.is_synced() {
            // Whatever becomes of the status.
            shared.memory.made(key, seen);
        }
        if let Some(error) = UnsealError::of(&written.outcome, written.step) {
            shared.metrics.unseal_error(error, &key.0);
        }
        if written.change.is_drift() {
            shared.metrics.drift_corrected(&key.0);
        }
        if let Outcome::Retrying { reason, message } = &written.outcome
            && shared.memory.gives_up(key, seen)
        {
            written.outcome = Outcome::Stalled {
                reason,
                message: message.clone(),
            };
        }
        shared.settle(seen, written);
        log(key, written);
    }

    /// Makes the status tell the outcome, if it doesn't.
    async fn write_status(
        &self,
        object: DynamicObject,
        sealed: &SealedSecret,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<StatusWrite, ReconcileError> {
        let Self { shared, key, .. } = self;
        let (previous, generation) = (sealed.status.as_ref(), sealed.metadata.generation);
        let Some(status) = next_status(previous, generation, outcome, now) else {
            return Ok(StatusWrite::Unchanged);
        };
        let write = if shared.settings.update_status {
            let writing = status_update::write(&shared.client, object, status, outcome, now);
            let written = tokio::time::timeout(TIMEOUT, writing).await;
            if self.is_over() {
                return Ok(StatusWrite::Superseded);
            }
            let failed = || {
                shared.metrics.unseal_error(UnsealError::Status, &key.0);
                title(key)
            };
            let Ok(written) = written else {
                return Err(ReconcileError::Timeout { object: failed() });
            };
            written.map_err(|source| ReconcileError::Status {
                object: failed(),
                source: Box::new(source),
            })?
        } else {
            shared.memory.keep_status(key, status.clone());
            StatusWrite::Stored(status)
        };
        if let StatusWrite::Stored(status) = &write {
            shared.observe(key, sealed, Some(status));
        }
        Ok(write)
    }
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
