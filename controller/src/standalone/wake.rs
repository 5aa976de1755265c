//! When to look again: soon after a change of a folder has settled, and now and then anyway.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Quiet time after which a burst of changes (a checkout, an editor's save) counts as over.
const SETTLE: Duration = Duration::from_millis(100);
/// Longest wait for quiet.
const LONGEST_SETTLE: Duration = Duration::from_secs(2);
/// Pause between looks without any change: finds edits of the output, and what the system's
/// notification missed (a network file system, a swapped symbolic link).
const IDLE: Duration = Duration::from_secs(30);

/// Waits for a reason to look again.
pub(super) struct Wake {
    changes: mpsc::Receiver<()>,
    // Watching ends when it is dropped.
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Wake {
    /// Watches the folder of manifests with all in it, and the folder of keys.
    ///
    /// Where the system can't, only the regular looks remain, and a warning says so.
    pub(super) fn new(manifests: &Path, keys: &Path) -> Self {
        let (sender, changes) = mpsc::channel(1);
        let root = manifests
            .canonicalize()
            .unwrap_or_else(|_| manifests.to_owned());
        let handler = move |event: notify::Result<notify::Event>| {
            let matters = match &event {
                Ok(event) => !event.kind.is_access() && matters(&event.paths, &root),
                Err(_) => true,
            };
            if matters {
                // A full channel already says what there is to say.
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(handler).and_then(|mut watcher| {
            watcher.watch(manifests, RecursiveMode::Recursive)?;
            watcher.watch(keys, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(%error, every = ?IDLE, "cannot watch folders for changes, looking at them regularly instead");
        });
        Self {
            changes,
            _watcher: watcher.ok(),
        }
    }

    /// Returns when it is time to look again; after `again` at the latest, if given.
    pub(super) async fn next(&mut self, again: Option<Duration>) {
        let pause = again.unwrap_or(IDLE).min(IDLE);
        let changed = tokio::select! {
            changed = self.changes.recv() => changed.is_some(),
            () = tokio::time::sleep(pause) => return,
        };
        if !changed {
            // No watcher: only the regular looks are left.
            tokio::time::sleep(pause).await;
            return;
        }
        let deadline = Instant::now() + LONGEST_SETTLE;
        while Instant::now() < deadline {
            tokio::select! {
                _ = self.changes.recv() => {}
                () = tokio::time::sleep(SETTLE) => return,
            }
        }
    }
}

/// Whether a change at `paths` can be a change of manifests or keys: not within `.git` and the like.
fn matters(paths: &[PathBuf], root: &Path) -> bool {
    paths.is_empty()
        || paths.iter().any(|path| {
            let below = path.strip_prefix(root).unwrap_or(Path::new(""));
            !below
                .components()
                .any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_in_hidden_folders_do_not_matter() {
        let root = Path::new("/repo");
        assert!(matters(&["/repo/a.yaml".into()], root));
        assert!(!matters(
            &["/repo/.git/index".into(), "/repo/x/.swp".into()],
            root
        ));
        assert!(matters(&["/keys/a.pem".into()], root));
    }

    #[tokio::test]
    async fn a_change_wakes() {
        let folder = tempfile::tempdir().unwrap();
        let keys = tempfile::tempdir().unwrap();
        let mut wake = Wake::new(folder.path(), keys.path());
        let woken = wake.next(None);
        std::fs::write(folder.path().join("a.yaml"), "x").unwrap();
        tokio::time::timeout(Duration::from_secs(20), woken)
            .await
            .unwrap();
    }
}
