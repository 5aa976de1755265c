//! The API server and our namespace.
//!
//! In a pod both come from its environment; outside, from the kubeconfig.

use std::time::Duration;

use kube::client::ClientBuilder;
use kube::{Client, Config};

use super::gate::Gate;
use super::throttle::Throttle;

/// Where a pod finds its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Longest silence of the API server. It ends watches earlier, as `relisting` asks it to.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// No cluster to talk to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Neither a pod's environment nor a kubeconfig.
    #[error(
        "no cluster: not in a pod, and no usable kubeconfig; set KUBECONFIG, or run `sealed-secrets-controller standalone` without a cluster"
    )]
    Config(#[source] Box<kube::config::InferConfigError>),
    /// The configuration can't be used.
    #[error("cannot use the cluster configuration")]
    Client(#[source] Box<kube::Error>),
}

pub(super) struct Connection {
    /// For all that goes on by itself: writes only while this replica leads, at the pace of the throttle.
    pub(super) client: Client,
    /// For what doesn't depend on who leads, and must not wait: the Lease itself, a key that was asked
    /// for, and watches, which are begun anew all the time.
    pub(super) direct: Client,
    /// Where the keys are.
    pub(super) namespace: String,
    /// What tells this cluster from others: its certificate authority and address.
    pub(super) cluster: Vec<u8>,
}

pub(super) async fn connect(throttle: Throttle, gate: &Gate) -> Result<Connection, ConnectError> {
    let mut config = Config::infer()
        .await
        .map_err(|error| ConnectError::Config(Box::new(error)))?;
    let namespace = namespace(std::env::var("POD_NAMESPACE").ok(), &config);
    let authority = config.root_cert.iter().flatten().flatten().copied();
    let cluster = authority.chain(config.cluster_url.to_string().into_bytes());
    let cluster = cluster.collect();
    config.read_timeout = Some(READ_TIMEOUT);
    let builder = |config: Config| {
        let builder = ClientBuilder::try_from(config);
        builder.map_err(|error| ConnectError::Client(Box::new(error)))
    };
    let direct = builder(config.clone())?.build();
    // The throttle is outside of the gate: what waited for long is asked whether it still may.
    let client = builder(config)?.with_layer(gate).with_layer(&throttle);
    let client = client.build();
    Ok(Connection {
        client,
        direct,
        namespace,
        cluster,
    })
}

fn namespace(pod_namespace: Option<String>, config: &Config) -> String {
    pod_namespace
        .or_else(|| std::fs::read_to_string(NAMESPACE_FILE).ok())
        .map(|namespace| namespace.trim().to_owned())
        .filter(|namespace| !namespace.is_empty())
        // In a pod this is the file again; outside, the context's namespace, or `default`.
        .unwrap_or_else(|| config.default_namespace.clone())
}
