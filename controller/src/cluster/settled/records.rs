//! Records of settled objects: pure.
//!
//! A record has 32 bytes:
//!
//! ```text
//! SHA-256(uid of the SealedSecret), first 16 bytes ‖ HMAC-SHA-256(key, SHA-256(evidence)), first 16 bytes
//! ```
//!
//! The key is HMAC-SHA-256(purpose, all private keys of the keyring), so that nobody else can write a
//! record that counts, and none counts when one of the keys is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::keyring::Keyring;
use sealed_secrets_core::label::Label;
use sealed_secrets_crds::desired::Options;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Bytes of a hash that are kept: no two objects of a cluster share them, and none can be forged.
const KEPT: usize = 16;
/// Records in one part, on average and at most about that: 64 KiB.
pub(super) const SHARD: usize = 2048;
/// Bytes of a record.
pub(super) const RECORD: usize = 2 * KEPT;
/// What this version of the controller makes of an object. Raise it when what `desired_secret` computes
/// changes and the version of the crate doesn't: records from before then count for nothing.
const REVISION: u32 = 1;
/// What the derived key is for.
const PURPOSE: &[u8] = b"sealed-secrets settled objects";

/// What stands for an object.
type Object = [u8; KEPT];
/// What stands for its evidence, under a key.
type Tag = [u8; KEPT];

/// Everything that the verdict "as it should be" depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Evidence<'a> {
    /// The SealedSecret's; a new object has a new one.
    pub(in crate::cluster) uid: &'a str,
    /// The SealedSecret's; it grows with every change of its spec.
    pub(in crate::cluster) generation: i64,
    /// What its items are bound to.
    pub(in crate::cluster) label: &'a Label,
    /// The version of the Secret; no two contents have the same.
    pub(in crate::cluster) secret_version: &'a str,
    /// What counts besides `encryptedData`.
    pub(in crate::cluster) options: Options,
}

impl Evidence<'_> {
    fn object(&self) -> Object {
        object(self.uid)
    }

    fn digest(&self) -> [u8; 32] {
        // Taken apart, so that none is forgotten that comes to them.
        let Options {
            accept_deprecated_v1_data,
        } = self.options;
        let mut hash = Sha256::new();
        for field in [
            // Another version of the controller may see another Secret in the same object.
            env!("CARGO_PKG_VERSION").as_bytes(),
            &REVISION.to_be_bytes(),
            self.uid.as_bytes(),
            &self.generation.to_be_bytes(),
            self.label.as_bytes(),
            self.secret_version.as_bytes(),
            &[u8::from(accept_deprecated_v1_data)],
        ] {
            // With the length in front, no two lists of fields read alike.
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }
}

fn object(uid: &str) -> Object {
    first_half(&Sha256::digest(uid.as_bytes()).into())
}

fn first_half(hash: &[u8; 32]) -> [u8; KEPT] {
    let mut half = [0; KEPT];
    half.copy_from_slice(&hash[..KEPT]);
    half
}

/// The secret under which records are made, and the keys that it comes from.
pub(super) struct RecordKey {
    fingerprints: BTreeSet<Fingerprint>,
    secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecordKey")
            .field(&self.fingerprints)
            .finish()
    }
}

impl RecordKey {
    /// From all keys; `None` if there is none.
    fn of(keyring: &Keyring) -> Option<Self> {
        let pairs: BTreeMap<_, _> = keyring
            .entries()
            .map(|entry| (entry.pair.fingerprint(), &entry.pair))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        let mut mac = keyed(PURPOSE);
        for pair in pairs.values() {
            mac.update(pair.private_key().to_pkcs1_pem().as_bytes());
        }
        Some(Self {
            fingerprints: pairs.into_keys().collect(),
            secret: Zeroizing::new(mac.finalize().into_bytes().into()),
        })
    }

    fn tag(&self, digest: &[u8; 32]) -> Tag {
        let mut mac = keyed(self.secret.as_slice());
        mac.update(digest);
        first_half(&mac.finalize().into_bytes().into())
    }

    fn verifies(&self, digest: &[u8; 32], tag: &Tag) -> bool {
        let mut mac = keyed(self.secret.as_slice());
        mac.update(digest);
        mac.verify_truncated_left(tag).is_ok()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The records of this process.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// `None` before there is a key.
    key: Option<RecordKey>,
    objects: BTreeMap<Object, Record>,
}

#[derive(Debug)]
struct Record {
    digest: [u8; 32],
    tag: Tag,
}

impl Records {
    /// Makes the records those of this keyring. They are as good with one more key; where a key is
    /// gone that an object may have been opened with, it has to show whether another one does.
    pub(super) fn under(&mut self, keyring: &Keyring) {
        let now = all(keyring);
        let before = self.fingerprints();
        if before == Some(&now) {
            return;
        }
        if !before.is_some_and(|before| before.is_subset(&now)) {
            self.objects.clear();
        }
        self.key = RecordKey::of(keyring);
        if let Some(key) = &self.key {
            for record in self.objects.values_mut() {
                record.tag = key.tag(&record.digest);
            }
        }
    }

    /// The keys that the records are under.
    pub(super) fn fingerprints(&self) -> Option<&BTreeSet<Fingerprint>> {
        self.key.as_ref().map(|key| &key.fingerprints)
    }

    /// Whether there is a record for exactly this.
    pub(super) fn holds(&self, evidence: &Evidence<'_>) -> bool {
        self.objects
            .get(&evidence.object())
            .is_some_and(|record| record.digest == evidence.digest())
    }

    /// Records that it is right; says whether that was news.
    pub(super) fn insert(&mut self, evidence: &Evidence<'_>) -> bool {
        let Some(key) = &self.key else {
            return false;
        };
        let digest = evidence.digest();
        let tag = key.tag(&digest);
        let before = self
            .objects
            .insert(evidence.object(), Record { digest, tag });
        before.is_none_or(|before| before.digest != digest)
    }

    /// Drops the record of an object; says whether there was one.
    pub(super) fn remove(&mut self, uid: &str) -> bool {
        self.objects.remove(&object(uid)).is_some()
    }

    /// All records, in this many parts; what `stored` has beside them, too, if it is under the same
    /// keys.
    pub(super) fn parts(&self, count: usize, stored: Option<&Stored>) -> Vec<Vec<u8>> {
        let mut all: BTreeMap<&Object, &Tag> = BTreeMap::new();
        let same = |key: &RecordKey| Some(&key.fingerprints) == self.fingerprints();
        let stored = stored.filter(|stored| stored.key.as_ref().is_some_and(same));
        all.extend(stored.iter().flat_map(|stored| &stored.tags));
        all.extend(self.objects.iter().map(|(object, it)| (object, &it.tag)));
        let mut parts = vec![Vec::new(); count];
        for (object, tag) in all {
            let number = usize::from(u16::from_be_bytes([object[0], object[1]])) % count;
            if let Some(part) = parts.get_mut(number) {
                part.extend_from_slice(object);
                part.extend_from_slice(tag);
            }
        }
        parts
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }
}

/// Records of an earlier process, or of another replica.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// `None` before the first are added.
    key: Option<RecordKey>,
    tags: BTreeMap<Object, Tag>,
}

/// Stored records that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum StoredError {
    #[error("records are cut off")]
    Length,
    #[error("records are not under exactly the keys that are here")]
    OtherKeys,
}

impl Stored {
    /// Adds a part of [`Records::parts`]. It has to be under exactly the keys of the keyring: a secret
    /// that follows from some of them may be known to somebody who has stolen, or brought along, just
    /// those.
    ///
    /// # Errors
    /// Records that nothing can be made of; to do without costs time only.
    pub(super) fn add(
        &mut self,
        keyring: &Keyring,
        fingerprints: &BTreeSet<Fingerprint>,
        part: &[u8],
    ) -> Result<(), StoredError> {
        let (records, []) = part.as_chunks::<RECORD>() else {
            return Err(StoredError::Length);
        };
        if fingerprints.is_empty() || *fingerprints != all(keyring) {
            return Err(StoredError::OtherKeys);
        }
        if self.key.is_none() {
            self.key = RecordKey::of(keyring);
        }
        for record in records {
            let (mut object, mut tag) = (Object::default(), Tag::default());
            object.copy_from_slice(&record[..KEPT]);
            tag.copy_from_slice(&record[KEPT..]);
            self.tags.insert(object, tag);
        }
        Ok(())
    }

    /// Whether there is a record for exactly this.
    pub(super) fn holds(&self, evidence: &Evidence<'_>) -> bool {
        let (Some(key), Some(tag)) = (&self.key, self.tags.get(&evidence.object())) else {
            return false;
        };
        key.verifies(&evidence.digest(), tag)
    }

    /// Drops the record of an object.
    pub(super) fn remove(&mut self, uid: &str) {
        self.tags.remove(&object(uid));
    }

    /// Drops everything if one of the keys is gone.
    pub(super) fn under(&mut self, keyring: &Keyring) {
        let there = |fingerprint: &Fingerprint| keyring.find(fingerprint).is_some();
        let gone = |key: &RecordKey| !key.fingerprints.iter().all(there);
        if self.key.as_ref().is_some_and(gone) {
            *self = Self::default();
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.tags.len()
    }
}

/// Fingerprints of all keys.
fn all(keyring: &Keyring) -> BTreeSet<Fingerprint> {
    let entries = keyring.entries();
    entries.map(|it| it.pair.fingerprint()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::fixtures::certs;
    use proptest::prelude::*;
    use sealed_secrets_core::scope::Scope;

    fn label(name: &str) -> Label {
        Label::new(Scope::Strict, "shop", name)
    }

    fn evidence<'a>(uid: &'a str, label: &'a Label, version: &'a str) -> Evidence<'a> {
        Evidence {
            uid,
            generation: 3,
            label,
            secret_version: version,
            options: Options::default(),
        }
    }

    fn records(keyring: &Keyring) -> Records {
        let mut records = Records::default();
        records.under(keyring);
        records
    }

    /// As another process reads it.
    fn stored(records: &Records, keyring: &Keyring, parts: usize) -> Result<Stored, StoredError> {
        let mut stored = Stored::default();
        for part in records.parts(parts, None) {
            stored.add(keyring, records.fingerprints().unwrap(), &part)?;
        }
        Ok(stored)
    }

    #[test]
    fn only_exactly_the_same_counts() {
        let keyring = certs(&[1, 2]);
        let mut records = records(&keyring);
        let (ours, other) = (label("db"), label("other"));
        let right = evidence("uid", &ours, "7");
        assert!(records.insert(&right) && !records.insert(&right));
        let stored = stored(&records, &keyring, 4).unwrap();
        assert!(records.holds(&right) && stored.holds(&right));
        for wrong in [
            evidence("uid-2", &ours, "7"),
            evidence("uid", &other, "7"),
            evidence("uid", &ours, "8"),
            Evidence {
                generation: 4,
                ..right
            },
            Evidence {
                options: Options {
                    accept_deprecated_v1_data: false,
                },
                ..right
            },
        ] {
            assert!(!records.holds(&wrong) && !stored.holds(&wrong), "{wrong:?}");
        }
        assert!(records.remove("uid") && !records.holds(&right));
    }

    #[test]
    fn a_new_key_changes_nothing_and_a_key_that_goes_everything() {
        let (one, both) = (certs(&[1]), certs(&[1, 2]));
        let label = label("db");
        let right = evidence("uid", &label, "7");
        let mut records = records(&one);
        records.insert(&right);
        let mut earlier = stored(&records, &one, 1).unwrap();
        earlier.under(&both);
        assert!(earlier.holds(&right));
        records.under(&both);
        assert!(records.holds(&right));
        let mut there = stored(&records, &both, 1).unwrap();
        assert!(there.holds(&right));
        there.under(&one);
        assert!(!there.holds(&right));
        records.under(&one);
        assert!(!records.holds(&right));
    }

    #[test]
    fn only_who_has_all_keys_makes_records() {
        let label = label("db");
        let right = evidence("uid", &label, "7");
        for keys in [&[1][..], &[2], &[1, 2, 3]] {
            let mut forged = records(&certs(keys));
            forged.insert(&right);
            let read = stored(&forged, &certs(&[1, 2]), 1);
            assert_eq!(read.unwrap_err(), StoredError::OtherKeys, "{keys:?}");
        }
    }

    #[test]
    fn without_a_key_nothing_is_recorded_or_believed() {
        let none = certs(&[]);
        let label = label("db");
        let right = evidence("uid", &label, "7");
        assert!(!records(&none).insert(&right));
        let mut forged = Stored::default();
        let added = forged.add(&none, &BTreeSet::new(), &[0; RECORD]);
        assert_eq!(added, Err(StoredError::OtherKeys));
    }

    #[test]
    fn what_was_not_asked_for_stays_stored() {
        let keyring = certs(&[1]);
        let (first, second) = (label("a"), label("b"));
        let mut before = records(&keyring);
        before.insert(&evidence("a", &first, "1"));
        before.insert(&evidence("b", &second, "1"));
        let mut there = stored(&before, &keyring, 2).unwrap();
        there.remove("b");
        let mut now = records(&keyring);
        now.insert(&evidence("a", &first, "2"));
        let parts = now.parts(1, Some(&there));
        assert_eq!(parts.concat().len(), RECORD);
        assert!(
            stored(&now, &keyring, 1)
                .unwrap()
                .holds(&evidence("a", &first, "2"))
        );
    }

    proptest! {
        #[test]
        fn no_change_of_stored_bytes_makes_a_record(at in 0..RECORD, bit in 0..8u8, cut in 0..RECORD) {
            let keyring = certs(&[1]);
            let label = label("db");
            let right = evidence("uid", &label, "7");
            let mut records = records(&keyring);
            records.insert(&right);
            let fingerprints = records.fingerprints().unwrap().clone();
            let mut bytes = records.parts(1, None).concat();
            bytes[at] ^= 1 << bit;
            let mut stored = Stored::default();
            stored.add(&keyring, &fingerprints, &bytes).unwrap();
            prop_assert!(!stored.holds(&right));
            let cut_off = Stored::default().add(&keyring, &fingerprints, &bytes[..cut]);
            prop_assert_eq!(cut_off.is_err(), cut > 0);
        }
    }
}
