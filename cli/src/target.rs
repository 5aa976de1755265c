//! A file with one SealedSecret, changed within its text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use sealed_secrets_core::{Label, PublicKey, Scope};
use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::KEY_FINGERPRINT;
pub use sealed_secrets_crds::desired::is_item_name;
use sealed_secrets_crds::manifest::{self, Edit, EditError};
use sealed_secrets_crds::seal::{seal_item, update_mark};
use zeroize::Zeroizing;

use crate::args::Options;
use crate::error::Explain;
use crate::input::{InputError, Source};
use crate::message;
use crate::namespace::{NamespaceError, Namespaces};
use crate::output;
use crate::sealed_input::{self, SealedInputError, title};

/// Where the items of a SealedSecret are.
pub const ITEMS: [&str; 2] = ["spec", "encryptedData"];

/// The file, what it holds, and what is to become of it.
#[derive(Debug)]
pub struct Target {
    /// As the user named it.
    name: PathBuf,
    /// The file itself, at the end of all symbolic links.
    path: PathBuf,
    metadata: fs::Metadata,
    text: String,
    /// As it is in the file, but for items that were removed.
    sealed: SealedSecret,
    edits: Vec<Edit>,
    /// The key that items were sealed for, and the items.
    sealed_for: Option<PublicKey>,
    sealed_items: BTreeSet<String>,
}

/// Why a file can't be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The file isn't there, or can't be read.
    #[error("cannot change {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file can't be read as documents, or is empty.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The file holds something else.
    #[error(transparent)]
    Sealed(#[from] SealedInputError),
    /// The file holds several objects.
    #[error("{path} holds {count} documents, expected one SealedSecret")]
    Several {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// The SealedSecret is of the deprecated form, where all items are one.
    #[error("{path} has the deprecated spec.data, which cannot be extended")]
    Deprecated {
        /// The file.
        path: PathBuf,
    },
    /// The flag asks for another scope than the file has.
    #[error("{target} has scope {wanted}, but --scope {given} was given")]
    Scope {
        /// The SealedSecret.
        target: String,
        /// Its scope.
        wanted: Scope,
        /// The flag's.
        given: Scope,
    },
    /// The flag names another SealedSecret.
    #[error("the file holds {target}, but --name {given} was given")]
    Name {
        /// The SealedSecret.
        target: String,
        /// The flag's name.
        given: String,
    },
    /// The flag names another namespace than the file's.
    #[error("{target}")]
    Namespace {
        /// The SealedSecret.
        target: String,
        /// Why.
        source: NamespaceError,
    },
    /// There is no such item to remove.
    #[error("{target} has no item {item}")]
    NoItem {
        /// The SealedSecret.
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
    /// Somebody else has changed the file.
    #[error("{path} was changed meanwhile; it is left as it is now")]
    Meanwhile {
        /// The file.
        path: PathBuf,
    },
    /// The text can't be changed.
    #[error("cannot change {path}")]
    Edit {
        /// The file.
        path: PathBuf,
        /// Why.
        source: EditError,
    },
}

impl Target {
    /// Reads the file.
    ///
    /// # Errors
    /// It doesn't hold exactly one SealedSecret, as a document of its own.
    pub fn open(path: &Path) -> Result<Self, TargetError> {
        let failed = |source| TargetError::File {
            path: path.to_owned(),
            source,
        };
        let real = path.canonicalize().map_err(failed)?;
        let metadata = fs::metadata(&real).map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::other("not a regular file")));
        }
        let source = Source::File(path.to_owned());
        let content = source.read("a SealedSecret")?;
        let documents = source.documents(&content, "SealedSecret")?;
        let objects = source.objects(&documents, "SealedSecret")?;
        if objects.len() > 1 {
            return Err(TargetError::Several {
                path: path.to_owned(),
                count: objects.len(),
            });
        }
        // What is in a List of one is refused as a List.
        let whole: Vec<_> = documents.iter().map(manifest::Object::whole).collect();
        let sealed = sealed_input::read(&whole, &source.to_string())?
            .pop()
            .expect("there is one document");
        if sealed
            .spec
            .data
            .as_deref()
            .is_some_and(|data| !data.is_empty())
        {
            return Err(TargetError::Deprecated {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            name: path.to_owned(),
            path: real,
            metadata,
            text: String::from_utf8_lossy(&content).into_owned(),
            sealed,
            edits: Vec::new(),
            sealed_for: None,
            sealed_items: BTreeSet::new(),
        })
    }

    /// What the file holds.
    pub fn sealed(&self) -> &SealedSecret {
        &self.sealed
    }

    /// Its namespace, if it has one.
    pub fn namespace(&self) -> Option<&str> {
        Some(self.sealed.namespace()).filter(|namespace| !namespace.is_empty())
    }

    /// What to call it.
    pub fn title(&self) -> String {
        title(&self.sealed)
    }

    /// Checks that the flags name nothing else than what the file holds.
    ///
    /// # Errors
    /// Name, namespace or scope contradict it.
    pub fn must_agree(
        &self,
        options: &Options,
        namespaces: &Namespaces<'_>,
    ) -> Result<(), TargetError> {
        if !options.name.is_empty() && options.name != self.sealed.name() {
            return Err(TargetError::Name {
                target: self.title(),
                given: options.name.clone(),
            });
        }
        self.must_have(options.scope, namespaces)
    }

    /// Checks scope and namespace alone.
    ///
    /// # Errors
    /// They contradict what the file holds.
    pub fn must_have(
        &self,
        scope: Option<Scope>,
        namespaces: &Namespaces<'_>,
    ) -> Result<(), TargetError> {
        let wanted = self.sealed.scope();
        if let Some(given) = scope.filter(|given| *given != wanted) {
            return Err(TargetError::Scope {
                target: self.title(),
                wanted,
                given,
            });
        }
        let Some(own) = self.namespace() else {
            return Ok(());
        };
        namespaces
            .of_document(Some(own), wanted)
            .map(drop)
            .map_err(|source| TargetError::Namespace {
                target: self.title(),
                source,
            })
    }

    /// Seals items into it: new ones, or in the place of those of the same name.
    ///
    /// # Errors
    /// An item can't be encrypted.
    pub fn set<R: CryptoRng + ?Sized>(
        &mut self,
        items: &BTreeMap<String, Zeroizing<Vec<u8>>>,
        label: &Label,
        key: &PublicKey,
        rng: &mut R,
    ) -> Result<(), TargetError> {
        for (item, value) in items {
            let sealed =
                seal_item(rng, key, label, value).map_err(|source| TargetError::Encrypt {
                    item: item.clone(),
                    source,
                })?;
            self.put(&[&ITEMS[..], &[item]].concat(), sealed);
            self.sealed_items.insert(item.clone());
            self.sealed_for = Some(key.clone());
        }
        Ok(())
    }

    /// Removes items.
    ///
    /// # Errors
    /// One of them isn't there.
    pub fn remove<'item>(
        &mut self,
        items: impl IntoIterator<Item = &'item String>,
    ) -> Result<(), TargetError> {
        for item in items {
            if self.sealed.spec.encrypted_data.remove(item).is_none() {
                return Err(TargetError::NoItem {
                    target: self.title(),
                    item: item.clone(),
                });
            }
            let path = [&ITEMS[..], &[item]].concat();
            self.edits.push(Edit::remove(1, path));
        }
        Ok(())
    }

    /// Puts text at a path, whatever is there.
    pub fn put(&mut self, path: &[&str], text: impl Into<String>) {
        self.edits.push(Edit::set(1, path.iter().copied(), text));
    }

    /// Replaces the file by one with all changes made; its mode and, where that is allowed, its
    /// owner stay. Without changes it isn't touched.
    ///
    /// # Errors
    /// The text can't be changed, or the operating system's; the file is as it was then.
    pub fn save(mut self) -> Result<(), TargetError> {
        self.keep_mark();
        if self.edits.is_empty() {
            return Ok(());
        }
        // Whoever had it in an editor may have pulled in the meantime.
        let now = Source::File(self.path.clone()).read("a SealedSecret")?;
        if *now != self.text.as_bytes() {
            return Err(TargetError::Meanwhile { path: self.name });
        }
        let edited =
            manifest::edit(&self.text, &self.edits).map_err(|source| TargetError::Edit {
                path: self.name.clone(),
                source,
            })?;
        warn_of_rewriting(&self.name, &edited.rewritten);
        output::replace(&self.path, edited.text.as_bytes(), Some(&self.metadata)).map_err(
            |source| TargetError::File {
                path: self.path.clone(),
                source,
            },
        )
    }
}

impl Target {
    /// Keeps the mark of the key true.
    fn keep_mark(&mut self) {
        let (Some(key), Some(before)) = (&self.sealed_for, &self.sealed.metadata.annotations)
        else {
            return;
        };
        let mut items = self.sealed.spec.encrypted_data.keys();
        let all = items.all(|item| self.sealed_items.contains(item));
        let mut after = before.clone();
        update_mark(&mut after, key, all);
        if after == *before {
            return;
        }
        let path = ["metadata", "annotations", KEY_FINGERPRINT];
        self.edits.push(match after.remove(KEY_FINGERPRINT) {
            Some(mark) => Edit::set(1, path, mark),
            None => Edit::remove(1, path),
        });
    }
}

/// Says that comments were lost, where a text is too odd to be changed in place.
pub fn warn_of_rewriting(file: &Path, documents: &[usize]) {
    for document in documents {
        message::warn(&format!(
            "{}: document {document} could not be changed in place and was written anew, without its comments",
            file.display()
        ));
    }
}

impl Explain for TargetError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("the file must exist; -w FILE or kubeseal set makes a new one".to_owned())
            }
            Self::Input(InputError::Empty { .. }) => Some(
                "the file must hold a SealedSecret; -w FILE or kubeseal set makes a new one"
                    .to_owned(),
            ),
            Self::Input(error) => error.hint(),
            Self::Sealed(error) => error.hint(),
            Self::Several { .. } => Some("keep each SealedSecret in a file of its own".to_owned()),
            Self::Scope { .. } => Some(
                "items of one SealedSecret all have its scope; leave the other one out".to_owned(),
            ),
            Self::Name { .. } => Some("leave --name out: the file's counts".to_owned()),
            Self::Namespace { .. } => Some("leave --namespace out: the target's counts".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_secrets_can_have() {
        for good in [
            "a",
            "tls.crt",
            ".dockerconfigjson",
            "A_b-9",
            &"k".repeat(253),
        ] {
            assert!(is_item_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "..data",
            "a/b",
            "a b",
            "a=b",
            "ä",
            &"k".repeat(254),
        ] {
            assert!(!is_item_name(bad), "{bad}");
        }
    }
}
