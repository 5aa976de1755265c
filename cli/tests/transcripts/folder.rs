//! The folder that a transcript plays in.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use walkdir::WalkDir;

use crate::script::Entry;

/// Everything in a folder, by its path there.
pub(crate) type Content = BTreeMap<String, Entry>;

pub(crate) fn put(folder: &Path, name: &str, entry: &Entry) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match entry {
        Entry::Folder => fs::create_dir_all(path).unwrap(),
        Entry::Link(target) => symlink(target, path).unwrap(),
        Entry::File { mode, content } => {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
        }
    }
}

pub(crate) fn content(folder: &Path) -> Content {
    let mut content = Content::new();
    for found in WalkDir::new(folder).min_depth(1) {
        let found = found.unwrap();
        let (path, kind) = (found.path(), found.file_type());
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
        let entry = if kind.is_dir() {
            Entry::Folder
        } else if kind.is_symlink() {
            Entry::Link(fs::read_link(path).unwrap().to_str().unwrap().to_owned())
        } else {
            Entry::File {
                mode: found.metadata().unwrap().permissions().mode() & 0o7777,
                content: fs::read(path).unwrap(),
            }
        };
        content.insert(name.to_owned(), entry);
    }
    content
}

/// What is new or different in `after`; `None` for what is no longer there.
pub(crate) fn changes(before: &Content, after: &Content) -> BTreeMap<String, Option<Entry>> {
    let gone = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| (name.clone(), None));
    let changed = after
        .iter()
        .filter(|(name, entry)| before.get(*name) != Some(*entry))
        .map(|(name, entry)| (name.clone(), Some(entry.clone())));
    gone.chain(changed).collect()
}
