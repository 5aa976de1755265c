//! The `SealedSecret` API of `bitnami.com/v1alpha1` and everything that is pure about it.
//!
//! - [`sealed_secret`]: the resource as the API server stores it, and its CRD;
//! - [`annotations`]: the annotations that carry meaning, and the scope they spell;
//! - [`manifest`]: JSON and YAML documents read the way Kubernetes tools read them, and written;
//! - [`plain_secret`]: a `Secret` manifest as the user wrote it, checked;
//! - [`mod@unquoted`]: values of a Secret that YAML changes for want of quotes;
//! - [`seal`]: plain Secret to SealedSecret;
//! - [`inspect`]: what a sealed file shows without a key, and what is wrong with it;
//! - [`rotate`]: what the HTTP endpoints do with a SealedSecret;
//! - [`desired`]: SealedSecret and keyring to the Secret that should exist. The controller, the
//!   standalone mode and recovery all unseal through this one function.
//!
//! Nothing here talks to a cluster, reads a clock or touches a file.
//!
//! # Sealing, and adding an item to a file
//!
//! ```
//! use sealed_secrets_core::{CertificateTemplate, KeyPair, KeySize};
//! use sealed_secrets_crds::manifest::{self, Edit};
//! use sealed_secrets_crds::plain_secret::PlainSecret;
//! use sealed_secrets_crds::{SealedSecret, annotations, seal};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let template = CertificateTemplate {
//! #     common_name: String::new(),
//! #     not_before: jiff::Timestamp::UNIX_EPOCH,
//! #     valid_for: jiff::SignedDuration::from_hours(1),
//! # };
//! # let pair = KeyPair::generate(&mut rand::rng(), KeySize::MIN, &template)?;
//! // From a certificate, usually: `Certificate::from_pem(..)?.public_key()`.
//! let key = pair.public_key();
//! let input = b"kind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {password: x}\n";
//! for document in manifest::read(input)? {
//!     let secret = PlainSecret::from_node(&document.node)?;
//!     let scope = annotations::scope_of(Some(&secret.annotations));
//!     let sealed = seal::seal_secret(&mut rand::rng(), key, &secret, scope)?;
//!     let mut text = manifest::to_yaml_document(&sealed)?;
//!
//!     // Later, in that text: one more item, and nothing else changes.
//!     let old = manifest::read(text.as_bytes())?;
//!     let old: SealedSecret = manifest::from_node(&old[0].node)?;
//!     let item = seal::seal_item(&mut rand::rng(), key, &old.label(), b"admin")?;
//!     let path = ["spec", "encryptedData", "user"];
//!     text = manifest::edit(&text, &[Edit::set(1, path, item)])?.text;
//!     assert!(text.contains("    user: "));
//! }
//! # Ok(())
//! # }
//! ```

pub mod annotations;
pub mod desired;
pub mod inspect;
pub mod manifest;
pub mod plain_secret;
pub mod rotate;
pub mod seal;
pub mod sealed_secret;
pub mod unquoted;

pub use sealed_secret::{SealedSecret, SealedSecretSpec, SealedSecretStatus};
