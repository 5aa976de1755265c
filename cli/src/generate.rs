//! Values made at random, for `kubeseal set --generate`.
//!
//! | Kind | What | Policy |
//! |---|---|---|
//! | `password[:LENGTH]` | letters, digits, `-` and `_` | 32 characters unless told otherwise, 16 to 1024; each one of 64, equally likely: 6 bits |
//! | `uuid` | a UUID of version 4 | 122 random bits, lower case |
//! | `ssh-ed25519` | an SSH key | private key in OpenSSH's format, without a passphrase |
//! | `ssh-rsa[:BITS]` | an SSH key | the same; 4096 bits unless told otherwise, 2048 to 8192 |

use std::str::FromStr;

use rand::CryptoRng;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use sealed_secrets_core::KeySize;
use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData, RsaKeypair, RsaPrivateKey};
use ssh_key::public::RsaPublicKey;
use ssh_key::{LineEnding, Mpint};
use zeroize::Zeroizing;

use crate::sealed_input::is_one_line;

/// A power of two, so that six bits of a random byte are an unbiased choice.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const LENGTHS: std::ops::RangeInclusive<usize> = 16..=1024;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// A password of so many characters.
    Password(usize),
    /// A UUID of version 4.
    Uuid,
    /// An SSH key of the Ed25519 kind.
    SshEd25519,
    /// An RSA key for SSH.
    SshRsa(KeySize),
}

/// A new value.
pub struct Fresh {
    /// The value to seal.
    pub value: Zeroizing<Vec<u8>>,
    /// Of a key pair, the line for `authorized_keys`.
    pub public: Option<String>,
}

/// Why nothing was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// No such kind.
    #[error("expected password[:LENGTH], uuid, ssh-ed25519 or ssh-rsa[:BITS]")]
    Kind,
    /// A length that makes no good password.
    #[error("expected a length from 16 to 1024 behind password:")]
    Length,
    /// A size that RSA keys don't have.
    #[error("expected a size from 2048 to 8192, a multiple of 8, behind ssh-rsa:")]
    Bits,
    /// The public half would be more than one line.
    #[error(
        "the name of the SealedSecret has control characters, which the comment of a key must not have"
    )]
    Comment,
    /// The key can't be made or encoded.
    #[error("cannot make the key")]
    Key,
}

impl FromStr for Generated {
    type Err = GenerateError;

    fn from_str(text: &str) -> Result<Self, GenerateError> {
        let (kind, parameter) = match text.split_once(':') {
            Some((kind, parameter)) => (kind, Some(parameter)),
            None => (text, None),
        };
        match (kind, parameter) {
            ("password", None) => Ok(Self::Password(32)),
            ("password", Some(length)) => length
                .parse()
                .ok()
                .filter(|length| LENGTHS.contains(length))
                .map(Self::Password)
                .ok_or(GenerateError::Length),
            ("uuid", None) => Ok(Self::Uuid),
            ("ssh-ed25519", None) => Ok(Self::SshEd25519),
            ("ssh-rsa", None) => Ok(Self::SshRsa(KeySize::DEFAULT)),
            ("ssh-rsa", Some(bits)) => bits
                .parse()
                .ok()
                .filter(|bits: &u32| bits.is_multiple_of(8))
                .and_then(|bits| KeySize::try_from(bits).ok())
                .map(Self::SshRsa)
                .ok_or(GenerateError::Bits),
            _ => Err(GenerateError::Kind),
        }
    }
}

impl Generated {
    /// Makes one. `comment` goes into SSH keys.
    ///
    /// # Errors
    /// [`GenerateError::Comment`], and [`GenerateError::Key`], which does not happen with a sound
    /// generator.
    pub fn make<R: CryptoRng + ?Sized>(
        self,
        comment: &str,
        rng: &mut R,
    ) -> Result<Fresh, GenerateError> {
        let is_key = matches!(self, Self::SshEd25519 | Self::SshRsa(_));
        if is_key && !is_one_line(comment) {
            return Err(GenerateError::Comment);
        }
        Ok(match self {
            Self::Password(length) => Fresh {
                value: password(length, rng),
                public: None,
            },
            Self::Uuid => Fresh {
                value: uuid(rng),
                public: None,
            },
            Self::SshEd25519 => {
                let mut seed = Zeroizing::new([0; 32]);
                rng.fill_bytes(seed.as_mut());
                let pair = Ed25519Keypair::from(Ed25519PrivateKey::from_bytes(&seed));
                openssh(KeypairData::Ed25519(pair), comment)?
            }
            Self::SshRsa(size) => openssh(KeypairData::Rsa(rsa_pair(size, rng)?), comment)?,
        })
    }
}

fn password<R: CryptoRng + ?Sized>(length: usize, rng: &mut R) -> Zeroizing<Vec<u8>> {
    let mut value = Zeroizing::new(vec![0; length]);
    rng.fill_bytes(&mut value);
    for byte in value.iter_mut() {
        *byte = *ALPHABET
            .get(usize::from(*byte & 63))
            .expect("six bits are less than 64");
    }
    value
}

/// RFC 9562, section 5.4.
fn uuid<R: CryptoRng + ?Sized>(rng: &mut R) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new([0; 16]);
    rng.fill_bytes(bytes.as_mut());
    let mut number = u128::from_be_bytes(*bytes);
    number = number & !(0xf << 76) | (0x4 << 76);
    number = number & !(0x3 << 62) | (0x2 << 62);
    let hex = Zeroizing::new(format!("{number:032x}"));
    let mut value = Zeroizing::new(Vec::with_capacity(36));
    for (at, digit) in hex.bytes().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            value.push(b'-');
        }
        value.push(digit);
    }
    value
}

fn rsa_pair<R: CryptoRng + ?Sized>(
    size: KeySize,
    rng: &mut R,
) -> Result<RsaKeypair, GenerateError> {
    let key = rsa::RsaPrivateKey::new(rng, size.bits() as usize).map_err(|_| GenerateError::Key)?;
    let number = Mpint::from_positive_bytes;
    let secret = |value: Option<&rsa::BoxedUint>| {
        let bytes = Zeroizing::new(value.ok_or(GenerateError::Key)?.to_be_bytes());
        Ok(number(&bytes))
    };
    let public = RsaPublicKey::new(number(&key.e_bytes()), number(&key.n_bytes()))
        .map_err(|_| GenerateError::Key)?;
    let inverse = key.crt_coefficient();
    let private = RsaPrivateKey::new(
        secret(Some(key.d()))?,
        secret(inverse.as_ref())?,
        secret(key.primes().first().map(AsRef::as_ref))?,
        secret(key.primes().get(1).map(AsRef::as_ref))?,
    )
    .map_err(|_| GenerateError::Key)?;
    RsaKeypair::new(public, private).map_err(|_| GenerateError::Key)
}

fn openssh(pair: KeypairData, comment: &str) -> Result<Fresh, GenerateError> {
    let key = ssh_key::PrivateKey::new(pair, comment).map_err(|_| GenerateError::Key)?;
    let text = key
        .to_openssh(LineEnding::LF)
        .map_err(|_| GenerateError::Key)?;
    let public = key
        .public_key()
        .to_openssh()
        .map_err(|_| GenerateError::Key)?;
    Ok(Fresh {
        value: Zeroizing::new(text.as_bytes().to_vec()),
        public: Some(public),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn make(text: &str) -> Fresh {
        let kind: Generated = text.parse().unwrap();
        kind.make("shop/db", &mut rand::rng()).unwrap()
    }

    #[test]
    fn passwords_have_their_length_and_use_the_whole_alphabet() {
        assert_eq!(make("password").value.len(), 32);
        let long = make("password:1024").value;
        let found: HashSet<u8> = long.iter().copied().collect();
        assert_eq!(found, ALPHABET.iter().copied().collect());
        assert_ne!(*make("password").value, *make("password").value);
    }

    #[test]
    fn uuids_are_of_version_4() {
        for _ in 0..100 {
            let value = make("uuid").value;
            let text = std::str::from_utf8(&value).unwrap();
            let parts: Vec<usize> = text.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12]);
            assert_eq!(text.as_bytes()[14], b'4');
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
        }
    }

    #[test]
    fn ssh_keys_are_read_back_with_their_public_half() {
        for (kind, algorithm) in [
            ("ssh-ed25519", "ssh-ed25519 "),
            ("ssh-rsa:2048", "ssh-rsa "),
        ] {
            let fresh = make(kind);
            let key = ssh_key::PrivateKey::from_openssh(&*fresh.value).unwrap();
            let public = fresh.public.unwrap();
            assert!(
                public.starts_with(algorithm) && public.ends_with(" shop/db"),
                "{public}"
            );
            assert_eq!(key.public_key().to_openssh().unwrap(), public);
            if let KeypairData::Rsa(pair) = key.key_data() {
                let (public, private) = (pair.public(), pair.private());
                let [n, e, d, p, q] = [
                    public.n(),
                    public.e(),
                    private.d(),
                    private.p(),
                    private.q(),
                ]
                .map(|one| rsa::BoxedUint::from_be_slice_vartime(one.as_positive_bytes().unwrap()));
                rsa::RsaPrivateKey::from_components(n, e, d, vec![p, q]).unwrap();
            }
        }
    }

    #[test]
    fn a_public_half_is_one_line() {
        for comment in ["db\nssh-rsa AAAA", "db\r", "db\u{1b}[A", "db\u{2028}"] {
            for (kind, made) in [("ssh-ed25519", false), ("ssh-rsa", false), ("uuid", true)] {
                let kind: Generated = kind.parse().unwrap();
                let result = kind.make(comment, &mut rand::rng());
                assert_eq!(result.is_ok(), made, "{comment:?}");
            }
        }
    }

    #[test]
    fn other_kinds_are_refused() {
        for (text, wanted) in [
            ("", GenerateError::Kind),
            ("Password", GenerateError::Kind),
            ("uuid:4", GenerateError::Kind),
            ("password:8", GenerateError::Length),
            ("password:x", GenerateError::Length),
            ("ssh-rsa:1024", GenerateError::Bits),
            ("ssh-rsa:2049", GenerateError::Bits),
            ("ssh-rsa:9000", GenerateError::Bits),
        ] {
            assert_eq!(text.parse::<Generated>(), Err(wanted), "{text}");
        }
    }
}
