//! Sealing and unsealing are each other's inverse, and nothing but the label's own parts opens.

#![allow(
    clippy::unwrap_used,
    reason = "outside test functions too, a failed step of a test is a failed test"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sealed_secrets_core::certificate::CertificateTemplate;
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::key_pair::KeyPair;
use sealed_secrets_core::keyring::{Hint, KeyEntry, KeyOrder, Keyring};
use sealed_secrets_core::private_key::KeySize;
use sealed_secrets_core::scope::Scope;
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::{CLUSTER_WIDE, KEY_FINGERPRINT, SKIP_SET_OWNER_REFERENCES};
use sealed_secrets_crds::desired::{DesiredError, DesiredSecret, Options, desired_secret};
use sealed_secrets_crds::manifest::{from_node, read, to_json, to_yaml_document};
use sealed_secrets_crds::plain_secret::PlainSecret;
use sealed_secrets_crds::seal::{seal_item, seal_secret};
use serde_json::json;

fn key() -> &'static KeyEntry {
    static KEY: LazyLock<Keyring> = LazyLock::new(|| {
        let template = CertificateTemplate {
            common_name: String::new(),
            not_before: Timestamp::UNIX_EPOCH,
            valid_for: SignedDuration::from_hours(24 * 365 * 100),
        };
        let size = KeySize::try_from(2048).unwrap();
        let pair = KeyPair::generate(&mut StdRng::seed_from_u64(7), size, &template).unwrap();
        let mut keyring = Keyring::new(KeyOrder::CertNotBefore);
        keyring.insert(KeyEntry {
            name: "key".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            pair,
        });
        keyring
    });
    KEY.newest().unwrap()
}

fn keyring() -> Keyring {
    let mut keyring = Keyring::new(KeyOrder::CertNotBefore);
    let pair = KeyPair::from_pem(
        key().pair.private_key().to_pkcs1_pem().as_bytes(),
        key().pair.certificate().to_pem().as_bytes(),
    )
    .unwrap();
    keyring.insert(KeyEntry {
        name: "key".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        pair,
    });
    keyring
}

fn secret(yaml: &str) -> PlainSecret {
    PlainSecret::from_node(&read(yaml.as_bytes()).unwrap()[0].node).unwrap()
}

fn seal(yaml: &str, scope: Scope) -> SealedSecret {
    seal_secret(
        &mut StdRng::seed_from_u64(1),
        key().pair.public_key(),
        &secret(yaml),
        scope,
    )
    .unwrap()
}

fn unseal(sealed: &SealedSecret) -> Result<DesiredSecret, DesiredError> {
    desired_secret(sealed, &keyring(), &Hint::default(), Options::default())
}

fn item(label: (Scope, &str, &str), value: &[u8]) -> String {
    let label = sealed_secrets_core::label::Label::new(label.0, label.1, label.2);
    seal_item(
        &mut StdRng::seed_from_u64(2),
        key().pair.public_key(),
        &label,
        value,
    )
    .unwrap()
}

fn sealed_secret(metadata: serde_json::Value, spec: serde_json::Value) -> SealedSecret {
    serde_json::from_value(json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": metadata, "spec": spec,
    }))
    .unwrap()
}

const DB: &str = "kind: Secret\ntype: kubernetes.io/basic-auth\nimmutable: true\nmetadata: {name: db, namespace: shop, \
    labels: {app: web}, annotations: {note: x}}\nstringData: {username: admin, password: hunter2}\ndata: {empty: ''}\n";

#[test]
fn only_the_first_item_has_to_find_its_key() {
    let mut sealed = seal(DB, Scope::Strict);
    let annotations = sealed.metadata.annotations.as_mut().unwrap();
    assert!(annotations.remove(KEY_FINGERPRINT).is_some());
    let mut keyring = keyring();
    let template = CertificateTemplate {
        common_name: String::new(),
        not_before: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1),
        valid_for: SignedDuration::from_hours(24),
    };
    let size = KeySize::try_from(2048).unwrap();
    let newer = KeyPair::generate(&mut StdRng::seed_from_u64(8), size, &template).unwrap();
    keyring.insert(KeyEntry {
        name: "newer".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        pair: newer,
    });
    desired_secret(&sealed, &keyring, &Hint::default(), Options::default()).unwrap();
    assert_eq!(keyring.operations().count(), 2 + 1 + 1);
}

#[test]
fn what_is_sealed_unseals_to_the_same_secret_in_every_scope_and_format() {
    for scope in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
        let sealed = seal(DB, scope);
        for text in [
            to_json(&sealed).unwrap(),
            to_yaml_document(&sealed).unwrap(),
        ] {
            let read: SealedSecret = from_node(&read(text.as_bytes()).unwrap()[0].node).unwrap();
            assert_eq!(read.scope(), scope, "{text}");
            let desired = unseal(&read).unwrap();
            assert_eq!(desired.type_or_default(), "kubernetes.io/basic-auth");
            assert_eq!(desired.immutable, Some(true));
            assert_eq!(
                desired.labels,
                BTreeMap::from([("app".to_owned(), "web".to_owned())])
            );
            assert_eq!(
                desired.annotations.get("note").map(String::as_str),
                Some("x")
            );
            let values: Vec<(&str, &[u8])> = desired
                .data
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_slice()))
                .collect();
            assert_eq!(
                values,
                [
                    ("empty", &b""[..]),
                    ("password", b"hunter2"),
                    ("username", b"admin")
                ]
            );
            assert_eq!(desired.keys_used.first(), Some(&key().pair.fingerprint()));
        }
    }
}

#[test]
fn another_name_namespace_or_scope_does_not_unseal() {
    let changes: [fn(&mut SealedSecret); 3] = [
        |sealed| sealed.metadata.name = Some("other".to_owned()),
        |sealed| sealed.metadata.namespace = Some("other".to_owned()),
        |sealed| {
            sealed.metadata.annotations = Some(BTreeMap::from([(
                CLUSTER_WIDE.to_owned(),
                "true".to_owned(),
            )]));
        },
    ];
    for change in changes {
        let mut sealed = seal(DB, Scope::Strict);
        change(&mut sealed);
        let error = unseal(&sealed).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("no key could decrypt secret (empty, password, username)\nempty: "),
            "{error}"
        );
        assert!(error.may_need_another_key());
    }
}

#[test]
fn one_bad_item_among_good_ones_names_itself_and_gives_no_secret() {
    let mut sealed = seal(DB, Scope::Strict);
    sealed
        .spec
        .encrypted_data
        .insert("broken".to_owned(), json!("AgB!"));
    sealed
        .spec
        .encrypted_data
        .insert("number".to_owned(), json!(5));
    sealed
        .spec
        .encrypted_data
        .insert("../../etc".to_owned(), json!(""));
    sealed
        .spec
        .encrypted_data
        .insert("short".to_owned(), json!("AgA="));
    let message = unseal(&sealed).unwrap_err().to_string();
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[0], "illegal base64 data at input byte 3 (broken)");
    assert!(
        lines[1].starts_with("name is not a valid key of a Secret"),
        "{message}"
    );
    assert_eq!(lines[2], "no key could decrypt secret (short)");
    assert_eq!(lines[3], "value is not a string (number)");
    assert_eq!(lines[4], "short: the sealed value is truncated");
}

#[test]
fn line_breaks_inside_an_item_are_ignored() {
    let text = item((Scope::Strict, "shop", "db"), b"v");
    let broken: String = text
        .as_bytes()
        .chunks(64)
        .map(|chunk| format!("{}\r\n", std::str::from_utf8(chunk).unwrap()))
        .collect();
    let sealed = sealed_secret(
        json!({"name": "db", "namespace": "shop"}),
        json!({"encryptedData": {"a": broken}}),
    );
    assert_eq!(unseal(&sealed).unwrap().data["a"].as_slice(), b"v");
}

#[test]
fn the_template_gives_metadata_but_neither_name_nor_label() {
    let sealed = sealed_secret(
        json!({"name": "db", "namespace": "shop"}),
        json!({
            "encryptedData": { "a": item((Scope::Strict, "shop", "db"), b"v") },
            "template": { "metadata": { "name": "x", "namespace": "y", "labels": {"l": "1"},
                "annotations": { CLUSTER_WIDE: "true", SKIP_SET_OWNER_REFERENCES: "true" } } },
        }),
    );
    let desired = unseal(&sealed).unwrap();
    assert_eq!(
        (desired.namespace.as_str(), desired.name.as_str()),
        ("shop", "db")
    );
    assert!(!desired.owned);
    assert_eq!(desired.to_secret(&sealed).metadata.owner_references, None);
}

#[test]
fn many_templates_take_no_longer_than_a_few() {
    let heavy = "{{range until 200000}}{{end}}";
    let templates: BTreeMap<String, &str> = (0..5000).map(|n| (format!("t{n}"), heavy)).collect();
    let sealed = sealed_secret(
        json!({ "name": "db", "namespace": "shop" }),
        json!({ "encryptedData": {}, "template": { "data": templates } }),
    );
    let message = unseal(&sealed).unwrap_err().to_string();
    assert!(message.contains("too much work"), "{message}");
}

#[test]
fn the_deprecated_form_is_a_whole_secret_and_can_be_switched_off() {
    let secret = br#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"db","labels":{"l":"1"}},"type":"t","data":{"a":"dg=="}}"#;
    let data = item((Scope::Strict, "shop", "db"), secret);
    let legacy = sealed_secret(
        json!({"name": "db", "namespace": "shop"}),
        json!({"data": data, "encryptedData": {}}),
    );
    let desired = unseal(&legacy).unwrap();
    assert_eq!(desired.data["a"].as_slice(), b"v");
    assert_eq!((desired.type_or_default(), desired.labels.len()), ("t", 1));

    let off = Options {
        accept_deprecated_v1_data: false,
    };
    let refused = desired_secret(&legacy, &keyring(), &Hint::default(), off).unwrap_err();
    assert_eq!(refused.reason(), "DeprecatedData");
    let mut both = legacy.clone();
    both.spec.encrypted_data.insert("a".to_owned(), json!(""));
    assert!(matches!(
        unseal(&both),
        Err(DesiredError::BothDataAndEncryptedData)
    ));
    let not_a_secret = item((Scope::Strict, "shop", "db"), b"plaintext: hunter2\n\t- [");
    let garbage = sealed_secret(
        json!({"name": "db", "namespace": "shop"}),
        json!({"data": not_a_secret}),
    );
    assert!(
        !unseal(&garbage)
            .unwrap_err()
            .to_string()
            .contains("hunter2")
    );
}

#[test]
fn empty_data_is_an_empty_secret() {
    let sealed = sealed_secret(
        json!({"name": "db", "namespace": "shop"}),
        json!({"encryptedData": {}}),
    );
    let desired = unseal(&sealed).unwrap();
    assert!(desired.data.is_empty() && desired.owned);
    assert_eq!(desired.type_or_default(), "Opaque");
}

/// The last lines of the message about a SealedSecret with one item.
fn diagnosis(metadata: serde_json::Value, text: &str, keyring: &Keyring) -> String {
    let sealed = sealed_secret(metadata, json!({"encryptedData": {"a": text}}));
    let failed = desired_secret(&sealed, keyring, &Hint::default(), Options::default());
    let message = failed.unwrap_err().to_string();
    let (first, rest) = message.split_once('\n').unwrap();
    assert_eq!(first, "no key could decrypt secret (a)");
    rest.to_owned()
}

#[test]
fn an_item_under_the_wrong_scope_is_told_which_scope_would_open_it() {
    let db = json!({"name": "db", "namespace": "shop"});
    let wide = item((Scope::NamespaceWide, "shop", "other"), b"v");
    let told = diagnosis(db.clone(), &wide, &keyring());
    assert!(
        told.starts_with("a: wrong scope: it was sealed namespace-wide")
            && told.contains("sealedsecrets.bitnami.com/namespace-wide: \"true\""),
        "{told}"
    );
    let mut annotated = db;
    annotated["annotations"] = json!({ CLUSTER_WIDE: "true" });
    let strict = item((Scope::Strict, "shop", "db"), b"v");
    let told = diagnosis(annotated, &strict, &keyring());
    assert!(
        told.starts_with("a: wrong scope: it was sealed strict"),
        "{told}"
    );
}

#[test]
fn a_wrong_name_is_told_from_a_wrong_key_where_the_object_names_its_key() {
    let moved = item((Scope::Strict, "shop", "other"), b"v");
    let here = key().pair.fingerprint();
    let named = |fingerprint: String| json!({"name": "db", "namespace": "shop", "annotations": { KEY_FINGERPRINT: fingerprint }});
    let told = diagnosis(named(here.to_string()), &moved, &keyring());
    let expected = format!(
        "a: wrong name, namespace or scope: its key {} is here",
        here.key_id()
    );
    assert!(told.starts_with(&expected), "{told}");
    assert!(!told.contains("known keys"), "{told}");

    let elsewhere = Fingerprint::from([7; 32]);
    let told = diagnosis(named(elsewhere.to_string()), &moved, &keyring());
    assert!(
        told.starts_with(&format!(
            "a: wrong key: it was sealed for key {} ({elsewhere})",
            elsewhere.key_id()
        )),
        "{told}"
    );
    assert!(
        told.ends_with(&format!("known keys: key ({})", here.key_id())),
        "{told}"
    );
}

#[test]
fn what_nobody_can_tell_is_not_claimed() {
    let db = json!({"name": "db", "namespace": "shop"});
    let moved = item((Scope::Strict, "shop", "other"), b"v");
    let told = diagnosis(db.clone(), &moved, &keyring());
    assert!(
        told.starts_with(
            "a: it was sealed with another key, or not for name \"db\" in namespace \"shop\""
        ),
        "{told}"
    );
    let none = Keyring::new(KeyOrder::CertNotBefore);
    let told = diagnosis(db, &moved, &none);
    assert!(
        told.starts_with("a: wrong key: it was sealed for a key of 2048 bits")
            && told.ends_with("known keys: none"),
        "{told}"
    );
}

#[test]
fn a_key_named_wrongly_still_leaves_the_right_one_to_open_it() {
    let sealed = sealed_secret(
        json!({"name": "db", "namespace": "shop", "annotations": { KEY_FINGERPRINT: "SHA256:nonsense" }}),
        json!({"encryptedData": {"a": item((Scope::Strict, "shop", "db"), b"v")}}),
    );
    assert_eq!(sealed.key_fingerprint(), None);
    assert_eq!(unseal(&sealed).unwrap().data["a"].as_slice(), b"v");
}
