//! A private key together with the certificate that hands out its public half.

use rand::CryptoRng;

use crate::certificate::{Certificate, CertificateError, CertificateTemplate};
use crate::fingerprint::Fingerprint;
use crate::private_key::{KeyError, KeySize, PrivateKey};
use crate::public_key::PublicKey;

/// A private key and its certificate, as a key Secret holds them in `tls.key` and `tls.crt`.
///
/// They always match: what is sealed with the certificate, the key opens.
#[derive(Debug)]
pub struct KeyPair {
    private_key: PrivateKey,
    certificate: Certificate,
}

impl KeyPair {
    /// Makes a key and a self-signed certificate for it.
    ///
    /// # Errors
    /// As [`PrivateKey::generate`] and [`Certificate::self_signed`].
    pub fn generate<R: CryptoRng + ?Sized>(
        rng: &mut R,
        size: KeySize,
        template: &CertificateTemplate,
    ) -> Result<Self, KeyPairError> {
        let private_key = PrivateKey::generate(rng, size)?;
        let certificate = Certificate::self_signed(rng, &private_key, template)?;
        Self::new(private_key, certificate)
    }

    /// Reads `tls.key` and `tls.crt`. Of a chain the first certificate counts; an expired one is fine.
    ///
    /// # Errors
    /// As [`PrivateKey::from_pem`], [`Certificate::from_pem`] and [`KeyPair::new`].
    pub fn from_pem(key_file: &[u8], certificate_file: &[u8]) -> Result<Self, KeyPairError> {
        let private_key = PrivateKey::from_pem(key_file)?;
        let certificate = Certificate::from_pem(certificate_file)?;
        Self::new(private_key, certificate)
    }

    /// Brings a key and a certificate together.
    ///
    /// # Errors
    /// [`KeyPairError::Mismatch`] if the certificate is for another key.
    pub fn new(private_key: PrivateKey, certificate: Certificate) -> Result<Self, KeyPairError> {
        if private_key.public_key() != certificate.public_key() {
            return Err(KeyPairError::Mismatch);
        }
        Ok(KeyPair {
            private_key,
            certificate,
        })
    }

    /// The private key.
    pub fn private_key(&self) -> &PrivateKey {
        &self.private_key
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The public key, which both halves share.
    pub fn public_key(&self) -> &PublicKey {
        self.private_key.public_key()
    }

    /// The public key's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.public_key().fingerprint()
    }
}

/// Why a key pair cannot be read or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyPairError {
    /// The private key is unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate is unusable.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Both are fine, but don't belong together. What would be sealed with the certificate would be
    /// lost.
    #[error("certificate is for another key than the private key")]
    Mismatch,
}
