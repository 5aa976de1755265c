//! The HTTP API: `/healthz` and `/v1/cert.pem`, the same in a cluster and without one.

mod server;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::keys::SharedKeyring;

pub use server::{BindError, Limits, bind, serve};

/// The routes over `keyring`.
pub fn router(keyring: SharedKeyring) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/v1/cert.pem", get(certificate))
        .fallback(not_found)
        .with_state(keyring)
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
    let pem = keyring
        .borrow()
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
