//! The controller of a cluster: watches SealedSecrets, writes Secrets, status and Events.
//!
//! - `connect`: client and namespace from the pod's environment, or from a kubeconfig;
//! - `key_secrets`: the keyring from key Secrets, watched;
//! - `key_secret`: one of them, read and made;
//! - `key_store`: all of them, as they are at this moment;
//! - `plan`: what to do with a Secret, pure;
//! - `reconcile`: one object, start to end;
//! - `memory`: what is remembered, so that nothing is done twice or for ever;
//! - `triggers`: what brings an object to a reconcile, counted;
//! - `sealed_secrets`: what SealedSecrets there are;
//! - `secrets`: what Secrets there are, metadata only;
//! - `events`: Events about SealedSecrets.

mod connect;
mod events;
mod key_secret;
mod key_secrets;
mod key_store;
mod memory;
mod plan;
mod reconcile;
mod sealed_secrets;
mod secrets;
mod triggers;

use std::sync::Arc;

use futures::StreamExt as _;
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::Controller;
use kube::runtime::controller::Error as ControllerError;
use kube::runtime::reflector::{ObjectRef, Store};
use sealed_secrets_crds::desired::Options;
use tokio::sync::mpsc;

use crate::args::ClusterArgs;
use crate::http::{self, Listen, Servers};
use crate::keys::{self, RenewError};
use crate::metrics::Metrics;
use crate::shutdown;
use crate::unsealer::Unsealer;
use triggers::Triggers;

/// Reconciles under way at once. They wait for the API server most of the time; RSA has its own
/// bound in [`Unsealer`].
const CONCURRENCY: u16 = 32;

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
    let connection = connect::connect().await?;
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

    let namespace = (!args.all_namespaces).then_some(connection.namespace.as_str());
    let (triggers, touched) = Triggers::new(metrics.queue().clone());
    let (all, resync) = mpsc::channel(1);
    let secrets = secrets::watch(
        client.clone(),
        namespace,
        triggers.clone(),
        all.clone(),
        stop.clone(),
    );
    tokio::spawn(resync_on_new_keys(keyring.clone(), all));

    let resource = reconcile::api_resource();
    let sealed_secrets: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let options = Options {
        accept_deprecated_v1_data: args.accept_deprecated_v1_data,
    };
    let context = Arc::new(reconcile::Context::new(
        client,
        secrets.clone(),
        Unsealer::new(keyring, options),
        args.update_status,
        metrics.clone(),
    ));
    // Without knowing what Secrets there are, every object would cost a request to find out.
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        _ = secrets.wait_until_ready() => {}
    }
    let objects = sealed_secrets::watch(
        sealed_secrets,
        metrics.clone(),
        triggers.clone(),
        stop.clone(),
    );
    tokio::spawn(trigger_all(objects.clone(), triggers, resync));
    let (listed, readiness) = (objects.clone(), servers.readiness.clone());
    tokio::spawn(async move {
        if listed.wait_until_ready().await.is_ok() {
            readiness.set_listed();
        }
    });
    let config = kube::runtime::controller::Config::default().concurrency(CONCURRENCY);
    let (stopped, remembered) = (stop.clone(), Arc::clone(&context));
    Controller::for_stream_with(futures::stream::pending(), objects, resource)
        .with_config(config)
        .reconcile_on(touched)
        .graceful_shutdown_on(async move { stopped.cancelled().await })
        .run(reconcile::reconcile, reconcile::error_policy, context)
        .for_each(|result| {
            match result {
                Ok(_) => {}
                // Most Secrets of a cluster have no SealedSecret; a deleted one has none any more.
                Err(ControllerError::ObjectNotFound(object)) => remembered.forget(&object),
                Err(ControllerError::ReconcilerFailed(error, object)) => {
                    tracing::warn!(key = %object, error = %crate::describe(&error), "reconcile failed, will retry");
                }
                Err(error) => tracing::warn!(error = %crate::describe(&error), "cannot reconcile, will retry"),
            }
            std::future::ready(())
        })
        .await;
    servers.stopped().await;
    tracing::info!("stopped");
    Ok(())
}

/// A key that appears may open what none could, so every object is looked at again.
async fn resync_on_new_keys(mut keyring: keys::SharedKeyring, all: mpsc::Sender<()>) {
    while keyring.changed().await.is_ok() {
        if all.send(()).await.is_err() {
            return;
        }
    }
}

/// Looks at every object whenever `all` asks for it.
async fn trigger_all(
    objects: Store<DynamicObject>,
    triggers: Triggers,
    mut all: mpsc::Receiver<()>,
) {
    while all.recv().await.is_some() {
        for object in objects.state() {
            triggers
                .send(ObjectRef::from_obj_with(
                    &*object,
                    reconcile::api_resource(),
                ))
                .await;
        }
    }
}
