//! The controller of a cluster: watches SealedSecrets, writes Secrets, status and Events.
//!
//! - `connect`: client and namespace from the pod's environment, or from a kubeconfig;
//! - `key_secrets`: the keyring from key Secrets, watched;
//! - `key_secret`: one of them, read and made;
//! - `key_store`: all of them, as they are at this moment;
//! - `lease`: which of several replicas writes;
//! - `gate`: nothing is written by the others;
//! - `term`: what comes before the first reconcile of one that writes;
//! - `scope`: what is watched, and the controller over it;
//! - `reconcile`: one object, start to end;
//! - `plan`, `difference`: what to do with a Secret, pure;
//! - `apply`, `status_update`, `deletion`: what is written;
//! - `memory`: what is remembered, so that nothing is done twice or for ever;
//! - `settled`: what was found right before a restart;
//! - `secrets`, `sealed_secrets`: what there is;
//! - `relisting`: watches that begin anew when they have to;
//! - `watched`, `current`: a SealedSecret as it is held, and as it is looked at;
//! - `triggers`: what brings an object to a reconcile, counted;
//! - `throttle`: the pace of requests;
//! - `events`: Events about SealedSecrets.

mod apply;
mod connect;
mod context;
mod current;
mod deletion;
mod difference;
mod events;
mod gate;
mod key_secret;
mod key_secrets;
mod key_store;
mod lease;
mod memory;
mod picture;
mod plan;
mod reconcile;
mod relisting;
mod scope;
mod sealed_secrets;
mod secrets;
mod settled;
mod shallow;
mod status_update;
mod term;
mod throttle;
mod triggers;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use sealed_secrets_crds::desired::Options;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::args::ClusterArgs;
use crate::http::{self, Listen, Readiness, Servers};
use crate::keys::{self, RenewError, SharedKeyring};
use crate::leadership::{Seat, Tenure};
use crate::metrics::Metrics;
use crate::shutdown;
use crate::unsealer::Unsealer;

/// Start of the name of the Lease, and all of it unless flags narrow what is watched.
const LEASE: &str = "sealed-secrets-controller";
/// How long the namespaces besides the first may keep the controller from being ready.
const OTHER_SCOPES: Duration = Duration::from_secs(10);
/// How long after the stop a Service, or the API server's proxy, may still lead clients here.
const LINGER: Duration = Duration::from_secs(3);
/// How long reconciles under way are waited for after the stop. A Pod has 30 s for all of its end, and an
/// API server that hangs must not keep us from giving the Lease back.
const LAST_RECONCILES: Duration = Duration::from_secs(3);
/// The same for the records of settled objects, after that.
const LAST_RECORDS: Duration = Duration::from_secs(5);

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
    let (seat, leadership) = Seat::new();
    let gate = gate::Gate::new(leadership.clone());
    let throttle = throttle::Throttle::new(args.kubeclient_qps, args.kubeclient_burst);
    let connection = connect::connect(throttle, &gate).await?;
    tracing::info!(namespace = connection.namespace, "connected");

    let metrics = Metrics::new(args.metrics.metrics_omit_secret_labels);
    let (key_secrets, keyring) = key_secrets::KeySecrets::new(
        &connection,
        args.keys.clone(),
        leadership.clone(),
        metrics.clone(),
    );
    let listen = Listen {
        api: args.listen_addr,
        metrics: args.metrics.listen_metrics_addr,
        rate: args.http.rate(),
        limits: args.http.limits(),
        linger: args.leader_elect.then_some(LINGER),
    };
    let servers = Servers::start(listen, keyring.clone(), &metrics, &stop).await?;
    let direct = connection.direct.clone();
    let election = if args.leader_elect {
        metrics.leads(false);
        let namespace = &connection.namespace;
        Some(lease::Election::stand(
            direct,
            format!("{LEASE}{}", scope::suffix(&args)),
            namespace,
            seat,
            gate,
            metrics.clone(),
        ))
    } else {
        seat.settle(Tenure::Alone);
        None
    };
    let namespace = &connection.namespace;
    let settled = Arc::new(settled::Settled::new(
        connection.client.clone(),
        namespace,
        &scope::suffix(&args),
    ));
    let kept = {
        let (settled, keyring, stop) = (Arc::clone(&settled), keyring.clone(), stop.clone());
        tokio::spawn(async move { settled.keep(keyring, stop).await })
    };
    let settings = settings(&args);
    let shared = Arc::new(context::Shared::new(
        &connection,
        Unsealer::new(keyring.clone(), settings.options),
        metrics,
        settings,
        Arc::clone(&settled),
        term::Terms::start(leadership, keyring.clone(), Arc::clone(&settled)),
        stop.clone(),
    ));
    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        started = key_secrets.start(key_requests) => match started {
            Ok(()) => {
                let scopes = scope::scopes(&args, &connection.namespace);
                work(scopes, &shared, &keyring, &servers.readiness, &stop).await
            }
            Err(error) => Err(error.into()),
        },
    };
    if ended.is_err() {
        kept.abort();
    }
    // Until the Lease is given back it is ours.
    store_last_records(settled, kept).await;
    if let Some(election) = election {
        election.resign().await;
    }
    ended?;
    servers.stopped().await;
    tracing::info!("stopped");
    Ok(())
}

/// Reconciles what is in the scopes until `stop`.
async fn work(
    scopes: Vec<scope::Scope>,
    shared: &Arc<context::Shared>,
    keyring: &SharedKeyring,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> Result<(), ClusterError> {
    let mut running = JoinSet::new();
    let mut lists = Vec::new();
    for scope in scopes {
        let (listed, list) = oneshot::channel();
        running.spawn(scope.run(Arc::clone(shared), keyring.clone(), listed, stop.clone()));
        lists.push(list);
    }
    tokio::spawn(ready_when_listed(lists, readiness.clone()));
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_RECONCILES).await;
    };
    tokio::select! {
        ended = all(&mut running) => return ended,
        () = late => {}
    }
    tracing::warn!(
        "reconciles take too long to end: what they still write is left to whoever comes next"
    );
    // They go on until the gate is closed to them.
    running.detach_all();
    Ok(())
}

/// Waits until all have ended.
async fn all(running: &mut JoinSet<()>) -> Result<(), ClusterError> {
    while let Some(ended) = running.join_next().await {
        ended.map_err(ClusterError::Ended)?;
    }
    Ok(())
}

/// Stores the last records of settled objects, after a write of them that may be under way in `kept`.
/// Where that takes too long it goes on until the gate is closed to it.
async fn store_last_records(settled: Arc<settled::Settled>, kept: JoinHandle<()>) {
    let storing = tokio::spawn(async move {
        // One that was aborted has left nothing under way.
        let _ = kept.await;
        settled.store().await
    });
    if tokio::time::timeout(LAST_RECORDS, storing).await.is_err() {
        tracing::warn!(
            "storing which objects are settled takes too long; some are unsealed once more"
        );
    }
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

fn settings(args: &ClusterArgs) -> context::Settings {
    context::Settings {
        options: Options {
            accept_deprecated_v1_data: args.accept_deprecated_v1_data,
        },
        update_status: args.update_status,
        delete_secrets: args.old_gc_behavior,
        policy: memory::Policy {
            leave_drift: !args.correct_drift,
            leave_deleted: args.skip_recreate,
            max_retries: args.max_unseal_retries,
        },
    }
}
