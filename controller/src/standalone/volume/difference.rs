//! What differs between a directory and what it should hold, by name and never by content.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use super::{DATA, Items, Volume};

impl Volume {
    /// The items that aren't as they should be; `layout` where it isn't the items.
    pub(in crate::standalone) fn differences(&self, items: &Items) -> Vec<String> {
        let there = names(&self.path)
            .union(&names(&self.path.join(DATA)))
            .cloned()
            .collect();
        let wanted: BTreeSet<String> = items.keys().cloned().collect();
        let differs = |item: &&String| match items.get(*item) {
            Some(value) => {
                let found = fs::read(self.path.join(item)).map(Zeroizing::new);
                !found.is_ok_and(|found| found == *value)
            }
            None => true,
        };
        let mut names: Vec<String> = wanted
            .union(&there)
            .filter(differs)
            .map(|item| format!("item {item}"))
            .collect();
        if names.is_empty() {
            names.push("layout".to_owned());
        }
        names
    }
}

/// What is visible in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with(".."))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standalone::volume::Marker;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_edited_is_named() {
        let out = tempfile::tempdir().unwrap();
        let volume = Volume::new(out.path(), "shop", "db");
        let item = |value: &str| Zeroizing::new(value.as_bytes().to_vec());
        let items = Items::from([
            ("a".to_owned(), item("1")),
            ("b".to_owned(), item("2")),
            ("c".to_owned(), item("3")),
        ]);
        let file = "a.yaml".into();
        volume
            .write(
                &items,
                &Marker {
                    file,
                    made_from: None,
                },
            )
            .unwrap();
        let path = out.path().join("shop/db");
        fs::set_permissions(path.join("..data/a"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(volume.differences(&items), ["layout"]);
        fs::write(path.join("a"), "edited").unwrap();
        fs::remove_file(path.join("b")).unwrap();
        fs::write(path.join("extra"), "x").unwrap();
        assert_eq!(
            volume.differences(&items),
            ["item a", "item b", "item extra"]
        );
    }
}
