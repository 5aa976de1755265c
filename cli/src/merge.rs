//! Adding items to a SealedSecret in a file.

use rand::CryptoRng;
use sealed_secrets_core::{Label, PublicKey, Scope};
use sealed_secrets_crds::annotations::scope_of;
use sealed_secrets_crds::manifest::Object;
use sealed_secrets_crds::plain_secret::{PlainSecret, PlainSecretError};

use crate::error::Explain;
use crate::namespace::{NamespaceError, Namespaces};
use crate::seal::Rules;
use crate::target::{Target, TargetError};

/// A Secret to be merged, complete but for the encryption.
#[derive(Debug)]
pub struct Addition {
    secret: PlainSecret,
    label: Label,
}

/// Why nothing was merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The file can't take it.
    #[error("cannot merge")]
    Target(#[from] TargetError),
    /// A document can't be merged.
    #[error("{input}: {place}")]
    Document {
        /// Where it stands.
        input: String,
        /// Which of the objects there it is.
        place: String,
        /// Why.
        source: Box<AdditionError>,
    },
}

/// Why a document can't be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdditionError {
    /// It isn't a Secret, or not a good one.
    #[error(transparent)]
    Secret(#[from] PlainSecretError),
    /// There is nothing in it.
    #[error("the Secret has no items in data or stringData")]
    Empty,
    /// Neither it nor the target has a name.
    #[error("neither the Secret nor the target has a metadata.name")]
    NoName,
    /// Its annotations ask for another scope than the target has.
    #[error("the annotations of the Secret ask for scope {given}, but {target} has scope {wanted}")]
    Scope {
        /// The target.
        target: String,
        /// Its scope.
        wanted: Scope,
        /// The Secret's.
        given: Scope,
    },
    /// The target has no namespace, and there is none to be had.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
}

/// Checks the objects that are to be merged, and completes them with what the target says: its
/// name, namespace and scope are those to seal for.
///
/// # Errors
/// The flags contradict the target, or the first object that can't be merged.
pub fn prepare(
    target: &Target,
    objects: &[Object<'_>],
    input: &str,
    rules: &Rules,
    namespaces: &Namespaces<'_>,
) -> Result<Vec<Addition>, MergeError> {
    target.must_have(rules.scope, namespaces)?;
    objects
        .iter()
        .map(|object| {
            complete(target, object, rules, namespaces).map_err(|source| MergeError::Document {
                input: input.to_owned(),
                place: object.to_string(),
                source: Box::new(source),
            })
        })
        .collect()
}

/// Seals the additions into the target, in order: of equal items the last counts.
///
/// # Errors
/// An item can't be encrypted.
pub fn merge<R: CryptoRng + ?Sized>(
    target: &mut Target,
    additions: &[Addition],
    key: &PublicKey,
    rng: &mut R,
) -> Result<(), MergeError> {
    const METADATA: [&str; 3] = ["spec", "template", "metadata"];
    for Addition { secret, label } in additions {
        target.set(&secret.items, label, key, rng)?;
        for (field, new) in [
            ("labels", &secret.labels),
            ("annotations", &secret.annotations),
        ] {
            for (name, text) in new {
                target.put(&[&METADATA[..], &[field, name]].concat(), text.as_str());
            }
        }
    }
    Ok(())
}

fn complete(
    target: &Target,
    object: &Object<'_>,
    rules: &Rules,
    namespaces: &Namespaces<'_>,
) -> Result<Addition, AdditionError> {
    let secret = PlainSecret::from_node(object.node)?;
    if secret.items.is_empty() && !rules.allow_empty_data {
        return Err(AdditionError::Empty);
    }
    let scope = target.sealed().scope();
    let given = scope_of(Some(&secret.annotations));
    if given != Scope::Strict && given != scope {
        return Err(AdditionError::Scope {
            target: target.title(),
            wanted: scope,
            given,
        });
    }
    let name = match target.sealed().name() {
        "" => secret.name.as_deref().ok_or(AdditionError::NoName)?,
        name => name,
    };
    let namespace = match target.namespace() {
        Some(namespace) => namespace.to_owned(),
        None => namespaces
            .of_document(secret.namespace.as_deref(), scope)?
            .unwrap_or_default(),
    };
    let label = Label::new(scope, &namespace, name);
    Ok(Addition { secret, label })
}

impl Explain for MergeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Target(error) => error.hint(),
            Self::Document { source, .. } => match source.as_ref() {
                AdditionError::Empty => Some("if that is meant, add --allow-empty-data".to_owned()),
                AdditionError::Scope { .. } => Some(
                    "items of one SealedSecret all have its scope; leave the other one out"
                        .to_owned(),
                ),
                AdditionError::Namespace(error) => error.hint(),
                AdditionError::Secret(PlainSecretError::WrongKind { .. }) => {
                    Some("the input must be a Secret with the items to add".to_owned())
                }
                _ => None,
            },
        }
    }
}
