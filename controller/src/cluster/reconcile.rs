//! One SealedSecret, start to end: desired Secret, one write, one status, one event.
//!
//! Permanent failures wait for a change of the object, of the Secret of its name, or of the keys;
//! all three bring it back here. Transient ones are tried again with growing pauses for as long as
//! they last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, PostParams};
use kube::core::DynamicObject;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, ResourceExt as _};
use sealed_secrets_crds::sealed_secret::SealedSecretStatus;
use sealed_secrets_crds::{SealedSecret, SealedSecretSpec};
use serde::Deserialize as _;

use super::events;
use super::memory::{Conclusion, Memory, Seen, Verdict};
use super::plan::{Plan, plan};
use super::secrets::SecretMetadata;
use super::triggers::key_of;
use crate::metrics::{self, Metrics, UnsealError};
use crate::report::{Step, report};
use crate::status::{Outcome, UNMANAGED, next_status};
use crate::unsealer::{ObjectKey, Unsealer, UnsealerError};

/// Longest time for one reconcile: an API server that never answers must not hold it for ever.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Tries of a write that others got ahead of, before it counts as failed.
const CONFLICT_TRIES: usize = 4;

/// The SealedSecret resource, for objects that may not have the shape of our type.
pub(super) fn api_resource() -> ApiResource {
    ApiResource::erase::<SealedSecret>(&())
}

/// What a reconcile needs.
pub(super) struct Context {
    client: Client,
    secrets: Store<SecretMetadata>,
    unsealer: Unsealer,
    update_status: bool,
    memory: Memory,
    metrics: Metrics,
}

/// Why an object has to be tried again without a status to tell it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum ReconcileError {
    #[error("cannot write the status of {object}")]
    Status {
        object: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("{object} took too long; is the API server slow?")]
    Timeout { object: String },
    #[error("cannot unseal {object}")]
    Unsealer {
        object: String,
        #[source]
        source: UnsealerError,
    },
}

/// What an object is called in messages.
fn title(object: &DynamicObject) -> String {
    format!(
        "SealedSecret {}/{}",
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}

/// What became of the Secret.
struct Written {
    outcome: Outcome,
    step: Step,
    /// Whether something was written.
    changed: bool,
    /// The version of the Secret that is as it should be.
    version: Option<String>,
}

impl Context {
    pub(super) fn new(
        client: Client,
        secrets: Store<SecretMetadata>,
        unsealer: Unsealer,
        update_status: bool,
        metrics: Metrics,
    ) -> Self {
        Self {
            client,
            secrets,
            unsealer,
            update_status,
            memory: Memory::default(),
            metrics,
        }
    }

    /// Forgets what is remembered about an object that is gone.
    pub(super) fn forget(&self, object: &ObjectRef<DynamicObject>) {
        let key = key_of(object);
        self.metrics.queue().gone(&key);
        self.forget_key(&key);
    }

    /// Tells the metrics what the status says.
    fn observe(
        &self,
        key: &ObjectKey,
        object: &DynamicObject,
        status: Option<&SealedSecretStatus>,
    ) {
        let instance = object.labels().get(metrics::INSTANCE).map(String::as_str);
        let conditions = status.map(|status| status.conditions.as_slice());
        self.metrics
            .object(key, instance, conditions.unwrap_or_default());
    }

    fn forget_key(&self, key: &ObjectKey) {
        self.unsealer.forget(key);
        self.memory.forget(key);
        self.metrics.forget(key);
    }

    /// The version of the Secret of that name, as far as the watch has come.
    fn secret_version(&self, (namespace, name): &ObjectKey) -> Option<String> {
        let reference = ObjectRef::new(name).within(namespace);
        self.secrets
            .get(&reference)
            .and_then(|secret| secret.metadata.resource_version.clone())
    }
}

/// Brings one object's Secret and status to what they should be.
pub(super) async fn reconcile(
    object: Arc<DynamicObject>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    let running = context.metrics.queue().started(&key);
    let reconciled = reconcile_object(&object, &key, &context);
    let Ok(result) = tokio::time::timeout(TIMEOUT, reconciled).await else {
        context.metrics.unseal_error(UnsealError::Update, &key.0);
        return Err(ReconcileError::Timeout {
            object: title(&object),
        });
    };
    let pause = result?;
    if let Some(pause) = pause {
        running.again_after(pause);
    }
    Ok(pause.map_or_else(Action::await_change, Action::requeue))
}

/// Returns the pause before the next try, if there is one.
async fn reconcile_object(
    object: &DynamicObject,
    key: &ObjectKey,
    context: &Context,
) -> Result<Option<Duration>, ReconcileError> {
    if object.metadata.deletion_timestamp.is_some() {
        context.forget_key(key);
        return Ok(None);
    }
    let (mut sealed, misfit) = parse(object);
    if !context.update_status {
        sealed.status = context.memory.status(key);
    }
    context.observe(key, object, sealed.status.as_ref());
    let mut seen = Seen {
        uid: sealed.metadata.uid.clone(),
        generation: sealed.metadata.generation,
        label: sealed.label(),
        status: sealed.status.clone(),
        secret_version: context.secret_version(key),
    };
    let keyring = context.unsealer.keyring();
    match context.memory.verdict(key, &seen, &keyring, Instant::now()) {
        Verdict::Reconcile => {}
        Verdict::Nothing => return Ok(None),
        Verdict::Later(pause) => return Ok(Some(pause)),
    }
    let _measured = context.metrics.reconcile();

    let sealed = Arc::new(sealed);
    let written = match misfit {
        Some(message) => Written {
            outcome: Outcome::Stalled {
                reason: "Malformed",
                message,
            },
            step: Step::Unseal,
            changed: false,
            version: None,
        },
        None => apply(context, &sealed, seen.secret_version.is_some())
            .await
            .inspect_err(|_| context.metrics.unseal_error(UnsealError::Unseal, &key.0))?,
    };
    if let Some(error) = UnsealError::of(&written.outcome, written.step) {
        context.metrics.unseal_error(error, &key.0);
    }
    let now = Timestamp::now();
    let previous = sealed.status.as_ref();
    let status = next_status(previous, sealed.metadata.generation, &written.outcome, now);
    log(key, &written);
    let report = report(previous, &written.outcome, written.step, written.changed);
    if let Some(status) = status {
        if context.update_status {
            write_status(context, object, &status)
                .await
                .inspect_err(|_| context.metrics.unseal_error(UnsealError::Status, &key.0))?;
        } else {
            context.memory.keep_status(key, status.clone());
        }
        context.observe(key, object, Some(&status));
        seen.status = Some(status);
    }
    // Once the status is stored, so that a failure to store it doesn't repeat the event.
    if let Some(report) = report {
        events::emit(&context.client, &sealed, &report, now);
    }
    let conclusion = match written.outcome {
        Outcome::Synced => Conclusion::Synced {
            version: written.version,
            written: written.changed,
        },
        Outcome::Stalled { .. } => Conclusion::Stalled(keyring),
        Outcome::Retrying { .. } => Conclusion::Retrying,
    };
    Ok(context
        .memory
        .conclude(key, seen, conclusion, Instant::now()))
}

/// When to try again after an error that no status could tell.
pub(super) fn error_policy(
    object: Arc<DynamicObject>,
    _: &ReconcileError,
    context: Arc<Context>,
) -> Action {
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    let pause = context.memory.pause(&key);
    context.metrics.queue().requested_after(&key, pause);
    Action::requeue(pause)
}

/// The object as our type; where it doesn't have that shape, its metadata and what is wrong.
fn parse(object: &DynamicObject) -> (SealedSecret, Option<String>) {
    let mut sealed = SealedSecret::new("", SealedSecretSpec::default());
    sealed.metadata = object.metadata.clone();
    let field = |name: &str| object.data.get(name).cloned().unwrap_or_default();
    // A status that is not ours to read is overwritten.
    sealed.status = Option::deserialize(field("status")).ok().flatten();
    let misfit = match SealedSecretSpec::deserialize(field("spec")) {
        Ok(spec) => {
            sealed.spec = spec;
            None
        }
        Err(error) => Some(format!("spec is malformed: {error}")),
    };
    (sealed, misfit)
}

async fn apply(
    context: &Context,
    sealed: &Arc<SealedSecret>,
    may_exist: bool,
) -> Result<Written, ReconcileError> {
    let object = || format!("SealedSecret {}/{}", sealed.namespace(), sealed.name());
    let desired = match context.unsealer.desired(Arc::clone(sealed)).await {
        Ok(desired) => desired,
        Err(UnsealerError::Desired(error)) => {
            let outcome = Outcome::Stalled {
                reason: error.reason(),
                message: error.to_string(),
            };
            return Ok(Written {
                outcome,
                step: Step::Unseal,
                changed: false,
                version: None,
            });
        }
        Err(source) => {
            return Err(ReconcileError::Unsealer {
                object: object(),
                source,
            });
        }
    };
    let api: Api<Secret> = Api::namespaced(context.client.clone(), sealed.namespace());
    let result = |outcome, changed, version| {
        Ok(Written {
            outcome,
            step: Step::Update,
            changed,
            version,
        })
    };
    let mut look = may_exist;
    for _ in 0..CONFLICT_TRIES {
        let existing = if look {
            api.get_opt(sealed.name()).await
        } else {
            Ok(None)
        };
        // From here on a conflict means that the picture is old.
        look = true;
        let existing = match existing {
            Ok(existing) => existing,
            Err(error) => return result(failed(&error), false, None),
        };
        let write = match plan(existing.as_ref(), &desired, sealed) {
            Plan::Create(secret) => api.create(&PostParams::default(), &secret).await,
            Plan::Replace(secret) => {
                api.replace(sealed.name(), &PostParams::default(), &secret)
                    .await
            }
            Plan::UpToDate => {
                let version = existing.and_then(|secret| secret.metadata.resource_version);
                return result(Outcome::Synced, false, version);
            }
            Plan::Unmanaged => return result(unmanaged(sealed.name()), false, None),
            Plan::Immutable => return result(immutable(sealed.name()), false, None),
            Plan::BeingDeleted => return result(being_deleted(sealed.name()), false, None),
        };
        match write {
            Ok(secret) => {
                return result(Outcome::Synced, true, secret.metadata.resource_version);
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return result(failed(&error), false, None),
        }
    }
    let message = format!("failed update: Secret {:?} keeps changing", sealed.name());
    result(
        Outcome::Retrying {
            reason: "Conflict",
            message,
        },
        false,
        None,
    )
}

fn unmanaged(name: &str) -> Outcome {
    Outcome::Stalled {
        reason: UNMANAGED,
        message: format!(
            "failed update: Resource {name:?} already exists and is not managed by SealedSecret"
        ),
    }
}

fn immutable(name: &str) -> Outcome {
    Outcome::Stalled {
        reason: "Immutable",
        message: format!(
            "failed update: Secret {name:?} is immutable; it can only be deleted and re-created"
        ),
    }
}

fn being_deleted(name: &str) -> Outcome {
    Outcome::Retrying {
        reason: "BeingDeleted",
        message: format!("failed update: Secret {name:?} is being deleted"),
    }
}

/// What an error of the API server means: it refused the Secret for good, or not now.
fn failed(error: &kube::Error) -> Outcome {
    match error {
        kube::Error::Api(status) if matches!(status.code, 400 | 413 | 422) => Outcome::Stalled {
            reason: "Rejected",
            message: status.message.clone(),
        },
        kube::Error::Api(status) => Outcome::Retrying {
            reason: "UpdateFailed",
            message: status.message.clone(),
        },
        error => Outcome::Retrying {
            reason: "UpdateFailed",
            message: crate::describe(error),
        },
    }
}

/// Writes the status as a whole; `update` rather than `patch`, which the reference's RBAC lacks.
async fn write_status(
    context: &Context,
    object: &DynamicObject,
    status: &SealedSecretStatus,
) -> Result<(), ReconcileError> {
    let mut object = object.clone();
    object.metadata.managed_fields = None;
    let failed = |source| ReconcileError::Status {
        object: title(&object),
        source: Box::new(source),
    };
    let value =
        serde_json::to_value(status).map_err(|error| failed(kube::Error::SerdeError(error)))?;
    let api: Api<DynamicObject> = Api::namespaced_with(
        context.client.clone(),
        &object.namespace().unwrap_or_default(),
        &api_resource(),
    );
    let mut updated = object.clone();
    match updated.data.as_object_mut() {
        Some(fields) => drop(fields.insert("status".to_owned(), value)),
        None => updated.data = serde_json::json!({ "status": value }),
    }
    match api
        .replace_status(&updated.name_any(), &PostParams::default(), &updated)
        .await
    {
        Ok(_) => Ok(()),
        // It is gone, and its status with it.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(source) => Err(failed(source)),
    }
}

fn log((namespace, name): &ObjectKey, written: &Written) {
    let key = format!("{namespace}/{name}");
    match &written.outcome {
        Outcome::Synced if written.changed => tracing::info!(key, "unsealed"),
        Outcome::Synced => tracing::debug!(key, "up to date"),
        Outcome::Stalled { reason, message } | Outcome::Retrying { reason, message } => {
            tracing::error!(key, reason, error = message.as_str(), "not unsealed");
        }
    }
}
