//! Names for public keys: the full fingerprint, and a short id for people.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "SHA256:";

/// The SHA-256 fingerprint of an RSA public key, in OpenSSH's form: what `ssh-keygen -l` prints.
///
/// The hash is taken over the key in SSH wire form (RFC 4253, section 6.6):
/// `string "ssh-rsa" ‖ mpint e ‖ mpint n`. As text it is `SHA256:` and the hash in standard base64
/// without padding, 50 characters in all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of the key with this modulus and exponent, both unsigned and big-endian.
    pub(crate) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Fingerprint {
        let mut hash = Sha256::new();
        hash_string(&mut hash, b"", b"ssh-rsa");
        hash_mpint(&mut hash, exponent);
        hash_mpint(&mut hash, modulus);
        Fingerprint(hash.finalize().into())
    }

    /// The hash itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The short form.
    pub fn key_id(&self) -> KeyId {
        let [a, b, c, d, ..] = self.0;
        KeyId([a, b, c, d])
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(hash: [u8; 32]) -> Self {
        Fingerprint(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{PREFIX}{}", STANDARD_NO_PAD.encode(self.0)))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Accepts only what `Display` prints: one text for each fingerprint.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hash = text
            .strip_prefix(PREFIX)
            .ok_or(ParseFingerprintError::Prefix)?;
        let hash = STANDARD_NO_PAD
            .decode(hash)
            .map_err(|_| ParseFingerprintError::Hash)?;
        hash.try_into()
            .map(Fingerprint)
            .map_err(|_| ParseFingerprintError::Hash)
    }
}

/// The first four bytes of a [`Fingerprint`] as eight lower-case hexadecimal digits, for listings and
/// messages.
///
/// Short enough to read out; long enough that a cluster's keys don't collide by accident (a thousand
/// keys do with a chance of one in 8,600). Nothing must be decided by it: anyone can make a key with a
/// given id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    /// Accepts eight hexadecimal digits, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 4];
        hex::decode_to_slice(text, &mut id).map_err(|_| ParseKeyIdError)?;
        Ok(KeyId(id))
    }
}

/// A text that is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseFingerprintError {
    /// Another kind of fingerprint, or none.
    #[error("fingerprint does not start with \"SHA256:\"")]
    Prefix,
    /// What follows is not a SHA-256 hash.
    #[error("fingerprint is not 43 characters of unpadded base64 after \"SHA256:\"")]
    Hash,
}

/// A text that is not a key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key id is not eight hexadecimal digits")]
pub struct ParseKeyIdError;

/// RFC 4251, section 5, `mpint`: as short as possible, with a zero in front where the highest bit is
/// set, because the form is signed.
fn hash_mpint(hash: &mut Sha256, number: &[u8]) {
    let start = number
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(number.len());
    let digits = number.get(start..).unwrap_or_default();
    let negative = digits.first().is_some_and(|&byte| byte & 0x80 != 0);
    hash_string(hash, if negative { &[0] } else { &[] }, digits);
}

/// RFC 4251, section 5, `string`: a length of four bytes, big-endian, then the content, given in two parts.
fn hash_string(hash: &mut Sha256, head: &[u8], tail: &[u8]) {
    let length = u32::try_from(head.len() + tail.len()).expect("RSA numbers are far below 4 GiB");
    hash.update(length.to_be_bytes());
    hash.update(head);
    hash.update(tail);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let fingerprint = Fingerprint::of_rsa(&[0x80, 1], &[1, 0, 1]);
        let text = fingerprint.to_string();
        assert_eq!(text.len(), 50);
        assert_eq!(text.parse(), Ok(fingerprint));
        let id = fingerprint.key_id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string(), hex::encode(&fingerprint.as_bytes()[..4]));
    }

    #[test]
    fn leading_zeros_do_not_matter() {
        let a = Fingerprint::of_rsa(&[0, 0, 0x80, 1], &[0, 1, 0, 1]);
        assert_eq!(a, Fingerprint::of_rsa(&[0x80, 1], &[1, 0, 1]));
        assert_ne!(a, Fingerprint::of_rsa(&[0x80, 1], &[3]));
    }

    #[test]
    fn other_texts_are_refused() {
        use ParseFingerprintError::{Hash, Prefix};
        let good = Fingerprint([7; 32]).to_string();
        let cases = [
            (String::new(), Prefix),
            ("MD5:00".into(), Prefix),
            (good.to_lowercase(), Prefix),
            (format!("{good}="), Hash),
            (good[..good.len() - 1].into(), Hash),
            // The last symbol carries two bits that must be zero.
            (format!("{}d", &good[..good.len() - 1]), Hash),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Fingerprint>(), Err(error), "{text}");
        }
        for text in ["", "0123456", "012345678", "0123456g"] {
            assert_eq!(text.parse::<KeyId>(), Err(ParseKeyIdError), "{text}");
        }
    }
}
