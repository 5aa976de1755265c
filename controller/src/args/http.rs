//! Flags about the HTTP servers.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::value;
use crate::go_duration;
use crate::http::{Limits, Rate};

/// Flags about the HTTP API.
#[derive(Clone, Copy, Debug, Args)]
pub struct HttpArgs {
    /// Requests a second that a client may make of /v1/verify, and of /v1/rotate; 0 means no limit.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub rate_limit: u32,
    /// Requests beyond the limit that may come at once.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub rate_limit_burst: u32,
    /// Time for a client to send a request; 0 leaves only the limits that always hold: 15 s for its head, and a body
    /// that doesn't stall.
    #[arg(long, default_value = "2m0s", value_parser = go_duration::parse, value_name = "DURATION")]
    pub read_timeout: Duration,
    /// Time to answer a request; 0 leaves only the limit that always holds: a client that reads nothing for 30 s is dropped.
    #[arg(long, default_value = "2m0s", value_parser = go_duration::parse, value_name = "DURATION")]
    pub write_timeout: Duration,
}

impl HttpArgs {
    /// The limit on requests.
    #[must_use]
    pub fn rate(&self) -> Rate {
        Rate {
            per_second: self.rate_limit,
            burst: self.rate_limit_burst,
        }
    }

    /// The limits on connections.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            read_timeout: unless_zero(self.read_timeout),
            write_timeout: unless_zero(self.write_timeout),
            ..Limits::default()
        }
    }
}

/// Zero means that there is no limit.
fn unless_zero(timeout: Duration) -> Option<Duration> {
    (!timeout.is_zero()).then_some(timeout)
}

/// Flags about metrics.
#[derive(Clone, Copy, Debug, Args)]
pub struct MetricsArgs {
    /// Address of the metrics server.
    #[arg(long, default_value = ":8081", value_parser = value::address, value_name = "ADDR")]
    pub listen_metrics_addr: SocketAddr,
    /// Leave metrics out that name single SealedSecrets.
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
    pub metrics_omit_secret_labels: bool,
}
