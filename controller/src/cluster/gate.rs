//! What lets no write through unless this replica leads: asked at the last moment, for each of them.
//!
//! Reads pass. A write under way when the tenure ends is dropped, and with it all that would be tried
//! again below; what the API server makes of it is decided by the version or the name that it carries.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Method, Request};
use tokio_util::task::TaskTracker;
use tower::{BoxError, Layer, Service};

use crate::leadership::Leadership;

/// How long writes under way may take once the gate is closed.
const IN_FLIGHT: Duration = Duration::from_secs(3);

/// Lets writes through while this replica leads.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    leadership: Leadership,
    writes: TaskTracker,
}

/// Another replica writes, or nobody does.
#[derive(Debug, thiserror::Error)]
#[error("this replica doesn't lead")]
struct NotLeading;

/// Whether a write was not sent, or not waited for, because this replica doesn't lead.
pub(super) fn is_not_leading(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Service(error) if error.is::<NotLeading>())
}

impl Gate {
    pub(super) fn new(leadership: Leadership) -> Self {
        Self {
            leadership,
            writes: TaskTracker::new(),
        }
    }

    /// Lets no more writes through, for good, and waits a while for those under way.
    pub(super) async fn close(&self) {
        self.writes.close();
        let ended = tokio::time::timeout(IN_FLIGHT, self.writes.wait()).await;
        if ended.is_err() {
            tracing::warn!("the API server hasn't answered the last writes");
        }
    }

    fn is_open(&self) -> bool {
        !self.writes.is_closed() && self.leadership.holds()
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated {
            inner,
            gate: self.clone(),
        }
    }
}

/// A service behind a [`Gate`].
pub(super) struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S, B> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Box::pin(self.inner.call(request));
        }
        // Counted before it is let through, so that none slips by while the gate is closed.
        let token = self.gate.writes.token();
        if !self.gate.is_open() {
            return Box::pin(std::future::ready(Err(NotLeading.into())));
        }
        let write = self.inner.call(request);
        let leadership = self.gate.leadership.clone();
        Box::pin(async move {
            let _token = token;
            while_leading(leadership, write).await
        })
    }
}

/// Goes on with `write` for as long as the tenure lasts.
async fn while_leading<T>(
    mut leadership: Leadership,
    write: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    let asked = leadership.clone();
    let mut write = std::pin::pin!(write);
    // A timer may be late, above all in a process that was stopped: the clock is asked each time.
    let write = std::future::poll_fn(|context| {
        if asked.holds() {
            write.as_mut().poll(context)
        } else {
            Poll::Ready(Err(NotLeading.into()))
        }
    });
    tokio::select! {
        biased;
        written = write => written,
        () = leadership.lapsed() => Err(NotLeading.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Instant;

    use tower::ServiceExt as _;

    use super::*;
    use crate::leadership::{Seat, Tenure};

    const LONG: Duration = Duration::from_secs(3600);

    fn request(method: Method) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        request
    }

    async fn passes(gate: &Gate, method: Method) -> bool {
        let echo = tower::service_fn(|request: Request<()>| async move { Ok(request) });
        let answer = gate.layer(echo).oneshot(request(method)).await;
        let refused = answer.err();
        assert!(
            refused
                .as_ref()
                .is_none_or(|error| error.is::<NotLeading>())
        );
        refused.is_none()
    }

    #[tokio::test]
    async fn writes_pass_while_it_leads_and_reads_always() {
        let (seat, leadership) = Seat::new();
        let gate = Gate::new(leadership);
        assert!(!passes(&gate, Method::PUT).await);
        let now = Instant::now();
        seat.settle(Tenure::Until(now + LONG));
        assert!(passes(&gate, Method::PUT).await);
        seat.settle(Tenure::Until(now));
        for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            assert!(!passes(&gate, method).await);
        }
        assert!(passes(&gate, Method::GET).await);
        seat.settle(Tenure::Alone);
        gate.close().await;
        assert!(!passes(&gate, Method::POST).await);
        assert!(passes(&gate, Method::GET).await);
    }

    #[tokio::test]
    async fn a_write_under_way_ends_with_the_tenure() {
        let (seat, leadership) = Seat::new();
        let gate = Gate::new(leadership);
        let now = Instant::now();
        seat.settle(Tenure::Until(now + LONG));
        let hang = tower::service_fn(|_: Request<()>| async {
            std::future::pending::<Result<Infallible, BoxError>>().await
        });
        let write = tokio::spawn(gate.layer(hang).oneshot(request(Method::PUT)));
        tokio::task::yield_now().await;
        seat.settle(Tenure::None);
        let error = write.await.unwrap().unwrap_err();
        assert!(error.is::<NotLeading>());
        gate.close().await;
    }
}
