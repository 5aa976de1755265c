//! X.509 certificates, as carriers of a public key.
//!
//! Nothing is verified but the dates: a sealing certificate is trusted because of where it came from,
//! as in the Go implementation. Its signature, usages and issuer don't count.

mod self_signed;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rand::CryptoRng;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::pem;
use crate::private_key::{KeyError, PrivateKey};
use crate::public_key::{PublicKey, PublicKeyError};

const KIND: &str = "CERTIFICATE";

/// A certificate with an RSA key that can be sealed for.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    public_key: PublicKey,
    not_before: Timestamp,
    not_after: Timestamp,
    common_name: Option<String>,
}

impl Certificate {
    /// Reads the first `CERTIFICATE` block of a PEM file.
    ///
    /// What follows it (the rest of a chain) is ignored, as are other blocks and text around blocks;
    /// lines may end in CRLF, and the last one may lack its end. Expired certificates are read too: see
    /// [`Certificate::check_not_expired`].
    ///
    /// # Errors
    /// Says which other thing the file is, if that is known, or what is wrong with the certificate.
    pub fn from_pem(file: &[u8]) -> Result<Self, CertificateError> {
        match pem::blocks(file).find(|block| block.kind == KIND) {
            Some(block) => Self::from_der(block.content.to_vec()),
            None => Err(recognise(file)),
        }
    }

    /// Makes a self-signed certificate for `key`, equal in form to what the Go implementation makes:
    /// X.509 v3, SHA-256 with RSA, random serial number of 128 bits, subject and issuer with the common
    /// name alone, critical key usage "encipher only", critical basic constraints "CA", subject key id.
    ///
    /// # Errors
    /// [`CertificateError::Validity`] if a date cannot be expressed.
    pub fn self_signed<R: CryptoRng + ?Sized>(
        rng: &mut R,
        key: &PrivateKey,
        template: &CertificateTemplate,
    ) -> Result<Self, CertificateError> {
        Self::from_der(self_signed::write(rng, key, template)?)
    }

    /// Writes exactly one `CERTIFICATE` block, with lines of 64 characters ending in LF.
    pub fn to_pem(&self) -> String {
        pem::write(KIND, &self.der).as_str().to_owned()
    }

    /// The certificate in DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The key that can be sealed for.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The first second of validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second of validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The subject's common name; the last one if there are several.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Refuses a certificate whose time is over. One whose time has not come is fine: clocks differ,
    /// and the key works.
    ///
    /// # Errors
    /// [`CertificateError::Expired`] if `now` is after [`Certificate::not_after`].
    pub fn check_not_expired(&self, now: Timestamp) -> Result<(), CertificateError> {
        if now > self.not_after {
            return Err(CertificateError::Expired {
                not_after: self.not_after,
            });
        }
        Ok(())
    }

    fn from_der(der: Vec<u8>) -> Result<Self, CertificateError> {
        let (rest, parsed) =
            X509Certificate::from_der(&der).map_err(|_| CertificateError::Malformed)?;
        if !rest.is_empty() {
            return Err(CertificateError::Malformed);
        }
        let key = parsed.public_key();
        if key.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
            return Err(CertificateError::NotRsa);
        }
        let public_key = PublicKey::from_pkcs1_der(&key.subject_public_key.data)?;
        let common_name = parsed.subject().iter_common_name().last();
        let common_name = common_name
            .and_then(|name| name.as_str().ok())
            .map(str::to_owned);
        let not_before = timestamp(parsed.validity().not_before);
        let not_after = timestamp(parsed.validity().not_after);
        drop(parsed);
        Ok(Certificate {
            der,
            public_key,
            not_before,
            not_after,
            common_name,
        })
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("public_key", &self.public_key)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .field("common_name", &self.common_name)
            .finish_non_exhaustive()
    }
}

/// What a new certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateTemplate {
    /// Subject and issuer. Empty for an empty name.
    pub common_name: String,
    /// The first moment of validity; certificates hold whole seconds, the rest is cut off.
    pub not_before: Timestamp,
    /// How long it is valid. Cutting off happens after adding.
    pub valid_for: SignedDuration,
}

/// Why a certificate cannot be read, used or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file has no certificate and nothing else that is known.
    #[error("no PEM block with a certificate found")]
    Missing,
    /// The file is a private key.
    #[error("file holds a private key, expected a certificate")]
    PrivateKeyInstead,
    /// The file is a bare public key.
    #[error("file holds a public key, expected a certificate")]
    PublicKeyInstead,
    /// The file is not PEM but the binary form of something.
    #[error("file is in DER form, expected PEM")]
    Der,
    /// The block does not hold an X.509 certificate.
    #[error("certificate is malformed")]
    Malformed,
    /// The certificate is for another algorithm.
    #[error("certificate does not hold an RSA key")]
    NotRsa,
    /// The certificate's key is not allowed.
    #[error("certificate holds an unusable key")]
    Key(#[from] PublicKeyError),
    /// The certificate's time is over.
    #[error("certificate expired at {not_after}")]
    Expired {
        /// The last second of validity.
        not_after: Timestamp,
    },
    /// The wanted dates are before year 0 or after year 9999.
    #[error("validity of the certificate cannot be expressed")]
    Validity,
    /// The certificate could not be signed.
    #[error("could not sign the certificate")]
    Signature(#[source] KeyError),
}

/// What a file without a certificate is.
fn recognise(file: &[u8]) -> CertificateError {
    let kind = pem::blocks(file).find_map(|block| match block.kind {
        kind if kind.ends_with("PRIVATE KEY") => Some(CertificateError::PrivateKeyInstead),
        kind if kind.ends_with("PUBLIC KEY") => Some(CertificateError::PublicKeyInstead),
        _ => None,
    });
    match (kind, file) {
        (Some(error), _) => error,
        // A SEQUENCE of more than 127 bytes, which every certificate and key is.
        (None, [0x30, 0x81..=0x84, ..]) => CertificateError::Der,
        (None, _) => CertificateError::Missing,
    }
}

/// RFC 5280 writes "never" as the last second of year 9999 (section 4.1.2.5), a day later than a
/// timestamp can say.
fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}
