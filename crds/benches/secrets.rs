//! Whole Secrets of three items: sealed, and what a SealedSecret says should exist. `bench/library` runs
//! this beside the same work in Go.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sealed_secrets_core::{Hint, Keyring, Scope};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::KEY_FINGERPRINT;
use sealed_secrets_crds::desired::{Options, desired_secret};
use sealed_secrets_crds::manifest;
use sealed_secrets_crds::plain_secret::PlainSecret;
use sealed_secrets_crds::seal::seal_secret;

#[path = "../../core/benches/keys/mod.rs"]
mod keys;

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData:\n  \
                      user: admin\n  password: a password of 32 bytes, or so...\n  url: db://shop:5432/\n";

fn plain() -> PlainSecret {
    let documents = manifest::read(SECRET.as_bytes()).expect("it is YAML");
    PlainSecret::from_node(&documents.first().expect("one").node).expect("it is a Secret")
}

/// The Secret sealed for each key of the keyring.
fn sealed(keyring: &Keyring, marked: bool) -> Vec<SealedSecret> {
    let secret = plain();
    let entries = keyring.entries();
    let seal = |entry: &sealed_secrets_core::KeyEntry| {
        let key = entry.pair.public_key();
        let mut sealed =
            seal_secret(&mut rand::rng(), key, &secret, Scope::Strict).expect("it is complete");
        if !marked && let Some(annotations) = &mut sealed.metadata.annotations {
            annotations.remove(KEY_FINGERPRINT);
        }
        sealed
    };
    entries.map(seal).collect()
}

fn seal(criterion: &mut Criterion) {
    let keyring = keys::keyring(1);
    let key = keyring.newest().expect("one key").pair.public_key();
    let secret = plain();
    criterion.bench_function("seal_secret", |bencher| {
        bencher.iter(|| {
            let secret = black_box(&secret);
            seal_secret(&mut rand::rng(), key, secret, Scope::Strict).expect("it is complete")
        });
    });
}

fn desire(criterion: &mut Criterion) {
    for (name, keys, marked) in [
        ("desired_secret_1_key", 1, true),
        ("desired_secret_60_keys_marked", keys::MANY, true),
        ("desired_secret_60_keys", keys::MANY, false),
    ] {
        let keyring = keys::keyring(keys);
        let sealed = sealed(&keyring, marked);
        let mut next = sealed.iter().cycle();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let sealed = black_box(next.next().expect("a cycle has no end"));
                let (hint, options) = (Hint::default(), Options::default());
                let desired = desired_secret(sealed, &keyring, &hint, options).expect("one fits");
                assert_eq!(desired.data.len(), 3);
                desired
            });
        });
    }
}

criterion_group!(benches, seal, desire);
criterion_main!(benches);
