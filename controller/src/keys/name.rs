//! Names of new keys.
//!
//! Whoever makes the successor of the same key at the same place calls it the same, so that the
//! second of them finds the name taken: that makes the creation of a key atomic, with no other
//! right than to create Secrets. The names look like those that the API server makes up.

use sealed_secrets_core::keyring::KeyEntry;
use sha2::{Digest as _, Sha256};

/// Characters of the end of a name: those that the API server uses.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many of them.
const LENGTH: usize = 5;

/// What a new key follows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Follows<'a> {
    /// Nothing: it is the first, made at this moment.
    Nothing { moment: u64 },
    /// The newest key so far.
    Key(&'a KeyEntry),
}

/// The name for a key; another for each `attempt`, in case one is taken by a key that is retired.
///
/// `place` is the same for all who share the keys, and differs from other places, even from those
/// that have copies of the keys: one name must not mean two keys when they are brought together.
pub(super) fn key_name(prefix: &str, place: &[u8], follows: Follows<'_>, attempt: u32) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(place);
    match follows {
        Follows::Nothing { moment } => part(&moment.to_be_bytes()),
        Follows::Key(key) => {
            part(key.name.as_bytes());
            part(&key.created_at.as_second().to_be_bytes());
            part(key.pair.fingerprint().as_bytes());
        }
    }
    part(&attempt.to_be_bytes());
    let digest = hash.finalize();
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest);
    let mut number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let mut name = prefix.to_owned();
    for _ in 0..LENGTH {
        let digit = (number % ALPHABET.len() as u64) as usize;
        name.extend(ALPHABET.get(digit).map(|byte| char::from(*byte)));
        number /= ALPHABET.len() as u64;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_for_the_same_and_differ_otherwise() {
        let first = |place: &str, moment, attempt| {
            key_name(
                "sealed-secrets-key",
                place.as_bytes(),
                Follows::Nothing { moment },
                attempt,
            )
        };
        let name = first("here", 1, 0);
        assert_eq!(name, first("here", 1, 0));
        for other in [
            first("there", 1, 0),
            first("here", 2, 0),
            first("here", 1, 1),
        ] {
            assert_ne!(name, other);
        }
        let end = name.strip_prefix("sealed-secrets-key").unwrap();
        assert!(end.len() == 5 && end.bytes().all(|byte| ALPHABET.contains(&byte)));
    }
}
