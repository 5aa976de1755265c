//! The cryptography and key policy of Sealed Secrets, and nothing else: envelopes, scopes and labels,
//! keys, certificates, and the choice of a key.
//!
//! This crate is pure. It knows no Kubernetes, network, file or clock: randomness and the present time
//! are arguments, so every function can be tested at any moment in time. (The one exception: without
//! the `aws-lc` feature, the blinding of a decryption draws on the operating system's generator.)
//!
//! | Module | Holds |
//! |---|---|
//! | [`scope`], [`label`] | who may open an item, and how that is bound into the ciphertext |
//! | [`fingerprint`], [`public_key`], [`private_key`], [`certificate`], [`key_pair`] | RSA keys and their encodings |
//! | [`envelope`], [`item`] | one sealed value as bytes, and as text in `spec.encryptedData` |
//! | [`keyring`] | the keys of one cluster, and which of them to try first |

mod backend;
pub mod certificate;
pub mod envelope;
pub mod fingerprint;
pub mod item;
pub mod key_pair;
pub mod keyring;
pub mod label;
mod pem;
pub mod private_key;
pub mod public_key;
pub mod scope;

pub use certificate::{Certificate, CertificateError, CertificateTemplate};
pub use envelope::{SealError, UnsealError, seal, unseal};
pub use fingerprint::{Fingerprint, KeyId};
pub use item::Base64Error;
pub use key_pair::{KeyPair, KeyPairError};
pub use keyring::{Hint, KeyEntry, KeyOrder, Keyring, Operations, Unsealed};
pub use label::Label;
pub use private_key::{KeyError, KeySize, PrivateKey};
pub use public_key::{PublicKey, PublicKeyError};
pub use scope::Scope;
