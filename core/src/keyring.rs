//! The keys of one cluster: which one to seal with, and which ones to try when opening.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::envelope::{Envelope, UnsealError};
use crate::fingerprint::Fingerprint;
use crate::item;
use crate::key_pair::KeyPair;
use crate::label::Label;

/// All keys that may open items, newest first.
///
/// A clone is a cheap snapshot: it shares the keys with the original and copies none of their numbers,
/// so readers can go on with the one they have while a new one is put together.
#[derive(Clone, Debug)]
pub struct Keyring {
    order: KeyOrder,
    /// Newest first by `order`; no fingerprint twice.
    entries: Vec<Arc<KeyEntry>>,
    operations: Operations,
}

/// Counts private-key operations; a clone counts on the same counter.
///
/// They are what unsealing costs: one for each item where the first key fits, one more for each key
/// that doesn't.
#[derive(Clone, Debug, Default)]
pub struct Operations(Arc<AtomicU64>);

impl Operations {
    /// How many there have been.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Keyring {
    /// An empty keyring.
    pub fn new(order: KeyOrder) -> Self {
        Keyring {
            order,
            entries: Vec::new(),
            operations: Operations::default(),
        }
    }

    /// Counts its private-key operations, and those of its clones, on `operations`.
    #[must_use]
    pub fn counted_by(self, operations: &Operations) -> Self {
        Keyring {
            operations: operations.clone(),
            ..self
        }
    }

    /// The counter of its private-key operations.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Takes every key that could be loaded; returns the errors of the others, in their order.
    pub fn from_entries<E>(
        order: KeyOrder,
        entries: impl IntoIterator<Item = Result<KeyEntry, E>>,
    ) -> (Self, Vec<E>) {
        let mut keyring = Keyring::new(order);
        let mut errors = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => drop(keyring.insert(entry)),
                Err(error) => errors.push(error),
            }
        }
        (keyring, errors)
    }

    /// Adds a key. An entry with the same fingerprint is replaced and returned.
    ///
    /// Names may repeat: where the key in a Secret was exchanged, the earlier one stays, and goes on
    /// opening what was sealed for it, until the name is removed.
    pub fn insert(&mut self, entry: impl Into<Arc<KeyEntry>>) -> Option<Arc<KeyEntry>> {
        let entry = entry.into();
        let fingerprint = entry.pair.fingerprint();
        let replaced = self
            .entries
            .iter()
            .position(|other| other.pair.fingerprint() == fingerprint)
            .map(|index| self.entries.remove(index));
        let rank = self.rank(&entry);
        let index = self
            .entries
            .partition_point(|other| self.rank(other) > rank);
        self.entries.insert(index, entry);
        replaced
    }

    /// Drops every key that came from the Secret `name`; says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.name != name);
        self.entries.len() < before
    }

    /// The newest key, whether expired or not.
    pub fn newest(&self) -> Option<&KeyEntry> {
        self.entries().next()
    }

    /// The key to seal with: the newest one whose certificate has not expired.
    pub fn sealing_key(&self, now: Timestamp) -> Option<&KeyEntry> {
        self.entries()
            .find(|entry| entry.pair.certificate().check_not_expired(now).is_ok())
    }

    /// The key with this fingerprint.
    pub fn find(&self, fingerprint: &Fingerprint) -> Option<&KeyEntry> {
        self.entries()
            .find(|entry| entry.pair.fingerprint() == *fingerprint)
    }

    /// All keys, newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &KeyEntry> {
        self.entries.iter().map(AsRef::as_ref)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What decides which key is the newest.
    pub fn order(&self) -> KeyOrder {
        self.order
    }

    /// All keys in the order in which they are worth trying, each once: the one the hint names, the one
    /// that worked last, the one that was the newest when the object was created, then the others from
    /// new to old.
    pub fn candidates<'a>(&'a self, hint: &Hint) -> impl Iterator<Item = &'a KeyEntry> {
        let named = |fingerprint: &Option<Fingerprint>| self.find(&(*fingerprint)?);
        let newest_then = hint.created_at.and_then(|created_at| {
            self.entries()
                .find(|entry| entry.instant(self.order) <= created_at)
        });
        let likely = [
            named(&hint.fingerprint),
            named(&hint.last_worked),
            newest_then,
        ];
        let mut candidates: Vec<&KeyEntry> = Vec::with_capacity(self.len() + likely.len());
        for entry in likely.into_iter().flatten() {
            if !candidates.iter().any(|other| std::ptr::eq(*other, entry)) {
                candidates.push(entry);
            }
        }
        let likely = candidates.len();
        for entry in self.entries() {
            if !candidates
                .iter()
                .take(likely)
                .any(|other| std::ptr::eq(*other, entry))
            {
                candidates.push(entry);
            }
        }
        candidates.into_iter()
    }

    /// Opens an envelope with the first key that fits.
    ///
    /// Keys whose modulus has another length than the envelope's RSA ciphertext are passed over
    /// without any RSA work. Once a key has opened the session key, no other is tried.
    ///
    /// # Errors
    /// See [`UnsealError`]: meant for the owner, not for a remote caller.
    pub fn unseal(
        &self,
        label: &Label,
        envelope: &[u8],
        hint: &Hint,
    ) -> Result<Unsealed, UnsealError> {
        let envelope = Envelope::split(envelope)?;
        let fitting = self
            .candidates(hint)
            .filter(|entry| envelope.fits(entry.pair.public_key()));
        for entry in fitting {
            let key = entry.pair.private_key();
            self.operations.add_one();
            if let Some(session_key) = envelope.unwrap_session_key(key, label) {
                let plaintext = envelope.open(&session_key)?;
                return Ok(Unsealed {
                    plaintext,
                    key: entry.pair.fingerprint(),
                });
            }
        }
        Err(UnsealError::NoKey)
    }

    /// How many keys [`Keyring::unseal`] tries at most: those whose modulus has the length of the
    /// envelope's RSA ciphertext.
    pub fn fitting(&self, envelope: &[u8]) -> usize {
        let Ok(envelope) = Envelope::split(envelope) else {
            return 0;
        };
        self.entries()
            .filter(|entry| envelope.fits(entry.pair.public_key()))
            .count()
    }

    /// Opens an item as it stands in `spec.encryptedData`.
    ///
    /// # Errors
    /// As [`Keyring::unseal`], and [`UnsealError::Base64`].
    pub fn unseal_item(
        &self,
        label: &Label,
        text: &str,
        hint: &Hint,
    ) -> Result<Unsealed, UnsealError> {
        self.unseal(label, &item::decode(text)?, hint)
    }

    /// Higher is newer. Secrets and certificates have whole seconds, so ties happen; all replicas must
    /// break them alike.
    fn rank<'a>(&self, entry: &'a KeyEntry) -> (Timestamp, Timestamp, &'a str) {
        (entry.instant(self.order), entry.created_at, &entry.name)
    }
}

/// One key and where it came from.
#[derive(Debug)]
pub struct KeyEntry {
    /// The name of its Secret.
    pub name: String,
    /// When its Secret was created.
    pub created_at: Timestamp,
    /// The key and its certificate.
    pub pair: KeyPair,
}

impl KeyEntry {
    /// The moment from which on the key counts as the newest.
    pub fn instant(&self, order: KeyOrder) -> Timestamp {
        match order {
            KeyOrder::CertNotBefore => self.pair.certificate().not_before(),
            KeyOrder::SecretCreationTimestamp => self.created_at,
        }
    }
}

/// What decides which key is the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyOrder {
    /// The start of its certificate's validity.
    #[default]
    CertNotBefore,
    /// The creation of its Secret.
    SecretCreationTimestamp,
}

impl KeyOrder {
    const ALL: [KeyOrder; 2] = [KeyOrder::CertNotBefore, KeyOrder::SecretCreationTimestamp];

    /// The value of `--key-order-priority`.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyOrder::CertNotBefore => "CertNotBefore",
            KeyOrder::SecretCreationTimestamp => "SecretCreationTimestamp",
        }
    }
}

impl fmt::Display for KeyOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for KeyOrder {
    type Err = ParseKeyOrderError;

    /// Accepts exactly the spellings of [`KeyOrder::as_str`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        KeyOrder::ALL
            .into_iter()
            .find(|order| order.as_str() == text)
            .ok_or_else(|| ParseKeyOrderError {
                text: text.to_owned(),
            })
    }
}

/// A text that names no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown key order {text:?}, expected CertNotBefore or SecretCreationTimestamp")]
pub struct ParseKeyOrderError {
    text: String,
}

/// What is known about the key of an item before trying. Never needs to be right: a wrong hint costs
/// time only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// The key that the object says it was sealed for.
    pub fingerprint: Option<Fingerprint>,
    /// The key that opened an item of this object before.
    pub last_worked: Option<Fingerprint>,
    /// When the object was created.
    pub created_at: Option<Timestamp>,
}

/// An opened item.
pub struct Unsealed {
    /// The value; wiped on drop.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The key that opened it: the next item's [`Hint::last_worked`].
    pub key: Fingerprint,
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsealed")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
