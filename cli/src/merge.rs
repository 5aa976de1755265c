//! Adding items to a SealedSecret in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use sealed_secrets_core::{Label, PublicKey, Scope};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::scope_of;
use sealed_secrets_crds::manifest::Document;
use sealed_secrets_crds::plain_secret::{PlainSecret, PlainSecretError};
use sealed_secrets_crds::seal::{seal_item, update_mark};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::args::Options;
use crate::error::Explain;
use crate::input::{InputError, Source};
use crate::namespace::{NamespaceError, Namespaces};
use crate::output::{self, Format};
use crate::seal::Rules;
use crate::sealed_input::{self, SealedInputError, title};

/// A file with one SealedSecret, to be extended.
#[derive(Debug)]
pub struct Target {
    /// The file itself, at the end of all symbolic links.
    path: PathBuf,
    metadata: fs::Metadata,
    sealed: SealedSecret,
}

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
    /// The file isn't there, or can't be read.
    #[error("cannot merge into {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file can't be read as documents, or is empty.
    #[error("cannot merge")]
    Input(#[from] InputError),
    /// The file holds something else.
    #[error("cannot merge")]
    Sealed(#[from] SealedInputError),
    /// The file holds several objects.
    #[error("cannot merge into {path}: it holds {count} documents, expected one SealedSecret")]
    SeveralTargets {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// The target is of the deprecated form, where all items are one.
    #[error("cannot merge into {path}: it has the deprecated spec.data")]
    Deprecated {
        /// The file.
        path: PathBuf,
    },
    /// The flag asks for another scope than the target has.
    #[error("{target} has scope {wanted}, but --scope {given} was given")]
    ScopeFlag {
        /// The target.
        target: String,
        /// Its scope.
        wanted: Scope,
        /// The flag's.
        given: Scope,
    },
    /// The flag names another SealedSecret.
    #[error("{target} is what the file holds, but --name {given} was given")]
    Name {
        /// The target.
        target: String,
        /// The flag's name.
        given: String,
    },
    /// The flag names another namespace than the target's.
    #[error("cannot merge into {target}")]
    Namespace {
        /// The target.
        target: String,
        /// Why.
        source: NamespaceError,
    },
    /// A document can't be merged.
    #[error("{input}: document {number}")]
    Document {
        /// Where it stands.
        input: String,
        /// Its number there.
        number: usize,
        /// Why.
        source: Box<AdditionError>,
    },
    /// There is no such item to remove.
    #[error("{target} has no item {item}")]
    NoItem {
        /// The target.
        target: String,
        /// The item.
        item: String,
    },
    /// An item can't be encrypted.
    #[error("cannot seal item {item}")]
    Encrypt {
        /// The item.
        item: String,
        /// Why.
        source: sealed_secrets_core::SealError,
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

impl Target {
    /// Reads the file.
    ///
    /// # Errors
    /// It doesn't hold exactly one SealedSecret.
    pub fn open(path: &Path) -> Result<Self, MergeError> {
        let failed = |source| MergeError::File {
            path: path.to_owned(),
            source,
        };
        let real = path.canonicalize().map_err(failed)?;
        let metadata = fs::metadata(&real).map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::other("not a regular file")));
        }
        let source = Source::File(path.to_owned());
        let documents = source.documents(&source.read("a SealedSecret")?, "SealedSecret")?;
        if documents.len() > 1 {
            return Err(MergeError::SeveralTargets {
                path: path.to_owned(),
                count: documents.len(),
            });
        }
        let sealed = sealed_input::read(&documents, &source.to_string())?
            .pop()
            .expect("there is one document");
        if sealed
            .spec
            .data
            .as_deref()
            .is_some_and(|data| !data.is_empty())
        {
            return Err(MergeError::Deprecated {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: real,
            metadata,
            sealed,
        })
    }

    /// Checks the documents that are to be merged, and completes them with what the target says:
    /// its name, namespace and scope are those to seal for.
    ///
    /// # Errors
    /// The flags contradict the target, or the first document that can't be merged.
    pub fn prepare(
        &self,
        documents: &[Document],
        input: &str,
        rules: &Rules,
        namespaces: &Namespaces<'_>,
    ) -> Result<Vec<Addition>, MergeError> {
        self.same_scope(rules.scope)?;
        self.same_namespace(namespaces)?;
        documents
            .iter()
            .map(|document| {
                self.complete(document, rules, namespaces)
                    .map_err(|source| MergeError::Document {
                        input: input.to_owned(),
                        number: document.number,
                        source: Box::new(source),
                    })
            })
            .collect()
    }

    /// Checks that the flags name nothing else than what the target is.
    ///
    /// # Errors
    /// Name, namespace or scope contradict it.
    pub fn must_agree(
        &self,
        options: &Options,
        namespaces: &Namespaces<'_>,
    ) -> Result<(), MergeError> {
        self.same_scope(options.scope)?;
        if !options.name.is_empty() && options.name != self.sealed.name() {
            return Err(MergeError::Name {
                target: self.title(),
                given: options.name.clone(),
            });
        }
        self.same_namespace(namespaces)
    }

    fn same_scope(&self, given: Option<Scope>) -> Result<(), MergeError> {
        let wanted = self.sealed.scope();
        match given.filter(|given| *given != wanted) {
            None => Ok(()),
            Some(given) => Err(MergeError::ScopeFlag {
                target: self.title(),
                wanted,
                given,
            }),
        }
    }

    fn same_namespace(&self, namespaces: &Namespaces<'_>) -> Result<(), MergeError> {
        let Some(own) = self.namespace() else {
            return Ok(());
        };
        namespaces
            .of_document(Some(own), self.sealed.scope())
            .map(drop)
            .map_err(|source| MergeError::Namespace {
                target: self.title(),
                source,
            })
    }

    /// Seals items into the target, under its own label.
    ///
    /// # Errors
    /// An item can't be encrypted.
    pub fn set<R: CryptoRng + ?Sized>(
        &mut self,
        items: &BTreeMap<String, Zeroizing<Vec<u8>>>,
        key: &PublicKey,
        rng: &mut R,
    ) -> Result<(), MergeError> {
        self.seal_items(items, &self.sealed.label(), key, rng)?;
        self.mark(items.keys().collect(), key);
        Ok(())
    }

    /// Seals the additions into the target, in order: of equal items the last counts.
    ///
    /// # Errors
    /// An item can't be encrypted.
    pub fn merge<R: CryptoRng + ?Sized>(
        &mut self,
        additions: &[Addition],
        key: &PublicKey,
        rng: &mut R,
    ) -> Result<(), MergeError> {
        for Addition { secret, label } in additions {
            self.seal_items(&secret.items, label, key, rng)?;
            if secret.labels.is_empty() && secret.annotations.is_empty() {
                continue;
            }
            let template = self.sealed.spec.template.get_or_insert_default();
            let metadata = template.metadata.get_or_insert_default();
            for (new, old) in [
                (&secret.labels, &mut metadata.labels),
                (&secret.annotations, &mut metadata.annotations),
            ] {
                if !new.is_empty() {
                    old.get_or_insert_default().extend(new.clone());
                }
            }
        }
        let sealed = additions
            .iter()
            .flat_map(|addition| addition.secret.items.keys());
        self.mark(sealed.collect(), key);
        Ok(())
    }

    /// Keeps the mark of the key true after items were sealed with `key`.
    fn mark(&mut self, sealed: BTreeSet<&String>, key: &PublicKey) {
        if sealed.is_empty() {
            return;
        }
        let all = self
            .sealed
            .spec
            .encrypted_data
            .keys()
            .all(|item| sealed.contains(item));
        if let Some(annotations) = &mut self.sealed.metadata.annotations {
            update_mark(annotations, key, all);
        }
    }

    fn seal_items<R: CryptoRng + ?Sized>(
        &mut self,
        items: &BTreeMap<String, Zeroizing<Vec<u8>>>,
        label: &Label,
        key: &PublicKey,
        rng: &mut R,
    ) -> Result<(), MergeError> {
        for (item, value) in items {
            let sealed =
                seal_item(rng, key, label, value).map_err(|source| MergeError::Encrypt {
                    item: item.clone(),
                    source,
                })?;
            self.sealed
                .spec
                .encrypted_data
                .insert(item.clone(), Value::String(sealed));
        }
        Ok(())
    }

    /// Removes items.
    ///
    /// # Errors
    /// One of them isn't there.
    pub fn remove(&mut self, items: &[String]) -> Result<(), MergeError> {
        for item in items {
            if self.sealed.spec.encrypted_data.remove(item).is_none() {
                return Err(MergeError::NoItem {
                    target: self.title(),
                    item: item.clone(),
                });
            }
        }
        Ok(())
    }

    /// Replaces the file; its mode and, where that is allowed, its owner stay.
    ///
    /// # Errors
    /// The operating system's; the file is as it was then.
    pub fn save(&self, format: Format) -> Result<(), output::OutputError> {
        let text = format.encode(&self.sealed)?;
        output::replace(&self.path, text.as_bytes(), Some(&self.metadata)).map_err(|source| {
            output::OutputError::File {
                path: self.path.clone(),
                source,
            }
        })
    }

    fn complete(
        &self,
        document: &Document,
        rules: &Rules,
        namespaces: &Namespaces<'_>,
    ) -> Result<Addition, AdditionError> {
        let secret = PlainSecret::from_node(&document.node)?;
        if secret.items.is_empty() && !rules.allow_empty_data {
            return Err(AdditionError::Empty);
        }
        let scope = self.sealed.scope();
        let given = scope_of(Some(&secret.annotations));
        if given != Scope::Strict && given != scope {
            return Err(AdditionError::Scope {
                target: self.title(),
                wanted: scope,
                given,
            });
        }
        let name = match self.sealed.name() {
            "" => secret.name.as_deref().ok_or(AdditionError::NoName)?,
            name => name,
        };
        let namespace = match self.namespace() {
            Some(namespace) => namespace.to_owned(),
            None => namespaces
                .of_document(secret.namespace.as_deref(), scope)?
                .unwrap_or_default(),
        };
        let label = Label::new(scope, &namespace, name);
        Ok(Addition { secret, label })
    }

    fn namespace(&self) -> Option<&str> {
        Some(self.sealed.namespace()).filter(|namespace| !namespace.is_empty())
    }

    fn title(&self) -> String {
        title(&self.sealed)
    }
}

impl Explain for MergeError {
    fn hint(&self) -> Option<String> {
        const SCOPE: &str = "items of one SealedSecret all have its scope; leave the other one out";
        match self {
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("the file must exist; -w FILE makes a new one".to_owned())
            }
            Self::Input(InputError::Empty { .. }) => {
                Some("the file must hold a SealedSecret; -w FILE makes a new one".to_owned())
            }
            Self::Sealed(error) => error.hint(),
            Self::SeveralTargets { .. } => {
                Some("keep each SealedSecret in a file of its own".to_owned())
            }
            Self::ScopeFlag { .. } => Some(SCOPE.to_owned()),
            Self::Namespace { .. } => Some("leave --namespace out: the target's counts".to_owned()),
            Self::Document { source, .. } => match source.as_ref() {
                AdditionError::Empty => Some("if that is meant, add --allow-empty-data".to_owned()),
                AdditionError::Scope { .. } => Some(SCOPE.to_owned()),
                AdditionError::Namespace(error) => error.hint(),
                AdditionError::Secret(PlainSecretError::WrongKind { .. }) => {
                    Some("the input must be a Secret with the items to add".to_owned())
                }
                _ => None,
            },
            _ => None,
        }
    }
}
