//! The AEAD that envelopes use, against Project Wycheproof's vectors. Envelopes have a constant nonce
//! and no associated data; the vectors have both, so they are put to the cipher itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is tests"
)]

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use std::io::Write as _;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

#[test]
fn wycheproof_aes_256_gcm_vectors() {
    let mut passed = 0;
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let groups = set
        .test_groups
        .iter()
        .filter(|g| g.key_size == 256 && g.nonce_size == 96);
    for test in groups.flat_map(|group| &group.tests) {
        let context = format!("test {}: {}", test.tc_id, test.comment);
        let cipher = Aes256Gcm::new_from_slice(&test.key).unwrap();
        let nonce: Nonce<_> = test.nonce[..].try_into().unwrap();
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = cipher.decrypt(
            &nonce,
            Payload {
                msg: &sealed,
                aad: &test.aad,
            },
        );
        match test.result {
            TestResult::Valid => {
                assert_eq!(opened.as_deref(), Ok(&test.pt[..]), "{context}");
                let again = cipher.encrypt(
                    &nonce,
                    Payload {
                        msg: &test.pt,
                        aad: &test.aad,
                    },
                );
                assert_eq!(again, Ok(sealed), "{context}");
            }
            TestResult::Invalid => assert!(opened.is_err(), "{context}"),
            TestResult::Acceptable => unreachable!("no such vectors for AES-GCM"),
        }
        passed += 1;
    }
    // Past the harness, which keeps what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "wycheproof AES-256-GCM vectors: {passed} passed"
    );
    assert!(passed >= 60);
}
