//! What SealedSecrets there are.
//!
//! Every change brings an object to a reconcile, its deletion too. A watch that starts over has
//! missed what happened meanwhile: then each object is looked at that there is, or that there was.

use futures::StreamExt as _;
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::reconcile::api_resource;
use super::relisting;
use super::scope::Scope;
use super::triggers::{Triggers, key_of};
use crate::metrics::{Metrics, UnsealError};

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
) -> Store<DynamicObject> {
    let writer = reflector::store::Writer::new(api_resource());
    let store = writer.as_reader();
    let mut config = watcher::Config::default();
    if let Some(selector) = scope.selector.as_text() {
        config = config.labels(selector);
    }
    let events = relisting::watch(api(client, scope.namespace.as_deref()), config)
        .modify(|object| object.managed_fields_mut().clear());
    let events = reflector::reflector(writer, events).default_backoff();
    let (objects, namespace) = (store.clone(), scope.namespace.clone());
    tokio::spawn(async move {
        let mut listed = Some(listed);
        let mut events = std::pin::pin!(events.take_until(stop.cancelled_owned()));
        while let Some(event) = events.next().await {
            let touched = match event {
                Ok(Event::Apply(object) | Event::Delete(object)) => {
                    vec![ObjectRef::from_obj_with(&object, api_resource())]
                }
                // Not earlier: only now does the store hold them.
                Ok(Event::InitDone) => {
                    if let Some(listed) = listed.take() {
                        // Nobody may be waiting any more.
                        let _ = listed.send(());
                    }
                    all(&objects, namespace.as_deref(), &metrics)
                }
                Ok(Event::Init | Event::InitApply(_)) => Vec::new(),
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

/// Every object that there is, and those that are remembered and went without being noticed.
fn all(
    objects: &Store<DynamicObject>,
    namespace: Option<&str>,
    metrics: &Metrics,
) -> Vec<ObjectRef<DynamicObject>> {
    let there = objects.state();
    let mut touched: Vec<_> = there
        .iter()
        .map(|object| ObjectRef::from_obj_with(&**object, api_resource()))
        .collect();
    let there: std::collections::HashSet<_> = touched.iter().map(key_of).collect();
    let gone = metrics.known_objects();
    let gone = gone
        .into_iter()
        .filter(|key| namespace.is_none_or(|namespace| key.0 == namespace) && !there.contains(key));
    touched.extend(
        gone.map(|(namespace, name)| ObjectRef::new_with(&name, api_resource()).within(&namespace)),
    );
    touched
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
    Ok(api(client, Some(namespace))
        .list(&by_name)
        .await?
        .items
        .into_iter()
        .next())
}

/// SealedSecrets of a namespace, or all.
pub(super) fn api(client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &api_resource()),
        None => Api::all_with(client.clone(), &api_resource()),
    }
}
