//! `http_*`: answers of the HTTP API.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::Metrics;

/// Counts and measures the answers of one route, refusals and wrong methods included.
pub(crate) async fn observe(
    State((metrics, path)): State<(Metrics, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = method(request.method());
    let response = next.run(request).await;
    metrics.http_request(path, method, response.status().as_u16(), began);
    response
}

/// A method that nobody has defined must not become a label.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::DELETE => "delete",
        Method::PATCH => "patch",
        Method::OPTIONS => "options",
        Method::CONNECT => "connect",
        Method::TRACE => "trace",
        _ => "unknown",
    }
}
