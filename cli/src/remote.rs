//! What the controller does for us: look whether it can unseal, and seal again.

use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::annotations::KEY_FINGERPRINT;
use sealed_secrets_crds::manifest::{Change, Edit, EditError, Object, Step};

use crate::controller_client::{Controller, ControllerError};
use crate::error::Explain;
use crate::sealed_input::title;
use crate::target::ITEMS;

/// Why the answer is no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The controller can't be asked.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// It can't unseal some of them.
    #[error("unable to decrypt sealed secret: {}", .0.join(", "))]
    CannotUnseal(Vec<String>),
    /// It gave back something other than it was given.
    #[error("the controller gave back another SealedSecret for {0}: nothing was changed")]
    Changed(String),
    /// The file's text can't be changed.
    #[error("cannot change the file")]
    Edit(#[from] EditError),
}

/// Asks the controller whether it can unseal every one of them.
///
/// # Errors
/// All that it can't, or why it can't be asked.
pub fn validate(controller: &Controller, sealed: &[SealedSecret]) -> Result<(), RemoteError> {
    let mut failed = Vec::new();
    for sealed in sealed {
        if !controller.can_unseal(sealed)? {
            failed.push(title(sealed));
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(RemoteError::CannotUnseal(failed))
    }
}

/// Has the controller seal every one of them again, with its newest key.
///
/// # Errors
/// The first one that it can't, or that came back as something else.
pub fn re_encrypt(
    controller: &Controller,
    sealed: &[SealedSecret],
) -> Result<Vec<SealedSecret>, RemoteError> {
    sealed
        .iter()
        .map(|old| {
            let Some(mut new) = controller.re_encrypt(old)? else {
                return Err(RemoteError::CannotUnseal(vec![title(old)]));
            };
            // The old file may be the only copy, so what replaces it has to be the same thing.
            let items = |sealed: &SealedSecret| -> Vec<String> {
                sealed.spec.encrypted_data.keys().cloned().collect()
            };
            if new.label() != old.label() || new.scope() != old.scope() || items(&new) != items(old)
            {
                return Err(RemoteError::Changed(title(old)));
            }
            new.metadata.creation_timestamp = None;
            new.metadata.deletion_timestamp = None;
            new.metadata.generation = None;
            Ok(new)
        })
        .collect()
}

/// The edits that bring the texts of `objects`, which are the `old` SealedSecrets, to the `new`
/// ones: ciphertexts, the mark of the key, and nothing else.
pub fn changes(objects: &[Object<'_>], old: &[SealedSecret], new: &[SealedSecret]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for ((object, old), new) in objects.iter().zip(old).zip(new) {
        let mut change = |path: &[&str], text: &str| {
            let keys = path.iter().map(|key| Step::Field((*key).to_owned()));
            edits.push(Edit {
                document: object.document,
                path: object.path.iter().cloned().chain(keys).collect(),
                change: Change::Set(text.to_owned()),
            });
        };
        for (item, value) in &new.spec.encrypted_data {
            if let Some(text) = value.as_str()
                && old.spec.encrypted_data.get(item) != Some(value)
            {
                change(&[&ITEMS[..], &[item]].concat(), text);
            }
        }
        let mark = |sealed: &SealedSecret| {
            let annotations = sealed.metadata.annotations.as_ref();
            annotations.and_then(|map| map.get(KEY_FINGERPRINT).cloned())
        };
        if let Some(text) = mark(new)
            && mark(old) != mark(new)
        {
            change(&["metadata", "annotations", KEY_FINGERPRINT], &text);
        }
    }
    edits
}

impl Explain for RemoteError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Controller(error) => error.hint(),
            Self::CannotUnseal(_) => Some(
                "it was sealed for another cluster, or its name, namespace, scope annotations or items were \
                 changed since"
                    .to_owned(),
            ),
            Self::Changed(_) | Self::Edit(_) => None,
        }
    }
}
