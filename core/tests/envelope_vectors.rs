//! Envelopes made by Python's `cryptography` and by the Go tool: see `vectors/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sealed_secrets_core::{Hint, KeyEntry, KeyOrder, KeyPair, Keyring, Label, envelope, item};
use serde::Deserialize;
use std::io::Write as _;

#[derive(Deserialize)]
struct File {
    keys: Vec<Key>,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Key {
    private_key: String,
    certificate: String,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    key: usize,
    label: String,
    ciphertext: String,
    plaintext: Option<String>,
    fails: Option<String>,
}

#[test]
fn envelope_vectors() {
    let file: File = serde_json::from_str(include_str!("vectors/envelope.json")).unwrap();
    let pairs: Vec<_> = file.keys.iter().map(read).collect();
    for vector in &file.vectors {
        let keyring = keyring([read(&file.keys[vector.key])]);
        check(vector, &keyring);

        // One key alone must say the same as a keyring that holds only this key.
        let label: Label = vector.label.parse().unwrap();
        if let Ok(bytes) = item::decode(&vector.ciphertext) {
            let alone = envelope::unseal(pairs[vector.key].private_key(), &label, &bytes);
            let ring = keyring.unseal(&label, &bytes, &Hint::default());
            assert_eq!(
                alone,
                ring.map(|unsealed| unsealed.plaintext),
                "{}",
                vector.name
            );
        }
    }
    // Past the harness, which keeps what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "envelope vectors: {} passed",
        file.vectors.len()
    );
    assert_eq!(file.vectors.len(), 39);
}

#[test]
fn a_full_keyring_opens_what_any_of_its_keys_opens() {
    let file: File = serde_json::from_str(include_str!("vectors/envelope.json")).unwrap();
    let keyring = keyring(file.keys.iter().map(read));
    // With all keys at hand, what was sealed for another key is not wrong any more.
    let vectors = file
        .vectors
        .iter()
        .filter(|vector| vector.name != "wrong-key");
    assert_eq!(vectors.map(|vector| check(vector, &keyring)).count(), 38);
}

fn check(vector: &Vector, keyring: &Keyring) {
    let name = &vector.name;
    let label: Label = vector.label.parse().unwrap();
    let result = keyring.unseal_item(&label, &vector.ciphertext, &Hint::default());
    match (&vector.plaintext, &vector.fails) {
        (Some(plaintext), None) => {
            let unsealed = result.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                *unsealed.plaintext,
                STANDARD.decode(plaintext).unwrap(),
                "{name}"
            );
            let keys = keyring.entries().map(|entry| entry.pair.fingerprint());
            assert!(keys.into_iter().any(|key| key == unsealed.key), "{name}");
        }
        (None, Some(fails)) => {
            let error = result.err().unwrap_or_else(|| panic!("{name}: opened"));
            // A wrong label and a wrong key look alike from inside.
            let class = if fails == "label" { "key" } else { fails };
            assert_eq!(error.class(), class, "{name}: {error}");
        }
        _ => panic!("{name}: neither or both of plaintext and fails"),
    }
}

fn read(key: &Key) -> KeyPair {
    KeyPair::from_pem(key.private_key.as_bytes(), key.certificate.as_bytes()).unwrap()
}

fn keyring(pairs: impl IntoIterator<Item = KeyPair>) -> Keyring {
    let mut keyring = Keyring::new(KeyOrder::CertNotBefore);
    for pair in pairs {
        let entry = KeyEntry {
            name: "key".into(),
            created_at: Timestamp::UNIX_EPOCH,
            pair,
        };
        assert!(keyring.insert(entry).is_none());
    }
    keyring
}
