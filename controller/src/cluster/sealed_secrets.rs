//! What SealedSecrets there are.
//!
//! Every change brings an object to a reconcile, its deletion too. A watch that starts over has
//! missed what happened meanwhile: then each object is looked at that there is, or that there was.

use std::collections::HashSet;

use futures::StreamExt as _;
use kube::api::{ListParams, ObjectList, PostParams, Request};
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use sealed_secrets_crds::SealedSecret;
use serde::de::IgnoredAny;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::relisting;
use super::scope::Scope;
use super::shallow::Shallow;
use super::triggers::Triggers;
use super::watched::{Reference, Watched};
use crate::metrics::{Metrics, UnsealError};

/// Objects in one answer to a list: large ones together take some MiB while they are read.
const PAGE: u32 = 100;

/// Watches the SealedSecrets of a scope until `stop`; tells `listed` when all have been listed for the
/// first time.
///
/// Whoever waits for that has to use `listed`: a store wakes only one of those who wait for it, and
/// that is its controller.
pub(super) fn watch(
    client: &Client,
    scope: &Scope,
    metrics: Metrics,
    triggers: Triggers,
    listed: oneshot::Sender<()>,
    stop: CancellationToken,
) -> Store<Watched> {
    let (store, writer) = reflector::store();
    let mut config = watcher::Config::default().page_size(PAGE);
    if let Some(selector) = scope.selector.as_text() {
        config = config.labels(selector);
    }
    let watched: Api<Watched> = match &scope.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let events = relisting::watch(watched, config);
    let events = reflector::reflector(writer, events).default_backoff();
    let (objects, namespace) = (store.clone(), scope.namespace.clone());
    tokio::spawn(async move {
        let (mut listed, mut before) = (Some(listed), HashSet::new());
        let mut events = std::pin::pin!(events.take_until(stop.cancelled_owned()));
        while let Some(event) = events.next().await {
            let touched = match event {
                Ok(Event::Apply(object) | Event::Delete(object)) => {
                    vec![Reference::from_obj(&object)]
                }
                // Not earlier: only now does the store hold them.
                Ok(Event::InitDone) => {
                    if let Some(listed) = listed.take() {
                        // Nobody may be waiting any more.
                        let _ = listed.send(());
                    }
                    // Also those that went without being noticed.
                    before.extend(references(&objects));
                    before.drain().collect()
                }
                // The store still has what the watch had shown until it ended.
                Ok(Event::Init) => {
                    before = references(&objects).collect();
                    Vec::new()
                }
                Ok(Event::InitApply(_)) => Vec::new(),
                Err(error) => {
                    metrics.unseal_error(UnsealError::Fetch, "");
                    tracing::warn!(namespace, error = %crate::describe(&error), "watch of SealedSecrets failed, will retry");
                    Vec::new()
                }
            };
            for object in touched {
                if !triggers.send(object).await {
                    return;
                }
            }
        }
    });
    store
}

fn references(objects: &Store<Watched>) -> impl Iterator<Item = Reference> {
    let objects = objects.state().into_iter();
    objects.map(|object| Reference::from_obj(&*object))
}

/// The SealedSecret of that name, if there is one.
///
/// A list of one, because whoever may watch may list, and needn't have the right to get.
///
/// # Errors
/// What the API server says.
pub(super) async fn find(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<DynamicObject>, kube::Error> {
    let by_name = ListParams::default().fields(&format!("metadata.name={name}"));
    let asked = requests(namespace)
        .list(&by_name)
        .map_err(kube::Error::BuildRequest)?;
    let found: ObjectList<Shallow> = client.request(asked).await?;
    Ok(found.items.into_iter().next().map(|Shallow(object)| object))
}

/// Replaces the status of an object by the one that it has here.
///
/// # Errors
/// What the API server says.
pub(super) async fn replace_status(
    client: &Client,
    object: &DynamicObject,
) -> Result<(), kube::Error> {
    let text = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let request = requests(&namespace)
        .replace_subresource("status", &name, &PostParams::default(), text)
        .map_err(kube::Error::BuildRequest)?;
    let IgnoredAny = client.request(request).await?;
    Ok(())
}

/// Requests about the SealedSecrets of a namespace, which may not have the shape of our type.
fn requests(namespace: &str) -> Request {
    Request::new(SealedSecret::url_path(&(), Some(namespace)))
}
