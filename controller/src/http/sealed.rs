//! `/v1/verify` and `/v1/rotate`: what they answer tells whether a SealedSecret unseals, and not
//! why, nor anything about its plaintext.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use sealed_secrets_core::keyring::{Hint, Keyring};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::rotate as seal;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::body::{Budget, Held, PATIENCE, Refusal, discard};
use super::rate_limit::{Rate, RateLimit, Verdict};
use crate::keys::SharedKeyring;

/// How many times as much as one client all of them together may ask.
const CLIENTS: u32 = 25;
/// Private-key operations that a request may need to count as an ordinary one.
const ORDINARY: usize = 64;

/// What is asked about a SealedSecret that was read: status, or a body of JSON.
type Question = fn(&SealedSecret, Value, &Keyring) -> Result<Option<Vec<u8>>, StatusCode>;

/// Answers about SealedSecrets with the keyring of the moment.
pub struct Oracle {
    keyring: SharedKeyring,
    verify: RateLimit,
    rotate: RateLimit,
    all: RateLimit,
    budget: Budget,
    ordinary: Arc<Semaphore>,
    /// What takes long waits for one of its kind, and doesn't hold up the others.
    heavy: Arc<Semaphore>,
}

/// What came of a question.
enum Answer {
    Json(Held, Vec<u8>),
    Status(StatusCode),
    /// It takes more work than it may.
    Heavy(Held),
}

impl Oracle {
    /// Nobody has asked anything yet. A body may take `read_timeout`.
    pub fn new(keyring: SharedKeyring, rate: Rate, read_timeout: Option<Duration>) -> Self {
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
            budget: Budget::new(read_timeout),
            ordinary: Arc::new(Semaphore::new(cores)),
            heavy: Arc::new(Semaphore::new(1)),
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

    /// Answers a request; of its body nothing is read until the limit lets it pass.
    async fn answer(
        &self,
        own: &RateLimit,
        headers: &HeaderMap,
        body: Body,
        question: Question,
    ) -> Response {
        let verdict = self.check(own, headers);
        if !verdict.allowed {
            discard(body).await;
            return limited(verdict, StatusCode::TOO_MANY_REQUESTS.into_response());
        }
        let response = match self.budget.read(body).await {
            Ok(body) => self.work(body, question).await,
            Err(refusal) => Err(refusal),
        };
        limited(verdict, response.unwrap_or_else(Refusal::into_response))
    }

    /// Answers `question` about `body`, as many at once as there are cores, and one that takes long.
    async fn work(&self, body: Held, question: Question) -> Result<Response, Refusal> {
        let permit = Arc::clone(&self.ordinary).acquire_owned().await;
        let permit = permit.map_err(|_| Refusal::Busy)?;
        let mut answer = self.run(permit, body, question, ORDINARY).await;
        if let Answer::Heavy(body) = answer {
            let permit = timeout(PATIENCE, Arc::clone(&self.heavy).acquire_owned()).await;
            let permit = permit.map_err(|_| Refusal::Busy)?;
            let permit = permit.map_err(|_| Refusal::Busy)?;
            answer = self.run(permit, body, question, usize::MAX).await;
        }
        Ok(match answer {
            Answer::Json(body, json) => {
                let json_type = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, json_type)], body.answer(json)).into_response()
            }
            Answer::Status(status) => status.into_response(),
            Answer::Heavy(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        })
    }

    /// Answers `question` on a thread of its own, unless it takes more than `work` private-key operations.
    async fn run(
        &self,
        permit: OwnedSemaphorePermit,
        body: Held,
        question: Question,
        work: usize,
    ) -> Answer {
        let keyring = Arc::clone(&self.keyring.borrow());
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let Ok((sealed, value)) = seal::read_body(body.bytes()) else {
                return Answer::Status(StatusCode::BAD_REQUEST);
            };
            if seal::work(&sealed, &keyring) > work {
                return Answer::Heavy(body);
            }
            match question(&sealed, value, &keyring) {
                Ok(Some(json)) => Answer::Json(body, json),
                Ok(None) => Answer::Status(StatusCode::OK),
                Err(status) => Answer::Status(status),
            }
        });
        let failed = Answer::Status(StatusCode::INTERNAL_SERVER_ERROR);
        done.await.unwrap_or(failed)
    }
}

/// 200 if every item unseals, 409 if not, 400 for anything but a SealedSecret.
pub(super) async fn verify(
    State(oracle): State<Arc<Oracle>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let question: Question = |sealed, _, keyring| {
        let verified = seal::verify(sealed, keyring, &hint(sealed));
        verified.map(|()| None).map_err(|_| StatusCode::CONFLICT)
    };
    oracle
        .answer(&oracle.verify, &headers, body, question)
        .await
}

/// The SealedSecret as JSON, every item sealed for the newest key.
pub(super) async fn rotate(
    State(oracle): State<Arc<Oracle>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let question: Question = |sealed, value, keyring| {
        let rotated = rotated(sealed, value, keyring);
        rotated.map(Some).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    };
    oracle
        .answer(&oracle.rotate, &headers, body, question)
        .await
}

fn rotated(sealed: &SealedSecret, value: Value, keyring: &Keyring) -> Option<Vec<u8>> {
    let key = keyring.newest()?.pair.public_key();
    let mut rng = StdRng::try_from_rng(&mut SysRng).ok()?;
    let rotated = seal::rotate(&mut rng, sealed, value, keyring, key, &hint(sealed)).ok()?;
    serde_json::to_vec(&rotated).ok()
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
