//! Private-key operations in Rust alone, by the `rsa` crate: blinded, but not in constant time
//! (RUSTSEC-2023-0071).

use rsa::sha2::Sha256;
use rsa::{Oaep, RsaPrivateKey};
use zeroize::Zeroizing;

use super::{DecryptionFailed, KeyRejected};

/// A private key of the `rsa` crate, which wipes it when it is dropped.
pub(crate) struct DecryptionKey(RsaPrivateKey);

impl DecryptionKey {
    /// Takes the key over.
    pub(crate) fn new(key: RsaPrivateKey) -> Result<Self, KeyRejected> {
        Ok(DecryptionKey(key))
    }

    /// RSAES-OAEP-DECRYPT with SHA-256 and MGF1-SHA-256 (RFC 8017, section 7.1.2), blinded with
    /// randomness of the operating system.
    pub(crate) fn decrypt_oaep(
        &self,
        label: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
        self.0
            .decrypt(Oaep::<Sha256>::new_with_label(label), ciphertext)
            .map(Zeroizing::new)
            .map_err(|_| DecryptionFailed)
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2.1) over `message`, by the key in PKCS#1 form.
#[cfg(not(feature = "aws-lc"))]
pub(crate) fn sign_sha256<R: rand::CryptoRng + ?Sized>(
    pkcs1: &[u8],
    rng: &mut R,
    message: &[u8],
) -> Result<Vec<u8>, KeyRejected> {
    use rsa::pkcs1::DecodeRsaPrivateKey as _;
    use rsa::sha2::Digest as _;

    let key = RsaPrivateKey::from_pkcs1_der(pkcs1).map_err(|_| KeyRejected)?;
    key.sign_with_rng(
        rng,
        rsa::Pkcs1v15Sign::new::<Sha256>(),
        &Sha256::digest(message),
    )
    .map_err(|_| KeyRejected)
}
