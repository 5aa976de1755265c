//! The HTTP API, the same in a cluster and without one.
//!
//! | Path | Method | Answer |
//! |---|---|---|
//! | `/healthz` | GET | 200 `ok` while the process lives |
//! | `/v1/cert.pem` | GET | the newest key's certificate |
//! | `/v1/verify` | POST | 200 if every item of the SealedSecret in the body unseals, else 409 |
//! | `/v1/rotate` | POST | the SealedSecret in the body, sealed again for the newest key |
//!
//! The last two do RSA for anybody, so they are limited in rate, size, time and number.

mod rate_limit;
mod sealed;
mod server;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;

use crate::keys::SharedKeyring;

pub use rate_limit::{Rate, RateLimit, Verdict};
pub use sealed::Oracle;
pub use server::{BindError, Limits, bind, serve};

/// Largest body of a request. A Secret holds 1 MiB, which is 1.4 MiB sealed and encoded.
const MAX_BODY: usize = 4 << 20;

/// The routes over `keyring`; `rate` is for each client and path.
pub fn router(keyring: SharedKeyring, rate: Rate) -> Router {
    let oracle = Arc::new(Oracle::new(keyring.clone(), rate));
    let certificates = Router::new()
        .route("/healthz", get(healthz))
        .route("/v1/cert.pem", get(certificate))
        .with_state(keyring);
    let sealed = Router::new()
        .route("/v1/verify", post(sealed::verify))
        .route("/v1/rotate", post(sealed::rotate))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(oracle);
    certificates.merge(sealed).fallback(not_found)
}

/// Alive, whatever the state of the API server.
async fn healthz() -> Response {
    text(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        "ok\n".to_owned(),
    )
}

/// The newest key's certificate: exactly one PEM block.
async fn certificate(State(keyring): State<SharedKeyring>) -> Response {
    let keyring = Arc::clone(&keyring.borrow());
    // Nobody can seal with an expired certificate; served all the same, it says what is wrong.
    let entry = keyring
        .sealing_key(Timestamp::now())
        .or_else(|| keyring.newest());
    let pem = entry.map(|entry| entry.pair.certificate().to_pem());
    match pem {
        Some(pem) => text(StatusCode::OK, "application/x-pem-file", pem),
        None => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            "no key yet\n".to_owned(),
        ),
    }
}

async fn not_found() -> Response {
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
