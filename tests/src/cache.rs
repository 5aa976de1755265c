//! The per-user cache of programs built from source: filled once, shared by every test process.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// A folder whose entries are either absent or whole.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Why an entry of the cache can be neither found nor stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Neither variable that leads to a per-user cache is set.
    #[error("no cache folder: set XDG_CACHE_HOME or HOME")]
    NoHome,
    /// A folder or lock file cannot be used.
    #[error("cannot use the cache at {path}")]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Cache {
    /// The cache of the current user: `$XDG_CACHE_HOME/sealed-secrets-tests`, or the same under
    /// `~/.cache`.
    ///
    /// # Errors
    /// Fails when neither `XDG_CACHE_HOME` nor `HOME` is set.
    pub fn per_user() -> Result<Self, CacheError> {
        // The XDG base directory specification tells to ignore relative paths.
        let xdg = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|p| p.is_absolute());
        let base = match xdg {
            Some(base) => base,
            None => std::env::home_dir()
                .filter(|home| home.is_absolute())
                .ok_or(CacheError::NoHome)?
                .join(".cache"),
        };
        Ok(Self::at(base.join("sealed-secrets-tests")))
    }

    /// A cache in a given folder, which need not exist yet.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder of an entry, when it is there.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<PathBuf> {
        Some(self.root.join(key)).filter(|entry| entry.is_dir())
    }

    /// The folder of an entry; when it isn't there, `build` fills an empty one first.
    ///
    /// Of several processes that want the same entry, one builds and the rest wait. An entry
    /// appears under its name only when `build` has succeeded.
    ///
    /// # Errors
    /// Whatever `build` fails with, or an unusable cache.
    pub fn find_or_build<E: From<CacheError>>(
        &self,
        key: &str,
        build: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        if let Some(entry) = self.find(key) {
            return Ok(entry);
        }
        fs::create_dir_all(&self.root).map_err(unusable(&self.root))?;
        let _lock = self.lock(key)?;
        if let Some(entry) = self.find(key) {
            return Ok(entry);
        }
        self.remove_abandoned(key)?;

        let unfinished = tempfile::Builder::new()
            .prefix(&unfinished_prefix(key))
            .tempdir_in(&self.root)
            .map_err(unusable(&self.root))?;
        build(unfinished.path())?;

        let entry = self.root.join(key);
        fs::rename(unfinished.path(), &entry).map_err(unusable(&entry))?;
        // The folder has moved away: there is nothing left to clean up.
        let _ = unfinished.keep();
        Ok(entry)
    }

    /// Waits until no other process builds this entry. The lock ends with the returned file.
    fn lock(&self, key: &str) -> Result<File, CacheError> {
        let path = self.root.join(format!("{key}.lock"));
        let file = File::create(&path).map_err(unusable(&path))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                eprintln!("waiting for another process that builds {key}");
            }
            Err(TryLockError::Error(source)) => return Err(unusable(&path)(source)),
        }
        file.lock().map_err(unusable(&path))?;
        Ok(file)
    }

    /// Removes what builders left behind that were killed halfway. Only the holder of the lock
    /// may do so: nobody else has an unfinished entry under this key.
    fn remove_abandoned(&self, key: &str) -> Result<(), CacheError> {
        let prefix = unfinished_prefix(key);
        for item in fs::read_dir(&self.root).map_err(unusable(&self.root))? {
            let item = item.map_err(unusable(&self.root))?;
            if item.file_name().to_string_lossy().starts_with(&prefix) {
                fs::remove_dir_all(item.path()).map_err(unusable(&item.path()))?;
            }
        }
        Ok(())
    }
}

fn unfinished_prefix(key: &str) -> String {
    format!(".{key}-")
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::Unusable { path, source }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn empty() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().join("cache"));
        (dir, cache)
    }

    #[test]
    fn of_many_builders_one_builds() {
        let (_dir, cache) = empty();
        let builds = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let entry = cache
                        .find_or_build("tool-v1", |folder| {
                            builds.fetch_add(1, Ordering::SeqCst);
                            fs::write(folder.join("tool"), "whole").unwrap();
                            Ok::<_, CacheError>(())
                        })
                        .unwrap();
                    assert_eq!(fs::read_to_string(entry.join("tool")).unwrap(), "whole");
                });
            }
        });
        assert_eq!(builds.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn failed_build_leaves_no_entry() {
        let (_dir, cache) = empty();
        let failed = cache.find_or_build("tool-v1", |folder| {
            fs::write(folder.join("half"), "half").unwrap();
            Err(CacheError::NoHome)
        });
        assert!(failed.is_err());
        assert_eq!(cache.find("tool-v1"), None);

        let entry = cache
            .find_or_build("tool-v1", |_| Ok::<_, CacheError>(()))
            .unwrap();
        assert!(!entry.join("half").exists());
    }

    #[test]
    fn abandoned_build_is_removed_by_the_next() {
        let (_dir, cache) = empty();
        let abandoned = cache.root.join(".tool-v1-killed");
        fs::create_dir_all(&abandoned).unwrap();
        let other = cache.root.join(".other-v1-running");
        fs::create_dir_all(&other).unwrap();

        cache
            .find_or_build("tool-v1", |_| Ok::<_, CacheError>(()))
            .unwrap();
        assert!(!abandoned.exists());
        assert!(
            other.exists(),
            "the unfinished entry of another key was removed"
        );
    }
}
