//! The keyring from a folder of PEM files.
//!
//! Each file `*.pem` holds a private key and its certificate, in one file so that a key is there
//! whole or not at all. The folder must be closed to others. A file that holds no usable key is
//! reported and skipped; it never stops the others.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rand::RngExt as _;
use sealed_secrets_core::key_pair::{KeyPair, KeyPairError};
use sealed_secrets_core::keyring::KeyEntry;

use super::atomic_file;
use super::regular_file::{self, Links};
use super::volume::make_private_folder;
use crate::args::KeyArgs;
use crate::keys::{GenerateError, Publisher, SharedKeyring, generate};
use crate::metrics::Metrics;

/// Characters of the random part of a key's name: those that the API server uses.
const NAME_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

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
    /// No key could be made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
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

/// Keeps the keyring.
pub(super) struct KeyFolder {
    path: PathBuf,
    args: KeyArgs,
    publisher: Publisher,
}

impl KeyFolder {
    /// Opens the folder, made with mode 0700 when missing, and reads its keys.
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
        let (publisher, receiver) = Publisher::new(metrics);
        let mut keys = Self {
            path: full,
            args,
            publisher,
        };
        keys.load().map_err(folder)?;
        Ok((keys, receiver))
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a key if there is none.
    pub(super) async fn ensure_key(&mut self) -> Result<(), KeyFolderError> {
        if !self.publisher.is_empty() {
            return Ok(());
        }
        if self.publisher.has_complaints() {
            tracing::error!(
                "no key file is usable; a new key opens nothing that was sealed before"
            );
        }
        tracing::info!(bits = self.args.key_size.bits(), "no key yet, making one");
        let pair = generate(&self.args).await?;
        let folder = |source| KeyFolderError::Folder {
            path: self.path.clone(),
            source,
        };
        let path = self.write(&pair).map_err(folder)?;
        tracing::info!(
            file = %path.display(),
            fingerprint = %pair.fingerprint(),
            certificate = pair.certificate().to_pem(),
            "new key written"
        );
        let path = self.path.clone();
        self.load()
            .map_err(|source| KeyFolderError::Folder { path, source })
    }

    /// Reads the folder again; what can't be read leaves the keyring as it was.
    pub(super) fn reload(&mut self) {
        if let Err(error) = self.load() {
            tracing::error!(folder = %self.path.display(), %error, "cannot read key folder, going on with the keys there were");
        }
    }

    fn write(&self, pair: &KeyPair) -> io::Result<PathBuf> {
        let mut content = pair.private_key().to_pkcs1_pem();
        content.push_str(&pair.certificate().to_pem());
        loop {
            let mut rng = rand::rng();
            let suffix: String = (0..5)
                .filter_map(|_| NAME_ALPHABET.get(rng.random_range(0..NAME_ALPHABET.len())))
                .map(|byte| char::from(*byte))
                .collect();
            let path = self
                .path
                .join(format!("{}{suffix}.pem", self.args.key_prefix));
            match atomic_file::create(&path, content.as_bytes(), 0o600) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn load(&mut self) -> io::Result<()> {
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
        let mut files = Vec::new();
        for path in paths {
            let pem = regular_file::read(&path, MAX_FILE, Links::Follow).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
            files.push((path, pem));
        }
        self.publisher
            .publish(files.iter().map(|(path, pem)| key_entry(path, pem)));
        Ok(())
    }
}

/// A key file holds a few kilobytes.
const MAX_FILE: u64 = 1 << 20;

fn key_entry(path: &Path, pem: &[u8]) -> Result<KeyEntry, KeyFileError> {
    let pair = KeyPair::from_pem(pem, pem).map_err(|source| KeyFileError::KeyPair {
        path: path.to_owned(),
        source,
    })?;
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    // A file's times change when it is copied or restored; the certificate's don't.
    Ok(KeyEntry {
        name,
        created_at: pair.certificate().not_before(),
        pair,
    })
}
