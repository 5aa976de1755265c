//! RSA private keys.

use std::fmt;
use std::ops::RangeInclusive;

use rand::CryptoRng;
use rsa::pkcs1::der::Decode as _;
use rsa::pkcs1::{ALGORITHM_OID, EncodeRsaPrivateKey as _, RsaPrivateKeyRef, UintRef, Version};
use rsa::pkcs8::PrivateKeyInfoRef;
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPrivateKey};
use zeroize::Zeroizing;

use crate::backend::{self, DecryptionFailed, DecryptionKey};
use crate::pem;
use crate::public_key::{PublicKey, PublicKeyError};

const PKCS1: &str = "RSA PRIVATE KEY";
const PKCS8: &str = "PRIVATE KEY";

/// An RSA private key with two primes.
///
/// Its numbers are wiped from memory on drop. It is neither `Clone` nor printable: share a reference or
/// an `Arc`, and write it with [`PrivateKey::to_pkcs1_pem`] where it has to leave the process.
pub struct PrivateKey {
    public: PublicKey,
    /// The key in PKCS#1 form, which is how it is stored.
    pkcs1: Zeroizing<Vec<u8>>,
    decryption: DecryptionKey,
}

impl PrivateKey {
    /// Makes a new key with public exponent 65537.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if no primes were found, which does not happen with a sound generator.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R, size: KeySize) -> Result<Self, KeyError> {
        let key =
            RsaPrivateKey::new(rng, size.bits() as usize).map_err(|_| KeyError::Generation)?;
        Self::from_rsa(key)
    }

    /// Reads the first usable RSA key of a PEM file: `RSA PRIVATE KEY` (PKCS#1, RFC 8017, appendix
    /// A.1.2) or `PRIVATE KEY` (PKCS#8, RFC 5208).
    ///
    /// Other blocks, and text around blocks, are skipped; lines may end in CRLF.
    ///
    /// # Errors
    /// If no block is usable: what is wrong with the first private key in the file, or
    /// [`KeyError::Missing`].
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        let mut first_error = None;
        for block in pem::blocks(file) {
            let result = match block.kind {
                PKCS1 | PKCS8 if block.encrypted => Err(KeyError::Encrypted),
                PKCS1 => Self::from_pkcs1_der(&block.content),
                PKCS8 => Self::from_pkcs8_der(&block.content),
                "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
                kind if kind.ends_with(PKCS8) => Err(KeyError::NotRsa),
                _ => continue,
            };
            match result {
                Ok(key) => return Ok(key),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or(KeyError::Missing))
    }

    /// Writes the key as one `RSA PRIVATE KEY` block (PKCS#1), as `tls.key` of a key Secret holds it.
    pub fn to_pkcs1_pem(&self) -> Zeroizing<String> {
        pem::write(PKCS1, &self.pkcs1)
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Opens what was encrypted for this key under `label` with RSA-OAEP, SHA-256 and MGF1-SHA-256.
    pub(crate) fn decrypt_oaep(
        &self,
        label: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
        // Libraries differ on ciphertexts shorter than the modulus, and nobody writes them.
        if ciphertext.len() != self.public.modulus_len() {
            return Err(DecryptionFailed);
        }
        self.decryption.decrypt_oaep(label, ciphertext)
    }

    /// Signs `message` with RSASSA-PKCS1-v1_5 and SHA-256.
    pub(crate) fn sign_sha256<R: CryptoRng + ?Sized>(
        &self,
        rng: &mut R,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        backend::sign_sha256(&self.pkcs1, rng, message).map_err(|_| KeyError::Rejected)
    }

    fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyError::Malformed)?;
        if info.algorithm.oid != ALGORITHM_OID {
            return Err(KeyError::NotRsa);
        }
        Self::from_pkcs1_der(info.private_key.as_bytes())
    }

    fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        let numbers = RsaPrivateKeyRef::from_der(der).map_err(|_| KeyError::Malformed)?;
        if numbers.version() != Version::TwoPrime {
            return Err(KeyError::MultiPrime);
        }
        // Checks the sizes, which bounds the work that follows.
        let modulus = numbers.modulus.as_bytes();
        let exponent = numbers.public_exponent.as_bytes();
        PublicKey::from_numbers(modulus, exponent)?;

        let primes = [numbers.prime1.as_bytes(), numbers.prime2.as_bytes()];
        if primes
            .iter()
            .any(|prime| prime.len() > modulus.len().div_ceil(2))
        {
            return Err(KeyError::UnequalPrimes);
        }

        // The lengths are bounded by the checks above.
        let number = |bytes, capacity| {
            BoxedUint::from_be_slice(bytes, capacity).map_err(|_| KeyError::Inconsistent)
        };
        let capacity = modulus.len() as u32 * 8;
        let [p, q] = primes;
        let key = RsaPrivateKey::from_components(
            number(modulus, capacity)?,
            number(exponent, u32::BITS)?,
            number(numbers.private_exponent.as_bytes(), capacity)?,
            vec![number(p, capacity)?, number(q, capacity)?],
        )
        .map_err(|_| KeyError::Inconsistent)?;
        let key = Self::from_rsa(key)?;
        key.check_crt_values(&numbers)?;
        Ok(key)
    }

    fn from_rsa(key: RsaPrivateKey) -> Result<Self, KeyError> {
        let public = PublicKey::from_numbers(&key.n_bytes(), &key.e_bytes())?;
        let pkcs1 = key
            .to_pkcs1_der()
            .map_err(|_| KeyError::Inconsistent)?
            .to_bytes();
        let decryption = DecryptionKey::new(key).map_err(|_| KeyError::Rejected)?;
        Ok(PrivateKey {
            public,
            pkcs1,
            decryption,
        })
    }

    /// Compares the three values that only save work with those we computed ourselves. We would not use
    /// the wrong ones; but a file that holds them is damaged, and the Go implementation refuses it.
    fn check_crt_values(&self, read: &RsaPrivateKeyRef<'_>) -> Result<(), KeyError> {
        let own = RsaPrivateKeyRef::from_der(&self.pkcs1).map_err(|_| KeyError::Inconsistent)?;
        if crt_values(&own) == crt_values(read) {
            Ok(())
        } else {
            Err(KeyError::Inconsistent)
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// The length of a modulus in bits: 2048 to 8192.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySize(u32);

impl KeySize {
    /// What the controller makes unless told otherwise.
    pub const DEFAULT: KeySize = KeySize(4096);
    /// The shortest key that is still considered safe (NIST SP 800-131A).
    pub const MIN: KeySize = KeySize(2048);
    /// The longest key: beyond it one decryption takes so long that a few of them stop a controller.
    pub const MAX: KeySize = KeySize(8192);

    const ALLOWED: RangeInclusive<usize> = 2048..=8192;

    /// The number of bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) fn allows(bits: usize) -> bool {
        Self::ALLOWED.contains(&bits)
    }
}

impl Default for KeySize {
    fn default() -> Self {
        KeySize::DEFAULT
    }
}

impl fmt::Display for KeySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl TryFrom<u32> for KeySize {
    type Error = PublicKeyError;

    fn try_from(bits: u32) -> Result<Self, Self::Error> {
        if KeySize::allows(bits as usize) {
            Ok(KeySize(bits))
        } else {
            Err(PublicKeyError::Size {
                bits: bits as usize,
            })
        }
    }
}

/// Why a private key cannot be used. Never holds any part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no private key in the file.
    #[error("no PEM block with an RSA private key found")]
    Missing,
    /// The key is protected by a passphrase.
    #[error("private key is encrypted")]
    Encrypted,
    /// The key is for another algorithm, or in a form of its own (OpenSSH's).
    #[error("private key is not an RSA key in PKCS#1 or PKCS#8 form")]
    NotRsa,
    /// The block does not hold what its first line says.
    #[error("private key is malformed")]
    Malformed,
    /// The key has more than two primes.
    #[error("RSA private key has more than two primes")]
    MultiPrime,
    /// One prime takes more than half of the modulus. Go reads such keys, but no usual tool makes them,
    /// and the fast forms of decryption don't take them.
    #[error("primes of RSA private key differ in length")]
    UnequalPrimes,
    /// The numbers don't belong together: the primes don't multiply to the modulus, or the exponents
    /// don't undo each other.
    #[error("numbers of RSA private key do not belong together")]
    Inconsistent,
    /// The public half is not allowed.
    #[error(transparent)]
    Public(#[from] PublicKeyError),
    /// The library that computes with private keys does not take this one.
    #[error("RSA private key was rejected by the cryptographic library")]
    Rejected,
    /// No key could be made.
    #[error("could not generate an RSA private key")]
    Generation,
}

fn crt_values<'a>(key: &RsaPrivateKeyRef<'a>) -> [UintRef<'a>; 3] {
    [key.exponent1, key.exponent2, key.coefficient]
}
