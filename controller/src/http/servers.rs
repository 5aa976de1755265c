//! The two servers of a controller: the HTTP API and the metrics.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::rate_limit::Rate;
use super::readiness::Readiness;
use super::server::{BindError, Limits, bind, serve};
use crate::keys::SharedKeyring;
use crate::metrics::{self, Metrics};

/// Where and how to listen.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// Address of the HTTP API.
    pub api: SocketAddr,
    /// Address of `/metrics`.
    pub metrics: SocketAddr,
    /// What each client may ask of `/v1/verify`, and of `/v1/rotate`.
    pub rate: Rate,
    /// What clients may take, of either server.
    pub limits: Limits,
    /// For how long after the stop clients may still be led here: they are served, and the process
    /// works on its end meanwhile. Without it no connection is accepted after the stop.
    pub linger: Option<Duration>,
}

/// Both servers, under way.
#[derive(Debug)]
pub struct Servers {
    /// What `/readyz` tells.
    pub readiness: Readiness,
    /// Ends when clients are not led here any more.
    lingering: JoinHandle<()>,
    closing: CancellationToken,
    tasks: [JoinHandle<()>; 2],
}

impl Servers {
    /// Takes both ports and serves on them: until `stop`, or with [`Listen::linger`] until
    /// [`Self::stopped`].
    ///
    /// # Errors
    /// An address is in use or isn't ours.
    pub async fn start(
        listen: Listen,
        keyring: SharedKeyring,
        metrics: &Metrics,
        stop: &CancellationToken,
    ) -> Result<Self, BindError> {
        let api = bind(listen.api, "the HTTP API").await?;
        let measured = bind(listen.metrics, "metrics").await?;
        let address =
            |listener: &tokio::net::TcpListener, wanted| listener.local_addr().unwrap_or(wanted);
        tracing::info!(addr = %address(&api, listen.api), "HTTP server listening");
        tracing::info!(addr = %address(&measured, listen.metrics), "metrics server listening");
        let readiness = Readiness::new(keyring.clone(), stop.clone());
        let closing = match listen.linger {
            Some(_) => CancellationToken::new(),
            None => stop.clone(),
        };
        let (stopping, linger) = (stop.clone(), listen.linger.unwrap_or_default());
        let lingering = tokio::spawn(async move {
            stopping.cancelled().await;
            tokio::time::sleep(linger).await;
        });
        let limits = listen.limits;
        let (rate, read_timeout) = (listen.rate, limits.read_timeout);
        let router = super::router(keyring, rate, read_timeout, readiness.clone(), metrics);
        let serve =
            |listener, router| tokio::spawn(serve(listener, router, limits, closing.clone()));
        let tasks = [
            serve(api, router),
            serve(measured, metrics::router(metrics.clone())),
        ];
        Ok(Self {
            readiness,
            lingering,
            closing,
            tasks,
        })
    }

    /// After the stop: accepts no more connections once nobody is led here, and waits for requests under
    /// way, which have their own deadline.
    pub async fn stopped(self) {
        // A task that only waits doesn't panic, and if it did, there would be nothing to wait for.
        let _ = self.lingering.await;
        self.closing.cancel();
        for task in self.tasks {
            // A server that panicked has stopped, too.
            let _ = task.await;
        }
    }
}
