//! What is told of sealed files, and what is found wrong with them.

#![allow(clippy::unwrap_used, reason = "what panics here is a test that failed")]

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_core::{CertificateTemplate, KeyPair, KeySize, Label, PublicKey, Scope};
use sealed_secrets_crds::annotations::KEY_FINGERPRINT;
use sealed_secrets_crds::inspect::{Inspection, KeyMatch, Kind, inspect};
use sealed_secrets_crds::manifest;
use sealed_secrets_crds::seal::seal_item;

fn key() -> PublicKey {
    let template = CertificateTemplate {
        common_name: String::new(),
        not_before: Timestamp::UNIX_EPOCH,
        valid_for: SignedDuration::from_hours(1),
    };
    let pair = KeyPair::generate(&mut rand::rng(), KeySize::MIN, &template).unwrap();
    pair.public_key().clone()
}

fn item(key: &PublicKey, value: &[u8]) -> String {
    let label = Label::new(Scope::Strict, "shop", "db");
    seal_item(&mut rand::rng(), key, &label, value).unwrap()
}

fn look(text: &str, key: Option<&PublicKey>) -> Vec<Inspection> {
    manifest::read(text.as_bytes())
        .unwrap()
        .iter()
        .flat_map(|document| inspect(document.number, &document.node, key))
        .collect()
}

fn sealed(metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {{name: db, namespace: shop{metadata}}}\n\
         spec:\n{spec}"
    )
}

/// `code at line` of every problem.
fn problems(text: &str) -> Vec<String> {
    look(text, None)
        .iter()
        .flat_map(|found| &found.problems)
        .map(|problem| format!("{} {}", problem.kind.code(), problem.position.line))
        .collect()
}

#[test]
fn names_lengths_and_the_size_of_the_key_are_told() {
    let key = key();
    let text = sealed(
        "",
        &format!(
            "  encryptedData:\n    b: {}\n    a: {}\n  template:\n    type: x/y\n    data: {{c: '{{{{ .a }}}}'}}\n",
            item(&key, b"hunter2"),
            item(&key, b"")
        ),
    );
    let found = look(&text, None).remove(0);
    assert_eq!(
        (
            found.kind,
            found.document,
            found.line,
            found.title().as_str()
        ),
        (Kind::SealedSecret, 1, 1, "shop/db")
    );
    assert_eq!(
        (found.scope, found.label.as_str()),
        (Scope::Strict, "shop/db")
    );
    assert_eq!(found.type_.as_deref(), Some("x/y"));
    assert_eq!(found.templated, ["c"]);
    assert_eq!(found.problems, []);
    let told: Vec<_> = found
        .items
        .iter()
        .map(|item| {
            (
                item.name.as_str(),
                item.sealed_bytes,
                item.plaintext_bytes,
                item.key_bits,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("b", Some(2 + 256 + 7 + 16), Some(7), Some(2048)),
            ("a", Some(2 + 256 + 16), Some(0), Some(2048))
        ]
    );
}

#[test]
fn digests_follow_the_bytes_and_not_the_wrapping() {
    let text = item(&key(), b"x");
    let (head, tail) = text.split_at(40);
    let one = look(
        &sealed("", &format!("  encryptedData: {{a: {text}}}\n")),
        None,
    );
    let wrapped = format!("  encryptedData:\n    a: |\n      {head}\n      {tail}\n");
    let two = look(&sealed("", &wrapped), None);
    assert!(one[0].items[0].sha256.is_some());
    assert_eq!(one[0].items[0].sha256, two[0].items[0].sha256);
    assert_eq!(two[0].problems, []);
}

#[test]
fn a_key_is_matched_as_far_as_that_can_be_told() {
    let (this, other) = (key(), key());
    let with = |mark: &str, text: &str| {
        let mark = match mark {
            "" => String::new(),
            mark => format!(", annotations: {{{KEY_FINGERPRINT}: '{mark}'}}"),
        };
        look(
            &sealed(&mark, &format!("  encryptedData: {{a: {text}}}\n")),
            Some(&this),
        )[0]
        .key_match
    };
    let good = item(&this, b"x");
    assert_eq!(with("", &good), Some(KeyMatch::Possible));
    let mark = this.fingerprint().to_string();
    assert_eq!(with(&mark, &good), Some(KeyMatch::Recorded));
    let other = other.fingerprint().to_string();
    assert_eq!(with(&other, &good), Some(KeyMatch::OtherRecorded));
    // A number above every modulus of this length.
    let mut envelope = vec![0xff; 2 + 256 + 16];
    envelope[..2].copy_from_slice(&256_u16.to_be_bytes());
    let above = sealed_secrets_core::item::encode(&envelope);
    assert_eq!(with(&mark, &above), Some(KeyMatch::Impossible));
    assert_eq!(
        look(&sealed("", "  encryptedData: {}\n"), None)[0].key_match,
        None
    );
}

#[test]
fn problems_have_codes_and_lines() {
    let good = item(&key(), b"x");
    let wide = ", annotations: {sealedsecrets.bitnami.com/cluster-wide: 'true'";
    for (metadata, spec, wanted) in [
        ("", "  encryptedData:\n    a: '***'\n".to_owned(), "base64 6"),
        ("", "  encryptedData:\n    a: hunter2\n".to_owned(), "base64 6"),
        ("", "  encryptedData:\n    a: aGVsbG8=\n".to_owned(), "truncated 6"),
        ("", format!("  encryptedData:\n    a: {}\n", "A".repeat(400)), "key-size 6"),
        ("", format!("  encryptedData:\n    a: {good}\n    b: [x]\n"), "item-type 7"),
        ("", format!("  encryptedData:\n    a b: {good}\n"), "item-name 6"),
        ("", "  encryptedData: [x]\n".to_owned(), "malformed 5"),
        ("", format!("  data: {good}\n"), "deprecated-data 5"),
        ("", format!("  data: {good}\n  encryptedData: {{a: {good}}}\n"), "both-data 5"),
        ("", "  template:\n    data:\n      ok: '{{ .a }}'\n      no: '{{ .a '\n".to_owned(), "template 8"),
        ("", "  template:\n    stringData: {a: hunter2}\n".to_owned(), "plain-values 6"),
        (
            "",
            "  template:\n    metadata:\n      annotations:\n        kubectl.kubernetes.io/last-applied-configuration: x\n".to_owned(),
            "plain-values 8",
        ),
        (
            "",
            "  template:\n    metadata:\n      annotations: {sealedsecrets.bitnami.com/cluster-wide: 'true'}\n".to_owned(),
            "scope-in-template 7",
        ),
        (
            &format!("{wide}, sealedsecrets.bitnami.com/namespace-wide: 'true'}}"),
            "  encryptedData: {}\n".to_owned(),
            "two-scopes 3",
        ),
        (
            ", annotations: {sealedsecrets.bitnami.com/cluster-wide: 'True'}",
            "  encryptedData: {}\n".to_owned(),
            "scope-value 3",
        ),
        (
            ", annotations: {sealedsecrets.bitnami.com/key-fingerprint: x}",
            "  encryptedData: {}\n".to_owned(),
            "fingerprint 3",
        ),
    ] {
        let text = sealed(metadata, &spec);
        assert_eq!(problems(&text), [wanted], "{text}");
        let said = format!("{:?}", look(&text, None));
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(
        problems("kind: SealedSecret\nmetadata: {namespace: x}\nspec: {}\n"),
        ["api-version 1", "no-name 1"]
    );
}

#[test]
fn objects_beyond_the_limits_of_the_servers_are_told() {
    let key = key();
    let big = item(&key, &vec![b'x'; (1 << 20) + 1]);
    assert_eq!(
        problems(&sealed("", &format!("  encryptedData: {{a: {big}}}\n"))),
        ["secret-too-large 1"]
    );
    let half = item(&key, &vec![b'x'; 1 << 19]);
    let many = format!("  encryptedData: {{a: {half}, b: {half}}}\n");
    assert_eq!(problems(&sealed("", &many)), Vec::<String>::new());
    let padded = format!(
        "{many}  template: {{metadata: {{annotations: {{x: {}}}}}}}\n",
        "y".repeat(1 << 18)
    );
    assert_eq!(
        problems(&sealed("", &padded)),
        ["sealed-secret-too-large 1"]
    );
}

#[test]
fn plain_secrets_are_found_wherever_they_are() {
    let text = "kind: ConfigMap\ndata: {a: b}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  a: hunter2\n\
                ---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  data: {k: aHVudGVyMg==}\n";
    assert_eq!(problems(text), ["plain-secret 4", "plain-secret 13"]);
    assert!(!format!("{:?}", look(text, None)).contains("hunter2"));
    for fine in [
        "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\ntype: kubernetes.io/service-account-token\n",
        "apiVersion: v1\nkind: Secret\ndata: {a: ''}\n",
        "apiVersion: v1\nkind: Secret\ndata: {a: 'ENC[AES256_GCM,data:x]'}\nsops: {version: 3.8.1}\n",
        "apiVersion: external-secrets.io/v1\nkind: Secret\ndata: {a: b}\n",
    ] {
        assert_eq!(look(fine, None), [], "{fine}");
    }
}
