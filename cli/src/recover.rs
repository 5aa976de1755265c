//! Unsealing with private keys at hand, when the cluster is gone.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rand::CryptoRng;
use sealed_secrets_core::{
    Certificate, CertificateError, CertificateTemplate, Hint, KeyEntry, KeyError, KeyOrder,
    KeyPair, KeyPairError, Keyring, PrivateKey,
};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::desired::{DesiredError, Options, desired_secret};
use sealed_secrets_crds::manifest::{self, ReadError};
use sealed_secrets_crds::plain_secret::{PlainSecret, PlainSecretError};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::Explain;
use crate::output::{Format, OutputError};
use crate::sealed_input::title;

/// Where a key Secret holds its private key.
const KEY_ITEM: &str = "tls.key";

/// Why nothing was recovered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// No key is named.
    #[error("--recovery-unseal needs --recovery-private-key")]
    NoKeys,
    /// A key file can't be read.
    #[error("cannot read private key {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key file holds no key.
    #[error("{path} is neither a private key in PEM nor a Secret with one")]
    NoKeyInFile {
        /// The file.
        path: PathBuf,
    },
    /// A key file is neither PEM nor a manifest.
    #[error("{path} is neither a private key in PEM nor a readable manifest")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it as a manifest.
        source: ReadError,
    },
    /// A document in a key file isn't a Secret.
    #[error("{path}")]
    Secret {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PlainSecretError,
    },
    /// A Secret in a key file holds no private key.
    #[error("{path}: Secret {name} has no item {KEY_ITEM}")]
    NoKeyInSecret {
        /// The file.
        path: PathBuf,
        /// The Secret.
        name: String,
    },
    /// A private key can't be used.
    #[error("cannot use the private key in {path}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// A private key can't be put on the keyring.
    #[error("cannot use the private key in {path}")]
    Pair {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyPairError,
    },
    /// A SealedSecret can't be unsealed.
    #[error("cannot unseal {sealed}")]
    Unseal {
        /// Its name.
        sealed: String,
        /// Why.
        source: DesiredError,
    },
    /// The Secret has no text form.
    #[error(transparent)]
    Encode(#[from] OutputError),
}

/// The keys in `files`: PEM files, Secrets of the controller, or Lists of them.
///
/// # Errors
/// The first file of which not every key can be used.
pub fn keyring<R: CryptoRng + ?Sized>(
    files: &[OsString],
    rng: &mut R,
) -> Result<Keyring, RecoverError> {
    let mut keyring = Keyring::new(KeyOrder::default());
    for file in files {
        for key in keys_in(file)? {
            let pair = pair(key, rng).map_err(|source| RecoverError::Pair {
                path: file.into(),
                source,
            })?;
            let name = file.to_string_lossy().into_owned();
            keyring.insert(KeyEntry {
                name,
                created_at: Timestamp::UNIX_EPOCH,
                pair,
            });
        }
    }
    if keyring.is_empty() {
        return Err(RecoverError::NoKeys);
    }
    Ok(keyring)
}

/// The Secret that `sealed` describes, as text in the clear.
///
/// # Errors
/// Any item can't be unsealed, or the deprecated `spec.data` is used.
pub fn unseal(
    sealed: &SealedSecret,
    keyring: &Keyring,
    format: Format,
) -> Result<Zeroizing<String>, RecoverError> {
    let options = Options {
        accept_deprecated_v1_data: false,
    };
    let desired = desired_secret(sealed, keyring, &Hint::default(), options).map_err(|source| {
        RecoverError::Unseal {
            sealed: title(sealed),
            source,
        }
    })?;
    let mut secret = desired.to_secret(sealed);
    let text = format.encode(&secret);
    secret
        .data
        .iter_mut()
        .flat_map(|data| data.values_mut())
        .for_each(|value| value.0.zeroize());
    Ok(text?)
}

fn keys_in(file: &OsStr) -> Result<Vec<PrivateKey>, RecoverError> {
    let path = || PathBuf::from(file);
    let content = std::fs::read(file)
        .map(Zeroizing::new)
        .map_err(|source| RecoverError::Read {
            path: path(),
            source,
        })?;
    match PrivateKey::from_pem(&content) {
        Ok(key) => return Ok(vec![key]),
        Err(KeyError::Missing) => {}
        Err(source) => {
            return Err(RecoverError::Key {
                path: path(),
                source,
            });
        }
    }
    let documents = manifest::read(&content).map_err(|source| RecoverError::Manifest {
        path: path(),
        source,
    })?;
    let secrets = manifest::objects(&documents);
    if secrets.is_empty() || secrets.iter().any(|secret| secret.node.fields().is_none()) {
        return Err(RecoverError::NoKeyInFile { path: path() });
    }
    secrets
        .into_iter()
        .map(|object| {
            let secret =
                PlainSecret::from_node(object.node).map_err(|source| RecoverError::Secret {
                    path: path(),
                    source,
                })?;
            let Some(pem) = secret.items.get(KEY_ITEM) else {
                let name = secret.name.unwrap_or_else(|| "(without a name)".to_owned());
                return Err(RecoverError::NoKeyInSecret { path: path(), name });
            };
            PrivateKey::from_pem(pem).map_err(|source| RecoverError::Key {
                path: path(),
                source,
            })
        })
        .collect()
}

/// A keyring holds keys with their certificates, which a bare private key has none of; to unseal,
/// any will do.
fn pair<R: CryptoRng + ?Sized>(key: PrivateKey, rng: &mut R) -> Result<KeyPair, KeyPairError> {
    let template = CertificateTemplate {
        common_name: String::new(),
        not_before: Timestamp::UNIX_EPOCH,
        valid_for: SignedDuration::from_hours(1),
    };
    let certificate: Result<_, CertificateError> = Certificate::self_signed(rng, &key, &template);
    KeyPair::new(key, certificate?)
}

impl Explain for RecoverError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoKeys => Some(
                "kubectl get secrets -n kube-system -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml \
                 makes a backup of the keys that this flag takes"
                    .to_owned(),
            ),
            Self::Unseal { source, .. } if source.may_need_another_key() => Some(
                "give the key that was active when it was sealed; name, namespace and scope annotations must be \
                 as they were then"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
