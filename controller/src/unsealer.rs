//! Computes desired Secrets off the async threads, a bounded number at a time.
//!
//! RSA takes a millisecond of a core for each item, and for each key that doesn't open it. The pool
//! is as large as the machine has cores, and two at least: objects that may take long take turns, so
//! that the others go past them. It remembers which key opened what, since that key will open it
//! again, and maybe what is beside it.

mod worked;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sealed_secrets_core::keyring::{Hint, Keyring};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::desired::{DesiredError, DesiredSecret, Options, desired_secret};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::keys::SharedKeyring;
use worked::Worked;

/// Items above which an object takes long: a quarter of a second or so.
const HEAVY_ITEMS: usize = 256;
/// Items times keys above which it may take long. The likely key fits as a rule, so most objects with
/// that many take no longer than their items do.
const HEAVY_OPERATIONS: usize = 4096;

/// Namespace and name of an object.
pub type ObjectKey = (String, String);

/// Unseals with the keyring of the moment.
pub struct Unsealer {
    keyring: SharedKeyring,
    options: Options,
    permits: Arc<Semaphore>,
    /// Of the objects that may take long, one at a time.
    heavy: Arc<Semaphore>,
    worked: Mutex<Worked>,
}

/// Why there is no desired Secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealerError {
    /// The object can't be unsealed.
    #[error("{0}")]
    Desired(DesiredError),
    /// The computation itself failed; a fault of ours.
    #[error("unsealing was interrupted")]
    Interrupted,
}

impl Unsealer {
    /// Unseals with `keyring`.
    pub fn new(keyring: SharedKeyring, options: Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            keyring,
            options,
            permits: Arc::new(Semaphore::new(cores.max(2))),
            heavy: Arc::new(Semaphore::new(1)),
            worked: Mutex::default(),
        }
    }

    /// Computes the Secret that `sealed` describes.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn desired(&self, sealed: Arc<SealedSecret>) -> Result<DesiredSecret, UnsealerError> {
        let items = sealed.spec.encrypted_data.len();
        let turn = self.turn(takes_long(items, &self.keyring())).await?;
        let keyring = self.keyring();
        let key = (sealed.namespace().to_owned(), sealed.name().to_owned());
        let hint = Hint {
            fingerprint: None,
            last_worked: self.worked().likely(&key),
            created_at: created_at(&sealed),
        };
        let options = self.options;
        let compute = move || {
            // Held by the work, which goes on when nobody waits for it any more.
            let _turn = turn;
            desired_secret(&sealed, &keyring, &hint, options)
        };
        let result = tokio::task::spawn_blocking(compute)
            .await
            .map_err(|_| UnsealerError::Interrupted)?;
        if let Ok(desired) = &result
            && let Some(worked) = desired.keys_used.first()
        {
            self.worked().insert(&key, *worked);
        }
        result.map_err(UnsealerError::Desired)
    }

    /// Whether an object of so many items may take long while another one does: it would have to wait,
    /// and whoever waits beside it, too.
    pub fn would_wait(&self, items: usize) -> bool {
        takes_long(items, &self.keyring()) && self.heavy.available_permits() == 0
    }

    /// Waits until an object that takes long, or doesn't, may be unsealed.
    async fn turn(&self, takes_long: bool) -> Result<Turn, UnsealerError> {
        let acquire = async |semaphore: &Arc<Semaphore>| {
            let acquired = Arc::clone(semaphore).acquire_owned().await;
            acquired.map_err(|_| UnsealerError::Interrupted)
        };
        // First, so that those that wait for it hold up nobody else.
        let heavy = if takes_long {
            Some(acquire(&self.heavy).await?)
        } else {
            None
        };
        Ok(Turn {
            _permit: acquire(&self.permits).await?,
            _heavy: heavy,
        })
    }

    /// The keyring of the moment.
    pub fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.borrow())
    }

    /// Forgets what is remembered about an object that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.worked().remove(key);
    }

    fn worked(&self) -> MutexGuard<'_, Worked> {
        // The map is whole after any panic: it is only a cache.
        self.worked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to compute, until it is dropped.
struct Turn {
    _permit: OwnedSemaphorePermit,
    _heavy: Option<OwnedSemaphorePermit>,
}

/// Whether unsealing takes long, or may.
fn takes_long(items: usize, keyring: &Keyring) -> bool {
    let items = items.max(1);
    items > HEAVY_ITEMS || items.saturating_mul(keyring.len()) > HEAVY_OPERATIONS
}

fn created_at(sealed: &SealedSecret) -> Option<Timestamp> {
    sealed
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use sealed_secrets_core::keyring::KeyOrder;
    use tokio::sync::watch;

    #[test]
    fn objects_that_take_long_take_turns_and_others_go_past() {
        let keyring = Arc::new(Keyring::new(KeyOrder::CertNotBefore));
        let (_sender, keyring) = watch::channel(keyring);
        let unsealer = Unsealer::new(keyring, Options::default());
        let turn = |takes_long| unsealer.turn(takes_long).now_or_never();
        let first = turn(true).expect("nobody is before it");
        for _ in 0..1000 {
            assert!(turn(true).is_none());
        }
        for _ in 0..3 {
            assert!(turn(false).expect("there is room beside it").is_ok());
        }
        assert!(unsealer.would_wait(HEAVY_ITEMS + 1));
        assert!(!unsealer.would_wait(HEAVY_ITEMS));
        drop(first);
        assert!(!unsealer.would_wait(HEAVY_ITEMS + 1));
        assert!(turn(true).expect("the first is done").is_ok());
    }
}
