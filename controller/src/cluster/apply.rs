//! The Secret of one SealedSecret: computed, compared, written once.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, Client};
use sealed_secrets_crds::annotations::{PATCH, is_true};
use sealed_secrets_crds::desired::DesiredSecret;

use super::picture::Picture;
use super::plan::{Plan, is_of, plan};
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
}

/// Brings the Secret to what it should be; `None` if the object asks for something else by now, or it is
/// no longer ours to write.
///
/// # Errors
/// The computation itself failed; whatever else goes wrong is an outcome.
pub(super) async fn apply(
    client: &Client,
    unsealer: &Unsealer,
    picture: &Picture<'_>,
    known: Known,
) -> Result<Option<Written>, UnsealerError> {
    let sealed = picture.sealed;
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
    let writing = write(&api, &desired, picture, known);
    let written = tokio::time::timeout(TIMEOUT, writing).await;
    let result = written.unwrap_or_else(|_elapsed| Err(unanswered(sealed.name())));
    Ok(result.unwrap_or_else(|outcome| Some(Written::failed(Step::Update, outcome))))
}

async fn write(
    api: &Api<Secret>,
    desired: &DesiredSecret,
    picture: &Picture<'_>,
    known: Known,
) -> Result<Option<Written>, Outcome> {
    let sealed = picture.sealed;
    let name = sealed.name();
    let done = |change, secret: Option<Secret>| {
        Written::synced(change, secret.and_then(|it| it.metadata.resource_version))
    };
    let mut look = known.may_exist;
    let mut overtaken = false;
    for _ in 0..CONFLICT_TRIES {
        let existing = if look {
            api.get_opt(name).await.map_err(|error| failed(&error))?
        } else {
            None
        };
        // From here on a conflict means that what was seen of the Secret is old.
        look = true;
        // Whoever wrote meanwhile may have carried out more than we have seen; that what we have just
        // read of the Secret is new would only help us to undo it.
        if picture.is_of_the_past() {
            return Ok(None);
        }
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
                if !picture.is_current().await.map_err(|error| failed(&error))? {
                    return Ok(None);
                }
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
                return Ok(Some(done(Change::None, existing)));
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
                return Ok(Some(done(change, Some(secret))));
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
