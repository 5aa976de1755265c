//! The envelope: how one value is sealed.
//!
//! ```text
//! u16 big-endian length of C ‖ C ‖ A
//! C = RSAES-OAEP(SHA-256, MGF1-SHA-256, label, session key)
//! A = AES-256-GCM(session key, nonce of twelve zero bytes, no associated data, plaintext), tag last
//! ```
//!
//! OAEP is RFC 8017, section 7.1; GCM is NIST SP 800-38D. The constant nonce is sound because each
//! session key is random, fresh, and encrypts one message only. The associated data is empty: what the
//! value is bound to (see [`Label`]) is bound through the label of OAEP.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::item::Base64Error;
use crate::label::Label;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;

const LENGTH_BYTES: usize = 2;
const SESSION_KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const NONCE: [u8; 12] = [0; 12];

/// Encrypts `plaintext` for the holder of `key`, openable only under `label`.
///
/// The result is as long as the plaintext plus the modulus plus 18 bytes.
///
/// # Errors
/// [`SealError::TooLong`] for more plaintext than GCM takes.
pub fn seal<R: CryptoRng + ?Sized>(
    rng: &mut R,
    key: &PublicKey,
    label: &Label,
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    let mut session_key = Zeroizing::new([0; SESSION_KEY_BYTES]);
    rng.fill_bytes(session_key.as_mut_slice());
    let wrapped = key
        .encrypt_oaep(rng, label.as_bytes(), session_key.as_slice())
        .ok_or(SealError::Key)?;
    let length = u16::try_from(wrapped.len()).map_err(|_| SealError::Key)?;

    let mut envelope =
        Vec::with_capacity(LENGTH_BYTES + wrapped.len() + plaintext.len() + TAG_BYTES);
    envelope.extend_from_slice(&length.to_be_bytes());
    envelope.extend_from_slice(&wrapped);
    let head = envelope.len();
    envelope.resize(head + plaintext.len(), 0);
    let body = envelope.get_mut(head..).unwrap_or_default();
    let body = InOutBuf::new(plaintext, body).expect("both buffers have the plaintext's length");
    let tag = Aes256Gcm::new((&*session_key).into())
        .encrypt_inout_detached(&Nonce::from(NONCE), b"", body)
        .map_err(|_| SealError::TooLong)?;
    envelope.extend_from_slice(&tag);
    Ok(envelope)
}

/// Opens an envelope that was sealed for `key` under `label`.
///
/// To try several keys, use [`Keyring::unseal`](crate::Keyring::unseal).
///
/// # Errors
/// See [`UnsealError`].
pub fn unseal(
    key: &PrivateKey,
    label: &Label,
    envelope: &[u8],
) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
    let envelope = Envelope::split(envelope)?;
    let session_key = envelope
        .unwrap_session_key(key, label)
        .ok_or(UnsealError::NoKey)?;
    envelope.open(&session_key)
}

/// What an envelope shows without any key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape<'a> {
    /// The RSA ciphertext, as long as the modulus of the key it was made for.
    pub wrapped: &'a [u8],
    /// Bytes of the value.
    pub plaintext_len: usize,
}

/// Measures an envelope. Says nothing about its being genuine.
///
/// # Errors
/// [`UnsealError::Truncated`] when it is shorter than its parts must be.
pub fn shape(envelope: &[u8]) -> Result<Shape<'_>, UnsealError> {
    let envelope = Envelope::split(envelope)?;
    Ok(Shape {
        wrapped: envelope.wrapped,
        plaintext_len: envelope.body.len(),
    })
}

/// The length of the envelope of `plaintext_len` bytes sealed with `key`.
pub fn sealed_len(key: &PublicKey, plaintext_len: usize) -> usize {
    LENGTH_BYTES + key.modulus_len() + plaintext_len + TAG_BYTES
}

/// An envelope's parts.
pub(crate) struct Envelope<'a> {
    wrapped: &'a [u8],
    body: &'a [u8],
    tag: [u8; TAG_BYTES],
}

impl<'a> Envelope<'a> {
    /// Takes an envelope apart. Says nothing about its being genuine.
    pub(crate) fn split(envelope: &'a [u8]) -> Result<Self, UnsealError> {
        let (length, rest) = envelope
            .split_first_chunk::<LENGTH_BYTES>()
            .ok_or(UnsealError::Truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (wrapped, rest) = rest
            .split_at_checked(length)
            .ok_or(UnsealError::Truncated)?;
        let (body, tag) = rest
            .split_last_chunk::<TAG_BYTES>()
            .ok_or(UnsealError::Truncated)?;
        Ok(Envelope {
            wrapped,
            body,
            tag: *tag,
        })
    }

    /// Whether the RSA ciphertext is as long as `key` makes it: with any other key, it wasn't made.
    pub(crate) fn fits(&self, key: &PublicKey) -> bool {
        self.wrapped.len() == key.modulus_len()
    }

    /// The session key, if the envelope was sealed for `key` under `label`.
    pub(crate) fn unwrap_session_key(
        &self,
        key: &PrivateKey,
        label: &Label,
    ) -> Option<Zeroizing<Vec<u8>>> {
        key.decrypt_oaep(label.as_bytes(), self.wrapped).ok()
    }

    /// Decrypts the value itself.
    pub(crate) fn open(&self, session_key: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let length = session_key.len();
        let session_key: &[u8; SESSION_KEY_BYTES] = session_key
            .try_into()
            .map_err(|_| UnsealError::SessionKeyLength { length })?;
        let mut plaintext = Zeroizing::new(vec![0; self.body.len()]);
        let body =
            InOutBuf::new(self.body, &mut plaintext).expect("both buffers have the body's length");
        Aes256Gcm::new(session_key.into())
            .decrypt_inout_detached(&Nonce::from(NONCE), b"", body, &Tag::from(self.tag))
            .map_err(|_| UnsealError::Damaged)?;
        Ok(plaintext)
    }
}

/// Why a value could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// RSA refused the key. Cannot happen with the sizes that a [`PublicKey`] can have.
    #[error("could not encrypt a session key with the public key")]
    Key,
    /// More than the 64 GiB that GCM can encrypt under one nonce.
    #[error("value is too long to be sealed")]
    TooLong,
}

/// Why an item could not be opened.
///
/// This is for the owner of the item: for its status, events and the log. **A remote caller** (of
/// `/v1/verify`, say) **must get one and the same answer for every variant**: telling them apart would
/// make the controller an oracle on ciphertexts, as in Manger's attack on OAEP.
///
/// Every message but the one for base64 starts with the words that scripts look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The text is not base64.
    #[error(transparent)]
    Base64(#[from] Base64Error),
    /// The envelope is shorter than its parts.
    #[error("no key could decrypt secret: sealed value is truncated")]
    Truncated,
    /// No key opens it under this label: another cluster's key, a key that is gone, another name,
    /// namespace or scope, or a damaged session key. These cannot be told apart.
    #[error("no key could decrypt secret")]
    NoKey,
    /// The envelope was made for one of our keys under this label, but not by this scheme.
    #[error(
        "no key could decrypt secret: session key has {length} bytes, expected {SESSION_KEY_BYTES}"
    )]
    SessionKeyLength {
        /// How long it is.
        length: usize,
    },
    /// The envelope was made for one of our keys under this label, and changed afterwards.
    #[error("no key could decrypt secret: sealed value is damaged")]
    Damaged,
}

impl UnsealError {
    /// A stable word for the kind of failure, for metrics and machine-readable output: `base64`,
    /// `truncated`, `key`, `session-key` or `aead`.
    pub fn class(&self) -> &'static str {
        match self {
            UnsealError::Base64(_) => "base64",
            UnsealError::Truncated => "truncated",
            UnsealError::NoKey => "key",
            UnsealError::SessionKeyLength { .. } => "session-key",
            UnsealError::Damaged => "aead",
        }
    }
}
