//! Operations by AWS-LC, those with private keys in constant time.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use rand::CryptoRng;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use rsa::{RsaPrivateKey, RsaPublicKey};
use zeroize::Zeroizing;

use super::{DecryptionFailed, EncryptionFailed, KeyRejected};

/// A private key inside AWS-LC, which wipes it when it is freed. Making one costs about as much as a
/// decryption, so it is made once for each key.
pub(crate) struct DecryptionKey(OaepPrivateDecryptingKey);

impl DecryptionKey {
    /// Hands the key over. AWS-LC checks its numbers against each other once more.
    pub(crate) fn new(key: RsaPrivateKey) -> Result<Self, KeyRejected> {
        let pkcs8 = key.to_pkcs8_der().map_err(|_| KeyRejected)?;
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8.as_bytes()).map_err(|_| KeyRejected)?;
        OaepPrivateDecryptingKey::new(key)
            .map(Self)
            .map_err(|_| KeyRejected)
    }

    /// RSAES-OAEP-DECRYPT with SHA-256 and MGF1-SHA-256 (RFC 8017, section 7.1.2).
    pub(crate) fn decrypt_oaep(
        &self,
        label: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
        let mut message = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let length = self
            .0
            .decrypt(
                &OAEP_SHA256_MGF1SHA256,
                ciphertext,
                &mut message,
                Some(label),
            )
            .map_err(|_| DecryptionFailed)?
            .len();
        message.truncate(length);
        Ok(message)
    }
}

/// A public key inside AWS-LC.
pub(crate) struct EncryptionKey(OaepPublicEncryptingKey);

impl EncryptionKey {
    /// Hands the key over.
    pub(crate) fn new(key: &RsaPublicKey) -> Result<Self, KeyRejected> {
        let spki = key.to_public_key_der().map_err(|_| KeyRejected)?;
        let key = PublicEncryptingKey::from_der(spki.as_bytes()).map_err(|_| KeyRejected)?;
        OaepPublicEncryptingKey::new(key)
            .map(Self)
            .map_err(|_| KeyRejected)
    }

    /// RSAES-OAEP-ENCRYPT with SHA-256 and MGF1-SHA-256 (RFC 8017, section 7.1.1), with a seed from
    /// AWS-LC's own generator.
    pub(crate) fn encrypt_oaep(
        &self,
        label: &[u8],
        message: &[u8],
    ) -> Result<Vec<u8>, EncryptionFailed> {
        let mut ciphertext = vec![0; self.0.ciphertext_size()];
        let length = self
            .0
            .encrypt(
                &OAEP_SHA256_MGF1SHA256,
                message,
                &mut ciphertext,
                Some(label),
            )
            .map_err(|_| EncryptionFailed)?
            .len();
        ciphertext.truncate(length);
        Ok(ciphertext)
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2.1) over `message`, by the key in PKCS#1 form.
///
/// AWS-LC blinds with its own generator, so `_rng` goes unused; the signature depends on neither.
pub(crate) fn sign_sha256<R: CryptoRng + ?Sized>(
    pkcs1: &[u8],
    _rng: &mut R,
    message: &[u8],
) -> Result<Vec<u8>, KeyRejected> {
    let key = KeyPair::from_der(pkcs1).map_err(|_| KeyRejected)?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message,
        &mut signature,
    )
    .map_err(|_| KeyRejected)?;
    Ok(signature)
}
