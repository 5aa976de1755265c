//! Files that are there whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// Start of the names of files that aren't there whole yet.
const STAGE: &str = ".tmp-";

/// Replaces `path` by `content`: written beside it, synced, renamed.
pub(super) fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    staged(path, content, mode)?
        .persist(path)
        .map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// Like [`write()`], for a file that must not exist yet.
pub(super) fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    staged(path, content, mode)?
        .persist_noclobber(path)
        .map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// The content in a file beside `path`, synced; gone again unless it is persisted.
fn staged(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(STAGE)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Whether it is a file of ours that isn't there whole; after a kill it may stay behind.
pub(super) fn is_staged(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(STAGE.as_bytes()))
}

/// Makes renames and removals in a folder last.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
