//! The keyring that everything in the process shares, and how a new key is made.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::SysRng;
use rand::{SeedableRng as _, rngs::StdRng};
use sealed_secrets_core::certificate::CertificateTemplate;
use sealed_secrets_core::key_pair::{KeyPair, KeyPairError};
use sealed_secrets_core::keyring::Keyring;
use tokio::sync::watch;

use crate::args::KeyArgs;

/// The keyring of the moment; receivers hear of every change.
pub type SharedKeyring = watch::Receiver<Arc<Keyring>>;

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
