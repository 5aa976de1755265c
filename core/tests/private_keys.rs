//! Private keys: read from all the files people have, refused by name, never printed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is tests"
)]

mod fixtures;

use fixtures::{go_pair, go_pairs, go_private_keys, pair};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sealed_secrets_core::{KeyError, KeySize, PrivateKey, PublicKeyError, envelope};
use std::io::Write as _;

#[test]
fn keys_of_the_go_implementation_are_read_and_written_alike() {
    for go in go_pairs() {
        let key = PrivateKey::from_pem(go.pkcs1.as_bytes()).unwrap();
        assert_eq!(*key.to_pkcs1_pem(), go.pkcs1, "{}", go.name);
        assert_eq!(
            key.public_key().fingerprint().to_string(),
            go.fingerprint,
            "{}",
            go.name
        );
        assert_eq!(key.public_key().bits(), go.bits, "{}", go.name);
        assert_eq!(
            key.public_key().modulus_len(),
            go.bits.div_ceil(8),
            "{}",
            go.name
        );
        let key = PrivateKey::from_pem(go.pkcs8.as_bytes()).unwrap();
        assert_eq!(*key.to_pkcs1_pem(), go.pkcs1, "{}", go.name);
    }
    // Past the harness, which keeps what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "private keys by Go: {} read, with their fingerprints",
        go_pairs().len()
    );
}

/// Keys which Go reads and we don't, each with our reason.
const STRICTER_THAN_GO: [(&str, KeyError); 9] = [
    (
        "1024-bits",
        KeyError::Public(PublicKeyError::Size { bits: 1024 }),
    ),
    (
        "2047-bits",
        KeyError::Public(PublicKeyError::Size { bits: 2047 }),
    ),
    ("three-primes", KeyError::MultiPrime),
    ("unbalanced-by-2-bits", KeyError::UnequalPrimes),
    ("unbalanced-by-64-bits", KeyError::UnequalPrimes),
    ("unbalanced-by-512-bits", KeyError::UnequalPrimes),
    // A version that says "more than two primes" without any.
    ("version-1", KeyError::Malformed),
    // A version that says "with public key" without one, and one that does not exist.
    ("pkcs8-version-1", KeyError::Malformed),
    ("pkcs8-version-7", KeyError::Malformed),
];

#[test]
fn unusual_keys_are_read_where_go_reads_them_and_work() {
    let (mut read, mut refused) = (0, 0);
    for go in go_private_keys() {
        let result = PrivateKey::from_pem(go.key.as_bytes());
        let stricter = STRICTER_THAN_GO.iter().find(|(name, _)| *name == go.name);
        match (result, stricter) {
            (Ok(key), None) => {
                assert!(go.accepted, "{}: read, but not by Go", go.name);
                let label = fixtures::strict("ns", "name");
                let sealed =
                    envelope::seal(&mut rand::rng(), key.public_key(), &label, b"value").unwrap();
                let value = envelope::unseal(&key, &label, &sealed).unwrap();
                assert_eq!(*value, b"value", "{}", go.name);
                read += 1;
            }
            (Err(error), None) => {
                assert!(!go.accepted, "{}: read by Go: {error}", go.name);
                refused += 1;
            }
            (result, Some((_, expected))) => {
                assert!(go.accepted, "{}: not stricter than Go", go.name);
                assert_eq!(result.unwrap_err(), *expected, "{}", go.name);
            }
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "unusual keys: {read} read and {refused} refused as in Go, {} refused that Go reads",
        STRICTER_THAN_GO.len()
    );
    assert_eq!(
        read + refused + STRICTER_THAN_GO.len(),
        go_private_keys().len()
    );
}

#[test]
fn broken_numbers_are_inconsistent() {
    for name in [
        "d-wrong",
        "n-wrong",
        "e-wrong",
        "p-wrong",
        "dp-wrong",
        "dq-wrong",
        "qinv-wrong",
        "crt-values-zero",
        "d-longer-than-n",
    ] {
        let go = go_private_keys()
            .iter()
            .find(|key| key.name == name)
            .unwrap();
        let error = PrivateKey::from_pem(go.key.as_bytes()).unwrap_err();
        assert_eq!(error, KeyError::Inconsistent, "{name}");
    }
}

#[test]
fn other_keys_are_named() {
    let cases: [(&str, &[u8], KeyError); 10] = [
        ("empty", b"", KeyError::Missing),
        ("text", b"hello", KeyError::Missing),
        (
            "certificate",
            include_bytes!("fixtures/ec.pem"),
            KeyError::Missing,
        ),
        (
            "SEC1",
            include_bytes!("fixtures/ec-sec1.key"),
            KeyError::NotRsa,
        ),
        (
            "EC in PKCS#8",
            include_bytes!("fixtures/ec-pkcs8.key"),
            KeyError::NotRsa,
        ),
        (
            "RSA-PSS",
            include_bytes!("fixtures/rsa-pss.key"),
            KeyError::NotRsa,
        ),
        (
            "OpenSSH",
            include_bytes!("fixtures/openssh.key"),
            KeyError::NotRsa,
        ),
        (
            "encrypted",
            include_bytes!("fixtures/encrypted-pkcs1.key"),
            KeyError::Encrypted,
        ),
        (
            "encrypted PKCS#8",
            include_bytes!("fixtures/encrypted-pkcs8.key"),
            KeyError::Encrypted,
        ),
        (
            "garbage",
            b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            KeyError::Malformed,
        ),
    ];
    for (name, file, error) in cases {
        assert_eq!(PrivateKey::from_pem(file).unwrap_err(), error, "{name}");
    }
}

#[test]
fn the_first_usable_key_of_a_file_counts() {
    let [go, other] = [go_pair("default"), go_pair("common-name")];
    let ec = include_str!("fixtures/ec-sec1.key");
    let garbage = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let crlf = go.pkcs8.replace('\n', "\r\n");
    for file in [
        format!("{}{}", go.pkcs1, other.pkcs1),
        format!("{}{}", go.certificate, go.pkcs1),
        format!(
            "Bag Attributes\n    friendlyName: x\n{ec}{garbage}{}{}",
            go.pkcs8, other.pkcs1
        ),
        format!("\u{feff}\n{}", go.pkcs1),
        crlf.trim_end().to_owned(),
        crlf,
    ] {
        let key = PrivateKey::from_pem(file.as_bytes()).unwrap();
        assert_eq!(key.public_key().fingerprint().to_string(), go.fingerprint);
    }
    let file = format!("{garbage}{ec}");
    assert_eq!(
        PrivateKey::from_pem(file.as_bytes()).unwrap_err(),
        KeyError::Malformed
    );
}

#[test]
fn debug_output_tells_nothing() {
    let key = pair().private_key();
    let text = format!("{key:?} {key:#?} {:?}", pair());
    let pkcs1 = key.to_pkcs1_pem();
    for line in pkcs1.lines() {
        assert!(!text.contains(line), "{text}");
    }
    assert!(text.contains("bits: 2048") && text.len() < 2500, "{text}");
}

#[test]
fn sizes_are_bounded() {
    assert_eq!(KeySize::default(), KeySize::try_from(4096).unwrap());
    assert_eq!(KeySize::try_from(2048), Ok(KeySize::MIN));
    assert_eq!(KeySize::try_from(8192), Ok(KeySize::MAX));
    for bits in [0, 1024, 2047, 8193, u32::MAX] {
        let error = PublicKeyError::Size {
            bits: bits as usize,
        };
        assert_eq!(KeySize::try_from(bits), Err(error));
    }
    let message = KeySize::try_from(1024).unwrap_err().to_string();
    assert_eq!(message, "RSA key has 1024 bits, expected 2048 to 8192");
}

#[test]
fn generated_keys_have_the_size_asked_for_and_differ() {
    let mut rng = StdRng::seed_from_u64(1);
    let size = KeySize::try_from(2051).unwrap();
    let [a, b] = [0, 1].map(|_| PrivateKey::generate(&mut rng, size).unwrap());
    assert_eq!((a.public_key().bits(), b.public_key().bits()), (2051, 2051));
    assert_ne!(a.public_key(), b.public_key());
    let read = PrivateKey::from_pem(a.to_pkcs1_pem().as_bytes()).unwrap();
    assert_eq!(read.public_key(), a.public_key());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn changed_files_never_panic(
        file in prop::sample::select(files()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = file.into_bytes();
        for (index, byte) in edits {
            let index = index.index(file.len());
            file[index] = byte;
        }
        let _ = PrivateKey::from_pem(&file);
        let _ = sealed_secrets_core::Certificate::from_pem(&file);
        file.truncate(cut.index(file.len()));
        let _ = PrivateKey::from_pem(&file);
        let _ = sealed_secrets_core::Certificate::from_pem(&file);
    }

    #[test]
    fn changed_contents_never_panic(
        file in prop::sample::select(files()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let kind = file.lines().next().unwrap().trim_matches('-').replace("BEGIN ", "");
        let body: String = file.lines().filter(|line| !line.starts_with('-')).collect();
        let mut der = sealed_secrets_core::item::decode(&body).unwrap();
        for (index, byte) in edits {
            // Most edits go to the structure in front, the rest to the numbers.
            let end = if byte & 1 == 0 { 64 } else { der.len() };
            let index = index.index(end);
            der[index] = byte;
        }
        let body = sealed_secrets_core::item::encode(&der);
        let file = format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n");
        let _ = PrivateKey::from_pem(file.as_bytes());
        let _ = sealed_secrets_core::Certificate::from_pem(file.as_bytes());
    }

    #[test]
    fn any_bytes_never_panic(file: Vec<u8>) {
        prop_assert!(PrivateKey::from_pem(&file).is_err());
        prop_assert!(sealed_secrets_core::Certificate::from_pem(&file).is_err());
    }
}

fn files() -> Vec<String> {
    let go = go_pair("default");
    let issued = include_str!("fixtures/issued.pem").to_owned();
    vec![
        go.pkcs1.clone(),
        go.pkcs8.clone(),
        go.certificate.clone(),
        issued,
    ]
}
