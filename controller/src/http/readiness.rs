//! Whether the controller can do its work.
//!
//! Ready means that there is a key to serve and that every SealedSecret has been listed once (in
//! standalone mode: read once). An API server that is away later doesn't change that: the
//! certificate, `/v1/verify` and `/v1/rotate` need only the keyring, and taking them away from users
//! would help nobody. The last key being deleted does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::keys::SharedKeyring;

/// What is ready so far. A clone sees the same.
#[derive(Clone, Debug)]
pub struct Readiness {
    keyring: SharedKeyring,
    listed: Arc<AtomicBool>,
}

impl Readiness {
    /// Nothing has been listed.
    pub fn new(keyring: SharedKeyring) -> Self {
        Self {
            keyring,
            listed: Arc::default(),
        }
    }

    /// Every SealedSecret has been listed.
    pub fn set_listed(&self) {
        self.listed.store(true, Ordering::Relaxed);
    }

    /// What is missing, for people; `None` if nothing is.
    pub fn missing(&self) -> Option<&'static str> {
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
        let readiness = Readiness::new(keyring);
        assert_eq!(readiness.missing(), Some("there is no key"));
        readiness.clone().set_listed();
        assert_eq!(readiness.missing(), Some("there is no key"));
    }
}
