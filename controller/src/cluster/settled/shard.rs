//! A part of the records as a Secret, which is what the controller may write in its namespace.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use sealed_secrets_core::fingerprint::Fingerprint;

/// Label of the Secrets that hold records.
const LABEL: &str = "sealedsecrets.bitnami.com/settled";
/// Its value: the form of the records.
const FORM: &str = "v1";
/// Their type.
const TYPE: &str = "sealedsecrets.bitnami.com/settled";
/// Numbers end here: what somebody else puts beside them can't make us hold more than that.
pub(super) const PARTS: usize = 256;
/// Bytes of one that are held: twice what chance can bring together there, and a thousand keys.
const LARGEST: usize = 192 << 10;
/// Start of their names.
const NAME: &str = "sealed-secrets-settled";
/// Item with the fingerprints of the keys, 32 bytes each.
const KEYS: &str = "keys";
/// Item with the records.
const RECORDS: &str = "records";
/// What it is, for people who find one.
const NOTE: (&str, &str) = (
    "kubernetes.io/description",
    "Which SealedSecrets were found unsealed, so that a restart needn't do it again. Nothing secret; deleting it costs time only.",
);

/// Selects these Secrets.
pub(super) fn selector() -> String {
    format!("{LABEL}={FORM}")
}

/// Names of the parts.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    /// `suffix` tells controllers of one namespace from each other.
    pub(super) fn new(suffix: &str) -> Self {
        Self {
            prefix: format!("{NAME}{suffix}-"),
        }
    }

    /// Name of the part of this number.
    pub(super) fn name(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }

    /// The number in such a name.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        let number = name.strip_prefix(&self.prefix)?.parse().ok()?;
        (number < PARTS && self.name(number) == name).then_some(number)
    }
}

/// The Secret of a part; `version` is that of the one it replaces.
pub(super) fn secret(
    name: String,
    version: Option<String>,
    fingerprints: &BTreeSet<Fingerprint>,
    records: Vec<u8>,
) -> Secret {
    let keys: Vec<u8> = fingerprints.iter().flat_map(|it| *it.as_bytes()).collect();
    let text = |(key, value): (&str, &str)| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    Secret {
        metadata: ObjectMeta {
            name: Some(name),
            resource_version: version,
            labels: Some(text((LABEL, FORM))),
            annotations: Some(text(NOTE)),
            ..ObjectMeta::default()
        },
        type_: Some(TYPE.to_owned()),
        data: Some(BTreeMap::from([
            (KEYS.to_owned(), ByteString(keys)),
            (RECORDS.to_owned(), ByteString(records)),
        ])),
        ..Secret::default()
    }
}

/// Such a Secret as it is held once it was read: without what it should never have had.
pub(super) fn bounded(mut secret: Secret) -> Secret {
    let size =
        |data: &BTreeMap<String, ByteString>| data.values().map(|it| it.0.len()).sum::<usize>();
    Secret {
        metadata: ObjectMeta {
            resource_version: secret.metadata.resource_version.take(),
            ..ObjectMeta::default()
        },
        data: secret.data.take().filter(|data| size(data) <= LARGEST),
        ..Secret::default()
    }
}

/// Fingerprints and records in such a Secret; `None` if it holds something else.
pub(super) fn content(secret: &Secret) -> Option<(BTreeSet<Fingerprint>, &[u8])> {
    let data = secret.data.as_ref()?;
    let (keys, []) = data.get(KEYS)?.0.as_chunks::<32>() else {
        return None;
    };
    let fingerprints = keys.iter().map(|key| Fingerprint::from(*key)).collect();
    Some((fingerprints, data.get(RECORDS)?.0.as_slice()))
}

/// Whether there are no records in it.
pub(super) fn is_empty(secret: &Secret) -> bool {
    content(secret).is_none_or(|(_, records)| records.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_can_be_read() {
        let fingerprints = BTreeSet::from([[1; 32], [2; 32]].map(Fingerprint::from));
        let name = Names::new("").name(3);
        let secret = secret(name, None, &fingerprints, vec![7; 64]);
        let (found, records) = content(&secret).unwrap();
        assert_eq!((found, records), (fingerprints, [7; 64].as_slice()));
    }

    #[test]
    fn what_is_too_large_is_not_held() {
        let fingerprints = BTreeSet::from([Fingerprint::from([1; 32])]);
        for (size, held) in [(64, true), (LARGEST, false)] {
            let version = Some("7".to_owned());
            let read = secret("name".to_owned(), version, &fingerprints, vec![7; size]);
            let read = bounded(read);
            assert_eq!(content(&read).is_some(), held);
            assert_eq!(read.metadata.resource_version.as_deref(), Some("7"));
        }
    }

    #[test]
    fn names_of_others_have_no_number() {
        let names = Names::new("");
        assert_eq!(names.number("sealed-secrets-settled-3"), Some(3));
        let others = Names::new("-0a1b2c3d").name(3);
        for name in [
            "sealed-secrets-settled",
            "sealed-secrets-settled-03",
            "sealed-secrets-settled-256",
            "sealed-secrets-settled-18446744073709551615",
            "x-3",
            &others,
        ] {
            assert_eq!(names.number(name), None, "{name}");
        }
    }
}
