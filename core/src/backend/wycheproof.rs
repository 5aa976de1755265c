//! RSA-OAEP with SHA-256 against Project Wycheproof's vectors, through every backend that is built in.

use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey as _;
use std::io::Write as _;
use wycheproof::rsa_oaep::{Test, TestName, TestSet};
use wycheproof::{HashFunction, TestResult};

use super::pure;
use crate::private_key::{KeyError, PrivateKey};
use crate::public_key::PublicKeyError;

const SETS: [TestName; 4] = [
    TestName::Rsa2048Sha256Mgf1Sha256,
    TestName::Rsa3072Sha256Mgf1Sha256,
    TestName::Rsa4096Sha256Mgf1Sha256,
    TestName::RsaMisc,
];

#[test]
fn wycheproof_oaep_vectors() {
    let mut passed = 0;
    let mut with_label = 0;
    let mut keys_refused = 0;
    for set in SETS {
        let set = TestSet::load(set).unwrap();
        for group in set.test_groups {
            if (group.hash, group.mgf_hash) != (HashFunction::Sha2_256, HashFunction::Sha2_256) {
                continue;
            }
            let key = match PrivateKey::from_pem(group.pem.as_bytes()) {
                Ok(key) => key,
                Err(error) => {
                    let bits = group.key_size;
                    assert!(bits < 2048, "{bits} bits: {error}");
                    assert_eq!(error, KeyError::Public(PublicKeyError::Size { bits }));
                    keys_refused += 1;
                    continue;
                }
            };
            assert_eq!(key.public_key().bits(), group.key_size);
            let pure = RsaPrivateKey::from_pkcs8_der(&group.pkcs8).unwrap();
            let pure = pure::DecryptionKey::new(pure).unwrap();
            for test in group.tests {
                let message = key.decrypt_oaep(&test.label, &test.ct);
                check("own key type", &test, message.ok().as_deref());
                let message = pure.decrypt_oaep(&test.label, &test.ct);
                check("rsa crate", &test, message.ok().as_deref());
                passed += 1;
                with_label += usize::from(!test.label.is_empty());
            }
        }
    }
    // Past the harness, which keeps what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "wycheproof OAEP vectors: {passed} passed, {with_label} with a label; \
         {keys_refused} keys below 2048 bits refused"
    );
    assert!(passed >= 3 * 37 && with_label >= 3 * 8);
}

fn check(backend: &str, test: &Test, message: Option<&Vec<u8>>) {
    let context = format!("{backend}, test {}: {}", test.tc_id, test.comment);
    match test.result {
        TestResult::Valid => assert_eq!(message, Some(&test.pt.to_vec()), "{context}"),
        TestResult::Invalid => assert_eq!(message, None, "{context}"),
        TestResult::Acceptable => {
            assert!(
                message.is_none_or(|message| **message == **test.pt),
                "{context}"
            );
        }
    }
}
