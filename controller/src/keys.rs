//! The keyring that everything in the process shares, and how a new key is made.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::SysRng;
use rand::{SeedableRng as _, rngs::StdRng};
use sealed_secrets_core::certificate::CertificateTemplate;
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::key_pair::{KeyPair, KeyPairError};
use sealed_secrets_core::keyring::{KeyEntry, KeyOrder, Keyring};
use tokio::sync::watch;

use crate::args::KeyArgs;
use crate::metrics::Metrics;

/// The keyring of the moment; receivers hear of every change.
pub type SharedKeyring = watch::Receiver<Arc<Keyring>>;

/// Makes keyrings the current one, and tells about it.
#[derive(Debug)]
pub struct Publisher {
    keyring: watch::Sender<Arc<Keyring>>,
    metrics: Metrics,
    /// What was complained about, to say it once.
    told: BTreeSet<String>,
}

impl Publisher {
    /// Starts with an empty keyring.
    pub fn new(metrics: Metrics) -> (Self, SharedKeyring) {
        let (keyring, receiver) = watch::channel(Arc::new(Keyring::new(KeyOrder::CertNotBefore)));
        (
            Self {
                keyring,
                metrics,
                told: BTreeSet::new(),
            },
            receiver,
        )
    }

    /// Makes a keyring of `entries` the current one if it differs, and reports what isn't a key.
    /// Returns how many keys there are.
    pub fn publish<E: Error + 'static>(
        &mut self,
        entries: impl Iterator<Item = Result<KeyEntry, E>>,
    ) -> usize {
        let (keyring, errors) = Keyring::from_entries(KeyOrder::CertNotBefore, entries);
        let complaints: BTreeSet<String> =
            errors.iter().map(|error| crate::describe(error)).collect();
        for complaint in complaints.difference(&self.told) {
            tracing::warn!(error = complaint, "key skipped");
        }
        self.told = complaints;
        self.metrics.keys(&keyring, errors.len());
        let count = keyring.len();
        if identity(&keyring) != identity(&self.keyring.borrow()) {
            for entry in keyring.entries() {
                tracing::info!(key = entry.name, fingerprint = %entry.pair.fingerprint(), "key in use");
            }
            self.keyring.send_replace(Arc::new(keyring));
        }
        count
    }

    /// Whether something was given as a key that isn't one.
    pub fn has_complaints(&self) -> bool {
        !self.told.is_empty()
    }

    /// Whether there is no key at the moment.
    pub fn is_empty(&self) -> bool {
        self.keyring.borrow().is_empty()
    }
}

/// What tells one keyring from another: names, keys and their certificates.
pub fn identity(keyring: &Keyring) -> BTreeSet<(String, Fingerprint, Timestamp)> {
    keyring
        .entries()
        .map(|entry| {
            let certificate = entry.pair.certificate();
            (
                entry.name.clone(),
                entry.pair.fingerprint(),
                certificate.not_before(),
            )
        })
        .collect()
}

/// Why no key could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// The system gives no randomness.
    #[error("no randomness from the operating system")]
    Randomness(#[source] rand::rngs::SysError),
    /// The key or its certificate couldn't be made.
    #[error("cannot make a key")]
    KeyPair(#[from] KeyPairError),
    /// The thread that searched for primes is gone.
    #[error("key generation was interrupted")]
    Interrupted,
}

/// Makes a key pair on a thread of its own: searching for primes takes seconds.
///
/// # Errors
/// No randomness, or a certificate that can't be made (a validity beyond the year 9999).
pub async fn generate(args: &KeyArgs) -> Result<KeyPair, GenerateError> {
    let args = args.clone();
    let now = Timestamp::now();
    tokio::task::spawn_blocking(move || {
        let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(GenerateError::Randomness)?;
        let template = CertificateTemplate {
            common_name: args.my_cn.clone(),
            not_before: now,
            valid_for: SignedDuration::try_from(args.key_ttl).unwrap_or(SignedDuration::MAX),
        };
        Ok(KeyPair::generate(&mut rng, args.key_size, &template)?)
    })
    .await
    .map_err(|_| GenerateError::Interrupted)?
}
