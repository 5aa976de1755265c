//! Items that chance gave once, and that stay while the SealedSecret asks the same.

use std::fs;
use std::io;

use sealed_secrets_crds::desired::DesiredSecret;
use zeroize::Zeroizing;

use super::{DATA, Marker, Volume, VolumeError};

impl Volume {
    /// Takes over what templates of chance gave, if the directory was made from what `marker` says;
    /// an item that is missing stays anew.
    ///
    /// # Errors
    /// What is there can't be read now, as when no more files can be opened.
    pub(in crate::standalone) fn keep_by_chance(
        &self,
        desired: &mut DesiredSecret,
        marker: &Marker,
    ) -> Result<(), VolumeError> {
        let error = |source| VolumeError::Read {
            path: self.path.clone(),
            source,
        };
        let made_from = self.marker().map_err(error)?.and_then(|it| it.made_from);
        if made_from.is_none() || made_from != marker.made_from {
            return Ok(());
        }
        for item in &desired.by_chance {
            if let Some(kept) = self.item(item).map_err(error)? {
                desired.data.insert(item.clone(), kept);
            }
        }
        Ok(())
    }

    /// The content of an item; `None` when there is no such file.
    fn item(&self, item: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.path.join(DATA).join(item);
        let missing = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        };
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => fs::read(&path)
                .map(|value| Some(Zeroizing::new(value)))
                .or_else(missing),
            Ok(_) => Ok(None),
            Err(error) => missing(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standalone::volume::Items;
    use std::path::Path;

    fn desired(value: &str) -> DesiredSecret {
        let item = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        DesiredSecret {
            data: Items::from([
                ("pin".to_owned(), item(value)),
                ("user".to_owned(), item("ali")),
            ]),
            by_chance: ["pin".to_owned()].into(),
            ..DesiredSecret::default()
        }
    }

    fn marker(made_from: Option<&str>) -> Marker {
        Marker {
            file: "a.yaml".into(),
            made_from: made_from.map(str::to_owned),
        }
    }

    /// The item that a pass would write.
    fn pin(out: &Path, made_from: Option<&str>) -> Vec<u8> {
        let mut desired = desired("anew");
        let volume = Volume::new(out, "shop", "db");
        volume
            .keep_by_chance(&mut desired, &marker(made_from))
            .unwrap();
        assert_eq!(desired.data["user"].as_slice(), b"ali");
        desired.data["pin"].to_vec()
    }

    #[test]
    fn what_chance_gave_stays_while_the_manifest_asks_the_same() {
        let out = tempfile::tempdir().unwrap();
        let volume = Volume::new(out.path(), "shop", "db");
        assert_eq!(pin(out.path(), Some("1")), b"anew");
        let write = |made_from| volume.write(&desired("first").data, &marker(made_from));
        write(Some("1")).unwrap();
        // What others made of the other items is none of its business.
        fs::write(out.path().join("shop/db/user"), "edited").unwrap();
        assert_eq!(pin(out.path(), Some("1")), b"first");
        assert_eq!(pin(out.path(), Some("2")), b"anew");
        fs::remove_file(out.path().join("shop/db/..data/pin")).unwrap();
        assert_eq!(pin(out.path(), Some("1")), b"anew");
        // Made by a version that didn't say from what.
        write(None).unwrap();
        assert_eq!(pin(out.path(), None), b"anew");
    }
}
