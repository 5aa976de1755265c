//! Putting things into a cluster the way its administrator and its nodes would.

mod identity;
mod manifests;
mod service;

pub use identity::{Identity, IdentityError};
pub use manifests::{ManifestError, apply, apply_text};
pub use service::{ServiceError, route};
