//! One part of the cluster that is watched: all namespaces, or one of them.
//!
//! Each has its own watches and its own controller, so that a namespace that may not be read holds
//! up no other; what is bounded, is bounded over all of them.

use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::Controller;
use kube::runtime::controller::{Config, Error as ControllerError};
use kube::runtime::reflector::Store;
use kube::{Api, Client};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::context::{CONCURRENCY, Context, Shared};
use super::reconcile;
use super::term::Terms;
use super::triggers::{Triggers, key_of};
use super::watched::{Reference, Watched};
use super::{sealed_secrets, secrets};
use crate::args::{ClusterArgs, LabelSelector};
use crate::keys::SharedKeyring;

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// `None` for all namespaces.
    pub(super) namespace: Option<String>,
    pub(super) selector: LabelSelector,
}

/// The scopes that the flags ask for; `own` is the controller's namespace.
pub(super) fn scopes(args: &ClusterArgs, own: &str) -> Vec<Scope> {
    let scope = |namespace: Option<&str>| Scope {
        namespace: namespace.map(str::to_owned),
        selector: args.label_selector.clone(),
    };
    let additional = &args.additional_namespaces.0;
    if args.all_namespaces && additional.is_empty() {
        return vec![scope(None)];
    }
    let others = additional.iter().filter(|name| *name != own);
    std::iter::once(own)
        .chain(others.map(String::as_str))
        .map(|name| scope(Some(name)))
        .collect()
}

/// What follows the names of what controllers of one namespace share that watch the same: nothing,
/// unless flags narrow what is watched. Those that watch something else have names of their own.
pub(super) fn suffix(args: &ClusterArgs) -> String {
    let selector = args.label_selector.as_text().unwrap_or_default();
    let additional = &args.additional_namespaces.0;
    if selector.is_empty() && additional.is_empty() {
        return String::new();
    }
    let mut hash = Sha256::new();
    for part in additional.iter().map(String::as_str).chain([selector]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    format!("-{}", hex::encode(&hash[..4]))
}

impl Scope {
    /// Reconciles what is in the scope until `stop`; tells `listed` when everything has been listed.
    pub(super) async fn run(
        self,
        shared: Arc<Shared>,
        keyring: SharedKeyring,
        listed: oneshot::Sender<()>,
        stop: CancellationToken,
    ) {
        let (client, metrics) = (&shared.watching, &shared.metrics);
        tokio::spawn(missing(shared.client.clone(), self.namespace.clone()));
        let (triggers, touched) = Triggers::new(metrics.queue().clone());
        let (all, resync) = mpsc::channel(1);
        let (known, secrets_known) = oneshot::channel();
        let secrets = secrets::watch(
            client.clone(),
            self.namespace.as_deref(),
            triggers.clone(),
            all.clone(),
            known,
            stop.clone(),
        );
        tokio::spawn(resync_on_new_term(
            shared.terms.next_after_now(),
            all.clone(),
        ));
        tokio::spawn(resync_on_new_keys(keyring, all));
        // Without knowing what Secrets there are, every object would cost a request to find out.
        tokio::select! {
            () = stop.cancelled() => return,
            _ = secrets_known => {}
        }
        let objects = sealed_secrets::watch(
            client,
            &self,
            metrics.clone(),
            triggers.clone(),
            listed,
            stop.clone(),
        );
        tokio::spawn(trigger_all(objects.clone(), triggers, resync));
        let context = Arc::new(Context::new(Arc::clone(&shared), objects.clone(), secrets));
        let gone = Arc::clone(&context);
        Controller::for_stream(futures::stream::pending(), objects)
            .with_config(Config::default().concurrency(CONCURRENCY))
            .reconcile_on(touched)
            .graceful_shutdown_on(async move { stop.cancelled().await })
            .run(reconcile::reconcile, reconcile::error_policy, context)
            .for_each(|result| {
                match result {
                    Ok(_) => {}
                    // Most Secrets of a cluster have no SealedSecret; a deleted one has none any more.
                    Err(ControllerError::ObjectNotFound(object)) => gone.gone(key_of(&object)),
                    Err(ControllerError::ReconcilerFailed(error, object)) => {
                        tracing::warn!(key = %object, error = %crate::describe(&error), "reconcile failed, will retry");
                    }
                    Err(error) => tracing::warn!(error = %crate::describe(&error), "cannot reconcile, will retry"),
                }
                std::future::ready(())
            })
            .await;
    }
}

/// Says so when a namespace isn't there. It is watched all the same, and read once it appears.
async fn missing(client: Client, namespace: Option<String>) {
    let Some(namespace) = namespace else {
        return;
    };
    let there = Api::<Namespace>::all(client).get_opt(&namespace).await;
    match there {
        Ok(None) => tracing::error!(namespace, "namespace doesn't exist"),
        Ok(Some(_)) => tracing::info!(namespace, "watching namespace"),
        // Not everybody may look.
        Err(error) => tracing::debug!(
            namespace,
            error = %crate::describe(&error),
            "cannot tell whether the namespace exists"
        ),
    }
}

/// A key that appears may open what none could, so every object is looked at again.
async fn resync_on_new_keys(mut keyring: SharedKeyring, all: mpsc::Sender<()>) {
    while keyring.changed().await.is_ok() {
        if all.send(()).await.is_err() {
            return;
        }
    }
}

/// Others may have led in between, and what they did and didn't is unknown.
async fn resync_on_new_term(mut terms: Terms, all: mpsc::Sender<()>) {
    while terms.begun().await {
        if all.send(()).await.is_err() {
            return;
        }
    }
}

/// Looks at every object whenever `all` asks for it.
async fn trigger_all(objects: Store<Watched>, triggers: Triggers, mut all: mpsc::Receiver<()>) {
    while all.recv().await.is_some() {
        for object in objects.state() {
            if !triggers.send(Reference::from_obj(&*object)).await {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;

    fn namespaces(flags: &[&str]) -> Vec<Option<String>> {
        let args = Args::read(std::iter::once(&"c").chain(flags)).unwrap();
        let scopes = scopes(&args.cluster, "own");
        scopes.into_iter().map(|scope| scope.namespace).collect()
    }

    #[test]
    fn controllers_that_watch_something_else_share_no_names() {
        let suffix = |flag: &str| suffix(&Args::read(["c", flag]).unwrap().cluster);
        assert_eq!(suffix("--all-namespaces=false"), "");
        let all = [
            suffix("--label-selector=team=a"),
            suffix("--label-selector=team=b"),
            suffix("--additional-namespaces=a,b"),
            suffix("--additional-namespaces=ab"),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert!(all.iter().all(|suffix| suffix.len() == 9));
        assert_eq!(all[2], suffix("--additional-namespaces=b,a,b"));
    }

    #[test]
    fn additional_namespaces_narrow_with_either_setting() {
        let some = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| Some((*name).to_owned())).collect()
        };
        assert_eq!(namespaces(&[]), [None]);
        assert_eq!(namespaces(&["--all-namespaces=false"]), some(&["own"]));
        let additional = "--additional-namespaces=b,own,a,b";
        assert_eq!(namespaces(&[additional]), some(&["own", "a", "b"]));
        assert_eq!(
            namespaces(&["--all-namespaces=false", additional]),
            some(&["own", "a", "b"])
        );
    }
}
