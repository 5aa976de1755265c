//! Sealing and unsealing one value, with one key and with many. `bench/library` runs this beside the
//! same work in Go.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sealed_secrets_core::{Hint, Keyring, Label, Scope, envelope};

mod keys;

const VALUE: &[u8] = b"a password of 32 bytes, or so...";

fn label() -> Label {
    Label::new(Scope::Strict, "shop", "db")
}

/// The value sealed for each key of the keyring, with the hint that names the key.
fn sealed(keyring: &Keyring) -> Vec<(Vec<u8>, Hint)> {
    let entries = keyring.entries();
    let seal = |entry: &sealed_secrets_core::KeyEntry| {
        let key = entry.pair.public_key();
        let sealed = envelope::seal(&mut rand::rng(), key, &label(), VALUE).expect("short");
        let hint = Hint {
            fingerprint: Some(entry.pair.fingerprint()),
            ..Hint::default()
        };
        (sealed, hint)
    };
    entries.map(seal).collect()
}

fn seal(criterion: &mut Criterion) {
    let keyring = keys::keyring(1);
    let key = keyring.newest().expect("one key").pair.public_key();
    let label = label();
    criterion.bench_function("seal_value", |bencher| {
        bencher.iter(|| envelope::seal(&mut rand::rng(), key, &label, black_box(VALUE)));
    });
}

fn unseal(criterion: &mut Criterion) {
    let label = label();
    for (name, keys, hinted) in [
        ("unseal_value_1_key", 1, true),
        ("unseal_value_60_keys_marked", keys::MANY, true),
        ("unseal_value_60_keys", keys::MANY, false),
    ] {
        let keyring = keys::keyring(keys);
        let sealed = sealed(&keyring);
        let mut next = sealed.iter().cycle();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let (sealed, hint) = next.next().expect("a cycle has no end");
                let none = Hint::default();
                let hint = if hinted { hint } else { &none };
                let unsealed = keyring.unseal(&label, black_box(sealed), hint);
                assert_eq!(*unsealed.expect("one fits").plaintext, VALUE);
            });
        });
    }
}

/// Finding the first key to try, without trying it.
fn look_up(criterion: &mut Criterion) {
    let keyring = keys::keyring(keys::MANY);
    let hints: Vec<Hint> = sealed(&keyring).into_iter().map(|(_, hint)| hint).collect();
    let mut next = hints.iter().cycle();
    criterion.bench_function("look_up_60_keys", |bencher| {
        bencher.iter(|| {
            let hint = next.next().expect("a cycle has no end");
            let first = keyring.candidates(black_box(hint)).next();
            first.expect("there are keys").pair.fingerprint()
        });
    });
}

criterion_group!(benches, seal, unseal, look_up);
criterion_main!(benches);
