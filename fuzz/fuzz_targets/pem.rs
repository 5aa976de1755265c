//! The readers of keys and certificates, which get whatever a Secret or a file holds. What they accept
//! must survive being written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealed_secrets_core::{Certificate, KeyPair, PrivateKey, item};

const KINDS: [&str; 3] = ["RSA PRIVATE KEY", "PRIVATE KEY", "CERTIFICATE"];

fuzz_target!(|data: &[u8]| {
    read(data);

    // Base64 hides the structure from the fuzzer, so it may write DER too: the first byte is the kind.
    if let Some((kind, der)) = data.split_first()
        && let Some(kind) = KINDS.get(usize::from(*kind))
    {
        let body = item::encode(der);
        read(format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n").as_bytes());
    }
});

fn read(file: &[u8]) {
    if let Ok(key) = PrivateKey::from_pem(file) {
        let again = PrivateKey::from_pem(key.to_pkcs1_pem().as_bytes()).expect("we wrote this");
        assert_eq!(again.public_key(), key.public_key());
    }
    if let Ok(certificate) = Certificate::from_pem(file) {
        let again = Certificate::from_pem(certificate.to_pem().as_bytes());
        assert_eq!(again.as_ref(), Ok(&certificate));
    }
    let _ = KeyPair::from_pem(file, file);
}
