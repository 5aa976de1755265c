//! What SealedSecrets there are.
//!
//! Every change brings an object to a reconcile, its deletion too. A watch that starts over has
//! missed what happened meanwhile: then each object is looked at that there is, or that there was.

use futures::StreamExt as _;
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use tokio_util::sync::CancellationToken;

use super::reconcile::api_resource;
use super::triggers::{Triggers, key_of};
use crate::metrics::{Metrics, UnsealError};

/// Watches SealedSecrets until `stop`.
pub(super) fn watch(
    api: Api<DynamicObject>,
    metrics: Metrics,
    triggers: Triggers,
    stop: CancellationToken,
) -> Store<DynamicObject> {
    let writer = reflector::store::Writer::new(api_resource());
    let store = writer.as_reader();
    let events = watcher::watcher(api, watcher::Config::default());
    let events = reflector::reflector(writer, events).default_backoff();
    let objects = store.clone();
    tokio::spawn(async move {
        let mut events = std::pin::pin!(events.take_until(stop.cancelled_owned()));
        while let Some(event) = events.next().await {
            let touched = match event {
                Ok(Event::Apply(object) | Event::Delete(object)) => {
                    vec![ObjectRef::from_obj_with(&object, api_resource())]
                }
                // Not earlier: only now does the store hold them.
                Ok(Event::InitDone) => listed(&objects, &metrics),
                Ok(Event::Init | Event::InitApply(_)) => Vec::new(),
                Err(error) => {
                    metrics.unseal_error(UnsealError::Fetch, "");
                    tracing::warn!(error = %crate::describe(&error), "watch of SealedSecrets failed, will retry");
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
fn listed(objects: &Store<DynamicObject>, metrics: &Metrics) -> Vec<ObjectRef<DynamicObject>> {
    let there = objects.state();
    let mut touched: Vec<_> = there
        .iter()
        .map(|object| ObjectRef::from_obj_with(&**object, api_resource()))
        .collect();
    let there: std::collections::HashSet<_> = touched.iter().map(key_of).collect();
    let gone = metrics.known_objects();
    let gone = gone.into_iter().filter(|key| !there.contains(key));
    touched.extend(
        gone.map(|(namespace, name)| ObjectRef::new_with(&name, api_resource()).within(&namespace)),
    );
    touched
}
