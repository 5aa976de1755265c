//! A status, to tell it from another without keeping it.

use sealed_secrets_crds::sealed_secret::SealedSecretStatus;
use sha2::{Digest as _, Sha256};

/// Bytes of a hash that are kept: no two statuses of an object share them, and none can be made to.
const KEPT: usize = 16;

/// What a status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct StatusDigest([u8; KEPT]);

impl StatusDigest {
    /// The digest of `status`.
    pub(in crate::cluster) fn of(status: &SealedSecretStatus) -> Self {
        let text = serde_json::to_vec(status).expect("a status is text and numbers");
        let mut kept = [0; KEPT];
        let hash = Sha256::digest(text);
        kept.copy_from_slice(&hash[..KEPT]);
        Self(kept)
    }
}
