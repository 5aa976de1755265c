//! X.509 certificates with their keys, in PEM.

use std::net::IpAddr;
use std::rc::Rc;

use rand::Rng;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};

use super::keys::{PrivateKey, generate_pem};
use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::go::{base, der, pem};
use crate::time::Time;
use crate::value::{Certificate, Elem, Type, Value};

const LIST: Type = Type::List(Elem::Any);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("genPrivateKey", &[Type::Str], |cx, a| {
        match generate_pem(cx, a[0].bytes())? {
            Some(text) => Ok(Value::str(text)),
            None => Ok(Value::str([b"Unknown type ", a[0].bytes()].concat())),
        }
    }),
    Function::new("buildCustomCert", &[Type::Str, Type::Str], build_custom),
    Function::new("genCA", &[Type::Str, Type::Int], |cx, a| {
        let subject = Subject::authority(&a[0], &a[1])?;
        let key = PrivateKey::generate(cx)?;
        issue(cx, &subject, &key, None)
    }),
    Function::new(
        "genCAWithKey",
        &[Type::Str, Type::Int, Type::Str],
        |cx, a| {
            let subject = Subject::authority(&a[0], &a[1])?;
            let key = PrivateKey::from_pem(a[2].bytes())?;
            issue(cx, &subject, &key, None)
        },
    ),
    Function::new(
        "genSelfSignedCert",
        &[Type::Str, LIST, LIST, Type::Int],
        |cx, a| {
            let subject = Subject::leaf(a)?;
            let key = PrivateKey::generate(cx)?;
            issue(cx, &subject, &key, None)
        },
    ),
    Function::new(
        "genSelfSignedCertWithKey",
        &[Type::Str, LIST, LIST, Type::Int, Type::Str],
        |cx, a| {
            let subject = Subject::leaf(a)?;
            let key = PrivateKey::from_pem(a[4].bytes())?;
            issue(cx, &subject, &key, None)
        },
    ),
    Function::new(
        "genSignedCert",
        &[Type::Str, LIST, LIST, Type::Int, Type::Certificate],
        |cx, a| {
            let subject = Subject::leaf(a)?;
            let issuer = Issuer::read(&a[4])?;
            let key = PrivateKey::generate(cx)?;
            issue(cx, &subject, &key, Some(&issuer))
        },
    ),
    Function::new(
        "genSignedCertWithKey",
        &[
            Type::Str,
            LIST,
            LIST,
            Type::Int,
            Type::Certificate,
            Type::Str,
        ],
        |cx, a| {
            let subject = Subject::leaf(a)?;
            let issuer = Issuer::read(&a[4])?;
            let key = PrivateKey::from_pem(a[5].bytes())?;
            issue(cx, &subject, &key, Some(&issuer))
        },
    ),
];

/// What a certificate is to say.
struct Subject {
    name: Vec<u8>,
    ips: Vec<IpAddr>,
    dns: Vec<Vec<u8>>,
    days: i64,
    authority: bool,
}

/// Who signs it.
struct Issuer {
    name: Vec<u8>,
    key_id: Option<Vec<u8>>,
    key: PrivateKey,
}

impl Subject {
    fn authority(name: &Value, days: &Value) -> Result<Self, Fault> {
        Ok(Self {
            name: distinguished_name(name.bytes())?,
            ips: Vec::new(),
            dns: Vec::new(),
            days: days.as_signed().unwrap_or(0),
            authority: true,
        })
    }

    /// From the arguments: common name, addresses, names, days.
    fn leaf(a: &[Value]) -> Result<Self, Fault> {
        let items = |value: &Value| match value {
            Value::List(list) => list.items().to_vec(),
            _ => Vec::new(),
        };
        let mut ips = Vec::new();
        for ip in items(&a[1]) {
            let parsed = std::str::from_utf8(ip.bytes())
                .ok()
                .and_then(|t| t.parse::<IpAddr>().ok());
            ips.push(parsed.ok_or_else(|| Fault::new("error parsing ip"))?);
        }
        let mut dns = Vec::new();
        for name in items(&a[2]) {
            let Value::Str(name) = name else {
                return fail("an alternate dns name is not a string");
            };
            if !name.is_ascii() {
                return fail("an alternate dns name is not ASCII");
            }
            dns.push(name.to_vec());
        }
        Ok(Self {
            name: distinguished_name(a[0].bytes())?,
            ips,
            dns,
            days: a[3].as_signed().unwrap_or(0),
            authority: false,
        })
    }
}

impl Issuer {
    fn read(value: &Value) -> Result<Self, Fault> {
        let Value::Certificate(ca) = value else {
            return fail("not a certificate");
        };
        let Some((_, data)) = pem::decode(&ca.cert) else {
            return fail("unable to decode certificate");
        };
        let certificate = parse(&data)?;
        let key = PrivateKey::from_pem(&ca.key)?;
        if certificate.tbs_certificate.subject_pki.raw != key.public_info()? {
            return fail("the private key doesn't match the parent's public key");
        }
        let key_id = certificate
            .extensions()
            .iter()
            .find_map(|e| match e.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                _ => None,
            });
        Ok(Self {
            name: certificate.tbs_certificate.subject.as_raw().to_vec(),
            key_id,
            key,
        })
    }
}

fn parse(data: &[u8]) -> Result<X509Certificate<'_>, Fault> {
    match X509Certificate::from_der(data) {
        Ok(([], certificate)) => Ok(certificate),
        _ => fail("error parsing certificate"),
    }
}

fn build_custom(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    cx.meter
        .handle((a[0].bytes().len() + a[1].bytes().len()) * 8)?;
    let Ok(cert) = base::decode64(a[0].bytes()) else {
        return fail("unable to decode base64 certificate");
    };
    let Ok(key) = base::decode64(a[1].bytes()) else {
        return fail("unable to decode base64 private key");
    };
    let Some((_, data)) = pem::decode(&cert) else {
        return fail("unable to decode certificate");
    };
    parse(&data)?;
    PrivateKey::from_pem(&key)?;
    Ok(Value::Certificate(Rc::new(Certificate {
        cert: cert.into(),
        key: key.into(),
    })))
}

/// A name with a common name only, or with nothing.
fn distinguished_name(common: &[u8]) -> Result<Vec<u8>, Fault> {
    if common.is_empty() {
        return Ok(der::sequence(&[]));
    }
    if std::str::from_utf8(common).is_err() {
        return fail("the common name is not valid UTF-8");
    }
    let printable = |b: &u8| b.is_ascii_alphanumeric() || b"'()+,-./:=? ".contains(b);
    let tag = if common.iter().all(printable) {
        0x13
    } else {
        0x0C
    };
    let attribute = der::sequence(&[
        &der::tagged(der::OID, &[0x55, 0x04, 0x03]),
        &der::tagged(tag, common),
    ]);
    Ok(der::sequence(&[&der::tagged(der::SET, &attribute)]))
}

/// A moment as certificates write it: two digits of the year up to 2049.
fn moment(time: &Time) -> Result<Vec<u8>, Fault> {
    match time.clock().year {
        1950..2050 => Ok(der::tagged(0x17, &time.format(b"060102150405Z"))),
        0..=9999 => Ok(der::tagged(0x18, &time.format(b"20060102150405Z"))),
        _ => fail("the validity of the certificate can't be represented"),
    }
}

fn extension(id: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let oid = der::tagged(der::OID, &[0x55, 0x1D, id]);
    let mark: &[u8] = if critical { &[1, 1, 0xFF] } else { &[] };
    der::sequence(&[&oid, mark, &der::tagged(der::OCTET_STRING, value)])
}

fn extensions(
    subject: &Subject,
    key: &PrivateKey,
    issuer: Option<&Issuer>,
) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    // Digital signature and key encipherment; for an authority, signing certificates too.
    let usage: [u8; 2] = if subject.authority {
        [2, 0xA4]
    } else {
        [5, 0xA0]
    };
    out.extend(extension(15, true, &der::tagged(der::BIT_STRING, &usage)));
    let purpose = |id: u8| der::tagged(der::OID, &[0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, id]);
    out.extend(extension(
        37,
        false,
        &der::sequence(&[&purpose(1), &purpose(2)]),
    ));
    let authority: &[u8] = if subject.authority {
        &[1, 1, 0xFF]
    } else {
        &[]
    };
    out.extend(extension(19, true, &der::sequence(&[authority])));
    if subject.authority {
        let id = Sha256::digest(key.public_bytes()?);
        out.extend(extension(
            14,
            false,
            &der::tagged(der::OCTET_STRING, &id[..20]),
        ));
    }
    if let Some(issuer) = issuer
        && issuer.name != subject.name
        && let Some(id) = &issuer.key_id
    {
        out.extend(extension(
            35,
            false,
            &der::sequence(&[&der::tagged(0x80, id)]),
        ));
    }
    if !subject.dns.is_empty() || !subject.ips.is_empty() {
        let mut names = Vec::new();
        for name in &subject.dns {
            names.extend(der::tagged(0x82, name));
        }
        for ip in &subject.ips {
            names.extend(match ip.to_canonical() {
                IpAddr::V4(ip) => der::tagged(0x87, &ip.octets()),
                IpAddr::V6(ip) => der::tagged(0x87, &ip.octets()),
            });
        }
        let nameless = subject.name == der::sequence(&[]);
        out.extend(extension(17, nameless, &der::sequence(&[&names])));
    }
    Ok(der::tagged(0xA3, &der::sequence(&[&out])))
}

/// A certificate for `key`, signed by the issuer or by itself, and the key.
fn issue(
    cx: &mut Cx<'_>,
    subject: &Subject,
    key: &PrivateKey,
    issuer: Option<&Issuer>,
) -> Result<Value, Fault> {
    cx.meter.spend(2_000)?;
    let signer = issuer.map_or(key, |issuer| &issuer.key);
    let mut serial = [0u8; 16];
    cx.environment.fill_bytes(&mut serial);
    let now = cx.now().with_zone(crate::time::Zone::Utc);
    let day: i64 = 24 * 3600 * 1_000_000_000;
    let until = now.add(day.wrapping_mul(subject.days));
    let algorithm = signer.signature_algorithm();
    let body = der::sequence(&[
        &der::tagged(0xA0, &der::unsigned(&[2])),
        &der::unsigned(&serial),
        &algorithm,
        issuer.map_or(&subject.name, |issuer| &issuer.name),
        &der::sequence(&[&moment(&now)?, &moment(&until)?]),
        &subject.name,
        &key.public_info()?,
        &extensions(subject, key, issuer)?,
    ]);
    let signature = signer.sign(&body)?;
    let text = der::sequence(&[&body, &algorithm, &der::bits(&signature)]);
    Ok(Value::Certificate(Rc::new(Certificate {
        cert: pem::encode("CERTIFICATE", &text).into(),
        key: key.to_pem()?.into(),
    })))
}
