//! Connections, and the limits on them.
//!
//! Anybody who can reach the port is a hostile user: header size, header and request time and the
//! number of connections, in all and of each client, are bounded; a client that stalls costs a task and
//! a buffer, and one that doesn't read its answers is dropped.

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
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::peers::Peers;

/// Longest time for the head of a request: who sends it slower holds a connection for nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest time in which a client reads nothing of an answer that waits for it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Bounds on what a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Connections at once of one address; more are closed.
    pub connections_of_peer: usize,
    /// Time to send the head of a request, and as much for its body; also to keep a connection idle.
    /// Without it, only the server's own limits count.
    pub read_timeout: Option<Duration>,
    /// Time to answer, and to take any part of the answer. Without it, only the server's own limits
    /// count.
    pub write_timeout: Option<Duration>,
    /// Bytes of a request's head.
    pub head_size: usize,
    /// Time for requests under way when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_of_peer: 400,
            read_timeout: Some(Duration::from_secs(120)),
            write_timeout: Some(Duration::from_secs(120)),
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
    let peers = Peers::new(limits.connections_of_peer);
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { break };
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors: accepting at once again would spin.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let Some(visit) = peers.enter(address.ip()) else {
            continue;
        };
        let connection = graceful.watch(connection(stream, router.clone(), limits));
        tokio::spawn(async move {
            // A client that goes away is its own business.
            let _ = connection.await;
            drop((visit, slot));
        });
    }
    let _ = tokio::time::timeout(limits.drain, graceful.shutdown()).await;
}

/// Serves one connection.
fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
) -> impl GracefulConnection<Error = hyper::Error> + Send + 'static {
    let service = tower::service_fn(move |request: hyper::Request<Incoming>| {
        let answer = tower::ServiceExt::oneshot(router.clone(), request);
        async move {
            let Some(limit) = limits.write_timeout else {
                return answer.await;
            };
            match tokio::time::timeout(limit, answer).await {
                Ok(response) => response,
                Err(_) => Ok(StatusCode::REQUEST_TIMEOUT.into_response()),
            }
        }
    });
    // What is read has its limits already: the head here, the body where it is read.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(shorter(limits.write_timeout, STALL_TIMEOUT)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shorter(limits.read_timeout, HEAD_TIMEOUT))
        .max_buf_size(limits.head_size)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(service),
        )
}

fn shorter(limit: Option<Duration>, most: Duration) -> Duration {
    limit.map_or(most, |limit| limit.min(most))
}
