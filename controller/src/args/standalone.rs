//! Flags of the standalone mode.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::http::{HttpArgs, MetricsArgs};
use super::keys::KeyArgs;
use super::value;

/// Flags of the standalone mode.
#[derive(Clone, Debug, Args)]
#[command(mut_arg("listen_metrics_addr", |arg| arg.default_value("127.0.0.1:8081")))]
pub struct StandaloneArgs {
    /// Folder of manifests, watched with all folders in it.
    #[arg(long, value_name = "DIR")]
    pub manifests: PathBuf,
    /// Folder of keys, mode 0700; made when missing.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// Folder for the Secrets, each at NAMESPACE/NAME/KEY; made when missing.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// File that tells the status of every SealedSecret [default: OUT/status.json].
    #[arg(long, value_name = "FILE")]
    pub status_file: Option<PathBuf>,
    /// Namespace of manifests that name none.
    #[arg(long, default_value = "default", value_parser = value::namespace, value_name = "NAMESPACE")]
    pub default_namespace: String,
    /// Address of the HTTP server.
    #[arg(long, default_value = "127.0.0.1:8080", value_parser = value::address, value_name = "ADDR")]
    pub listen_addr: SocketAddr,
    /// Accept the deprecated spec.data of SealedSecrets.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub accept_deprecated_v1_data: bool,
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
    pub new_keys: KeyArgs,
}
