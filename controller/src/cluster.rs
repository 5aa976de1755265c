//! The controller of a cluster: watches SealedSecrets, writes Secrets, status and Events.
//!
//! - `connect`: client and namespace from the pod's environment, or from a kubeconfig;
//! - `key_secrets`: the keyring from key Secrets, watched;
//! - `key_secret`: one of them, read and made;
//! - `key_store`: all of them, as they are at this moment;
//! - `scope`: what is watched, and the controller over it;
//! - `reconcile`: one object, start to end;
//! - `plan`, `difference`: what to do with a Secret, pure;
//! - `apply`, `status_update`, `deletion`: what is written;
//! - `memory`: what is remembered, so that nothing is done twice or for ever;
//! - `settled`: what was found right before a restart;
//! - `secrets`, `sealed_secrets`: what there is;
//! - `relisting`: watches that begin anew when they have to;
//! - `triggers`: what brings an object to a reconcile, counted;
//! - `throttle`: the pace of requests;
//! - `events`: Events about SealedSecrets.

mod apply;
mod connect;
mod deletion;
mod difference;
mod events;
mod key_secret;
mod key_secrets;
mod key_store;
mod memory;
mod plan;
mod reconcile;
mod relisting;
mod scope;
mod sealed_secrets;
mod secrets;
mod settled;
mod status_update;
mod throttle;
mod triggers;

use std::sync::Arc;
use std::time::Duration;

use sealed_secrets_crds::desired::Options;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::args::ClusterArgs;
use crate::http::{self, Listen, Readiness, Servers};
use crate::keys::{self, RenewError};
use crate::metrics::Metrics;
use crate::shutdown;
use crate::unsealer::Unsealer;

/// How long the namespaces besides the first may keep the controller from being ready.
const OTHER_SCOPES: Duration = Duration::from_secs(10);

/// Why the controller can't run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No cluster to talk to.
    #[error(transparent)]
    Connect(#[from] connect::ConnectError),
    /// A port is taken.
    #[error(transparent)]
    Bind(#[from] http::BindError),
    /// Signals can't be received.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// There is no key and none can be made.
    #[error(transparent)]
    Keys(#[from] RenewError<key_store::KeyStoreError>),
    /// A fault of ours: to start anew is better than to run without a part.
    #[error("a part of the controller has ended")]
    Ended(#[source] tokio::task::JoinError),
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What kept it from starting.
pub async fn run(args: ClusterArgs) -> Result<(), ClusterError> {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        "starting sealed-secrets-controller"
    );
    let stop = shutdown::on_signal().map_err(ClusterError::Signals)?;
    let key_requests = keys::requests().map_err(ClusterError::Signals)?;
    let throttle = throttle::Throttle::new(args.kubeclient_qps, args.kubeclient_burst);
    let connection = connect::connect(throttle).await?;
    tracing::info!(namespace = connection.namespace, "connected");
    let client = connection.client;

    let metrics = Metrics::new(args.metrics.metrics_omit_secret_labels);
    let (key_secrets, keyring) = key_secrets::KeySecrets::new(
        client.clone(),
        &connection.namespace,
        &connection.cluster,
        args.keys.clone(),
        metrics.clone(),
    );
    let listen = Listen {
        api: args.listen_addr,
        metrics: args.metrics.listen_metrics_addr,
        rate: args.http.rate(),
        limits: args.http.limits(),
    };
    let servers = Servers::start(listen, keyring.clone(), &metrics, &stop).await?;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        started = key_secrets.start(key_requests) => started?,
    }

    let options = Options {
        accept_deprecated_v1_data: args.accept_deprecated_v1_data,
    };
    let settled = Arc::new(settled::Settled::new(client.clone(), &connection.namespace));
    let current = keyring.borrow().clone();
    settled.load(&current).await;
    let shared = Arc::new(reconcile::Shared::new(
        client,
        Unsealer::new(keyring.clone(), options),
        metrics,
        settings(&args),
        Arc::clone(&settled),
        stop.clone(),
    ));
    let kept = {
        let (settled, keyring, stop) = (Arc::clone(&settled), keyring.clone(), stop.clone());
        tokio::spawn(async move { settled.keep(keyring, stop).await })
    };
    let mut scopes = JoinSet::new();
    let mut lists = Vec::new();
    for scope in scope::scopes(&args, &connection.namespace) {
        let (listed, list) = oneshot::channel();
        scopes.spawn(scope.run(Arc::clone(&shared), keyring.clone(), listed, stop.clone()));
        lists.push(list);
    }
    tokio::spawn(ready_when_listed(lists, servers.readiness.clone()));
    while let Some(ended) = scopes.join_next().await {
        ended.map_err(ClusterError::Ended)?;
    }
    kept.await.map_err(ClusterError::Ended)?;
    settled.store().await;
    servers.stopped().await;
    tracing::info!("stopped");
    Ok(())
}

/// Ready once the first scope has been listed, and the others, unless they keep us waiting: a
/// namespace that may not be read, or isn't there, holds up no other.
async fn ready_when_listed(lists: Vec<oneshot::Receiver<()>>, readiness: Readiness) {
    let mut lists = lists.into_iter();
    if let Some(first) = lists.next()
        && first.await.is_err()
    {
        return;
    }
    let others = futures::future::join_all(lists);
    let _ = tokio::time::timeout(OTHER_SCOPES, others).await;
    readiness.set_listed();
}

fn settings(args: &ClusterArgs) -> reconcile::Settings {
    reconcile::Settings {
        accept_deprecated_v1_data: args.accept_deprecated_v1_data,
        update_status: args.update_status,
        delete_secrets: args.old_gc_behavior,
        policy: memory::Policy {
            leave_drift: !args.correct_drift,
            leave_deleted: args.skip_recreate,
            max_retries: args.max_unseal_retries,
        },
    }
}
