//! The HTTP API, the same in a cluster and without one.
//!
//! | Path | Method | Answer |
//! |---|---|---|
//! | `/healthz` | GET | 200 `ok` while the process lives |
//! | `/readyz` | GET | 200 `ok` while there is a key to serve, once every object has been listed, until the process is asked to end; else 503 |
//! | `/v1/cert.pem` | GET | the newest key's certificate, expired or not |
//! | `/v1/verify` | POST | 200 if every item of the SealedSecret in the body unseals, else 409 |
//! | `/v1/rotate` | POST | the SealedSecret in the body, sealed again for the newest key |
//!
//! Where GET is, HEAD is too. The last two do RSA for anybody, so they are limited in rate, memory, time and number.

mod body;
mod peers;
mod rate_limit;
mod readiness;
mod sealed;
mod server;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use crate::keys::SharedKeyring;
use crate::metrics::{self, Metrics};

pub use rate_limit::{Rate, RateLimit, Verdict};
pub use readiness::Readiness;
pub use sealed::Oracle;
pub use server::{BindError, Limits, bind, serve};
pub use servers::{Listen, Servers};

/// The routes over `keyring`; `rate` is for each client and path, `read_timeout` for each body.
pub fn router(
    keyring: SharedKeyring,
    rate: Rate,
    read_timeout: Option<Duration>,
    readiness: Readiness,
    metrics: &Metrics,
) -> Router {
    let oracle = Arc::new(Oracle::new(keyring.clone(), rate, read_timeout));
    let health = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(readiness);
    let certificates = Router::new();
    let certificates = observed(certificates, metrics, "/v1/cert.pem", get(certificate));
    let sealed = Router::new();
    let sealed = observed(sealed, metrics, "/v1/verify", post(sealed::verify));
    let sealed = observed(sealed, metrics, "/v1/rotate", post(sealed::rotate));
    health
        .merge(certificates.with_state(keyring))
        .merge(sealed.with_state(oracle))
        .fallback(not_found)
}

/// Adds a route whose answers are counted and measured, refusals of a method included.
fn observed<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    metrics: &Metrics,
    path: &'static str,
    route: MethodRouter<S>,
) -> Router<S> {
    let state = (metrics.clone(), path);
    router.route(
        path,
        route.layer(from_fn_with_state(state, metrics::observe)),
    )
}

/// Alive, whatever the state of the API server.
async fn healthz() -> Response {
    text(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        "ok\n".to_owned(),
    )
}

/// Whether there is anything to serve, and if not, why.
async fn readyz(State(readiness): State<Readiness>) -> Response {
    let (status, body) = match readiness.missing() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(missing) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {missing}\n"),
        ),
    };
    text(status, "text/plain; charset=utf-8", body)
}

/// The newest key's certificate: exactly one PEM block.
async fn certificate(State(keyring): State<SharedKeyring>) -> Response {
    let keyring = Arc::clone(&keyring.borrow());
    // Expired or not: the one that `/v1/rotate` seals for, too.
    let pem = keyring
        .newest()
        .map(|entry| entry.pair.certificate().to_pem());
    match pem {
        Some(pem) => text(StatusCode::OK, "application/x-pem-file", pem),
        None => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            "no key yet\n".to_owned(),
        ),
    }
}

pub(crate) async fn not_found() -> Response {
    text(
        StatusCode::NOT_FOUND,
        "text/plain; charset=utf-8",
        "404 page not found\n".to_owned(),
    )
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
        body,
    )
        .into_response()
}
