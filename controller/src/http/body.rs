//! Bodies of requests and answers: within a budget of memory for all of them, and within a time.
//!
//! Who wants to send a body claims its size before the first byte is read, and gives it back when the
//! answer has been written. What stalls is dropped; how many do so changes nothing about the memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Largest body of a request. A Secret holds 1 MiB, which is 1.4 MiB sealed and encoded.
const MAX_BODY: usize = 4 << 20;
/// Largest body that counts as small. Most SealedSecrets are smaller by far.
const SMALL_BODY: usize = 64 << 10;
/// Bytes of all small bodies at once.
const SMALL_BUDGET: usize = 16 << 20;
/// Bytes of all other bodies at once. A budget of their own: large ones don't hold up small ones.
const LARGE_BUDGET: usize = 48 << 20;
/// Longest time to wait for something that others hold.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Time for a body, to begin with, and for each part of it.
const GRACE: Duration = Duration::from_secs(10);
/// Bytes that earn a body a second more.
const BYTES_PER_SECOND: usize = 64 << 10;
/// Most that is read of a body that nobody wants, so that its sender gets to read the answer.
const DISCARDED: usize = 256 << 10;
/// Longest time for that.
const DISCARD_TIME: Duration = Duration::from_secs(1);
/// Bytes of an answer that are handed over at once.
const CHUNK: usize = 16 << 10;

/// What all bodies under way may take.
#[derive(Debug)]
pub(super) struct Budget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    read_timeout: Option<Duration>,
    patience: Duration,
}

/// A body, and the part of the budget that it takes until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Vec<u8>,
    claim: OwnedSemaphorePermit,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Refusal {
    /// More than any SealedSecret can be.
    #[error("the body is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// The budget was spent for too long.
    #[error("too many other requests are under way")]
    Busy,
    /// The client stalled.
    #[error("the body did not come in time")]
    TooSlow,
    /// The client went, or the body is malformed.
    #[error("the body is incomplete")]
    Incomplete,
}

impl Budget {
    /// Nothing is spent. A body may take `read_timeout`, if there is any.
    pub(super) fn new(read_timeout: Option<Duration>) -> Self {
        Self {
            small: Arc::new(Semaphore::new(SMALL_BUDGET)),
            large: Arc::new(Semaphore::new(LARGE_BUDGET)),
            read_timeout,
            patience: PATIENCE,
        }
    }

    /// Reads a body once there is room for it.
    pub(super) async fn read(&self, mut body: Body) -> Result<Held, Refusal> {
        let length = body.size_hint().exact();
        let claim = self.claim(length).await?;
        let began = Instant::now();
        let known = length.and_then(|length| usize::try_from(length).ok());
        let mut bytes = Vec::with_capacity(known.unwrap_or_default());
        loop {
            let stalled = Instant::now() + GRACE;
            let due = stalled.min(began + self.time_for(bytes.len()));
            let frame = timeout_at(due, body.frame());
            match frame.await.map_err(|_| Refusal::TooSlow)? {
                None => return Ok(Held { bytes, claim }),
                Some(Err(_)) => return Err(Refusal::Incomplete),
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    if bytes.len() + data.len() > MAX_BODY {
                        return Err(Refusal::TooLarge);
                    }
                    bytes.extend_from_slice(&data);
                }
            }
        }
    }

    /// Room for a body of `length` bytes; without a length it may become as large as any.
    async fn claim(&self, length: Option<u64>) -> Result<OwnedSemaphorePermit, Refusal> {
        let most = MAX_BODY as u64;
        let length = length.unwrap_or(most);
        if length > most {
            return Err(Refusal::TooLarge);
        }
        let length = u32::try_from(length).map_err(|_| Refusal::TooLarge)?;
        let budget = if length as usize <= SMALL_BODY {
            &self.small
        } else {
            &self.large
        };
        let claim = timeout(self.patience, Arc::clone(budget).acquire_many_owned(length));
        let claim = claim.await.map_err(|_| Refusal::Busy)?;
        claim.map_err(|_| Refusal::Busy)
    }

    /// Time in which the byte after the first `received` ones has to come.
    fn time_for(&self, received: usize) -> Duration {
        let earned = Duration::from_secs((received / BYTES_PER_SECOND) as u64);
        let time = GRACE + earned;
        self.read_timeout.map_or(time, |limit| limit.min(time))
    }
}

impl Held {
    /// The body.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// An answer about as large as the body, which takes the body's part of the budget until it is
    /// written.
    pub(super) fn answer(self, bytes: Vec<u8>) -> Body {
        Body::new(Answer {
            left: Bytes::from(bytes),
            _claim: self.claim,
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            // No 5xx: anybody can bring it about, and it is no fault of the controller.
            Refusal::Busy => StatusCode::TOO_MANY_REQUESTS,
            Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Incomplete => StatusCode::BAD_REQUEST,
        };
        let mut response = status.into_response();
        if self == Refusal::Busy {
            let seconds = HeaderValue::from(PATIENCE.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// Reads a body that nobody wants, if it is short: a connection that is closed on what its client
/// still sends can lose the answer.
pub(super) async fn discard(mut body: Body) {
    if body.size_hint().lower() > DISCARDED as u64 {
        return;
    }
    let read = async {
        let mut left = DISCARDED;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Whether it was read makes no difference to the answer.
    let _ = timeout(DISCARD_TIME, read).await;
}

/// An answer that is handed over in pieces, and lives until the last of them.
struct Answer {
    left: Bytes,
    _claim: OwnedSemaphorePermit,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.left.len().min(CHUNK);
        // A copy: a part of the whole would keep all of it in memory.
        let chunk = Bytes::copy_from_slice(&self.left.split_to(length));
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impatient(read_timeout: Option<Duration>) -> Budget {
        Budget {
            patience: Duration::ZERO,
            ..Budget::new(read_timeout)
        }
    }

    #[tokio::test]
    async fn bodies_wait_for_room_and_give_it_back() {
        let budget = impatient(None);
        let whole = || Body::from(vec![b'x'; MAX_BODY]);
        let mut held = Vec::new();
        for _ in 0..LARGE_BUDGET / MAX_BODY {
            held.push(budget.read(whole()).await.unwrap());
        }
        assert_eq!(budget.read(whole()).await.unwrap_err(), Refusal::Busy);
        let small = budget.read(Body::from("small")).await.unwrap();
        assert_eq!(small.bytes(), b"small");

        let answer = held.pop().unwrap().answer(vec![b'y'; 3 * CHUNK + 1]);
        assert_eq!(budget.read(whole()).await.unwrap_err(), Refusal::Busy);
        let answer = answer.collect().await.unwrap().to_bytes();
        assert_eq!(answer, vec![b'y'; 3 * CHUNK + 1]);
        assert!(budget.read(whole()).await.is_ok());
    }

    #[tokio::test]
    async fn bodies_that_stall_or_are_too_large_are_refused() {
        let budget = impatient(Some(Duration::ZERO));
        let stalled =
            Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(budget.read(stalled).await.unwrap_err(), Refusal::TooSlow);
        let budget = impatient(None);
        let large = Body::from(vec![b'x'; MAX_BODY + 1]);
        assert_eq!(budget.read(large).await.unwrap_err(), Refusal::TooLarge);
        let chunk = || Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; MAX_BODY]));
        let endless = Body::from_stream(futures::stream::repeat_with(chunk));
        assert_eq!(budget.read(endless).await.unwrap_err(), Refusal::TooLarge);
    }
}
