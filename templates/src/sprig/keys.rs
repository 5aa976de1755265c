//! Private keys: generated, read from PEM and written to it.

use dsa::{Components, KeySize};
use p256::elliptic_curve::sec1::ToSec1Point;
use rand::Rng;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::DecodePrivateKey;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha2::{Digest, Sha256};

use crate::exec::Cx;
use crate::fault::{Fault, fail};
use crate::go::{der, pem};

/// What an RSA-2048 key and its like cost, for the limit on keys.
const RSA_2048: u32 = 1;
const RSA_4096: u32 = 4;
const DSA: u32 = 2;

const RSA_ALGORITHM: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
const RSA_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B];
const EC_ALGORITHM: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const ECDSA_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
const ED25519: &[u8] = &[0x2B, 0x65, 0x70];
const NULL: &[u8] = &[5, 0];

/// A private key that can sign a certificate, or one of DSA, which can't.
pub(super) enum PrivateKey {
    Rsa(Box<RsaPrivateKey>),
    Ec(Box<p256::SecretKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Dsa,
}

/// `genPrivateKey`: the PEM of a new key.
pub(super) fn generate_pem(cx: &mut Cx<'_>, kind: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    Ok(Some(match kind {
        b"" | b"rsa" => {
            cx.meter.generate(RSA_4096)?;
            PrivateKey::Rsa(Box::new(rsa(cx, 4096)?)).to_pem()?
        }
        b"ecdsa" => {
            cx.meter.spend(10_000)?;
            PrivateKey::Ec(Box::new(ec(cx)?)).to_pem()?
        }
        b"ed25519" => {
            cx.meter.spend(10_000)?;
            let mut secret = zeroize::Zeroizing::new([0u8; 32]);
            cx.environment.fill_bytes(&mut *secret);
            let key = ed25519_dalek::SigningKey::from_bytes(&secret);
            PrivateKey::Ed25519(Box::new(key)).to_pem()?
        }
        b"dsa" => dsa_pem(cx)?,
        _ => return Ok(None),
    }))
}

fn rsa(cx: &mut Cx<'_>, bits: usize) -> Result<RsaPrivateKey, Fault> {
    RsaPrivateKey::new(cx.environment, bits).map_err(|_| Fault::new("no key could be generated"))
}

fn ec(cx: &mut Cx<'_>) -> Result<p256::SecretKey, Fault> {
    // A random string is a key unless it is zero or beyond the order: almost always at once.
    for _ in 0..64 {
        let mut secret = zeroize::Zeroizing::new([0u8; 32]);
        cx.environment.fill_bytes(&mut *secret);
        if let Ok(key) = p256::SecretKey::from_slice(&*secret) {
            return Ok(key);
        }
    }
    fail("no key could be generated")
}

fn dsa_pem(cx: &mut Cx<'_>) -> Result<Vec<u8>, Fault> {
    cx.meter.generate(DSA)?;
    let wrong = |_| Fault::new("no key could be generated");
    let components =
        Components::try_generate_from_rng_with_key_size(cx.environment, KeySize::DSA_2048_256)
            .map_err(wrong)?;
    let key = dsa::SigningKey::try_generate_from_rng_with_components(cx.environment, components)
        .map_err(wrong)?;
    let public = key.verifying_key();
    let parts = public.components();
    let integer = |n: &[u8]| der::unsigned(n);
    let text = der::sequence(&[
        &integer(&[0]),
        &integer(&parts.p().to_be_bytes()),
        &integer(&parts.q().to_be_bytes()),
        &integer(&parts.g().to_be_bytes()),
        &integer(&public.y().to_be_bytes()),
        &integer(&key.x().to_be_bytes()),
    ]);
    Ok(pem::encode("DSA PRIVATE KEY", &text))
}

impl PrivateKey {
    /// The key certificates get where none is given.
    pub(super) fn generate(cx: &mut Cx<'_>) -> Result<Self, Fault> {
        cx.meter.generate(RSA_2048)?;
        Ok(Self::Rsa(Box::new(rsa(cx, 2048)?)))
    }

    /// `parsePrivateKeyPEM`.
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, Fault> {
        let Some((label, data)) = pem::decode(text) else {
            return fail("no PEM data in input");
        };
        let data = zeroize::Zeroizing::new(data);
        match label.as_slice() {
            b"PRIVATE KEY" => {
                if let Ok(key) = RsaPrivateKey::from_pkcs8_der(&data) {
                    return Ok(Self::Rsa(Box::new(key)));
                }
                if let Ok(key) = p256::SecretKey::from_pkcs8_der(&data) {
                    return Ok(Self::Ec(Box::new(key)));
                }
                match ed25519_dalek::SigningKey::from_pkcs8_der(&data) {
                    Ok(key) => Ok(Self::Ed25519(Box::new(key))),
                    Err(_) => fail("decoding PEM as PKCS#8"),
                }
            }
            b"RSA PRIVATE KEY" => match RsaPrivateKey::from_pkcs1_der(&data) {
                Ok(key) => Ok(Self::Rsa(Box::new(key))),
                Err(_) => fail("parsing RSA private key from PEM"),
            },
            b"EC PRIVATE KEY" => match p256::SecretKey::from_sec1_der(&data) {
                Ok(key) => Ok(Self::Ec(Box::new(key))),
                Err(_) => fail("parsing EC private key from PEM"),
            },
            b"DSA PRIVATE KEY" => match der::integers(&data) {
                Some(parts) if parts.len() == 6 => Ok(Self::Dsa),
                _ => fail("parsing DSA private key from PEM"),
            },
            label if label.ends_with(b" PRIVATE KEY") => fail("invalid private key type"),
            _ => fail("no private key data in PEM block"),
        }
    }

    /// The key in the form sprig writes its type.
    pub(super) fn to_pem(&self) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Rsa(key) => match key.to_pkcs1_der() {
                Ok(text) => Ok(pem::encode("RSA PRIVATE KEY", text.as_bytes())),
                Err(_) => fail("the key can't be encoded"),
            },
            Self::Ec(key) => {
                let secret = zeroize::Zeroizing::new(<[u8; 32]>::from(key.to_bytes()));
                let text = zeroize::Zeroizing::new(der::sequence(&[
                    &der::unsigned(&[1]),
                    &der::tagged(der::OCTET_STRING, &*secret),
                    &der::tagged(0xA0, &der::tagged(der::OID, P256)),
                    &der::tagged(0xA1, &der::bits(&self.public_bytes()?)),
                ]));
                Ok(pem::encode("EC PRIVATE KEY", &text))
            }
            Self::Ed25519(key) => {
                let text = zeroize::Zeroizing::new(der::sequence(&[
                    &der::unsigned(&[0]),
                    &der::sequence(&[&der::tagged(der::OID, ED25519)]),
                    &der::tagged(
                        der::OCTET_STRING,
                        &der::tagged(der::OCTET_STRING, key.as_bytes()),
                    ),
                ]));
                Ok(pem::encode("PRIVATE KEY", &text))
            }
            Self::Dsa => fail("a DSA key can't be used for a certificate"),
        }
    }

    /// The bits of the public key.
    pub(super) fn public_bytes(&self) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Rsa(key) => match key.to_public_key().to_pkcs1_der() {
                Ok(text) => Ok(text.as_bytes().to_vec()),
                Err(_) => fail("the key can't be encoded"),
            },
            Self::Ec(key) => Ok(key.public_key().to_sec1_point(false).as_bytes().to_vec()),
            Self::Ed25519(key) => Ok(key.verifying_key().to_bytes().to_vec()),
            Self::Dsa => fail("a DSA key can't be used for a certificate"),
        }
    }

    /// `SubjectPublicKeyInfo`.
    pub(super) fn public_info(&self) -> Result<Vec<u8>, Fault> {
        let oid = |id: &[u8]| der::tagged(der::OID, id);
        let algorithm = match self {
            Self::Rsa(_) => der::sequence(&[&oid(RSA_ALGORITHM), NULL]),
            Self::Ec(_) => der::sequence(&[&oid(EC_ALGORITHM), &oid(P256)]),
            _ => der::sequence(&[&oid(ED25519)]),
        };
        Ok(der::sequence(&[
            &algorithm,
            &der::bits(&self.public_bytes()?),
        ]))
    }

    /// The algorithm this key signs with.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        let oid = |id: &[u8]| der::tagged(der::OID, id);
        match self {
            Self::Rsa(_) => der::sequence(&[&oid(RSA_SHA256), NULL]),
            Self::Ec(_) => der::sequence(&[&oid(ECDSA_SHA256)]),
            _ => der::sequence(&[&oid(ED25519)]),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Rsa(key) => key
                .sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message))
                .map_err(|_| Fault::new("the key can't sign")),
            Self::Ec(key) => {
                use p256::ecdsa::signature::Signer;
                let signer = p256::ecdsa::SigningKey::from(&**key);
                let signature: p256::ecdsa::DerSignature = signer.sign(message);
                Ok(signature.as_bytes().to_vec())
            }
            Self::Ed25519(key) => {
                use ed25519_dalek::ed25519::signature::Signer;
                Ok(key.sign(message).to_bytes().to_vec())
            }
            Self::Dsa => fail("a DSA key can't be used for a certificate"),
        }
    }
}
