//! What to do with the Secret in the cluster: pure, from what is there and what should be.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::{MANAGED, PATCH, SKIP_SET_OWNER_REFERENCES, is_true};
use sealed_secrets_crds::desired::DesiredSecret;

use super::difference;

/// The one write that makes the Secret right, if one is needed.
#[derive(Debug, PartialEq)]
pub(super) enum Plan {
    /// There is none: create this.
    Create(Box<Secret>),
    /// It differs: replace it by this, which carries the resourceVersion it was computed from.
    Replace {
        secret: Box<Secret>,
        /// What differs, by name: `item password`, `label app`, `owner`. Never a value.
        differences: Vec<String>,
    },
    /// It is as it should be.
    UpToDate,
    /// It belongs to somebody else.
    Unmanaged,
    /// Its data can't be changed; it can only be deleted and made again.
    Immutable,
    /// It has another type, and types can't be changed either; it can only be deleted and made again.
    OtherType { existing: String, wanted: String },
    /// It is being deleted; its deletion will bring the object back here.
    BeingDeleted,
}

/// Decides what to do. `made_for_this` says that what is there was made for what the object asks
/// now, so that what came about by chance is as good as what chance would give today.
pub(super) fn plan(
    existing: Option<&Secret>,
    desired: &DesiredSecret,
    sealed: &SealedSecret,
    made_for_this: bool,
) -> Plan {
    let mut asked = desired.to_secret(sealed);
    let Some(existing) = existing else {
        return Plan::Create(Box::new(asked));
    };
    if made_for_this {
        keep_by_chance(&mut asked, desired, existing);
    }
    if existing.metadata.deletion_timestamp.is_some() {
        return Plan::BeingDeleted;
    }
    let annotations = existing.metadata.annotations.as_ref();
    let (managed, patch) = (is_true(annotations, MANAGED), is_true(annotations, PATCH));
    if !is_ours(existing, sealed) && !managed && !patch {
        return Plan::Unmanaged;
    }
    let wanted = if patch {
        merged(existing, asked, managed)
    } else {
        replaced(existing, asked)
    };
    let found = difference::between(existing, &wanted);
    if found.is_none() {
        return Plan::UpToDate;
    }
    if let Some((existing, wanted)) = found.types {
        return Plan::OtherType { existing, wanted };
    }
    if existing.immutable == Some(true) && !found.content.is_empty() {
        return Plan::Immutable;
    }
    Plan::Replace {
        secret: Box::new(wanted),
        differences: found.content.into_iter().chain(found.metadata).collect(),
    }
}

/// Whether `sealed` controls the Secret, or made it without an owner reference as its template asks.
fn is_ours(existing: &Secret, sealed: &SealedSecret) -> bool {
    is_of(existing, sealed.metadata.uid.as_deref())
}

/// Whether the SealedSecret of this uid made the Secret, as far as the Secret tells.
pub(super) fn is_of(existing: &Secret, uid: Option<&str>) -> bool {
    match controller(existing) {
        Some(owner) => uid == Some(owner.uid.as_str()),
        None => is_true(
            existing.metadata.annotations.as_ref(),
            SKIP_SET_OWNER_REFERENCES,
        ),
    }
}

pub(super) fn controller(secret: &Secret) -> Option<&OwnerReference> {
    let owners = secret
        .metadata
        .owner_references
        .as_deref()
        .unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true))
}

/// Takes over the values that chance gave; one that is missing is made anew.
fn keep_by_chance(asked: &mut Secret, desired: &DesiredSecret, existing: &Secret) {
    let there = |item: &str| -> Option<&ByteString> { existing.data.as_ref()?.get(item) };
    for (item, value) in asked.data.iter_mut().flatten() {
        if desired.by_chance.contains(item)
            && let Some(kept) = there(item)
        {
            value.clone_from(kept);
        }
    }
}

/// Everything as desired; what the server keeps (uid, resourceVersion …) stays.
fn replaced(existing: &Secret, wanted: Secret) -> Secret {
    let mut secret = existing.clone();
    secret.metadata.labels = wanted.metadata.labels;
    secret.metadata.annotations = wanted.metadata.annotations;
    // Finalizers of others are theirs to remove.
    for finalizer in wanted.metadata.finalizers.unwrap_or_default() {
        let finalizers = secret.metadata.finalizers.get_or_insert_default();
        if !finalizers.contains(&finalizer) {
            finalizers.push(finalizer);
        }
    }
    secret.metadata.owner_references = wanted.metadata.owner_references;
    secret.type_ = wanted.type_;
    secret.immutable = wanted.immutable;
    secret.data = wanted.data;
    secret
}

/// Data, labels and annotations merged in; nothing removed.
fn merged(existing: &Secret, wanted: Secret, managed: bool) -> Secret {
    let mut secret = existing.clone();
    let extend = |into: &mut Option<BTreeMap<String, String>>, from| {
        if let Some(from) = from {
            into.get_or_insert_default().extend::<BTreeMap<_, _>>(from);
        }
    };
    extend(&mut secret.metadata.labels, wanted.metadata.labels);
    extend(
        &mut secret.metadata.annotations,
        wanted.metadata.annotations,
    );
    if let Some(data) = wanted.data {
        secret.data.get_or_insert_default().extend(data);
    }
    if managed && wanted.metadata.owner_references.is_some() {
        secret.metadata.owner_references = wanted.metadata.owner_references;
    }
    // There is no way back, so it takes more than the leave to merge.
    if managed && wanted.immutable == Some(true) {
        secret.immutable = wanted.immutable;
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealed_secrets_crds::SealedSecretSpec;
    use zeroize::Zeroizing;

    fn sealed() -> SealedSecret {
        let mut sealed = SealedSecret::new("db", SealedSecretSpec::default());
        sealed.metadata.namespace = Some("shop".to_owned());
        sealed.metadata.uid = Some("uid-1".to_owned());
        sealed
    }

    fn desired() -> DesiredSecret {
        DesiredSecret {
            namespace: "shop".to_owned(),
            name: "db".to_owned(),
            owned: true,
            data: BTreeMap::from([("password".to_owned(), Zeroizing::new(b"hunter2".to_vec()))]),
            ..DesiredSecret::default()
        }
    }

    fn existing(change: impl FnOnce(&mut Secret)) -> Secret {
        let mut secret = desired().to_secret(&sealed());
        secret.metadata.resource_version = Some("7".to_owned());
        change(&mut secret);
        secret
    }

    fn annotate(secret: &mut Secret, key: &str) {
        secret
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(key.to_owned(), "true".to_owned());
    }

    #[test]
    fn a_missing_secret_is_created_with_its_owner() {
        let Plan::Create(secret) = plan(None, &desired(), &sealed(), false) else {
            panic!()
        };
        let owner = &secret.metadata.owner_references.as_ref().unwrap()[0];
        assert_eq!(
            (owner.uid.as_str(), owner.controller),
            ("uid-1", Some(true))
        );
        assert_eq!(owner.block_owner_deletion, None);
    }

    #[test]
    fn a_right_secret_needs_no_write() {
        assert_eq!(
            plan(Some(&existing(|_| {})), &desired(), &sealed(), false),
            Plan::UpToDate
        );
    }

    #[test]
    fn a_changed_secret_is_replaced_at_the_version_it_was_read() {
        let drifted = existing(|secret| {
            secret
                .data
                .as_mut()
                .unwrap()
                .insert("extra".to_owned(), ByteString(b"x".to_vec()));
        });
        let Plan::Replace { secret, .. } = plan(Some(&drifted), &desired(), &sealed(), false)
        else {
            panic!()
        };
        assert_eq!(secret.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(
            secret.data.unwrap().keys().collect::<Vec<_>>(),
            ["password"]
        );
    }

    #[test]
    fn finalizers_of_others_stay() {
        let there = existing(|secret| secret.metadata.finalizers = Some(vec!["theirs".to_owned()]));
        assert_eq!(
            plan(Some(&there), &desired(), &sealed(), false),
            Plan::UpToDate
        );
        let mut wanted = desired();
        wanted.finalizers.push("ours".to_owned());
        let Plan::Replace { secret, .. } = plan(Some(&there), &wanted, &sealed(), false) else {
            panic!()
        };
        assert_eq!(secret.metadata.finalizers.unwrap(), ["theirs", "ours"]);
    }

    #[test]
    fn a_secret_of_somebody_else_is_left_alone() {
        for change in [
            (|secret| secret.metadata.owner_references = None) as fn(&mut Secret),
            |secret| secret.metadata.owner_references.as_mut().unwrap()[0].uid = "other".to_owned(),
        ] {
            assert_eq!(
                plan(Some(&existing(change)), &desired(), &sealed(), false),
                Plan::Unmanaged
            );
        }
    }

    #[test]
    fn managed_takes_over_and_patch_merges() {
        let foreign = |secret: &mut Secret| {
            secret.metadata.owner_references = None;
            secret.data = Some(BTreeMap::from([(
                "own".to_owned(),
                ByteString(b"kept".to_vec()),
            )]));
        };
        let managed = existing(|secret| {
            foreign(secret);
            annotate(secret, MANAGED);
        });
        let Plan::Replace { secret, .. } = plan(Some(&managed), &desired(), &sealed(), false)
        else {
            panic!()
        };
        assert!(secret.metadata.owner_references.is_some());
        assert_eq!(secret.data.unwrap().len(), 1);

        let patch = existing(|secret| {
            foreign(secret);
            annotate(secret, PATCH);
        });
        let Plan::Replace { secret, .. } = plan(Some(&patch), &desired(), &sealed(), false) else {
            panic!()
        };
        assert_eq!(secret.metadata.owner_references, None);
        assert_eq!(
            secret.data.unwrap().keys().collect::<Vec<_>>(),
            ["own", "password"]
        );
        assert!(is_true(secret.metadata.annotations.as_ref(), PATCH));
    }

    #[test]
    fn a_secret_made_without_owner_stays_ours() {
        let mut wanted = desired();
        wanted.owned = false;
        wanted
            .annotations
            .insert(SKIP_SET_OWNER_REFERENCES.to_owned(), "true".to_owned());
        let mut there = wanted.to_secret(&sealed());
        assert_eq!(there.metadata.owner_references, None);
        assert_eq!(
            plan(Some(&there), &wanted, &sealed(), false),
            Plan::UpToDate
        );
        there.data = None;
        assert!(matches!(
            plan(Some(&there), &wanted, &sealed(), false),
            Plan::Replace { .. }
        ));
    }

    #[test]
    fn an_immutable_secret_is_not_fought_with() {
        let fixed = existing(|secret| {
            secret.immutable = Some(true);
            secret.data = None;
        });
        let mut wanted = desired();
        wanted.immutable = Some(true);
        assert_eq!(
            plan(Some(&fixed), &wanted, &sealed(), false),
            Plan::Immutable
        );
    }

    #[test]
    fn what_differs_is_named_and_never_shown() {
        let drifted = existing(|secret| {
            let data = secret.data.as_mut().unwrap();
            data.insert("extra".to_owned(), ByteString(b"x".to_vec()));
            data.insert("password".to_owned(), ByteString(b"other".to_vec()));
            secret.metadata.labels = Some(BTreeMap::from([("app".to_owned(), "y".to_owned())]));
            secret.metadata.owner_references = None;
            annotate(secret, MANAGED);
        });
        let Plan::Replace { differences, .. } = plan(Some(&drifted), &desired(), &sealed(), false)
        else {
            panic!()
        };
        let managed = format!("annotation {MANAGED}");
        assert_eq!(
            differences,
            [
                "item extra",
                "item password",
                "label app",
                &managed,
                "owner"
            ]
        );
    }

    #[test]
    fn what_patch_keeps_is_no_difference() {
        let merged = existing(|secret| {
            secret.metadata.owner_references = None;
            annotate(secret, PATCH);
            let data = secret.data.as_mut().unwrap();
            data.insert("own".to_owned(), ByteString(b"kept".to_vec()));
        });
        assert_eq!(
            plan(Some(&merged), &desired(), &sealed(), false),
            Plan::UpToDate
        );
    }

    #[test]
    fn immutable_is_set_on_what_is_ours_and_not_on_what_is_merged_into() {
        let mut wanted = desired();
        wanted.immutable = Some(true);
        let Plan::Replace {
            secret,
            differences,
        } = plan(Some(&existing(|_| {})), &wanted, &sealed(), false)
        else {
            panic!()
        };
        assert_eq!(secret.immutable, Some(true));
        assert_eq!(differences, ["immutable"]);

        let merged = existing(|secret| annotate(secret, PATCH));
        assert_eq!(
            plan(Some(&merged), &wanted, &sealed(), false),
            Plan::UpToDate
        );
    }

    #[test]
    fn a_type_is_not_fought_with() {
        let mut wanted = desired();
        wanted.type_ = Some("kubernetes.io/tls".to_owned());
        assert_eq!(
            plan(Some(&existing(|_| {})), &wanted, &sealed(), false),
            Plan::OtherType {
                existing: "Opaque".to_owned(),
                wanted: "kubernetes.io/tls".to_owned()
            }
        );
    }

    #[test]
    fn what_chance_gave_stays_while_the_object_asks_the_same() {
        let mut wanted = desired();
        wanted.by_chance.insert("password".to_owned());
        let there = existing(|secret| {
            let value = ByteString(b"by chance".to_vec());
            let data = secret.data.as_mut().unwrap();
            data.insert("password".to_owned(), value);
        });
        assert_eq!(plan(Some(&there), &wanted, &sealed(), true), Plan::UpToDate);
        let differences = |existing: &Secret, made_for_this| match plan(
            Some(existing),
            &wanted,
            &sealed(),
            made_for_this,
        ) {
            Plan::Replace {
                secret,
                differences,
            } => (secret.data.unwrap()["password"].0.clone(), differences),
            other => panic!("{other:?}"),
        };
        let (value, found) = differences(&there, false);
        assert_eq!((value.as_slice(), found.len()), (b"hunter2".as_slice(), 1));

        // What else differs is put right around it.
        let mut edited = there.clone();
        let own = ("own".to_owned(), ByteString(b"x".to_vec()));
        edited.data.as_mut().unwrap().extend([own]);
        let (value, found) = differences(&edited, true);
        assert_eq!(value, b"by chance");
        assert_eq!(found, ["item own"]);

        // One that is missing is made anew.
        edited.data = None;
        assert_eq!(differences(&edited, true).0, b"hunter2");

        // What is merged into keeps it, too.
        let mut merged = there;
        annotate(&mut merged, PATCH);
        merged.metadata.owner_references = None;
        assert_eq!(
            plan(Some(&merged), &wanted, &sealed(), true),
            Plan::UpToDate
        );
    }
}
