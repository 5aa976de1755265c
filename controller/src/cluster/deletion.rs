//! `--old-gc-behavior`: the Secret of a deleted SealedSecret is deleted here, owner or not, rather
//! than by garbage collection.
//!
//! Only what was made for that SealedSecret goes. What was deleted while nobody led is left to
//! garbage collection: the owner reference is there all the same. A Secret whose template wants none
//! stays then.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use super::gate::is_not_leading;
use super::plan::{controller, is_of};
use super::sealed_secrets;
use crate::unsealer::ObjectKey;

/// First pause before another try; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Tries before garbage collection has to do it.
const TRIES: u32 = 8;

/// Deletes the Secret that was made for the SealedSecret of this uid, unless that still exists.
pub(super) async fn delete_secret(
    client: Client,
    (namespace, name): ObjectKey,
    uid: String,
    stop: CancellationToken,
) {
    let key = format!("{namespace}/{name}");
    for attempt in 0..TRIES {
        match attempt_deletion(&client, &namespace, &name, &uid).await {
            Ok(deleted) => {
                if deleted {
                    tracing::info!(key, "SealedSecret has gone, deleted its Secret");
                }
                return;
            }
            Err(error) if is_not_leading(&error) => return,
            Err(error) => {
                tracing::warn!(key, error = %crate::describe(&error), "cannot delete the Secret of a SealedSecret that has gone");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FIRST_PAUSE * (1 << attempt)) => {}
        }
    }
}

async fn attempt_deletion(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: &str,
) -> Result<bool, kube::Error> {
    // It may only have lost the label that we select by, or another one has taken its place.
    let successor = sealed_secrets::find(client, namespace, name).await?;
    let there = successor.as_ref();
    if there.is_some_and(|object| object.metadata.uid.as_deref() == Some(uid)) {
        return Ok(false);
    }
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let Some(secret) = api.get_opt(name).await? else {
        return Ok(false);
    };
    let inherited = there.is_some() && controller(&secret).is_none();
    if !is_of(&secret, Some(uid)) || inherited || secret.metadata.deletion_timestamp.is_some() {
        return Ok(false);
    }
    let exactly_this = DeleteParams {
        preconditions: Some(Preconditions {
            uid: secret.metadata.uid,
            resource_version: secret.metadata.resource_version,
        }),
        ..DeleteParams::default()
    };
    match api.delete(name, &exactly_this).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}
