//! Making a key pair.

use jiff::{SignedDuration, Timestamp};
use rand::rngs::SysRng;
use rand::{SeedableRng as _, rngs::StdRng};
use sealed_secrets_core::certificate::{Certificate, CertificateTemplate};
use sealed_secrets_core::key_pair::{KeyPair, KeyPairError};
use sealed_secrets_core::private_key::PrivateKey;

use crate::args::KeyArgs;

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
/// The certificate is valid from now on, or from `not_before` if that is later.
///
/// # Errors
/// No randomness, or a certificate that can't be made (a validity beyond the year 9999).
pub(super) async fn generate(
    args: &KeyArgs,
    not_before: Option<Timestamp>,
) -> Result<KeyPair, GenerateError> {
    let args = args.clone();
    tokio::task::spawn_blocking(move || generate_now(&args, not_before))
        .await
        .map_err(|_| GenerateError::Interrupted)?
}

fn generate_now(args: &KeyArgs, not_before: Option<Timestamp>) -> Result<KeyPair, GenerateError> {
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(GenerateError::Randomness)?;
    let key = PrivateKey::generate(&mut rng, args.key_size).map_err(KeyPairError::from)?;
    // Only now: the search may have taken long.
    let now = Timestamp::now();
    let mut certificate = |not_before| {
        let template = CertificateTemplate {
            common_name: args.my_cn.clone(),
            not_before,
            valid_for: SignedDuration::try_from(args.key_ttl).unwrap_or(SignedDuration::MAX),
        };
        Certificate::self_signed(&mut rng, &key, &template)
    };
    let certificate = match not_before.filter(|not_before| *not_before > now) {
        // So late that nothing can come after it: then it can't be helped.
        Some(not_before) => certificate(not_before).or_else(|_| certificate(now)),
        None => certificate(now),
    };
    Ok(KeyPair::new(key, certificate.map_err(KeyPairError::from)?)?)
}
