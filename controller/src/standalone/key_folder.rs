//! The keyring from a folder of PEM files.
//!
//! Each file `*.pem` holds a private key and its certificate, in one file so that a key is there
//! whole or not at all. The folder must be closed to others. A file that holds no usable key is
//! reported and skipped; it never stops the others.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sealed_secrets_core::key_pair::{KeyPair, KeyPairError};
use sealed_secrets_core::keyring::{KeyEntry, Keyring};

use super::atomic_file;
use super::regular_file::{self, Links};
use super::volume::make_private_folder;
use crate::args::KeyArgs;
use crate::keys::{Candidate, Complaint, Publisher, SharedKeyring, keyring_of};
use crate::metrics::Metrics;

/// A key file holds a few kilobytes.
const MAX_FILE: u64 = 1 << 20;

/// Why the key folder can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFolderError {
    /// It can't be made, listed or written.
    #[error("cannot use key folder {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others may look into it.
    #[error("key folder {path} has mode {mode:04o}, open to others; run: chmod 700 {path}")]
    Permissions {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Why a file holds no usable key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum KeyFileError {
    #[error("key file {path} holds no usable key")]
    KeyPair {
        path: PathBuf,
        #[source]
        source: KeyPairError,
    },
}

/// Keeps the keyring; a clone keeps the same one.
#[derive(Clone, Debug)]
pub(super) struct KeyFolder {
    path: Arc<Path>,
    args: KeyArgs,
    publisher: Arc<Mutex<Publisher>>,
}

impl KeyFolder {
    /// Opens the folder, made with mode 0700 when missing. The keyring is empty until it is read.
    pub(super) fn open(
        path: &Path,
        args: KeyArgs,
        metrics: Metrics,
    ) -> Result<(Self, SharedKeyring), KeyFolderError> {
        let folder = |source| KeyFolderError::Folder {
            path: path.to_owned(),
            source,
        };
        make_private_folder(path).map_err(folder)?;
        let full = path.canonicalize().map_err(folder)?;
        let mode = fs::metadata(&full).map_err(folder)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFolderError::Permissions {
                path: path.to_owned(),
                mode,
            });
        }
        let (publisher, receiver) = Publisher::new(args.key_order_priority, metrics);
        let keys = Self {
            path: full.into(),
            args,
            publisher: Arc::new(Mutex::new(publisher)),
        };
        Ok((keys, receiver))
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the folder again; what can't be read leaves the keyring as it was.
    pub(super) fn reload(&self) {
        if let Err(error) = self.load() {
            tracing::error!(error = %crate::describe(&error), "going on with the keys there were");
        }
    }

    /// Reads the folder and makes its keys the current ones.
    pub(super) fn load(&self) -> Result<(), KeyFolderError> {
        let candidates = self.candidates()?;
        // Whole after any panic: it is replaced as a whole.
        let mut publisher = self
            .publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        publisher.publish(candidates.into_iter());
        Ok(())
    }

    /// The usable keys that are there now, without making them the current ones, and whether there
    /// are files that hold none.
    pub(super) fn read(&self) -> Result<(Keyring, bool), KeyFolderError> {
        let candidates = self.candidates()?;
        let (keyring, complaints) =
            keyring_of(self.args.key_order_priority, candidates.into_iter());
        Ok((keyring, !complaints.is_empty()))
    }

    /// Writes a key to a file of that name; false if there is one.
    pub(super) fn write(&self, name: &str, pair: &KeyPair) -> Result<bool, KeyFolderError> {
        let mut content = pair.private_key().to_pkcs1_pem();
        content.push_str(&pair.certificate().to_pem());
        let path = self.path.join(format!("{name}.pem"));
        match atomic_file::create(&path, content.as_bytes(), 0o600) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Removes what is left of keys that were never stored because the process was killed.
    pub(super) fn remove_leftovers(&self) -> Result<(), KeyFolderError> {
        for entry in fs::read_dir(&self.path).map_err(|error| self.failed(error))? {
            let path = entry.map_err(|error| self.failed(error))?.path();
            if atomic_file::is_staged(&path) {
                fs::remove_file(&path).map_err(|error| self.failed(error))?;
            }
        }
        Ok(())
    }

    pub(super) fn failed(&self, source: io::Error) -> KeyFolderError {
        KeyFolderError::Folder {
            path: self.path.to_path_buf(),
            source,
        }
    }

    fn candidates(&self) -> Result<Vec<Candidate>, KeyFolderError> {
        self.files().map_err(|error| self.failed(error))
    }

    fn files(&self) -> io::Result<Vec<Candidate>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let hidden = path
                .file_name()
                .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && path.extension().is_some_and(|extension| extension == "pem") {
                paths.push(path);
            }
        }
        paths.sort();
        // A file that can't be read at all may be the key that everything was sealed for, so it
        // is not passed over like one that holds none.
        paths.iter().map(|path| candidate(path)).collect()
    }
}

fn candidate(path: &Path) -> io::Result<Candidate> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let pem = regular_file::read(path, MAX_FILE, Links::Follow).map_err(named)?;
    let name = path.file_stem().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    match KeyPair::from_pem(&pem, &pem) {
        // A file's times change when it is copied or restored; the certificate's don't.
        Ok(pair) => Ok(Ok(Arc::new(KeyEntry {
            name,
            created_at: pair.certificate().not_before(),
            pair,
        }))),
        Err(source) => {
            let metadata = fs::metadata(path).map_err(named)?;
            let error = KeyFileError::KeyPair {
                path: path.to_owned(),
                source,
            };
            Ok(Err(Complaint {
                name,
                version: format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec()),
                message: crate::describe(&error),
            }))
        }
    }
}
