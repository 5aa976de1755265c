//! What Secrets there are: metadata only, so that no value of the cluster is held in memory.
//!
//! A change of a Secret, whoever made it, brings back the SealedSecret of the same name. A watch
//! that starts over may have missed deletions, so then everything is looked at again.

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::reconcile::api_resource;
use super::relisting;
use super::triggers::Triggers;

pub(super) type SecretMetadata = PartialObjectMeta<Secret>;

/// Watches Secrets until `stop`; `triggers` gets the SealedSecret to look at again, `all` whether
/// that is every one of them.
pub(super) fn watch(
    client: Client,
    namespace: Option<&str>,
    triggers: Triggers,
    all: mpsc::Sender<()>,
    stop: CancellationToken,
) -> Store<SecretMetadata> {
    let api: Api<SecretMetadata> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let (store, writer) = reflector::store();
    let stream = reflector::reflector(
        writer,
        relisting::watch(api, watcher::Config::default()).modify(|secret| {
            // All that is looked at is which version of which Secret there is.
            secret.managed_fields_mut().clear();
            secret.annotations_mut().clear();
            secret.labels_mut().clear();
        }),
    )
    .default_backoff();
    let namespace = namespace.map(str::to_owned);
    tokio::spawn(async move {
        let mut stream = std::pin::pin!(stream.take_until(stop.cancelled_owned()));
        while let Some(event) = stream.next().await {
            let sent = match event {
                Ok(Event::Apply(secret) | Event::Delete(secret)) => {
                    triggers.send(sealed_secret_of(&secret)).await
                }
                Ok(Event::InitDone) => all.send(()).await.is_ok(),
                Ok(Event::Init | Event::InitApply(_)) => true,
                Err(error) => {
                    tracing::warn!(namespace, error = %crate::describe(&error), "watch of Secrets failed, will retry");
                    true
                }
            };
            if !sent {
                return;
            }
        }
    });
    store
}

fn sealed_secret_of(secret: &SecretMetadata) -> ObjectRef<DynamicObject> {
    let reference = ObjectRef::new_with(&secret.name_any(), api_resource());
    match secret.namespace() {
        Some(namespace) => reference.within(&namespace),
        None => reference,
    }
}
