//! RSA public keys.

use std::fmt;
use std::hash::{Hash, Hasher};
#[cfg(feature = "aws-lc")]
use std::sync::{Arc, OnceLock};

use rand::CryptoRng;
use rsa::pkcs1::RsaPublicKeyRef;
use rsa::pkcs1::der::Decode as _;
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, Oaep, RsaPublicKey};

#[cfg(feature = "aws-lc")]
use crate::backend::EncryptionKey;
use crate::fingerprint::Fingerprint;
use crate::private_key::KeySize;

/// The largest public exponent: what Go's `crypto/rsa` takes, so both implementations read the same keys.
const MAX_EXPONENT: u32 = (1 << 31) - 1;

/// An RSA public key of 2048 to 8192 bits with an odd exponent from 3 to 2³¹ - 1.
///
/// Comes from a [`Certificate`](crate::Certificate) or a [`PrivateKey`](crate::PrivateKey).
#[derive(Clone)]
pub struct PublicKey {
    rsa: RsaPublicKey,
    fingerprint: Fingerprint,
    /// Made by [`Self::prepare_for_many`]; nothing if AWS-LC refuses the key.
    #[cfg(feature = "aws-lc")]
    encryption: Arc<OnceLock<Option<EncryptionKey>>>,
}

impl PublicKey {
    /// From modulus and exponent, both unsigned and big-endian.
    pub(crate) fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, PublicKeyError> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        let bits = match modulus.first() {
            Some(first) => modulus.len() * 8 - first.leading_zeros() as usize,
            None => 0,
        };
        if !KeySize::allows(bits) {
            return Err(PublicKeyError::Size { bits });
        }
        if !exponent_is_allowed(exponent) {
            return Err(PublicKeyError::Exponent);
        }
        // Both lengths are bounded by the checks above.
        let n = BoxedUint::from_be_slice(modulus, modulus.len() as u32 * 8)
            .map_err(|_| PublicKeyError::Malformed)?;
        let e = BoxedUint::from_be_slice(exponent, 32).map_err(|_| PublicKeyError::Malformed)?;
        let rsa = RsaPublicKey::new(n, e).map_err(|_| PublicKeyError::Malformed)?;
        Ok(PublicKey {
            rsa,
            fingerprint: Fingerprint::of_rsa(modulus, exponent),
            #[cfg(feature = "aws-lc")]
            encryption: Arc::default(),
        })
    }

    /// From the PKCS#1 form (RFC 8017, appendix A.1.1), as it stands in a certificate.
    pub(crate) fn from_pkcs1_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        let numbers = RsaPublicKeyRef::from_der(der).map_err(|_| PublicKeyError::Malformed)?;
        Self::from_numbers(
            numbers.modulus.as_bytes(),
            numbers.public_exponent.as_bytes(),
        )
    }

    /// The length of the modulus in bits.
    pub fn bits(&self) -> usize {
        self.rsa.n().bits() as usize
    }

    /// The length of the modulus in bytes, which is also the length of an RSA ciphertext.
    pub fn modulus_len(&self) -> usize {
        self.bits().div_ceil(8)
    }

    /// The key's name; see [`Fingerprint`].
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether `ciphertext` can be one that was made with this key: as long as the modulus, and a
    /// smaller number (RFC 8017, section 5.1.1). Of the ciphertexts of another key of as many bits
    /// at least half pass too.
    pub fn admits(&self, ciphertext: &[u8]) -> bool {
        let modulus = self.rsa.n().to_be_bytes();
        let modulus = without_leading_zeros(&modulus);
        ciphertext.len() == modulus.len() && ciphertext < modulus
    }

    /// Gets ready to seal hundreds of values, and lets AWS-LC do it. That takes a quarter of the time for
    /// each, but its generator needs tens of milliseconds to start, in which a few values are long
    /// sealed. Changes nothing without the feature `aws-lc`.
    pub fn prepare_for_many(&self) {
        #[cfg(feature = "aws-lc")]
        self.encryption
            .get_or_init(|| EncryptionKey::new(&self.rsa).ok());
    }

    /// RSAES-OAEP-ENCRYPT with SHA-256 and MGF1-SHA-256 (RFC 8017, section 7.1.1); nothing if the
    /// message is too long.
    pub(crate) fn encrypt_oaep<R: CryptoRng + ?Sized>(
        &self,
        rng: &mut R,
        label: &[u8],
        message: &[u8],
    ) -> Option<Vec<u8>> {
        #[cfg(feature = "aws-lc")]
        if let Some(Some(key)) = self.encryption.get() {
            return key.encrypt_oaep(label, message).ok();
        }
        let padding = Oaep::<Sha256>::new_with_label(label);
        self.rsa.encrypt(rng, padding, message).ok()
    }

    pub(crate) fn as_rsa(&self) -> &RsaPublicKey {
        &self.rsa
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.rsa == other.rsa
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("bits", &self.bits())
            .field("fingerprint", &self.fingerprint)
            .finish()
    }
}

/// Why numbers are not a usable RSA public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The modulus is too short to be safe, or too long to be handled in bounded time.
    #[error(
        "RSA key has {bits} bits, expected {} to {}",
        KeySize::MIN.bits(),
        KeySize::MAX.bits()
    )]
    Size {
        /// The length of the modulus.
        bits: usize,
    },
    /// The public exponent is even, 1, or above 2³¹ - 1.
    #[error("RSA public exponent is not an odd number from 3 to 2147483647")]
    Exponent,
    /// Not the encoding of an RSA public key, or an even modulus.
    #[error("RSA public key is malformed")]
    Malformed,
}

fn exponent_is_allowed(exponent: &[u8]) -> bool {
    if exponent.len() > 4 {
        return false;
    }
    let value = exponent
        .iter()
        .fold(0_u32, |value, &byte| value << 8 | u32::from(byte));
    (3..=MAX_EXPONENT).contains(&value) && value % 2 == 1
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let start = number
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bits: usize) -> Vec<u8> {
        let mut number = vec![0xff; bits.div_ceil(8)];
        number[0] >>= number.len() * 8 - bits;
        number
    }

    #[test]
    fn sizes_from_2048_to_8192_are_accepted() {
        for bits in [2048, 2049, 3072, 4095, 4096, 8191, 8192] {
            let key = PublicKey::from_numbers(&modulus(bits), &[1, 0, 1]).unwrap();
            assert_eq!((key.bits(), key.modulus_len()), (bits, bits.div_ceil(8)));
        }
        for bits in [1, 1024, 2047, 8193, 16384] {
            let error = PublicKey::from_numbers(&modulus(bits), &[1, 0, 1]).unwrap_err();
            assert_eq!(error, PublicKeyError::Size { bits });
        }
        assert_eq!(
            PublicKey::from_numbers(&[], &[3]),
            Err(PublicKeyError::Size { bits: 0 })
        );
    }

    #[test]
    fn exponents_are_those_that_go_takes() {
        let good: [&[u8]; 4] = [
            &[3],
            &[0, 0, 0, 0, 0, 3],
            &[1, 0, 1],
            &[0x7f, 0xff, 0xff, 0xff],
        ];
        for exponent in good {
            assert!(
                PublicKey::from_numbers(&modulus(2048), exponent).is_ok(),
                "{exponent:?}"
            );
        }
        let bad: [&[u8]; 7] = [
            &[],
            &[0],
            &[1],
            &[2],
            &[1, 0, 0],
            &[0x80, 0, 0, 1],
            &[1, 0, 0, 0, 1],
        ];
        for exponent in bad {
            let result = PublicKey::from_numbers(&modulus(2048), exponent);
            assert_eq!(result, Err(PublicKeyError::Exponent), "{exponent:?}");
        }
    }

    #[test]
    fn ciphertexts_are_as_long_as_the_modulus_and_smaller() {
        let mut number = modulus(2048);
        number[1] = 0x80;
        let key = PublicKey::from_numbers(&number, &[3]).unwrap();
        let mut below = number.clone();
        below[1] = 0x7f;
        assert!(key.admits(&below));
        assert!(!key.admits(&number), "the modulus itself");
        assert!(!key.admits(&modulus(2048)), "above the modulus");
        assert!(!key.admits(&below[1..]), "shorter");
        assert!(!key.admits(&[&[0], below.as_slice()].concat()), "longer");
    }

    #[test]
    fn even_modulus_is_refused() {
        let mut even = modulus(2048);
        *even.last_mut().unwrap() = 0xfe;
        assert_eq!(
            PublicKey::from_numbers(&even, &[3]),
            Err(PublicKeyError::Malformed)
        );
    }
}
