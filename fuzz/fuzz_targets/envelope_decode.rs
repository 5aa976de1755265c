//! Everything that is done with an item before it is known to be genuine: base64, the envelope's
//! layout, RSA and AEAD. Nothing the fuzzer can write was sealed by us, so nothing may open.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use libfuzzer_sys::fuzz_target;
use sealed_secrets_core::{Hint, KeyEntry, KeyOrder, KeyPair, Keyring, Label, UnsealError, item};

/// What our own decoder must agree with, once line ends are gone.
const PEER: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Length prefix and RSA ciphertext: a session key that was sealed for our key and the empty label,
/// so that the bytes after it reach the AEAD.
static HEAD: LazyLock<Vec<u8>> =
    LazyLock::new(|| item::decode(include_str!("../seeds/head.txt")).expect("the seed is base64"));

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| {
    let pair = KeyPair::from_pem(
        include_bytes!("../seeds/pem/key-pkcs1.pem"),
        include_bytes!("../seeds/pem/certificate.pem"),
    );
    let pair = pair.expect("the seeds are a pair");
    let created_at = pair.certificate().not_before();
    let mut keyring = Keyring::new(KeyOrder::default());
    keyring.insert(KeyEntry {
        name: "key".into(),
        created_at,
        pair,
    });
    keyring
});

fuzz_target!(|data: &[u8]| {
    let label = Label::default();
    let hint = Hint::default();

    if let Ok(text) = std::str::from_utf8(data) {
        let plain: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        match item::decode(text) {
            Ok(bytes) => {
                assert_eq!(PEER.decode(&plain).as_ref(), Ok(&bytes));
                assert_eq!(item::decode(&item::encode(&bytes)).as_ref(), Ok(&bytes));
            }
            Err(error) => {
                assert!(PEER.decode(&plain).is_err());
                assert!(error.offset() <= text.len());
            }
        }
        let _ = KEYRING.unseal_item(&label, text, &hint);
    }

    if !data.starts_with(&HEAD) {
        assert!(KEYRING.unseal(&label, data, &hint).is_err());
    }

    let grafted = [&HEAD, data].concat();
    let expected = if data.len() < 16 {
        UnsealError::Truncated
    } else {
        UnsealError::Damaged
    };
    assert_eq!(
        KEYRING.unseal(&label, &grafted, &hint).err(),
        Some(expected)
    );
});
