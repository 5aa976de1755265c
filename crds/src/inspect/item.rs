//! One sealed value, as far as it can be seen without a key.

use sealed_secrets_core::public_key::PublicKey;
use sealed_secrets_core::{envelope, item};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::problem::{Problem, ProblemKind};
use crate::manifest::Position;

/// Lengths of an RSA ciphertext in bytes, from 2048 bits to 8192.
const WRAPPED_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// An item of a SealedSecret or Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Its name.
    pub name: String,
    /// The line it starts at, from one.
    pub line: usize,
    /// Length of the envelope, if the text is base64.
    pub sealed_bytes: Option<usize>,
    /// Length of the value, if the envelope is whole.
    pub plaintext_bytes: Option<usize>,
    /// Size of the RSA key it was sealed for, up to whole bytes.
    pub key_bits: Option<usize>,
    /// SHA-256 of the envelope in hexadecimal: equal texts, equal digests, however they are wrapped.
    pub sha256: Option<String>,
    /// Whether it can be for the key that was asked for.
    pub fits: Option<bool>,
}

impl Item {
    /// An item of which nothing but the name is told.
    pub(super) fn named(name: &str, position: Position) -> Self {
        Self {
            name: name.to_owned(),
            line: position.line,
            sealed_bytes: None,
            plaintext_bytes: None,
            key_bits: None,
            sha256: None,
            fits: None,
        }
    }

    /// Reads the sealed `text`, and what is wrong with it.
    pub(super) fn read(
        name: &str,
        position: Position,
        text: &str,
        key: Option<&PublicKey>,
    ) -> (Self, Option<Problem>) {
        let mut found = Self::named(name, position);
        let wrong = |kind| Some(Problem { position, kind });
        let item = || name.to_owned();
        let bytes = match item::decode(text) {
            Ok(bytes) => bytes,
            Err(source) => {
                let item = item();
                return (found, wrong(ProblemKind::Base64 { item, source }));
            }
        };
        found.sealed_bytes = Some(bytes.len());
        found.sha256 = Some(hex::encode(Sha256::digest(&bytes)));
        let Ok(shape) = envelope::shape(&bytes) else {
            let kind = ProblemKind::Truncated {
                item: item(),
                bytes: bytes.len(),
            };
            return (found, wrong(kind));
        };
        found.plaintext_bytes = Some(shape.plaintext_len);
        found.key_bits = Some(shape.wrapped.len() * 8);
        found.fits = key.map(|key| key.admits(shape.wrapped));
        let problem = (!WRAPPED_BYTES.contains(&shape.wrapped.len())).then(|| Problem {
            position,
            kind: ProblemKind::KeySize {
                item: item(),
                bits: shape.wrapped.len() * 8,
            },
        });
        (found, problem)
    }
}
