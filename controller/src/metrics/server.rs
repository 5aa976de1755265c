//! `/metrics`, on a port of its own.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Metrics;
use crate::http::not_found;

/// Prometheus' text format, as its servers ask for it.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes of the metrics port: `/metrics`, and nothing else.
pub fn router(metrics: Metrics) -> Router {
    Router::new()
        .route("/metrics", get(text))
        .fallback(not_found)
        .with_state(metrics)
}

async fn text(State(metrics): State<Metrics>) -> Response {
    let content_type = HeaderValue::from_static(TEXT_FORMAT);
    // Thousands of objects take milliseconds to write down.
    match tokio::task::spawn_blocking(move || metrics.to_text()).await {
        Ok(text) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
        Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
