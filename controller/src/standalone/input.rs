//! Whether a SealedSecret asks what it asked before.

use std::path::Path;

use sealed_secrets_crds::SealedSecret;
use sha2::{Digest as _, Sha256};

/// All that has a part in what becomes of an object: itself, where it is, and the keys.
pub(super) fn input_digest(sealed: &SealedSecret, file: &Path, keyring_id: [u8; 32]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(keyring_id);
    digest.update(file.as_os_str().as_encoded_bytes());
    digest.update([0]);
    digest.update(json(sealed));
    digest.finalize().into()
}

/// What stands for the Secret that an object asks for, in hexadecimal: what a generation and a
/// label are in a cluster.
pub(super) fn made_from(sealed: &SealedSecret) -> String {
    let mut digest = Sha256::new();
    let label = sealed.label();
    digest.update((label.as_bytes().len() as u64).to_be_bytes());
    digest.update(label.as_bytes());
    digest.update(json(&sealed.spec));
    hex::encode(digest.finalize())
}

/// A SealedSecret is maps of strings and JSON values, which always have a JSON form.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealed_secrets_crds::SealedSecretSpec;

    #[test]
    fn labels_and_places_are_no_change_of_what_is_asked() {
        let mut sealed = SealedSecret::new("db", SealedSecretSpec::default());
        let before = made_from(&sealed);
        assert_eq!(before.len(), 64);
        sealed.metadata.labels = Some([("app".to_owned(), "web".to_owned())].into());
        assert_eq!(made_from(&sealed), before);
        let mut other = sealed.clone();
        other.metadata.namespace = Some("shop".to_owned());
        assert_ne!(made_from(&other), before);
        let item = ("a".to_owned(), "AgA=".into());
        sealed.spec.encrypted_data.extend([item]);
        assert_ne!(made_from(&sealed), before);
    }
}
