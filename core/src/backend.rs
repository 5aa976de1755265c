//! Who computes with keys.
//!
//! Everything that can be timed by a stranger goes through a `DecryptionKey`; nothing outside this
//! module holds a private number in a form that computes.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(any(test, not(feature = "aws-lc")))]
mod pure;
#[cfg(test)]
mod wycheproof;

#[cfg(feature = "aws-lc")]
pub(crate) use aws_lc::{DecryptionKey, EncryptionKey, sign_sha256};
#[cfg(not(feature = "aws-lc"))]
pub(crate) use pure::{DecryptionKey, sign_sha256};

/// The key passed our own checks, but the library refuses to compute with it.
#[derive(Debug)]
pub(crate) struct KeyRejected;

/// The ciphertext was not made with this key and label. There is no more to say, on purpose: any
/// difference between the causes would help an attacker (RFC 8017, section 7.1.2, note).
#[derive(Debug)]
pub(crate) struct DecryptionFailed;

/// The message is too long for the key, which it never is here.
#[cfg(feature = "aws-lc")]
#[derive(Debug)]
pub(crate) struct EncryptionFailed;
