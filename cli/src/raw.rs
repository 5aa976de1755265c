//! A single value, sealed by itself.

use std::ffi::{OsStr, OsString};

use rand::CryptoRng;
use sealed_secrets_core::{Label, PublicKey, Scope, SealError};
use sealed_secrets_crds::seal::seal_item;

use crate::args::Options;
use crate::env::Environment;
use crate::error::Explain;
use crate::input::Source;
use crate::kubeconfig::{self, KubeconfigError};
use crate::namespace::{NamespaceError, Namespaces};

/// Why a value can't be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RawError {
    /// Strict scope binds to a name.
    #[error("--raw in strict scope needs --name")]
    NoName,
    /// The scope binds to a namespace.
    #[error("--raw in {0} scope needs --namespace")]
    NoNamespace(Scope, #[source] NamespaceError),
    /// `--kubeconfig` is given and broken.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// Encryption fails.
    #[error("cannot seal the value")]
    Encrypt(#[from] SealError),
}

/// Where the value comes from: the one `--from-file`, else `-f`, else standard input.
pub fn source(options: &Options) -> Source {
    match options.from_file.first() {
        Some(argument) => Source::File(path_of(argument).into()),
        None => Source::of(&options.secret_file),
    }
}

/// The label to seal under, from the flags alone.
///
/// # Errors
/// A name or namespace that the scope needs is missing.
pub fn label(
    options: &Options,
    environment: &Environment,
    namespaces: &Namespaces<'_>,
) -> Result<Label, RawError> {
    let scope = options.scope.unwrap_or_default();
    if scope == Scope::ClusterWide {
        return Ok(Label::new(scope, "", ""));
    }
    // The reference insists, even where -n makes it of no use.
    if !options.connection.kubeconfig.is_empty() {
        kubeconfig::load(&options.connection, environment)?;
    }
    let namespace = namespaces
        .of_document(None, scope)
        .map_err(|error| RawError::NoNamespace(scope, error))?
        .unwrap_or_default();
    if options.name.is_empty() && scope == Scope::Strict {
        return Err(RawError::NoName);
    }
    Ok(Label::new(scope, &namespace, &options.name))
}

/// The sealed value, in base64 and without a newline.
///
/// # Errors
/// Encryption fails.
pub fn seal<R: CryptoRng + ?Sized>(
    value: &[u8],
    label: &Label,
    key: &PublicKey,
    rng: &mut R,
) -> Result<String, RawError> {
    Ok(seal_item(rng, key, label, value)?)
}

/// The file in `[key=]path`; the key has no use here.
fn path_of(argument: &OsStr) -> OsString {
    let Some(text) = argument.to_str() else {
        return argument.to_owned();
    };
    match text.split_once('=') {
        Some((_, path)) => path.into(),
        None => text.into(),
    }
}

impl Explain for RawError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoName => {
                Some("the name is part of the encryption, and can't be changed later".to_owned())
            }
            Self::NoNamespace(..) => Some("give --namespace".to_owned()),
            Self::Kubeconfig(error) => error.hint(),
            Self::Encrypt(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_in_front_of_a_file_name_is_dropped() {
        for (argument, path) in [
            ("x", "x"),
            ("k=x", "x"),
            ("k=a=b", "a=b"),
            ("=x", "x"),
            ("-", "-"),
        ] {
            assert_eq!(path_of(argument.as_ref()), path, "{argument}");
        }
    }
}
