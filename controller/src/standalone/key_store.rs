//! Making keys in the key folder, one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use rand::RngExt as _;
use sealed_secrets_core::key_pair::KeyPair;
use sealed_secrets_core::keyring::Keyring;

use super::key_folder::{KeyFolder, KeyFolderError};
use crate::keys::{KeyStore, Occasion};

/// Pause between looks whether another process is done with its key.
const POLL: Duration = Duration::from_millis(200);
/// Held while a key is made.
const LOCK: &str = ".lock";

/// The key folder as a place for new keys.
#[derive(Debug)]
pub(super) struct FolderKeys {
    folder: KeyFolder,
    /// Names need not be agreed on: the lock decides. So copies of this folder don't get the same.
    place: [u8; 16],
}

impl FolderKeys {
    pub(super) fn new(folder: KeyFolder) -> Self {
        Self {
            folder,
            place: rand::rng().random(),
        }
    }
}

impl KeyStore for FolderKeys {
    type Error = KeyFolderError;
    type Turn = File;

    fn place(&self) -> &[u8] {
        &self.place
    }

    async fn turn(&self) -> Result<File, KeyFolderError> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(self.folder.path().join(LOCK));
        let file = file.map_err(|error| self.folder.failed(error))?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
                Err(TryLockError::Error(error)) => return Err(self.folder.failed(error)),
            }
        }
        self.folder.remove_leftovers()?;
        Ok(file)
    }

    async fn moment(&self) -> u64 {
        0
    }

    async fn keys(&self) -> Result<Keyring, KeyFolderError> {
        Ok(self.folder.read()?.0)
    }

    async fn create(
        &self,
        name: &str,
        pair: &KeyPair,
        _: Occasion,
    ) -> Result<bool, KeyFolderError> {
        let stored = self.folder.write(name, pair)?;
        self.folder.load()?;
        Ok(stored)
    }
}
