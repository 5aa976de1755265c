//! `/v1/verify` and `/v1/rotate`: what they answer tells whether a SealedSecret unseals, and not
//! why, nor anything about its plaintext.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use sealed_secrets_core::keyring::{Hint, Keyring};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::rotate as seal;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::rate_limit::{Rate, RateLimit, Verdict};
use crate::keys::SharedKeyring;

/// How many times as much as one client all of them together may ask.
const CLIENTS: u32 = 25;

/// Answers about SealedSecrets with the keyring of the moment.
pub struct Oracle {
    keyring: SharedKeyring,
    verify: RateLimit,
    rotate: RateLimit,
    all: RateLimit,
    permits: Arc<Semaphore>,
}

impl Oracle {
    /// Nobody has asked anything yet.
    pub fn new(keyring: SharedKeyring, rate: Rate) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let all = Rate {
            per_second: rate.per_second.saturating_mul(CLIENTS),
            burst: rate.burst.saturating_add(1).saturating_mul(CLIENTS),
        };
        Self {
            keyring,
            verify: RateLimit::new(rate),
            rotate: RateLimit::new(rate),
            all: RateLimit::new(all),
            permits: Arc::new(Semaphore::new(cores)),
        }
    }

    /// The verdict of both limits; the stricter one counts.
    fn check(&self, own: &RateLimit, headers: &HeaderMap) -> Verdict {
        let now = Instant::now();
        let client = headers
            .get("x-forwarded-for")
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        // A name of any length takes no more memory than a short one.
        let client: String = String::from_utf8_lossy(client).chars().take(128).collect();
        let verdict = own.check(&client, now);
        if !verdict.allowed {
            return verdict;
        }
        let all = self.all.check("", now);
        if all.allowed { verdict } else { all }
    }

    /// Runs `job` on a thread of its own, as many at once as there are cores.
    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Keyring) -> T + Send + 'static,
    ) -> Option<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let keyring = Arc::clone(&self.keyring.borrow());
        let done = tokio::task::spawn_blocking(move || {
            let done = job(&keyring);
            drop(permit);
            done
        });
        done.await.ok()
    }
}

/// 200 if every item unseals, 409 if not, 400 for anything but a SealedSecret.
pub(super) async fn verify(
    State(oracle): State<Arc<Oracle>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let verdict = oracle.check(&oracle.verify, &headers);
    let status = async {
        if !verdict.allowed {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        let body = match body {
            Ok(body) => body,
            Err(rejection) => return rejection.status(),
        };
        let answer = oracle.work(move |keyring| {
            let (sealed, _) = seal::read_body(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
            seal::verify(&sealed, keyring, &hint(&sealed)).map_err(|_| StatusCode::CONFLICT)
        });
        match answer.await {
            Some(Ok(())) => StatusCode::OK,
            Some(Err(status)) => status,
            None => StatusCode::INTERNAL_SERVER_ERROR,
        }
    };
    limited(verdict, status.await.into_response())
}

/// The SealedSecret as JSON, every item sealed for the newest key.
pub(super) async fn rotate(
    State(oracle): State<Arc<Oracle>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let verdict = oracle.check(&oracle.rotate, &headers);
    let response = async {
        if !verdict.allowed {
            return StatusCode::TOO_MANY_REQUESTS.into_response();
        }
        let body = match body {
            Ok(body) => body,
            Err(rejection) => return rejection.status().into_response(),
        };
        match oracle.work(move |keyring| rotated(&body, keyring)).await {
            Some(Ok(value)) => axum::Json(value).into_response(),
            Some(Err(status)) => status.into_response(),
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    limited(verdict, response.await)
}

fn rotated(body: &[u8], keyring: &Keyring) -> Result<Value, StatusCode> {
    let (sealed, value) = seal::read_body(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let failed = StatusCode::INTERNAL_SERVER_ERROR;
    let newest = keyring.newest().ok_or(failed)?;
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|_| failed)?;
    let key = newest.pair.public_key();
    seal::rotate(&mut rng, &sealed, value, keyring, key, &hint(&sealed)).map_err(|_| failed)
}

fn hint(sealed: &SealedSecret) -> Hint {
    let created_at = sealed
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    Hint {
        created_at,
        ..Hint::default()
    }
}

/// Adds what the limit says.
fn limited(verdict: Verdict, response: Response) -> Response {
    let mut response = response;
    if !verdict.allowed {
        let seconds = whole_seconds(verdict.retry_after).max(1);
        response = (StatusCode::TOO_MANY_REQUESTS, "limit exceeded\n").into_response();
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    for (name, value) in [
        ("x-ratelimit-limit", u64::from(verdict.limit)),
        ("x-ratelimit-remaining", u64::from(verdict.remaining)),
        ("x-ratelimit-reset", whole_seconds(verdict.reset)),
    ] {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    response
}

/// Rounded up: a client that waits that long has waited enough.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
