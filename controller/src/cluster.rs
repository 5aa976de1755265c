//! The controller of a cluster: watches SealedSecrets, writes Secrets, status and Events.
//!
//! - `connect`: client and namespace from the pod's environment, or from a kubeconfig;
//! - `key_secrets`: the keyring from key Secrets, watched;
//! - `plan`: what to do with a Secret, pure;
//! - `reconcile`: one object, start to end;
//! - `memory`: what is remembered, so that nothing is done twice or for ever;
//! - `secrets`: what Secrets there are, metadata only;
//! - `events`: Events about SealedSecrets.

mod connect;
mod events;
mod key_secrets;
mod memory;
mod plan;
mod reconcile;
mod secrets;

use std::sync::Arc;

use futures::StreamExt as _;
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::controller::Error as ControllerError;
use kube::runtime::{Controller, watcher};
use sealed_secrets_crds::desired::Options;
use tokio::sync::mpsc;

use crate::args::ClusterArgs;
use crate::http;
use crate::shutdown;
use crate::unsealer::Unsealer;

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
    /// The HTTP port is taken.
    #[error(transparent)]
    Bind(#[from] http::BindError),
    /// Signals can't be received.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// There is no key and none can be made.
    #[error(transparent)]
    Keys(#[from] key_secrets::KeySecretsError),
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
    let connection = connect::connect().await?;
    tracing::info!(namespace = connection.namespace, "connected");
    let client = connection.client;

    let (keys, keyring) =
        key_secrets::KeySecrets::new(client.clone(), &connection.namespace, args.keys.clone());
    let listener = http::bind(args.listen_addr).await?;
    let server = tokio::spawn(http::serve(
        listener,
        http::router(keyring.clone(), args.http.rate()),
        args.http.limits(),
        stop.clone(),
    ));
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        started = keys.start() => started?,
    }

    let namespace = (!args.all_namespaces).then_some(connection.namespace.as_str());
    let (triggers, touched) = mpsc::channel(1024);
    let (all, resync) = mpsc::channel(1);
    let secrets = secrets::watch(
        client.clone(),
        namespace,
        triggers,
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
    ));
    // Without knowing what Secrets there are, every object would cost a request to find out.
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        _ = secrets.wait_until_ready() => {}
    }
    let config = kube::runtime::controller::Config::default().concurrency(CONCURRENCY);
    let (stopped, remembered) = (stop.clone(), Arc::clone(&context));
    Controller::new_with(sealed_secrets, watcher::Config::default(), resource)
        .with_config(config)
        .reconcile_on(receiver_stream(touched))
        .reconcile_all_on(receiver_stream(resync))
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
                Err(error) => tracing::warn!(error = %crate::describe(&error), "watch failed, will retry"),
            }
            std::future::ready(())
        })
        .await;
    // Requests under way have their own deadline.
    let _ = server.await;
    tracing::info!("stopped");
    Ok(())
}

/// A key that appears may open what none could, so every object is looked at again.
async fn resync_on_new_keys(mut keyring: crate::keys::SharedKeyring, all: mpsc::Sender<()>) {
    while keyring.changed().await.is_ok() {
        if all.send(()).await.is_err() {
            return;
        }
    }
}

fn receiver_stream<T>(receiver: mpsc::Receiver<T>) -> impl futures::Stream<Item = T> {
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
}
