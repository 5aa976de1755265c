//! One JSON file that says of every SealedSecret what a cluster would say in its status.
//!
//! ```json
//! {
//!   "items": [ { "namespace": "shop", "name": "db", "file": "shop/db.yaml", "status": { "conditions": [] } } ],
//!   "problems": [ { "file": "broken.yaml", "message": "document 1: line 3 ..." } ]
//! }
//! ```
//!
//! It holds no secret, so others may read it where the folder lets them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sealed_secrets_crds::SealedSecretStatus;
use serde::{Deserialize, Serialize};

use super::atomic_file;
use crate::status::whole_seconds;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct StatusFile {
    /// By namespace and name.
    pub(super) items: Vec<Item>,
    /// Files that can't be read.
    pub(super) problems: Vec<Problem>,
}

/// One SealedSecret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) namespace: String,
    pub(super) name: String,
    /// The manifest, relative to the folder of manifests.
    pub(super) file: PathBuf,
    pub(super) status: SealedSecretStatus,
    /// What somebody else changed and was put right, if that has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) drift: Option<Drift>,
}

/// Changes by others that were put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Drift {
    /// How often.
    pub(super) corrections: u64,
    /// When the last time, RFC 3339 in UTC.
    pub(super) last_corrected: String,
    /// What differed then, by name.
    pub(super) differed: Vec<String>,
}

impl Drift {
    /// After another correction.
    pub(super) fn next(before: Option<Self>, differed: Vec<String>, now: Timestamp) -> Self {
        Self {
            corrections: before.map_or(1, |it| it.corrections.saturating_add(1)),
            last_corrected: whole_seconds(now),
            differed,
        }
    }
}

/// A file that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Problem {
    pub(super) file: PathBuf,
    pub(super) message: String,
}

/// The last status; empty when there is none or it can't be read, since all of it is found out anew.
pub(super) fn read(path: &Path) -> StatusFile {
    fs::read(path)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

/// Replaces the file.
pub(super) fn write(path: &Path, status: &StatusFile) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(status)?;
    text.push(b'\n');
    atomic_file::write(path, &text, 0o644)
}
