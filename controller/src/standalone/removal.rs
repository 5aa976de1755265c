//! Which Secrets go because their SealedSecret is gone, and which only seem to.
//!
//! | The manifest's file | What happens |
//! |---|---|
//! | is gone | the Secret goes if that is still so at another look: the file may be on its way to another name |
//! | is gone, and another can't be read since | it may have been renamed: the Secret stays until that one can be read |
//! | can't be read, or is empty | nobody knows what it holds: the Secret stays |
//! | is there, without the SealedSecret | the Secret goes if that is still so after a while: a program may be in the middle of writing the file |

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::manifests::Manifests;
use super::volume::Marker;
use crate::unsealer::ObjectKey;

/// How long a file must have been gone.
const SHORT_PATIENCE: Duration = Duration::from_millis(700);
/// How long a file must have been without the SealedSecret.
const PATIENCE: Duration = Duration::from_secs(3);

/// Remembers since when objects have been missing.
#[derive(Debug, Default)]
pub(super) struct Removal {
    missing: HashMap<ObjectKey, Instant>,
    /// Files that couldn't be read at the last look.
    problems: BTreeSet<PathBuf>,
    /// Files that became unreadable when an object went missing: it may have moved there.
    suspects: HashMap<ObjectKey, PathBuf>,
}

/// What becomes of Secrets without a SealedSecret.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// They go.
    pub(super) gone: Vec<ObjectKey>,
    /// They stay for now, as they are.
    pub(super) waiting: Vec<ObjectKey>,
    /// They stay, and their status says that this file can't be read.
    pub(super) kept: Vec<(ObjectKey, PathBuf)>,
}

impl Removal {
    /// Continues after an earlier run, which couldn't read `problems`.
    pub(super) fn after(problems: impl Iterator<Item = PathBuf>) -> Self {
        Self {
            problems: problems.collect(),
            ..Self::default()
        }
    }

    /// Sorts the Secrets in `volumes`; adds empty files to the problems of `manifests`.
    pub(super) fn sort(
        &mut self,
        folder: &Path,
        volumes: Vec<(ObjectKey, Marker)>,
        manifests: &mut Manifests,
        now: Instant,
    ) -> Sorted {
        let mut sorted = Sorted::default();
        let mut missing = HashMap::new();
        let mut suspects = HashMap::new();
        let fresh = manifests
            .problems
            .keys()
            .find(|file| !self.problems.contains(*file))
            .cloned();
        for (key, marker) in volumes {
            if manifests.objects.contains_key(&key) {
                continue;
            }
            let path = folder.join(&marker.file);
            if manifests.problem_of(&marker.file).is_none() && is_blank(&path) {
                let problem = "empty; delete the file to remove what came from it".to_owned();
                manifests.problems.insert(marker.file.clone(), problem);
            }
            let suspect = self.suspects.get(&key).or(fresh.as_ref()).cloned();
            let suspect = suspect.filter(|file| manifests.problems.contains_key(file));
            if manifests.problem_of(&marker.file).is_some() {
                sorted.kept.push((key, marker.file));
            } else if let Some(file) = suspect {
                suspects.insert(key.clone(), file.clone());
                sorted.kept.push((key, file));
            } else {
                let patience = if path.exists() {
                    PATIENCE
                } else {
                    SHORT_PATIENCE
                };
                let since = self.missing.get(&key).copied().unwrap_or(now);
                if now.duration_since(since) >= patience {
                    sorted.gone.push(key);
                } else {
                    missing.insert(key.clone(), since);
                    sorted.waiting.push(key);
                }
            }
        }
        self.missing = missing;
        self.suspects = suspects;
        self.problems = manifests.problems.keys().cloned().collect();
        sorted
    }
}

/// Whether a file is there and holds nothing, as while a shell redirects into it.
fn is_blank(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() < 4096)
        && fs::read(path).is_ok_and(|text| text.iter().all(u8::is_ascii_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standalone::manifests;

    fn sort(removal: &mut Removal, folder: &Path, now: Instant) -> Sorted {
        let key = ("default".to_owned(), "db".to_owned());
        let volumes = vec![(
            key,
            Marker {
                file: "db.yaml".into(),
                made_from: None,
            },
        )];
        let mut manifests = manifests::read(folder, "default").unwrap();
        removal.sort(folder, volumes, &mut manifests, now)
    }

    #[test]
    fn a_file_that_is_gone_takes_its_secret_and_an_empty_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut removal = Removal::default();
        let now = Instant::now();
        assert_eq!(sort(&mut removal, folder.path(), now).waiting.len(), 1);
        let next = now + SHORT_PATIENCE;
        assert_eq!(sort(&mut removal, folder.path(), next).gone.len(), 1);
        fs::write(folder.path().join("db.yaml"), "\n").unwrap();
        let later = Instant::now() + PATIENCE * 10;
        assert_eq!(sort(&mut removal, folder.path(), later).kept.len(), 1);
        fs::write(folder.path().join("db.yaml"), "kind: SealedSecret\nx: [\n").unwrap();
        assert_eq!(sort(&mut removal, folder.path(), later).kept.len(), 1);
    }

    #[test]
    fn a_file_that_is_renamed_and_broken_at_once_keeps_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let (mut removal, now) = (Removal::default(), Instant::now());
        fs::write(folder.path().join("new.yaml"), "kind: SealedSecret\nx: [\n").unwrap();
        for second in 0..10 {
            let sorted = sort(
                &mut removal,
                folder.path(),
                now + Duration::from_secs(second),
            );
            assert_eq!(sorted.kept.len(), 1, "{second}");
        }
        fs::remove_file(folder.path().join("new.yaml")).unwrap();
        let later = now + Duration::from_secs(10);
        assert_eq!(sort(&mut removal, folder.path(), later).waiting.len(), 1);
        let later = later + SHORT_PATIENCE;
        assert_eq!(sort(&mut removal, folder.path(), later).gone.len(), 1);
    }

    #[test]
    fn a_file_without_the_object_takes_its_secret_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("db.yaml"),
            "apiVersion: bitnami.com/v1alpha1\nkind: Seal",
        )
        .unwrap();
        let (mut removal, now) = (Removal::default(), Instant::now());
        assert_eq!(sort(&mut removal, folder.path(), now).waiting.len(), 1);
        assert_eq!(
            sort(&mut removal, folder.path(), now + PATIENCE / 2)
                .waiting
                .len(),
            1
        );
        assert_eq!(
            sort(&mut removal, folder.path(), now + PATIENCE).gone.len(),
            1
        );
    }
}
