//! Whether the controller can do its work.
//!
//! Ready means that there is a key to serve and that every SealedSecret has been listed once (in
//! standalone mode: read once). An API server that is away later doesn't change that: the
//! certificate, `/v1/verify` and `/v1/rotate` need only the keyring, and taking them away from users
//! would help nobody. The last key being deleted does, and so does the end of the process being asked
//! for, while whoever is still led here is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::keys::SharedKeyring;

/// What is ready so far. A clone sees the same.
#[derive(Clone, Debug)]
pub struct Readiness {
    keyring: SharedKeyring,
    listed: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl Readiness {
    /// Nothing has been listed. Once `stop` is cancelled it is not ready any more.
    pub fn new(keyring: SharedKeyring, stop: CancellationToken) -> Self {
        Self {
            keyring,
            listed: Arc::default(),
            stop,
        }
    }

    /// Every SealedSecret has been listed.
    pub fn set_listed(&self) {
        self.listed.store(true, Ordering::Relaxed);
    }

    /// What is missing, for people; `None` if nothing is.
    pub fn missing(&self) -> Option<&'static str> {
        if self.stop.is_cancelled() {
            return Some("the controller is about to end");
        }
        if self.keyring.borrow().is_empty() {
            return Some("there is no key");
        }
        (!self.listed.load(Ordering::Relaxed))
            .then_some("the SealedSecrets have not been listed yet")
    }
}

#[cfg(test)]
mod tests {
    use sealed_secrets_core::keyring::KeyOrder;

    use super::*;
    use crate::keys::Publisher;
    use crate::metrics::Metrics;

    #[test]
    fn no_key_is_the_first_thing_missing() {
        let (_publisher, keyring) = Publisher::new(KeyOrder::default(), Metrics::new(false));
        let stop = CancellationToken::new();
        let readiness = Readiness::new(keyring, stop.clone());
        assert_eq!(readiness.missing(), Some("there is no key"));
        readiness.clone().set_listed();
        assert_eq!(readiness.missing(), Some("there is no key"));
        stop.cancel();
        assert_eq!(readiness.missing(), Some("the controller is about to end"));
    }
}
