//! What must hold for every envelope.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is tests"
)]

mod fixtures;

use fixtures::{other_pair, pair, strict};
use proptest::prelude::*;
use sealed_secrets_core::{Label, PublicKey, Scope, UnsealError, envelope, item};

/// Length prefix and RSA ciphertext of a 2048-bit key.
const HEAD: usize = 2 + 256;
const TAG: usize = 16;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_sealed_comes_back(
        scope in prop::sample::select(Scope::ALL.to_vec()),
        namespace: String,
        name: String,
        plaintext: Vec<u8>,
    ) {
        let label = Label::new(scope, &namespace, &name);
        let sealed = seal(&label, &plaintext);
        prop_assert_eq!(sealed.len(), HEAD + plaintext.len() + TAG);
        let text = item::encode(&sealed);
        let opened = envelope::unseal(pair().private_key(), &label, &item::decode(&text).unwrap());
        prop_assert_eq!(opened.as_deref(), Ok(&plaintext));
    }

    #[test]
    fn another_label_does_not_open(a: String, b: String) {
        prop_assume!(a != b);
        let sealed = seal(&a.parse().unwrap(), b"value");
        let opened = envelope::unseal(pair().private_key(), &b.parse().unwrap(), &sealed);
        prop_assert_eq!(opened, Err(UnsealError::NoKey));
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(envelope::unseal(pair().private_key(), &Label::default(), &bytes).is_err());
    }

    #[test]
    fn changes_are_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let label = strict("ns", "name");
        let good = seal(&label, b"a value of some length");
        let mut changed = good.clone();
        for (index, mask) in edits {
            let index = index.index(changed.len());
            changed[index] ^= mask;
        }
        prop_assume!(changed != good);
        prop_assert!(envelope::unseal(pair().private_key(), &label, &changed).is_err());
    }
}

#[test]
fn scopes_of_one_object_do_not_open_each_other() {
    for sealed_as in Scope::ALL {
        let sealed = seal(&Label::new(sealed_as, "ns", "name"), b"value");
        for opened_as in Scope::ALL {
            let label = Label::new(opened_as, "ns", "name");
            let opened = envelope::unseal(pair().private_key(), &label, &sealed);
            assert_eq!(
                opened.is_ok(),
                sealed_as == opened_as,
                "{sealed_as} as {opened_as}"
            );
        }
    }
}

#[test]
fn truncation_is_refused_at_every_length() {
    let label = strict("ns", "name");
    let sealed = seal(&label, b"value");
    for length in 0..sealed.len() {
        let error = envelope::unseal(pair().private_key(), &label, &sealed[..length]).unwrap_err();
        let expected = if length < HEAD + TAG {
            UnsealError::Truncated
        } else {
            UnsealError::Damaged
        };
        assert_eq!(error, expected, "{length} bytes");
    }
    let shape = envelope::shape(&sealed).unwrap();
    assert_eq!(
        (shape.wrapped.len() + 2 + TAG, shape.plaintext_len),
        (HEAD + TAG, 5)
    );
    assert_eq!(
        envelope::shape(&sealed[..HEAD + TAG - 1]),
        Err(UnsealError::Truncated)
    );
    let longer = [&sealed[..], &[0]].concat();
    let error = envelope::unseal(pair().private_key(), &label, &longer).unwrap_err();
    assert_eq!(error, UnsealError::Damaged);
}

#[test]
fn every_single_bit_counts() {
    let label = strict("ns", "name");
    let sealed = seal(&label, b"value");
    let mut changed = sealed.clone();
    for bit in 0..sealed.len() * 8 {
        // One bit of each byte of the RSA ciphertext is enough: each costs an RSA operation.
        if (16..HEAD * 8).contains(&bit) && bit % 8 != bit / 8 % 8 {
            continue;
        }
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = envelope::unseal(pair().private_key(), &label, &changed).unwrap_err();
        if bit >= HEAD * 8 {
            assert_eq!(error, UnsealError::Damaged, "bit {bit}");
        }
        changed[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(changed, sealed);
}

#[test]
fn sealing_twice_gives_different_envelopes() {
    let label = strict("ns", "name");
    let [a, b] = [seal(&label, b"value"), seal(&label, b"value")];
    assert_ne!(a[2..HEAD], b[2..HEAD]);
    assert_ne!(a[HEAD..], b[HEAD..]);
}

#[test]
fn sealed_among_many_is_sealed_alike() {
    let pair = other_pair();
    let key = pair.certificate().public_key();
    key.prepare_for_many();
    for label in ["", "ns", "ns/name", "ünïcödé/日本語"] {
        let label: Label = label.parse().unwrap();
        for plaintext in [&b""[..], b"value", &[0xa5; 5000]] {
            let sealed = envelope::seal(&mut rand::rng(), key, &label, plaintext).unwrap();
            assert_eq!(sealed.len(), HEAD + plaintext.len() + TAG);
            let opened = envelope::unseal(pair.private_key(), &label, &sealed).unwrap();
            assert_eq!(*opened, plaintext);
            let other = strict("other", "label");
            let error = envelope::unseal(pair.private_key(), &other, &sealed).unwrap_err();
            assert_eq!(error, UnsealError::NoKey);
        }
    }
}

#[test]
fn another_key_does_not_open() {
    let label = strict("ns", "name");
    let sealed = seal(&label, b"value");
    let error = envelope::unseal(other_pair().private_key(), &label, &sealed).unwrap_err();
    assert_eq!(error, UnsealError::NoKey);
}

#[test]
fn a_mebibyte_fits() {
    let value = vec![0xa5; 1 << 20];
    let label = strict("ns", "name");
    let text = item::encode(&seal(&label, &value));
    let opened =
        envelope::unseal(pair().private_key(), &label, &item::decode(&text).unwrap()).unwrap();
    assert!(*opened == value);
}

#[test]
fn messages_start_with_the_words_that_scripts_look_for() {
    assert_eq!(
        UnsealError::NoKey.to_string(),
        "no key could decrypt secret"
    );
    for error in [
        UnsealError::Truncated,
        UnsealError::Damaged,
        UnsealError::SessionKeyLength { length: 16 },
    ] {
        assert!(
            error
                .to_string()
                .starts_with("no key could decrypt secret: "),
            "{error}"
        );
    }
    let error = UnsealError::from(item::decode("?").unwrap_err());
    assert_eq!(error.to_string(), "illegal base64 data at input byte 0");
}

fn seal(label: &Label, plaintext: &[u8]) -> Vec<u8> {
    let key: &PublicKey = pair().certificate().public_key();
    envelope::seal(&mut rand::rng(), key, label, plaintext).unwrap()
}
