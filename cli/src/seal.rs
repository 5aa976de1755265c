//! Secrets to SealedSecrets.

use std::panic::resume_unwind;
use std::thread;

use rand::CryptoRng;
use sealed_secrets_core::{PublicKey, Scope};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::{
    CLUSTER_WIDE, NAMESPACE_WIDE, is_true, scope_of, set_scope,
};
use sealed_secrets_crds::inspect::{MAX_REQUEST_BYTES, MAX_SECRET_BYTES};
use sealed_secrets_crds::manifest::Object;
use sealed_secrets_crds::plain_secret::{PlainSecret, PlainSecretError};
use sealed_secrets_crds::seal::{SealSecretError, seal_secret};
use sealed_secrets_crds::unquoted::unquoted;

use crate::error::Explain;
use crate::namespace::{NamespaceError, Namespaces};

/// Secrets that are not worth a thread.
const FEW: usize = 16;

/// Values that are worth getting ready for: [`PublicKey::prepare_for_many`].
const MANY: usize = 500;

/// What the flags say about sealing.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Instead of each document's name.
    pub name: Option<String>,
    /// Instead of what each document's annotations say.
    pub scope: Option<Scope>,
    /// Whether a Secret without items is fine.
    pub allow_empty_data: bool,
}

/// A document that can't be sealed.
#[derive(Debug, thiserror::Error)]
#[error("{input}: {place}")]
pub struct SealError {
    /// Where it stands.
    pub input: String,
    /// Which of the objects there it is.
    pub place: String,
    /// Why.
    #[source]
    pub problem: Box<SealProblem>,
}

/// Why a document can't be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealProblem {
    /// It isn't a Secret, or not a good one.
    #[error(transparent)]
    Secret(#[from] PlainSecretError),
    /// There is nothing in it to seal.
    #[error("the Secret {} has no items in data or stringData", name_or_none(name))]
    Empty {
        /// Its name.
        name: Option<String>,
    },
    /// It has no name.
    #[error("the Secret has no metadata.name")]
    NoName,
    /// It has no namespace, or two.
    #[error("Secret {name}")]
    Namespace {
        /// Its name.
        name: String,
        /// What is wrong.
        source: NamespaceError,
    },
    /// The API server would refuse it.
    #[error(
        "the values of Secret {name} have {bytes} bytes, the API server takes {MAX_SECRET_BYTES}"
    )]
    TooLarge {
        /// Its name.
        name: String,
        /// All values together.
        bytes: usize,
    },
    /// The store behind the API server would refuse the result.
    #[error("the SealedSecret {name} has {bytes} bytes, etcd takes {MAX_REQUEST_BYTES}")]
    SealedTooLarge {
        /// Its name.
        name: String,
        /// The SealedSecret as JSON.
        bytes: usize,
    },
    /// Encryption fails.
    #[error("Secret {name}")]
    Encrypt {
        /// Its name.
        name: String,
        /// Why.
        source: SealSecretError,
    },
}

/// A Secret that lacks nothing but the encryption.
#[derive(Clone, Debug)]
pub struct Ready {
    place: String,
    secret: PlainSecret,
    scope: Scope,
    two_scopes: bool,
}

/// What is odd about Secrets that can be sealed all the same.
pub fn warnings(ready: &[Ready], input: &str) -> Vec<String> {
    let odd = ready.iter().filter(|ready| ready.two_scopes);
    odd.map(|Ready { place, secret, .. }| {
        let name = name_or_none(&secret.name);
        format!(
            "{input}: {place}: Secret {name} has both scope annotations; it is sealed for {}",
            Scope::ClusterWide
        )
    })
    .collect()
}

/// Values that YAML changed for want of quotes, with file, line and column.
pub fn unquoted_values(objects: &[Object<'_>], input: &str) -> Vec<String> {
    let found = objects.iter().flat_map(|object| unquoted(object.node));
    found
        .map(|one| {
            format!(
                "{input}:{}:{}: {one}",
                one.position.line, one.position.column
            )
        })
        .collect()
}

/// Everything about sealing but the encryption. Nothing is contacted, so that bad input is found
/// before a certificate is fetched.
///
/// # Errors
/// The first document that can't be sealed.
pub fn prepare(
    objects: &[Object<'_>],
    input: &str,
    rules: &Rules,
    namespaces: &Namespaces<'_>,
) -> Result<Vec<Ready>, SealError> {
    objects
        .iter()
        .map(|object| {
            complete(object, rules, namespaces).map_err(|problem| SealError {
                input: input.to_owned(),
                place: object.to_string(),
                problem: Box::new(problem),
            })
        })
        .collect()
}

/// Seals every Secret, in order, on as many threads as there are cores. Each thread takes a generator
/// of its own from `rng`.
///
/// # Errors
/// The first one that can't be encrypted.
pub fn seal<R: CryptoRng>(
    ready: &[Ready],
    input: &str,
    key: &PublicKey,
    rng: impl Fn() -> R + Sync,
) -> Result<Vec<SealedSecret>, SealError> {
    let part = |part: &[Ready]| {
        let mut rng = rng();
        let sealed = part.iter().map(|one| {
            seal_one(one, key, &mut rng).map_err(|problem| SealError {
                input: input.to_owned(),
                place: one.place.clone(),
                problem: Box::new(problem),
            })
        });
        sealed.collect::<Result<Vec<_>, _>>()
    };
    let values: usize = ready.iter().map(|one| one.secret.items.len()).sum();
    if values >= MANY {
        key.prepare_for_many();
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let each = ready.len().div_ceil(threads).max(FEW);
    if ready.len() <= each {
        return part(ready);
    }
    thread::scope(|scope| {
        let parts: Vec<_> = ready
            .chunks(each)
            .map(|chunk| scope.spawn(|| part(chunk)))
            .collect();
        let mut sealed = Vec::with_capacity(ready.len());
        for part in parts {
            sealed.extend(part.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(sealed)
    })
}

fn seal_one<R: CryptoRng>(
    ready: &Ready,
    key: &PublicKey,
    rng: &mut R,
) -> Result<SealedSecret, SealProblem> {
    let name = || ready.secret.name.clone().unwrap_or_default();
    let sealed = seal_secret(rng, key, &ready.secret, ready.scope).map_err(|source| {
        SealProblem::Encrypt {
            name: name(),
            source,
        }
    })?;
    let bytes = size(&sealed);
    if bytes > MAX_REQUEST_BYTES {
        return Err(SealProblem::SealedTooLarge {
            name: name(),
            bytes,
        });
    }
    Ok(sealed)
}

fn complete(
    object: &Object<'_>,
    rules: &Rules,
    namespaces: &Namespaces<'_>,
) -> Result<Ready, SealProblem> {
    let mut secret = PlainSecret::from_node(object.node)?;
    if secret.items.is_empty() && !rules.allow_empty_data {
        return Err(SealProblem::Empty { name: secret.name });
    }
    secret.name = rules.name.clone().or(secret.name);
    let Some(name) = secret.name.clone() else {
        return Err(SealProblem::NoName);
    };
    let bytes: usize = secret.items.values().map(|value| value.len()).sum();
    if bytes > MAX_SECRET_BYTES {
        return Err(SealProblem::TooLarge { name, bytes });
    }
    let own = Some(&secret.annotations);
    let two_scopes =
        rules.scope.is_none() && is_true(own, CLUSTER_WIDE) && is_true(own, NAMESPACE_WIDE);
    if let Some(scope) = rules.scope {
        set_scope(&mut secret.annotations, scope);
    }
    let scope = scope_of(Some(&secret.annotations));
    secret.namespace = namespaces
        .of_document(secret.namespace.as_deref(), scope)
        .map_err(|source| SealProblem::Namespace { name, source })?;
    Ok(Ready {
        place: object.to_string(),
        secret,
        scope,
        two_scopes,
    })
}

/// The length of the object as JSON; of a small one only that of its items, which is quicker.
fn size(sealed: &SealedSecret) -> usize {
    let items = sealed.spec.encrypted_data.values();
    let items = items.filter_map(|item| item.as_str()).map(str::len).sum();
    if items < MAX_REQUEST_BYTES / 2 {
        return items;
    }
    serde_json::to_vec(sealed).map_or(items, |json| json.len())
}

fn name_or_none(name: &Option<String>) -> &str {
    name.as_deref().unwrap_or("(without a name)")
}

impl Explain for SealError {
    fn hint(&self) -> Option<String> {
        match self.problem.as_ref() {
            SealProblem::Secret(PlainSecretError::WrongKind { kind, .. }) => {
                Some(match kind.as_str() {
                    kind if kind.starts_with("SealedSecret") => {
                        "it is sealed already; --re-encrypt seals it again with the newest key"
                            .to_owned()
                    }
                    _ => "only Secrets can be sealed".to_owned(),
                })
            }
            SealProblem::Empty { .. } => {
                Some("if that is meant, add --allow-empty-data".to_owned())
            }
            SealProblem::NoName => Some("add it, or give --name".to_owned()),
            SealProblem::TooLarge { .. } | SealProblem::SealedTooLarge { .. } => {
                Some("split it into several Secrets, or keep large files elsewhere".to_owned())
            }
            SealProblem::Namespace { source, .. } => source.hint(),
            _ => None,
        }
    }
}
