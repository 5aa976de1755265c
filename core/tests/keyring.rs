//! Which key is sealed with, and which keys are tried in which order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is tests"
)]

mod fixtures;

use fixtures::{go_pair, strict};
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sealed_secrets_core::{
    Certificate, CertificateTemplate, Fingerprint, Hint, KeyEntry, KeyOrder, KeyPair, Keyring,
    Operations, PrivateKey, UnsealError, item, seal,
};

/// Keys of 2048 bits, by the names of their fixtures.
const OLD: &str = "default";
const MIDDLE: &str = "common-name";
const NEW: &str = "zone";
const UNKNOWN: &str = "fractions";
/// Of 4096 bits.
const LONG: &str = "default-size";

#[test]
fn the_newest_by_certificate_comes_first() {
    let keyring = three(KeyOrder::CertNotBefore);
    assert_eq!(names(keyring.entries()), ["new", "middle", "old"]);
    assert_eq!(keyring.newest().unwrap().name, "new");
    assert_eq!((keyring.len(), keyring.is_empty()), (3, false));
}

#[test]
fn the_newest_by_secret_comes_first() {
    // The Secrets were created in the opposite order.
    let keyring = three(KeyOrder::SecretCreationTimestamp);
    assert_eq!(names(keyring.entries()), ["old", "middle", "new"]);
}

#[test]
fn ties_do_not_depend_on_the_order_of_insertion() {
    let entries = || {
        [(OLD, "a"), (MIDDLE, "b"), (NEW, "c")]
            .map(|(key, name)| entry(key, name, "2026-01-01", "2026-01-01"))
    };
    let forward: Vec<_> = entries().into_iter().collect();
    let backward: Vec<_> = entries().into_iter().rev().collect();
    for entries in [forward, backward] {
        let (keyring, _) = from_entries(KeyOrder::CertNotBefore, entries);
        assert_eq!(names(keyring.entries()), ["c", "b", "a"]);
    }
}

#[test]
fn the_same_key_is_kept_once() {
    let mut keyring = three(KeyOrder::CertNotBefore);
    let before = keyring.clone();
    let replaced = keyring.insert(entry(OLD, "again", "2027-01-01", "2027-01-01"));
    assert_eq!(replaced.unwrap().name, "old");
    assert_eq!(names(keyring.entries()), ["again", "new", "middle"]);
    assert_eq!(names(before.entries()), ["new", "middle", "old"]);
}

#[test]
fn a_removed_key_is_gone() {
    let mut keyring = three(KeyOrder::CertNotBefore);
    let sealed = seal_for(MIDDLE);
    assert!(
        keyring
            .unseal(&strict("ns", "name"), &sealed, &Hint::default())
            .is_ok()
    );
    assert!(keyring.remove("middle"));
    assert!(!keyring.remove("middle"));
    assert_eq!(names(keyring.entries()), ["new", "old"]);
    let result = keyring.unseal(&strict("ns", "name"), &sealed, &Hint::default());
    assert_eq!(result.unwrap_err(), UnsealError::NoKey);
}

#[test]
fn bad_keys_do_not_keep_good_ones_out() {
    let entries = [
        Err("first"),
        Ok(entry(OLD, "old", "2026-01-01", "2026-01-01")),
        Err("second"),
        Ok(entry(NEW, "new", "2026-03-01", "2026-03-01")),
    ];
    let (keyring, errors) = Keyring::from_entries(KeyOrder::CertNotBefore, entries);
    assert_eq!(names(keyring.entries()), ["new", "old"]);
    assert_eq!(errors, ["first", "second"]);
}

#[test]
fn expired_keys_are_not_sealed_with() {
    let mut keyring = three(KeyOrder::CertNotBefore);
    let at = |text: &str| {
        keyring
            .sealing_key(date(text))
            .map(|entry| entry.name.as_str())
    };
    // Certificates last for a year each, but one that is newer and not yet valid counts.
    assert_eq!(at("2026-01-15"), Some("new"));
    assert_eq!(at("2027-02-15"), Some("new"));
    assert_eq!(at("2027-03-02"), None);
    assert_eq!(keyring.newest().unwrap().name, "new");

    // A newer key whose time is over already gives way to an older one.
    keyring.insert(lasting(
        UNKNOWN,
        "brief",
        "2026-04-01",
        SignedDuration::from_hours(1),
    ));
    let at = |text: &str| {
        keyring
            .sealing_key(date(text))
            .map(|entry| entry.name.as_str())
    };
    assert_eq!(at("2026-04-01"), Some("brief"));
    assert_eq!(at("2026-04-02"), Some("new"));
    assert_eq!(keyring.newest().unwrap().name, "brief");
}

#[test]
fn an_empty_keyring_opens_nothing() {
    let keyring = Keyring::new(KeyOrder::default());
    assert!(keyring.is_empty() && keyring.newest().is_none());
    assert!(keyring.sealing_key(Timestamp::UNIX_EPOCH).is_none());
    let result = keyring.unseal(&strict("ns", "name"), &seal_for(OLD), &Hint::default());
    assert_eq!(result.unwrap_err(), UnsealError::NoKey);
    let result = keyring.unseal_item(&strict("ns", "name"), "?", &Hint::default());
    assert_eq!(result.unwrap_err().class(), "base64");
}

#[test]
fn tries_are_counted_over_clones_and_a_fitting_hint_needs_one() {
    let operations = Operations::default();
    let keyring = three(KeyOrder::CertNotBefore).counted_by(&operations);
    let unseal = |hint: &Hint| {
        let before = operations.count();
        let opened = keyring
            .clone()
            .unseal(&strict("ns", "name"), &seal_for(OLD), hint);
        assert!(opened.is_ok());
        operations.count() - before
    };
    assert_eq!(unseal(&Hint::default()), 3);
    let fingerprint = Some(fingerprint(OLD));
    let hint = Hint {
        fingerprint,
        ..Hint::default()
    };
    assert_eq!(unseal(&hint), 1);
    // A key of another length costs nothing.
    let sealed = seal_for(LONG);
    assert!(
        keyring
            .unseal(&strict("ns", "name"), &sealed, &hint)
            .is_err()
    );
    assert_eq!(keyring.operations().count(), 4);
}

#[test]
fn likely_keys_are_tried_first_and_each_once() {
    let keyring = three(KeyOrder::CertNotBefore);
    let [old, middle, unknown] = [OLD, MIDDLE, UNKNOWN].map(|key| Some(fingerprint(key)));
    let then = |text: &str| Some(date(text));
    let none = Hint::default();
    let cases: [(Hint, [&str; 3]); 11] = [
        (none, ["new", "middle", "old"]),
        (
            Hint {
                fingerprint: old,
                ..none
            },
            ["old", "new", "middle"],
        ),
        (
            Hint {
                last_worked: middle,
                ..none
            },
            ["middle", "new", "old"],
        ),
        (
            Hint {
                fingerprint: old,
                last_worked: middle,
                ..none
            },
            ["old", "middle", "new"],
        ),
        (
            Hint {
                fingerprint: old,
                last_worked: old,
                ..none
            },
            ["old", "new", "middle"],
        ),
        (
            Hint {
                fingerprint: unknown,
                last_worked: unknown,
                ..none
            },
            ["new", "middle", "old"],
        ),
        (
            Hint {
                created_at: then("2026-02-15"),
                ..none
            },
            ["middle", "new", "old"],
        ),
        (
            Hint {
                created_at: then("2026-02-01"),
                ..none
            },
            ["middle", "new", "old"],
        ),
        (
            Hint {
                created_at: then("2030-01-01"),
                ..none
            },
            ["new", "middle", "old"],
        ),
        (
            Hint {
                created_at: then("2020-01-01"),
                ..none
            },
            ["new", "middle", "old"],
        ),
        (
            Hint {
                last_worked: old,
                created_at: then("2026-02-15"),
                ..none
            },
            ["old", "middle", "new"],
        ),
    ];
    for (hint, expected) in cases {
        assert_eq!(names(keyring.candidates(&hint)), expected, "{hint:?}");
    }
}

#[test]
fn the_key_that_opened_is_named_whatever_the_hint() {
    let keyring = three(KeyOrder::CertNotBefore);
    let label = strict("ns", "name");
    for key in [OLD, MIDDLE, NEW] {
        let text = item::encode(&seal_for(key));
        for hinted in [OLD, MIDDLE, NEW, UNKNOWN] {
            let hint = Hint {
                fingerprint: Some(fingerprint(hinted)),
                ..Hint::default()
            };
            let unsealed = keyring.unseal_item(&label, &text, &hint).unwrap();
            assert_eq!(*unsealed.plaintext, b"value");
            assert_eq!(unsealed.key, fingerprint(key));
            assert!(!format!("{unsealed:?}").contains("plaintext"));
        }
    }
}

#[test]
fn keys_of_other_lengths_are_passed_over() {
    let mut keyring = three(KeyOrder::CertNotBefore);
    keyring.insert(entry(LONG, "long", "2026-05-01", "2026-05-01"));
    let label = strict("ns", "name");
    for key in [OLD, LONG] {
        let unsealed = keyring
            .unseal(&label, &seal_for(key), &Hint::default())
            .unwrap();
        assert_eq!(unsealed.key, fingerprint(key));
    }
}

#[test]
fn a_damaged_value_is_told_from_a_missing_key() {
    let keyring = three(KeyOrder::CertNotBefore);
    let mut sealed = seal_for(OLD);
    *sealed.last_mut().unwrap() ^= 1;
    let result = keyring.unseal(&strict("ns", "name"), &sealed, &Hint::default());
    assert_eq!(result.unwrap_err(), UnsealError::Damaged);
    let result = keyring.unseal(&strict("ns", "other"), &seal_for(OLD), &Hint::default());
    assert_eq!(result.unwrap_err(), UnsealError::NoKey);
}

#[test]
fn a_keyring_can_be_shared_between_threads() {
    let keyring = three(KeyOrder::CertNotBefore);
    let label = strict("ns", "name");
    let sealed = seal_for(OLD);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let unsealed = keyring.unseal(&label, &sealed, &Hint::default()).unwrap();
                    assert_eq!(*unsealed.plaintext, b"value");
                }
            });
        }
    });
}

#[test]
fn orders_are_spelled_as_on_the_command_line() {
    for order in [KeyOrder::CertNotBefore, KeyOrder::SecretCreationTimestamp] {
        assert_eq!(order.to_string().parse(), Ok(order));
    }
    assert!("certnotbefore".parse::<KeyOrder>().is_err());
}

/// Certificates from January to March, Secrets from March to January.
fn three(order: KeyOrder) -> Keyring {
    let (keyring, errors) = from_entries(
        order,
        vec![
            entry(MIDDLE, "middle", "2026-02-01", "2026-02-01"),
            entry(NEW, "new", "2026-03-01", "2026-01-01"),
            entry(OLD, "old", "2026-01-01", "2026-03-01"),
        ],
    );
    assert_eq!(errors, []);
    keyring
}

fn from_entries(order: KeyOrder, entries: Vec<KeyEntry>) -> (Keyring, Vec<()>) {
    Keyring::from_entries(order, entries.into_iter().map(Ok))
}

/// A fixture's key under a new certificate for a year.
fn entry(key: &str, name: &str, not_before: &str, created_at: &str) -> KeyEntry {
    let mut entry = lasting(key, name, not_before, SignedDuration::from_hours(365 * 24));
    entry.created_at = date(created_at);
    entry
}

fn lasting(key: &str, name: &str, not_before: &str, valid_for: SignedDuration) -> KeyEntry {
    let private_key = PrivateKey::from_pem(go_pair(key).pkcs1.as_bytes()).unwrap();
    let not_before = date(not_before);
    let template = CertificateTemplate {
        common_name: String::new(),
        not_before,
        valid_for,
    };
    let mut rng = StdRng::seed_from_u64(0);
    let certificate = Certificate::self_signed(&mut rng, &private_key, &template).unwrap();
    let pair = KeyPair::new(private_key, certificate).unwrap();
    KeyEntry {
        name: name.into(),
        created_at: not_before,
        pair,
    }
}

fn seal_for(key: &str) -> Vec<u8> {
    let pair = go_pair(key).read();
    seal(
        &mut rand::rng(),
        pair.public_key(),
        &strict("ns", "name"),
        b"value",
    )
    .unwrap()
}

fn fingerprint(key: &str) -> Fingerprint {
    go_pair(key).fingerprint.parse().unwrap()
}

fn names<'a>(entries: impl Iterator<Item = &'a KeyEntry>) -> Vec<&'a str> {
    entries.map(|entry| entry.name.as_str()).collect()
}

fn date(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().unwrap()
}
