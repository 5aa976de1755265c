//! Keyrings for tests: three keys, with dates in days.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sealed_secrets_core::certificate::{Certificate, CertificateTemplate};
use sealed_secrets_core::key_pair::KeyPair;
use sealed_secrets_core::keyring::{KeyEntry, KeyOrder, Keyring};
use sealed_secrets_core::private_key::{KeySize, PrivateKey};
use zeroize::Zeroizing;

const DAY: i64 = 86_400;

static PEMS: LazyLock<Vec<Zeroizing<String>>> = LazyLock::new(|| {
    let mut rng = StdRng::seed_from_u64(7);
    let size = KeySize::try_from(2048).unwrap();
    (0..3)
        .map(|_| PrivateKey::generate(&mut rng, size).unwrap().to_pkcs1_pem())
        .collect()
});

pub(crate) fn day(days: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + days * DAY).unwrap()
}

/// Keys by the days of NotBefore and of creation.
pub(crate) fn keyring(order: KeyOrder, keys: &[(i64, i64)]) -> Keyring {
    let mut keyring = Keyring::new(order);
    for ((not_before, created), pem) in keys.iter().zip(PEMS.iter()) {
        let key = PrivateKey::from_pem(pem.as_bytes()).unwrap();
        let template = CertificateTemplate {
            common_name: String::new(),
            not_before: day(*not_before),
            valid_for: SignedDuration::from_hours(24 * 3650),
        };
        let mut rng = StdRng::seed_from_u64(1);
        let certificate = Certificate::self_signed(&mut rng, &key, &template).unwrap();
        keyring.insert(KeyEntry {
            name: format!("key{not_before}"),
            created_at: day(*created),
            pair: KeyPair::new(key, certificate).unwrap(),
        });
    }
    keyring
}

/// Keys by the days of both.
pub(crate) fn certs(keys: &[i64]) -> Keyring {
    let keys: Vec<_> = keys.iter().map(|day| (*day, *day)).collect();
    keyring(KeyOrder::CertNotBefore, &keys)
}
