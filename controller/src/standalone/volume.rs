//! A Secret as a directory of files, laid out as a kubelet mounts one and replaced all at once.
//!
//! ```text
//! OUT/NAMESPACE/NAME/
//!     ..sealed-secret.json     whose directory this is
//!     ..data -> ..7wXbVn       the version that counts
//!     ..7wXbVn/password        the files, mode 0600
//!     password -> ..data/password
//! ```
//!
//! Renaming `..data` is the one step that makes a new version visible; before it nothing of the
//! new version counts, after it nothing of the old. A key of a Secret can't start with `..`, so
//! the layout's own names never meet one.

mod chance;
mod difference;
mod marker;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::atomic_file::sync_folder;
use marker::MARKER;

pub(super) use marker::Marker;

const DATA: &str = "..data";
const NEXT_DATA: &str = "..data_tmp";
/// Start of the names of folders that are on their way in or out.
const STAGE: &str = "..sealed-secret-";

/// A Secret's values by file name.
pub(super) type Items = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// SHA-256 over names and contents: enough to see a change, and nothing to keep secret in memory.
pub(super) type ContentDigest = [u8; 32];

/// Why a Secret can't be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum VolumeError {
    #[error("{0} already exists and is not managed by SealedSecret")]
    Unmanaged(PathBuf),
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The directory of one Secret.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    path: PathBuf,
}

impl Volume {
    pub(super) fn new(out: &Path, namespace: &str, name: &str) -> Self {
        Self {
            path: out.join(namespace).join(name),
        }
    }

    /// Brings the directory to `items`; returns whether that changed it.
    ///
    /// # Errors
    /// Nothing is half-written: the old version stays.
    pub(super) fn write(&self, items: &Items, marker: &Marker) -> Result<bool, VolumeError> {
        let error = |source| VolumeError::Write {
            path: self.path.clone(),
            source,
        };
        let existing = self.marker().map_err(error)?;
        if existing.is_none() && fs::symlink_metadata(&self.path).is_ok() {
            return Err(VolumeError::Unmanaged(self.path.clone()));
        }
        if existing.is_none() {
            return self.create(items, marker).map(|()| true).map_err(error);
        }
        let differs = self.digest() != Some(content_digest(items));
        if differs {
            self.update(items).map_err(error)?;
        }
        // Last, so that it never says more of the items than is true.
        if existing.as_ref() != Some(marker) {
            marker.write(&self.path).map_err(error)?;
        }
        Ok(differs)
    }

    /// Removes the directory, at once to anybody who looks, and its parent when nothing else is
    /// in there. Does nothing to a directory that isn't ours.
    pub(super) fn remove(&self) -> Result<(), VolumeError> {
        let error = |source| VolumeError::Write {
            path: self.path.clone(),
            source,
        };
        if self.marker().map_err(error)?.is_none() {
            return Ok(());
        }
        let Some(namespace) = self.path.parent() else {
            return Ok(());
        };
        let grave = tempfile::Builder::new()
            .prefix(STAGE)
            .tempdir_in(namespace)
            .map_err(error)?;
        fs::rename(&self.path, grave.path().join("gone")).map_err(error)?;
        sync_folder(namespace).map_err(error)?;
        grave.close().map_err(error)?;
        // Fails when there are other Secrets in the namespace, which is what is wanted.
        let _ = fs::remove_dir(namespace);
        Ok(())
    }

    /// What the directory holds; `None` when anything about it isn't as we would write it.
    pub(super) fn digest(&self) -> Option<ContentDigest> {
        let current = fs::read_link(self.path.join(DATA)).ok()?;
        let data = self.path.join(&current);
        let mut items = Items::new();
        for entry in fs::read_dir(&data).ok()? {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            if !metadata.is_file() || metadata.permissions().mode() & 0o7777 != 0o600 {
                return None;
            }
            let name = entry.file_name().into_string().ok()?;
            items.insert(name, Zeroizing::new(fs::read(entry.path()).ok()?));
        }
        let mut links = BTreeSet::new();
        for entry in fs::read_dir(&self.path).ok()? {
            let name = entry.ok()?.file_name().into_string().ok()?;
            if name == DATA || name == MARKER || *OsStr::new(&name) == *current.as_os_str() {
                continue;
            }
            if fs::read_link(self.path.join(&name)).ok()? != Path::new(DATA).join(&name) {
                return None;
            }
            links.insert(name);
        }
        (links.iter().eq(items.keys())).then(|| content_digest(&items))
    }

    /// A new directory appears with everything in it.
    fn create(&self, items: &Items, marker: &Marker) -> io::Result<()> {
        let Some(namespace) = self.path.parent() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        make_private_folder(namespace)?;
        if fs::symlink_metadata(namespace)?.is_symlink() {
            return Err(io::Error::other(
                "the namespace's folder is a symbolic link",
            ));
        }
        let stage = tempfile::Builder::new()
            .prefix(STAGE)
            .tempdir_in(namespace)?;
        let volume = stage.path().join("volume");
        make_private_folder(&volume)?;
        let payload = write_payload(&volume, items)?;
        symlink(&payload, volume.join(DATA))?;
        for item in items.keys() {
            symlink(Path::new(DATA).join(item), volume.join(item))?;
        }
        marker.write(&volume)?;
        fs::rename(&volume, &self.path)?;
        sync_folder(namespace)?;
        if let Some(out) = namespace.parent() {
            sync_folder(out)?;
        }
        Ok(())
    }

    fn update(&self, items: &Items) -> io::Result<()> {
        let payload = write_payload(&self.path, items)?;
        let swapped = self.swap(&payload, items);
        if swapped.is_err() {
            // The old version stays; what was written of the new one is of no use.
            let _ = fs::remove_dir_all(self.path.join(&payload));
        }
        swapped?;
        self.tidy(&payload, items)
    }

    fn swap(&self, payload: &OsStr, items: &Items) -> io::Result<()> {
        // Links of new items come first: until the swap they lead nowhere, so that afterwards
        // nothing is missing.
        for item in items.keys() {
            let (link, target) = (self.path.join(item), Path::new(DATA).join(item));
            if fs::read_link(&link).is_ok_and(|there| there == target) {
                continue;
            }
            remove_any(&link)?;
            symlink(&target, &link)?;
        }
        let next = self.path.join(NEXT_DATA);
        remove_any(&next)?;
        symlink(payload, &next)?;
        fs::rename(&next, self.path.join(DATA))?;
        sync_folder(&self.path)
    }

    /// Removes everything that doesn't belong to the current version.
    fn tidy(&self, payload: &OsStr, items: &Items) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let kept = name == payload
                || name == DATA
                || name == MARKER
                || name.to_str().is_some_and(|name| items.contains_key(name));
            if !kept {
                remove_any(&self.path.join(name))?;
            }
        }
        Ok(())
    }
}

/// Every directory of ours in `out`, by namespace and name.
pub(super) fn all(out: &Path) -> io::Result<Vec<((String, String), Marker)>> {
    let mut volumes = Vec::new();
    for namespace in visible_folders(out)? {
        for name in visible_folders(&out.join(&namespace))? {
            if let Some(marker) = Volume::new(out, &namespace, &name).marker()? {
                volumes.push(((namespace.clone(), name), marker));
            }
        }
    }
    Ok(volumes)
}

/// Removes what a crash left between a staging folder and its rename.
pub(super) fn clear_stages(out: &Path) -> io::Result<()> {
    for namespace in visible_folders(out)? {
        for entry in fs::read_dir(out.join(namespace))? {
            let entry = entry?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(STAGE.as_bytes())
            {
                remove_any(&entry.path())?;
            }
        }
    }
    Ok(())
}

/// Makes a folder, and those above it, with mode 0700; one that exists is left as it is.
pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn visible_folders(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
            && entry.file_type()?.is_dir()
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// Writes the files of a version into a folder of its own and returns the folder's name.
fn write_payload(volume: &Path, items: &Items) -> io::Result<OsString> {
    let payload = tempfile::Builder::new()
        .prefix("..")
        .rand_bytes(8)
        .tempdir_in(volume)?;
    for (item, value) in items {
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(payload.path().join(item))?;
        file.write_all(value)?;
        file.sync_all()?;
    }
    sync_folder(payload.path())?;
    let path = payload.keep();
    path.file_name()
        .map(OsStr::to_owned)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn remove_any(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Digest of what the items would be on disk.
pub(super) fn content_digest(items: &Items) -> ContentDigest {
    let mut digest = Sha256::new();
    for (item, value) in items {
        for part in [item.as_bytes(), value.as_slice()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(pairs: &[(&str, &str)]) -> Items {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Zeroizing::new(v.as_bytes().to_vec())))
            .collect()
    }

    fn marker() -> Marker {
        Marker {
            file: "a.yaml".into(),
            made_from: None,
        }
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_secret_is_laid_out_as_a_mounted_volume() {
        let out = tempfile::tempdir().unwrap();
        let volume = Volume::new(out.path(), "shop", "db");
        assert!(
            volume
                .write(&items(&[("password", "hunter2"), ("user", "u")]), &marker())
                .unwrap()
        );
        let path = out.path().join("shop/db");
        assert_eq!(
            fs::read_to_string(path.join("password")).unwrap(),
            "hunter2"
        );
        assert_eq!(
            fs::read_link(path.join("user")).unwrap(),
            Path::new("..data/user")
        );
        let mode = fs::metadata(path.join("password"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert!(
            !volume
                .write(&items(&[("password", "hunter2"), ("user", "u")]), &marker())
                .unwrap()
        );
    }

    #[test]
    fn an_update_leaves_nothing_of_the_old_version() {
        let out = tempfile::tempdir().unwrap();
        let volume = Volume::new(out.path(), "shop", "db");
        volume
            .write(&items(&[("a", "1"), ("b", "2")]), &marker())
            .unwrap();
        assert!(
            volume
                .write(&items(&[("b", "3"), ("c", "4")]), &marker())
                .unwrap()
        );
        let path = out.path().join("shop/db");
        let visible: Vec<_> = names(&path)
            .into_iter()
            .filter(|name| !name.starts_with(".."))
            .collect();
        assert_eq!(visible, ["b", "c"]);
        assert_eq!(fs::read_to_string(path.join("b")).unwrap(), "3");
        assert_eq!(names(&path).len(), 5, "{:?}", names(&path));
    }

    #[test]
    fn edits_by_hand_are_seen_and_undone() {
        let out = tempfile::tempdir().unwrap();
        let volume = Volume::new(out.path(), "shop", "db");
        let wanted = items(&[("a", "1")]);
        let path = out.path().join("shop/db");
        volume.write(&wanted, &marker()).unwrap();
        let edits: [&dyn Fn(); 5] = [
            &|| fs::write(path.join("a"), "edited").unwrap(),
            &|| fs::write(path.join("extra"), "x").unwrap(),
            &|| fs::remove_file(path.join("a")).unwrap(),
            &|| fs::remove_file(path.join("..data")).unwrap(),
            &|| {
                fs::set_permissions(path.join("..data/a"), fs::Permissions::from_mode(0o644))
                    .unwrap()
            },
        ];
        for edit in edits {
            edit();
            assert_ne!(volume.digest(), Some(content_digest(&wanted)));
            assert!(volume.write(&wanted, &marker()).unwrap());
            assert_eq!(volume.digest(), Some(content_digest(&wanted)));
            assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "1");
        }
    }

    #[test]
    fn a_directory_of_somebody_else_is_left_alone() {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("shop/db");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("own"), "kept").unwrap();
        let volume = Volume::new(out.path(), "shop", "db");
        assert!(matches!(
            volume.write(&items(&[("a", "1")]), &marker()),
            Err(VolumeError::Unmanaged(_))
        ));
        volume.remove().unwrap();
        assert_eq!(names(&path), ["own"]);
    }

    #[test]
    fn removal_takes_the_empty_namespace_with_it() {
        let out = tempfile::tempdir().unwrap();
        let (one, two) = (
            Volume::new(out.path(), "shop", "a"),
            Volume::new(out.path(), "shop", "b"),
        );
        one.write(&items(&[("a", "1")]), &marker()).unwrap();
        two.write(&items(&[]), &marker()).unwrap();
        one.remove().unwrap();
        assert_eq!(names(&out.path().join("shop")), ["b"]);
        two.remove().unwrap();
        assert_eq!(names(out.path()), Vec::<String>::new());
    }

    #[test]
    fn only_our_own_stages_are_cleared() {
        let out = tempfile::tempdir().unwrap();
        let foreign = out.path().join("tls");
        fs::create_dir_all(foreign.join("..data_real")).unwrap();
        symlink("..data_real", foreign.join("..data")).unwrap();
        fs::create_dir_all(foreign.join(format!("{STAGE}x/volume"))).unwrap();
        clear_stages(out.path()).unwrap();
        assert_eq!(names(&foreign), ["..data", "..data_real"]);
    }
}
