//! Connections, and the limits on them.
//!
//! Anybody who can reach the port is a hostile user: header size, header and request time and the
//! number of connections are bounded, and a client that stalls costs a task and a buffer, no more.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Longest time for the head of a request: who sends it slower holds a connection for nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// Bounds on what a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Time to send the whole head of a request, and to keep a connection idle.
    pub read_timeout: Duration,
    /// Time to answer.
    pub request_timeout: Duration,
    /// Bytes of a request's head.
    pub head_size: usize,
    /// Time for requests under way when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            read_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(120),
            head_size: 32 * 1024,
            drain: Duration::from_secs(5),
        }
    }
}

/// The port is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr} for {purpose}{}", hint(source))]
pub struct BindError {
    addr: SocketAddr,
    purpose: &'static str,
    #[source]
    source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; is another process using the port?",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need more rights",
        _ => "",
    }
}

/// Takes the port. All addresses means IPv6 and IPv4, or IPv4 where the machine has no IPv6.
///
/// # Errors
/// The address is in use or isn't ours.
pub async fn bind(addr: SocketAddr, purpose: &'static str) -> Result<TcpListener, BindError> {
    let mut bound = TcpListener::bind(addr).await;
    if let Err(error) = &bound
        && addr.ip() == Ipv6Addr::UNSPECIFIED
        && !matches!(
            error.kind(),
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
        )
    {
        bound = TcpListener::bind((Ipv4Addr::UNSPECIFIED, addr.port())).await;
    }
    bound.map_err(|source| BindError {
        addr,
        purpose,
        source,
    })
}

/// Serves `router` until `stop`, then lets requests under way finish for a while.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { break };
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors: accepting at once again would spin.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let router = router.clone();
        let service = tower::service_fn(move |request: hyper::Request<Incoming>| {
            let router = router.clone();
            async move {
                let answer = tower::ServiceExt::oneshot(router, request);
                match tokio::time::timeout(limits.request_timeout, answer).await {
                    Ok(response) => response,
                    Err(_) => Ok(StatusCode::REQUEST_TIMEOUT.into_response()),
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.read_timeout.min(HEAD_TIMEOUT))
            .max_buf_size(limits.head_size)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that goes away is its own business.
            let _ = connection.await;
            drop(slot);
        });
    }
    let _ = tokio::time::timeout(limits.drain, graceful.shutdown()).await;
}
