//! Writing a status, as a whole and once; `update` rather than `patch`, which the reference's RBAC
//! lacks.

use jiff::Timestamp;
use kube::core::DynamicObject;
use kube::{Client, ResourceExt as _};
use sealed_secrets_crds::sealed_secret::SealedSecretStatus;

use super::current::{asks_the_same, status_of};
use super::sealed_secrets;
use crate::status::{Outcome, next_status};

/// Tries of a write that others got ahead of, before it counts as failed.
const CONFLICT_TRIES: usize = 4;

/// What became of a status.
#[derive(Debug, PartialEq)]
pub(super) enum StatusWrite {
    /// The object says so already.
    Unchanged,
    /// The object says this now.
    Stored(SealedSecretStatus),
    /// The object is gone, or another than the one the outcome is about, or the term is over: it comes
    /// back here.
    Superseded,
}

/// Makes the status of `object` tell the outcome; `status` is what it should say, as far as our
/// picture of it is right.
///
/// # Errors
/// What the API server says.
pub(super) async fn write(
    client: &Client,
    object: DynamicObject,
    status: SealedSecretStatus,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<StatusWrite, kube::Error> {
    let namespace = object.namespace().unwrap_or_default();
    let mut next = (object, status);
    let mut tries = 0;
    loop {
        tries += 1;
        let (object, status) = next;
        let updated = with_status(object, &status)?;
        match sealed_secrets::replace_status(client, &updated).await {
            Ok(()) => return Ok(StatusWrite::Stored(status)),
            Err(kube::Error::Api(answer)) if answer.code == 404 => {
                return Ok(StatusWrite::Superseded);
            }
            Err(kube::Error::Api(answer)) if answer.code == 409 && tries < CONFLICT_TRIES => {}
            Err(error) => return Err(error),
        }
        let Some(fresh) = sealed_secrets::find(client, &namespace, &updated.name_any()).await?
        else {
            return Ok(StatusWrite::Superseded);
        };
        if !asks_the_same(&fresh.metadata, &updated.metadata) {
            return Ok(StatusWrite::Superseded);
        }
        let there = status_of(&fresh);
        next = match next_status(there.as_ref(), fresh.metadata.generation, outcome, now) {
            Some(status) => (fresh, status),
            None => return Ok(there.map_or(StatusWrite::Superseded, StatusWrite::Stored)),
        };
    }
}

fn with_status(
    mut object: DynamicObject,
    status: &SealedSecretStatus,
) -> Result<DynamicObject, kube::Error> {
    let value = serde_json::to_value(status).map_err(kube::Error::SerdeError)?;
    object.metadata.managed_fields = None;
    match object.data.as_object_mut() {
        Some(fields) => drop(fields.insert("status".to_owned(), value)),
        None => object.data = serde_json::json!({ "status": value }),
    }
    Ok(object)
}
