//! Flags of the controller of a cluster.

use std::net::SocketAddr;

use clap::{ArgAction, Args};

use super::http::{HttpArgs, MetricsArgs};
use super::keys::KeyArgs;
use super::selector::{self, LabelSelector};
use super::value::{self, Namespaces};

/// Flags of the controller of a cluster.
#[derive(Clone, Debug, Args)]
pub struct ClusterArgs {
    /// Address of the HTTP server.
    #[arg(long, default_value = ":8080", value_parser = value::address, value_name = "ADDR")]
    pub listen_addr: SocketAddr,
    /// Watch SealedSecrets in all namespaces, not only in the controller's own.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub all_namespaces: bool,
    /// Namespaces to watch besides the controller's own; then not all are watched.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = value::namespaces, value_name = "NAMESPACE,...")]
    pub additional_namespaces: Namespaces,
    /// Unseal only SealedSecrets that match this label selector.
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_parser = selector::label_selector,
        value_name = "SELECTOR"
    )]
    pub label_selector: LabelSelector,
    /// Write the status of SealedSecrets.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub update_status: bool,
    /// Accept the deprecated spec.data of SealedSecrets.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub accept_deprecated_v1_data: bool,
    /// Put right what others change in Secrets of SealedSecrets.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub correct_drift: bool,
    /// Leave a Secret that was deleted deleted, until its SealedSecret changes.
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub skip_recreate: bool,
    /// Delete Secrets of deleted SealedSecrets ourselves, not by garbage collection.
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub old_gc_behavior: bool,
    /// Tries again after a failure that may pass, then wait for a change; without it, there is no end.
    #[arg(long, allow_hyphen_values = true, value_parser = value::retries, value_name = "N")]
    pub max_unseal_retries: Option<u32>,
    /// Requests a second to the API server; negative means no limit [default: no limit].
    #[arg(long, allow_hyphen_values = true, value_parser = value::rate, value_name = "QPS")]
    pub kubeclient_qps: Option<f32>,
    /// Requests beyond --kubeclient-qps that may go at once.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub kubeclient_burst: u32,
    /// Agree by a Lease with other replicas on one that writes; without it, each writes as if it were alone.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub leader_elect: bool,
    /// Accepted for compatibility: keys that appear, change or go are always noticed.
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub watch_for_secrets: bool,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub http: HttpArgs,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub metrics: MetricsArgs,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub keys: KeyArgs,
}
