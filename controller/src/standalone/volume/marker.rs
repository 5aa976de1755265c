//! The file that says whose directory it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Volume;
use crate::standalone::atomic_file;

pub(super) const MARKER: &str = "..sealed-secret.json";

/// Whose directory it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::standalone) struct Marker {
    /// The manifest that defines it, relative to the folder of manifests.
    pub(in crate::standalone) file: PathBuf,
    /// What the items were made from: while the SealedSecret asks the same, what chance gave stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::standalone) made_from: Option<String>,
}

impl Marker {
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        atomic_file::write(&folder.join(MARKER), &serde_json::to_vec(self)?, 0o600)
    }
}

impl Volume {
    /// Whose directory it is; `None` when it is missing or not ours.
    ///
    /// # Errors
    /// It can't be told, as when no more files can be opened.
    pub(in crate::standalone) fn marker(&self) -> io::Result<Option<Marker>> {
        match fs::read(self.path.join(MARKER)) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
                _ => Err(error),
            },
        }
    }
}
