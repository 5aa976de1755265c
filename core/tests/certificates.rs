//! Certificates: read from all the files people have, and written exactly as the Go implementation does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is tests"
)]

mod fixtures;

use std::convert::Infallible;
use std::io::Write as _;

use fixtures::{GoPair, go_pair, go_pairs, other_pair, pair};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{SeedableRng as _, TryCryptoRng, TryRng};
use sealed_secrets_core::{
    Certificate, CertificateError, CertificateTemplate, KeyPair, KeyPairError, KeySize, PrivateKey,
    PublicKeyError,
};

#[test]
fn certificates_of_the_go_implementation_are_read() {
    for go in go_pairs() {
        let certificate = Certificate::from_pem(go.certificate.as_bytes()).unwrap();
        assert_eq!(certificate.not_before(), go.not_before, "{}", go.name);
        assert_eq!(certificate.not_after(), go.not_after, "{}", go.name);
        assert_eq!(
            certificate.common_name().unwrap_or_default(),
            go.common_name,
            "{}",
            go.name
        );
        assert_eq!(certificate.public_key().bits(), go.bits, "{}", go.name);
        let fingerprint = certificate.public_key().fingerprint();
        assert_eq!(fingerprint.to_string(), go.fingerprint, "{}", go.name);
        assert_eq!(certificate.to_pem(), go.certificate, "{}", go.name);
    }
    // Past the harness, which keeps what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "certificates by Go: {} read",
        go_pairs().len()
    );
}

#[test]
fn certificates_are_those_of_the_go_implementation_byte_for_byte() {
    for go in go_pairs() {
        let theirs = Certificate::from_pem(go.certificate.as_bytes()).unwrap();
        let key = PrivateKey::from_pem(go.pkcs1.as_bytes()).unwrap();
        let mut rng = SerialFirst::from_certificate(&theirs);
        let ours = Certificate::self_signed(&mut rng, &key, &template(go)).unwrap();
        assert_eq!(ours.to_pem(), go.certificate, "{}", go.name);
    }
    let _ = writeln!(
        std::io::stderr(),
        "certificates like Go's: {}",
        go_pairs().len()
    );
}

#[test]
fn serial_numbers_differ() {
    let template = template(go_pair("default"));
    let key = pair().private_key();
    let [a, b] =
        [0, 1].map(|_| Certificate::self_signed(&mut rand::rng(), key, &template).unwrap());
    assert_ne!(a, b);
    assert_eq!(a.public_key(), b.public_key());
}

#[test]
fn dates_outside_of_what_certificates_can_say_are_refused() {
    let key = pair().private_key();
    for (not_before, hours) in [
        ("-000001-12-31T23:59:59Z", 24),
        ("0000-01-01T00:00:00Z", -1),
        ("9999-12-30T00:00:00Z", 24 * 365),
        ("2026-01-01T00:00:00Z", i64::MAX / 3600),
    ] {
        let template = CertificateTemplate {
            common_name: String::new(),
            not_before: not_before.parse().unwrap(),
            valid_for: SignedDuration::from_hours(hours),
        };
        let result = Certificate::self_signed(&mut rand::rng(), key, &template);
        assert_eq!(
            result,
            Err(CertificateError::Validity),
            "{not_before} + {hours} h"
        );
    }
}

#[test]
fn a_certificate_without_end_is_read() {
    let file = include_bytes!("fixtures/no-expiry.pem");
    let certificate = Certificate::from_pem(file).unwrap();
    assert_eq!(certificate.not_after(), Timestamp::MAX);
    assert!(certificate.check_not_expired(Timestamp::MAX).is_ok());
}

#[test]
fn a_certificate_is_valid_through_its_last_second_and_before_its_first() {
    let certificate = pair().certificate();
    let last = certificate.not_after();
    assert_eq!(certificate.check_not_expired(last), Ok(()));
    let after = last + SignedDuration::from_nanos(1);
    let error = certificate.check_not_expired(after).unwrap_err();
    assert_eq!(error, CertificateError::Expired { not_after: last });
    assert!(
        error.to_string().contains("2035-12-31T03:04:05Z"),
        "{error}"
    );
    let before = certificate.not_before() - SignedDuration::from_hours(1);
    assert_eq!(certificate.check_not_expired(before), Ok(()));
}

#[test]
fn only_the_first_certificate_counts_and_everything_around_is_skipped() {
    let [first, second] = [go_pair("default"), go_pair("common-name")];
    let expected = pair().certificate();
    let crlf = first.certificate.replace('\n', "\r\n");
    let files = [
        format!("{}{}", first.certificate, second.certificate),
        format!("subject=/CN=x\n\n{}trailing text", first.certificate),
        format!("{}{}", second.pkcs1, first.certificate),
        first.certificate.trim_end().to_owned(),
        crlf.trim_end().to_owned(),
        crlf,
    ];
    for file in files {
        assert_eq!(
            Certificate::from_pem(file.as_bytes()).as_ref(),
            Ok(expected),
            "{file}"
        );
    }
}

#[test]
fn other_files_are_named() {
    let go = go_pair("default");
    let der = pair().certificate().as_der();
    let block = |kind: &str, content: &str| {
        format!("-----BEGIN {kind}-----\n{content}\n-----END {kind}-----\n")
    };
    let body = |pem: &str| {
        pem.lines()
            .filter(|l| !l.starts_with('-'))
            .collect::<String>()
    };
    let cut = &body(&go.certificate)[..400];
    let cases: [(&str, Vec<u8>, CertificateError); 11] = [
        ("empty", vec![], CertificateError::Missing),
        ("text", b"hello\n".to_vec(), CertificateError::Missing),
        ("bytes", vec![0xff; 100], CertificateError::Missing),
        (
            "PKCS#1",
            go.pkcs1.clone().into(),
            CertificateError::PrivateKeyInstead,
        ),
        (
            "PKCS#8",
            go.pkcs8.clone().into(),
            CertificateError::PrivateKeyInstead,
        ),
        (
            "public key",
            block("PUBLIC KEY", "AAAA").into(),
            CertificateError::PublicKeyInstead,
        ),
        (
            "RSA public key",
            block("RSA PUBLIC KEY", "AAAA").into(),
            CertificateError::PublicKeyInstead,
        ),
        ("DER", der.to_vec(), CertificateError::Der),
        (
            "broken base64",
            block("CERTIFICATE", "A").into(),
            CertificateError::Missing,
        ),
        (
            "cut",
            block("CERTIFICATE", cut).into(),
            CertificateError::Malformed,
        ),
        (
            "key in a certificate block",
            block("CERTIFICATE", &body(&go.pkcs1)).into(),
            CertificateError::Malformed,
        ),
    ];
    for (name, file, error) in cases {
        assert_eq!(Certificate::from_pem(&file), Err(error), "{name}");
    }
    let longer = [der, &[0]].concat();
    let longer = block("CERTIFICATE", &sealed_secrets_core::item::encode(&longer));
    assert_eq!(
        Certificate::from_pem(longer.as_bytes()),
        Err(CertificateError::Malformed)
    );
}

#[test]
fn keys_that_cannot_be_sealed_for_are_named() {
    let ec = include_bytes!("fixtures/ec.pem");
    assert_eq!(Certificate::from_pem(ec), Err(CertificateError::NotRsa));
    let pss = include_bytes!("fixtures/rsa-pss.pem");
    assert_eq!(Certificate::from_pem(pss), Err(CertificateError::NotRsa));
    let short = include_bytes!("fixtures/rsa-1024.pem");
    let error = CertificateError::Key(PublicKeyError::Size { bits: 1024 });
    assert_eq!(Certificate::from_pem(short), Err(error));
}

#[test]
fn certificates_of_an_authority_are_read() {
    let file = include_bytes!("fixtures/issued.pem");
    let certificate = Certificate::from_pem(file).unwrap();
    assert_eq!(certificate.common_name(), Some("sealing.example.com"));
    assert_eq!(certificate.public_key().bits(), 3072);
}

#[test]
fn a_pair_must_match() {
    let [a, b] = [go_pair("default"), go_pair("common-name")];
    let result = KeyPair::from_pem(a.pkcs1.as_bytes(), b.certificate.as_bytes());
    assert_eq!(result.unwrap_err(), KeyPairError::Mismatch);
    let result = KeyPair::from_pem(b"", b.certificate.as_bytes());
    assert!(matches!(result, Err(KeyPairError::Key(_))));
    let result = KeyPair::from_pem(a.pkcs1.as_bytes(), b"");
    assert_eq!(
        result.unwrap_err(),
        KeyPairError::Certificate(CertificateError::Missing)
    );
    let pair = KeyPair::from_pem(a.pkcs8.as_bytes(), a.certificate.as_bytes()).unwrap();
    assert_eq!(pair.fingerprint().to_string(), a.fingerprint);
    assert_ne!(pair.fingerprint(), other_pair().fingerprint());
}

#[test]
fn generated_pairs_are_written_and_read_back() {
    let template = CertificateTemplate {
        common_name: "sealed.example.com".into(),
        not_before: "2026-11-21T10:11:12.9Z".parse().unwrap(),
        valid_for: SignedDuration::from_hours(87600),
    };
    let mut rng = StdRng::seed_from_u64(7);
    let made = KeyPair::generate(&mut rng, KeySize::MIN, &template).unwrap();
    assert_eq!(made.public_key().bits(), 2048);
    assert_eq!(
        made.certificate().not_before(),
        "2026-11-21T10:11:12Z".parse().unwrap()
    );
    assert_eq!(
        made.certificate().not_after(),
        "2036-11-18T10:11:12Z".parse().unwrap()
    );
    assert_eq!(made.certificate().common_name(), Some("sealed.example.com"));
    let key = made.private_key().to_pkcs1_pem();
    let read = KeyPair::from_pem(key.as_bytes(), made.certificate().to_pem().as_bytes()).unwrap();
    assert_eq!(read.fingerprint(), made.fingerprint());
    assert_eq!(read.certificate(), made.certificate());
}

fn template(go: &GoPair) -> CertificateTemplate {
    CertificateTemplate {
        common_name: go.common_name.clone(),
        not_before: go.not_before,
        valid_for: go.not_after.duration_since(go.not_before),
    }
}

/// A generator whose first bytes are the serial number of a given certificate.
struct SerialFirst {
    serial: Vec<u8>,
    rest: StdRng,
}

impl SerialFirst {
    fn from_certificate(certificate: &Certificate) -> Self {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate.as_der()).unwrap();
        let serial = parsed.tbs_certificate.raw_serial();
        let digits = serial.strip_prefix(&[0]).unwrap_or(serial);
        let serial = [vec![0; 16 - digits.len()], digits.to_vec()].concat();
        SerialFirst {
            serial,
            rest: StdRng::seed_from_u64(0),
        }
    }
}

impl TryRng for SerialFirst {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.rest.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.rest.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if self.serial.is_empty() {
            return self.rest.try_fill_bytes(bytes);
        }
        bytes.copy_from_slice(&std::mem::take(&mut self.serial));
        Ok(())
    }
}

impl TryCryptoRng for SerialFirst {}
