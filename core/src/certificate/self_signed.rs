//! Writing a self-signed certificate in DER (RFC 5280, section 4.1; X.690).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use rand::CryptoRng;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use sha2::{Digest as _, Sha256};

use super::{CertificateError, CertificateTemplate};
use crate::private_key::PrivateKey;

const SERIAL_BYTES: usize = 16;

/// A subject key id has the length of a SHA-1 hash, whatever made it (RFC 7093, section 2, method 1).
const KEY_ID_BYTES: usize = 20;

mod tag {
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const BIT_STRING: u8 = 0x03;
    pub(super) const OCTET_STRING: u8 = 0x04;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(super) const UTF8_STRING: u8 = 0x0c;
    pub(super) const PRINTABLE_STRING: u8 = 0x13;
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    /// `[0] EXPLICIT`: the version.
    pub(super) const VERSION: u8 = 0xa0;
    /// `[3] EXPLICIT`: the extensions.
    pub(super) const EXTENSIONS: u8 = 0xa3;
}

/// Contents of object identifiers.
mod oid {
    /// 1.2.840.113549.1.1.1
    pub(super) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    /// 1.2.840.113549.1.1.11
    pub(super) const SHA256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
    /// 2.5.4.3
    pub(super) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    /// 2.5.29.14
    pub(super) const SUBJECT_KEY_ID: &[u8] = &[0x55, 29, 14];
    /// 2.5.29.15
    pub(super) const KEY_USAGE: &[u8] = &[0x55, 29, 15];
    /// 2.5.29.19
    pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 29, 19];
}

/// A whole certificate.
pub(super) fn write<R: CryptoRng + ?Sized>(
    rng: &mut R,
    key: &PrivateKey,
    template: &CertificateTemplate,
) -> Result<Vec<u8>, CertificateError> {
    let mut serial = [0; SERIAL_BYTES];
    rng.fill_bytes(&mut serial);
    let not_after = template
        .not_before
        .checked_add(template.valid_for)
        .map_err(|_| CertificateError::Validity)?;
    let public_key = key
        .public_key()
        .as_rsa()
        .to_pkcs1_der()
        .expect("the numbers of a public key can be encoded")
        .into_vec();

    let algorithm = algorithm(oid::SHA256_WITH_RSA);
    let name = name(&template.common_name);
    let to_be_signed = sequence(&[
        element(tag::VERSION, &[integer(&[2])]),
        integer(&serial),
        algorithm.clone(),
        name.clone(),
        sequence(&[time(template.not_before)?, time(not_after)?]),
        name,
        sequence(&[
            self::algorithm(oid::RSA_ENCRYPTION),
            bit_string(&public_key),
        ]),
        element(tag::EXTENSIONS, &[sequence(&extensions(&public_key))]),
    ]);
    let signature = key
        .sign_sha256(rng, &to_be_signed)
        .map_err(CertificateError::Signature)?;
    Ok(sequence(&[to_be_signed, algorithm, bit_string(&signature)]))
}

fn extensions(public_key: &[u8]) -> [Vec<u8>; 3] {
    let ca = element(tag::BOOLEAN, &[vec![0xff]]);
    let key_id = Sha256::digest(public_key)
        .iter()
        .copied()
        .take(KEY_ID_BYTES)
        .collect();
    [
        // Bit 7 of the key usage, counted from the left: encipherOnly.
        extension(oid::KEY_USAGE, true, bit_string(&[0b0000_0001])),
        extension(oid::BASIC_CONSTRAINTS, true, sequence(&[ca])),
        extension(
            oid::SUBJECT_KEY_ID,
            false,
            element(tag::OCTET_STRING, &[key_id]),
        ),
    ]
}

fn extension(id: &[u8], critical: bool, value: Vec<u8>) -> Vec<u8> {
    // A default value is left out in DER.
    let critical = if critical {
        element(tag::BOOLEAN, &[vec![0xff]])
    } else {
        Vec::new()
    };
    sequence(&[
        object_identifier(id),
        critical,
        element(tag::OCTET_STRING, &[value]),
    ])
}

/// A distinguished name with a common name alone, or nothing.
fn name(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return sequence(&[]);
    }
    let string = if common_name.bytes().all(is_printable) {
        tag::PRINTABLE_STRING
    } else {
        tag::UTF8_STRING
    };
    let value = element(string, &[common_name.as_bytes().to_vec()]);
    let attribute = sequence(&[object_identifier(oid::COMMON_NAME), value]);
    sequence(&[element(tag::SET, &[attribute])])
}

/// X.680, section 41.4.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

/// RFC 5280, section 4.1.2.5: with a two-digit year up to 2049, with four digits from 2050.
fn time(time: Timestamp) -> Result<Vec<u8>, CertificateError> {
    let time: DateTime = Offset::UTC.to_datetime(time);
    let year = time.year();
    let rest = format!(
        "{:02}{:02}{:02}{:02}{:02}Z",
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    let (tag, text) = match year {
        1950..2050 => (tag::UTC_TIME, format!("{:02}{rest}", year % 100)),
        0..=9999 => (tag::GENERALIZED_TIME, format!("{year:04}{rest}")),
        _ => return Err(CertificateError::Validity),
    };
    Ok(element(tag, &[text.into_bytes()]))
}

/// An algorithm with the parameter NULL, as RFC 4055 wants it for RSA.
fn algorithm(id: &[u8]) -> Vec<u8> {
    sequence(&[object_identifier(id), element(tag::NULL, &[])])
}

fn object_identifier(id: &[u8]) -> Vec<u8> {
    element(tag::OBJECT_IDENTIFIER, &[id.to_vec()])
}

/// From an unsigned big-endian number. INTEGER is signed and as short as possible.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(number.len());
    let digits = number.get(start..).unwrap_or_default();
    let sign = if digits.first().is_none_or(|&byte| byte & 0x80 != 0) {
        vec![0]
    } else {
        vec![]
    };
    element(tag::INTEGER, &[sign, digits.to_vec()])
}

/// Whole bytes, so no bit of the last one is unused.
fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(tag::BIT_STRING, &[vec![0], bytes.to_vec()])
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag::SEQUENCE, parts)
}

/// Tag, length and content (X.690, section 8.1).
fn element(tag: u8, content: &[Vec<u8>]) -> Vec<u8> {
    let content = content.concat();
    let length = content.len().to_be_bytes();
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..0x80) => element.push(short),
        _ => {
            let digits: Vec<u8> = length.into_iter().skip_while(|&byte| byte == 0).collect();
            element.push(0x80 | digits.len() as u8);
            element.extend(digits);
        }
    }
    element.extend(content);
    element
}
