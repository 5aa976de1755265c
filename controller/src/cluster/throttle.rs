//! A pace for requests to the API server: `--kubeclient-qps` and `--kubeclient-burst`.
//!
//! Watches, with the lists that they begin with, and the Lease are outside of it.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower::{Layer, Service};

use crate::gcra::Gcra;

/// What the reference's client takes zero for.
const DEFAULT_QPS: f32 = 5.0;
const DEFAULT_BURST: u32 = 10;

/// Lets requests through at a pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throttle(Option<Gcra>);

impl Throttle {
    /// `burst` requests at once and `qps` a second; no limit without `qps`, or with a negative one.
    pub(super) fn new(qps: Option<f32>, burst: u32) -> Self {
        let burst = if burst == 0 { DEFAULT_BURST } else { burst };
        let rate = qps.filter(|qps| *qps >= 0.0).and_then(|qps| {
            let qps = if qps == 0.0 { DEFAULT_QPS } else { qps };
            let interval = Duration::try_from_secs_f64(f64::from(qps).recip()).ok()?;
            Some(Gcra::new(interval, burst - 1))
        });
        Self(rate)
    }
}

impl<S> Layer<S> for Throttle {
    type Service = Throttled<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Throttled {
            inner,
            rate: self.0,
            due: None,
            turn: None,
        }
    }
}

/// A service behind a [`Throttle`]. A caller that asks whether it is ready waits here for its turn.
pub(super) struct Throttled<S> {
    inner: S,
    rate: Option<Gcra>,
    due: Option<Instant>,
    turn: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<S: Service<R>, R> Service<R> for Throttled<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if let Some(rate) = self.rate {
            let due = &mut self.due;
            let sleep = self.turn.get_or_insert_with(|| {
                let turn = rate.turn(*due, Instant::now());
                *due = Some(turn.due);
                Box::pin(tokio::time::sleep(turn.wait))
            });
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.turn = None;
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn what_is_beyond_the_burst_waits() {
        let echo = tower::service_fn(|request: u32| async move { Ok::<_, Infallible>(request) });
        let started = Instant::now();
        let mut service = Throttle::new(Some(100.0), 2).layer(echo);
        for request in 0..5 {
            let ready = service.ready().await.unwrap();
            assert_eq!(ready.call(request).await.unwrap(), request);
        }
        // Two at once, then one every 10 ms: a bound from below, however slow the machine is.
        assert!(started.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn no_rate_and_a_negative_one_are_no_limit() {
        assert_eq!(Throttle::new(None, 10).0, None);
        assert_eq!(Throttle::new(Some(-1.0), 10).0, None);
        let default = Throttle::new(Some(0.0), 0).0;
        assert_eq!(default, Some(Gcra::new(Duration::from_millis(200), 9)));
    }
}
