//! The Secret of one SealedSecret: computed, compared, written once.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::{PATCH, is_true, scope_of};
use sealed_secrets_crds::desired::DesiredSecret;

use super::plan::{Plan, is_of, plan};
use super::sealed_secrets;
use crate::report::{Change, Step};
use crate::status::{Outcome, UNMANAGED};
use crate::unsealer::{Unsealer, UnsealerError};

/// Longest time for the requests of one reconcile: an API server that never answers must not hold it
/// for ever. What unsealing takes doesn't count: an object with thousands of items takes long each
/// time.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);
/// Tries of a write that others got ahead of, before it counts as failed.
const CONFLICT_TRIES: usize = 4;

/// What became of the Secret.
pub(super) struct Written {
    pub(super) outcome: Outcome,
    pub(super) step: Step,
    pub(super) change: Change,
    /// The version of the Secret that is as it should be.
    pub(super) version: Option<String>,
    /// Whether another key may help.
    pub(super) wants_key: bool,
    /// Whether the API server was asked if the object still is as it was seen, and it is.
    pub(super) confirmed: bool,
}

impl Written {
    /// Nothing could be written.
    pub(super) fn failed(step: Step, outcome: Outcome) -> Self {
        Self {
            outcome,
            step,
            change: Change::None,
            version: None,
            wants_key: false,
            confirmed: false,
        }
    }

    /// The Secret of this version is as it should be.
    pub(super) fn synced(change: Change, version: Option<String>) -> Self {
        Self {
            outcome: Outcome::Synced,
            step: Step::Update,
            change,
            version,
            wants_key: false,
            confirmed: false,
        }
    }

    /// Whether something was written.
    pub(super) fn is_changed(&self) -> bool {
        self.change != Change::None
    }
}

/// What is known before anybody looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// There may be a Secret of that name.
    pub(super) may_exist: bool,
    /// The Secret was right once for what the object asks now, so that what differs is somebody
    /// else's doing.
    pub(super) was_right: bool,
    /// Since we have been writing, the object was seen to be as the watch shows it.
    pub(super) confirmed: bool,
}

/// Brings the Secret to what it should be; `None` if the object asks for something else by now.
///
/// Whoever begins to write may have a watch that is behind, and the one who wrote before may have
/// carried out what it has yet to show. So no Secret is replaced before it is sure that the object is as
/// it was seen.
///
/// # Errors
/// The computation itself failed; whatever else goes wrong is an outcome.
pub(super) async fn apply(
    client: &Client,
    unsealer: &Unsealer,
    sealed: &Arc<SealedSecret>,
    known: Known,
) -> Result<Option<Written>, UnsealerError> {
    let desired = match unsealer.desired(Arc::clone(sealed)).await {
        Ok(desired) => desired,
        Err(UnsealerError::Desired(error)) => {
            let outcome = Outcome::Stalled {
                reason: error.reason(),
                message: error.to_string(),
            };
            return Ok(Some(Written {
                wants_key: error.may_need_another_key(),
                ..Written::failed(Step::Unseal, outcome)
            }));
        }
        Err(error) => return Err(error),
    };
    let api = Api::namespaced(client.clone(), sealed.namespace());
    let writing = write(client, &api, &desired, sealed, known);
    let written = tokio::time::timeout(TIMEOUT, writing).await;
    let result = written.unwrap_or_else(|_elapsed| Err(unanswered(sealed.name())));
    Ok(result.unwrap_or_else(|outcome| Some(Written::failed(Step::Update, outcome))))
}

async fn write(
    client: &Client,
    api: &Api<Secret>,
    desired: &DesiredSecret,
    sealed: &SealedSecret,
    known: Known,
) -> Result<Option<Written>, Outcome> {
    let name = sealed.name();
    let mut confirmed = known.confirmed;
    let done = |change, secret: Option<Secret>, confirmed| Written {
        confirmed,
        ..Written::synced(change, secret.and_then(|it| it.metadata.resource_version))
    };
    let mut look = known.may_exist;
    let mut overtaken = false;
    for _ in 0..CONFLICT_TRIES {
        let existing = if look {
            api.get_opt(name).await.map_err(|error| failed(&error))?
        } else {
            None
        };
        // From here on a conflict means that the picture is old.
        look = true;
        // Another replica made it for the same object; two that each insist on their own chance
        // would never agree.
        let made_by_another = overtaken
            && existing
                .as_ref()
                .is_some_and(|it| is_of(it, sealed.metadata.uid.as_deref()));
        let made_for_this = known.was_right || made_by_another;
        let (write, change) = match plan(existing.as_ref(), desired, sealed, made_for_this) {
            Plan::Create(secret) => {
                overtaken = true;
                let change = if known.was_right {
                    Change::Recreated
                } else {
                    Change::Written
                };
                (api.create(&PostParams::default(), &secret).await, change)
            }
            Plan::Replace {
                secret,
                differences,
            } => {
                if !confirmed && !is_as_seen(client, sealed).await? {
                    return Ok(None);
                }
                confirmed = true;
                warn_of_what_is_left_out(&secret, desired);
                let change = if known.was_right {
                    Change::Corrected(differences)
                } else {
                    Change::Written
                };
                let replaced = api.replace(name, &PostParams::default(), &secret).await;
                (replaced.map_err(gone_is_a_conflict), change)
            }
            Plan::UpToDate => {
                return Ok(Some(done(Change::None, existing, confirmed)));
            }
            Plan::Unmanaged => return Err(unmanaged(name)),
            Plan::Immutable => return Err(immutable(name)),
            Plan::OtherType { existing, wanted } => {
                return Err(other_type(name, &existing, &wanted));
            }
            Plan::BeingDeleted => return Err(being_deleted(name)),
        };
        match write {
            Ok(secret) => {
                return Ok(Some(done(change, Some(secret), confirmed)));
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    Err(Outcome::Retrying {
        reason: "Conflict",
        message: format!("failed update: Secret {name:?} keeps changing"),
    })
}

/// Whether the object asks for what it asked for when it was seen.
async fn is_as_seen(client: &Client, sealed: &SealedSecret) -> Result<bool, Outcome> {
    let found = sealed_secrets::find(client, sealed.namespace(), sealed.name()).await;
    let found = found.map_err(|error| failed(&error))?;
    let seen = &sealed.metadata;
    Ok(found.is_some_and(|now| {
        let scope = |metadata: &ObjectMeta| scope_of(metadata.annotations.as_ref());
        let now = &now.metadata;
        now.uid == seen.uid && now.generation == seen.generation && scope(now) == scope(seen)
    }))
}

/// A Secret that went between the look and the write: look again, and make it anew.
fn gone_is_a_conflict(error: kube::Error) -> kube::Error {
    match error {
        kube::Error::Api(mut status) if status.code == 404 => {
            status.code = 409;
            kube::Error::Api(status)
        }
        error => error,
    }
}

/// Who lets us merge hasn't asked for a Secret that nobody can change any more.
fn warn_of_what_is_left_out(secret: &Secret, desired: &DesiredSecret) {
    let merged = is_true(secret.metadata.annotations.as_ref(), PATCH);
    if merged && desired.immutable == Some(true) && secret.immutable != Some(true) {
        tracing::warn!(
            key = format!("{}/{}", desired.namespace, desired.name),
            "immutable is not set on a Secret that is only merged into; annotate it as managed too"
        );
    }
}

fn unanswered(name: &str) -> Outcome {
    Outcome::Retrying {
        reason: "Timeout",
        message: format!("failed update: no answer about Secret {name:?} in time"),
    }
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

fn other_type(name: &str, existing: &str, wanted: &str) -> Outcome {
    Outcome::Stalled {
        reason: "TypeChanged",
        message: format!(
            "failed update: Secret {name:?} is of type {existing:?} and should be {wanted:?}; a type can't be changed, so it can only be deleted and re-created"
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
        kube::Error::Api(status) if is_final(status) => Outcome::Stalled {
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

/// Whether the API server would say the same again. Admission plugins may change their minds,
/// whatever code they answer.
fn is_final(status: &kube::core::Status) -> bool {
    let admission = ["admission webhook", "AdmissionPolicy"]
        .iter()
        .any(|words| status.message.contains(words));
    matches!(status.code, 400 | 413 | 422) && !admission
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16, message: &str) -> Outcome {
        let mut status = kube::core::Status::failure(message, "Invalid");
        status.code = code;
        failed(&kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn what_the_api_server_always_refuses_is_not_tried_again() {
        let invalid = answered(422, "Secret \"x\" is invalid: data[a b]: Invalid value");
        assert!(matches!(invalid, Outcome::Stalled { .. }), "{invalid:?}");
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for (code, message) in [
            (
                403,
                "secrets \"x\" is forbidden: exceeded quota: no-secrets",
            ),
            (
                400,
                "admission webhook \"a.example\" denied the request: not now",
            ),
            (
                422,
                "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            ),
            (429, "too many requests"),
            (500, "etcdserver: request timed out"),
        ] {
            let outcome = answered(code, message);
            assert!(matches!(outcome, Outcome::Retrying { .. }), "{message}");
        }
    }
}
