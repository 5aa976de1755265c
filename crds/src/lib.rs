//! The `SealedSecret` API of `bitnami.com/v1alpha1` and everything that is pure about it.
//!
//! - [`sealed_secret`]: the resource as the API server stores it, and its CRD;
//! - [`annotations`]: the annotations that carry meaning, and the scope they spell;
//! - [`manifest`]: JSON and YAML documents read the way Kubernetes tools read them, and written;
//! - [`plain_secret`]: a `Secret` manifest as the user wrote it, checked;
//! - [`seal`]: plain Secret to SealedSecret;
//! - [`inspect`]: what a sealed file shows without a key, and what is wrong with it;
//! - [`rotate`]: what the HTTP endpoints do with a SealedSecret;
//! - [`desired`]: SealedSecret and keyring to the Secret that should exist. The controller, the
//!   standalone mode and recovery all unseal through this one function.
//!
//! Nothing here talks to a cluster, reads a clock or touches a file.

pub mod annotations;
pub mod desired;
pub mod inspect;
pub mod manifest;
pub mod plain_secret;
pub mod rotate;
pub mod seal;
pub mod sealed_secret;

pub use sealed_secret::{SealedSecret, SealedSecretSpec, SealedSecretStatus};
