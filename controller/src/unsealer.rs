//! Computes desired Secrets off the async threads, a bounded number at a time.
//!
//! RSA takes a millisecond of a core for each item. The pool is as large as the machine has cores,
//! and remembers which key opened what, since that key will open it again.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::keyring::{Hint, Keyring};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::desired::{DesiredError, DesiredSecret, Options, desired_secret};
use tokio::sync::Semaphore;

use crate::keys::SharedKeyring;

/// Namespace and name of an object.
pub type ObjectKey = (String, String);

/// Unseals with the keyring of the moment.
pub struct Unsealer {
    keyring: SharedKeyring,
    options: Options,
    permits: Arc<Semaphore>,
    worked: Mutex<HashMap<ObjectKey, Fingerprint>>,
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
            permits: Arc::new(Semaphore::new(cores)),
            worked: Mutex::default(),
        }
    }

    /// Computes the Secret that `sealed` describes.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn desired(&self, sealed: Arc<SealedSecret>) -> Result<DesiredSecret, UnsealerError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| UnsealerError::Interrupted)?;
        let keyring = self.keyring();
        let key = (sealed.namespace().to_owned(), sealed.name().to_owned());
        let hint = Hint {
            fingerprint: None,
            last_worked: self.worked().get(&key).copied(),
            created_at: created_at(&sealed),
        };
        let options = self.options;
        let compute = move || {
            // Held by the work, which goes on when nobody waits for it any more.
            let _permit = permit;
            desired_secret(&sealed, &keyring, &hint, options)
        };
        let result = tokio::task::spawn_blocking(compute)
            .await
            .map_err(|_| UnsealerError::Interrupted)?;
        if let Ok(desired) = &result
            && let Some(worked) = desired.keys_used.first()
        {
            self.worked().insert(key, *worked);
        }
        result.map_err(UnsealerError::Desired)
    }

    /// The keyring of the moment.
    pub fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.borrow())
    }

    /// Forgets what is remembered about an object that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.worked().remove(key);
    }

    fn worked(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectKey, Fingerprint>> {
        // The map is whole after any panic: it is only a cache.
        self.worked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn created_at(sealed: &SealedSecret) -> Option<Timestamp> {
    sealed
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0)
}
