//! What Secrets there are: which version of which, so that no value of the cluster is held in memory,
//! and little else.
//!
//! A change of a Secret, whoever made it, brings back the SealedSecret of the same name. A watch
//! that starts over may have missed deletions, so then everything is looked at again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use futures::StreamExt as _;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Secret;
use kube::core::ObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::relisting;
use super::triggers::Triggers;
use super::watched::Reference;
use crate::unsealer::ObjectKey;

/// The version of each Secret, as far as the watch has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Arc<RwLock<Versions>>);

/// By `namespace/name`.
type Versions = HashMap<Box<str>, Box<str>>;

impl Secrets {
    /// The version of the Secret of that name, if there is one.
    pub(super) fn version(&self, (namespace, name): &ObjectKey) -> Option<String> {
        let versions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let version = versions.get(path(namespace, name).as_ref())?;
        Some(version.as_ref().to_owned())
    }

    /// Takes in an event; `listing` is what a list under way has brought.
    fn follow(&self, event: &Event<Identity>, listing: &mut Versions) {
        // Each change is one step, so the map is whole after any panic.
        let mut versions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => *listing = Versions::new(),
            Event::InitApply(secret) => drop(listing.insert(secret.path(), secret.version())),
            Event::InitDone => *versions = std::mem::take(listing),
            Event::Apply(secret) => drop(versions.insert(secret.path(), secret.version())),
            Event::Delete(secret) => drop(versions.remove(&secret.path())),
        }
    }
}

/// Watches Secrets until `stop`; `triggers` gets the SealedSecret to look at again, `all` whether
/// that is every one of them. `listed` is told when all have been listed for the first time.
pub(super) fn watch(
    client: Client,
    namespace: Option<&str>,
    triggers: Triggers,
    all: mpsc::Sender<()>,
    listed: oneshot::Sender<()>,
    stop: CancellationToken,
) -> Secrets {
    let api: Api<Identity> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let stream = relisting::watch(api, watcher::Config::default()).default_backoff();
    let namespace = namespace.map(str::to_owned);
    let secrets = Secrets::default();
    let store = secrets.clone();
    tokio::spawn(async move {
        let (mut listing, mut listed) = (Versions::new(), Some(listed));
        let mut stream = std::pin::pin!(stream.take_until(stop.cancelled_owned()));
        while let Some(event) = stream.next().await {
            if let Ok(event) = &event {
                store.follow(event, &mut listing);
            }
            let sent = match event {
                Ok(Event::Apply(secret) | Event::Delete(secret)) => {
                    triggers.send(secret.sealed_secret()).await
                }
                Ok(Event::InitDone) => {
                    if let Some(listed) = listed.take() {
                        // Nobody may be waiting any more.
                        let _ = listed.send(());
                    }
                    all.send(()).await.is_ok()
                }
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
    secrets
}

/// A Secret of which only the metadata is asked for, and of that only this is read.
#[derive(Clone, Debug)]
struct Identity(ObjectMeta);

impl Identity {
    fn path(&self) -> Box<str> {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        path(&part(&self.0.namespace), &part(&self.0.name))
    }

    fn version(&self) -> Box<str> {
        self.0
            .resource_version
            .as_deref()
            .unwrap_or_default()
            .into()
    }

    fn sealed_secret(&self) -> Reference {
        let reference = Reference::new(self.0.name.as_deref().unwrap_or_default());
        match &self.0.namespace {
            Some(namespace) => reference.within(namespace),
            None => reference,
        }
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Metadata {
            name: Option<String>,
            namespace: Option<String>,
            resource_version: Option<String>,
        }
        let Metadata {
            name,
            namespace,
            resource_version,
        } = Object::deserialize(deserializer)?.metadata;
        Ok(Self(ObjectMeta {
            name,
            namespace,
            resource_version,
            ..ObjectMeta::default()
        }))
    }
}

impl Resource for Identity {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn metadata_api() -> bool {
        true
    }

    fn kind(&(): &()) -> Cow<'_, str> {
        Secret::kind(&())
    }

    fn group(&(): &()) -> Cow<'_, str> {
        Secret::group(&())
    }

    fn version(&(): &()) -> Cow<'_, str> {
        Secret::version(&())
    }

    fn plural(&(): &()) -> Cow<'_, str> {
        Secret::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.0
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.0
    }
}

fn path(namespace: &str, name: &str) -> Box<str> {
    // No name has a slash.
    format!("{namespace}/{name}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(name: &str, version: &str) -> Identity {
        let metadata = json!({
            "name": name, "namespace": "shop", "resourceVersion": version,
            "labels": { "a": "b" }, "managedFields": [{ "manager": "m" }],
        });
        serde_json::from_value(json!({ "kind": "PartialObjectMetadata", "metadata": metadata }))
            .unwrap()
    }

    #[test]
    fn versions_are_those_of_the_last_whole_list_and_what_came_since() {
        let (secrets, mut listing) = (Secrets::default(), Versions::new());
        let version = |name: &str| secrets.version(&("shop".to_owned(), name.to_owned()));
        let mut follow = |event| secrets.follow(&event, &mut listing);
        follow(Event::Init);
        follow(Event::InitApply(secret("a", "1")));
        assert_eq!(version("a"), None);
        follow(Event::InitDone);
        follow(Event::Apply(secret("b", "2")));
        follow(Event::Apply(secret("a", "3")));
        assert_eq!(version("a").as_deref(), Some("3"));
        follow(Event::Delete(secret("a", "4")));
        assert_eq!(version("a"), None);
        // A watch that starts over, while the old picture still counts.
        follow(Event::Init);
        follow(Event::InitApply(secret("c", "5")));
        assert_eq!(version("b").as_deref(), Some("2"));
        follow(Event::InitDone);
        assert_eq!((version("b"), version("c").as_deref()), (None, Some("5")));
    }
}
